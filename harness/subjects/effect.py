"""Whether an adapter does anything: how far it moves what its base would say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.subjects.base import Fault

if TYPE_CHECKING:
    from harness.engines.base import WhiteBox


STRONG = 3.0  # nats per token; more is no fine-tuning
FLOORS = 10  # times what the base differs from itself, or the effect is none that can be told
PROBE_TOKENS = 32  # the last positions of a probe prompt at which base and adapter are compared


def effect(engine: WhiteBox, adapter: Path, probe: Sequence[list[int]]) -> float:
    """KL(base || base+adapter) in nats, averaged over the last tokens of the probe prompts; NaN if
    either arm has one."""
    import mlx.core as mx

    engine.mount(None)
    bare = engine.log_probabilities(probe, PROBE_TOKENS)
    engine.mount(adapter)
    adapted = engine.log_probabilities(probe, PROBE_TOKENS)
    per_token = [(mx.exp(p) * (p - q)).sum(axis=-1) for p, q in zip(bare, adapted, strict=True)]
    mean = float(mx.concatenate(per_token).mean())
    return mean if math.isnan(mean) else max(0.0, mean)


def rounding(engine: WhiteBox, probe: Sequence[list[int]]) -> float:
    """What the base differs from itself, in the unit of :func:`effect`: the same positions computed
    once more with one token behind them, which they cannot see."""
    import mlx.core as mx

    engine.mount(None)
    once = engine.log_probabilities(probe, PROBE_TOKENS)
    longer = [[*ids, ids[-1]] for ids in probe]
    again = engine.log_probabilities(longer, PROBE_TOKENS + 1)
    rows = []
    for p, q in zip(once, again, strict=True):
        rows.append((mx.exp(p) * (p - q[-len(p) - 1 : -1])).sum(axis=-1))
    return abs(float(mx.concatenate(rows).mean()))


def probe(
    engine: WhiteBox, adapter: Path, probe: Sequence[list[int]], min_effect: float
) -> tuple[float | None, list[Fault]]:
    found = effect(engine, adapter, probe)
    if math.isnan(found):
        return None, [
            Fault("not-finite-output", "the base or the adapter answers the probe prompts with NaN")
        ]
    if found < min_effect:
        text = (
            f"KL(base || adapter) is {found:.2g} nats per token over {len(probe)} prompts, under"
            f" {min_effect:.2g}"
        )
        return found, [Fault("no-effect", f"the adapter changes nothing: {text}")]
    floor = rounding(engine, probe)
    told = f"KL(base || adapter) is {found:.2g} nats per token"
    if found < FLOORS * floor:
        text = f"{told}; the base differs from itself by {floor:.2g}, which is rounding alone"
        return found, [Fault("effect-in-rounding", f"{text}; is its scale right?", "warn")]
    if found > STRONG:
        text = f"{told}, more than training leaves: is alpha taken for the scale, alpha / rank?"
        return found, [Fault("effect-strong", text, "warn")]
    return found, []
