"""Running a program, not a candidate, in a sandbox: its files in, its output and exit code out."""

from __future__ import annotations

import os
import re
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from harness.errors import SandboxError
from harness.sandbox.inside import frames
from harness.sandbox.inside.wire import receive
from harness.sandbox.limits import Limits, Report, Result, WorkerError
from harness.sandbox.task import Server, order_of, report_of


def run_tool(
    server: Server, argv: Sequence[str], files: Mapping[str, bytes | str], limits: Limits
) -> tuple[Result, bool]:
    """Run ``argv`` on ``server``; the result, and whether the sandbox may be used again.

    Raises :class:`SandboxError` for what cannot be handed over, :class:`WorkerError`."""
    order = _order(argv, files)
    began = time.monotonic()
    channel, far = socket.socketpair()
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    try:
        start = {"op": "tool", "limits": order_of(limits, True, server.settings["others"])}
        try:
            server.send(start, [far.fileno(), out_end, err_end])
        finally:
            far.close()
            os.close(out_end)
            os.close(err_end)
        channel.settimeout(limits.wall)
        try:
            channel.sendall(order)
        except OSError:
            raise WorkerError("a tool's process did not take its order") from None
        output, gone, over = _collect(server, out, err, began + limits.wall, limits)
        server.send({"op": "stop"})
        report = _last(server)
        _drain(out, output[out], limits)
        _drain(err, output[err], limits)
        reason, code = _reason(report, gone, over)
        problem = _start_problem(channel)
        if problem:
            reason, code = "start", None
            output[err] += problem.encode()
        seconds = time.monotonic() - began
        written = bytes(output[out]), bytes(output[err])
        return Result(reason, code, *written, seconds, report.cpu), report.clean
    finally:
        channel.close()
        os.close(out)
        os.close(err)


def readable(programs: Sequence[str]) -> tuple[str, ...]:
    """What a sandbox lets be read so that ``programs`` can be started in it: their files, the
    shared libraries that they are linked with, and what a compiler of C or C++ calls and includes.
    A script or another program with data of its own needs more than that."""
    paths = [path for program in programs if (path := shutil.which(program))]
    paths += [each for path in list(paths) if _COMPILER.search(path) for each in _toolchain(path)]
    linked = shutil.which("ldd")
    files = [path for path in paths if Path(path).is_file()]
    if files and linked:
        said = _said([linked, *files])
        paths += re.findall(r"(?:=> |^\s+)(/\S+) \(0x", said, re.MULTILINE)
    return tuple(dict.fromkeys(paths))


#: the name of a driver, which is nothing without its compiler, assembler, linker, headers
_COMPILER = re.compile(r"/(?:gcc|g\+\+|cc|c\+\+|clang(?:\+\+)?)(?:-\d+)?$")


def _toolchain(driver: str) -> list[str]:
    """The programs and folders that a compiler's driver says it uses."""
    asked = ("cc1plus", "as", "ld", "collect2")
    names = [_said([driver, f"-print-prog-name={name}"]).strip() for name in asked]
    found = [path for name in names if (path := shutil.which(name))]
    places = [_said([driver, f"-print-file-name={name}"]) for name in ("crtbegin.o", "libc.so")]
    verbose = _said([driver, "-E", "-v", "-x", "c++", "/dev/null"], errors=True)
    included = verbose.partition("> search starts here:")[2].partition("End of search")[0]
    folders = [Path(place.strip()).parent for place in places if "/" in place]
    folders += [Path(line.strip()) for line in included.splitlines() if line.strip()]
    folders += [Path(path).parent for path in found if Path(path).name in ("cc1plus", "collect2")]
    kept = sorted({folder.resolve() for folder in folders if folder.is_dir()})
    # one inside of another would be mounted twice
    outer = [one for one in kept if not any(one.is_relative_to(o) for o in kept if o != one)]
    # a linker's script has the old names of what lies below /usr
    old = [Path("/") / one.relative_to("/usr") for one in outer if one.is_relative_to("/usr/lib")]
    programs = [path for path in found if not _below(path, outer)]
    return [*programs, *map(str, [*outer, *(one for one in old if one.is_dir())])]


def _below(path: str, folders: Sequence[Path]) -> bool:
    return any(Path(path).resolve().is_relative_to(folder) for folder in folders)


def _said(command: Sequence[str], errors: bool = False) -> str:
    """What a program of this machine writes."""
    done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    return (done.stderr if errors else done.stdout).decode(errors="replace")


def _order(argv: Sequence[str], files: Mapping[str, bytes | str]) -> bytes:
    try:
        if not argv or any(b"\0" in os.fsencode(part) for part in (*argv, *files)):
            raise SandboxError(f"program {list(argv)!r} for a sandbox: expected names without NUL")
        contents = {path: _content(path, data) for path, data in files.items()}
        return frames.pack({"argv": list(argv), "files": contents})
    except (frames.EncodeError, UnicodeEncodeError) as error:
        raise SandboxError(f"program {argv[0]!r} and its files for a sandbox: {error}") from None


def _content(path: str, data: bytes | str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or ".." in parts or path.startswith("/"):
        raise SandboxError(f"file {path!r} for a sandbox: expected a relative path without '..'")
    return (data.encode() if isinstance(data, str) else data).hex()


def _collect(
    server: Server, out: int, err: int, deadline: float, limits: Limits
) -> tuple[dict[int, bytearray], bool, str | None]:
    """Read both pipes until the program is gone, the time is over or it has written too much."""
    output = {out: bytearray(), err: bytearray()}
    poll = select.poll()
    for fd in (out, err, server.control.fileno()):
        poll.register(fd, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        for fd, _ in poll.poll(left * 1000):
            if fd not in output:
                message = server.receive()
                return output, bool(message.get("gone")), None
            part = os.read(fd, 1 << 16)
            if not part:
                poll.unregister(fd)
            output[fd] += part
            if len(output[fd]) > limits.output_bytes:
                del output[fd][limits.output_bytes :]
                return output, False, "output"
    return output, False, "timeout"


def _last(server: Server) -> Report:
    """The report; a notice that the program is gone may have crossed the order to stop it."""
    message = server.receive()
    return report_of(server.receive() if "gone" in message else message)


def _drain(fd: int, output: bytearray, limits: Limits) -> None:
    os.set_blocking(fd, False)
    try:
        while len(output) < limits.output_bytes and (part := os.read(fd, 1 << 16)):
            output += part
    except BlockingIOError:
        pass
    del output[limits.output_bytes :]


def _reason(report: Report, gone: bool, over: str | None) -> tuple[str, int | None]:
    if report.over or over:
        return report.over or over or "", None
    if not gone or report.signal is not None:
        return ("timeout" if report.signal == 24 else "signal"), None
    return "exit", report.code


def _start_problem(channel: socket.socket) -> str:
    """What the process said before it could become the program; a started program has closed the
    channel unread."""
    try:
        channel.settimeout(0.001)
        reply, _ = receive(channel)
        return f"{reply[2]}: {reply[3]}"
    except (OSError, frames.ProtocolError, LookupError, TypeError):
        return ""
