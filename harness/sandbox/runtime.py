"""The files that make a Python interpreter run, and no others: what a candidate may read.

Left out on purpose is every installed package but numpy: benchmark packages hold the answers."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from harness.errors import SandboxError

#: parts of the standard library folder that are not the standard library, or useless inside
EXCLUDED = frozenset(
    {
        "site-packages",
        "dist-packages",
        "test",
        "tests",
        "idlelib",
        "tkinter",
        "turtledemo",
        "ensurepip",
        "lib2to3",
    }
)

_INVENTORY = """
import importlib, json, os, sys
stdlib = os.path.dirname(os.__file__)
for folder in sys.path:
    if folder.endswith("lib-dynload"):
        for file in os.listdir(folder):
            unwanted = ("_tkinter", "_test", "xx", "_xx", "nis", "readline", "_curses")
            if not file.startswith(unwanted):
                try:
                    importlib.import_module(file.partition(".")[0])
                except Exception:
                    pass
# numpy needs these
for library in "libstdc++.so.6 libgcc_s.so.1 libpthread.so.0 libdl.so.2 librt.so.1".split():
    try:
        importlib.import_module("ctypes").CDLL(library)
    except Exception:
        pass
libraries = set()
if os.path.exists("/proc/self/maps"):
    with open("/proc/self/maps") as maps:
        for line in maps:
            path = line[73:].strip()
            shared = path.startswith("/") and ".so" in os.path.basename(path)
            if shared and not path.startswith(stdlib):
                libraries.add(path)
print(json.dumps([os.path.realpath(sys.executable), sys.prefix, stdlib, sorted(libraries)]))
"""


@dataclass(frozen=True)
class Runtime:
    """A Python installation: its executable, its prefix, its standard library and the shared
    libraries it maps."""

    executable: Path
    prefix: Path
    stdlib: Path
    libraries: tuple[Path, ...]

    @property
    def entries(self) -> tuple[Path, ...]:
        """What of the standard library folder belongs inside."""
        return tuple(
            path
            for path in sorted(self.stdlib.iterdir())
            if path.name not in EXCLUDED and not path.name.startswith("config-")
        )

    @functools.cached_property
    def library_names(self) -> dict[Path, Path]:
        """Every name under which the loader may look for a library, with the real file behind
        it."""
        names = {}
        for library in self.libraries:
            stem = library.name.partition(".so")[0] + ".so"
            for name in library.parent.glob(f"{stem}*"):
                if name.resolve() == library:
                    names[name] = library
        for folder in ("/lib64", "/lib"):
            for name in Path(folder).glob("ld-*.so*"):
                names[name] = name.resolve()
        cache = Path("/etc/ld.so.cache")
        return {**names, cache: cache} if cache.exists() else names


_found: list[Runtime] = []


def find_runtime() -> Runtime:
    """The interpreter that runs the harness, without its virtual environment. Raises
    :class:`SandboxError`."""
    if not _found:
        adopt(_inventory())
    return _found[0]


def adopt(runtime: Runtime) -> None:
    """Take what another process of the harness has found, instead of looking for it again."""
    _found[:] = [runtime]


def _inventory() -> Runtime:
    base = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    found = subprocess.run(
        [base, "-I", "-S", "-c", _INVENTORY], capture_output=True, text=True, check=False
    )
    if found.returncode != 0:
        raise SandboxError(
            f"the interpreter {base} does not start by itself: {found.stderr.strip()[-300:]}"
        )
    executable, prefix, stdlib, libraries = json.loads(found.stdout)
    return Runtime(
        Path(executable), Path(prefix), Path(stdlib), tuple(Path(path) for path in libraries)
    )


@functools.cache
def packages() -> tuple[Path, ...]:
    """What answers may import besides the standard library: numpy, as the official scorer has it,
    where installed."""
    found = importlib.util.find_spec("numpy")
    if found is None or found.origin is None:
        return ()
    folder = Path(found.origin).parent
    return tuple(path for path in (folder, folder.with_name("numpy.libs")) if path.is_dir())


def server_files() -> dict[str, Path]:
    """The server's modules, by their place under the folder that
    :func:`harness.sandbox.launch.boot_code` is given."""
    from harness.sandbox.inside.worker import INSIDE

    here = Path(__file__).parent / "inside"
    return {f"harness/sandbox/inside/{name}.py": here / f"{name}.py" for name in INSIDE}
