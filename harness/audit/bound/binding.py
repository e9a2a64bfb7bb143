"""The binding of a certificate: what is known of a verifier before it is asked, and what was seen
while it was audited. A later look makes the same of the files, versions and variables of today, and
runs nothing."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import cache, partial
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from harness import __version__
from harness.audit.bound.seen import Note, Seen, faults, homes, system, top_name
from harness.digests import canonical_digest, file_digest, text_digest
from harness.judging import discovery
from harness.judging.observed import origins
from harness.judging.observed.origins import Origin
from harness.judging.verifier import Verifier

#: folders of the package whose bytes change nothing that an audit finds
UNBOUND = ("doors", "pages", "workspace_content")
SEEN = ("source", "packages", "environment")  #: the parts of a binding that an audit brings
SECRET = re.compile("KEY|TOKEN|SECRET|PASS|CREDENTIAL", re.IGNORECASE)
MISSING = "missing"


def known(verifier: Verifier, fixtures_digest: str, sandbox: str | None) -> dict[str, Any]:
    """What a certificate depends on before anything is asked."""
    return {
        "settings": canonical_digest(dict(verifier.settings)),
        "harness": f"{__version__} {_harness_digest()}",
        "fixtures": fixtures_digest,
        "tools": verifier.tools(sandbox),
        "sandbox": sandbox if verifier.sandbox else None,
        "python": platform.python_version(),
        "platform": f"{platform.system()}-{platform.machine()}",
    }


def observed(verifier: Verifier, seen: Seen) -> tuple[dict[str, Any], list[str]]:
    """What an audit adds to it, and what the verifier did that it may not do, as sentences."""
    root = root_of(verifier)
    inside = [one.resolve() for one in (root, *_folders(verifier))]
    notes = [note for note in seen.of(verifier) if note.what not in seen.written]
    names: dict[str, Iterable[str]] = {
        "source": _files(verifier, notes, root, inside),
        "packages": _packages(verifier, notes, seen.packages(verifier)),
        "environment": {note.what for note in notes if note.kind == "env"},
    }
    bound = {part: dict.fromkeys(sorted(names[part]), "") for part in SEEN}
    return today(bound, root), list(faults(verifier, notes, inside))


def today(bound: dict[str, Any], root: Path) -> dict[str, dict[str, str]]:
    """What an audit brought, as it is now: digests of files and of the names in folders, versions
    of packages, digests of variables."""
    made: dict[str, Callable[[str], str]] = {
        "source": partial(_file, root=root),
        "packages": _version,
        "environment": _variable,
    }
    return {part: {name: made[part](name) for name in bound[part]} for part in SEEN}


def differences(bound: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The names of what is bound and is not the same now."""
    whole = [key for key in now if key not in SEEN and bound.get(key) != now[key]]
    parts = {part: (bound.get(part, {}), now[part]) for part in SEEN if part in now}
    return whole + [
        f"{part} {name}" if part == "environment" else name
        for part, (old, new) in parts.items()
        for name in old
        if old[name] != new.get(name)
    ]


def unlike(
    folder: Path, certified: Mapping[str, dict[str, Any]], sandbox: str | None
) -> Iterator[str]:
    """What is not on this machine as the verifiers in ``folder``, by their ids, were certified."""
    found = discovery.discover(folder).verifiers
    for id, bound in certified.items():
        if id not in found:
            yield id
            continue
        now = known(found[id], bound["fixtures"], sandbox) | today(bound, root_of(found[id]))
        yield from (f"{name} of {id}" for name in differences(bound, now))


def sources(verifier: Verifier, bound: dict[str, Any]) -> list[Path]:
    """The files that a certificate is bound to; the verifier may read them at any time."""
    return [root_of(verifier) / name for name in bound["source"] if not name.endswith("/")]


def root_of(verifier: Verifier) -> Path:
    """The workspace of a verifier: the folder above ``verifiers/``, else its own."""
    folder = Path((homes(verifier) or [str(verifier.path)])[0]).parent
    return folder.parent if folder.name == "verifiers" else folder


def _files(
    verifier: Verifier, notes: Sequence[Note], root: Path, inside: Sequence[Path]
) -> Iterator[str]:
    """Names of files, and of folders with ``/`` at their end: from the workspace where they are in
    it, there even if they are missing."""
    for home in map(Path, homes(verifier)):
        for path in sorted(home.rglob("*")) if home.is_dir() else [home]:
            if path.is_file() and "__pycache__" not in path.parts:
                yield _name(path, root)
    for note in notes:
        path = Path(note.what)
        if note.kind == "list" and any(map(path.resolve().is_relative_to, inside)):
            yield _name(path, root) + "/"
        elif note.kind in ("read", "module") and origins.of(note.what)[0] is Origin.OWN:
            named = _name(path, root)
            if not Path(named).is_absolute() or (path.is_file() and not system(path)):
                yield named


def _name(path: Path, root: Path) -> str:
    for one, above in ((path, root), (path.resolve(), root.resolve())):
        if one.is_relative_to(above):
            return one.relative_to(above).as_posix()
    return str(path)


def _file(name: str, root: Path) -> str:
    path = root / name
    try:
        if name.endswith("/"):
            names = sorted(one.name for one in path.iterdir())
            shown = [one for one in names if one[0] != "." and one != "__pycache__"]
            return canonical_digest(shown)
        return file_digest(path)
    except OSError:
        return MISSING


def _packages(verifier: Verifier, notes: Sequence[Note], loaded: Set[str]) -> Iterator[str]:
    """Distributions that were at work or were ``loaded`` and may be, and names of packages that
    were not there."""
    for top in loaded | {top_name(note.package) for note in notes if note.package}:
        yield from _distributions(top, tuple(verifier.packages))
    yield from (note.what for note in notes if note.kind == "absent")


@cache
def _distributions(top: str, likely: tuple[str, ...]) -> list[str]:
    for name in (top, *likely, *origins.always()):
        if top in origins.provided(name):
            return [name]
    return metadata.packages_distributions().get(top, [top])


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "no version" if PathFinder.find_spec(name) else MISSING


def _variable(name: str) -> str:
    """A digest, so that no certificate shows a value; of a secret, only whether there is one."""
    value = os.environ.get(name)
    if value is None or SECRET.search(name):
        return MISSING if value is None else "set"
    return text_digest(value)


def _folders(verifier: Verifier) -> Iterator[Path]:
    """Folders outside of the workspace that a verifier may read: of packages that it declares and
    that are developed there or put there, and of a scorer that was named."""
    yield from getattr(verifier.function, "folders", ())
    for name in (*verifier.packages, *origins.always()):
        try:
            one = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        said = json.loads(one.read_text("direct_url.json") or "{}")
        place = Path(str(one.locate_file("")))
        if said.get("dir_info", {}).get("editable"):
            yield Path(unquote(urlparse(said["url"]).path))
        elif origins.of(str(place / "_"))[0] is Origin.OWN:
            yield place


@cache
def _harness_digest() -> str:
    """The harness's own files, but for those that only show and the content that it ships."""
    root = Path(__file__).parent.parent.parent
    files = {path.relative_to(root): path for path in sorted(root.rglob("*")) if path.is_file()}
    bound = {
        name.as_posix(): file_digest(path)
        for name, path in files.items()
        if name.parts[0] not in UNBOUND and "__pycache__" not in name.parts
    }
    return canonical_digest(bound)
