"""Judging outside of this process: a verifier that hangs, crashes or eats memory on a hostile
answer costs one judgement.

One kind of child judges for the gate, for the audit and for files of samples, under one set of
limits, so that a certificate speaks of the verifier that will judge. The limit is of CPU time, as
a busy machine shall refuse no verifier, with patience by the wall for one that only waits. The
child is a plain process, not a fork or a spawn of this one: it works from a script without
``if __name__ == "__main__"``, and what it sends back is JSON, never a pickle."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

from harness.content.case import Case
from harness.judging import discovery
from harness.judging.answer import Answer
from harness.judging.bench import LIMITS, PATIENCE, START, Ask, Setup, Told, judgement
from harness.judging.verifier import Judgement, Kind, unverified
from harness.sandbox import cores
from harness.sandbox.launch import sweep
from harness.sandbox.runtime import find_runtime

SEEDED = {"PYTHONHASHSEED": "0"}  # judgements repeat, and what depends on the seed can be named
LOOK = 1.0  # seconds between two looks at whether a silent child still lives


Heard = Callable[[Told], None]  #: hears what was said of one answer as soon as it is known


class Judge:
    """One child process that judges, from its start until it is lost or closed."""

    def __init__(self, setup: Setup) -> None:
        self.setup = replace(setup, runtime=find_runtime() if setup.sandbox else None)
        self.ended = self._stopped = False
        self._stopping = threading.Lock()
        self._limits: dict[str, float] | None = None  #: of each verifier, once it is ready
        self._rest = b""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self._link, far = socket.socketpair()
        start = (
            f"import sys; sys.path[:] = {sys.path!r}; from harness.judging.bench import main;"
            f" main({far.fileno()})"
        )
        with far:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", start],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._errors,
                pass_fds=[far.fileno()], start_new_session=True,
                env={**os.environ, **SEEDED, **dict(setup.environment)},
            )  # fmt: skip
        with suppress(OSError):  # it ended at once: the first line that is missing says so
            self._link.sendall(pickle.dumps(self.setup))

    def tell(self, asks: Sequence[Ask], heard: Heard | None = None) -> list[Told]:
        """What was said of ``asks`` in order, up to the first that was lost, with which the child
        has ended; ask another judge the rest. ``heard`` is told each at once. Never raises for what
        a verifier does."""
        told: list[Told] = []
        limit = START
        try:
            if self._limits is None:
                self._limits = json.loads(self._line(START))
            self._link.settimeout(START)
            self._link.sendall(pickle.dumps(list(asks)))
            for ask in asks:
                limit = ask.limit or self._limits.get(ask.verifier, LIMITS[Kind.PROGRAM])
                *said, seconds, cpu = json.loads(self._line(PATIENCE * limit + START))
                told.append(Told(judgement(said), seconds, cpu))
                if heard is not None:
                    heard(told[-1])
        except (OSError, EOFError) as error:
            told.append(Told(self._loss(error, limit), limit))
            self.close()
            if heard is not None:
                heard(told[-1])
        return told

    def _line(self, patience: float) -> bytes:
        """The next line; raises ``TimeoutError`` after ``patience`` seconds, ``EOFError`` when the
        child has ended, also where something that it started still holds its end."""
        end = time.monotonic() + patience
        self._link.settimeout(LOOK)
        while b"\n" not in self._rest:
            try:
                found = self._link.recv(1 << 16)
            except TimeoutError:
                if self._process.poll() is not None:
                    raise EOFError from None
                if time.monotonic() > end:
                    raise
            else:
                if not found:
                    raise EOFError
                self._rest += found
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _loss(self, error: Exception, limit: float) -> Judgement:
        """Why there is no judgement: ``timeout`` or ``judge-died``, never a verdict."""
        if not isinstance(error, TimeoutError):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        code = self._process.poll()
        if code == -signal.SIGPROF:
            return unverified("timeout", f"no judgement within {limit:.0f} s of CPU time")
        if code in (None, -signal.SIGALRM):
            return unverified("timeout", f"no judgement within {PATIENCE * limit:.0f} s")
        self._errors.seek(0)
        tail = self._errors.read()[-500:].decode(errors="replace").strip()
        return unverified("judge-died", f"the judge process ended with exit code {code} {tail}")

    def dismiss(self) -> None:
        """Tell the child to end, politely, so that a sandbox is closed. Any thread may."""
        if not self.ended:  # its number may be another's by now
            self.ended = True
            self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """End the child and what it started: politely, then not. Any thread may."""
        self.dismiss()
        with self._stopping:
            if not self._stopped:
                self._stopped = True
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(2.0)
                self._signal(signal.SIGKILL)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(10.0)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def close(self) -> None:
        """End the child and let go of what belongs to it; also of the folder of its sandbox, which
        a child that was killed has left."""
        self.stop()
        self._link.close()
        self._errors.close()
        if self.setup.sandbox:
            sweep()


Pending = Future[list[Judgement]]  #: one judgement for each criterion asked for


class Judges:
    """Several judges that take turns; use as a context manager.

    They start at once and in the background, before mlx is loaded: mlx-lm lowers the limit of open
    files for this process and its children. A judge that starts later, after another was lost,
    judges nothing if a verifier's bytes have changed since. With ``apart`` each keeps to a core of
    its own where they are as many as the cores. ``secret`` is that of the run, by default a new
    one. They load the files ``only`` (:func:`harness.judging.discovery.files`), or all."""

    def __init__(
        self,
        verifiers: Path,
        sandbox: str | None,
        workers: int = 2,
        *,
        apart: bool = False,
        secret: bytes | None = None,
        only: frozenset[str] = frozenset(),
    ) -> None:
        self.folder, self.sandbox, self._only = verifiers, sandbox, only
        self.digest = discovery.digest(verifiers)
        self.secret = secret or os.urandom(32)
        self._judges = self._begun(cores.one_each(workers) if apart else [None] * workers)
        self._idle: SimpleQueue[int] = SimpleQueue()
        for number in range(workers):
            self._idle.put(number)
        self._threads = ThreadPoolExecutor(workers)
        self._closed = False

    def _begun(self, own: Sequence[int | None]) -> list[Judge]:
        """A child for each core that it keeps to, if any."""
        setup = Setup(self.folder, self.digest, self.sandbox, secret=self.secret, only=self._only)
        return [Judge(replace(setup, core=core)) for core in own]

    def judge(self, verifiers: Sequence[str], case: Case, text: str) -> Pending:
        """Ask for the judgement of each of ``verifiers`` (ids) on one answer."""
        # each gets an answer of its own: one might change what it is given
        asks = [Ask(id, case, Answer(text)) for id in verifiers]
        return self._threads.submit(lambda: [one.judgement for one in self._tell(asks)])

    def ask(self, asks: Sequence[Ask], heard: Heard | None = None) -> Future[list[Told]]:
        """Put several questions to one judge; a lost one costs no other. ``heard`` is told each
        answer in order, in another thread."""
        return self._threads.submit(self._tell, asks, heard)

    def _tell(self, asks: Sequence[Ask], heard: Heard | None = None) -> list[Told]:
        number = self._idle.get()
        told: list[Told] = []
        try:
            while len(told) < len(asks) and not self._closed:
                if self._judges[number].ended:
                    self._judges[number] = Judge(self._judges[number].setup)
                    if self._closed:
                        self._judges[number].stop()
                told += self._judges[number].tell(asks[len(told) :], heard)
        finally:
            self._idle.put(number)
        return told

    def __enter__(self) -> Judges:
        return self

    def __exit__(self, *exception: object) -> None:
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for judge in self._judges:
            judge.dismiss()  # all at once
        for judge in self._judges:
            judge.stop()  # now whoever waits for it waits no more
        self._threads.shutdown()
        for judge in self._judges:
            judge.close()
