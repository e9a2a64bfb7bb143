"""The harness's own score counts what is said of a plant and not of its clean twin."""

from __future__ import annotations

import json
from functools import partial

import pytest
from click.testing import CliRunner

from harness import selfscore
from harness.audit.certificate import State
from harness.audit.workspace import audit_workspace
from harness.doors.cli.main import main
from harness.evidence.folder import RunFolder
from harness.judging.verifier import failed, passed
from harness.selfscore import audits, candidates, gates
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


def test_what_another_room_said_is_held_against_what_it_said_of_the_twin():
    def said(_, planted):
        return {"new", "old"} if planted else {"old"}

    rows = [Plant("F0.1", code, "made up", said) for code in ("new", "old", "other")]
    assert [one.word for one in selfscore.tried(rows)] == ["caught", "twin", "missed"]


def test_of_many_codes_the_one_that_counts_is_shown():
    many = {f"code {n}" for n in range(selfscore.MOST_SAID + 1)}

    def said(_, planted):
        return many if planted else set()

    rows = [Plant("F0.1", code, "made up", said) for code in ("code 4", "other")]
    shown = [one.said for one in selfscore.tried(rows)]
    assert shown == ["code 4 and 8 more", "code 0 and 8 more"]


def test_of_several_answers_the_planted_ones_share_a_reason_and_no_twin_has_any():
    judged = [failed("exception", "NameError: x"), failed("exception", "KeyError: x"), passed()]
    assert candidates.said(iter(judged[:2]), planted=True) == {"exception"}
    assert candidates.said(iter(judged), planted=True) == set()
    assert candidates.said(iter(judged), planted=False) == {"exception", "NameError", "KeyError"}
    assert candidates.said(iter(judged[2:]), planted=False) == set()


def test_the_twins_of_careless_verifiers_are_wrong_about_nothing(tmp_path):
    twins = {one.twin for one in audits.PLANTS if one.twin} | {audits.SOUND}
    for id in sorted(twins):
        folder = tmp_path / id
        folder.mkdir()
        audits.workspace(folder, id)
        [held] = audit_workspace(str(folder), [id]).certificates
        assert audits.said(held) == set(), held.sentence()
        assert held.earned is (State.VALID if id == audits.SOUND else State.PROVISIONAL)


def test_the_gate_beside_the_faulty_ones_ships(tmp_path):
    run = RunFolder(gates.gate(tmp_path, gates.Asked()))
    assert run.verdict.verdict == "SHIP"
    [kept, learnt] = run.scorecard.suites
    assert (kept["suite"], learnt["suite"]) == (gates.KEPT, gates.LEARNT)


@pytest.mark.slow
def test_every_plant_that_is_built_is_caught():
    found = json.loads(CliRunner().invoke(main, ["selfscore", "--all", "--json"]).stdout)
    assert [one for one in found["tried"] if one["word"] != "caught"] == []
    assert found["caught"] == len({one.number for one in selfscore.plants()})
