"""Recorded answers in place of a model: whoever generated them, the gate decides.

A file of rows as ``harness gate --register --export`` writes them, each with its ``answer``. What
it says is held against the registered prompts before anything is judged; that a base and an adapter
gave these answers is declared by whoever recorded them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from harness.content import strict
from harness.digests import file_digest
from harness.engines.base import Ask, Generation, Place, cut
from harness.errors import WorkspaceError

SHOWN = 3  # places that a sentence names
HELD = ("prompt", "prompt_digest", "system", "mode", "sampler", "temperature", "seed", "subject")


class Asked(strict.Model):
    """One prompt as it is to be put to an arm; ``registration`` is the digest of the rules that
    were written down before, ``subject`` that of the adapter, or bare base, that is to answer. What
    is not said is not held against anything."""

    id: str | None = None
    suite: str | None = None
    arm: str
    subject: str | None = None
    sample: int = Field(default=0, ge=0)
    registration: str | None = None
    prompt_digest: str | None = None
    prompt: str | None = None
    system: str | None = None
    mode: Literal["chat", "completion"] | None = None
    sampler: str | None = None
    max_tokens: int | None = None
    stop: list[str] | None = None
    temperature: float | None = None
    seed: int | None = None


class Row(Asked):
    """A prompt with its answer; ``task_id`` may stand for ``id``, which needs no ``suite`` where
    one suite alone has it. ``tokens`` are those of the answer, ``finish`` why it ended."""

    task_id: str | None = None
    answer: str
    finish: Literal["eos", "stop", "length"] = "eos"
    tokens: int = Field(default=0, ge=0)


def rows(path: Path) -> list[Row]:
    """The rows of a file; raises :class:`WorkspaceError` for one that is none."""
    return [strict.check(row, Row, path, line=line) for line, row in strict.read_jsonl(path)]


class Replay:
    """The answers in a file; raises :class:`WorkspaceError` for a row that is none. Without a file
    it is the engine of somebody who has yet to record."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._read: list[tuple[int, Row]] = []
        self._rows: dict[Place, Row] = {}
        self.identity: dict[str, Any] = {"engine": "replay", "declared": True}
        if path is not None:
            rows = strict.read_jsonl(path)
            self._read = [(line, strict.check(row, Row, path, line=line)) for line, row in rows]
            self.identity["answers"] = f"sha256:{file_digest(path)}"

    @property
    def declared(self) -> str:
        """Who is said to have answered."""
        return "" if self._path is None else f"answers were recorded elsewhere ({self._path.name})"

    def hold(self, planned: Iterable[Asked], needed: set[Place]) -> None:
        """Take the answers to what was ``planned``; raises :class:`WorkspaceError` with a sentence
        for each kind of row that does not fit, and for what is ``needed`` and not there."""
        asked = {place(one): one for one in planned}
        having: dict[str, set[str]] = {}
        for suite, _, id, _ in asked:
            having.setdefault(id, set()).add(suite)
        wrong: dict[str, list[str]] = {}
        for line, row in self._read:
            at, why = self._fits(row, asked, sorted(having.get(row.id or row.task_id or "", ())))
            if why is None and at in self._rows:
                why = "is answered twice; expected one answer for each suite, arm, id and sample"
            if why is None:
                self._rows[at] = row
            else:
                wrong.setdefault(why, []).append(f"line {line} {_named(at)}")
        missing = needed - self._rows.keys()
        for arm in sorted({at[1] for at in missing}):
            of_arm = {at for at in needed if at[1] == arm}
            why = f"is not answered by arm {arm!r}"
            if of_arm <= missing:
                why = f"has no answer of arm {arm!r}, which the plan needs"
            wrong[why] = [_named(at) for at in sorted(missing & of_arm)]
        if wrong and self._path is not None:
            said = [f"{self._path}: {_list(at)}: {why}" for why, at in wrong.items()]
            raise WorkspaceError("\n".join(said))

    def dated(self, registration: str) -> bool:
        """Whether every row names this registration."""
        return all(row.registration == registration for row in self._rows.values())

    def reads(self, ask: Ask) -> Any:
        """Which answer it is, and to what."""
        return [*ask.place, ask.prompt]

    def answer(self, asks: Sequence[Ask]) -> Iterator[tuple[int, Generation]]:
        """The recorded answers, in the order of the asks."""
        for number, ask in enumerate(asks):
            row = self._rows[ask.place]
            yield number, cut(Generation(row.answer, row.tokens, row.finish), ask.decoding.stop)

    def _fits(
        self, row: Row, asked: Mapping[Place, Asked], suites: list[str]
    ) -> tuple[Place, str | None]:
        """The place of a row, of an id that ``suites`` have, and what keeps it from being there."""
        id = row.id or row.task_id or ""
        suite = row.suite or (suites[0] if len(suites) == 1 else "")
        at = (suite, row.arm, id, row.sample)
        if not suite and suites:
            return at, f"may be of {' or '.join(suites)}; name its `suite`"
        if (plan := asked.get(at)) is None:
            return at, "was not asked: no such suite, arm, id or sample is registered"
        for key in HELD:
            found = getattr(row, key)
            if found is not None and found != getattr(plan, key):
                return at, f"answers another {key} than was registered; answer what was exported"
        return at, None


def place(one: Asked) -> Place:
    """Where an answer to this belongs."""
    return one.suite or "", one.arm, one.id or "", one.sample


def _named(at: Place) -> str:
    suite, arm, id, sample = at
    return f"({suite} {id}, arm {arm}{f', sample {sample}' if sample else ''})"


def _list(places: Sequence[str]) -> str:
    more = len(places) - SHOWN
    return ", ".join(places[:SHOWN]) + (f" and {more} more" if more > 0 else "")
