"""What every kind of subject has in common: its arms, the questions about them, its faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.content import strict
from harness.content.library import Entry
from harness.content.suite import Suite

if TYPE_CHECKING:
    from harness.engines.base import WhiteBox

Role = Literal["guard", "primary", "secondary"]  #: what a suite is of a subject
Numbers = dict[str, Any]  #: plain data: numbers, texts, lists and objects of them


class Arm(strict.Model):
    """One thing that answers every prompt.

    ``weights`` and ``mount`` are digests: of a base, and of the adapter mounted on it. ``system``
    is put after the suite's own system prompt. ``order`` is that of asking: as the suite is,
    backwards, or as registered. Answers of a ``fresh`` arm are never those kept of another arm. By
    case ``routed`` mounts something else than ``mount``, ``None`` being the bare base."""

    id: str
    weights: str
    mount: str | None = None
    system: str | None = None
    order: Literal["suite", "backwards", "registered"] = "suite"
    fresh: bool = False
    routed: dict[str, str | None] = {}

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
    that of the last release, where there is one, and ``parts`` are those of the folders that its
    kind names beside, by their role."""

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
    parts: dict[str, str] = field(default_factory=dict)

    @property
    def digests(self) -> dict[str, str]:
        """Of everything that answers or is measured, by its role: ``base``, ``adapter`` (what is
        judged), ``previous`` where there is one, and the parts of its kind."""
        last = {"previous": self.previous_digest} if self.previous_digest else {}
        return {"base": self.base_digest, "adapter": self.adapter_digest, **last, **self.parts}

    def add(self, found: Iterator[Fault] | list[Fault]) -> None:
        """File each finding under ``faults`` or ``notices``."""
        for fault in found:
            (self.notices if fault.severity == "warn" else self.faults).append(fault)


@dataclass(frozen=True)
class Owed:
    """What one suite is about to ask of a subject on its ``bench``.

    ``canon`` is the facet's own prompt, ``again`` whether base is asked twice; ``margin`` may be
    lost, and more than ``min_gain`` is to be gained."""

    suite: str
    role: Role
    bench: Bench
    canon: str | None = None
    again: bool = False
    margin: float = 0.0
    min_gain: float = 0.0

    @property
    def digests(self) -> Mapping[str, str]:
        """Of everything that may answer, by its role."""
        return self.bench.digests


@dataclass(frozen=True)
class Bench:
    """What a kind looks at and measures with: ``folders`` are those that are read, and ``digests``
    theirs, both by role; ``load`` gives an engine whose weights can be seen."""

    entry: Entry
    suites: Mapping[str, Suite]
    folders: Mapping[str, Path]
    digests: Mapping[str, str]
    load: Callable[[], WhiteBox]

    @property
    def own(self) -> Any:
        """What the entry says by the key of its kind."""
        return self.entry.adapter.own

    def engine(self, role: str = "base") -> WhiteBox:
        """The engine with the model of that role in memory, and no other; nothing is mounted."""
        engine = self.load()
        engine.stand(self.folders[role])
        engine.mount(None)
        return engine

    def folder(self, digest: str | None) -> Path | None:
        """The folder of these bytes."""
        at = {self.digests[role]: folder for role, folder in reversed(list(self.folders.items()))}
        return None if digest is None else at[digest]


@dataclass(frozen=True)
class Evidence:
    """All that the documents of a run hold for a kind to decide on, as plain data.

    ``own`` is what the entry said by the key of its kind, ``measured`` are the numbers by what was
    measured and case. ``suites`` are those of ``scorecard.json`` (rates by arm, results by
    contrast) by id, ``outcomes`` those of every answer by suite, arm and case, and ``tokens`` those
    of its first; by suite ``groups`` has the group of each case that shares one, which together are
    one unit."""

    own: Any
    digests: Mapping[str, str]
    measured: Mapping[str, Mapping[str, Numbers]]
    suites: Mapping[str, dict[str, Any]]
    outcomes: Mapping[str, Mapping[str, Mapping[str, list[str]]]]
    tokens: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    alpha: float = 0.05
