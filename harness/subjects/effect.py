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
FLOORS = 30  # times; layers add theirs: a tiny base in bfloat16 moves by 13 to 22 times as much
_EPSILON = {"bfloat16": 2.0**-8, "float16": 2.0**-11, "float32": 2.0**-24}  # of a number
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
    """What the rounding of the last layer alone may move, in the unit of :func:`effect`: half the
    variance of log-probabilities that are off by up to half a unit in the last place of the base's
    numbers (the second order of the divergence)."""
    import mlx.core as mx

    engine.mount(None)
    coarse = max(
        _EPSILON.get(str(name), 0.0) for name in engine.identity.get("dtypes", ["float32"])
    )
    rows = []
    for p in engine.log_probabilities(probe, PROBE_TOKENS):
        off = p * coarse * math.sqrt(1 / 12)
        rows.append((mx.exp(p) * off * off).sum(axis=-1) / 2)
    return float(mx.concatenate(rows).mean())


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
        text = f"{told}; the rounding of the base's numbers alone moves {floor:.2g}"
        return found, [Fault("effect-in-rounding", f"{text}; is its scale right?", "warn")]
    if found > STRONG:
        text = f"{told}, more than training leaves: is alpha taken for the scale, alpha / rank?"
        return found, [Fault("effect-strong", text, "warn")]
    return found, []
