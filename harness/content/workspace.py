"""Where content is found: the folder that holds ``library.yaml``, else the copy that ships inside
the wheel."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness import files
from harness.errors import WorkspaceError

CONTENT = ("library.yaml", "verifiers", "audits", "suites", "reports", "examples")
PACKAGED = Path(__file__).parent.parent / "workspace_content"
CHECKOUT = PACKAGED.parent.parent


@dataclass(frozen=True)
class Workspace:
    """A folder with ``library.yaml``; what it does not hold itself comes from the shipped copy."""

    root: Path
    library: Path

    def folder(self, name: str) -> Path:
        """``verifiers``, ``audits``, ``suites`` or ``reports``: the workspace's own, else the
        shipped one."""
        own = self.root / name
        return own if own.is_dir() else shipped() / name

    @property
    def runs(self) -> Path:
        """Where run folders go by default: beside the library, or here when the library is the
        shipped one."""
        return self._own / "runs"

    def new_run(self, name: str) -> Path:
        """A folder below :attr:`runs` that is not there yet, by the name of what is gated and by
        now."""
        folder = self.runs / f"{name}-{datetime.now(UTC).strftime('%Y%m%d-%H%M%S')}"
        found, number = folder, 1
        while found.exists():
            number += 1
            found = folder.with_name(f"{folder.name}-{number}")
        return found

    @property
    def looks(self) -> Path:
        """The ledger of looks, to be committed; in the same place."""
        return self._own / "looks"

    @property
    def releases(self) -> Path:
        """The records of what was released, to be committed; in the same place."""
        return self._own / "releases"

    @property
    def _own(self) -> Path:
        return Path.cwd() if self.root == PACKAGED else self.root


def shipped() -> Path:
    """The content that ships with the harness: inside the wheel, or the checkout itself."""
    return PACKAGED if PACKAGED.is_dir() else CHECKOUT


def find(library: str | Path | None = None, start: Path | None = None) -> Workspace:
    """The workspace of ``library`` (a file or its folder), else of the nearest ``library.yaml``
    above ``start``.

    Raises :class:`WorkspaceError` when a library was named and is not there."""
    if library is not None:
        path = Path(library)
        path = path / "library.yaml" if path.is_dir() else path
        if not path.is_file():
            raise WorkspaceError(
                f"{path}: no such library; give --library a library.yaml or the folder that"
                " holds one"
            )
        return Workspace(path.resolve().parent, path.resolve())
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "library.yaml").is_file():
            return Workspace(folder, folder / "library.yaml")
    return Workspace(shipped(), shipped() / "library.yaml")


def initialise(target: Path) -> list[str]:
    """Copy the shipped content into ``target``; refuses to overwrite. Returns the names that were
    copied."""
    taken = [name for name in CONTENT if (target / name).exists()]
    if taken:
        raise WorkspaceError(f"{target} already holds {', '.join(taken)}; name an empty folder")
    for name in CONTENT:
        root = shipped() / name
        for source in [root] if root.is_file() else sorted(root.rglob("*")):
            if source.is_file() and "__pycache__" not in source.parts:
                place = target / source.relative_to(shipped())
                shutil.copy(source, files.make_folder(place.parent) / place.name)
    return list(CONTENT)


def take_family(target: Path, family: str) -> list[Path]:
    """Copy the shipped facets of ``family`` into the workspace ``target``: their suites, verifiers
    with helpers, and known answers; what is there stays. Returns what was written.

    Raises :class:`WorkspaceError` for a family that does not ship."""
    root = shipped()
    known = sorted(path.parent.parent.name for path in root.glob("suites/*/*/*.yaml"))
    if family not in known:
        raise WorkspaceError(
            f"--facets {family!r}: expected a family: {', '.join(dict.fromkeys(known))}"
        )
    named = {path.parent.name for path in root.glob(f"suites/{family}/*/*.yaml")}
    wanted = {one.replace("-", "_") for one in named}
    sources = [path for path in (root / "suites" / family).rglob("*") if path.is_file()]
    sources += [path for path in (root / "verifiers").iterdir() if path.is_file()]
    sources += [
        path
        for folder in (root / "audits").iterdir()
        if folder.name.strip("_").partition(".")[0] in wanted
        for path in folder.rglob("*")
    ]
    made = []
    for source in sources:
        place = target / source.relative_to(root)
        if source.is_file() and not place.exists() and "__pycache__" not in source.parts:
            shutil.copy(source, files.make_folder(place.parent) / place.name)
            made.append(place)
    return made


def cache_folder() -> Path:
    """The user's cache of answers and certificates: ``$HARNESS_CACHE``, else the platform's own
    place."""
    from platformdirs import user_cache_path

    named = os.environ.get("HARNESS_CACHE")
    folder = Path(named) if named else user_cache_path("harness")
    return files.make_folder(folder, _no_cache)


def _no_cache(text: str) -> WorkspaceError:
    return WorkspaceError(f"{text}; HARNESS_CACHE names the folder of the cache")
