"""Whether an adapter does anything: how far it moves what its base would say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.subjects.base import Fault

if TYPE_CHECKING:
    from harness.engines.base import WhiteBox


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
    return found, []
