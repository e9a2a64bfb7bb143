"""The sandbox of Landlock and seccomp through PyPI ``sandlock``: Linux with nothing installed but
Python packages.

There is no mount and no process namespace here. Landlock leaves the interpreter's own files
readable and one private folder writable; the system call filter refuses sockets, other processes
and changes of modes and times, which Landlock does not guard; the server looks after the size of
the folder."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.errors import SandboxError
from harness.sandbox.inside import seccomp
from harness.sandbox.launch import (
    SANDBOX_UID,
    boot_code,
    child_environment,
    private_folder,
    settings,
    start,
)
from harness.sandbox.limits import Limits
from harness.sandbox.runtime import Runtime, find_runtime, packages, server_files
from harness.sandbox.task import Server

_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_CAP_DAC_READ_SEARCH = 2
_PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 47, 2
_CAPABILITY_VERSION = 0x20080522


class Landlock:
    """Linux 5.13 or newer with the package ``sandlock``; needs no root, no daemon and no
    namespaces."""

    name = "landlock"
    needs = (
        "pip install sandlock; the kernel must offer Landlock (Linux 5.13 or newer,"
        " lsm=...,landlock)"
    )

    def __init__(self, readable: tuple[str, ...] = ()) -> None:
        self._readable = readable
        self.description = "landlock"

    def launch(self, limits: Limits) -> Server:
        """See :class:`harness.sandbox.base.Backend`."""
        abi = _abi()
        if not seccomp.supported():
            raise SandboxError(f"no system call table for {os.uname().machine}")
        degraded = (
            "" if abi >= 6 else ", degraded: signals and abstract sockets are left to seccomp"
        )
        self.description = f"sandlock, Landlock ABI {abi}{degraded}, no sockets, seccomp"
        runtime = find_runtime()
        folder, remove = private_folder()
        try:
            return self._start(runtime, folder, limits, remove)
        except BaseException:
            remove()
            raise

    def _start(
        self, runtime: Runtime, folder: Path, limits: Limits, remove: Callable[[], None]
    ) -> Server:
        root, temp = os.getuid() == 0, folder / "tmp"
        folder.chmod(0o711 if root else 0o700)
        temp.mkdir(mode=0o700)
        home = link_library(runtime, folder)
        if root:
            os.chown(temp, SANDBOX_UID, SANDBOX_UID)
        libraries = set(runtime.library_names.values())
        readable = [
            runtime.executable,
            *runtime.entries,
            *libraries,
            home,
            *packages(),
            *server_files().values(),
        ]
        policy = {
            "readable": [*map(str, readable), *_DEVICES, *self._readable],
            "writable": [str(temp), "/dev/null"],
            "uid": SANDBOX_UID if root else None,
            "private": root and not _open_to_all(runtime.stdlib),
            "argv": [
                str(runtime.executable),
                "-s",
                "-S",
                "-B",
                "-X",
                "utf8",
                "-c",
                boot_code(str(home / "server")),
            ],
            "env": {**child_environment(str(temp)), "PYTHONHOME": str(home)},
        }
        helper = [
            sys.executable,
            "-c",
            "from harness.sandbox.backends.landlock import enter; enter()",
            json.dumps(policy),
        ]
        environment = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        others = _processes_of(SANDBOX_UID if root else os.getuid())
        configuration = settings(
            str(temp),
            limits,
            guard_metadata=True,
            police=True,
            others=others,
            python_home=str(home),
            packages=str(home / "packages"),
        )
        return start(helper, environment, configuration, remove)


def _abi() -> int:
    if sys.platform != "linux":
        raise SandboxError("Landlock is a part of Linux")
    if importlib.util.find_spec("sandlock") is None:
        raise SandboxError("the package sandlock is not installed")
    try:
        import sandlock

        abi: int = sandlock.landlock_abi_version()
    except (
        Exception
    ) as error:  # a foreign library that loads native code: whatever it raises, it does not work
        raise SandboxError(f"sandlock does not load: {error}") from None
    if abi < 1:
        raise SandboxError("the kernel does not offer Landlock")
    return abi


def link_library(runtime: Runtime, folder: Path) -> Path:
    """A Python home of links to the standard library and to the server: folders that may be listed.

    Landlock cannot allow a folder and forbid ``site-packages`` below it."""
    home = folder / "home"
    library = home / runtime.stdlib.relative_to(runtime.prefix)
    library.mkdir(parents=True)
    for entry in runtime.entries:
        (library / entry.name).symlink_to(entry)
    (home / "packages").mkdir()
    for package in packages():
        (home / "packages" / package.name).symlink_to(package)
    for place, file in server_files().items():
        (home / "server" / place).parent.mkdir(parents=True, exist_ok=True)
        (home / "server" / place).symlink_to(file)
    return home


def _open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o5 == 0o5 for folder in (path, *path.parents))


def _processes_of(uid: int) -> int:
    """Threads of that user now: a limit on processes counts them too where there is no user
    namespace."""
    count = 0
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and process.stat().st_uid == uid:
                count += sum(1 for _ in (process / "task").iterdir())
        except OSError:  # gone meanwhile
            continue
    return count


def enter() -> None:
    """Confine this process as the policy in ``argv[1]`` says and become the server. Runs in a
    process of its own."""
    import sandlock

    policy = json.loads(sys.argv[1])
    if policy["uid"] is not None:
        _leave_root(policy["uid"], keep_reading=policy["private"])
    protections: list[Any] = list(sandlock.Protection)
    sandlock.confine(
        sandlock.Sandbox(
            fs_readable=policy["readable"],
            fs_writable=policy["writable"],
            allow_degraded=protections,
        )
    )
    os.execve(policy["argv"][0], policy["argv"], policy["env"])


def _leave_root(uid: int, keep_reading: bool) -> None:
    """Become another user without privileges; ``keep_reading`` where the interpreter lies in a
    private home.

    It keeps the one capability to pass through closed folders: what may be read is then still
    Landlock's list."""
    libc = ctypes.CDLL(None, use_errno=True)
    if keep_reading:
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    if keep_reading:
        mask = 1 << _CAP_DAC_READ_SEARCH
        header, sets = (
            struct.pack("Ii", _CAPABILITY_VERSION, 0),
            struct.pack("6I", mask, mask, mask, 0, 0, 0),
        )
        if libc.capset(header, sets) != 0:
            raise OSError(ctypes.get_errno(), "capset")
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_READ_SEARCH, 0, 0)
