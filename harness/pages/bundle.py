"""Scripts of a page: modules in ``reports/scripts`` put together into one that loads nothing.

A module is read after those that it imports, its ``import`` and ``export`` words are dropped, and
all stand in one function. So a top-level name may be given once in all of them."""

from __future__ import annotations

import base64
import hashlib
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from harness import files
from harness.errors import WorkspaceError

IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.-]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) )", re.MULTILINE)
NAME = re.compile(r"^(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)


def bundled(folder: Path, main: str = "main.js") -> str:
    """``main`` of a folder of scripts and all that it imports, as one script.

    Raises :class:`WorkspaceError` for a circle, and for a name that two modules give."""
    texts: dict[str, str] = {}
    waiting = [main]
    while waiting:
        name = waiting.pop()
        if name not in texts:
            texts[name] = files.read_text(folder / name)
            waiting += IMPORT.findall(texts[name])
    try:
        needs = {name: IMPORT.findall(text) for name, text in texts.items()}
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        circle = " imports ".join(error.args[1])
        raise WorkspaceError(f"{folder}: scripts in a circle: {circle}; break it") from None
    bodies = {name: EXPORT.sub("", IMPORT.sub("", texts[name])) for name in order}
    given: dict[str, str] = {}
    for name, body in bodies.items():
        for each in NAME.findall(body):
            if each in given:
                raise WorkspaceError(
                    f"{folder / name}: gives the name {each!r}, as {given[each]} does; the bundle"
                    " is one scope: rename one of them"
                )
            given[each] = name
    parts = [f"// {name}\n{body}" for name, body in bodies.items()]
    return f'"use strict";\n(() => {{\n{"".join(parts)}}})();\n'


def allowed(text: str) -> str:
    """``'sha256-...'``: what a policy of content names to allow exactly this script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
