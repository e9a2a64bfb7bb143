"""Finding what ``--wrap`` names: ``MODULE:NAME`` or ``FILE.py:NAME``, where NAME may be dotted and
may be called with literals, as in ``inspect_ai.scorer:match(location="end")``."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import VerifierError
from harness.judging.observed import origins

FORM = "expected MODULE:NAME or FILE.py:NAME, with literals in brackets if NAME makes the scorer"


@dataclass(frozen=True)
class Target:
    """What was found: the callable, the file that defines it, wherever it was imported from, and
    the distribution that this file belongs to."""

    function: Callable[..., Any]
    file: Path
    distribution: str | None


def identifier(spec: str) -> str:
    """What ``spec`` names, as an identifier: ``match`` of ``scorers:match(ignore=1)``."""
    place, _, rest = spec.partition(":")
    name = rest.partition("(")[0].rpartition(".")[2] or Path(place).stem
    return re.sub(r"\W", "_", name) or "scorer"


def find(spec: str, folder: str) -> Target:
    """The callable that ``spec`` names, importable from ``folder``. Raises
    :class:`VerifierError`."""
    place, _, rest = spec.partition(":")
    name, bracket, _ = rest.partition("(")
    try:
        module = _module(place, folder)
        found = _walk(module, name or "get_assert")
        if bracket:
            found = _called(found, rest[len(name) :])
        if inspect.isclass(found):
            found = found()
        if not callable(found):
            raise TypeError(f"{name} is a {type(found).__name__}, which cannot be called")
    except (Exception, SystemExit) as error:  # a foreign module may do anything while imported
        text = f"{type(error).__name__}: {error}"
        raise VerifierError(f"--wrap {spec!r}: {FORM}, importable from {folder}: {text}") from None
    file = _defined(found) or Path(str(module.__file__))
    return Target(found, file, _distribution(file))


def _module(place: str, folder: str) -> ModuleType:
    path = Path(folder, place)
    own = path.resolve().parent if path.suffix == ".py" else Path(folder)
    if str(own) not in sys.path:
        sys.path.insert(0, str(own))
    if path.suffix != ".py":
        return importlib.import_module(place)
    spec = importlib.util.spec_from_file_location(f"wrapped_{identifier(place)}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _walk(module: ModuleType, name: str) -> Any:
    found: Any = module
    for part in name.split("."):
        parent, found = found, getattr(found, part)
        if inspect.isclass(parent) and inspect.isfunction(found):
            instance = parent()
            found = getattr(instance, part)  # of a static method this is the function itself
    return found


def _called(found: Any, call: str) -> Any:
    """What a factory makes of the literals in ``call``."""
    tree = ast.parse(f"f{call}", mode="eval").body
    if not isinstance(tree, ast.Call):
        raise SyntaxError(f"{call} is no call")
    literals = [ast.literal_eval(one) for one in tree.args]
    named = {str(one.arg): ast.literal_eval(one.value) for one in tree.keywords}
    return found(*literals, **named)


def _defined(found: Any) -> Path | None:
    """The file with the code of a callable: of what a decorator, a partial or an instance holds."""
    while isinstance(found, functools.partial):
        found = found.func
    found = inspect.unwrap(found)
    code = getattr(found, "__code__", None) or getattr(type(found).__call__, "__code__", None)
    return Path(code.co_filename) if code else None


def _distribution(file: Path) -> str | None:
    origin, code = origins.of(str(file))
    if origin is not origins.Origin.PACKAGE:
        return None
    top = Path(code).name.removesuffix(".py")
    return next(iter(metadata.packages_distributions().get(top, [])), None)
