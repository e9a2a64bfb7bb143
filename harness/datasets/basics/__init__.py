"""``basics``: 400 short Python tasks of our own, judged as HumanEval is.

The tasks stand in text files beside this one, in the syntax of Python: a function is one task, its
header and docstring the prompt and its body the reference, and the line behind it holds calls. A
call that draws (``nums(8), num(0, 9)``) stands for many: the first are drawn by the task's own
seed, the last few by the judge's secret, so that nobody knows them by heart. What an answer gave is
compared with what the reference gives, outside of the sandbox; see
:mod:`harness.datasets.humaneval`."""

from __future__ import annotations

import ast
import copy
import functools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from types import CodeType
from typing import Any

from harness.content.case import Case
from harness.datasets.basics.drawing import Drawn
from harness.datasets.humaneval import Problem

FIXED = 12  #: distinct calls of a task that are the same for every answer
HIDDEN = 4  #: more, by the judge's secret
_TRIES = 400  #: draws for the fixed calls; a small domain has no more distinct ones

_TEST = """
def check(candidate):
    import random
    from harness.datasets.basics import calls
    for arguments, wanted in calls({name!r}, random):
        assert candidate(*arguments) == wanted
"""


@dataclass(frozen=True)
class Task(Problem):
    """One of the 400 tasks: ``band`` 0 is the easiest of five, ``inputs`` are the calls that it
    was given and ``drawing`` the one that draws, if any."""

    band: int
    inputs: CodeType
    drawing: CodeType | None


@functools.cache
def tasks() -> dict[str, Task]:
    """The tasks by id, ``basics/NAME``, in order of their bands."""
    folder = files(__package__)
    names = sorted(one.name for one in folder.iterdir() if one.name.endswith(".txt"))
    return {task.task_id: task for name in names for task in _read(name, folder / name)}


def cases() -> list[Case]:
    """The prompts as cases of a suite: the entry point ``basics`` of ``harness.datasets``."""
    return [Case(id, task.prompt, {"task_id": id}) for id, task in tasks().items()]


def calls(task_id: str, draws: Any) -> Iterator[tuple[list[Any], Any]]:
    """The arguments of every call and what the reference makes of them: the fixed ones, then as
    many hidden ones as ``draws``, a module or an object like :mod:`random`, gives."""
    yield from _fixed(task_id)
    task = tasks()[task_id]
    if task.drawing:
        for _ in range(HIDDEN):
            (arguments,) = _arguments(task.drawing, draws)
            yield arguments, reference(task_id, arguments)


def reference(task_id: str, arguments: list[Any]) -> Any:
    """What the reference makes of a copy of the arguments."""
    return _function(task_id)(*copy.deepcopy(arguments))


@functools.cache
def _fixed(task_id: str) -> list[tuple[list[Any], Any]]:
    task, draws = tasks()[task_id], random.Random(task_id)
    found = {repr(one): one for one in _arguments(task.inputs, draws)}
    for _ in range(_TRIES if task.drawing else 0):
        if len(found) >= FIXED:
            break
        (one,) = _arguments(task.drawing, draws)
        found.setdefault(repr(one), one)
    return [(arguments, reference(task_id, arguments)) for arguments in found.values()]


@functools.cache
def _function(task_id: str) -> Any:
    task, space = tasks()[task_id], dict[str, Any]()
    exec(task.prompt + task.canonical_solution, space)
    return space[task.entry_point]


def _arguments(code: CodeType | None, draws: Any) -> list[list[Any]]:
    """The arguments that a piece of the data gives: trusted code of this package."""
    return list(eval(code, Drawn(draws).names())) if code else []


def _read(name: str, path: Any) -> Iterator[Task]:
    source = path.read_text(encoding="utf-8")
    inputs: dict[ast.FunctionDef, list[ast.expr]] = {}
    for node in ast.parse(source, name).body:
        if isinstance(node, ast.FunctionDef):
            inputs[node] = []
        elif isinstance(node, ast.Expr):
            inputs[[*inputs][-1]].append(node.value)
    lines = source.splitlines(keepends=True)
    for node, values in inputs.items():
        start, end = node.body[0].end_lineno or 0, node.end_lineno or 0
        drawing = [value for value in values if _draws(value)]
        yield Task(
            task_id=f"basics/{node.name}",
            prompt="".join(lines[node.lineno - 1 : start]),
            entry_point=node.name,
            test=_TEST.format(name=f"basics/{node.name}"),
            canonical_solution="".join(lines[start:end]),
            band=int(name[0]),
            inputs=_compiled([value for value in values if value not in drawing], name),
            drawing=_compiled(drawing, name) if drawing else None,
        )


def _draws(value: ast.expr) -> bool:
    return any(isinstance(node, ast.Call) for node in ast.walk(value))


def _compiled(values: list[ast.expr], name: str) -> CodeType:
    """An expression whose value is the list of the arguments of each call."""
    rows = [
        ast.List(value.elts if isinstance(value, ast.Tuple) else [value], ast.Load())
        for value in values
    ]
    tree = ast.Expression(ast.List([*rows], ast.Load()))
    return compile(ast.fix_missing_locations(tree), name, "eval")
