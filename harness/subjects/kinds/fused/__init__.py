"""An adapter fused into the weights of its base, and perhaps a thin one mounted on the result: what
rounding to the base's numbers took from the update, and whether it had better stay mounted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from harness.content import strict
from harness.content.library import Adapter, Base, Entry
from harness.subjects.arms import ADAPTER
from harness.subjects.base import Arm, Bench, Contrast, Evidence, Fault, Numbers, Owed, Preflight
from harness.subjects.kinds import Kind, Plant
from harness.subjects.kinds.fused import faults, reasons
from harness.verdict import Reason

if TYPE_CHECKING:
    from harness.subjects.kinds.fused.checkpoint import Checkpoint
    from harness.subjects.kinds.fused.kept import Update

KEPT, MOVED = "kept", "moved"  # of weights by matrix; of what is said by prompt
PROBED, LAST = 4, 32  # prompts of each suite, and positions of each, at which models are compared
SOUL, THIN, FUSED, MOUNTED, ALONE = "soul", "thin", "fused", "mounted", "thin-alone"


class Spec(strict.Model):
    """What was fused: the ``adapter`` (a name of the library or a folder), and the ``thin`` one
    that is mounted on the result, if any; and what must be left of it.

    Of every matrix at least ``least_layer`` of the update has to be there, of half of them
    ``least_median``; what the fused model says may differ from the mounted adapter by
    ``most_moved`` of what that moves its base, and it may lose ``gap`` of the answers. Under the
    thin adapter ``soul_kept`` of what the fused model could must be left, on the facets ``soul``
    (by default all)."""

    adapter: str
    thin: str | None = None
    soul: list[str] = []
    least_median: float = Field(default=0.9, gt=0, le=1)
    least_layer: float = Field(default=0.5, gt=0, le=1)
    most_moved: float = Field(default=0.1, gt=0)
    gap: float = Field(default=0.05, gt=0, lt=1)
    soul_kept: float = Field(default=0.95, gt=0, le=1)


class Fused(Kind):
    """``path`` is the fused model's folder, and ``base`` the one from before."""

    name, spec, mounts, still = "fused", Spec, False, (KEPT,)

    def parts(self, entry: Entry) -> dict[str, Path]:
        """The adapter that was fused, and the thin one, in the form of mlx-lm."""
        from harness.subjects.entering import peft

        own: Spec = entry.adapter.own
        return {
            role: peft.mountable(entry.folder(said), entry.base_path)
            for role, said in ((SOUL, own.adapter), (THIN, own.thin))
            if said is not None
        }

    def examine(self, bench: Bench, found: Preflight) -> Iterator[Fault]:
        """What is wrong with the folder; then each adapter on the model that it is mounted on."""
        wrong = list(faults.of_folder(*_read(bench), bench.entry.base_path))
        yield from wrong
        if any(fault.severity == "void" for fault in wrong):
            return
        for role, on in ((SOUL, "base"), (THIN, ADAPTER)):
            if role in bench.folders:
                seen = _preflight(bench, role, on)
                found.effect = seen.effect if role == SOUL else found.effect
                for fault in (*seen.faults, *seen.notices):
                    yield Fault(fault.code, f"{role}: {fault.text}", fault.severity)

    def arms(self, owed: Owed) -> list[Arm]:
        """Base, what is judged, the fused model without the thin adapter, the adapter mounted, and
        the thin one on the base that it was not trained on."""
        digests, (base, judged, *others) = owed.digests, super().arms(owed)
        fused, soul, thin = digests[ADAPTER], digests[SOUL], digests.get(THIN)

        def arm(id: str, weights: str, mount: str | None) -> Arm:
            return judged.model_copy(update={"id": id, "weights": weights, "mount": mount})

        found = [base, arm(ADAPTER, fused, thin), arm(MOUNTED, base.weights, soul)]
        if thin:
            beside = arm(FUSED, fused, None), arm(ALONE, base.weights, thin)
            found[2:] = [beside[0], found[2], beside[1]]
        return found + others

    def contrasts(self, owed: Owed, asked: Sequence[Arm]) -> list[Contrast]:
        """Those of an adapter, and the fused model beside the mounted adapter."""
        own: list[Contrast] = super().contrasts(owed, asked)
        first = FUSED if any(arm.id == FUSED for arm in asked) else ADAPTER
        told = {"id": "fuse", "first": first, "second": MOUNTED, "question": "not-worse"}
        return [*own, Contrast.model_validate({**told, "margin": owed.margin})]

    def owes(self, bench: Bench) -> dict[str, list[str]]:
        """Every matrix that the adapter changes, and the first prompts of every suite."""
        update = _read(bench)[2]
        asked = [(id, case.id) for id, each in bench.suites.items() for case in each.cases[:PROBED]]
        return {KEPT: update.modules(), MOVED: [f"{suite} {case}" for suite, case in asked]}

    def measure(
        self, bench: Bench, what: str, cases: Sequence[str]
    ) -> Iterator[tuple[str, Numbers]]:
        """The update that is left in each matrix, read one at a time; how far what the models say
        of each prompt is apart."""
        from harness.subjects.kinds.fused import kept, moved

        if what == KEPT:
            read = _read(bench)
            for module in cases:
                yield module, kept.kept(*read, module)
        elif cases:
            yield from moved.measure(bench, cases, LAST)

    def reasons(self, evidence: Evidence) -> tuple[Numbers, list[Reason]]:
        """Whether it is to be released fused, or the adapter to be kept mounted."""
        return reasons.decide(evidence)

    def plants(self) -> Sequence[Plant]:
        """F2.1 to F2.6."""
        from harness.subjects.kinds.fused.plants import PLANTS

        return PLANTS


def _read(bench: Bench) -> tuple[Checkpoint, Checkpoint, Update]:
    from harness.subjects.kinds.fused.checkpoint import Checkpoint
    from harness.subjects.kinds.fused.kept import Update

    base, fused = (Checkpoint(bench.folders[role]) for role in ("base", ADAPTER))
    return base, fused, Update(bench.folders[SOUL])


def _preflight(bench: Bench, role: str, on: str) -> Preflight:
    """An adapter on the model that it is mounted on, as if it were judged there itself."""
    from harness.subjects import prompts
    from harness.subjects.adapter import preflight

    entry, engine = bench.entry, bench.engine(on)
    said = bench.own.adapter if role == SOUL else bench.own.thin
    told = entry.listed.get(said)
    own = Adapter(
        path=said,
        base=entry.base_name,
        status="candidate",
        facets=[role],
        suites=[role],
        trained_on_base=told.trained_on_base if told else None,
    )
    name = entry.base_name if on == "base" else entry.name
    base = Base(path=str(bench.folders[on]))
    known = (name, base, bench.folders[on], entry.root)
    probe = prompts.encoded(bench.suites.values(), engine)[0]
    return preflight(Entry(said, own, bench.folders[role], *known), engine, probe, 0.0)
