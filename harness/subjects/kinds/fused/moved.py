"""How far what a fused model says is from what the mounted adapter says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from harness.subjects.base import Bench, Numbers
from harness.subjects.effect import Moved, moved


def measure(bench: Bench, cases: Sequence[str], last: int) -> Iterator[tuple[str, Numbers]]:
    """By prompt (``suite case``) KL(base || mounted) and KL(mounted || fused) in nats per token
    over its ``last`` tokens, and at how many of them the likely token is the same."""
    asked = {
        f"{id} {case.id}": (each.form.text(case.prompt), each.form.mode, each.spec.system)
        for id, each in bench.suites.items()
        for case in each.cases
    }
    engine = bench.engine()
    rows = [engine.encode(*asked[case]) for case in cases]
    base = engine.log_probabilities(rows, last)
    engine.mount(bench.folders["soul"])
    mounted = engine.log_probabilities(rows, last)
    fused = bench.engine("adapter").log_probabilities(rows, last)
    for case, *said in zip(cases, base, mounted, fused, strict=True):
        with_it, without = moved(said[:1], said[1:2]), moved(said[1:2], said[2:])
        yield (
            case,
            {"mounted": _nats(with_it), "fused": _nats(without)}
            | {"alike": without.tokens - without.changed, "tokens": without.tokens},
        )


def _nats(found: Moved) -> float | None:
    return None if math.isnan(found.nats) else found.nats
