"""Game programming patterns in C++17 or Python 3.11: the program of an answer is compiled and run
on hidden scenarios in the sandbox, the C++ under address and undefined behaviour sanitizers.

What is expected of each step stays outside, and what came back is compared here."""

from __future__ import annotations

import ast

from harness import Answer, Case, Judgement, failed, passed, unverified, verifier
from harness.sandbox import Sandbox

from ._hidden import COMPILER, compiled
from ._hidden_py import outcome, program, repeated
from ._hidden_steps import asserted, leaking, outcomes, source, wrong
from ._python_shape import missing, top_names

PACKAGES = ["markdown-it-py", "tree-sitter", "tree-sitter-cpp"]
#: warnings that say that a call of the function is undefined behaviour
UNDEFINED = ("return-type", "return-local-addr", "delete-non-virtual-dtor", "uninitialized")


@verifier(
    "patterns.compiles", version=1, facet="game-patterns", packages=PACKAGES, sandbox=True,
    executables=[COMPILER], level="compiled",
)  # fmt: skip
def compiles(case: Case, answer: Answer, sandbox: Sandbox) -> Judgement:
    """The code of the answer is C++17 that g++ takes, or Python 3.11, and offers every name of
    ``expect.defines`` with the parameters and results asked for."""
    code = _code(case, answer)
    if isinstance(code, Judgement):
        return code
    defines = case.expect["defines"]
    try:
        if isinstance(code, ast.Module):
            lacking = [problem for one in defines if (problem := missing(code, one))]
            if lacking:
                return failed("signature", "; ".join(lacking))
            found = outcome(code, case.expect, sandbox)  # nothing less shows that it would run
            return found if isinstance(found, Judgement) else passed(", ".join(defines))
        checked = code + asserted(defines)
    except ValueError as error:
        return unverified("expect", str(error))
    flags = ["-Wall", "-Wextra", *(f"-Werror={name}" for name in UNDEFINED)]
    warned = compiled(checked, sandbox, flags=flags)
    if isinstance(warned, Judgement):
        return warned
    return passed(f"{', '.join(defines)}; {len(warned)} warnings")


@verifier(
    "patterns.behaves", version=1, facet="game-patterns", packages=PACKAGES, sandbox=True,
    executables=[COMPILER],
)  # fmt: skip
def behaves(case: Case, answer: Answer, sandbox: Sandbox) -> Judgement:
    """Every hidden scenario of ``expect.scenarios`` holds."""
    code = _code(case, answer)
    if isinstance(code, Judgement):
        return code
    if isinstance(code, ast.Module):
        found = outcome(code, case.expect, sandbox)
        return found if isinstance(found, Judgement) else passed(found)
    ran = outcomes(case.expect, code, sandbox)
    if isinstance(ran, Judgement):
        return ran
    problem = wrong(case.expect, ran, sandbox)
    return failed("wrong", problem) if problem else passed(f"{len(ran.replies) // 2} scenarios")


@verifier(
    "patterns.clean", version=1, facet="game-patterns", packages=PACKAGES, sandbox=True,
    executables=[COMPILER],
)  # fmt: skip
def clean(case: Case, answer: Answer, sandbox: Sandbox) -> Judgement:
    """C++: no sanitizer speaks and the heap does not grow while the scenarios run again and again.
    Python: they hold one after the other in one process, and what is handed in stays as it was."""
    code = _code(case, answer)
    if isinstance(code, Judgement):
        return code
    if isinstance(code, ast.Module):
        return repeated(code, case.expect, sandbox)
    ran = outcomes(case.expect, code, sandbox)
    if isinstance(ran, Judgement):
        return ran
    problem = leaking(case.expect, ran)
    return failed("not-clean", problem) if problem else passed(f"{len(ran.replies)} runs")


def _code(case: Case, answer: Answer) -> str | ast.Module | Judgement:
    if case.expect.get("language", "cpp") == "python":
        return program(answer, top_names(case.expect["defines"]))
    return source(answer)
