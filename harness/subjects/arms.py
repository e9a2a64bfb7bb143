"""What is asked about one adapter: the arms that answer a suite, and the questions about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.subjects.base import Arm, Contrast, Role

# ids of its arms
BASE, ADAPTER, CANON, AGAIN, PREVIOUS = "base", "adapter", "canon", "again", "previous"


def arms(
    base: str,
    adapter: str,
    canon: str | None = None,
    *,
    guard: bool = False,
    again: bool = False,
    previous: str | None = None,
) -> list[Arm]:
    """What answers a suite about an adapter: its base, itself, base with the facet's canon as a
    prompt, base once more, backwards, and the last release. ``base``, ``adapter`` and ``previous``
    are digests.

    The adapter is asked in the registered order, which is drawn for a guard, so that a stop on the
    way is a stop on a sample."""
    found = [
        Arm(id=BASE, weights=base),
        Arm(id=ADAPTER, weights=base, mount=adapter, order="registered"),
    ]
    if canon:
        found.append(Arm(id=CANON, weights=base, system=canon))
    if guard and again:
        found.append(Arm(id=AGAIN, weights=base, order="backwards", fresh=True))
    if previous:
        found.append(Arm(id=PREVIOUS, weights=base, mount=previous, order="registered"))
    return found


def contrasts(
    asked: Sequence[Arm], kind: Role, margin: float, min_gain: float = 0.0
) -> list[Contrast]:
    """What is asked of these arms, the headline first.

    Nothing may lose more than ``margin``. A primary facet is beside that to gain more than
    ``min_gain`` over base, and anything over its canon as a prompt, over which it may not lose
    either. What is lost against the last release is told."""
    ids = {arm.id for arm in asked}

    def held(id: str, second: str = BASE, **more: Any) -> Contrast:
        asked: dict[str, Any] = {"first": ADAPTER, "question": "not-worse", "margin": margin}
        return Contrast(id=id, second=second, **asked, **more)

    told = [held(PREVIOUS, PREVIOUS, needs="told")] if PREVIOUS in ids else []
    if kind == "guard":
        again = Contrast(
            id=AGAIN, first=AGAIN, second=BASE, question="same", margin=margin, needs="sound"
        )
        return [held("guard"), *([again] if AGAIN in ids else []), *told]
    if kind == "secondary":
        return [held("secondary"), *told]
    better: dict[str, Any] = {"first": ADAPTER, "question": "better", "family": "gains"}
    gain = Contrast(id="gain", second=BASE, margin=min_gain, **better)
    if CANON not in ids:
        return [gain, held("held"), *told]
    over = Contrast(id="gain-over-canon", second=CANON, margin=0.0, **better)
    return [gain, over, held("held"), held("held-over-canon", CANON), *told]
