"""The judge of HumanEval: right answers pass, nothing else does, and the file scorer counts
both."""

import importlib.util
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from harness.datasets import samples
from harness.datasets.humaneval import judge, problems
from harness.datasets.reading import read_samples
from harness.datasets.samples import score
from harness.errors import RunError, SandboxError, WorkspaceError
from harness.judging import bench
from harness.judging.verifier import Kind, Outcome
from harness.sandbox import NAMES, open_sandbox
from harness.sandbox.limits import Limits

ROOT = Path(__file__).parents[2]
QUICK = Limits(wall=1.5, cpu=1, memory=512 << 20)
#: rows that only end at a limit: too many of them for a quick subset
SLOW = {
    "f03",
    "f24",
    "c20",
    "f30",
    "hf03",
    "hf09",
    "hf10",
    "hf12",
    "hf14",
    "hf16",
    "hh10",
    "hh11",
    "hh12",
    "hh46",
}
SLOW |= {"ha13", "hb20", "hf22", "hf23"}

spec = importlib.util.spec_from_file_location("tamper", ROOT / "benchmarks" / "tamper.py")
tamper = importlib.util.module_from_spec(spec)
sys.modules["tamper"] = tamper
spec.loader.exec_module(tamper)


@pytest.fixture(scope="module")
def any_sandbox():
    try:
        opened = open_sandbox("auto", QUICK)
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


def test_all_canonical_solutions_pass(sandbox):
    failing = {
        task_id: judgement
        for task_id, problem in problems().items()
        if (judgement := judge(task_id, problem.canonical_solution, sandbox)).outcome
        is not Outcome.PASS
    }
    assert len(problems()) == 164
    assert failing == {}


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_no_hostile_completion_passes_or_reaches_outside_and_honest_ones_pass(sandbox, every):
    rows = tamper.read_rows(
        [ROOT / "tests" / "data" / f"{name}.jsonl" for name in ("tamper", "hostile", "legit")]
    )
    if not every:  # the sandboxes share the rows among them, some of every family for each
        place = NAMES[1:].index(sandbox.name)
        rows = [row for row in rows if row["id"] not in SLOW][place % 3 :: 3]
    with tamper.Outside().standing() as outside:
        tally = tamper.run(rows, sandbox, outside)
    assert tally.lines == []
    assert sum(tally.total.values()) > (200 if every else 70)


@pytest.mark.parametrize(
    ("left", "says"), [(1 << 40, []), (0, ["1048576 MiB of the disk were gone"])]
)
def test_a_look_that_began_before_a_row_is_not_put_down_to_it(monkeypatch, left, says):
    begun, row = queue.Queue(), threading.Event()

    def free():
        if threading.current_thread() is threading.main_thread():
            return 1 << 40
        begun.put(None)
        found = left if row.is_set() else 1 << 40
        time.sleep(0.2)  # the row begins in here, and the thread still holds what was before it
        return found

    monkeypatch.setattr(tamper, "_free_bytes", free)
    with tamper.Outside().standing() as outside:
        begun.get(timeout=10)
        outside.begin()
        row.set()
        for _ in range(3):  # of these looks the second at the latest is whole, and of the row
            begun.get(timeout=10)
        assert outside.effects() == says


EMPTY = ["", "    return None\n", "    pass\n", "I cannot help with that.\n", "    ...\n"]


@pytest.mark.parametrize("completion", EMPTY)
def test_an_empty_answer_passes_nothing(any_sandbox, completion):
    passing = [
        key for key in problems() if judge(key, completion, any_sandbox).outcome is Outcome.PASS
    ]
    assert passing == []


def test_the_prompt_again_passes_nothing(any_sandbox):
    passing = [
        key
        for key, problem in problems().items()
        if judge(key, problem.prompt, any_sandbox).outcome is Outcome.PASS
    ]
    assert passing == []


def test_an_object_equal_to_everything_passes_nothing(any_sandbox):
    completion = (
        "    class Equal:\n        def __eq__(self, other):\n            return True\n    return"
        " Equal()\n"
    )
    passing = [
        key for key in problems() if judge(key, completion, any_sandbox).outcome is Outcome.PASS
    ]
    assert passing == []


def test_a_judgement_says_which_call_was_wrong(any_sandbox):
    judgement = judge("HumanEval/53", "    return x * y\n", any_sandbox)
    assert (judgement.outcome, judgement.reason) == (Outcome.FAIL, "wrong-answer")
    assert judgement.evidence == "call 1: add(0, 1) gave 0"


def test_an_unknown_task_and_a_very_long_answer(any_sandbox):
    assert judge("HumanEval/164", "", any_sandbox).outcome is Outcome.UNVERIFIED
    assert judge("HumanEval/1", "x" * 1_000_000, any_sandbox).reason == "too-long"


def test_a_sandbox_that_dies_once_does_not_change_the_verdict(any_sandbox):
    canonical = problems()["HumanEval/0"].canonical_solution
    assert judge("HumanEval/0", canonical, any_sandbox).outcome is Outcome.PASS
    any_sandbox._server.control.shutdown(2)
    assert judge("HumanEval/0", canonical, any_sandbox).outcome is Outcome.PASS


def test_a_sandbox_that_keeps_dying_is_unverified_or_the_candidates_fault(any_sandbox, monkeypatch):
    from harness.sandbox.limits import WorkerError
    from harness.sandbox.task import Task

    def die(_self, _calls):
        raise WorkerError("gone")

    monkeypatch.setattr(Task, "ask", die)
    assert judge("HumanEval/0", "", any_sandbox).reason == "sandbox-broken"
    original = monkeypatch.undo

    def die_with_this_candidate(self, _calls):
        if b"has_close_elements" in self._load:
            raise WorkerError("gone")
        return [["value", 2]]

    original()
    monkeypatch.setattr(Task, "ask", die_with_this_candidate)
    judgement = judge("HumanEval/0", "", any_sandbox)
    assert (judgement.outcome, judgement.reason) == (Outcome.FAIL, "broke-sandbox")


