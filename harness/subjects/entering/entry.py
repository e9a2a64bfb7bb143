"""What ``--adapter`` and ``--base`` name: entries of the library, folders, models on the Hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.content import library as libraries
from harness.content import strict
from harness.content.library import Adapter, Entry, Library
from harness.content.strict import nearest
from harness.content.suite import SuiteFile
from harness.content.suite import owed as suites_of
from harness.content.workspace import Workspace
from harness.engines.base import read_config
from harness.errors import WorkspaceError
from harness.subjects import kinds
from harness.subjects.entering import hub, peft
from harness.subjects.entering.folders import CONFIG, MLX, recognised
from harness.subjects.identity import named_base


def entered(
    place: Workspace,
    library: Library,
    adapter: str,
    base: str | None,
    suites: Sequence[str],
    cache: Path,
) -> Entry:
    """The adapter of the library of that name, else the folder or the id on the Hub, entered as a
    candidate for this run with the ``suites`` that it is to owe.

    An adapter of PEFT is converted into ``cache``. Raises :class:`HarnessError` that says what to
    do."""
    if adapter in library.adapters:
        if suites:
            raise WorkspaceError(
                f"--suite: adapter {adapter!r} owes the suites that {place.library} lists; leave it"
                " out, or change them there"
            )
        entry = libraries.resolve(place, library, adapter, _known(library, base))
        where = f"{place.library}: adapters.{adapter}.path: "
    else:
        entry, where = _foreign(place, library, adapter, base, suites), ""
    if entry.previous is not None:
        said = f"{place.library}: adapters.{entry.previous.name}.path: "
        entry = replace(entry, previous=_mountable(entry.previous, said, cache))
    return _mountable(entry, where, cache)


def _mountable(entry: Entry, where: str, cache: Path) -> Entry:
    kind = kinds.of(entry)
    needed = kind.parts(entry) | ({} if kind.mounts else {"path": entry.path})
    for role, path in needed.items():
        if not path.exists():
            raise WorkspaceError(f"{where}{kind.name}: {role}: no such file or folder: {path}")
    if not kind.mounts:
        return entry
    try:
        form = recognised(entry.path)
    except WorkspaceError as error:
        raise WorkspaceError(f"{where}{error}") from None
    if form == "peft":
        return replace(entry, converted=peft.converted(entry.path, entry.base_path, cache))
    return entry


def siblings(library: Library, entry: Entry) -> dict[str, Path]:
    """The other adapters of the library on the same base that mlx-lm can mount as they are."""
    others = {
        name: entry.root / one.path
        for name, one in library.adapters.items()
        if one.base == entry.adapter.base and name != entry.name
    }
    return {name: path for name, path in others.items() if (path / MLX).is_file()}


def folder(place: Workspace, library: Library, adapter: str) -> Path:
    """The folder of an adapter that is in the library, here, or on the Hub; raises as
    :func:`entered` does."""
    if not adapter.strip():
        raise WorkspaceError(f"--adapter {adapter!r}: expected a name, a folder or ORG/NAME@COMMIT")
    if adapter in library.adapters:
        return place.root / library.adapters[adapter].path
    if hub.is_id(adapter):
        return hub.fetched(adapter)
    path = Path(adapter).expanduser()
    if path.exists() or path.is_symlink() or "/" in adapter:
        return path.absolute()
    raise WorkspaceError(
        f"--adapter {adapter}: neither an adapter of {place.library} nor a folder, nor"
        f" ORG/NAME@COMMIT of the Hub{nearest(adapter, list(library.adapters))}"
    )


def _foreign(
    place: Workspace, library: Library, adapter: str, base: str | None, suites: Sequence[str]
) -> Entry:
    path = folder(place, library, adapter)
    recognised(path)
    if base is None:
        named = named_base(read_config(path / CONFIG))
        says = f"; its {CONFIG} names {named!r}" if named else ""
        raise WorkspaceError(
            f"--adapter {adapter}: not in {place.library}, so --base says what it runs on{says}"
        )
    listed = next(
        (
            one
            for one in library.adapters.values()
            if (place.root / one.path).resolve() == path.resolve()
        ),
        None,
    )
    owed = list(suites) or (listed.suites if listed else [])
    if not owed:
        raise WorkspaceError(
            f"--adapter {adapter}: not in {place.library}, so --suite says what it owes, for"
            f" example --suite humaneval; {place.folder('suites')} holds the suites"
        )
    name, known = path.resolve().name, _known(library, base)
    made = Adapter(
        path=str(path),
        base=base,
        status=listed.status if listed else "candidate",
        facets=_facets(owed, place.folder("suites")),
        suites=owed,
    )
    extended = library.model_copy(update={"adapters": {**library.adapters, name: made}})
    return libraries.resolve(place, extended, name, known)


def _facets(owed: list[str], root: Path) -> list[str]:
    """The facets of the suites that ``owed`` names, which an entered adapter claims."""
    return list({strict.load(path, SuiteFile).facet: None for path in suites_of(owed, root)})


def _known(library: Library, base: str | None) -> str | None:
    """A base as the library can look it up: its name, or a folder."""
    if base is None or base in library.bases:
        return base
    if hub.is_id(base):
        return str(hub.fetched(base))
    return str(Path(base).expanduser())
