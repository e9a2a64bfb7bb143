"""Audit the verifiers of a workspace, outside of any gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.audit import store
from harness.audit.certificate import Certificate, State
from harness.content import fixtures as known_answers
from harness.content import library as libraries
from harness.content import workspace
from harness.content.strict import nearest
from harness.errors import VerifierError, WorkspaceError
from harness.judging import discovery
from harness.judging.verifier import Verifier

if TYPE_CHECKING:
    from harness.audit.auditor import Progress
    from harness.audit.foreign.wrapping import Wrap

SHORTEST = 4  # words; a shorter answer stands anywhere
TEXT = {".json", ".jsonl", ".md", ".txt", ".yaml", ".yml", ".csv", ".py"}


@dataclass
class Audited:
    """What an audit of a workspace found: certificates, plug-ins that cannot be loaded, fixtures
    that were trained on; ``certification`` names the fixtures that a gate demands instead."""

    certificates: list[Certificate]
    broken: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    certification: str | None = None
    reports: Path = Path()
    audits: Path = Path()


def audit_workspace(
    library: str | None,
    names: list[str],
    sandbox: str = "auto",
    progress: Progress | None = None,
    *,
    fixtures: Path | None = None,
    check: bool = False,
    gold: Sequence[Path] = (),
    wrap: Wrap | None = None,
) -> Audited:
    """Certificates of the verifiers called ``names``, or of all.

    ``fixtures`` stand in for the workspace's ``audits/``; with ``check`` nothing is judged;
    ``gold`` is searched for the fixtures. ``wrap`` is a scorer to audit instead. Raises
    :class:`VerifierError` for a name that is not there or a scorer that cannot be asked,
    :class:`WorkspaceError` for faulty fixtures."""
    place = workspace.find(library)
    audits, listed = fixtures or place.folder("audits"), libraries.draft(place)
    proof = listed.gate.proof
    with _folder(place, wrap) as folder:
        seen = discovery.digest(folder)
        there = discovery.discover(folder)
        wanted = [wrap.id] if wrap else names
        chosen = [named(there, name) for name in wanted] or list(there.verifiers.values())
        if fixtures is not None and not wanted:
            chosen = [one for one in chosen if (fixtures / one.id).is_dir()]
            if not chosen:
                raise WorkspaceError(
                    f"{fixtures}: no folder is named like a verifier, for example"
                    f" {fixtures}/godot.parses"
                )
        last = store.last_sandbox(sandbox)  # to open one takes longer than all the rest of a look
        opened = last or resolve_sandbox(chosen, sandbox)[0]
        looked = {one.id: store.look(one, audits, opened, proof) for one in chosen}
        held = {id: kept for id, (kept, _) in looked.items() if kept}
        lacking = [one for one in chosen if one.id not in held]
        if check:
            held |= {one.id: _expired(one, audits, looked[one.id][1]) for one in lacking}
        elif lacking:
            from harness.audit.auditor import certify
            from harness.audit.witness import Witness

            if last and any(one.sandbox for one in lacking):
                opened = resolve_sandbox(chosen, sandbox)[0]
            witness = Witness(folder, seen, opened)
            if wrap:
                from harness.audit.foreign.wrapping import must_fit

                must_fit(wrap, known_answers.load(audits, wrap.id), witness)
            held = certify(chosen, audits, witness, opened, progress, proof)
        elif progress:
            progress("audit", len(held), len(held))
    trained = {
        path: _flat(path.read_text(encoding="utf-8", errors="replace"))
        for root in gold
        for path in _files(root)
    }
    leaks = [line for one in chosen for line in _leaks(one.id, audits, trained)] if trained else []
    hidden = None if fixtures else listed.certification
    lost = [] if wanted else there.broken
    found = [held[one.id] for one in chosen]
    return Audited(found, lost, leaks, hidden, place.folder("reports"), audits)


@contextmanager
def _folder(place: workspace.Workspace, wrap: Wrap | None) -> Iterator[Path]:
    """The folder of the verifiers, or one that holds the scorer to audit instead."""
    if wrap is None:
        yield place.folder("verifiers")
        return
    from harness.audit.foreign.wrapping import folder_of

    with folder_of(wrap) as folder:
        yield folder


def snapshot(library: str | None) -> str:
    """A digest of everything an author edits: verifiers and fixtures."""
    place = workspace.find(library)
    return "".join(discovery.digest(place.folder(name)) for name in ("verifiers", "audits"))


def resolve_sandbox(verifiers: list[Verifier], name: str) -> tuple[str | None, str]:
    """``(name, description)`` of the sandbox the judges shall open, probed here; ``(None, ...)``
    when none is needed.

    Raises :class:`harness.errors.SandboxError` when none works: code is never run unguarded."""
    if not any(verifier.sandbox for verifier in verifiers):
        return None, "none needed"
    from harness.sandbox import open_sandbox

    with open_sandbox(name) as opened:
        store.remember_sandbox(name, opened.name)
        return opened.name, opened.description


def named(found: discovery.Found, name: str) -> Verifier:
    """The verifier called ``name``; raises :class:`VerifierError` for none."""
    if name not in found.verifiers:
        broken = "".join(f"\n{line}" for line in found.broken)
        raise VerifierError(f"no verifier {name!r}{nearest(name, list(found.verifiers))}{broken}")
    return found.verifiers[name]


def _expired(verifier: Verifier, audits: Path, bound: dict[str, Any]) -> Certificate:
    """An expired certificate that says why none is held for exactly the present bytes."""
    known = known_answers.read(audits, verifier.id)
    goods = sum(f.good for f in known.fixtures)
    empty = Certificate(
        verifier.id, verifier.version, goods, len(known.fixtures) - goods, 0, [], [], bound
    )
    return replace(
        empty,
        created="1970-01-01",
        kind=verifier.kind.value,
        level=verifier.level,
        notes=[store.changed(verifier, bound)],
    )


def _leaks(verifier: str, audits: Path, trained: Mapping[Path, str]) -> Iterator[str]:
    """Fixtures whose answer stands word for word in training data: a model that learned them proves
    nothing with them."""
    for fixture in known_answers.load(audits, verifier):
        answer = _flat(fixture.answer)
        if len(answer.split()) >= SHORTEST:
            for path in (path for path, text in trained.items() if answer in text):
                yield (
                    f"{path}: holds the {fixture.label} fixture {fixture.name!r} of {verifier};"
                    " take one of the two out"
                )


def _files(root: Path) -> list[Path]:
    return (
        [root]
        if root.is_file()
        else sorted(p for p in root.rglob("*") if p.suffix in TEXT and p.is_file())
    )


def _flat(text: str) -> str:
    """Text without layout, and without the escapes of JSON."""
    for escaped, plain in (("\\n", " "), ("\\t", " "), ('\\"', '"'), ("\\\\", "\\")):
        text = text.replace(escaped, plain)
    return " ".join(text.split()).lower()


def exit_code(found: Audited) -> int:
    """The exit code of the worst: refused, broken or leaked, then expired, then provisional."""
    states = {certificate.state for certificate in found.certificates}
    if State.REFUSED in states or found.broken or found.leaks:
        return State.REFUSED.exit_code
    return next(
        (s.exit_code for s in (State.EXPIRED, State.PROVISIONAL) if s in states),
        State.VALID.exit_code,
    )
