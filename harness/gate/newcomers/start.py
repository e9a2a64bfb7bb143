"""A workspace of one's own around one base and one adapter: ``harness init --base --adapter``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import yaml

from harness import files
from harness.audit.scaffold import scaffold
from harness.content import workspace
from harness.digests import folder_digest
from harness.errors import WorkspaceError
from harness.subjects.entering import hub
from harness.subjects.entering.folders import recognised

#: what shows what was forgotten, with all that it needs
GUARD = ("suites/humaneval", "verifiers/humaneval.py", "audits/humaneval.functional")
HEAD = "# Bases, adapters, the suites that each adapter owes, and the policy of its gate.\n"
TEMPLATES = Path(__file__).parent / "templates"


def begin(target: Path, base: str, adapter: str, facet: str | None = None) -> list[Path]:
    """Write a library of this base (a folder or ``ORG/NAME@COMMIT``) and this adapter into
    ``target``, with HumanEval as its guard and, where it is named, the beginning of a ``facet``.

    Returns what was written. Raises :class:`WorkspaceError` for what is no base, no adapter or no
    name, and where a library is there already."""
    guard = facet is not None and f"suites/{facet}" in GUARD
    if facet is not None and (guard or not facet.isidentifier() or facet.startswith("_")):
        what = "another name than its guard's" if guard else "a name like godot or release_notes"
        raise WorkspaceError(f"--facet {facet!r}: expected {what}")
    taken = [name for name in workspace.CONTENT if (target / name).exists()]
    if taken:
        raise WorkspaceError(f"{target} already holds {', '.join(taken)}; name an empty folder")
    model, form = _base(base), Path(adapter).expanduser().absolute()
    recognised(form)
    library = {
        "bases": {_name(base): {"path": _from(target, model), "digest": _digest(model)}},
        "adapters": {
            _name(adapter): {
                "path": _from(target, form),
                "base": _name(base),
                "status": "candidate",
                "facets": [facet or "humaneval"],
                "suites": ["humaneval", *([facet] if facet else [])],
            }
        },
        "gate": {"profile": "standard"},
    }
    text = HEAD + yaml.safe_dump(library, sort_keys=False)
    made = [files.replace(files.make_folder(target) / "library.yaml", text), *_guard(target)]
    ignored = target / ".gitignore"
    if not ignored.exists():
        made.append(files.replace(ignored, "runs/\n"))
    if facet:
        folder = files.make_folder(target / "suites" / facet)
        for ending in ("yaml", "jsonl"):
            text = files.read_text(TEMPLATES / f"suite.{ending}").replace("FACET", facet)
            made.append(files.replace(folder / f"{facet}.{ending}", text))
        made += scaffold(str(target), f"{facet}.form", "text")
    return made


def _guard(target: Path) -> Iterator[Path]:
    for name in GUARD:
        source, place = workspace.shipped() / name, target / name
        files.make_folder(place.parent)
        if source.is_dir():
            yield Path(shutil.copytree(source, place))
        else:
            yield Path(shutil.copy(source, place))


def _base(named: str) -> Path:
    path = hub.fetched(named) if hub.is_id(named) else Path(named).expanduser().absolute()
    if missing := [one for one in ("config.json", "tokenizer.json") if not (path / one).is_file()]:
        raise WorkspaceError(
            f"--base {named}: {path} lacks {', '.join(missing)}; expected a model folder as mlx-lm"
            " loads it, or ORG/NAME@COMMIT of the Hub"
        )
    return path


def _digest(base: Path) -> str:
    return folder_digest(base, workspace.cache_folder())


def _name(named: str) -> str:
    """What a library calls it: the last part of a path or an id, without the commit."""
    return Path(named.partition("@")[0]).expanduser().absolute().name


def _from(target: Path, path: Path) -> str:
    """A path inside of the workspace from there, any other in full."""
    here = target.absolute()
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)
