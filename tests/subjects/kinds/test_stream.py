"""A stream of training stages: its planted faults with their twins, its reference values, and the
pocket's own, gated."""

from __future__ import annotations

import json

import pytest

from harness.subjects.kinds import find
from harness.subjects.kinds.stream import plants

STREAM = find("stream")


def decided(evidence):
    numbers, reasons = STREAM.reasons(evidence)
    json.dumps(numbers, allow_nan=False)
    return numbers, {(reason.verdict.value, reason.code): reason.text for reason in reasons}


def codes(evidence):
    return [code for _, code in decided(evidence)[1]]


@pytest.mark.parametrize("plant", plants.ROWS, ids=lambda row: f"{row.number} {row.what}")
def test_a_planted_fault_is_named_and_its_twin_is_not(tmp_path, plant):
    faulty, clean = (plant.build(tmp_path / str(planted), planted) for planted in (True, False))
    assert plant.code in codes(faulty)
    left = {code for verdict, code in decided(clean)[1] if verdict in ("VOID", "NO-SHIP")}
    assert not left
