"""The facet FACET: replace this example by what its answers must do."""

from __future__ import annotations

import re

from harness import Answer, Case, Judgement, failed, passed, verifier


@verifier("FACET.CRITERION", version=1, facet="FACET")
def judge(case: Case, answer: Answer) -> Judgement:
    """The answer is one line: `Answer: ` and what is expected."""
    found = re.fullmatch(r"Answer: (.+)", answer.text.strip())
    if found is None:
        return failed("form", "expected one line that begins with 'Answer: '")
    if found[1] != case.expect["answer"]:
        return failed("another-answer", found[1])
    return passed(found[1])
