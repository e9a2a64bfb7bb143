"""Finding verifiers: every ``verifiers/*.py`` of the workspace by path, and installed packages by
entry point.

A plug-in that cannot be loaded is reported with its file and line and never takes the others down.
Every discovery reads the sources anew and leaves bytecode caches alone: what is run is what a
certificate's digests say."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import re
import sys
import threading
import traceback
import types
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, entry_points, requires
from pathlib import Path

from harness.judging.observed import origins
from harness.judging.observed.origins import DISTRIBUTION, PACKAGE
from harness.judging.verifier import Verifier

GROUP = "harness.verifiers"
_ONE = threading.RLock()  # every folder is loaded as the same package


@dataclass
class Found:
    """Verifiers by id, and one sentence for each plug-in that could not be loaded."""

    verifiers: dict[str, Verifier] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


def discover(folder: Path, only: Collection[str] = ()) -> Found:
    """Load every verifier of ``folder``, or those of the files of these names ``only``, and of
    installed plug-ins; files that start with ``_`` are helpers. One thread at a time does."""
    with _ONE:
        return _discovered(folder, only)


def files(folder: Path, verifiers: Iterable[Verifier]) -> frozenset[str]:
    """The names of the files of ``folder`` that are to be loaded for these verifiers; none, which
    is all, where one of them is defined elsewhere."""
    paths = {one.path.resolve() for one in verifiers}
    plain = all(p.parent == folder.resolve() and not p.name.startswith("_") for p in paths)
    return frozenset(path.name for path in paths) if plain else frozenset()


def _discovered(folder: Path, only: Collection[str]) -> Found:
    found = Found()
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[PACKAGE] = package
    sys.meta_path[:] = [_Finder(), *(one for one in sys.meta_path if not isinstance(one, _Finder))]
    for path in sorted(folder.glob("*.py")):
        if not path.name.startswith("_") and (not only or path.name in only):
            _collect(found, str(path), partial(importlib.import_module, f"{PACKAGE}.{path.stem}"))
    for point in entry_points(group=GROUP):
        _collect(found, f"entry point {point.name} = {point.value}", point.load)
    return found


def digest(folder: Path) -> str:
    """``sha256:...`` of every file below ``folder`` by name and bytes; two equal digests load the
    same verifiers."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            total.update(
                f"{path.relative_to(folder).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode()
            )
    return f"sha256:{total.hexdigest()}"


class _Finder:
    """Imports of ``harness_verifiers.NAME``, from source only."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, _target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        parent, _, stem = name.rpartition(".")
        file = Path(path[0]) / f"{stem}.py" if parent == PACKAGE and path else None
        if file is None or not file.is_file():
            return None
        return importlib.util.spec_from_file_location(name, file, loader=_Source(name, str(file)))


class _Source(importlib.machinery.SourceFileLoader):
    """A loader without a bytecode cache, which takes an edit within the same second and of the same
    size for none."""

    def get_code(self, _name: str) -> types.CodeType:
        return _compiled(self.get_data(self.path), self.path)


@lru_cache(maxsize=1024)
def _compiled(source: bytes, path: str) -> types.CodeType:
    """The code of these very bytes; a process that discovers again compiles what changed."""
    code: types.CodeType = compile(source, path, "exec", dont_inherit=True)
    return code


def leave_caches_alone() -> None:
    """Load whatever verifiers import of a workspace from its source in this process, for good; what
    is installed keeps its caches."""
    cached = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, name: str) -> types.CodeType | None:
        own = origins.of(self.path)[0] is origins.Origin.OWN
        return _Source(name, self.path).get_code(name) if own else cached(self, name)

    setattr(importlib.machinery.SourceFileLoader, "get_code", get_code)  # noqa: B010


def _collect(found: Found, origin: str, load: Callable[[], object]) -> None:
    try:
        loaded = load()
    except (Exception, SystemExit) as error:  # a plug-in may do anything while it is imported
        found.broken.append(f"{_where(error, origin)}: {_why(error)}")
        return
    for value in [loaded] if isinstance(loaded, Verifier) else list(vars(loaded).values()):
        if isinstance(value, Verifier):
            known = found.verifiers.get(value.id)
            if known is not None and known is not value:
                found.broken.append(
                    f"{origin}: verifier {value.id!r} is already defined by {known.path}"
                )
            else:
                found.verifiers[value.id] = value


def _why(error: BaseException) -> str:
    """What a plug-in failed with; of a package that is not installed, what to install."""
    missing = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if missing in ("", "harness", PACKAGE):
        return f"cannot be loaded: {type(error).__name__}: {error}"
    return f"needs {missing}, which is not installed: pip install {_source(missing)}"


def _source(module: str) -> str:
    """The smallest extra of the harness that brings a module, or the module's own name."""
    try:
        lines = requires(DISTRIBUTION) or []
    except PackageNotFoundError:  # run from a folder of sources
        lines = []
    named = [re.match(r"([\w.-]+).*extra == ['\"]([\w-]+)", line) for line in lines]
    extras = Counter(match[2] for match in named if match)
    brings = {m[2] for m in named if m and m[1].replace("-", "_").lower() == module.lower()}
    smallest = min(brings, key=extras.__getitem__, default=None)
    return f"'{DISTRIBUTION}[{smallest}]'" if smallest else module


def _where(error: BaseException, origin: str) -> str:
    """``file:line`` of what failed: the line that does not parse, else the last line of a file that
    was being loaded."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen")
    ]
    frames = [
        f for f in frames if Path(f.filename) not in (Path(__file__), Path(importlib.__file__))
    ]
    inside = [f for f in frames if Path(f.filename).parent == Path(origin).parent] or frames
    return f"{inside[-1].filename}:{inside[-1].lineno}" if inside else origin
