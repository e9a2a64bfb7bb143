"""Who is asked what, in which order: one block of requests is one case of what is measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from random import Random

from harness.subjects.kinds.served.spec import BASE, Spec

BLOCK = 50  # requests
#: what is asked in runs of one, one request at a time and several at once, and what mixes
#: adapters, each with its share of those requests
RUNS = {"serial": 0.2, "alone": 0.8}
MIXED = {"interleaved": 0.2, "concurrent": 0.4, "prefix": 0.2, "base": 0.2}
BEYOND = "beyond"  # one after the other, more of them than are resident
TOGETHER = ("alone", "concurrent", "base")
TRUTH, SOLO, UNKNOWN, RELOAD, UNLOAD, RESTART = (
    "truth", "solo", "unknown", "reload", "unload", "restart",
)  # fmt: skip
Markers = Mapping[str, Sequence[int]]  #: by who is asked, the probes that nobody else answers so


def shares(own: Spec) -> dict[str, int]:
    """By schedule how many blocks are asked."""
    many = {name: own.requests * (1 - own.mixed) * share for name, share in RUNS.items()}
    many |= {name: own.requests * own.mixed * share for name, share in MIXED.items()}
    if own.resident is not None and own.resident < len(own.adapters):
        many[BEYOND] = many["interleaved"]
    return {name: max(1, math.ceil(n / BLOCK - 1e-9)) for name, n in many.items()}


def owed(own: Spec) -> list[str]:
    """Every case, in the order in which they are asked."""
    blocks = [f"{name} {at + 1}" for name, many in shares(own).items() for at in range(many)]
    named = {RELOAD: own.reload, UNLOAD: own.unload, RESTART: own.start}
    return [SOLO, *blocks, UNKNOWN, *(case for case, said in named.items() if said)]


def unasked(own: Spec) -> list[str]:
    """What the entry does not say how to do, so that nothing is known of it."""
    lacking = {
        "adapters beyond those resident (`resident`)": BEYOND in shares(own),
        "weights loaded under the same name (`reload`)": own.reload,
        "an adapter unloaded in flight (`unload`)": own.unload,
        "a crash (`start`)": own.start,
        "what the server itself says that it answers with (`header`)": own.header,
    }
    return [what for what, said in lacking.items() if not said]


def requests(own: Spec, case: str, markers: Markers) -> list[tuple[str, int]]:
    """Who is asked which probe in one block, the same every time."""
    name, _, number = case.partition(" ")
    at, rng, names = int(number) - 1, Random(case), [*own.adapters]
    whos = [BASE, *names]

    def drawn(asked: Sequence[str]) -> list[tuple[str, int]]:
        return [(who, rng.choice(markers[who])) for who in asked]

    if name in RUNS:
        return drawn([whos[at % len(whos)]] * BLOCK)
    if name == "interleaved":
        return drawn([whos[n % len(whos)] for n in range(BLOCK)])
    if name == BEYOND:
        return drawn([names[n % len(names)] for n in range(BLOCK)])
    if name == "base":  # while one adapter is asked
        return drawn([BASE, names[at % len(names)]] * (BLOCK // 2))
    if name == "concurrent":  # among all, among half of them, ...
        among = rng.sample(whos, max(2, len(whos) >> at % 3))
        return drawn([*among, *rng.choices(among, k=BLOCK - len(among))][:BLOCK])
    pairs = [rng.sample(whos, 2) for _ in range(BLOCK)]  # the same prompt, to one after the other
    asked = [(pair, rng.choice(markers[pair[1]])) for pair in pairs]
    return [(who, probe) for pair, probe in asked for who in pair]
