"""A running server that holds several adapters, asked for one or another of them, and the process
of one that the harness itself begins, kills and begins again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from urllib.parse import urlsplit

from harness.content.served import Fields, Served, Server
from harness.engines.base import Ask
from harness.engines.elsewhere.endpoint import PATHS, Endpoint
from harness.errors import EngineError
from harness.network import BUSY, Unreachable

CONNECT, LOOKED = 2.0, 0.1  # seconds of one try to reach it, and between two tries
STARTING = 300.0  # seconds that a server may take until it listens


@dataclass(frozen=True)
class Said:
    """One reply: ``text`` is the answer, or of a request that was refused what the server said of
    it; ``stated`` is the header that names what answered, ``seconds`` the time until it came."""

    status: int
    text: str
    seconds: float
    stated: str | None = None


class Residents(Endpoint):
    """The server itself; ``header`` is the header of a reply that names what answered, if any."""

    def __init__(self, server: Server, base: Path, adapter: Fields, header: str | None) -> None:
        common = server.model_dump(include=set(Server.model_fields))
        super().__init__(Served(**common, adapter=adapter), base)
        self._header = header

    def said(self, ask: Ask, fields: Fields) -> Said:
        """The reply to a request with these fields; raises :class:`EngineError` for a server that
        does not answer at all."""
        try:
            if ask.mode not in self._odds:
                self._odds[ask.mode] = self._offered(ask)
            body = self._body(ask, fields) | self._odds[ask.mode]
            began = time.perf_counter()
            reply = self._client.reply("POST", PATHS[ask.mode], body)
        except Unreachable as error:
            raise self._gone(error) from None
        seconds = time.perf_counter() - began
        stated = reply.headers.get(self._header) if self._header else None
        if reply.status >= 300:
            return Said(reply.status, str(reply.data)[:200], seconds, stated)
        return Said(reply.status, self._read(ask, reply.data)[0].text, seconds, stated)

    def answered(self, ask: Ask, fields: Fields) -> Said:
        """The same; raises :class:`EngineError` also where it is too busy, or broken."""
        found = self.said(ask, fields)
        if found.status in BUSY:
            raise self._gone(f"HTTP {found.status}: {found.text}")
        return found

    def post(self, path: str, body: Any) -> None:
        """Ask it to load or to unload something; raises :class:`EngineError` where it refuses."""
        try:
            self._client.demanded(path, body)
        except Unreachable as error:
            raise EngineError(f"{self._at.endpoint}{path}: {error}") from None

    def _gone(self, why: object) -> EngineError:
        return EngineError(
            f"{self._at.endpoint}: {why}; what was measured is kept: run the same command again"
            " with `--run-dir` once the server answers"
        )


def listens(endpoint: str) -> bool:
    """Whether anything takes connections there."""
    parts = urlsplit(endpoint)
    at = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    try:
        with socket.create_connection(at, CONNECT):
            return True
    except OSError:
        return False


class Process:
    """A server that ``command`` begins in the folder ``where``, until it is killed; its words go
    into ``log``. The first word is looked for beside the Python that runs the harness first."""

    def __init__(self, command: Sequence[str], where: Path, endpoint: str, log: IO[bytes]) -> None:
        beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        self._command = [shutil.which(command[0], path=beside) or command[0], *command[1:]]
        self._where, self._endpoint, self._log = where, endpoint, log
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Begin it, and wait until it listens; raises :class:`EngineError`."""
        told: dict[str, Any] = {"stdin": subprocess.DEVNULL, "start_new_session": True}
        told |= {"stdout": self._log, "stderr": self._log, "cwd": self._where}
        try:
            self._process = subprocess.Popen(self._command, **told)
        except OSError as error:
            raise EngineError(f"{self._command[0]}: cannot be started: {error.strerror}") from None
        until = time.monotonic() + STARTING
        while not listens(self._endpoint):
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                text = f"`{' '.join(self._command)}` does not listen at {self._endpoint}"
                raise EngineError(f"{text}; its last words: {self._last()}")
            time.sleep(LOOKED)

    def kill(self) -> None:
        """Kill it and what it began, without a warning."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _last(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "none")[:300]


@contextmanager
def running(command: Sequence[str], where: Path, endpoint: str) -> Iterator[Process | None]:
    """The server that ``command`` begins, for as long as the block runs; ``None`` where there is no
    command, and one that runs already is asked. Raises :class:`EngineError`."""
    if not command:
        yield None
        return
    if listens(endpoint):
        text = "something listens there already, and `served.start` begins a server of its own"
        raise EngineError(f"{endpoint}: {text}; end the other one, or leave `start` out")
    with TemporaryFile() as log:
        process = Process(command, where, endpoint, log)
        try:
            process.begin()
            yield process
        finally:
            process.kill()
