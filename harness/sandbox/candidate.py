"""The life of a child of the fork server: one candidate's process, or a tool's until it becomes the tool.

Inside the sandbox this module runs without the harness, on the standard library.
"""

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

from harness.sandbox import codec
from harness.sandbox.seccomp import OWN_PID, Filter, prctl
from harness.sandbox.wire import Stream, receive

CHANNEL = 3  #: the candidate's only open descriptor besides the standard streams on /dev/null
LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1


def live(birth: socket.socket, settings: dict[str, Any], filters: dict[str, Filter], tool: bool) -> NoReturn:
    """The life of a child: harden, wait for a channel, take the limits, serve."""
    if LINUX:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if filters and not tool:
        filters["candidate"].replace(OWN_PID, os.getpid())
        filters["candidate"].install()
    limits, fds = receive(birth, 3)
    if limits is None:
        os._exit(0)
    channel, *outputs = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in fds)
    os.dup2(channel, CHANNEL, inheritable=False)
    birth.detach()
    _limit(limits)
    os.chdir(settings["temp"])
    if tool:
        _become(Stream(CHANNEL), outputs, settings, filters)
    os.closerange(CHANNEL + 1, 256)
    gc.enable()
    _serve(Stream(CHANNEL))


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


def _serve(channel: Stream) -> NoReturn:
    """Load a program, then answer calls of its entry until killed."""
    encode, decode, name = codec.encode_or_opaque, codec.decode, codec.type_name
    orders = channel.receive()
    number = 0

    def answer(*reply: Any) -> None:
        try:
            channel.send([number, *reply])
        except codec.EncodeError:
            channel.send([number, "value", {"o": ["over the size of a message", True, None]}])

    def complain(error: BaseException) -> None:
        try:
            text = str.__str__(str(error))[:300]
        except BaseException:
            text = ""
        answer("raise", name(type(error)), text)

    function: Any = None
    try:
        code = compile(orders["source"], "<candidate>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        answer("syntax", name(type(error)), str(error)[:300])
        os._exit(1)
    try:
        module = types.ModuleType("candidate")
        sys.modules["candidate"] = module
        space = module.__dict__
        exec(code, space)
        for hidden in orders["hide"]:
            space.pop(hidden, None)
        function = space.get(orders["entry"])
    except BaseException as error:
        complain(error)
        os._exit(1)
    if not callable(function):
        answer("missing", orders["entry"])
        os._exit(1)
    while True:
        call = channel.receive()
        if call is None:
            os._exit(0)
        number = call[0]
        try:
            result = encode(function(*decode(call[1])))
        except BaseException as error:
            complain(error)
        else:
            answer("value", result)


def _become(channel: Stream, outputs: list[int], settings: dict[str, Any], filters: dict[str, Filter]) -> NoReturn:
    """Write the files of an order and become the program it names."""
    orders = channel.receive()
    try:
        os.setsid()
        for path, text in orders["files"].items():
            if os.path.dirname(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(bytes.fromhex(text))
        for signum in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGXFSZ):
            signal.signal(signum, signal.SIG_DFL)
        os.dup2(outputs[0], 1)
        os.dup2(outputs[1], 2)
        os.closerange(CHANNEL + 1, 256)
        if filters:
            filters["tool"].install()
        temp = settings["temp"]
        environment = {"PATH": settings["path"], "HOME": temp, "TMPDIR": temp, "LANG": "C.UTF-8"}
        if orders["argv"][0] == settings["python"] and settings["python_home"]:
            environment["PYTHONHOME"] = settings["python_home"]
        os.execvpe(orders["argv"][0], orders["argv"], environment)
    except OSError as error:
        channel.send([0, "raise", type(error).__name__, f"{orders['argv'][0]}: {error.strerror}"])
    os._exit(127)
