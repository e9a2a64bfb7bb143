"""The facets that are folders: what of each can be judged on this machine, what to type for the
rest, and the programs that a family of them needs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import NamedTuple

from harness.content import strict, suite, workspace
from harness.content.strict import nearest
from harness.content.workspace import Workspace
from harness.errors import WorkspaceError
from harness.judging.discovery import Found, discover
from harness.judging.observed.origins import DISTRIBUTION
from harness.judging.verifier import Verifier
from harness.sandbox import debian

#: what brings programs to macOS that it does not come with
MAC = {"g++": "xcode-select --install", "glslangValidator": "brew install glslang"}


class Judgeable(NamedTuple):
    """Of the facet that is the suite ``id`` the criteria that can be judged here, each with its
    level; ``missing`` says what keeps the others from it, and the one line to type."""

    id: str
    facet: str
    here: str
    missing: str = ""


def judgeable(place: Workspace, found: Found, sandbox: str | None) -> Iterator[Judgeable]:
    """Each facet of a workspace, where answers are run in the ``sandbox`` of that name, if any."""
    root = place.folder("suites")
    for path in sorted(root.glob("*/*/*.yaml")):
        if path.stem != path.parent.name:
            continue
        spec, id = strict.load(path, suite.SuiteFile), suite.suite_id(path, root)
        why = {c.id: lacking(found, c.verifier, sandbox) for c in spec.criteria}
        able = [(c.id, found.verifiers[c.verifier]) for c in spec.criteria if not why[c.id]]
        here = ", ".join(f"{name} ({one.level})" for name, one in able) or "no criterion"
        inside = [one for _, one in able if one.brought(sandbox)]
        brought = sorted({name for one in inside for name in one.executables})
        if brought:
            here += f"; with {', '.join(brought)} of the image of {sandbox}"
        cannot = [f"{name}: {text}" for name, text in why.items() if text]
        if not cannot:
            yield Judgeable(id, spec.facet, here)
            continue
        judges = [
            found.verifiers[c.verifier] for c in spec.criteria if c.verifier in found.verifiers
        ]
        line = _line(id.partition("/")[0], *_absent(judges, sandbox), sandbox)
        yield Judgeable(id, spec.facet, here, "; ".join([*cannot, *([line] if line else [])]))


def lacking(found: Found, id: str, sandbox: str | None) -> str:
    """What keeps a verifier from judging here; empty where nothing does."""
    if id not in found.verifiers:
        return f"no such verifier{nearest(id, list(found.verifiers))}"
    one = found.verifiers[id]
    if one.sandbox and sandbox is None:
        return "no sandbox holds here: `harness sandbox check`"
    packages, programs = _absent([one], sandbox)
    absent = [*packages, *programs]
    return f"not installed: {', '.join(absent)}" if absent else ""


def programs_of(library: str | None, families: Sequence[str]) -> list[str]:
    """The programs that the verifiers of ``families``, folders of suites, start in a sandbox.

    Raises :class:`WorkspaceError` for one that is not there, or needs none."""
    place = workspace.find(library)
    root, found = place.folder("suites"), discover(place.folder("verifiers"))
    known = {suite.suite_id(path, root).partition("/")[0] for path in root.rglob("*.yaml")}
    for name in families:
        if name.partition("/")[0] not in known:
            raise WorkspaceError(
                f"--with {name!r}: expected a folder of {root}: {', '.join(sorted(known))}"
            )
    specs = [strict.load(path, suite.SuiteFile) for path in suite.owed([*families], root)]
    named = {criterion.verifier for spec in specs for criterion in spec.criteria}
    if unread := sorted(named - found.verifiers.keys()):
        said = "; ".join(found.broken) or "no such verifier"
        raise WorkspaceError(f"--with {' '.join(families)}: {unread[0]} cannot be asked: {said}")
    run = [found.verifiers[id] for id in named if found.verifiers[id].sandbox]
    programs = sorted({name for one in run for name in one.executables})
    if not programs:
        raise WorkspaceError(
            f"--with {' '.join(families)}: none of its criteria starts a program; `harness sandbox"
            " build` is enough"
        )
    return programs


def _absent(verifiers: Sequence[Verifier], sandbox: str | None) -> tuple[list[str], list[str]]:
    """The packages and the programs of verifiers that are not there."""
    packages: set[str] = set()
    programs: set[str] = set()
    for one in verifiers:
        absent = {name for name, version in one.tools(sandbox).items() if version == "missing"}
        packages |= absent.intersection(one.packages)
        programs |= absent.intersection(one.executables)
    return sorted(packages), sorted(programs)


def _line(
    family: str, packages: Sequence[str], programs: Sequence[str], sandbox: str | None
) -> str:
    """The one line to type for what is absent of a family."""
    lines = []
    if packages:
        extra = f"'{DISTRIBUTION}[{family}]'" if family in _extras() else " ".join(packages)
        lines.append(f"pip install {extra}")
    apt, debs = shutil.which("apt-get"), " ".join(debian.packages(programs))
    if programs and sys.platform == "darwin":
        lines += dict.fromkeys(MAC.get(name, f"brew install {name}") for name in programs)
    elif programs and apt and os.getuid() == 0:
        lines.append(f"apt-get install {debs}")
    elif programs and apt and sandbox == "docker":
        lines.append(f"harness sandbox build --with {family}")
    elif programs:
        lines.append(f"sudo apt-get install {debs}, or what this system calls them")
    return " && ".join(lines)


def _extras() -> list[str]:
    try:
        return metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:  # run from a folder of sources
        return []
