"""What the server puts around itself before it has read anything of a candidate: namespaces where
the kernel grants them, another user, and Landlock.

Inside the sandbox this module runs without the harness, on the standard library."""

# no pathlib: one more module in every fork
# ruff: noqa: PTH112, PTH123, PTH208

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Sequence
from typing import Any

from harness.sandbox.inside.seccomp import prctl

_NEW_MOUNTS, _NEW_UTS, _NEW_IPC, _NEW_USER, _NEW_PIDS = (
    0x00020000,
    0x04000000,
    0x08000000,
    0x10000000,
    0x20000000,
)
_NOSUID_NODEV, _RECURSIVE_PRIVATE = 2 | 4, 0x4000 | (1 << 18)
_READ_ONLY, _RECURSIVE = 1, 0x8000  #: of mount_setattr
_MOUNT_SETATTR, _CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 442, 444, 445, 446
_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_SET_NO_NEW_PRIVS = 1, 8, 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_CAP_DAC_READ_SEARCH, _CAPABILITY_VERSION = 2, 0x20080522
#: rights of Landlock: those of a file, those that read, and how many a version knows
_OF_FILES, _READS, _KNOWN = 0b1100000000000111, 0b1101, (13, 14, 15, 15, 16)

_libc: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _done(result: int, what: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


def _call(number: int, *arguments: int | bytes | None) -> int:
    made = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return int(_libc.syscall(ctypes.c_long(number), *made))


def landlock_version() -> int:
    """The version of Landlock that the kernel offers, 0 for none."""
    return max(_call(_CREATE_RULESET, None, 0, 1), 0) if _libc else 0


def own_namespaces(temp: str, size: int, owner: int) -> bool:
    """Go on as process 1 of new namespaces, with all of the host read-only and ``temp`` a file
    system of ``size`` bytes; false, and nothing changed, where the kernel does not grant them."""
    trial = os.fork()
    if trial == 0:
        try:
            _unshare(temp, size, owner)
        except OSError:
            os._exit(1)
        os._exit(0)
    if os.waitpid(trial, 0)[1] != 0:
        return False
    _unshare(temp, size, owner)
    first = os.fork()
    if first:
        os.closerange(0, 256)  # the end of the control socket is the child's alone
        os.waitpid(first, 0)
        os._exit(0)
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return True


def _unshare(temp: str, size: int, owner: int) -> None:
    user, group = os.getuid(), os.getgid()
    wanted = _NEW_MOUNTS | _NEW_UTS | _NEW_IPC | _NEW_PIDS | (_NEW_USER if user else 0)
    _done(_libc.unshare(wanted), "unshare")
    if user:
        maps = {"setgroups": "deny", "uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}
        for name, text in maps.items():
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    _done(_libc.mount(None, b"/", None, ctypes.c_ulong(_RECURSIVE_PRIVATE), None), "mount")
    # also keeps reading from being seen later in the access times of the host's files
    attributes = struct.pack("QQQQ", _READ_ONLY, 0, 0, 0)
    _done(_call(_MOUNT_SETATTR, -100, b"/", _RECURSIVE, attributes, len(attributes)), "mount")
    empty = "size=4k,mode=0555"  # what the machine tells of itself and of other processes
    own = f"size={size},nr_inodes=4096,mode=0700,uid={owner}"
    for place, options, flags in (("/sys", empty, 1), ("/proc", empty, 1), (temp, own, 0)):
        how = ctypes.c_ulong(_NOSUID_NODEV | flags)
        made = _libc.mount(b"tmpfs", os.fsencode(place), b"tmpfs", how, options.encode())
        _done(made, f"mount {place}")


def become(user: int | None, keep_reading: bool = False) -> None:
    """Give up all privileges, and as root become ``user``.

    ``keep_reading`` keeps the one to pass through closed folders, where the interpreter lies in a
    private home: what may be read is then still Landlock's list."""
    if user is not None and os.getuid() == 0:
        if keep_reading:
            prctl(_PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    kept = 1 << _CAP_DAC_READ_SEARCH if keep_reading else 0
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    _done(_libc.capset(header, struct.pack("6I", kept, kept, kept, 0, 0, 0)), "capset")
    if keep_reading:
        _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_READ_SEARCH, 0, 0)


def restrict(readable: Sequence[str], writable: Sequence[str]) -> None:
    """Leave this process and its children no files but these. Raises ``OSError``."""
    version = landlock_version()
    if version == 0:
        return
    rights = (1 << _KNOWN[min(version, 5) - 1]) - 1
    handled = struct.pack("QQQ", rights, 3, 3)  # files; binding and connecting; names and signals
    ruleset = _done(
        _call(_CREATE_RULESET, handled, 24 if version >= 6 else 16 if version >= 4 else 8, 0),
        "landlock",
    )
    for paths, granted in ((readable, _READS), (writable, rights)):
        for path in paths:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            granted_here = granted & rights & (rights if os.path.isdir(path) else _OF_FILES)
            rule = struct.pack("=Qi", granted_here, place)
            _done(_call(_ADD_RULE, ruleset, 1, rule, 0), f"landlock {path}")
            os.close(place)
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _done(_call(_RESTRICT_SELF, ruleset, 0), "landlock")
    os.close(ruleset)


def beside(hidden: Sequence[str]) -> list[str]:
    """Everything in the root folder but ``hidden``."""
    return [f"/{name}" for name in os.listdir("/") if name not in hidden]
