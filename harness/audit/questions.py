"""What an audit found that only the author can judge: mutants and near misses that pass."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_KILLED = 1 / 3  # of an operator's mutants, or its author is asked about it
LEAST_SCORE = 0.8  # of all mutants and near misses, or more of them are asked about


@dataclass(frozen=True)
class Survivor:
    """One mutant that passed: its operator, the good it was made from, and the difference."""

    operator: str
    of: str
    diff: str


@dataclass(frozen=True)
class Question:
    """What the author has to answer before the certificate is VALID: whether an answer like the one
    shown, made from ``of``, is still right. ``name`` is an operator or a family of them, ``killed``
    of ``made`` failed, ``says`` what is wrong with all of them."""

    name: str
    operators: list[str]
    says: str
    killed: int
    made: int
    of: str
    diff: str

    def __str__(self) -> str:
        return (
            f"answer {self.name!r}: is it still right when {self.says}?"
            f" ({self.killed} of {self.made} fail)"
        )
