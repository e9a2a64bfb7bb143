"""The life of a child of the fork server: one candidate's process, or a tool's until it becomes the
tool.

Inside the sandbox this module runs without the harness, on the standard library."""

# pathlib would be one more module in every fork
# ruff: noqa: PTH103, PTH120, PTH123

from __future__ import annotations

import fcntl
import gc
import os
import resource
import signal
import socket
import sys
import types
from typing import Any, NoReturn

from harness.sandbox.inside import codec, frames
from harness.sandbox.inside.seccomp import Filter, prctl
from harness.sandbox.inside.wire import Stream

CHANNEL = 3  #: the candidate's only open descriptor besides the standard streams on /dev/null
LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1


def answer_calls(channel: int, settings: dict[str, Any], filters: dict[str, Filter]) -> NoReturn:
    """The life of a candidate's process: harden, then wait for limits, a program and calls, all on
    its channel."""
    if LINUX:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.dup2(channel, CHANNEL, inheritable=False)
    os.closerange(CHANNEL + 1, 256)
    if filters:
        filters["candidate"].install()
    gc.enable()
    stream = Stream(CHANNEL)
    limits = stream.receive()
    if limits is not None:
        _limit(limits)
        serve(stream, settings["packages"])
    os._exit(0)


def _limit(limits: dict[str, Any]) -> None:
    wanted = [
        (resource.RLIMIT_CPU, limits["cpu"], limits["cpu"] + 1),
        (resource.RLIMIT_FSIZE, limits["file_bytes"], limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"], limits["open_files"]),
        (resource.RLIMIT_CORE, 0, 0),
    ]
    if LINUX:  # macOS refuses RLIMIT_AS; the server watches the footprint there
        wanted.append((resource.RLIMIT_AS, limits["memory"], limits["memory"]))
    if limits["tool"]:
        wanted.append((resource.RLIMIT_NPROC, limits["processes"], limits["processes"]))
    elif not LINUX:  # no seccomp there: a user with more than one process cannot fork under this
        wanted.append((resource.RLIMIT_NPROC, 1, 1))
    for which, soft, hard in wanted:
        resource.setrlimit(which, (soft, hard))


def serve(channel: Stream, packages: str | None = None) -> None:
    """Load a program, then answer calls of its entry until the channel is closed."""
    order = channel.receive()
    if order is None:
        return
    if packages and "numpy" in order["source"]:
        sys.path.append(packages)
    function, problem = _load(order)
    if problem:
        _answer(channel, 0, problem)
        return
    encode, decode = codec.encode_or_opaque, codec.decode
    while (call := channel.receive()) is not None:
        try:
            reply = ["value", encode(function(*decode(call[1])))]
        except BaseException as error:
            reply = _complaint(error)
        _answer(channel, call[0], reply)


def _load(order: dict[str, Any]) -> tuple[Any, list[Any]]:
    """The entry of a program, or the complaint that there is none."""
    try:
        code = compile(order["source"], "<candidate>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        return None, ["syntax", codec.type_name(type(error)), str(error)[:300]]
    module = types.ModuleType("candidate")
    sys.modules["candidate"] = module
    space = module.__dict__
    try:
        exec(code, space)
    except BaseException as error:
        if not 0 < order.get("line", 0) < _line(sys.exc_info()[2]):
            return None, _complaint(error)
    try:
        for hidden in order["hide"]:
            space.pop(hidden, None)
        function = space.get(order["entry"])
    except BaseException as error:
        return None, _complaint(error)
    return function, [] if callable(function) else ["missing", order["entry"]]


def _line(trace: types.TracebackType | None) -> int:
    """The line of the program on which it raised; the first frame is the one of this module."""
    return trace.tb_next.tb_lineno if trace and trace.tb_next else 0


def _complaint(error: BaseException) -> list[Any]:
    try:
        text = str.__str__(str(error))[:300]
    except BaseException:
        text = ""
    return ["raise", codec.type_name(type(error)), text]


def _answer(channel: Stream, number: int, reply: list[Any]) -> None:
    try:
        channel.send([number, *reply])
    except frames.EncodeError:
        channel.send([number, "value", {"o": ["over the size of a message", True, None]}])


#: what a program and its calls look like, for :func:`rehearse`
_REHEARSAL = '''
from typing import Any, Dict, List, Optional, Tuple, Union
import math, re, string, collections, itertools, functools
def helper(x: int) -> bool:
    """ True for even numbers. """
    return x % 2 == 0
def entry(
    numbers: List[int], words: Dict[str, float] = {}, other: Optional[Tuple[str, Any]] = None
) -> List[int]:
    """ Even numbers, sorted.
    >>> entry([1, 2])
    [2]
    """
    found = []
    for number in sorted(numbers):
        if helper(number) and number not in found:
            found.append(number)
    return found
'''


def rehearse(times: int = 12) -> None:
    """Do in the server what a candidate's process does, with a program of our own.

    The interpreter adapts its bytecode and fills its caches here once, instead of in the fresh
    pages of each process."""
    arguments = ([3, 2, 4], {"a": 1.5, "b": -2}, ("x", None, True, ["y"]))
    calls = b"".join(frames.pack([number, codec.encode(arguments)]) for number in range(1, 6))
    order = {"source": _REHEARSAL, "entry": "entry", "hide": ["check"]}
    for _ in range(times):
        near, far = socket.socketpair()
        with near, far:
            near.sendall(frames.pack(order) + calls)
            near.shutdown(socket.SHUT_WR)
            serve(Stream(far.fileno()))
    del sys.modules["candidate"]


def become_tool(
    fds: list[int], limits: dict[str, Any], settings: dict[str, Any], filters: dict[str, Filter]
) -> NoReturn:
    """The life of a tool's process: take its order, write the files it names and become the program
    it names.

    ``fds`` are its channel, its standard output and its standard error."""
    if LINUX:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    moved, *outputs = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in fds)
    os.dup2(moved, CHANNEL, inheritable=False)
    _limit(limits)
    channel = Stream(CHANNEL)
    order = channel.receive()
    if order is None:
        os._exit(0)
    try:
        os.setsid()
        for path, text in order["files"].items():
            if os.path.dirname(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(bytes.fromhex(text))
        for signum in (
            signal.SIGPIPE,
            signal.SIGINT,
            signal.SIGTERM,
            signal.SIGHUP,
            signal.SIGXFSZ,
        ):
            signal.signal(signum, signal.SIG_DFL)
        os.dup2(outputs[0], 1)
        os.dup2(outputs[1], 2)
        os.closerange(CHANNEL + 1, 256)
        if filters:
            filters["tool"].install()
        temp = settings["temp"]
        environment = {"PATH": settings["path"], "HOME": temp, "TMPDIR": temp, "LANG": "C.UTF-8"}
        if order["argv"][0] == settings["python"] and settings["python_home"]:
            environment["PYTHONHOME"] = settings["python_home"]
        os.execvpe(order["argv"][0], order["argv"], environment)
    except OSError as error:
        channel.send([0, "raise", type(error).__name__, f"{order['argv'][0]}: {error.strerror}"])
    os._exit(127)