def test_the_same_answer_meets_the_same_random_inputs(any_sandbox):
    wrong = "    return x + y + (x == 517)\n"
    assert len({judge("HumanEval/53", wrong, any_sandbox).evidence for _ in range(3)}) == 1


def test_assertions_hold_in_an_optimised_interpreter():
    program = (
        "from harness.datasets.humaneval import problems\n"
        "try:\n    problems()['HumanEval/0'].replay.run(lambda *a: None, b'')\n"
        "except AssertionError:\n    print('held')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    assert (
        subprocess.check_output([sys.executable, "-O", "-c", program], env=environment) == b"held\n"
    )


# ---- files of samples


def write(path, rows):
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    )
    return path


def canonical(number):
    return problems()[f"HumanEval/{number}"].canonical_solution


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"task_id": "HumanEval/0", "compl', "line 2: not JSON"),
        ("[1]", "line 2: a list, expected an object"),
        ({"completion": "x"}, "line 2: task_id is missing"),
        ({"task_id": "HumanEval/900", "completion": "x"}, "line 2: task_id is 'HumanEval/900'"),
        (
            {"task_id": "HumanEval/0", "text": "x"},
            r"line 2: has no completion \(keys: task_id, text\)",
        ),
        ({"task_id": "HumanEval/0", "completion": 1}, "line 2: completion is a int, expected text"),
        ({"task_id": "HumanEval/0", "completion": "", "solution": ""}, "line 2: has both"),
        ({"task_id": ["x"], "completion": ""}, "line 2: task_id"),
    ],
)
def test_a_bad_row_names_file_line_and_field(tmp_path, row, message):
    path = write(tmp_path / "samples.jsonl", [{"task_id": "HumanEval/0", "completion": "x"}, row])
    with pytest.raises(WorkspaceError, match=message) as caught:
        read_samples(path)
    assert str(path) in str(caught.value)


def test_an_empty_or_missing_file_is_an_error(tmp_path):
    with pytest.raises(WorkspaceError, match="holds no sample"):
        read_samples(write(tmp_path / "empty.jsonl", ["", " "]))
    with pytest.raises(WorkspaceError, match="cannot be read"):
        read_samples(tmp_path / "missing.jsonl")


def test_a_file_is_scored_resumed_and_not_mixed_with_another(tmp_path, any_sandbox):
    name = any_sandbox.name
    rows = [
        {"task_id": f"HumanEval/{number}", "completion": text}
        for number in (0, 1, 2)
        for text in (canonical(number), "    return None\n")
    ]
    path = write(tmp_path / "samples.jsonl", rows)
    found = score(path, sandbox=name, workers=2)
    assert (found.samples, found.tasks, found.pass_at, found.reused) == (6, 3, {1: 0.5}, 0)
    assert found.outcomes == {"pass": 3, "fail": 3}
    assert len(found.missing) == 161
    assert any("161 of 164 tasks have no sample" in line for line in found.lines())
    results = [json.loads(line) for line in found.results.read_text().splitlines()]
    assert {result["outcome"] for result in results} == {"pass", "fail"}
    assert all(result["cpu"] > 0 and result["seconds"] > 0 for result in results)
    assert all(result["reason"] for result in results)
    assert {result["sandbox"] for result in results} == {any_sandbox.description}

    whole = found.results.read_bytes()
    found.results.write_bytes(whole[:-30])
    again = score(path, sandbox=name, workers=1)
    assert again.reused == 5
    assert (again.pass_at, again.outcomes) == (found.pass_at, found.outcomes)

    write(path, [{**rows[0], "completion": "    return 1\n"}, *rows[1:]])
    with pytest.raises(RunError, match="belongs to other samples"):
        score(path, sandbox=name)


def test_a_stuck_judge_is_killed_from_outside_and_its_neighbours_are_judged(
    tmp_path, any_sandbox, monkeypatch
):
    rows = [{"task_id": "HumanEval/2", "completion": canonical(2)} for _ in range(3)]
    rows[1]["completion"] += "# stuck\n"
    path = write(tmp_path / "samples.jsonl", rows)
    source = (samples.VERIFIERS / "humaneval.py").read_text()
    stuck = (
        '    if "stuck" in answer.text:\n        __import__("time").sleep(600)\n    return judge'
    )
    (tmp_path / "verifiers").mkdir()
    (tmp_path / "verifiers" / "h.py").write_text(source.replace("    return judge", stuck))
    monkeypatch.setattr(samples, "VERIFIERS", tmp_path / "verifiers")
    monkeypatch.setitem(bench.LIMITS, Kind.EXECUTED, 0.5)
    found = score(path, sandbox=any_sandbox.name, workers=1)
    assert found.outcomes == {"pass": 2, "unverified": 1}
    assert found.reasons == {"timeout": 1}


def test_no_sandbox_is_one_error_before_any_worker(tmp_path):
    path = write(
        tmp_path / "samples.jsonl", [{"task_id": "HumanEval/2", "completion": canonical(2)}]
    )
    missing = "seatbelt" if Path("/proc").exists() else "landlock"
    with pytest.raises(SandboxError, match=f"the sandbox {missing} does not work"):
        score(path, sandbox=missing)
    assert not path.with_name("samples.jsonl_results.jsonl").exists()
