"""What every kind of subject has in common: faults, and what its preflight measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Fault:
    """One finding against the subject: a short code, a sentence, and what follows from it.

    ``void``: scoring it would say nothing. ``block``: it may not ship (NO-SHIP). ``warn``: shown on
    the scorecard.
    """

    code: str
    text: str
    severity: Literal["void", "block", "warn"] = "void"


@dataclass
class Preflight:
    """What the preflight measured; ``faults`` is empty for a subject that may be scored,
    ``notices`` only warn.

    ``effect`` is KL(base || base+adapter) in nats per token over the probe prompts, ``update`` the
    largest update as a share of the weight that it changes; ``None`` where it was not measured.
    ``left_out`` are the cases, by suite, that the training data shows; ``training`` is what
    :mod:`harness.subjects.training` found, as plain data.
    """

    base_digest: str
    adapter_digest: str
    trained_on_base: str | None
    tokenizer_digest: str | None = None
    template_digest: str | None = None
    faults: list[Fault] = field(default_factory=list)
    notices: list[Fault] = field(default_factory=list)
    tensors: int | None = None
    tensors_expected: int | None = None
    update: float | None = None
    effect: float | None = None
    left_out: dict[str, list[str]] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)

    def add(self, found: Iterator[Fault] | list[Fault]) -> None:
        """File each finding under ``faults`` or ``notices``."""
        for fault in found:
            (self.notices if fault.severity == "warn" else self.faults).append(fault)
