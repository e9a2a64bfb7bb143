"""The processor cores that this process may use, and keeping a worker on one of them."""

from __future__ import annotations

import os
import sys


def available() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def listed() -> str | None:
    """The cores of this process as a list for cgroups; ``None`` when they are all that there are,
    or not known."""
    if not hasattr(os, "sched_getaffinity") or available() == os.cpu_count():
        return None
    return ",".join(map(str, sorted(os.sched_getaffinity(0))))


def one_each(workers: int) -> list[int | None]:
    """A core for each of ``workers``, where they are as many as the cores and the system can keep
    them there; else ``None`` for each.

    For workers with a sandbox that answers them call by call: waking a process on another core
    costs more than the other core gains."""
    if sys.platform != "linux" or workers != available():
        return [None] * workers
    return [*sorted(os.sched_getaffinity(0))]


def keep_to(core: int) -> None:
    """Stay on ``core``, with every process started from now on."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {core})
