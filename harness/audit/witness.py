"""Judging for an audit: one child process that is asked many things in a row, here or in other
surroundings.

The child loads the verifiers from their sources, judges in the order it is given and writes one
line for each answer. A verifier that hangs or ends the process loses one judgement and the child is
started again behind it; one that does so three times, or once on an answer that the harness made,
is asked no more. Limits are of CPU time, so that a busy machine refuses no verifier.

In *elsewhere* the child has another time zone, locale, hash seed and date, no network and no
programs on PATH (unless declared), because an honest verdict depends on none of them.
"""

from __future__ import annotations

import json
import os
import pickle
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from harness.content.case import Case
from harness.judging.verifier import Judgement, Outcome, unverified

MOST_LOST = 3
START = 60.0  # seconds for the child to load the verifiers
LIMITS = {"program": 10.0, "executed": 20.0, "llm": 40.0}  # CPU seconds for one judgement, by kind
PATIENCE = 6  # times as long by the wall: a machine may be busy, a verifier may wait for a reply


@dataclass(frozen=True)
class Asked:
    """One judgement to make within ``limit`` seconds of CPU time.

    With ``explode`` the answer raises whenever the verifier looks at it; ``last`` says that a
    verifier lost on this one is asked no more.
    """

    verifier: str
    case: Case
    answer: str
    limit: float = LIMITS["program"]
    explode: bool = False
    last: bool = False


@dataclass(frozen=True)
class Told:
    """What the verifier said, and the seconds it took."""

    judgement: Judgement
    seconds: float

    @property
    def outcome(self) -> Outcome:
        """The outcome of the judgement."""
        return self.judgement.outcome

    @property
    def asked(self) -> bool:
        """Whether the verifier was asked at all."""
        return self.judgement.reason != "not-asked"

    @property
    def hung(self) -> bool:
        """Whether the verifier overran its limit or ended the process."""
        return self.judgement.reason in ("timeout", "judge-died")


@dataclass(frozen=True)
class Surroundings:
    """What a child process finds around it; the default is what this process has, with a hash seed
    that is known.
    """

    environment: tuple[tuple[str, str], ...] = ()
    days: int = 0
    network: bool = True
    programs: bool = True


SEEDED = {
    "PYTHONHASHSEED": "0"
}  # so that an audit repeats, and what depends on the seed can be named
HERE = Surroundings()
STRANGE = (("TZ", "Pacific/Kiritimati"), ("LC_ALL", "C"), ("LANG", "C"), ("PYTHONHASHSEED", "4711"))
ELSEWHERE = Surroundings(STRANGE, days=366, network=False)
BARE = Surroundings(STRANGE, days=366, network=False, programs=False)


