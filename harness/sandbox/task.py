"""The harness's end: a running fork server, and one task on it."""

from __future__ import annotations

import signal
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import SandboxError
from harness.sandbox.inside import codec, frames
from harness.sandbox.inside.wire import receive, send
from harness.sandbox.limits import CandidateError, Limits, Report, Starved, TaskError, WorkerError

START_SECONDS = 20.0  #: until a sandbox must be ready
STARVED = 10  #: times that a busy machine has at least taken the processor from who computes
STOP_SECONDS = 5.0  #: until the server must have ended a task and emptied its folder


@dataclass
class Server:
    """The harness's end of one running sandbox."""

    control: socket.socket
    settings: dict[str, Any]
    stop: Callable[[], str]  #: ends it at once; returns what it wrote to stderr while starting
    ready: dict[str, Any] = field(default_factory=dict)  #: what it said when it stood
    channel: socket.socket | None = None  #: to the process that waits for the next task

    def handshake(self) -> None:
        """Send the settings and wait until the server stands. Raises :class:`SandboxError`."""
        try:
            be_patient(self.control, START_SECONDS)
            self.control.sendall(frames.pack(self.settings))
            ready = self.receive()
        except (OSError, WorkerError) as error:
            raise SandboxError(f"it did not start: {self.stop().strip()[-500:] or error}") from None
        be_patient(self.control, STOP_SECONDS)
        self.ready = ready
        if ready.get("ready") is not True:
            self.stop()
            raise SandboxError("its private temp folder is not writable")

    def send(self, order: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """One order on the control socket. Raises :class:`WorkerError`."""
        try:
            send(self.control, order, descriptors)
        except OSError as error:
            raise WorkerError(f"the fork server is gone: {error}") from None

    def receive(self) -> dict[str, Any]:
        """The next message of the server. Raises :class:`WorkerError`."""
        try:
            message, descriptors = receive(self.control, 1)
        except (OSError, frames.ProtocolError) as error:
            raise WorkerError(f"the fork server does not answer: {type(error).__name__}") from None
        for descriptor in descriptors:
            self.drop()
            self.channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptor)
        if not isinstance(message, dict):
            raise WorkerError(
                "the fork server is gone" if message is None else "the fork server sent no message"
            )
        return message

    def take(self) -> socket.socket:
        """The channel to a fresh process that waits for a task. Raises :class:`WorkerError`."""
        if self.channel is None:
            raise WorkerError("the fork server has no process ready")
        channel, self.channel = self.channel, None
        return channel

    def drop(self) -> None:
        """Close the channel of a process that no task has taken."""
        if self.channel is not None:
            self.channel.close()
            self.channel = None


def printable(text: str) -> str:
    """Text of a candidate as it may be shown: no line ends, no terminal codes, no half
    characters."""
    return (
        text
        if text.isprintable()
        else "".join(letter if letter.isprintable() else " " for letter in text)
    )


def be_patient(sock: socket.socket, seconds: float) -> None:
    """Let the kernel end a blocking call after so long with ``BlockingIOError``: cheaper than to
    poll before each."""
    microseconds = max(int(seconds * 1_000_000), 1000)  # zero would be for ever
    timeout = struct.pack("ll", *divmod(microseconds, 1_000_000))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)


