"""Judging outside of this process: a verifier that hangs, crashes or eats memory on a hostile
answer costs one judgement.

Each judge process discovers the verifiers once and keeps one warm sandbox. It is started by
``spawn`` before mlx is loaded, because mlx-lm lowers the limit of open files for the process and
its children. A judge that starts later, after another one was lost, judges nothing if a verifier's
bytes have changed since the pool was made.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.content.case import Case
from harness.judging.answer import Answer
from harness.judging.discovery import digest, discover
from harness.judging.verifier import Judgement, unverified

TIMEOUT = 60.0  # seconds for all criteria of one answer; a candidate's own limits are far lower


class Pending:
    """Judgements on their way, one for each criterion asked for."""

    def __init__(self, future: Any, count: int) -> None:
        self._future, self._count = future, count

    def done(self) -> bool:
        """Whether :meth:`result` returns at once."""
        return bool(self._future.done())

    def result(self) -> list[Judgement]:
        """The judgements; a judge that timed out or died has verified nothing."""
        from pebble import ProcessExpired

        try:
            return list(self._future.result())
        except TimeoutError:
            lost = unverified("timeout", f"the verifier did not answer within {TIMEOUT:.0f} s")
        except ProcessExpired as error:
            lost = unverified(
                "judge-died", f"the judge process ended with exit code {error.exitcode}"
            )
        except (
            Exception
        ) as error:  # the sandbox could not be opened, or the judgement could not be sent back
            lost = unverified("judge-failed", f"{type(error).__name__}: {error}")
        return [lost] * self._count


class Judges:
    """A pool of judge processes; use as a context manager.

    ``sandbox`` is the name of a sandbox that was probed, or ``None`` when no verifier needs one.
    """

    def __init__(self, verifiers: Path, sandbox: str | None, workers: int = 2) -> None:
        from pebble import ProcessPool

        self.sandbox, self.folder, self.digest = sandbox, verifiers, digest(verifiers)
        self._pool = ProcessPool(
            max_workers=workers,
            context=multiprocessing.get_context("spawn"),
            initializer=_start,
            initargs=(str(verifiers), sandbox, self.digest),
        )

    def judge(self, verifiers: Sequence[str], case: Case, text: str) -> Pending:
        """Ask for the judgement of each of ``verifiers`` (ids) on one answer."""
        future = self._pool.schedule(_judge, args=[tuple(verifiers), case, text], timeout=TIMEOUT)
        return Pending(future, len(verifiers))

    def __enter__(self) -> Judges:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.stop()
        self._pool.join()


class Bench:
    """The verifiers of a folder, loaded in this process, with one warm sandbox for those that run
    code.
    """

    def __init__(self, folder: Path, sandbox: str | None, expected: str) -> None:
        self._changed = digest(folder) != expected
        self._verifiers = discover(folder).verifiers
        self._name = sandbox
        self._sandbox: Any = None

    def judge(self, id: str, case: Case, answer: Answer) -> Judgement:
        """What one verifier says; ``unverified`` when it is not the one that was asked for or has
        no sandbox.
        """
        if self._changed or id not in self._verifiers:
            return unverified("verifier-changed", f"{id} is not what it was when judging began")
        verifier = self._verifiers[id]
        if not verifier.sandbox:
            return verifier.judge(case, answer)
        if self._name is None:
            return unverified("no-sandbox", "the verifier needs a sandbox and none was opened")
        if self._sandbox is None:
            import atexit

            from harness.sandbox import open_sandbox

            self._sandbox = open_sandbox(self._name)
            atexit.register(self.close)
        return verifier.judge(case, answer, self._sandbox)

    def close(self) -> None:
        """Close the sandbox, if one was opened."""
        if self._sandbox is not None:
            with contextlib.suppress(Exception):
                self._sandbox.close()
            self._sandbox = None


_bench: Bench | None = None


def _start(folder: str, sandbox: str | None, expected: str) -> None:
    global _bench
    _bench = Bench(Path(folder), sandbox, expected)


def _judge(ids: tuple[str, ...], case: Case, text: str) -> list[Judgement]:
    assert _bench is not None  # the pool's initializer has run
    answers = [Answer(text) for _ in ids]  # each gets its own: one might change what it is given
    judged = [_bench.judge(id, case, answer) for id, answer in zip(ids, answers, strict=True)]
    return [replace(found, rule=answer.rule) for found, answer in zip(judged, answers, strict=True)]
