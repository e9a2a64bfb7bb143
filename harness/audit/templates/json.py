"""The facet FACET: replace this example by what its answers must do."""

from __future__ import annotations

import json
from typing import Any

from harness import Answer, Case, Judgement, failed, passed, verifier


@verifier("FACET.CRITERION", version=1, facet="FACET")
def judge(case: Case, answer: Answer) -> Judgement:
    """The JSON block has the expected `label`, a `confidence` from 0 to 1, and no other key."""
    code = answer.code("json")
    if code is None:
        return failed("no-json", "the answer has no complete JSON block")
    try:
        found = json.loads(code, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        return failed("syntax", str(error))
    if type(found) is not dict or set(found) != {"label", "confidence"}:
        return failed("keys", "expected an object of label and confidence")
    if found["label"] != case.expect["label"]:
        return failed("another-label", str(found["label"]))
    if type(found["confidence"]) not in (int, float) or not 0 <= found["confidence"] <= 1:
        return failed("confidence", str(found["confidence"]))
    return passed(code)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found
