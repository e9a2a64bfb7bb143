"""Reading a file of HumanEval samples, strictly: every error names file, line and field."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

from harness.datasets.humaneval import problems
from harness.errors import WorkspaceError


@dataclass(frozen=True)
class Sample:
    """One line of a samples file. ``whole``: a complete program (key ``solution``), not a
    completion of the prompt."""

    line: int
    task_id: str
    text: str
    whole: bool

    @property
    def digest(self) -> str:
        """What a result is bound to."""
        return hashlib.sha256(
            json.dumps([self.task_id, self.text, self.whole]).encode()
        ).hexdigest()[:16]


def read_samples(path: Path) -> list[Sample]:
    """The samples of a ``.jsonl`` or ``.jsonl.gz`` file: ``task_id`` and ``completion`` or
    ``solution`` in each line.

    Raises :class:`WorkspaceError` that names file, line and field."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            lines = file.read().split(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        raise WorkspaceError(f"{path}: cannot be read: {error}") from None
    samples = [_sample(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not samples:
        raise WorkspaceError(f"{path}: holds no sample; expected lines of {{task_id, completion}}")
    return samples


def _sample(path: Path, number: int, line: bytes) -> Sample:
    where = f"{path}, line {number}"
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WorkspaceError(
            f"{where}: not JSON ({error}); a torn line? remove it or write it again"
        ) from None
    if not isinstance(row, dict):
        raise WorkspaceError(
            f"{where}: a {type(row).__name__}, expected an object with task_id and completion"
        )
    task_id = row.get("task_id")
    if not isinstance(task_id, str) or task_id not in problems():
        found = "is missing" if "task_id" not in row else f"is {task_id!r}"
        raise WorkspaceError(f"{where}: task_id {found}, expected HumanEval/0 to HumanEval/163")
    keys = [key for key in ("completion", "solution") if key in row]
    if len(keys) != 1:
        found = (
            "has both completion and solution"
            if keys
            else f"has no completion (keys: {', '.join(sorted(row))})"
        )
        raise WorkspaceError(f"{where}: {found}; expected one of completion, solution")
    text = row[keys[0]]
    if not isinstance(text, str):
        raise WorkspaceError(f"{where}: {keys[0]} is a {type(text).__name__}, expected text")
    return Sample(number, task_id, text, whole=keys[0] == "solution")
