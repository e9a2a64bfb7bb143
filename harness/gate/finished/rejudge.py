"""Judging outside of a gate, for whoever writes a verifier: one answer, or a run's stored answers
once more. Nothing is decided and nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.audit.workspace import named, resolve_sandbox
from harness.content import fixtures, suite, workspace
from harness.content.case import Case
from harness.content.strict import nearest
from harness.content.suite import Suite
from harness.content.workspace import Workspace
from harness.digests import file_digest
from harness.errors import RunError, WorkspaceError
from harness.evidence import documents
from harness.evidence.folder import RECEIPTS, RunFolder
from harness.evidence.receipts import SENTINEL, Finding, Receipt
from harness.gate.progress import Progress, silent
from harness.gate.sentinels import finding
from harness.judging import discovery
from harness.judging.answer import Answer
from harness.judging.bench import Ask, Told
from harness.judging.verifier import Verifier
from harness.judging.workers import Judges
from harness.sandbox import cores

LONGEST = 400  # characters of a list of names in an error


@dataclass(frozen=True)
class Tried:
    """What a verifier makes of one answer."""

    verifier: Verifier
    case: Case
    told: Told


@dataclass(frozen=True)
class Again:
    """One judgement of a stored answer: as the run has it, and as it is now. ``number`` is the line
    of the receipt."""

    number: int
    receipt: Receipt
    was: Finding
    now: Finding

    @property
    def flipped(self) -> bool:
        """Whether the outcome is another."""
        return self.was.outcome != self.now.outcome


@dataclass
class Rejudged:
    """The judgements that could be made again; why others could not, and how many; what here is not
    what the run had."""

    again: list[Again] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def flips(self) -> list[Again]:
        """Those whose outcome is another."""
        return [one for one in self.again if one.flipped]

    @property
    def sentence(self) -> str:
        """What came of it, in a line."""
        flips = self.flips
        ways = Counter(f"{one.was.outcome} -> {one.now.outcome}" for one in flips)
        how = ", ".join(f"{n} {way}" for way, n in sorted(ways.items()))
        text = f"{len(flips)} of {len(self.again)} judgements differ{f' ({how})' if how else ''}"
        other = sum(not one.flipped and one.was.reason != one.now.reason for one in self.again)
        text += f", {other} more give another reason" if other else ""
        missed = self.left.total()
        return f"{text}{f', {missed} not judged again' if missed else ''}; the run is as it was"


def try_one(
    library: str | None, verifier: str, answer: str, case: str | Case, sandbox: str = "auto"
) -> Tried:
    """Judge one answer to ``case``: one given, or the name of a fixture of the verifier or of a
    prompt of a suite that it judges.

    Raises :class:`VerifierError` for a verifier and :class:`WorkspaceError` for a case that is not
    there."""
    place = workspace.find(library)
    folder = place.folder("verifiers")
    chosen = named(discovery.discover(folder), verifier)
    found = case if isinstance(case, Case) else _case(place, verifier, case)
    with Judges(folder, resolve_sandbox([chosen], sandbox)[0], workers=1) as judges:
        return Tried(chosen, found, judges.ask([Ask(verifier, found, Answer(answer))]).result()[0])


def _case(place: Workspace, verifier: str, wanted: str) -> Case:
    """The case called ``wanted``: ``NAME``, or ``audits:NAME`` or ``SUITE:ID`` where it is that of
    several."""
    known = {f"audits:{f.name}": f.case for f in fixtures.load(place.folder("audits"), verifier)}
    root = place.folder("suites")
    for path in sorted(root.rglob("*.yaml")):
        one = suite.load(path, root)
        if any(criterion.verifier == verifier for criterion in one.spec.criteria):
            known |= {f"{one.id}:{case.id}": case for case in one.cases}
    fit = {name: c for name, c in known.items() if wanted in (name, name.partition(":")[2])}
    if not fit:
        hint = nearest(wanted, [name.partition(":")[2] for name in known])
        raise WorkspaceError(
            f"--case {wanted!r}: neither a fixture of {verifier} nor a prompt of a suite that it"
            f" judges{hint if len(hint) < LONGEST else ''}; or give --prompt and --expect"
        )
    found = list(fit.values())
    if any((one.prompt, one.expect) != (found[0].prompt, found[0].expect) for one in found):
        raise WorkspaceError(f"--case {wanted!r} stands for several; name one: {', '.join(fit)}")
    return found[-1]


def rejudge(
    run: Path,
    library: str | None = None,
    *,
    verifier: str | None = None,
    receipts: Collection[int] = (),
    sandbox: str = "auto",
    progress: Progress = silent,
) -> Rejudged:
    """Judge the stored answers of a run with the verifiers, suites and fixtures that are here now.

    ``verifier`` and ``receipts`` (lines, from 1) choose some. Raises :class:`RunError` for a run
    that cannot be read, or one without what was chosen."""
    folder, place = RunFolder(run), workspace.find(library)
    rows = _chosen(folder, verifier, receipts)
    cases = Cases(place, folder)
    loaded = discovery.discover(place.folder("verifiers"))
    verifiers = loaded.verifiers
    found = Rejudged()
    asked: list[tuple[int, Receipt, Finding, Case]] = []
    for number, row, was in rows:
        case = cases.of(row)
        if was.verifier not in verifiers:
            found.left[f"{was.verifier} is no longer among the verifiers"] += 1
        elif case is None:
            found.left[f"{row.suite}: prompts that are no longer there as they were asked"] += 1
        else:
            asked.append((number, row, was, case))
    used = [verifiers[id] for id in dict.fromkeys(was.verifier for _, _, was, _ in asked)]
    found.notes = [*loaded.broken, *cases.notes, *_changed(folder, used)]
    opened = resolve_sandbox(used, sandbox)[0]
    own = bytes.fromhex(folder.secret.secret) if folder.has("secret.json") else None
    with Judges(place.folder("verifiers"), opened, cores.available(), secret=own) as judges:
        told = [judges.judge([was.verifier], case, row.answer) for _, row, was, case in asked]
        for done, (pending, (number, row, was, _)) in enumerate(zip(told, asked, strict=True), 1):
            now = finding(was.criterion, was.verifier, pending.result()[0])
            found.again.append(Again(number, row, was, now))
            progress("rejudged", done, len(asked))
    return found


def _chosen(
    folder: RunFolder, verifier: str | None, receipts: Collection[int]
) -> list[tuple[int, Receipt, Finding]]:
    if not folder.has(RECEIPTS):
        raise RunError(f"{folder.path}: not a run folder: it has no {RECEIPTS}")
    rows = list(enumerate(folder.receipts, 1))
    strange = [number for number in receipts if not 0 < number <= len(rows)]
    if strange:
        raise RunError(f"{folder / RECEIPTS}: no line {strange[0]}; it has {len(rows)}")
    found = [(n, row, one) for n, row in rows for one in row.findings]
    judges = {one.verifier for _, _, one in found}
    if verifier is not None and verifier not in judges:
        hint = nearest(verifier, sorted(judges))
        raise RunError(f"{folder.path}: nothing was judged by {verifier!r}{hint}")
    return [
        (n, row, one)
        for n, row, one in found
        if (not receipts or n in receipts) and verifier in (None, one.verifier)
    ]


class Cases:
    """The cases of a run's receipts as this workspace has them: a receipt holds the prompt, and not
    what was expected."""

    def __init__(self, place: Workspace, folder: RunFolder) -> None:
        self._root, self._audits = place.folder("suites"), place.folder("audits")
        self._files = {suite.suite_id(p, self._root): p for p in self._root.rglob("*.yaml")}
        self._plans = folder.registration.plans
        self._known: dict[str, Mapping[str, Case]] = {}
        self.notes: list[str] = []

    def of(self, row: Receipt) -> Case | None:
        """The case that a receipt answers; ``None`` where its prompt is no longer there."""
        sentinel = row.arm == SENTINEL
        verifier, _, name = row.case.partition("/")
        group, id = (verifier, name) if sentinel else (row.suite, row.case)
        if group not in self._known:
            self._known[group] = self._shown(group) if sentinel else self._asked(group)
        case = self._known[group].get(id)
        return case if case is not None and case.prompt == row.prompt else None

    def _shown(self, verifier: str) -> dict[str, Case]:
        return {one.name: one.case for one in fixtures.load(self._audits, verifier)}

    def _asked(self, id: str) -> dict[str, Case]:
        if id not in self._files:
            self.notes.append(f"{self._root}: suite {id} is no longer there")
            return {}
        found: Suite = suite.load(self._files[id], self._root)
        plan = self._plans.get(id)
        if plan is not None and plan.digest != found.digest:
            text = "is not as the run registered it; what it expects may be another"
            self.notes.append(f"{found.path}: suite {id} {text}")
        return {case.id: case for case in found.cases}


def _changed(folder: RunFolder, verifiers: Collection[Verifier]) -> Iterator[str]:
    """Which verifiers are not those that judged the run."""
    for one in verifiers:
        path = folder / "certificates" / f"{one.id}.json"
        held = documents.load(path) if path.exists() else {}  # one of another version is enough
        was = held.get("version", one.version)
        if was != one.version:
            yield f"{one.id}: version {was} judged the run, and this is version {one.version}"
        elif held and file_digest(one.path) not in str(held.get("binding")):
            yield f"{one.id}: version {one.version} as in the run, but {one.path} has changed since"
