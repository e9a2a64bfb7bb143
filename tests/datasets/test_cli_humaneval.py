"""``harness humaneval`` and ``harness sandbox``, as a user types them."""

import json
import re

import pytest
from click.testing import CliRunner

from harness.datasets.humaneval import problems
from harness.doors.cli.main import main
from harness.errors import SandboxError
from harness.sandbox import open_sandbox
from harness.sandbox.selfcheck import Check, table


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def sandbox_name():
    try:
        with open_sandbox() as sandbox:
            return sandbox.name
    except SandboxError as error:
        pytest.skip(str(error))


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_file_of_samples_is_scored_and_then_resumed(tmp_path, sandbox_name):
    problem = problems()["HumanEval/2"]
    rows = [
        {"task_id": problem.task_id, "completion": problem.canonical_solution},
        {
            "task_id": problem.task_id,
            "solution": f"Sure:\n\n```python\n{problem.prompt}    return 7\n```\n",
        },
    ]
    samples, out = write(tmp_path / "samples.jsonl", rows), tmp_path / "results.jsonl"
    found = run(
        "humaneval", samples, "--sandbox", sandbox_name, "--workers", 1, "--out", out, "--quiet"
    )
    assert found.exit_code == 0, found.output
    assert "2 samples of 1 tasks: 1 pass, 1 fail" in found.output
    assert "pass@1  50.00 %" in found.output
    assert "(as asked)" in found.output
    assert "163 of 164 tasks have no sample" in found.output
    results = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(result["outcome"], result["rule"]) for result in results] == [
        ("pass", "raw"),
        ("fail", "last block that defines truncate_number"),
    ]
    assert "2 of them from an earlier run" in run("humaneval", samples, "--out", out, "-q").output


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"task_id": "HumanEval/2", "text": ""}, "line 2: has no completion"),
        ({"task_id": "HumanEval/2", "completion": None}, "line 2: completion is a NoneType"),
        ({"task_id": "HumanEval/165", "completion": ""}, "line 2: task_id is 'HumanEval/165'"),
    ],
)
def test_a_bad_row_is_one_message_and_exit_code_4(tmp_path, row, message):
    samples = write(tmp_path / "samples.jsonl", [{"task_id": "HumanEval/2", "completion": ""}, row])
    found = run("humaneval", samples, "--quiet")
    assert found.exit_code == 4
    assert f"{samples}, {message}" in found.output
    assert "Traceback" not in found.output


def test_the_check_prints_a_row_for_each_attempt_and_what_auto_takes(sandbox_name):
    found = run("sandbox", "check")
    assert found.exit_code == 0
    lines = {
        re.split(r"\s{2,}", line)[0]: re.split(r"\s{2,}", line)[1:]
        for line in found.output.splitlines()
        if line[:6] in ("blocks", "limits")
    }
    assert {
        "blocks read host",
        "blocks connect",
        "blocks execute",
        "limits memory",
        "limits wall time",
    } <= set(lines)
    assert all(set(cells) <= {"yes", "-"} and "yes" in cells for cells in lines.values())
    assert f"auto takes {sandbox_name}" in found.output


def test_what_a_sandbox_did_not_hold_shows_in_the_table():
    whole = Check("one", True, "", "", ("fork",), ("memory", "file size"))
    leaky = Check("two", True, "", "", (), ("memory",))
    absent = Check("three", False, "missing", "", (), ())
    rows = {row[0]: row[1:] for row in table([whole, leaky, absent])}
    assert rows["blocks fork"] == ("yes", "NO", "-")
    assert rows["limits memory"] == ("yes", "yes", "-")
    assert rows["limits file size"] == ("yes", "NO", "-")
