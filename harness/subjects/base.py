"""What every kind of subject has in common: its arms, the questions about them, its faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.content import strict


class Arm(strict.Model):
    """One thing that answers every prompt.

    ``weights`` and ``mount`` are digests: of a base, and of the adapter mounted on it. ``system``
    is put after the suite's own system prompt. ``order`` is that of asking: as the suite is,
    backwards, or as registered. Answers of a ``fresh`` arm are never those kept of another arm."""

    id: str
    weights: str
    mount: str | None = None
    system: str | None = None
    order: Literal["suite", "backwards", "registered"] = "suite"
    fresh: bool = False

    @property
    def subject(self) -> str:
        """The digest that its receipts carry: of the adapter, or of the bare base."""
        return self.mount or self.weights


class Contrast(strict.Model):
    """One question about two arms on the same prompts.

    ``margin`` is the loss that ``not-worse`` and ``same`` allow and the gain that ``better`` asks
    for. ``needs`` says what an answer is for: ``shown`` must be shown before anything ships,
    without ``sound`` nothing was measured, and ``told`` may not be lost, while the policy says
    whether it must be shown. The claims of a ``family`` are tested together; the
    policy says whether one of them is to be shown or every one."""

    id: str
    first: str
    second: str
    question: Literal["not-worse", "better", "same"]
    margin: float
    needs: Literal["shown", "sound", "told"] = "shown"
    family: str = ""


@dataclass(frozen=True)
class Fault:
    """One finding against the subject: a short code, a sentence, and what follows from it.

    ``void``: scoring it would say nothing. ``block``: it may not ship (NO-SHIP). ``warn``: shown on
    the scorecard."""

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
    :mod:`harness.subjects.training` found, as plain data. ``prompts`` are the first prompts as they
    are sent, by suite and arm; ``control_tokens`` may stand in no answer. ``previous_digest`` is
    that of the last release, where there is one."""

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
    prompts: dict[str, str] = field(default_factory=dict)
    control_tokens: list[str] = field(default_factory=list)
    previous_digest: str | None = None

    def add(self, found: Iterator[Fault] | list[Fault]) -> None:
        """File each finding under ``faults`` or ``notices``."""
        for fault in found:
            (self.notices if fault.severity == "warn" else self.faults).append(fault)
