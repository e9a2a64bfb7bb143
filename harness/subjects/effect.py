"""Whether an adapter does anything: how far it moves what its base would say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.subjects.base import Fault

if TYPE_CHECKING:
    from harness.engines.base import WhiteBox

STRONG = 3.0  # nats per token; more is no fine-tuning
FLOORS = 4  # times what rounding moves; less is warned of
SMALL = 1e-4  # nats per token; less, where no token is another one, is warned of
PROBE_TOKENS = 32  # the last positions of a probe prompt at which base and adapter are compared


@dataclass(frozen=True)
class Moved:
    """How far two models are apart: ``nats`` per token, KL(first || second), and at how many of
    the ``tokens`` the most likely next token is another one. ``nats`` is NaN if either has one."""

    nats: float
    changed: int
    tokens: int

    def __str__(self) -> str:
        return f"{self.nats:.2g} nats per token, and {self.changed} of {self.tokens} likely tokens"


def moved(first: Sequence[Any], second: Sequence[Any]) -> Moved:
    """Of log-probabilities, an array (tokens, vocabulary) for each prompt."""
    import mlx.core as mx

    p, q = mx.concatenate(list(first)), mx.concatenate(list(second))
    d = q - p
    # both of sum p = sum q = 1: near 0 the plain sum of p (p - q) is the rounding of its terms
    near, far = mx.exp(p) * (mx.expm1(d) - d), mx.exp(q) - mx.exp(p) - mx.exp(p) * d
    nats = float(mx.where(mx.abs(d) < 1, near, far).sum(axis=-1).mean())
    changed = int((p.argmax(axis=-1) != q.argmax(axis=-1)).sum())
    return Moved(nats if math.isnan(nats) else max(0.0, nats), changed, p.shape[0])


def probe(
    engine: WhiteBox, adapter: Path, probe: Sequence[list[int]], min_effect: float
) -> tuple[float | None, list[Fault]]:
    """What the adapter moves, in nats per token over the last tokens of the probe prompts, and what
    is odd about it, held against what the rounding of this base's numbers moves."""
    engine.mount(None)
    bare = engine.log_probabilities(probe, PROBE_TOKENS)
    engine.shake()
    rounding = moved(bare, engine.log_probabilities(probe, PROBE_TOKENS))
    engine.mount(adapter)
    found = moved(bare, engine.log_probabilities(probe, PROBE_TOKENS))
    if math.isnan(found.nats):
        text = "the base or the adapter answers the probe prompts with NaN"
        return None, [Fault("not-finite-output", text)]
    return found.nats, list(_judged(found, rounding, min_effect))


def _judged(found: Moved, rounding: Moved, min_effect: float) -> Iterator[Fault]:
    told = f"it moves the base by {found}"
    held = f"{told}; rounding alone moves {rounding}"
    if found.nats <= rounding.nats and found.changed <= rounding.changed:
        yield Fault("no-effect", f"the adapter changes nothing that can be told: {held}")
    elif found.nats < min_effect:
        yield Fault("no-effect", f"{told}, under gate.min_effect, {min_effect:.2g}")
    elif found.nats <= FLOORS * rounding.nats:
        yield Fault("effect-in-rounding", f"{held}; is its scale right?", "warn")
    elif found.nats < SMALL and not found.changed:
        yield Fault("effect-small", f"{told}: greedy answers will be those of the base", "warn")
    elif found.nats > STRONG:
        text = f"{told}, more than training leaves: is alpha taken for the scale, alpha / rank?"
        yield Fault("effect-strong", text, "warn")
