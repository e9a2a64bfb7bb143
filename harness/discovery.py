"""Finding verifiers: every ``verifiers/*.py`` of the workspace by path, and installed packages by entry point.

A plug-in that cannot be loaded is reported with its file and line and never takes the others down.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
import types
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

from harness.verifier import Verifier

PACKAGE = "harness_verifiers"  # verifiers/ is content, not an import package; this is its private name
GROUP = "harness.verifiers"


@dataclass
class Found:
    """Verifiers by id, and one sentence for each plug-in that could not be loaded."""

    verifiers: dict[str, Verifier] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


def discover(folder: Path) -> Found:
    """Load every verifier of ``folder`` and of installed plug-ins; files that start with ``_`` are helpers."""
    found = Found()
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[PACKAGE] = package
    for path in sorted(folder.glob("*.py")):
        if not path.name.startswith("_"):
            _collect(found, str(path), lambda path=path: _load(path))
    for point in entry_points(group=GROUP):
        _collect(found, f"entry point {point.name} = {point.value}", point.load)
    return found


def _load(path: Path) -> types.ModuleType:
    name = f"{PACKAGE}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # noqa: PT018  (a .py path always has both)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _collect(found: Found, origin: str, load: object) -> None:
    try:
        module = load()  # type: ignore[operator]
    except Exception as error:  # a plug-in may do anything while it is imported
        frames = traceback.extract_tb(error.__traceback__)
        line = error.lineno if isinstance(error, SyntaxError) else frames[-1].lineno if frames else 0
        found.broken.append(f"{origin}:{line}: cannot be loaded: {type(error).__name__}: {error}")
        return
    for value in vars(module).values():
        if isinstance(value, Verifier):
            known = found.verifiers.get(value.id)
            if known is not None and known.path != value.path:
                found.broken.append(f"{origin}: verifier {value.id!r} is already defined by {known.path}")
            else:
                found.verifiers[value.id] = value
