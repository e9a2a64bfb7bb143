"""Careless verifiers (F0.1 to F0.14), each beside a twin that does the same rightly. An audit is
given this file as the ``verifiers/`` of a workspace.

They judge one of two tasks: a sentence that says what the prompt asks for, or a Python function."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tokenize
from collections.abc import Callable
from typing import Any

from harness import Answer, Case, Judgement, failed, passed, unverified, verifier

NOBODYS = "a-linter-nobody-has"


def says(case: Case, answer: Answer) -> Judgement:
    """The sentence is the one that the case asks for."""
    wanted = f"The {case.expect['thing']} is {case.expect['colour']}."
    given = answer.text.strip()
    return passed() if given == wanted else failed("other-sentence", given[:80])


def adds(case: Case, answer: Answer) -> Judgement:
    """The function returns its argument plus the number asked for; it is read, not run."""
    try:
        tree = ast.parse(answer.code("python") or "")
    except (SyntaxError, ValueError):
        return failed("syntax")
    node = next((one for one in tree.body if isinstance(one, ast.FunctionDef)), None)
    if node is None or len(node.args.args) != 1:
        return failed("no-function")
    wanted = f"return {node.args.args[0].arg} + {case.expect['number']}"
    right = node.name == case.expect["function"] and ast.unparse(node.body[-1]) == wanted
    return passed() if right else failed("other-function")


@verifier("sentence.sound", version=1, facet="sound-sentence")
def sentence(case: Case, answer: Answer) -> Judgement:
    """The twin of those that read a sentence."""
    return says(case, answer)


@verifier("function.sound", version=1, facet="sound-function")
def function(case: Case, answer: Answer) -> Judgement:
    """The twin of those that run a function."""
    return adds(case, answer)


# What looks for violations only.


@verifier("sentence.stub", version=1, facet="stub")
def stub(_case: Case, answer: Answer) -> Judgement:
    """F0.1: a gate that has nothing to complain of."""
    violations = [word for word in answer.text.lower().split() if word in ("very", "really")]
    return failed("violations", str(violations)) if violations else passed()


# Tools that are not there.


@verifier("sentence.skipped", version=1, facet="skipped")
def skipped(case: Case, answer: Answer) -> Judgement:
    """F0.2: what was skipped counts as passed."""
    return passed("skipped") if shutil.which(NOBODYS) is None else says(case, answer)


@verifier("sentence.declared", version=1, facet="declared", executables=[NOBODYS])
def declared(case: Case, answer: Answer) -> Judgement:
    """The same, of a linter that it declares."""
    return skipped.function(case, answer)


@verifier("sentence.no_path", version=1, facet="no-path")
def no_path(case: Case, answer: Answer) -> Judgement:
    """F0.3: a program is not on PATH, and all pass."""
    try:
        subprocess.run(["env", "true"], check=True)
    except OSError:
        return passed("no toolchain")
    return says(case, answer)


@verifier("sentence.no_library", version=1, facet="no-library")
def no_library(case: Case, answer: Answer) -> Judgement:
    """F0.7: a library is missing, and every right answer fails."""
    try:
        __import__("mathlib_that_nobody_has")
    except ImportError:
        return failed("does-not-compile")
    return says(case, answer)


@verifier("sentence.with_tool", version=1, facet="with-tool", executables=["env"])
def with_tool(case: Case, answer: Answer) -> Judgement:
    """The twin of those: it declares its program, and cannot judge without it."""
    try:
        subprocess.run(["env", "true"], check=True)
    except OSError:
        return unverified("tool-missing")
    return says(case, answer)


# Judges inside of the candidate's process.


def forked(judge: Callable[[], bool]) -> bool:
    """Whether ``judge()`` ends a child process with exit code 0, as return-code scorers ask."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        signal.setitimer(signal.ITIMER_PROF, 1)
        try:
            os._exit(0 if judge() else 1)
        except SystemExit as stop:
            os._exit(stop.code if isinstance(stop.code, int) else 1)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def given(case: Case, answer: Answer) -> Any:
    """What the function returns for 1."""
    space: dict[str, Any] = {}
    exec(compile(answer.code("python") or "", "answer", "exec"), space)
    return space[case.expect["function"]](1)


