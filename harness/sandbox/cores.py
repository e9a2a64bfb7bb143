"""The processor cores that this process may use, and keeping a worker on one of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

_held: list[
    IO[bytes]
] = []  # locks of this process; the kernel frees them when it ends, however it ends


def available() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def listed() -> str | None:
    """The cores of this process as a list for cgroups; ``None`` when they are all that there are,
    or not known.
    """
    if not hasattr(os, "sched_getaffinity") or available() == os.cpu_count():
        return None
    return ",".join(map(str, sorted(os.sched_getaffinity(0))))


def keep_to_one(folder: Path) -> None:
    """Stay on a core that no other process has taken in ``folder``, with every process started from
    now on.

    For workers as many as cores, each with a sandbox that answers it call by call: waking a process
    on another core costs more than the other core gains. Where the system cannot do it (macOS), and
    when all are taken, nothing happens.
    """
    if sys.platform != "linux":
        return
    import fcntl

    for core in sorted(os.sched_getaffinity(0)):
        lock = (folder / str(core)).open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        os.sched_setaffinity(0, {core})
        _held.append(lock)
        return
