"""Hidden tests of a Python answer: its program, and what came of every step in the sandbox."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unicodedata import category

from harness import Answer, Judgement, failed, passed, unverified
from harness.judging.markdown import spoken
from harness.languages import named
from harness.sandbox import Sandbox
from harness.sandbox.limits import Starved

from . import _inside_py
from ._steps import Scenario, Step, fault, kept, python_fault, scenarios

MAX_CHARS = 30_000
VERSION = (3, 11)
UNSEEN = ("Cf", "Cs", "Co", "Cn")


def program(answer: Answer, names: Sequence[str]) -> ast.Module | Judgement:
    """The Python of an answer as a tree: the block that defines the names asked for, else all
    blocks together; one block alone may define each name."""
    if len(answer.text) > MAX_CHARS:
        return failed("too-long", f"{len(answer.text)} characters, at most {MAX_CHARS} are read")
    said = Answer(spoken(answer.text))
    written = [one for one in said.blocks if _python(one.language)]
    trees, problem = [], "" if all(one.closed for one in written) else "a block is never closed"
    for block in (one for one in written if one.closed):
        if any(category(letter) in UNSEEN for letter in block.code):
            return failed("invisible-character", "a character that a reader cannot see")
        try:
            trees.append(ast.parse(block.code, feature_version=VERSION))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            problem = f"{type(error).__name__}: {error}"
    bound = [defined(tree) & set(names) for tree in trees]
    for name in names:
        places = [number for number, found in enumerate(bound) if name in found]
        if len(places) > 1:
            return failed("two-answers", f"{len(places)} blocks define {name}, expected one")
        if not places:
            reason = "no-code" if not trees else "missing"
            return failed(reason, f"nothing defines {name}" + (f": {problem}" if problem else ""))
    statements = [statement for tree in trees for statement in tree.body]
    statements.sort(key=lambda one: not _future(one))  # which come first or not at all
    whole = ast.Module(statements, [])
    alone = [tree for tree, found in zip(trees, bound, strict=True) if found == set(names)]
    return alone[0] if alone else whole


def _python(tag: str) -> bool:
    return named(tag) in (named("python"), named(""))


def _future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def defined(tree: ast.Module) -> set[str]:
    """The names that a program binds on its top level by a definition or an assignment."""
    found: set[str] = set()
    for node in tree.body:
        match node:
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
                found.add(name)
            case ast.Assign(targets):
                names = [one for target in targets for one in ast.walk(target)]
                found |= {one.id for one in names if isinstance(one, ast.Name)}
            case ast.AnnAssign(ast.Name(name), _, value) if value is not None:
                found.add(name)
    return found


def outcome(
    tree: ast.Module,
    expect: Mapping[str, Any],
    sandbox: Sandbox,
    orders: Sequence[Sequence[int]] | None = None,
) -> str | Judgement:
    """What was run, or the judgement that a scenario of ``expect`` did not hold.

    Without ``orders`` each scenario gets the program loaded anew; with them the program is loaded
    once and all scenarios run on it, in each of the orders."""
    try:
        asked = scenarios(expect)
        steps = [step for one in asked for step in one.steps]
        wrong = [problem for step in steps if (problem := python_fault(step.code))]
        sent = [[[step.code, step.names, step.rows] for step in one.steps] for one in asked]
    except (ValueError, KeyError, TypeError) as error:
        return unverified("expect", f"{type(error).__name__}: {error}")
    if wrong:
        return unverified("expect", wrong[0])
    wanted = {id(step): right(step, sandbox) for step in steps}
    given = [list(order) for order in orders or [range(len(asked))]]
    try:
        said = sandbox.call(_driver(), "run", [ast.unparse(tree), sent, given, orders is None])
    except Starved as error:
        return unverified("starved", error.evidence)
    if not said.ok:
        return failed(said.reason, said.evidence)
    try:
        for round in said.value:
            for number, replies in round:
                problem = _wrong(asked[number], replies, wanted)
                if problem:
                    return failed("wrong", f"{asked[number].name}: {problem}")
    except (TypeError, ValueError, LookupError) as error:  # it put itself in place of the driver
        return failed("protocol", f"{type(error).__name__}: {error}")
    return f"{len(asked)} scenarios, {len(steps)} steps"


def repeated(tree: ast.Module, expect: Mapping[str, Any], sandbox: Sandbox) -> Judgement:
    """Whether the scenarios hold one after the other in one process, forwards and backwards, and
    what they hand in stays as it was; ``expect.allows`` says what a task cannot keep."""
    allowed = expect.get("allows", [])
    asked = expect if "mutation" in allowed else kept(expect)
    count = len(expect["scenarios"])
    orders = None if "state" in allowed else [range(count), range(count - 1, -1, -1)]
    found = outcome(tree, asked, sandbox, orders)
    return found if isinstance(found, Judgement) else passed(f"{found}, forwards and backwards")


def _wrong(asked: Scenario, replies: Sequence[Any], wanted: Mapping[int, list[Any]]) -> str:
    for step, reply in zip(asked.steps, replies, strict=True):
        problem = fault(step, reply, wanted[id(step)])
        if problem:
            return problem
    return ""


def right(step: Step, sandbox: Sandbox) -> list[Any]:
    """What ``want`` gives for each row, worked out in a process without the answer."""
    if "want" not in step.demand:
        return []
    said = sandbox.call(_driver(), "reference", [step.demand["want"], step.names, step.rows])
    if not said.ok:
        raise ValueError(f"want {step.demand['want']!r}: {said.evidence}")
    return list(said.value)


def _driver() -> str:
    return Path(str(_inside_py.__file__)).read_text(encoding="utf-8")
