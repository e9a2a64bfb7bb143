"""The sandbox of Landlock and seccomp: Linux with nothing installed but this package.

Where the kernel grants namespaces, to root or to everyone, the server takes them: then all of the
host is read-only, the private folder a file system of its own size, processes are numbered and
counted apart. Where it does not, Landlock leaves the interpreter's own files readable and one
private folder writable; the system call filter refuses sockets, other processes and changes of
modes and times, which Landlock does not guard; the server looks after the size of the folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from harness.errors import SandboxError
from harness.sandbox.inside import confine, seccomp
from harness.sandbox.launch import (
    boot_code,
    child_environment,
    free_uid,
    private_folder,
    settings,
    start,
)
from harness.sandbox.limits import Limits
from harness.sandbox.runtime import Runtime, find_runtime, packages, server_files
from harness.sandbox.task import Server

_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
#: processes that the user may start elsewhere while a sandbox stands, where they count with it
_SLACK = 256


class Landlock:
    """Linux 5.13 or newer; needs no root, no daemon and no other program."""

    name = "landlock"
    needs = "the kernel must offer Landlock (Linux 5.13 or newer, lsm=...,landlock)"

    def __init__(self, readable: tuple[str, ...] = (), *, namespaces: bool = True) -> None:
        self._readable = readable
        self._namespaces = namespaces
        self.description = "landlock"

    def launch(self, limits: Limits) -> Server:
        """See :class:`harness.sandbox.base.Backend`."""
        if sys.platform != "linux":
            raise SandboxError("Landlock is a part of Linux")
        version = confine.landlock_version()
        if version < 1:
            raise SandboxError("the kernel does not offer Landlock")
        if not seccomp.supported():
            raise SandboxError(f"no system call table for {os.uname().machine}")
        runtime = find_runtime()
        folder, remove = private_folder()
        try:
            server = self._start(runtime, folder, limits, remove)
        except BaseException:
            remove()
            raise
        holds = "mounts and processes of its own"
        if not server.ready["namespaces"]:
            degraded = "; signals and abstract sockets left to seccomp" if version < 6 else ""
            holds = f"degraded: no namespaces, the disk is watched{degraded}"
        self.description = f"Landlock ABI {version}, {holds}, no sockets, seccomp"
        return server

    def _start(
        self, runtime: Runtime, folder: Path, limits: Limits, remove: Callable[[], None]
    ) -> Server:
        uid, temp = free_uid() if os.getuid() == 0 else None, folder / "tmp"
        folder.chmod(0o700 if uid is None else 0o711)
        temp.mkdir(mode=0o700)
        home = link_library(runtime, folder)
        if uid is not None:
            os.chown(temp, uid, uid)
        readable = [
            runtime.executable,
            *runtime.entries,
            *set(runtime.library_names.values()),
            home,
            *packages(),
            *server_files().values(),
        ]
        walls = {
            "readable": [*map(str, readable), *_DEVICES, *self._readable],
            "writable": [str(temp), "/dev/null"],
            "private": uid is not None and not _open_to_all(runtime.stdlib),
            "namespaces": limits.temp_bytes if self._namespaces else 0,
        }
        configuration = settings(
            str(temp),
            limits,
            uid=uid,
            guard_metadata=True,
            police=True,
            walls=walls,
            python_home=str(home),
            packages=str(home / "packages"),
        )
        flags = ("-s", "-S", "-B", "-X", "utf8", "-c")
        python = [str(runtime.executable), *flags, boot_code(str(home / "server"))]
        environment = {**child_environment(str(temp)), "PYTHONHOME": str(home)}
        server = start(python, environment, configuration, remove)
        if uid is None and not server.ready["namespaces"]:
            server.settings["others"] += _threads_of(os.getuid()) + _SLACK
        return server


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


def _threads_of(uid: int) -> int:
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
