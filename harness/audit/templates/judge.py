"""The facet FACET: replace this example by what its answers must do."""

from __future__ import annotations

from harness.judging.llm import llm_judge

judge = llm_judge(
    "FACET.CRITERION",
    version=1,
    facet="FACET",
    model="judge-7b",  # the name by which the server knows it
    endpoint="http://127.0.0.1:8000/v1",
    criterion="Every sentence speaks to the reader as 'you'.",
)
