"""Judging outside of this process: a verifier that hangs, crashes or eats memory on a hostile answer costs one judgement.

Each judge process discovers the verifiers once and keeps one warm sandbox. It is started by ``spawn`` before mlx is
loaded, because mlx-lm lowers the limit of open files for the process and its children.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.answer import Answer
from harness.discovery import discover
from harness.verifier import Case, Judgement, Verifier, unverified

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
            lost = unverified("judge-died", f"the judge process ended with exit code {error.exitcode}")
        except Exception as error:  # the sandbox could not be opened, or the judgement could not be sent back
            lost = unverified("judge-failed", f"{type(error).__name__}: {error}")
        return [lost] * self._count


class Judges:
    """A pool of judge processes; use as a context manager.

    ``sandbox`` is the name of a sandbox that was probed, or ``None`` when no verifier needs one.
    """

    def __init__(self, verifiers: Path, sandbox: str | None, workers: int = 2) -> None:
        from pebble import ProcessPool

        self.sandbox = sandbox
        self._pool = ProcessPool(
            max_workers=workers,
            context=multiprocessing.get_context("spawn"),
            initializer=_start,
            initargs=(str(verifiers), sandbox),
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


_verifiers: dict[str, Verifier] = {}
_sandbox_name: str | None = None
_sandbox: Any = None


def _start(folder: str, sandbox: str | None) -> None:
    global _sandbox_name
    _verifiers.update(discover(Path(folder)).verifiers)
    _sandbox_name = sandbox


def _judge(ids: tuple[str, ...], case: Case, text: str) -> list[Judgement]:
    answer = Answer(text)
    return [_one(_verifiers[name], case, answer) for name in ids]


def _one(verifier: Verifier, case: Case, answer: Answer) -> Judgement:
    global _sandbox
    if not verifier.sandbox:
        return verifier.judge(case, answer)
    if _sandbox is None:
        import atexit

        from harness.sandbox import open_sandbox

        if _sandbox_name is None:
            return unverified("no-sandbox", "the verifier needs a sandbox and none was opened")
        _sandbox = open_sandbox(_sandbox_name)
        atexit.register(_sandbox.close)
    return verifier.judge(case, answer, _sandbox)
