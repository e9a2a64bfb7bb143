"""The child that judges: what a verifier does to it costs one judgement, under the same limits
through every door."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from auditing import write

from harness import Answer, Case, Outcome, failed, unverified
from harness.audit.surroundings import BARE
from harness.audit.witness import Asked, Witness
from harness.datasets import samples
from harness.errors import SandboxError
from harness.judging import bench
from harness.judging.bench import Told
from harness.judging.discovery import digest
from harness.judging.verifier import Kind
from harness.judging.workers import Judges
from harness.sandbox import open_sandbox

ID = "humaneval.sample"
HOSTILE = """\
import os, re, time
from pathlib import Path

from harness import passed, verifier


@verifier("humaneval.sample", version=1, facet="hostile", kind="executed")
def hostile(case, answer):
    if "pids" in case.expect:
        Path(case.expect["pids"]).write_text(str(os.getpid()))
    if answer.text == "burns":
        while time.process_time() < 2:
            pass
    if answer.text == "waits":
        time.sleep(2)
    if answer.text == "sleeps":
        time.sleep(600)
    if answer.text == "matches":
        re.match("(a+)+$", "a" * 60 + "!")
    if answer.text == "exits":
        os._exit(3)
    if answer.text == "eats":
        bytearray(5 << 30)
    if answer.text == "copies":
        os.fork()
    if answer.text == "breeds":
        if os.fork() == 0:
            Path(case.expect["pids"]).write_text(str(os.getpid()))
            time.sleep(600)
        time.sleep(0.5)
        os._exit(4)
    return passed(answer.text, [(0, 4), (2, 99)])
"""
#: what the verifier does, and what its judgement must say; the twin beside it is always judged
LOST = [
    ("burns", "timeout", "within 1 s of CPU time"),
    ("matches", "timeout", "within 1 s of CPU time"),
    ("sleeps", "timeout", "within 6 s"),
    ("exits", "judge-died", "exit code 3"),
    ("breeds", "judge-died", "exit code 4"),
    ("eats", "raised", "MemoryError"),
    ("copies", "ok", "copies"),
]


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """A folder with the hostile verifier; a judgement may take one second."""
    monkeypatch.setitem(bench.LIMITS, Kind.EXECUTED, 1.0)
    write(tmp_path / "verifiers" / "hostile.py", HOSTILE)
    return tmp_path / "verifiers"


def gone(pid):
    """Whether a process ended, or ends within seconds."""
    for _ in range(100):
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True).stdout
        if not state.strip() or state.startswith(b"Z"):  # a dead orphan may wait to be reaped
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(("text", "reason", "evidence"), LOST, ids=[row[0] for row in LOST])
def test_what_a_verifier_does_costs_one_judgement(hostile, tmp_path, text, reason, evidence):
    pids = tmp_path / "pid"
    with Judges(hostile, None, workers=1) as judges:
        case = Case("x", "", {"pids": str(pids)})
        pending = [judges.judge([ID], Case("x", ""), one) for one in ("fine", "well")]
        lost = judges.judge([ID, "nobody.has_it"], case, text)
        pending.append(judges.judge([ID], Case("x", ""), "fine"))
        found, absent = lost.result()
        assert (found.reason, absent.reason) == (reason, "verifier-changed")
        assert evidence in found.evidence
        assert (found.outcome is Outcome.PASS) == (reason == "ok")
        said = [(o.outcome, o.evidence, o.spans) for each in pending for o in each.result()]
        assert said == [(Outcome.PASS, one, ((0, 4),)) for one in ("fine", "well", "fine")]
    assert gone(int(pids.read_text())), "what it started has ended with it"


def test_one_set_of_limits_holds_in_gate_audit_and_sample_files(hostile, tmp_path, monkeypatch):
    try:
        with open_sandbox() as opened:
            name = opened.name
    except SandboxError as error:
        pytest.skip(str(error))
    texts = ["burns", "waits", "fine"]
    with Judges(hostile, None) as judges:
        pending = [judges.judge([ID], Case("x", ""), text) for text in texts]
        gate = [one.result()[0].reason for one in pending]
    witness = Witness(hostile, digest(hostile), None)
    asked = [Asked(ID, Case("x", ""), Answer(text)) for text in texts]
    audit = [told.judgement.reason for told in witness.tell(asked)]
    monkeypatch.setattr(samples, "VERIFIERS", hostile)
    path = tmp_path / "samples.jsonl"
    rows = [{"task_id": "HumanEval/0", "completion": text} for text in texts]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = samples.score(path, sandbox=name, progress=False)
    results = map(json.loads, found.results.read_text().splitlines())
    scored = [one["reason"] for one in sorted(results, key=lambda one: one["line"])]
    assert gate == audit == scored == ["timeout", "ok", "ok"]


def test_a_child_starts_anew_in_the_surroundings_of_the_one_that_was_lost(hostile):
    source = '    return passed(os.environ["PATH"] + time.strftime(" %Z"))\n'
    write(
        hostile / "hostile.py",
        HOSTILE.replace("    return passed(answer.text, [(0, 4), (2, 99)])\n", source),
    )
    witness = Witness(hostile, digest(hostile), None)
    asked = [Asked(ID, Case("x", ""), Answer(text)) for text in ("fine", "exits", "fine")]
    first, lost, second = witness.tell(asked, BARE)
    assert lost.hung
    assert first.judgement.evidence == second.judgement.evidence == f"{os.devnull} +14"


def test_a_sandbox_that_does_not_open_is_said_of_each_answer(tmp_path):
    source = HOSTILE.replace('kind="executed"', "sandbox=True").replace("answer)", "answer, box)")
    write(tmp_path / "verifiers" / "hostile.py", source)
    missing = "seatbelt" if sys.platform == "linux" else "landlock"
    with Judges(tmp_path / "verifiers", missing, workers=1) as judges:
        found = [judges.judge([ID], Case("x", ""), "fine").result()[0] for _ in range(2)]
    assert {one.reason for one in found} == {"judge-failed"}
    assert all(missing in one.evidence for one in found)


# a plain script: no ``if __name__ == "__main__"``, as a user would write it
SCRIPT = """\
import sys
from pathlib import Path

from harness import Case
from harness.judging import bench
from harness.judging.workers import Judges

bench.LIMITS["executed"] = 0.5
with Judges(Path(sys.argv[1]), None) as judges:
    case = Case("x", "", {"pids": sys.argv[2]})
    print(judges.judge(["humaneval.sample"], case, sys.argv[3]).result()[0].evidence)
"""


def script(folder, tmp_path, text):
    """The script as a file of its own, judging one answer."""
    write(tmp_path / "script.py", SCRIPT)
    command = [
        sys.executable,
        str(tmp_path / "script.py"),
        str(folder),
        str(tmp_path / "pid"),
        text,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_plain_script_without_a_main_guard_can_judge(hostile, tmp_path):
    out, errors = script(hostile, tmp_path, "fine").communicate(timeout=60)
    assert (out, errors) == ("fine\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_judge_outlives_the_process_that_asked(hostile, tmp_path, number):
    asking = script(hostile, tmp_path, "sleeps")
    pids = tmp_path / "pid"
    while not (pids.exists() and pids.read_text()):
        time.sleep(0.05)
    asking.send_signal(number)
    asking.communicate(timeout=60)
    assert asking.returncode in (-number, 1), "it did not end by itself"
    assert gone(int(pids.read_text()))


def test_a_candidate_that_times_out_is_no_verifier_that_hangs():
    assert Told(unverified("timeout"), 1.0).hung
    assert not Told(failed("timeout"), 1.0).hung
