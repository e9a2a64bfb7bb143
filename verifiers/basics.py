"""basics: the program in the answer completes the prompt and gives what the reference gives."""

from __future__ import annotations

from harness import Answer, Case, Judgement, failed, unverified, verifier
from harness.datasets.basics import tasks
from harness.datasets.humaneval import judge_answer
from harness.sandbox import Sandbox


@verifier("basics.functional", version=1, facet="basics", sandbox=True)
def functional(case: Case, answer: Answer, sandbox: Sandbox) -> Judgement:
    """The answer, taken as HumanEval's is, completes the prompt of ``expect.task_id`` and agrees
    with the reference on every call, compared outside of the sandbox."""
    task_id = case.expect.get("task_id")
    if not isinstance(task_id, str) or task_id not in tasks():
        return unverified(
            "unknown-task", f"expect.task_id is {task_id!r}, expected the id of a task of basics"
        )
    if not answer.text.strip():
        return failed("empty", "the answer has no text")
    return judge_answer(tasks()[task_id], answer, sandbox, whole=False)
