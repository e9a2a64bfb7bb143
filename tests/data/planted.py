"""Planted verifiers: each wrong in one way that has happened, and beside it a twin that does the
same thing rightly.

They judge one of two tasks: a sentence that says what the prompt asks for, or a Python function
that does."""

import ast
import functools
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import tokenize

from harness import Case, Judgement, failed, passed, unverified
from harness import verifier as declared

TWIN = {}  # plant -> its clean twin


def verifier(twin=None, task="sentence", **needs):
    def wrap(function):
        name = function.__name__
        if twin:
            TWIN[name] = twin
        return declared(f"{name}.it", version=1, facet=name, settings={"task": task}, **needs)(
            function
        )

    return wrap


def says(case, text):
    """The sentence is the one that the case asks for."""
    wanted = f"The {case.expect['thing']} is {case.expect['colour']}."
    return passed() if text.strip() == wanted else failed("other-sentence", text[:80])


def function_of(answer):
    code = answer.code("python")
    try:
        tree = ast.parse(code or "")
    except (SyntaxError, ValueError):
        return None, None
    return code, next((node for node in tree.body if isinstance(node, ast.FunctionDef)), None)


def adds(case, answer):
    """The function returns its argument plus the number asked for."""
    _code, node = function_of(answer)
    if node is None or len(node.args.args) != 1:
        return failed("no-function")
    wanted = f"{node.args.args[0].arg} + {case.expect['number']}"
    right = (
        node.name == case.expect["function"] and ast.unparse(node.body[-1]) == f"return {wanted}"
    )
    return passed() if right else failed("other-function")


