"""The harness's own score counts what is said of a plant and not of its clean twin."""

from __future__ import annotations

import json
from functools import partial

import pytest
from click.testing import CliRunner

from harness import selfscore
from harness.doors.cli.main import main
from harness.subjects.base import Evidence
from harness.subjects.kinds import Plant
from harness.subjects.kinds.fused import Spec


def weights(planted_share: float, twin_share: float, _, planted: bool) -> Evidence:
    """Evidence of a fused model of one matrix, of whose update so much is left."""
    row = {"kept": planted_share if planted else twin_share, "drift": 0.0, "same": False}
    return Evidence(Spec(adapter="soul"), {}, {"kept": {"a": row}}, {}, {})


def plant(number: str, code: str, planted: float, twin: float) -> Plant:
    return Plant(number, code, "made up", partial(weights, planted, twin), kind="fused")


def test_a_plant_is_caught_only_where_its_twin_is_not_blamed():
    rows = [
        plant("F2.1", "fuse-lost", 0.1, 1.0),
        plant("F2.2", "fuse-lost", 0.1, 0.2),
        plant("F2.3", "fuse-nothing", 0.1, 1.0),
    ]
    assert [one.word for one in selfscore.tried(rows)] == ["caught", "twin", "missed"]


def test_what_nothing_is_built_for_is_named():
    built = [plant(f"F2.{n}", "fuse-lost", 0.1, 1.0) for n in (1, 2, 5)]
    lacking = selfscore.missing(built)
    assert lacking["S2"] == ["F2.3", "F2.4", "F2.6"]
    assert selfscore.told(lacking["S2"]) == "F2.3-4, F2.6"
    assert sum(map(len, lacking.values())) == selfscore.PLANTED - 3 == 129


def test_every_number_is_one_of_the_method():
    numbers = {one.number for one in selfscore.plants()}
    lacking = sum(map(len, selfscore.missing(selfscore.plants()).values()))
    assert lacking == selfscore.PLANTED - len(numbers)


@pytest.mark.slow
def test_every_plant_that_is_built_is_caught():
    found = json.loads(CliRunner().invoke(main, ["selfscore", "--all", "--json"]).stdout)
    assert [one for one in found["tried"] if one["word"] != "caught"] == []
    assert found["caught"] == len({one.number for one in selfscore.plants()})
