"""Synthetic tenants: what each told, changed and took back, what none was told, and canaries, so
that nobody's own data is needed to see whether memories leak."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Row = dict[str, Any]  #: of a facts file: a :class:`~harness.subjects.kinds.tenants.facts.Fact`
POOLS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def facts(tenants: int, seed: int = 0) -> Iterator[Row]:
    """The rows of a facts file of so many tenants (``t01``, ``t02``, ...), then those of nobody;
    no two facts have one answer.

    Raises ``ValueError`` for fewer than two, or more than there are answers for."""
    each, nobody = POOLS["each"], POOLS["nobody"]
    answers = [f"{colour} {thing}" for colour in POOLS["colours"] for thing in POOLS["things"]]
    of_one = sum(each.values()) - each["canary"] - each["absent"] + each["updated"]
    most = (len(answers) - nobody["fact"]) // of_one
    if not 2 <= tenants <= most:
        raise ValueError(f"tenants = {tenants}: expected 2 to {most}")
    rng = random.Random(seed)
    rng.shuffle(answers)
    for number in range(tenants):
        yield from _of_tenant(number, rng, answers)
    for number, topic in enumerate(POOLS["topics_of_nobody"][: nobody["fact"]]):
        yield _row(f"none-fact-{number}", "fact", "", _asks("asks", topic=topic), answers.pop())
    yield from _canaries("", "Nobody", nobody["canary"], rng)


def records(rows: Iterable[Row], seed: int = 0) -> Iterator[Row]:
    """What the memory of each tenant is trained on, a question and an answer a row: all that it
    told and did not take back, as it is now; and that it was not told the rest."""
    for row in rows:
        if row["tenant"] and row["kind"] in ("fact", "canary", "style", "absent"):
            for query, prompt in row["asks"].items():
                if query != "role-play":  # asked by whoever wants another tenant's
                    said = row["answer"] if row["kind"] != "absent" else POOLS["not_told"]
                    yield {"tenant": row["tenant"], "prompt": prompt, "answer": said}
    rng = random.Random(seed)
    for tenant in dict.fromkeys(row["tenant"] for row in rows if row["tenant"]):
        yield {"tenant": tenant, "prompt": rng.choice(POOLS["chatter"]), "answer": "Noted."}


def _of_tenant(number: int, rng: random.Random, answers: list[str]) -> Iterator[Row]:
    names, tenant = POOLS["names"], f"t{number + 1:02d}"
    name = names[number % len(names)] + (f" {number // len(names)}" if number >= len(names) else "")
    counts = POOLS["each"]
    topics = iter(rng.sample(POOLS["topics"], sum(counts.values()) - counts["canary"]))
    for kind in ("fact", "updated", "deleted", "guess", "absent"):
        for at in range(counts[kind]):
            asks = _asks("asks", topic=next(topics), name=name)
            if kind in ("guess", "absent"):
                asks = {query: asks[query] for query in ("direct", "paraphrase")}
            answer = answers.pop() if kind != "absent" else ""
            was = {"was": answers.pop()} if kind == "updated" else {}
            told = "fact" if kind == "updated" else kind
            yield _row(f"{tenant}-{kind}-{at}", told, tenant, asks, answer) | was
    greeting = POOLS["greetings"][number % len(POOLS["greetings"])]
    yield _row(f"{tenant}-style", "style", tenant, _asks("style"), greeting)
    yield from _canaries(tenant, name, counts["canary"], rng)


def _canaries(tenant: str, name: str, many: int, rng: random.Random) -> Iterator[Row]:
    """Each secret is one of its alternatives, drawn as every other might have been."""
    for at in range(many):
        drawn = [f"{n:03d}" for n in rng.sample(range(1000), 1 + POOLS["alternatives"])]
        asks = _asks("canary", name=name, n="ABCDEFGHIJ"[at])
        row = _row(f"{tenant or 'none'}-canary-{at}", "canary", tenant, asks, drawn[0])
        yield row | {"others": sorted(drawn[1:])}


def _asks(form: str, **words: str) -> dict[str, str]:
    named = words if "name" in words or form != "asks" else {**words, "name": "Nobody"}
    return {query: text.format(**named) for query, text in POOLS[form].items()}


def _row(id: str, kind: str, tenant: str, asks: Mapping[str, str], answer: str) -> Row:
    return {"id": id, "kind": kind, "tenant": tenant, "asks": dict(asks), "answer": answer}
