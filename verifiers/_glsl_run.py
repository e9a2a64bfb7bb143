"""Running a checked GLSL shader: its memory, its variables, and the closures that statements are
made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ._glsl_types import TYPES, GlslError, UnsupportedError, Value, vector

MAX_STEPS = 5_000


class Done(NamedTuple):
    """How a statement left its block: ``return`` with a value, ``break``, ``continue`` or
    ``discard``."""

    how: str
    value: Value = ()


@dataclass
class State:
    """The memory of one run: a value per variable, and the steps left."""

    memory: dict[int, Value]
    steps: int = MAX_STEPS

    def step(self) -> None:
        """Count one statement, call or turn of a loop."""
        self.steps -= 1
        if self.steps < 0:
            raise UnsupportedError(f"more than {MAX_STEPS} steps")


Run = Callable[[State], Value]
Execute = Callable[[State], Done | None]


@dataclass
class Variable:
    """A declared name; ``role`` is uniform, in, out, const, parameter or local."""

    name: str
    kind: str
    role: str
    number: int
    initial: Run | None = None

    @property
    def writable(self) -> bool:
        """Whether an assignment may name it."""
        return self.role in ("out", "local", "parameter")


@dataclass
class Expression:
    """A checked expression: its type, how to evaluate it, and where to write if it can be assigned
    to."""

    kind: str
    run: Run
    constant: bool = False
    target: tuple[Variable, tuple[int, ...]] | None = None


@dataclass
class Function:
    """A function of the shader whose body has been checked."""

    name: str
    kind: str
    parameters: list[Variable]
    body: list[Execute] = field(default_factory=list)


def read(variable: Variable, parts: tuple[int, ...]) -> Expression:
    """An expression for some components of a variable; reading what was never written is an
    error."""

    def run(state: State) -> Value:
        whole = state.memory[variable.number]
        value = tuple(whole[part] for part in parts)
        if None in value:
            raise GlslError(f"{variable.name} is read before it is written")
        return value

    kind = vector(TYPES[variable.kind][0], len(parts))
    return Expression(kind, run, variable.role == "const", (variable, parts))


def part(whole: Expression, parts: list[int], kind: str) -> Expression:
    """Some components of ``whole``, as a type ``kind``; assignable where ``whole`` is."""
    if whole.target is not None:
        variable, chosen = whole.target
        return read(variable, tuple(chosen[part] for part in parts))
    return Expression(
        kind, lambda state: tuple(whole.run(state)[part] for part in parts), whole.constant
    )


def store(target: Expression, value: Run, shown: str) -> Expression:
    """The assignment of ``value`` to ``target``."""
    if (
        target.target is None
        or not target.target[0].writable
        or len(set(target.target[1])) != len(target.target[1])
    ):
        raise GlslError(f"{shown[:40]!r} cannot be assigned to")
    variable, parts = target.target

    def run(state: State) -> Value:
        new = value(state)
        whole = list(state.memory[variable.number])
        for part, component in zip(parts, new, strict=True):
            whole[part] = component
        state.memory[variable.number] = tuple(whole)
        return new

    return Expression(target.kind, run)


def assign(variable: Variable, value: Run) -> Execute:
    """The statement that gives a declared variable its value."""

    def statement(state: State) -> None:
        state.step()
        state.memory[variable.number] = value(state)

    return statement


def evaluate(run: Run) -> Execute:
    """The statement that evaluates and forgets."""

    def statement(state: State) -> None:
        run(state)

    return statement


def execute(body: list[Execute], state: State) -> Done | None:
    """Run statements until one leaves the block; how it left, or ``None`` at the end."""
    for statement in body:
        done = statement(state)
        if done is not None:
            return done
    return None


def repeat(test: Run, body: list[Execute], after: list[Execute], state: State) -> Done | None:
    """Run a loop: ``test``, ``body``, ``after``."""
    while test(state)[0]:
        state.step()
        done = execute(body, state)
        if done is not None and done.how == "break":
            return None
        if done is not None and done.how != "continue":
            return done
        execute(after, state)
    return None
