"""A test that calls a candidate, run without it: once to record the calls, once on the answers.

In between the candidate gets every call in one message and answers all of them, so nothing tells it
whether an answer was right. It holds for tests of which no call depends on the result of another;
one that does ends in ``unforeseen``, and is for :meth:`harness.sandbox.Task.call`."""

from __future__ import annotations

import ast
import builtins
import functools
import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from harness.judging.verifier import Judgement, failed, passed, unverified
from harness.sandbox.inside import codec
from harness.sandbox.inside.frames import EncodeError, ProtocolError
from harness.sandbox.limits import CandidateError
from harness.sandbox.task import value_of

FEW = 8  #: calls of a test, below which some are made twice


@dataclass(frozen=True)
class Replay:
    """The source of a test that defines ``check(candidate)``; ``entry`` is the name by which it may
    call the candidate too."""

    name: str
    source: str
    entry: str

    @functools.cached_property
    def _code(self) -> CodeType:
        tree = ast.parse(self.source, self.name)
        _call_for_assert(tree.body)
        return compile(tree, self.name, "exec", dont_inherit=True)

    @functools.cached_property
    def _draws(self) -> bool:
        return "random" in self.source

    @functools.cached_property
    def drawn(self) -> frozenset[int]:
        """The calls, from 0, whose arguments the test draws at random."""
        if not self._draws:
            return frozenset()
        # two of few possible arguments may well be the same
        records = zip(*map(self._record, (b"0", b"1", b"2", b"3")), strict=True)
        return frozenset(n for n, (one, *others) in enumerate(records) if others != [one] * 3)

    @functools.cached_property
    def _fixed(self) -> list[Any]:
        return self._record(b"")

    def calls(self, seed: bytes) -> list[Any]:
        """The arguments of every call, as :func:`codec.encode` gives them. Raises
        :class:`EncodeError`."""
        return self._record(seed) if self.drawn else self._fixed

    def _record(self, seed: bytes) -> list[Any]:
        found: list[Any] = []

        def candidate(*arguments: Any) -> _Any:
            found.append(codec.encode(arguments))
            return _Any()

        self.run(candidate, seed, lambda _: None)
        return found

    def run(
        self, candidate: Callable[..., Any], seed: bytes, check: Callable[[Any], None] | None = None
    ) -> None:
        """Run the test on ``candidate`` with the draws that ``seed`` gives; ``check`` gets what it
        asserts, and by default raises ``AssertionError`` unless that is true."""
        space: dict[str, Any] = {"__builtins__": dict(vars(builtins)), "__name__": "a_test"}
        space["assert"] = check or _assert
        state = random.getstate() if self._draws else None
        if state:
            random.seed(seed)
        try:
            exec(self._code, space)
            space[self.entry] = candidate
            space["check"](candidate)
        finally:
            if state:
                random.setstate(state)

    def unloaded(self, calls: list[Any], error: CandidateError) -> Judgement:
        """What to say of a program that could not take the first of ``calls``."""
        if 0 in self.drawn:
            return failed(error.reason, error.evidence)
        return _Answers(self, calls, {}, 0, codec.decode(calls[0])).failure(error)

    def judge(self, calls: list[Any], replies: dict[int, Any], seed: bytes) -> Judgement:
        """What the test says of the reply to each of ``calls``, by number."""
        answers = _Answers(self, calls, replies)
        try:
            self.run(answers, seed)
        except Exception as error:
            return answers.failure(error)
        return answers.failure(None) if answers.trouble else passed(f"{len(calls)} calls")


def order(count: int, seed: bytes) -> list[int]:
    """Every call once in an order that tells nothing, and again some where they are fewer than
    ``FEW``: who counts calls does not know which this is."""
    many = max(count, FEW)
    marks = hashlib.shake_128(seed).digest(3 * many)
    asked = [number if number < count else marks[number] % count for number in range(many)]
    return [asked[at] for at in sorted(range(many), key=lambda at: marks[many + 2 * at :][:2])]


def _call_for_assert(body: list[ast.stmt]) -> None:
    """Make a call of ``assert``, a name that no source can have, out of every assertion: we say
    what it does, and ``python -O`` cannot leave it out. What an assertion says when it fails is
    dropped, as it might call the candidate again."""
    for at, node in enumerate(body):
        if isinstance(node, ast.Assert):
            name = ast.copy_location(ast.Name("assert", ast.Load()), node)
            call = ast.copy_location(ast.Call(name, [node.test], []), node)
            body[at] = ast.copy_location(ast.Expr(call), node)
        for part in ("body", "orelse"):
            _call_for_assert(getattr(node, part, []))


def _assert(found: Any) -> None:
    if not found:
        raise AssertionError


class _Any(float):
    """A result that serves in every expression of a test while its calls are recorded."""

    def __iter__(self) -> Iterator[Any]:
        return iter(())


class _Unforeseen(Exception):
    """The test calls what it did not call while its calls were recorded."""


@dataclass
class _Answers:
    """Stands for the candidate once its answers are there, and remembers the last call for the
    evidence; what was drawn is not shown, so that it reads the same next time."""

    replay: Replay
    calls: list[Any]
    replies: dict[int, Any]
    number: int = -1
    arguments: tuple[Any, ...] = ()
    results: tuple[Any, ...] = ()
    trouble: list[Exception] = field(default_factory=list)

    def __call__(self, *arguments: Any) -> Any:
        self.number += 1
        self.arguments, self.results = arguments, ()
        try:
            encoded = codec.encode(arguments)
            if self.number >= len(self.calls) or encoded != self.calls[self.number]:
                raise _Unforeseen
            value = value_of(self.replies[self.number])
        except (CandidateError, ProtocolError, EncodeError, _Unforeseen) as error:
            # kept apart: a test must not be able to swallow it
            self.trouble.append(error)
            raise
        self.results = (value,)
        return value

    @property
    def shown(self) -> str:
        """The last call and what it gave."""
        call = f"{self.replay.entry}({', '.join(map(_short, self.arguments))})"
        return call + "".join(f" gave {_short(value)}" for value in self.results)

    def failure(self, error: Exception | None) -> Judgement:
        """What went wrong at the last call."""
        error = self.trouble[0] if self.trouble else error
        call = f"call {self.number + 1}"
        if isinstance(error, (_Unforeseen, EncodeError)):
            return unverified("unforeseen", f"{call}, {self.shown}, was not recorded")
        reason, said = "wrong-answer", f"{call}: {self.shown}"
        if isinstance(error, CandidateError):
            reason, said = error.reason, f"{call}, {self.shown}: {error.evidence}"
        elif isinstance(error, ProtocolError):
            reason, said = "protocol", f"{call}, {self.shown}: {error}"
        # any other error is the test's own: an assertion, or an operation that the type of a wrong
        # answer does not support
        if self.number in self.replay.drawn:
            said = f"a call of {self.replay.entry} with arguments drawn at random"
        return failed(reason, said)


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an int of too many digits, a deep list
        return f"<{type(value).__name__}>"
    return text if len(text) <= 120 else f"{text[:117]}..."