@dataclass(frozen=True)
class Witness:
    """Where verifiers are judged: their folder, its digest, and the sandbox for those that run
    code.
    """

    folder: Path
    digest: str
    sandbox: str | None

    def tell(self, asked: Sequence[Asked], around: Surroundings = HERE) -> list[Told]:
        """The judgement of each of ``asked``, in order. Never raises for what a verifier does."""
        told: list[Told | None] = [None] * len(asked)
        lost: Counter[str] = Counter()
        left = list(range(len(asked)))
        while left:
            done, fault = self._run([asked[i] for i in left], around)
            for i, found in zip(left, done, strict=False):
                told[i] = found
            left = left[len(done) :]
            if fault is not None and left:
                culprit = asked[left[0]]
                told[left.pop(0)] = Told(fault, culprit.limit)
                lost[culprit.verifier] += MOST_LOST if culprit.last else 1
                if lost[culprit.verifier] >= MOST_LOST:
                    note = unverified(
                        "not-asked", f"the verifier was lost on other answers; last: {fault.reason}"
                    )
                    for i in [i for i in left if asked[i].verifier == culprit.verifier]:
                        told[i] = Told(note, 0.0)
                        left.remove(i)
        return [
            found or Told(unverified("not-asked", "the child process gave no answer"), 0.0)
            for found in told
        ]

    def _run(self, asked: list[Asked], around: Surroundings) -> tuple[list[Told], Judgement | None]:
        """Judgements until the end or the first loss, and what was lost."""
        read, write = os.pipe()
        start = (
            f"import sys; sys.path[:] = {sys.path!r}; from harness.audit.witness import main;"
            f" main({write})"
        )
        with tempfile.TemporaryFile() as errors, os.fdopen(read, "rb", buffering=0) as results:
            child = subprocess.Popen(
                [sys.executable, "-c", start],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, pass_fds=[write],
                env={**os.environ, **SEEDED, **dict(around.environment)}, start_new_session=True,
            )  # fmt: skip
            os.close(write)
            try:
                assert child.stdin is not None
                with suppress(BrokenPipeError), child.stdin as stream:
                    pickle.dump(
                        (str(self.folder), self.digest, self.sandbox, around, asked), stream
                    )
                return self._listen(child, results, errors, asked)
            finally:
                _end(child)

    def _listen(
        self,
        child: subprocess.Popen[bytes],
        results: IO[bytes],
        errors: IO[bytes],
        asked: list[Asked],
    ) -> tuple[list[Told], Judgement | None]:
        done: list[Told] = []
        lines = _Lines(results)
        limits = [START, *(PATIENCE * one.limit for one in asked)]
        for number, limit in enumerate(limits):
            line = lines.next(limit)
            if line is None:
                return done, unverified("timeout", f"no judgement within {limit:.0f} s")
            if not line:
                with suppress(subprocess.TimeoutExpired):
                    child.wait(5)
                if child.poll() == -signal.SIGPROF:
                    return done, unverified(
                        "timeout", f"no judgement within {limit / PATIENCE:.0f} s of CPU time"
                    )
                errors.seek(0)
                tail = errors.read()[-500:].decode(errors="replace").strip()
                return done, unverified(
                    "judge-died", f"the judge process ended with exit code {child.poll()} {tail}"
                )
            if number:
                row = json.loads(line)
                done.append(Told(Judgement(Outcome(row[0]), row[1], row[2]), row[3]))
        return done, None


class _Lines:
    """Lines of a pipe, each with a deadline."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe, self._rest = pipe, b""

    def next(self, limit: float) -> bytes | None:
        """The next line; ``None`` when the limit passed, empty at the end."""
        end = time.monotonic() + limit
        while b"\n" not in self._rest:
            if not select.select([self._pipe], [], [], max(0.0, end - time.monotonic()))[0]:
                return None
            found = os.read(self._pipe.fileno(), 1 << 16)
            if not found:
                return b""
            self._rest += found
        line, _, self._rest = self._rest.partition(b"\n")
        return line


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child and what it started: politely, so that a sandbox is closed, then not."""
    for number, patience in ((signal.SIGTERM, 1.0), (signal.SIGKILL, 10.0)):
        if child.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, number)
            with suppress(subprocess.TimeoutExpired):
                child.wait(patience)


def main(results: int) -> None:
    """What the child process runs: read the questions, answer each on the pipe ``results``."""
    from harness.audit.surroundings import Exploding
    from harness.judging.answer import Answer
    from harness.judging.workers import Bench

    os.set_inheritable(results, False)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder, digest, sandbox, around, asked = pickle.load(sys.stdin.buffer)
    _change(around)
    bench = Bench(Path(folder), sandbox, digest)
    with os.fdopen(results, "wb") as out:
        out.write(b"ready\n")
        out.flush()
        for one in asked:
            answer: Any = Exploding() if one.explode else Answer(one.answer)
            began = time.perf_counter()
            signal.setitimer(
                signal.ITIMER_PROF, one.limit
            )  # ends this process, even inside of a regular expression
            found = bench.judge(one.verifier, one.case, answer)
            signal.setitimer(signal.ITIMER_PROF, 0)
            row = [
                found.outcome,
                found.reason,
                found.evidence[:2000],
                round(time.perf_counter() - began, 6),
            ]
            out.write(json.dumps(row).encode() + b"\n")
            out.flush()
    bench.close()


def _change(around: Surroundings) -> None:
    from harness.audit import surroundings as elsewhere

    if around.days:
        elsewhere.shift_date(around.days)
    if not around.network:
        elsewhere.no_network()
    if not around.programs:
        os.environ["PATH"] = os.devnull
