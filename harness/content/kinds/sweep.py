"""The length sweep that an entry of the library may ask for, whatever its kind: how long its
answers stay sound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.content import strict
from harness.content.suite import Mode
from harness.errors import WorkspaceError

SERVE, BARE, WORDS = "serve", "no_penalty", "{words}"
OF_TOKENS = 0.75  # words a token, of what a prompt asks for
_PIECE = re.compile(r"\w+|[^\w\s]")
Length = Annotated[int, Field(gt=0)]
Who = Literal["base", "adapter"]


class Sampler(strict.Model):
    """How answers are drawn: greedily at temperature 0; the logits of the last 20 tokens are
    weakened by ``repetition_penalty``."""

    temperature: float = Field(default=0.0, ge=0, le=2)
    repetition_penalty: float | None = Field(default=None, gt=1, le=4)

    def __str__(self) -> str:
        drawn = f"temperature {self.temperature:g}" if self.temperature else "greedy"
        weak = self.repetition_penalty
        return drawn if weak is None else f"{drawn}, repetition penalty {weak:g}"


class Sweep(strict.Model):
    """Answers to ``prompts`` (JSONL) of up to each of the ``lengths``, in tokens, by each of the
    ``samplers``, of which ``serve`` is the one that users get; or ``transcripts`` (JSONL), answers
    that are stored. What is ``promised``, by default the longest that passes, is the length before
    which a loop is rarer than 1 - ``survival``. Of the prompts that end by themselves the share
    ``stops``. A rate that a penalty moves by more than ``dependence`` is not the model's alone."""

    lengths: list[Length] = Field(min_length=1)
    prompts: str | None = None
    transcripts: str | None = None
    promised: Length | None = None
    samplers: dict[str, Sampler] = {SERVE: Sampler()}
    mode: Mode | None = None
    survival: float = Field(default=0.95, gt=0, lt=1)
    stops: float = Field(default=0.9, gt=0, lt=1)
    dependence: float = Field(default=0.1, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)

    @property
    def grid(self) -> dict[str, Sampler]:
        """Every sampler by name, and ``serve`` once more without its penalty."""
        return self.samplers | ({BARE: self._bare} if self.bare == BARE else {})

    @property
    def bare(self) -> str:
        """The name of the sampler that is ``serve`` without its penalty."""
        return next((name for name, one in self.samplers.items() if one == self._bare), BARE)

    @property
    def _bare(self) -> Sampler:
        return Sampler(temperature=self.samplers[SERVE].temperature)

    @model_validator(mode="after")
    def _can_be_measured(self) -> Sweep:
        if self.lengths != sorted(set(self.lengths)):
            raise ValueError("`lengths` grow: each once, the shortest first")
        if self.promised is not None and self.promised not in self.lengths:
            raise ValueError(f"promised: {self.promised} is to be one of the `lengths`")
        if SERVE not in self.samplers:
            raise ValueError(f"`samplers` lack {SERVE!r}, by which users get their answers")
        if self.prompts is None and self.transcripts is None:
            raise ValueError("expected `prompts`, or `transcripts` of answers that are stored")
        return self


class Prompt(strict.Model):
    """One prompt: its answer ends by itself, or is ``forced`` to go on. One that says ``{words}``
    is asked for each length, with the words that it holds; any other for the longest alone."""

    id: str = Field(min_length=1, pattern="^[^@]+$")
    prompt: str = Field(min_length=1)
    forced: bool = False

    def cases(self, lengths: list[int]) -> list[Asked]:
        """What it asks, from the shortest on."""
        every = lengths if WORDS in self.prompt else lengths[-1:]
        return [Asked(f"{self.id}@{length}", self._at(length), self.forced, length)
                for length in every]  # fmt: skip

    def _at(self, length: int) -> str:
        return self.prompt.replace(WORDS, str(round(OF_TOKENS * length)))


@dataclass(frozen=True)
class Asked:
    """A prompt for one length."""

    id: str
    prompt: str
    forced: bool
    length: int


class Stored(strict.Model):
    """One stored answer, of ``length`` tokens at most (by default the longest); ``finish`` says why
    it ended, ``tokens`` how many it has (by default as many as it has words and marks)."""

    id: str = Field(min_length=1, pattern="^[^@]+$")
    answer: str
    prompt: str = ""
    forced: bool = False
    length: Length | None = None
    sampler: str = SERVE
    arm: Who = "adapter"
    tokens: int = Field(default=0, ge=0)
    finish: Literal["eos", "stop", "length"] = "eos"

    @property
    def pieces(self) -> int:
        """How many words and marks it has."""
        return len(_PIECE.findall(self.answer))


def prompts(path: Path) -> list[Prompt]:
    """The prompts of a file; raises :class:`WorkspaceError` for one that is none, or twice
    there."""
    found = dict[str, Prompt]()
    for line, row in strict.read_jsonl(path):
        one = strict.check(row, Prompt, path, line=line)
        if one.id in found:
            raise WorkspaceError(f"{path}:{line}: key 'id': {one.id!r} stands twice; name each one")
        found[one.id] = one
    if not found:
        raise WorkspaceError(f"{path}: no prompt in it; expected a row {{id, prompt}} a line")
    return list(found.values())


def stored(path: Path, sweep: Sweep) -> dict[tuple[Who, str, str], Stored]:
    """The answers of a file by arm, sampler and case; raises :class:`WorkspaceError` for one that
    is none, twice there, or of no registered length or sampler."""
    found = dict[tuple[Who, str, str], Stored]()
    for line, row in strict.read_jsonl(path):
        one = strict.check(row, Stored, path, line=line)
        key = (one.arm, one.sampler, f"{one.id}@{one.length or sweep.lengths[-1]}")
        for wrong in _unfit(one, key, sweep, key in found):
            raise WorkspaceError(f"{path}:{line}: {wrong}")
        found[key] = one
    if not found:
        raise WorkspaceError(f"{path}: no answer in it; expected a row {{id, answer}} a line")
    return found


def _unfit(one: Stored, key: tuple[Who, str, str], sweep: Sweep, twice: bool) -> Iterator[str]:
    if one.length not in (None, *sweep.lengths):
        yield f"key 'length': found {one.length}; registered are {sweep.lengths}"
    if one.sampler not in sweep.grid:
        yield f"key 'sampler': found {one.sampler!r}{strict.nearest(one.sampler, [*sweep.grid])}"
    if twice:
        yield f"key 'id': {', '.join(key)} stands twice; one answer for each"
