"""Starting a fork server as a process of this machine, the same way for every sandbox but
docker's."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import secrets
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import SandboxError
from harness.sandbox.limits import Limits
from harness.sandbox.runtime import find_runtime
from harness.sandbox.task import Server

#: the server, spare processes and a slow one of the task before; a limit on processes counts them
SERVERS_OWN = 8


def free_uid() -> int:
    """A user that this machine does not know, for one sandbox alone: what the kernel counts by user
    is then counted by sandbox."""
    while True:
        uid = 20_000 + secrets.randbelow(40_000)
        try:
            pwd.getpwuid(uid)
        except KeyError:
            return uid


def child_environment(temp: str) -> dict[str, str]:
    """The whole environment inside: nothing of the harness's own. A fixed hash seed makes verdicts
    repeat."""
    return {
        "PATH": os.defpath,
        "HOME": temp,
        "TMPDIR": temp,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "MALLOC_ARENA_MAX": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # what is looked up before the fork is not looked up in every candidate's process
        "LD_BIND_NOW": "1",
    }


def settings(
    temp: str,
    limits: Limits,
    *,
    uid: int | None = None,
    guard_metadata: bool = False,
    police: bool = False,
    others: int = 0,
    walls: dict[str, Any] | None = None,
    python_home: str | None = None,
    packages: str | None = None,
) -> dict[str, Any]:
    """What the server is told first.

    ``uid``: the user to become. ``guard_metadata``: files of the host are in reach of chmod.
    ``police``: no file system or memory limit of the kernel holds, the server has to look.
    ``others``: processes of that user which a limit on processes would count too. ``walls``: what
    it puts around itself, see :mod:`harness.sandbox.inside.confine`. ``python_home``:
    where the interpreter finds its library, if not in its own place. ``packages``: the folder that
    holds the packages an answer may import."""
    return {
        "temp": temp,
        "path": os.defpath,
        "uid": uid,
        "guard_metadata": guard_metadata,
        "police": {"temp": limits.temp_bytes, "memory": limits.memory} if police else None,
        "others": others + SERVERS_OWN,
        "walls": {
            "readable": [],
            "hidden": [],
            "writable": [],
            "private": False,
            "namespaces": 0,
            **(walls or {}),
        },
        "python": str(find_runtime().executable),
        "python_home": python_home,
        "packages": packages,
    }


def private_folder() -> tuple[Path, Callable[[], None]]:
    """A new folder for one sandbox, and what removes it; a lock in it says that its owner lives."""
    sweep()
    # macOS's own folder is a link, and its profiles see real paths
    folder = Path(tempfile.mkdtemp(prefix="harness-sandbox-")).resolve()
    held = (folder / "unlocked").open("wb")
    fcntl.flock(held, fcntl.LOCK_EX)
    (folder / "unlocked").rename(folder / "lock")

    def remove() -> None:
        _remove(folder)
        held.close()

    return folder, remove


def sweep() -> None:
    """Remove the folders of owners that were killed before they could tidy up."""
    for lock in Path(tempfile.gettempdir()).glob("harness-sandbox-*/lock"):
        with contextlib.suppress(OSError), lock.open("rb") as file:
            if lock.stat().st_uid == os.getuid():
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(lock.parent)


def _remove(folder: Path) -> None:
    """As ``rm`` does it: no tree is too deep for it, and no link that a dying candidate still makes
    misleads it."""
    if os.getuid() != 0:
        subprocess.run(
            ["chmod", "-R", "u+rwx", str(folder)], stderr=subprocess.DEVNULL, check=False
        )
    subprocess.run(["rm", "-rf", str(folder)], stderr=subprocess.DEVNULL, check=False)


def boot_code(root: str) -> str:
    """A program for ``python -c`` that runs :mod:`harness.sandbox.inside.worker` from its files
    under ``root``."""
    return (
        f"import sys; sys.path[0] = {root!r}; from harness.sandbox.inside.worker import main;"
        " main()"
    )


def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    configuration: dict[str, Any],
    clean_up: Callable[[], None] = lambda: None,
) -> Server:
    """Start ``command`` with the control socket as its standard input and shake hands.

    ``clean_up`` runs once the process is gone. Raises :class:`SandboxError` with what it wrote to
    stderr."""
    near, far = socket.socketpair()
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the sandbox
    try:
        process = subprocess.Popen(
            command,
            stdin=far.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=dict(environment),
            cwd="/",  # nothing of the working folder is ever on a path
        )
    except OSError as error:
        near.close()
        clean_up()
        raise SandboxError(f"{command[0]}: {error.strerror}") from None
    finally:
        far.close()

    def stop() -> str:
        near.close()
        process.kill()
        process.wait()
        clean_up()
        with errors:
            errors.seek(0)
            return errors.read(4000).decode(errors="replace")

    server = Server(near, configuration, stop)
    server.handshake()
    return server
