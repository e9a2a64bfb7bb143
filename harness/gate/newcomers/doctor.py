"""``harness doctor``: what is missing on this machine and in this workspace, and for what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from harness.audit.workspace import resolve_sandbox
from harness.content import library as libraries
from harness.content import suite, workspace
from harness.content.kinds import ADAPTER
from harness.content.library import Library
from harness.content.workspace import Workspace
from harness.errors import HarnessError, boundary
from harness.gate.newcomers import facets
from harness.judging import discovery
from harness.subjects.entering.entry import entered
from harness.subjects.entering.folders import recognised

GATE = "every gate"
EXTRA = "pip install 'adapter-release-gate[pocket]' has those of the pocket's own"


class Check(NamedTuple):
    """One thing that something needs; ``missing`` says what is wrong and what to do, and is empty
    where all is well."""

    what: str
    needed_for: str
    missing: str = ""


def checks(library: str | None = None) -> Iterator[Check]:
    """Everything that a gate in the workspace of ``library`` needs, one after the other."""
    yield _tried("cache folder", GATE, lambda: _writable(workspace.cache_folder()))
    lacking = [name for name in ("mlx", "mlx_lm") if find_spec(name) is None]
    remedy = f"not installed: {', '.join(lacking)}; pip install mlx-lm" if lacking else ""
    yield Check("embedded engine", "answers of a base and its adapters", remedy)
    try:
        place = workspace.find(library)
        listed = libraries.load(place)
    except HarnessError as error:
        yield Check("library", GATE, str(error))
        return
    yield Check(f"library {place.library}", GATE)
    yield _tried("policy", GATE, lambda: _policy(place, listed))
    yield from _subjects(place, listed)
    yield from _suites(place, listed)


def _policy(place: Workspace, listed: Library) -> None:
    """What a gate refuses of the policy before it looks at anything."""
    libraries.certification(place, listed)
    libraries.check_policy(place, listed, [])


def _subjects(place: Workspace, listed: Library) -> Iterator[Check]:
    for name, base in listed.bases.items():
        needs = [one for one, each in listed.adapters.items() if each.base == name]
        folder = place.root / base.path
        lacks = [f for f in ("config.json", "tokenizer.json") if not (folder / f).is_file()]
        text = f"{folder} lacks {', '.join(lacks)}; put the model there" if lacks else ""
        yield Check(f"base {name}", ", ".join(needs) or "no adapter", text)
    for name, one in listed.adapters.items():
        act: Callable[[], object] = partial(recognised, place.root / one.path)
        if one.kind != ADAPTER:
            act = partial(entered, place, listed, name, None, (), workspace.cache_folder())
        yield _tried(f"adapter {name}", "its gate", act)


def _suites(place: Workspace, listed: Library) -> Iterator[Check]:
    """The suites that are owed, the verifiers that they name, and what these need."""
    root, found = place.folder("suites"), discovery.discover(place.folder("verifiers"))
    owed = {name: who for who, one in listed.adapters.items() for name in one.suites}
    wanted: dict[str, str] = {}
    for name, who in owed.items():
        try:
            for each in (suite.load(path, root) for path in suite.owed([name], root)):
                wanted |= {criterion.verifier: each.id for criterion in each.spec.criteria}
            yield Check(f"suite {name}", f"the gate of {who}")
        except HarnessError as error:
            yield Check(f"suite {name}", f"the gate of {who}", str(error))
    for text in found.broken:
        yield Check("verifiers", "whatever they judge", text)
    sandbox, closed = _sandbox(found)
    for id, of in sorted(wanted.items()):
        lacks = facets.lacking(found, id, sandbox)
        more = f"; {EXTRA}" if lacks.startswith("not installed") else ""
        yield Check(f"verifier {id}", f"suite {of}", lacks + more)
    yield from _facets(place, listed, found, sandbox)
    sandboxed = [id for id, one in found.verifiers.items() if id in wanted and one.sandbox]
    if sandboxed:
        yield Check("sandbox", f"running answers: {', '.join(sorted(sandboxed))}", closed)


def _sandbox(found: discovery.Found) -> tuple[str | None, str]:
    """The sandbox that holds here, or why none does."""
    try:
        with boundary():
            return resolve_sandbox([*found.verifiers.values()], "auto")[0], ""
    except HarnessError as error:
        return None, str(error)


def _facets(
    place: Workspace, listed: Library, found: discovery.Found, sandbox: str | None
) -> Iterator[Check]:
    """Of each facet that is a folder what can be judged here; what is missing is missing where an
    adapter owes it."""
    owed = [name for one in listed.adapters.values() for name in one.suites]
    for one in facets.judgeable(place, found, sandbox):
        if any(one.id == name or one.id.startswith(f"{name}/") for name in owed):
            yield Check(f"facet {one.facet}", one.here, one.missing)
        else:
            beside = f"; nobody owes it, not here: {one.missing}" if one.missing else ""
            yield Check(f"facet {one.facet}", f"{one.here}{beside}")


def _tried(what: str, needed_for: str, act: Callable[[], object]) -> Check:
    try:
        with boundary():
            act()
    except HarnessError as error:
        return Check(what, needed_for, str(error))
    return Check(what, needed_for)


def _writable(folder: Path) -> None:
    from tempfile import TemporaryFile

    with TemporaryFile(dir=folder):
        pass