class Task:
    """One candidate in a process of its own, for as long as the ``with`` block of
    :meth:`Sandbox.task` lasts."""

    def __init__(self, server: Server, limits: Limits) -> None:
        self._server = server
        self._limits = limits
        self._buffer = b""
        self._load = frames.pack(order_of(limits, False, server.settings["others"]))
        self.report: Report | None = None
        self._channel = server.take()
        # the clock starts when what the task before left is gone: it must not cost this one any
        # time
        self._deadline = time.monotonic() + limits.wall
        self._patience = 0.0

    def load(self, source: str, entry: str, hide: Sequence[str] = (), line: int = 0) -> None:
        """Give the candidate its program; ``entry`` is the function to call, ``hide`` names to drop
        after loading, ``line`` the one behind which it may raise, 0 for none.

        Nothing is awaited: an error in the program comes with the first call."""
        try:
            order = {"source": source, "entry": entry, "hide": list(hide), "line": line}
            self._load += frames.pack(order)
        except frames.EncodeError as error:
            raise CandidateError("too-long", str(error)) from None

    def call(self, arguments: Sequence[Any]) -> Any:
        """Call the entry with positional arguments and return its result as plain data.

        Raises :class:`CandidateError` when it raises or could not be loaded, :class:`TaskError`
        when its process ended or its time is over, and :class:`frames.ProtocolError` when it sent
        what is no answer."""
        return value_of(self.ask([codec.encode(tuple(arguments))])[0])

    def ask(self, calls: Sequence[Any]) -> list[Any]:
        """Make calls of which none depends on the result of another, in one message: what the
        candidate learns of its earlier answers, it could go by.

        Each is a tuple of arguments as :func:`codec.encode` gives it, each reply is for
        :func:`value_of`. Raises as :meth:`call`, but for what a single call raised."""
        try:
            order = frames.pack(list(calls))
            self._watch_the_clock()
            self._channel.sendall(self._load + order)
            self._load = b""
        except BlockingIOError:
            raise self._ended(timed_out=True) from None
        except OSError:
            pass  # it is gone; what it said before may still be there
        replies = self._receive()
        if type(replies) is not list or not replies:
            raise frames.ProtocolError("a message without replies")
        if type(replies[0]) is str:  # the program could not be loaded
            raise _complaint(replies)
        if len(replies) != len(calls):
            raise frames.ProtocolError("not a reply to each call")
        return replies

    def _receive(self) -> Any:
        length = -1
        while True:
            if length < 0 and len(self._buffer) >= 4:
                length = frames.frame_length(self._buffer[:4])
            if 0 <= length <= len(self._buffer) - 4:
                body, self._buffer = self._buffer[4 : 4 + length], self._buffer[4 + length :]
                return frames.unpack(body)
            try:
                self._watch_the_clock()
                part = self._channel.recv(1 << 16)
            except BlockingIOError:
                raise self._ended(timed_out=True) from None
            except OSError:
                part = b""
            if not part:
                raise self._ended(timed_out=False)
            self._buffer += part

    def _watch_the_clock(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._ended(timed_out=True)
        if abs(self._patience - left) > 0.2:
            be_patient(self._channel, left)
            self._patience = left

    def _ended(self, timed_out: bool) -> TaskError:
        report = self.finish()
        if report.over:
            return TaskError(report.over, f"went over the limit on {report.over}")
        if timed_out:
            return _late(report, self._limits)
        if report.signal == signal.SIGXCPU or (
            report.signal is not None and report.cpu >= self._limits.cpu
        ):
            return TaskError(
                "timeout", f"used {report.cpu:.1f} s of processor time, at most {self._limits.cpu}"
            )
        if report.signal not in (None, signal.SIGKILL):
            return TaskError("crash", f"killed by signal {report.signal}")
        how = "closed its channel" if report.code is None else f"exited with code {report.code}"
        return TaskError("early-exit", f"the process {how} instead of answering")

    def finish(self) -> Report:
        """End the process and return how it ended; a second call returns the same. Raises
        :class:`WorkerError`."""
        if self.report is None:
            self._channel.close()
            self._server.send({"op": "stop"})
            self.report = report_of(self._server.receive())
        return self.report


def _late(report: Report, limits: Limits) -> TaskError:
    """Whether a process that did not answer in time waited for itself, or for a processor."""
    late = f"no answer within {limits.wall:g} s"
    # who sleeps gives the processor up, and who computes has it taken away
    if report.preempted < max(report.yielded, STARVED):
        return TaskError("timeout", late)
    used = f"{report.cpu:.2f} s of processor time, which was taken away {report.preempted} times"
    return Starved("timeout", f"{late}, in which it got {used}")


def value_of(reply: Any) -> Any:
    """The result in one reply of :meth:`Task.ask`. Raises :class:`CandidateError` when the call
    raised, and :class:`frames.ProtocolError`."""
    if type(reply) is list and len(reply) == 2 and reply[0] == "value":
        return codec.decode(reply[1])
    raise _complaint(reply)


def _complaint(reply: Any) -> Exception:
    """The error that a reply without a result stands for."""
    if type(reply) is not list or not 2 <= len(reply) <= 3:
        return frames.ProtocolError("a reply that is no reply")
    if not all(type(part) is str for part in reply):
        return frames.ProtocolError("a complaint that is no text")
    kind, *rest = reply
    text = ": ".join(printable(part[:300]) for part in rest)
    if kind == "missing":
        return CandidateError("missing", f"the program defines no function {text}")
    if kind == "syntax":
        return CandidateError("syntax", text)
    if kind == "raise":
        reasons = {"SystemExit": "early-exit", "MemoryError": "memory"}
        return CandidateError(reasons.get(rest[0], "exception"), text)
    return frames.ProtocolError("a reply of no known kind")


def order_of(limits: Limits, tool: bool, others: int) -> dict[str, Any]:
    return {
        "cpu": limits.cpu,
        "memory": limits.memory,
        "open_files": limits.open_files,
        "file_bytes": limits.file_bytes,
        "processes": (limits.processes if tool else limits.threads) + others,
        "tool": tool,
    }


def report_of(message: dict[str, Any]) -> Report:
    try:
        return Report(**message)
    except TypeError:
        raise WorkerError(f"the fork server sent no report: {sorted(message)}") from None
