"""The fork server inside the sandbox: a fresh process for each candidate, from a warm interpreter.

    harness  --control-->  server (this program)            tool, stop, end of file
    harness  --channel-->  one candidate's process          limits, load, call, result

Each process has a channel of its own, made before it is forked; the server hands the other end to
the harness when the task before is over, and never reads a candidate's text. The candidate's
process never holds the control socket. One spare process stands forked ahead, untouched by any
candidate, so that forking overlaps with judging.

It runs without the harness, on the standard library and the modules of ``INSIDE``, and exits when
the harness closes the control socket; all its children die with it."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from harness.sandbox.inside import confine, seccomp
from harness.sandbox.inside.candidate import answer_calls, become_tool, rehearse
from harness.sandbox.inside.folder import Traces, usable, used_bytes
from harness.sandbox.inside.wire import receive, send

#: the modules a sandbox needs to hold
INSIDE = (
    "worker",
    "candidate",
    "codec",
    "confine",
    "folder",
    "frames",
    "seccomp",
    "wakeup",
    "wire",
)
LINUX = sys.platform == "linux"
#: what solutions commonly import: loaded once here instead of once per candidate. Left out is what
#: makes every fork
#: dearer: threading (0.4 ms), hashlib with OpenSSL, dataclasses with inspect
PRELOADED = (
    "abc bisect cmath collections contextlib copy decimal enum fractions functools heapq itertools"
    " json math numbers operator random re string typing"
)
#: forked in a row where judge and server share one core, as each warms the next; where there is
#: another core, one by one, each while the next task runs
SPARES = 4
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


class Task:
    """One forked process: a candidate's, from its birth as a spare, or a tool's."""

    def __init__(self, life: Callable[[], NoReturn], tool: bool = False) -> None:
        self.tool = tool
        self.announced = False
        self.over: str | None = None
        self.ended = False
        self.pid = os.fork()
        if self.pid == 0:
            try:
                life()
            finally:
                os._exit(70)

    def kill(self) -> dict[str, Any]:
        """End the process, and the group of a tool; how it had ended, if it already had."""
        self.ended = True
        for end in (os.killpg, os.kill) if self.tool else (os.kill,):
            with contextlib.suppress(ProcessLookupError):
                end(self.pid, signal.SIGKILL)
        _, status, usage = os.wait4(self.pid, 0)
        return {
            "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            "cpu": usage.ru_utime + usage.ru_stime,
            "preempted": usage.ru_nivcsw,
            "yielded": usage.ru_nvcsw,
            "rss": usage.ru_maxrss * (1024 if LINUX else 1),
            "over": self.over,
        }

    def gone(self) -> bool:
        """Whether the process has ended by itself; it stays to be waited for."""
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, flags) is not None


class Server:
    """The loop. Always there: the process whose channel the harness holds, and behind it spare
    ones, forked while the next task already runs."""

    def __init__(
        self, control: socket.socket, settings: dict[str, Any], filters: dict[str, seccomp.Filter]
    ) -> None:
        self.control = control
        self.settings = settings
        self.filters = filters
        self.temp = settings["temp"]
        self.tool: Task | None = None
        self.traces = Traces(self.temp)
        alone = LINUX and len(os.sched_getaffinity(0)) == 1
        self.row = SPARES if alone else 1
        self.spares = [self.fork() for _ in range(1 + self.row)]
        self.current, self.channel = self.next()

    def next(self) -> tuple[Task, socket.socket]:
        """The oldest spare process that still waits: a kernel short of memory may have ended some,
        and so may a candidate of macOS, which may send signals."""
        while self.spares:
            task, channel = self.spares.pop(0)
            if not task.gone():
                return task, channel
            task.kill()
            channel.close()
        return self.fork()

    def fork(self) -> tuple[Task, socket.socket]:
        """A process for a candidate, and the end of its channel that belongs to the harness."""
        near, far = socket.socketpair()
        task = Task(lambda: answer_calls(far.fileno(), self.settings, self.filters))
        far.close()
        return task, near

    def run(self) -> None:
        """Serve until the harness closes the control socket."""
        self.send({"ready": usable(self.temp), **self.settings["has"]}, self.channel)
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        while True:
            if not poll.poll(self.pause()):
                self.watch(self.tool or self.current)
                continue
            message, fds = receive(self.control, 3)
            if message is None:
                break
            if message["op"] == "tool":
                self.start_tool(message["limits"], fds)
            elif not self.stop():
                break  # no task may find what another one left
        for task in (self.tool, self.current, *(spare for spare, _ in self.spares)):
            if task is not None and not task.ended:
                task.kill()

    def pause(self) -> int | None:
        """Milliseconds until the running task wants a look: a tool may end, a candidate may fill
        the disk."""
        if self.tool is not None and not self.tool.announced:
            return 5
        return 50 if self.settings["police"] else None

    def start_tool(self, limits: dict[str, Any], fds: list[int]) -> None:
        self.tool = Task(lambda: become_tool(fds, limits, self.settings, self.filters), tool=True)
        for fd in fds:
            os.close(fd)

    def stop(self) -> bool:
        """End the task and hand the spare process over; false when the task left a trace, and any
        tool does."""
        report = (self.tool or self.current).kill()
        report["clean"] = self.tool is None and not self.traces.left()
        if not report["clean"]:
            self.send(report)
            return False
        self.current, self.channel = self.next()
        self.send(report, self.channel)
        if not self.spares:
            self.spares = [self.fork() for _ in range(self.row)]
        return True

    def watch(self, task: Task) -> None:
        """Where no file system or memory limit does it for us, look and kill."""
        if task.tool and not task.announced and task.gone():
            task.announced = True
            self.send({"gone": True})
        elif self.settings["police"]:
            if self.fills_the_disk():
                task.over = "disk"
            elif not LINUX and footprint(task.pid) > self.settings["police"]["memory"]:
                task.over = "memory"
            if task.over:
                (os.killpg if task.tool else os.kill)(task.pid, signal.SIGKILL)

    def fills_the_disk(self) -> bool:
        """Whether the folder holds too much; of what was removed and is still held the disk tells,
        which others use as well: it may miss four times the limit before that is this task."""
        most, taken = int(self.settings["police"]["temp"]), self.traces.taken()
        return self.traces.touched() and (taken > 4 * most or used_bytes(self.temp) > most)

    def send(self, message: dict[str, Any], channel: socket.socket | None = None) -> None:
        """One message to the harness; a channel goes over to it with the message."""
        send(self.control, message, [channel.fileno()] if channel else [])
        if channel:
            channel.close()


def footprint(pid: int) -> int:
    """Memory in bytes that macOS charges to a process; 0 when it does not tell."""
    import ctypes

    buffer = (ctypes.c_uint64 * 40)()
    if ctypes.CDLL("/usr/lib/libproc.dylib").proc_pid_rusage(pid, 2, ctypes.byref(buffer)) != 0:
        return 0
    return int(buffer[2 + 7])  # ri_phys_footprint of rusage_info_v2, after a 16-byte uuid


def enter(settings: dict[str, Any]) -> bool:
    """Go into namespaces of its own where the settings want it and the kernel lets us; the file
    system made there then needs no watching."""
    uid, size = settings["uid"], settings["walls"]["namespaces"]
    if (
        not size
        or not LINUX
        or not confine.own_namespaces(settings["temp"], size, uid or os.getuid())
    ):
        return False
    settings["police"] = None
    return True


def _harden(settings: dict[str, Any]) -> dict[str, seccomp.Filter]:
    """Give up what the server itself does not need; from here on candidates' processes inherit
    it."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    if LINUX:
        walls = settings["walls"]
        confine.become(settings["uid"], walls["private"])
        # no one of the same user may trace this process or open its files in /proc
        seccomp.prctl(_PR_SET_DUMPABLE, 0)
        seccomp.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if walls["writable"]:
            others = confine.beside(walls["hidden"]) if walls["hidden"] else []
            confine.restrict([*walls["readable"], *others], walls["writable"])
        guard = settings["guard_metadata"]
        filters = {
            "candidate": seccomp.candidate_filter(guard),
            "tool": seccomp.tool_filter(guard, os.getpid()),
        }
        seccomp.server_filter().install()
        return filters
    return {}


def _preload() -> None:
    """Load ``PRELOADED``, with ``random`` in a fixed state that no fork reseeds: an answer's own
    draws repeat."""
    register, os.register_at_fork = os.register_at_fork, lambda **_: None
    try:
        for module in PRELOADED.split():
            importlib.import_module(module)
    finally:
        os.register_at_fork = register
    rehearse()
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
    settings["has"] = {"landlock": confine.landlock_version(), "namespaces": enter(settings)}
    _preload()
    filters = _harden(settings)
    os.dup2(null, 2)
    os.close(null)
    gc.collect()
    gc.freeze()
    gc.disable()
    os.chdir(settings["temp"])
    Server(control, settings, filters).run()
