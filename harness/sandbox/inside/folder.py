"""What a task may have left where the next one could find it, and how much its folder holds.

Inside the sandbox this module runs without the harness, on the standard library."""

# every entry costs system calls, and its name may be anything: plain strings
# ruff: noqa: PTH116

from __future__ import annotations

import _thread
import os


class Traces:
    """What of this sandbox a task can change for those after it: its folder and everything that
    tells of it (times, modes, the numbers of new files), and the count of process ids.

    Nothing is tidied up: a sandbox with a trace in it is thrown away."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._forks = 0
        os.register_at_fork(after_in_parent=self._forked)
        self._folder = _entry(root)
        self._free = 0
        # with process ids of its own, the server knows which are its own doing
        self._last = _next_id() if os.getpid() == 1 else None
        self.taken()

    def _forked(self) -> None:
        self._forks += 1

    def left(self) -> bool:
        """Whether there are any since the last time."""
        self.taken()
        if self.touched():
            return True
        if self._last is None:
            return False
        expected = self._last + self._forks + 1
        self._forks, self._last = 0, _next_id()
        return self._last != expected

    def touched(self) -> bool:
        """Whether anything was made, removed or listed in the folder, or its own entry changed: the
        time of a change cannot be set."""
        return _entry(self._root) != self._folder

    def taken(self) -> int:
        """Bytes that the disk has lost since the folder was last untouched, whoever took them:
        files count that were removed and are still held."""
        found = os.statvfs(self._root)
        free = found.f_bfree * found.f_frsize
        if not self.touched():
            self._free = free
        return self._free - free


def _entry(path: str) -> tuple[int, ...]:
    found = os.stat(path)
    times = (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)
    return (found.st_mode, found.st_nlink, found.st_size, *times)


def _next_id() -> int:
    """The number that the kernel gives to a new thread here, as to a process."""
    found: list[int] = []
    done = _thread.allocate_lock()
    done.acquire()

    def note() -> None:
        found.append(_thread.get_native_id())
        done.release()

    _thread.start_new_thread(note, ())
    done.acquire()
    return found[0]


def usable(root: str) -> bool:
    """Whether a file can be written under ``root``; writes none."""
    return os.access(root, os.W_OK | os.X_OK)


def used_bytes(root: str) -> int:
    """Bytes that the files under ``root`` take on disk, as far as 10,000 entries go."""
    total, entries, folders = 0, 0, [root]
    while folders and entries < 10_000:
        try:
            with os.scandir(folders.pop()) as found:
                for entry in found:
                    entries += 1
                    total += entry.stat(follow_symlinks=False).st_blocks * 512 + 512
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except OSError:
            continue
    return total if entries < 10_000 else 1 << 60
