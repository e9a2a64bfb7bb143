"""Netcode in Python 3.11: the program of an answer is run on hidden scenarios in the sandbox.

What is expected of each step stays outside, and what came back is compared here."""

from __future__ import annotations

import ast

from harness import Answer, Case, Judgement, failed, passed, unverified, verifier
from harness.sandbox import Sandbox

from ._hidden_py import outcome, program, repeated
from ._python_shape import drifting, missing, top_names

PACKAGES = ["markdown-it-py"]


@verifier("netcode.shape", version=1, facet="netcode", packages=PACKAGES, level="parsed")
def shape(case: Case, answer: Answer) -> Judgement:
    """One Python 3.11 program declares every name of ``expect.defines`` with its parameters, and
    writes it out."""
    tree = _program(case, answer)
    if isinstance(tree, Judgement):
        return tree
    try:
        wrong = [problem for one in case.expect["defines"] if (problem := missing(tree, one))]
    except ValueError as error:
        return unverified("expect", str(error))
    if wrong:
        return failed("signature", "; ".join(wrong))
    return passed(", ".join(case.expect["defines"]))


@verifier("netcode.behaves", version=1, facet="netcode", packages=PACKAGES, sandbox=True)
def behaves(case: Case, answer: Answer, sandbox: Sandbox) -> Judgement:
    """Every hidden scenario of ``expect.scenarios`` holds, each on a program loaded anew."""
    tree = _program(case, answer)
    if isinstance(tree, Judgement):
        return tree
    found = outcome(tree, case.expect, sandbox)
    return found if isinstance(found, Judgement) else passed(found)


@verifier("netcode.stays", version=1, facet="netcode", packages=PACKAGES, sandbox=True)
def stays(case: Case, answer: Answer, sandbox: Sandbox) -> Judgement:
    """The scenarios hold as well one after the other in one process, forwards and backwards; what
    was handed in is as it was; no clock, chance or salted hash is asked."""
    tree = _program(case, answer)
    if isinstance(tree, Judgement):
        return tree
    drift = drifting(tree, case.expect.get("allows", []))
    if drift:
        return failed("not-deterministic", drift)
    return repeated(tree, case.expect, sandbox)


def _program(case: Case, answer: Answer) -> ast.Module | Judgement:
    return program(answer, top_names(case.expect["defines"]))
