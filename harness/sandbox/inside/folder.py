"""The private folder of a task: how much it holds, and how to empty it whatever was done to it.

Inside the sandbox this module runs without the harness, on the standard library."""

# every entry costs system calls, and its name may be anything: plain strings
# ruff: noqa: PTH101, PTH104, PTH106, PTH108, PTH112, PTH114, PTH116, PTH208

from __future__ import annotations

import os
import time


def usable(root: str) -> bool:
    """Whether a file can be written under ``root``."""
    try:
        os.close(os.open(f"{root}/.probe", os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError:
        return False
    return True


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


def empty(root: str) -> bool:
    """Remove everything under ``root``, whatever its modes and depth; false when that fails or
    takes 2 seconds.

    Folders are flattened by renaming what they hold into ``root``: no recursion, no long paths."""
    deadline, serial = time.monotonic() + 2, 0
    try:
        found = os.stat(root)
        if found.st_uid == os.getuid() and found.st_mode & 0o777 != 0o700:
            os.chmod(root, 0o700)
        while names := os.listdir(root):
            for path in (f"{root}/{name}" for name in names):
                if time.monotonic() > deadline:
                    return False
                if not os.path.isdir(path) or os.path.islink(path):
                    os.unlink(path)
                    continue
                os.chmod(path, 0o700)
                for name in os.listdir(path):
                    inner, serial = f"{path}/{name}", serial + 1
                    if os.path.isdir(inner) and not os.path.islink(inner):
                        os.chmod(inner, 0o700)
                    os.rename(inner, f"{root}/.{os.urandom(8).hex()}.{serial}")
                os.rmdir(path)
    except OSError:
        return False
    return True
