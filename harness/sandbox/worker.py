"""The fork server inside the sandbox: a fresh process for each candidate, from a warm interpreter.

    harness  --control-->  server (this program)            start, stop, end of file
    harness  --channel-->  one candidate's process          load, call, result

The server never reads a candidate's text: it only passes on the channel, a new one for each task, that the candidate's
process reads for itself. The candidate's process never holds the control socket. One spare process stands forked
ahead, untouched by any candidate, so that forking overlaps with judging.

It runs without the harness, on the standard library and the modules of ``INSIDE``, and exits when the harness closes
the control socket; all its children die with it.
"""

from __future__ import annotations

import gc
import importlib
import os
import select
import signal
import socket
import sys
from typing import Any

from harness.sandbox import codec, seccomp
from harness.sandbox.candidate import live
from harness.sandbox.folder import empty, usable, used_bytes
from harness.sandbox.wire import receive

INSIDE = ("worker", "candidate", "codec", "folder", "seccomp", "wire")  #: the modules a sandbox needs to hold
LINUX = sys.platform == "linux"
#: what solutions commonly import: loaded once here instead of once per candidate. Left out is what makes every fork
#: dearer: threading (0.4 ms), hashlib with OpenSSL, dataclasses with inspect
PRELOADED = (
    "abc bisect cmath collections contextlib copy decimal enum fractions functools heapq itertools json math numbers "
    "operator random re string typing"
)
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


class Task:
    """One forked process, first a spare that waits for its channel, then a candidate's."""

    def __init__(self, server: Server, tool: bool) -> None:
        self.tool = tool
        self.announced = False
        self.over: str | None = None
        self.birth, child_end = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                server.leave(self)
                live(child_end, server.settings, server.filters, tool)
            finally:
                os._exit(70)
        child_end.close()

    def begin(self, limits: dict[str, Any], fds: list[int]) -> None:
        """Hand the channel (and a tool's output pipes) over; the process reads its orders from there."""
        socket.send_fds(self.birth, [codec.pack(limits)], fds)
        self.birth.close()

    def kill(self, whole_namespace: bool) -> dict[str, Any]:
        """End the process and all it started; how it had ended, if it already had."""
        targets = [(os.killpg, self.pid)] if self.tool else []
        for send, target in [*targets, *([(os.kill, -1)] if whole_namespace else []), (os.kill, self.pid)]:
            try:
                send(target, signal.SIGKILL)
            except ProcessLookupError:
                continue
        _, status, usage = os.wait4(self.pid, 0)
        return {
            "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            "cpu": usage.ru_utime + usage.ru_stime,
            "rss": usage.ru_maxrss * (1024 if LINUX else 1),
            "over": self.over,
        }

    def gone(self) -> bool:
        """Whether the process has ended by itself; it stays to be waited for."""
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, flags) is not None