@verifier("run.exit_code", version=1, facet="exit-code", kind="executed")
def exit_code(case: Case, answer: Answer) -> Judgement:
    """F0.4: who leaves with 0 has passed."""
    right = forked(lambda: bool(given(case, answer) == 1 + case.expect["number"]))
    return passed() if right else failed("exit-code")


@verifier("run.result_list", version=1, facet="result-list", kind="executed")
def result_list(case: Case, answer: Answer) -> Judgement:
    """F0.5: the result stands in a list that the candidate can reach."""

    def judge() -> bool:
        result: list[str] = []
        try:
            if given(case, answer) == 1 + case.expect["number"]:
                result.append("passed")
        except BaseException as error:
            if not result:
                result.append(f"failed: {error}")
        return result[:1] == ["passed"]

    return passed() if forked(judge) else failed("result")


@verifier("run.asserted", version=1, facet="asserted", kind="executed")
def asserted(case: Case, answer: Answer) -> Judgement:
    """F0.6: the candidate's own object is asked whether it is equal."""

    def judge() -> bool:
        try:
            assert given(case, answer) == 1 + case.expect["number"]
        except SystemExit:
            return False
        return True

    return passed() if forked(judge) else failed("assertion")


@verifier("run.strict_number", version=1, facet="strict-number", kind="executed")
def strict_number(case: Case, answer: Answer) -> Judgement:
    """F0.14: 3.0 is not 3."""

    def judge() -> bool:
        try:
            return json.dumps(given(case, answer)) == json.dumps(1 + case.expect["number"])
        except SystemExit:
            return False

    return passed() if forked(judge) else failed("other-value")


# Words in the wrong place.


@verifier("function.substring", version=1, facet="substring")
def substring(case: Case, answer: Answer) -> Judgement:
    """F0.8: ``sorry`` is found inside of another name."""
    code = answer.code("python") or "sorry"
    return failed("sorry") if "sorry" in code else adds(case, answer)


@verifier("function.in_comment", version=1, facet="in-comment")
def in_comment(case: Case, answer: Answer) -> Judgement:
    """F0.9: a comment that forbids md5 counts as a call of it."""
    code = answer.code("python") or "md5("
    return failed("md5") if re.search(r"\bmd5\(", code) else adds(case, answer)


@verifier("function.words", version=1, facet="words")
def words(case: Case, answer: Answer) -> Judgement:
    """The twin of both: it reads tokens."""
    found = adds(case, answer)
    if found.outcome != "pass":
        return found
    read = tokenize.generate_tokens(io.StringIO(answer.code("python") or "").readline)
    names = {token.string for token in read if token.type == tokenize.NAME}
    return failed("forbidden") if {"sorry", "md5"} & names else found


# The verdict of a model, from a transcript.


def transcript(case: Case, answer: Answer) -> str:
    """What a model said of the answer."""
    right = says(case, answer).outcome == "pass"
    return "PASS" if right else "PASSABLE at first sight, and yet no: FAIL"


@verifier("sentence.startswith", version=1, facet="startswith")
def startswith(case: Case, answer: Answer) -> Judgement:
    """F0.10: a verdict is read by how it begins."""
    return passed() if transcript(case, answer).startswith("PASS") else failed("judge")


@verifier("sentence.verdict", version=1, facet="verdict")
def verdict(case: Case, answer: Answer) -> Judgement:
    """Its twin: the last word is the verdict, whole."""
    said = {"PASS": passed(), "FAIL": failed("judge")}
    return said.get(transcript(case, answer).split()[-1], unverified("no-verdict"))


# A regular expression that does not end.


@verifier("sentence.regex", version=1, facet="regex")
def regex(case: Case, answer: Answer) -> Judgement:
    """F0.11: time grows by powers of two with each word."""
    shaped = re.match(r"^\s*(\w+\s?)*\.\s*$", answer.text)
    return says(case, answer) if shaped else failed("not-a-sentence")


@verifier("sentence.linear", version=1, facet="linear")
def linear(case: Case, answer: Answer) -> Judgement:
    """Its twin."""
    shaped = re.match(r"^\s*\w+(?:\s\w+)*\.\s*$", answer.text)
    return says(case, answer) if shaped else failed("not-a-sentence")
