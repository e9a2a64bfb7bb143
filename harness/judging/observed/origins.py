"""Whose code a file holds: the standard library's, the harness's, an installed package's, or that
of whoever wrote the verifiers."""

from __future__ import annotations

import enum
import linecache
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

HARNESS = Path(__file__).parent.parent.parent
DISTRIBUTION = "adapter-release-gate"  #: the name under which the harness is installed
PACKAGE = "harness_verifiers"  #: verifiers/ is content, not an import package; its private name
SITES = ("site-packages", "dist-packages")
#: folders of the path that packages were installed into by ``pip install --target``
TARGETS = tuple(
    Path(os.path.abspath(name)).parts  # noqa: PTH100  (as a file below it is named)
    for name in sys.path
    if any(Path(name or ".").glob("*.dist-info"))
)
STANDARD = tuple(
    {os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "platstdlib")}
    | {sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")}
)
MAPPINGS = {os.getenv.__code__.co_filename, "<frozen _collections_abc>", "<frozen os>"}


class Origin(enum.Enum):
    """``PASSED`` is passed over when an act is put down to somebody: the standard library,
    generated code, what observes, and the adapters that call scorers of others. ``QUIET`` only
    reads sources to show them."""

    OWN = enum.auto()
    PACKAGE = enum.auto()
    HARNESS = enum.auto()
    PASSED = enum.auto()
    QUIET = enum.auto()


@cache
def of(file: str) -> tuple[Origin, str]:
    """The origin of a file, and the name of its code: its path, or the folder of its package."""
    if file.startswith("<") or not file:
        return Origin.PASSED, ""
    if file in (linecache.__file__, traceback.__file__):
        return Origin.QUIET, ""
    path = Path(absolute(file))
    if path.parent.name.endswith((".dist-info", ".egg-info")):
        return Origin.PASSED, ""  # what is told about a package
    if path.is_relative_to(HARNESS):
        parts = path.relative_to(HARNESS).parts
        if parts[0] != "workspace_content":
            passed = parts[:2] in (("audit", "foreign"), ("judging", "observed"))
            return (Origin.PASSED if passed else Origin.HARNESS), ""
    elif length := _site(path.parts):
        return Origin.PACKAGE, str(Path(*path.parts[: length + 1]))
    elif str(path).startswith(STANDARD):
        return Origin.PASSED, ""
    return Origin.OWN, str(path)


def _site(parts: tuple[str, ...]) -> int:
    """Of how many parts the folder is that a file's package is installed in; 0 where it is none."""
    named = [n + 1 for n, part in enumerate(parts) if part in SITES]
    given = [len(site) for site in TARGETS if parts[: len(site)] == site]
    return max(named or given or [0])


def absolute(name: str) -> str:
    """A path from the root, as it was named: links are not followed."""
    return os.path.abspath(name)  # noqa: PTH100  (links stay, dots go)


def standard(file: str) -> bool:
    """Whether a file is the standard library's, or generated code."""
    return of(file)[0] is Origin.PASSED and not file.startswith(str(HARNESS))


def declared(top: str, packages: Sequence[str]) -> bool:
    """Whether a verifier that declares ``packages`` (distributions) may import ``top``: those, the
    standard library, and what the harness itself cannot be without."""
    if top in sys.stdlib_module_names or top in ("harness", PACKAGE):
        return True
    names = (*packages, *always())
    return top in {_name(one) for one in names} or any(top in provided(one) for one in names)


@cache
def provided(distribution: str) -> frozenset[str]:
    """The names that an installed distribution lets import; its own where it does not say."""
    try:
        one = metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return frozenset()
    listed = one.read_text("top_level.txt")
    lines = (listed or one.read_text("RECORD") or "").splitlines()
    tops = {line.partition(",")[0].partition("/")[0].partition(".")[0] for line in lines}
    return frozenset(name for name in tops if name.isidentifier())


@cache
def always() -> tuple[str, ...]:
    """The distributions without which there is no harness: nobody has to declare them."""
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:  # run from a folder of sources
        return ()
    return tuple(re.split(r"[^\w.-]", line)[0] for line in lines if "extra ==" not in line)


def _name(distribution: str) -> str:
    return re.sub(r"[-.]+", "_", distribution)
