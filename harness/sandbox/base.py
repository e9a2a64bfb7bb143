"""What every sandbox is for the harness: a warm fork server, tasks on it, tools run in it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from harness.errors import SandboxError, boundary
from harness.sandbox.limits import Limits, Result, WorkerError
from harness.sandbox.offers import Offers
from harness.sandbox.task import Server, Task
from harness.sandbox.tools import run_tool


class Backend(Protocol):
    """One way to make a sandbox on this machine."""

    name: str
    description: str  #: one line for a receipt; may be completed by ``launch``
    needs: str  #: what to install when it is missing

    def launch(self, limits: Limits) -> Server:
        """Start a fork server in a new sandbox. Raises :class:`SandboxError` with the reason it
        cannot."""


class Sandbox(Offers):
    """A warm sandbox, for one thread at a time. Close it, or use it as a context manager.

    ``name`` is the backend's; ``description`` is one line for receipts; ``cpu`` are the seconds of
    processor time that its tasks and tools have used; ``secret`` seeds whatever a verifier draws,
    since a candidate knows all else; with ``programs`` it brings its own. It dies with the process
    that opened it."""

    def __init__(
        self, backend: Backend, limits: Limits | None = None, *, programs: bool = False
    ) -> None:
        self._backend, self.programs = backend, programs
        self.limits = limits or Limits()
        self.name = backend.name
        self._server: Server | None = backend.launch(self.limits)
        self.description = backend.description
        self.cpu = 0.0
        self.secret = os.urandom(32)
        self.why = "as asked"  #: why this sandbox and not another, for whoever reads the run

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the sandbox and everything in it; a later task starts a new one."""
        if self._server is not None:
            self._server.drop()
            self._server.stop()
            self._server = None

    @contextlib.contextmanager
    def task(self, limits: Limits | None = None) -> Iterator[Task]:
        """A fresh process for one candidate. Raises :class:`WorkerError` (the next task gets a new
        sandbox).

        Raises :class:`harness.errors.SandboxError` when a new sandbox cannot be started."""
        task: Task | None = None
        clean = False
        try:
            task = Task(self._running(), limits or self.limits)
            yield task
            clean = task.finish().clean
        except WorkerError:
            raise
        except BaseException:
            if task is not None:
                with contextlib.suppress(WorkerError):
                    clean = task.finish().clean
            raise
        finally:
            if task is not None and task.report is not None:
                self.cpu += task.report.cpu
            if not clean:  # dead, stuck, or the task has left a trace
                self.close()

    def _running(self) -> Server:
        if self._server is None:
            self._server = self._backend.launch(self.limits)
        return self._server

    @property
    def python(self) -> str:
        """The path of the Python interpreter inside."""
        return str(self._running().settings["python"])

    def run(
        self,
        argv: Sequence[str],
        files: Mapping[str, bytes | str] | None = None,
        limits: Limits | None = None,
    ) -> Result:
        """Run a program in an empty private folder that holds ``files`` (relative path to content).

        All it starts is ended with it. Raises :class:`harness.errors.SandboxError`, and nothing
        else, for a path outside of the folder, for a program or files that cannot be handed over
        (over 1 MiB, a NUL, half a character), when the sandbox broke twice or starts no more, and
        when the system has no files or processes left."""
        for attempt in (1, 2):
            try:
                with boundary(SandboxError, what=f"{self.name} cannot run {argv[:1]}"):
                    server = self._running()
                    result, clean = run_tool(server, argv, files or {}, limits or self.limits)
            except WorkerError as error:
                self.close()
                if attempt == 2:
                    raise SandboxError(
                        f"{self.name}: {error}, twice while it ran {argv[0]}"
                    ) from None
            else:
                self.cpu += result.cpu
                if not clean:
                    self.close()
                break
        return result

    def with_limits(self, **changes: Any) -> Limits:
        """This sandbox's limits with some of them changed for one task; raises ``ValueError`` for
        one that is not in its range."""
        return self.limits.changed(**changes)
