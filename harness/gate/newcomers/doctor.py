"""``harness doctor``: what is missing on this machine and in this workspace, and for what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from harness.audit.workspace import resolve_sandbox
from harness.content import library as libraries
from harness.content import strict, suite, workspace
from harness.content.kinds import ADAPTER
from harness.content.library import Library
from harness.content.strict import nearest
from harness.content.workspace import Workspace
from harness.errors import HarnessError, boundary
from harness.judging import discovery
from harness.judging.observed.origins import DISTRIBUTION
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
    for id, of in sorted(wanted.items()):
        yield Check(f"verifier {id}", f"suite {of}", _lacking(found, id))
    yield from _facets(place, listed, found)
    sandboxed = [one for id, one in found.verifiers.items() if id in wanted and one.sandbox]
    if sandboxed:
        what = ", ".join(sorted(one.id for one in sandboxed))
        yield _tried(
            "sandbox", f"running answers: {what}", lambda: resolve_sandbox(sandboxed, "auto")
        )


def _facets(place: Workspace, listed: Library, found: discovery.Found) -> Iterator[Check]:
    """Of each facet that is a folder what can be judged here and at which level; what is missing is
    missing where an adapter owes it."""
    root = place.folder("suites")
    owed = [name for one in listed.adapters.values() for name in one.suites]
    for path in sorted(root.glob("*/*/*.yaml")):
        if path.stem != path.parent.name:
            continue
        spec, id = strict.load(path, suite.SuiteFile), suite.suite_id(path, root)
        lacking = {c.id: _lacking(found, c.verifier) for c in spec.criteria}
        here = [c for c in spec.criteria if not lacking[c.id]]
        said = ", ".join(f"{c.id} ({found.verifiers[c.verifier].level})" for c in here)
        cannot = [f"{name}: {text}" for name, text in lacking.items() if text]
        remedy = f"{'; '.join(cannot)}; {_remedy(id, cannot)}" if cannot else ""
        if any(id == name or id.startswith(f"{name}/") for name in owed):
            yield Check(f"facet {spec.facet}", said or "no criterion", remedy)
        else:
            beside = f"; nobody owes it, not here: {remedy}" if remedy else ""
            yield Check(f"facet {spec.facet}", f"{said or 'no criterion'}{beside}")


#: what Debian calls the programs that verifiers name
DEBIAN = {"g++": "g++", "glslangValidator": "glslang-tools", "spirv-cross": "spirv-cross"}


def _remedy(id: str, cannot: Sequence[str]) -> str:
    """The one line to type for the suite ``id``, whose family has an extra of its name."""
    programs = sorted({DEBIAN[name] for name in DEBIAN if any(name in one for one in cannot)})
    line = f"pip install '{DISTRIBUTION}[{id.partition('/')[0]}]'"
    return f"{line} && apt-get install {' '.join(programs)}" if programs else line


def _lacking(found: discovery.Found, id: str) -> str:
    if id not in found.verifiers:
        return f"no such verifier{nearest(id, list(found.verifiers))}"
    missing = [n for n, version in found.verifiers[id].tools().items() if version == "missing"]
    return f"not installed: {', '.join(missing)}; {EXTRA}" if missing else ""


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
