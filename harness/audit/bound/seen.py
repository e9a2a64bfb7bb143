"""What judge processes noted of a verifier, and what of it no verifier may do.

A note is put down to a file; it is a verifier's if that file is its own, or one that it imports in
turn. What was done while another verifier judged is the other's, but for files and variables:
helpers keep what they have read."""

from __future__ import annotations

import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from harness import files
from harness.audit.certificate import EXAMPLE
from harness.judging.observed import origins
from harness.judging.observed.excerpts import squeezed
from harness.judging.observed.origins import PACKAGE, Origin
from harness.judging.verifier import Kind, Verifier

KEPT = ("read", "list", "env", "module")  # what one verifier did may be at work in the next
SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/share/zoneinfo/")  # bound by the platform
RUNS = {
    "compile": "compiles text of the answer outside of a sandbox",
    "sql": "runs SQL of the answer outside of a sandbox",
    "start": "starts a program on text of the answer outside of a sandbox",
    "write": "writes to a file that the answer names",
}
REMEDY = "what a model wrote runs only in one (sandbox=True)"


class Note(NamedTuple):
    """One act: its kind, the id of the verifier that judged (empty while they were loaded), the
    file or package whose code it was, and what it was done with."""

    kind: str
    by: str
    at: str
    what: str
    pieces: tuple[str, ...] = ()

    @property
    def own(self) -> bool:
        """Whether it was done by verifiers' own code, not by a package that they use."""
        return origins.of(self.at)[0] is Origin.OWN

    @property
    def package(self) -> str | None:
        """The folder or file of an installed package, if it was done with one."""
        origin, place = origins.of(self.what) if self.kind in ("module", "read") else (None, "")
        return place if origin is Origin.PACKAGE else None


def read(path: Path) -> Seen:
    """The notes of a file; there is none where nothing was judged."""
    data = files.read_bytes(path) if path.exists() else b""
    rows = [row for _, row in files.json_lines(data, path)]
    return Seen([Note(kind, by, at, what, tuple(rest)) for kind, by, at, what, *rest in rows])


def homes(verifier: Verifier) -> list[str]:
    """The files that define a verifier, or the package that brings it."""
    loaded = [one for name, one in sys.modules.items() if name.startswith(f"{PACKAGE}.")]
    named = [*_holders(tuple(loaded)).get(verifier.id, ()), str(verifier.path)]
    known = {origins.of(name) for name in named}
    return sorted(place for origin, place in known if origin in (Origin.OWN, Origin.PACKAGE))


@lru_cache(maxsize=1)
def _holders(modules: tuple[ModuleType, ...]) -> dict[str, set[str]]:
    """By the id of a verifier the files of the modules that hold it."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in modules:
        for value in vars(one).values():
            if isinstance(value, Verifier):
                found[value.id].add(str(one.__file__))
    return found


class Seen:
    """The notes of several verifiers."""

    def __init__(self, notes: Sequence[Note]) -> None:
        self._notes = notes

    @cached_property
    def written(self) -> set[str]:
        """Files that verifiers wrote themselves: nothing is bound to them."""
        return {note.what for note in self._notes if note.kind == "write"}

    def packages(self, verifier: Verifier) -> set[str]:
        """Names of the packages that the verifier declares, or needs not to, and of those that they
        use or look for, whichever verifier judged when they were loaded: what a helper keeps of
        them is at work for those behind as well."""
        uses: dict[str, set[str]] = defaultdict(set)
        for note in self._notes:
            by = top_name(note.at) if origins.of(note.at)[0] is Origin.PACKAGE else ""
            if note.package:
                uses[by].add(top_name(note.package))
            elif by and note.kind == "absent":
                uses[by].add(note.what)
        loaded = {*uses, *uses[""]} - {""}
        waiting = [top for top in loaded if origins.declared(top, verifier.packages)]
        found = set[str]()
        while waiting:
            if (top := waiting.pop()) not in found:
                found.add(top)
                waiting += uses[top]
        return found

    def of(self, verifier: Verifier) -> list[Note]:
        """The notes of a verifier."""
        mine: dict[str, list[Note]] = defaultdict(list)
        for note in self._notes:
            kept = note.kind in KEPT and not (note.own and note.package)
            if note.by in ("", verifier.id) or kept:
                mine[note.at].append(note)
        waiting = homes(verifier) + [n.at for n in self._notes if n.by == verifier.id]
        found: dict[str, list[Note]] = {}
        while waiting:
            at = waiting.pop()
            if at not in found:
                found[at] = mine[at]
                opened = [note for note in mine[at] if note.kind in ("module", "read")]
                waiting += [note.package or note.what for note in opened]
        return [note for notes in found.values() for note in notes]


def faults(verifier: Verifier, notes: Sequence[Note], inside: Sequence[Path]) -> Iterator[str]:
    """What a verifier may not do, a sentence each; ``inside`` are the folders that it may read."""
    own = [note for note in notes if note.own]
    for top in sorted({top_name(note.package) for note in own if note.package}):
        if not origins.declared(top, verifier.packages):
            yield f"imports {top}, which it does not declare: name its package in 'packages'"
    declared = {_program(name) for name in verifier.executables} | {_program(sys.executable)}
    started = [note for note in notes if note.kind == "program" and (note.own or note.by)]
    for program in sorted({note.what for note in started}):  # what a package does when loaded aside
        if _program(program) not in declared:
            yield f"starts {program}, which it does not declare: name it in 'executables'"
    for name in sorted({note.what for note in own if note.kind in ("read", "module")}):
        if outside(Path(name), inside):
            yield f"reads {name}, outside of the workspace: keep it there, or declare its package"
    for name in sorted({note.what for note in own if note.kind == "library"}):
        yield f"loads {name} by ctypes, where nothing is seen: use a package, and declare it"
    reached = sorted({note.what for note in notes if note.kind == "network"})
    if reached and verifier.kind is not Kind.LLM:
        yield f"uses the network ({reached[0]}), which only a verifier of kind 'llm' may"
    yield from sorted(_runs(notes))


def outside(path: Path, inside: Sequence[Path]) -> bool:
    """Whether a file is there and belongs to nothing that a certificate is bound to as a whole."""
    if origins.of(str(path))[0] is not Origin.OWN or system(path) or not path.is_file():
        return False
    return not any(map(path.resolve().is_relative_to, inside))


def system(path: Path) -> bool:
    """Whether a file is the operating system's."""
    return str(path).startswith(SYSTEM)


def top_name(package: str) -> str:
    """The name by which a package is imported, from its folder or file."""
    return Path(package).name.partition(".")[0]


def _program(name: str) -> str:
    return os.path.realpath(shutil.which(name) or name)


def _runs(notes: Sequence[Note]) -> set[str]:
    """What is done with text of the answers: a piece of one answer stands in the text, and not in
    that of another answer. Text that a library brings is the same for all."""
    together: dict[tuple[str, str], list[tuple[str, ...]]] = defaultdict(list)
    found = set()
    for note in notes:
        if note.kind.startswith("text:"):
            together[note.kind[5:], note.what].append(note.pieces)
        elif note.kind == "fed":
            found.add(f"{RUNS['start']}: {REMEDY}; {note.what} reads from the verifier")
    for (how, _), texts in together.items():
        for (one, *first), (other, *second) in combinations(texts, 2):
            mine = [piece for piece in first if squeezed(piece) not in squeezed(other)]
            if mine and any(squeezed(piece) not in squeezed(one) for piece in second):
                found.add(f"{RUNS[how]}: {REMEDY}{EXAMPLE}{mine[0].splitlines()[0][:60]!r}")
                break
    return found
