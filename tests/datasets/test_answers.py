"""Answers as models write them, judged as HumanEval: the shape costs nothing, and gains nothing."""

import pytest

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