class Server:
    """The loop: one task at a time, one spare process ahead of it."""

    def __init__(self, control: socket.socket, settings: dict[str, Any], filters: dict[str, seccomp.Filter]) -> None:
        self.control = control
        self.settings = settings
        self.filters = filters
        self.temp = settings["temp"]
        self.current: Task | None = None
        self.standby = Task(self, tool=False)

    def leave(self, task: Task) -> None:
        """In a new child: close what only the server may hold."""
        self.control.close()
        task.birth.close()
        for other in (getattr(self, "current", None), getattr(self, "standby", None)):
            if other is not None:
                other.birth.close()

    def run(self) -> None:
        """Serve until the harness closes the control socket."""
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        while True:
            if poll.poll(self.pause()):
                message, fds = receive(self.control, 3)
                if message is None:
                    break
                if message["op"] == "start":
                    self.start(message["limits"], fds)
                else:
                    report = self.stop()
                    self.send(report)
                    if not report.get("clean"):
                        break  # no task may find what another one left
            elif self.current is not None:
                self.watch(self.current)
        for task in (self.current, self.standby):
            if task is not None:
                task.kill(False)

    def pause(self) -> int | None:
        """Milliseconds until the running task wants a look: a tool may end, a candidate may fill the disk."""
        if self.current is None:
            return None
        if self.current.tool and not self.current.announced:
            return 5
        return 50 if self.settings["police"] else None

    def start(self, limits: dict[str, Any], fds: list[int]) -> None:
        self.current = Task(self, tool=True) if limits["tool"] else self.standby
        self.current.begin(limits, fds)
        for fd in fds:  # before the next fork: no process may inherit another one's channel
            os.close(fd)
        if not limits["tool"]:
            self.standby = Task(self, tool=False)

    def stop(self) -> dict[str, Any]:
        if self.current is None:
            return {"error": "no task runs"}
        # as process 1 of a namespace the server can end all that a tool left, the spare process with it
        everything = self.current.tool and os.getpid() == 1
        report = self.current.kill(everything)
        self.current = None
        if everything:
            while _reap():
                pass
            self.standby = Task(self, tool=False)
        report["clean"] = empty(self.temp)
        return report

    def watch(self, task: Task) -> None:
        """Where no file system or memory limit does it for us, look and kill."""
        if task.tool and not task.announced and task.gone():
            task.announced = True
            self.send({"gone": True})
        elif self.settings["police"]:
            if used_bytes(self.temp) > self.settings["police"]["temp"]:
                task.over = "disk"
            elif not LINUX and footprint(task.pid) > self.settings["police"]["memory"]:
                task.over = "memory"
            if task.over:
                (os.killpg if task.tool else os.kill)(task.pid, signal.SIGKILL)

    def send(self, message: dict[str, Any]) -> None:
        self.control.sendall(codec.pack(message))


def _reap() -> bool:
    try:
        os.wait()
    except ChildProcessError:
        return False
    return True


def footprint(pid: int) -> int:
    """Memory in bytes that macOS charges to a process; 0 when it does not tell."""
    import ctypes

    buffer = (ctypes.c_uint64 * 40)()
    if ctypes.CDLL("/usr/lib/libproc.dylib").proc_pid_rusage(pid, 2, ctypes.byref(buffer)) != 0:
        return 0
    return int(buffer[2 + 7])  # ri_phys_footprint of rusage_info_v2, after a 16-byte uuid


def _harden(settings: dict[str, Any]) -> dict[str, seccomp.Filter]:
    """Give up what the server itself does not need; from here on candidates' processes inherit it."""
    if settings["uid"] is not None and os.getuid() == 0:
        os.setgroups([])
        os.setresgid(settings["uid"], settings["uid"], settings["uid"])
        os.setresuid(settings["uid"], settings["uid"], settings["uid"])
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    if LINUX:
        # no one of the same user may trace this process or open its files in /proc
        seccomp.prctl(_PR_SET_DUMPABLE, 0)
        seccomp.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        guard = settings["guard_metadata"]
        filters = {"candidate": seccomp.candidate_filter(guard), "tool": seccomp.tool_filter(guard)}
        seccomp.server_filter().install()
        return filters
    return {}


def _preload() -> None:
    """Load ``PRELOADED``, with ``random`` in a fixed state that no fork reseeds: an answer's own draws repeat."""
    register, os.register_at_fork = os.register_at_fork, lambda **_: None
    try:
        for module in PRELOADED.split():
            importlib.import_module(module)
    finally:
        os.register_at_fork = register
    sys.modules["random"].seed(0)


def main() -> None:
    """Connect (a path in ``argv[1]``) or take standard input as control socket, harden, serve."""
    del sys.path[0]  # the place of these modules; a candidate has no use for it
    if len(sys.argv) > 1:
        control = socket.socket(socket.AF_UNIX)
        control.connect(sys.argv[1])
    else:
        control = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    settings, _ = receive(control)
    if settings is None:
        return
    _preload()
    filters = _harden(settings)
    os.dup2(null, 2)
    os.close(null)
    gc.collect()
    gc.freeze()
    gc.disable()
    server = Server(control, settings, filters)
    server.send({"ready": usable(settings["temp"]) and empty(settings["temp"])})
    server.run()