def forked(judge):
    """Whether ``judge()`` in a child process ended it with exit code 0, as return-code scorers
    ask."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        signal.setitimer(signal.ITIMER_REAL, 1)
        try:
            os._exit(0 if judge() else 1)
        except SystemExit as stop:
            os._exit(stop.code or 0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def namespace(case, answer):
    code = answer.code("python") or case.prompt + answer.text
    space = {}
    exec(compile(code, "answer", "exec"), space)
    return space[case.expect["function"]]


# The clean ones.


@verifier()
def honest_sentence(case, answer):
    return says(case, answer.text)


@verifier(task="function")
def honest_function(case, answer):
    return adds(case, answer)


# Baselines.


@verifier("honest_sentence")
def accept_all(_case, _answer):
    return passed()


@verifier("honest_sentence")
def reject_all(_case, _answer):
    return failed("no")


@verifier("honest_sentence")
def coin_flip(_case, _answer):
    return passed() if random.random() < 0.5 else failed("tails")


# What is returned.


@verifier("honest_sentence")
def returns_true(case, answer):
    return says(case, answer.text).outcome == "pass"


@verifier("honest_sentence")
def returns_none(case, answer):
    return says(case, answer.text) if says(case, answer.text).outcome != "pass" else None


@verifier("honest_sentence")
def returns_nan(_case, _answer):
    return float("nan")


@verifier("honest_sentence")
def returns_look_alike(_case, _answer):
    class Same(Judgement):
        def __eq__(self, other):
            return True

        __hash__ = None

    return Same("pass", "ok")


@verifier("honest_sentence")
def raises(case, answer):
    return says(case, answer.text) if case.expect["colour"] != "red" else 1 / 0


@verifier("honest_sentence")
def counts_failure_as_pass(case, answer):
    try:
        return says(case, answer.text)
    except Exception:
        return passed("could not be checked")


# F0.1 A gate that looks for violations and finds none in nothing.


@verifier("honest_sentence")
def stub(_case, _answer):
    violations = []
    return failed("violations", str(violations)) if violations else passed()


@verifier("honest_sentence")
def violations_only(_case, answer):
    wrong = [word for word in answer.text.split() if word.strip(".").lower() in ("blue", "very")]
    return failed("violations", str(wrong)) if wrong else passed()


# F0.2, F0.3, F0.7 Tools that are not there.


@verifier("asks_for_tool")
def skip_is_pass(case, answer):
    if shutil.which("a-linter-nobody-has") is None:
        return passed("skipped")
    return says(case, answer.text)


@verifier("asks_for_tool", "few")
def python_not_on_path(case, answer):
    try:
        subprocess.run(["env", "true"], check=True)
    except OSError:
        return passed("no toolchain")
    return says(case, answer.text)


@verifier("asks_for_tool")
def library_missing(case, answer):
    try:
        import mathlib_that_is_not_here  # noqa: F401
    except ImportError:
        return failed("does-not-compile")
    return says(case, answer.text)


@verifier(executables=["env"])
def asks_for_tool(case, answer):
    try:
        subprocess.run(["env", "true"], check=True)
    except OSError:
        return unverified("tool-missing")
    return says(case, answer.text)


# F0.4, F0.5, F0.6, F0.14, F0.15 Judges inside of the candidate's process.


@verifier("honest_function", "run", kind="executed")
def scores_exit_code(case, answer):
    def judge():
        return namespace(case, answer)(1) == 1 + case.expect["number"]

    return passed() if forked(judge) else failed("exit-code")


@verifier("honest_function", "run", kind="executed")
def scores_a_list(case, answer):
    def judge():
        result = []
        try:
            if namespace(case, answer)(1) == 1 + case.expect["number"]:
                result.append("passed")
        except BaseException as error:
            if not result:
                result.append(f"failed: {error}")
        return result[0] == "passed"

    return passed() if forked(judge) else failed("result")


@verifier("honest_function", "run", kind="executed")
def asserts_beside_the_candidate(case, answer):
    def judge():
        try:
            assert namespace(case, answer)(1) == 1 + case.expect["number"]
        except SystemExit:
            return False
        return True

    return passed() if forked(judge) else failed("assertion")


@verifier("honest_function", "run", kind="executed")
def strict_on_two(case, answer):
    def judge():
        try:
            return repr(json.loads(json.dumps(namespace(case, answer)(1)))) == repr(
                1 + case.expect["number"]
            )
        except SystemExit:
            return False

    return passed() if forked(judge) else failed("other-value")


# F0.8, F0.9 Words in the wrong place.


def code_words(code):
    found = tokenize.generate_tokens(io.StringIO(code).readline)
    return {token.string for token in found if token.type == tokenize.NAME}


@verifier("whole_words", "function")
def substring_sorry(case, answer):
    return failed("sorry") if "sorry" in (answer.code("python") or "sorry") else adds(case, answer)


@verifier("whole_words", "function")
def md5_in_a_comment(case, answer):
    return (
        failed("md5")
        if re.search(r"\bmd5\(", answer.code("python") or "md5(")
        else adds(case, answer)
    )


@verifier(task="function")
def whole_words(case, answer):
    found = adds(case, answer)
    if found.outcome == "pass" and {"sorry", "md5"} & code_words(answer.code("python")):
        return failed("forbidden")
    return found


# F0.10 A model's verdict, read by its beginning.


def model(case, answer):
    return (
        "PASS"
        if says(case, answer.text).outcome == "pass"
        else "PASSABLE at first sight, but no: FAIL"
    )


@verifier("reads_the_verdict")
def verdict_by_startswith(case, answer):
    return passed() if model(case, answer).startswith("PASS") else failed("judge")


@verifier()
def reads_the_verdict(case, answer):
    return {"PASS": passed(), "FAIL": failed("judge")}.get(
        model(case, answer).split()[-1], unverified("no-verdict")
    )


# F0.11 A regular expression that does not end.


@verifier("linear_regex")
def endless_regex(case, answer):
    return (
        says(case, answer.text)
        if re.match(r"^\s*(\w+\s?)*\.\s*$", answer.text)
        else failed("not-a-sentence")
    )


@verifier()
def linear_regex(case, answer):
    return (
        says(case, answer.text)
        if re.match(r"^\s*\w+(?:\s\w+)*\.\s*$", answer.text)
        else failed("not-a-sentence")
    )


# Keywords.


@verifier("honest_sentence")
def keywords(case, answer):
    return (
        passed()
        if all(case.expect[key] in answer.text for key in ("thing", "colour"))
        else failed("missing-word")
    )


# Surroundings.


@verifier("honest_sentence")
def nondeterministic(case, answer):
    return says(case, answer.text) if random.random() < 0.9 else unverified("busy")


SEEN = set()


@verifier("remembers_rightly")
def order_dependent(case, answer):
    if answer.text in SEEN:
        return failed("duplicate")
    SEEN.add(answer.text)
    return says(case, answer.text)


@functools.cache
def remembered(text, thing, colour):
    return says(Case("", "", {"thing": thing, "colour": colour}), text)


@verifier()
def remembers_rightly(case, answer):
    return remembered(answer.text, case.expect["thing"], case.expect["colour"])


@verifier("measures_time")
def reads_the_clock(case, answer):
    return says(case, answer.text) if time.time() < LAST_DAY else passed("trial period is over")


@verifier("measures_time")
def reads_the_time_zone(case, answer):
    return says(case, answer.text) if time.localtime().tm_gmtoff < 13 * 3600 else failed("closed")


@verifier()
def measures_time(case, answer):
    began = time.perf_counter()
    found = says(case, answer.text)
    return found if time.perf_counter() - began < 5 else unverified("slow")


@verifier("honest_sentence")
def reads_the_hash_seed(case, answer):
    return (
        says(case, answer.text)
        if {"a", "b", "c", "d", "e", "f"}.pop() != "a"
        else failed("unlucky")
    )


# Input.


@verifier("changes_a_copy")
def changes_its_input(case, answer):
    case.expect["history"].append(answer.text)
    return says(case, answer.text)


@verifier()
def changes_a_copy(case, answer):
    history = [*case.expect["history"], answer.text]
    return says(case, history[-1])


LAST_DAY = float(os.environ.get("PLANT_LAST_DAY", "inf"))
