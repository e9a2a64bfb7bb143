"""What a task may use, how it ended, and the ways in which it can go wrong.

::

    CandidateError    the candidate raised or could not be loaded: about the candidate
    TaskError         its process ended, or its time was over, before it answered
    Starved           its time was over, and it had little of it: judge again when less runs
    WorkerError        the fork server or the sandbox is gone: start anew, run the task once more"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

#: least and most that a verifier may give one task; ``None``: no more than its sandbox has itself
RANGES: dict[str, tuple[float, float | None]] = {
    "wall": (0.05, 120.0),
    "cpu": (1, 60),
    "memory": (16 << 20, None),
    "processes": (1, None),
    "open_files": (8, 1024),
    "file_bytes": (0, None),
    "output_bytes": (1, None),
}


@dataclass(frozen=True)
class Limits:
    """What one task may use. Sizes in bytes, times in seconds."""

    wall: float = 6.0
    cpu: int = 3
    memory: int = 1 << 30
    processes: int = 16  #: of a tool; a candidate cannot start any
    threads: int = 64  #: of a candidate
    open_files: int = 64
    file_bytes: int = 16 << 20
    temp_bytes: int = 64 << 20
    output_bytes: int = 1 << 20  #: of a tool, each of stdout and stderr

    def changed(self, **changes: Any) -> Limits:
        """These limits with some of them changed for one task; raises ``ValueError`` for one that
        is not in its range."""
        for name, found in changes.items():
            if name not in RANGES:
                raise ValueError(f"with_limits({name}): expected one of {', '.join(RANGES)}")
            least, most = RANGES[name]
            most = getattr(self, name) if most is None else most
            numbers = (int, float) if name == "wall" else (int,)
            if type(found) not in numbers or not least <= found <= most:
                kind = "a number" if name == "wall" else "a whole number"
                raise ValueError(
                    f"with_limits({name}={found!r}): expected {kind} from {least} to {most}"
                )
        return replace(self, **changes)


@dataclass(frozen=True)
class Report:
    """How a task's process ended: exit code or signal (the server's own SIGKILL if it was still
    running); ``cpu`` in seconds, ``preempted`` and ``yielded`` in times that it lost the processor
    to others and gave it up itself."""

    code: int | None
    signal: int | None
    cpu: float
    preempted: int
    yielded: int
    rss: int
    over: str | None
    clean: bool


@dataclass(frozen=True)
class Result:
    """What a tool left: ``reason`` is ``exit``, ``signal``, ``timeout``, ``output``, ``memory``,
    ``disk`` or ``start``.

    ``code`` is its exit code with reason ``exit`` and ``None`` otherwise. Output is cut at the
    limit. ``start`` means that the program could not be started; stderr says why. ``cpu`` are its
    seconds of processor time."""

    reason: str
    code: int | None
    stdout: bytes
    stderr: bytes
    seconds: float
    cpu: float = 0.0


class WorkerError(Exception):
    """The fork server or its sandbox is gone, or did not obey in time."""


class TaskError(Exception):
    """The candidate's process ended or ran out of time before it answered; ``reason`` is a short
    code."""

    def __init__(self, reason: str, evidence: str) -> None:
        super().__init__(reason, evidence)
        self.reason = reason
        self.evidence = evidence


class Starved(TaskError):
    """Its time was over, most of which others had the processor: about the machine."""


class CandidateError(Exception):
    """The candidate raised, or could not be loaded: ``reason`` is a short code, ``evidence`` the
    error as text."""

    def __init__(self, reason: str, evidence: str) -> None:
        super().__init__(reason, evidence)
        self.reason = reason
        self.evidence = evidence
