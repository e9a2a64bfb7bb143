"""A candidate learns nothing of the judge: not what it will draw, not whether an answer was right,
not which call this is; and a busy machine is not held against it."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.content.case import Case
from harness.datasets.humaneval import Problem, judge, problems
from harness.datasets.samples import VERIFIER, VERIFIERS
from harness.errors import SandboxError
from harness.judging.verifier import Outcome
from harness.judging.workers import Judges
from harness.sandbox import cores, open_sandbox
from harness.sandbox.base import Sandbox
from harness.sandbox.inside import codec
from harness.sandbox.limits import Limits
from harness.sandbox.task import Task

DRAWING = ("HumanEval/38", "HumanEval/50", "HumanEval/53")
SECRETS = (b"1" * 32, b"2" * 32)


@pytest.fixture(scope="module")
def one() -> Iterator[Sandbox]:
    try:
        opened = open_sandbox("auto", Limits(wall=2.0, cpu=1))
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


@functools.cache
def called(problem: Problem, seed: bytes) -> tuple[list, list]:
    """The arguments of every call that the official solution gets, and what it gives."""
    space, calls, results = {}, [], []
    exec(problem.prompt + problem.canonical_solution, space)

    def candidate(*arguments):
        calls.append(codec.encode(arguments))
        results.append(space[problem.entry_point](*arguments))
        return results[-1]

    problem.replay.run(candidate, seed)
    return calls, results


def test_what_is_recorded_is_what_the_official_solution_is_called_with():
    for problem in problems().values():
        assert problem.replay.calls(b"x") == called(problem, b"x")[0], problem.task_id
    assert tuple(key for key, each in problems().items() if each.replay.drawn) == DRAWING


def foreseen(secret: bytes) -> str:
    """A completion of task 38 that draws what the judge draws and looks its answer up, if the
    judge's secret is the one that it knows: nothing of it decodes."""
    return f"""
    global _known
    try:
        _known
    except NameError:
        import hashlib, random, sys
        frame = sys._getframe()
        while "order" not in frame.f_locals:
            frame = frame.f_back
        text = "HumanEval/38\\0" + frame.f_locals["order"]["source"]
        draw = random.Random(hashlib.sha256({secret!r} + text.encode()).digest())
        words = ["".join(draw.choice("abcdefghijklmnopqrstuvwxyz") for _ in
                         range(draw.randint(10, 20))) for _ in range(100)]
        _known = dict(zip(map(encode_cyclic, words), words))
    return _known.get(s, "")
"""


def test_the_draws_need_the_secret_of_the_run(one):
    """Also where judges get theirs by way of a gate or a file of samples."""
    with open_sandbox(one.name) as other:
        assert len({one.secret, other.secret, SECRETS[0]}) == 3
    case = Case("HumanEval/38", "", {"task_id": "HumanEval/38", "whole": False})
    said = []
    for secret in SECRETS:
        with Judges(VERIFIERS, one.name, workers=1, secret=secret) as judges:
            said += judges.judge([VERIFIER], case, foreseen(SECRETS[0])).result()
    assert [each.outcome for each in said] == [Outcome.PASS, Outcome.FAIL]
    with Judges(VERIFIERS, None, workers=1) as one_run, Judges(VERIFIERS, None, 1) as another:
        assert len({one_run.secret, another.secret}) == 2


WRONG = {
    "HumanEval/38": ("    return s\n", "    raise ValueError(s)\n"),
    "HumanEval/50": ("    return s\n", "    assert not s, s\n"),
    "HumanEval/53": (
        "    return x + y if x < 9 else 0\n",
        "    return x + y if x < 9 else [][x]\n",
    ),
}


def test_no_evidence_quotes_what_was_drawn_so_that_two_runs_say_the_same(one):
    for task_id, wrong in WRONG.items():
        for completion in wrong:
            said = []
            for one.secret in SECRETS:
                said.append(judge(task_id, completion, one))
            assert said[0] == said[1], task_id
            assert said[0].outcome is Outcome.FAIL
            assert "drawn at random" in said[0].evidence
    assert "SyntaxError" in judge("HumanEval/38", "    )\n", one).evidence
    found = judge("HumanEval/53", "    return x * y\n", one)
    assert found.evidence == "call 1: add(0, 1) gave 0", "what everybody knows is quoted"


def test_a_right_and_a_wrong_answer_are_asked_the_same_and_in_one_message(one, monkeypatch):
    asked, ask = [], Task.ask

    def noted(self, calls):
        asked.append(len(calls))
        return ask(self, calls)

    monkeypatch.setattr(Task, "ask", noted)
    for task_id in ("HumanEval/23", "HumanEval/72", "HumanEval/53"):
        right = problems()[task_id].canonical_solution
        said = [judge(task_id, text, one).outcome for text in (right, "    return None\n")]
        assert said == [Outcome.PASS, Outcome.FAIL]
        assert len(asked) == 2, "no second message that would tell of the first"
        assert asked[0] == asked[1]
        asked.clear()


def test_who_counts_calls_passes_by_chance_at_most(one):
    """The answers of the public tests by heart, in their order; the twin goes by the arguments,
    which is learnt by heart and not closed."""
    counted = {}
    for task_id, problem in problems().items():
        if task_id not in DRAWING:
            answers = repr(called(problem, b"x")[1])
            counted[task_id] = (
                f"    global _n\n    _n = globals().get('_n', -1) + 1\n    return {answers}[_n]\n"
            )
    lucky = list(counted)
    for one.secret in SECRETS:
        lucky = [key for key in lucky if judge(key, counted[key], one).outcome is Outcome.PASS]
        assert len(lucky) < 4
    assert lucky == []
    calls, results = called(problems()["HumanEval/23"], b"x")
    known = {codec.decode(each): result for each, result in zip(calls, results, strict=True)}
    assert judge("HumanEval/23", f"    return {known!r}[string,]\n", one).outcome is Outcome.PASS


@contextmanager
def busy(core: int, many: int) -> Iterator[None]:
    """So many programs that want the whole of one core."""
    program = (
        f"import os\nos.sched_setaffinity(0, [{core}])\nprint(1, flush=True)\nwhile True: pass"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-S", "-c", program], stdout=subprocess.PIPE, start_new_session=True
        )
        for _ in range(many)
    ]
    try:
        for process in started:
            process.stdout.readline()
        yield
    finally:
        for process in started:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()


COMPUTES = "    return x + y\n\n\nfor _ in range(8_000_000):\n    pass\n"
SLEEPS = "    import time\n    time.sleep(60)\n"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no core to be busy on")
def test_a_busy_machine_is_not_held_against_an_answer_and_sleep_is(monkeypatch):
    own = os.sched_getaffinity(0)
    core = min(own)
    cores.keep_to(core)
    try:
        with open_sandbox("auto", Limits(wall=1.0, cpu=30)) as crowded, busy(core, 8):
            monkeypatch.setattr("harness.datasets.humaneval.PATIENCE", 1)
            found = judge("HumanEval/53", COMPUTES, crowded)
            assert (found.outcome, found.reason) == (Outcome.UNVERIFIED, "starved")
            assert "s of processor time, which was taken away" in found.evidence
            found = judge("HumanEval/53", SLEEPS, crowded)
            assert (found.outcome, found.reason) == (Outcome.FAIL, "timeout")
            monkeypatch.setattr("harness.datasets.humaneval.PATIENCE", 100)
            assert judge("HumanEval/53", COMPUTES, crowded).outcome is Outcome.PASS
    finally:
        os.sched_setaffinity(0, own)
