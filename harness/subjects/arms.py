"""What is asked about one adapter: the arms that answer a suite, and the questions about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.subjects.base import Arm, Contrast

BASE, ADAPTER, CANON, AGAIN = "base", "adapter", "canon", "again"  # ids of its arms


def arms(
    base: str, adapter: str, canon: str | None = None, *, guard: bool = False, again: bool = False
) -> list[Arm]:
    """What answers a suite about an adapter: its base, itself, base with the facet's canon as a
    prompt, and base once more, backwards. ``base`` and ``adapter`` are digests.

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
    return found


def contrasts(
    asked: Sequence[Arm], margin: float | None, min_gain: float, secondary: float | None
) -> list[Contrast]:
    """What is asked of these arms, the headline first.

    A guard has a ``margin``; a facet that is not primary has the ``secondary`` one; any other facet
    must gain more than ``min_gain`` over base, and anything over its canon as a prompt."""
    ids = {arm.id for arm in asked}
    pair: dict[str, Any] = {"first": ADAPTER, "second": BASE}
    if margin is not None:
        again = Contrast(
            id=AGAIN, first=AGAIN, second=BASE, question="same", margin=margin, needs="sound"
        )
        guard = Contrast(id="guard", question="not-worse", margin=margin, **pair)
        return [guard, *([again] if AGAIN in ids else [])]
    if secondary is not None:
        rule: dict[str, Any] = {"question": "not-worse", "needs": "not-refuted"}
        return [Contrast(id="secondary", margin=secondary, **rule, **pair)]
    better: dict[str, Any] = {"question": "better", "family": "gains"}
    gain = Contrast(id="gain", margin=min_gain, **better, **pair)
    over = Contrast(id="gain-over-canon", first=ADAPTER, second=CANON, margin=0.0, **better)
    return [gain, *([over] if CANON in ids else [])]
