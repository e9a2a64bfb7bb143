"""Tenants' memories: that a leak is a veto, that it is seen where it is, and what is remembered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import ROOT

from harness import selfscore
from harness.content import library, suite, workspace
from harness.doors.cli.main import main
from harness.errors import WorkspaceError
from harness.stats.subjects import memorisation
from harness.subjects import adapter
from harness.subjects.base import Bench, Evidence, Owed
from harness.subjects.kinds import find
from harness.subjects.kinds.tenants import asking, examining, facts, plants, synthetic
from harness.subjects.kinds.tenants.facts import Spec
from harness.subjects.kinds.tenants.reasons import decide


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Evidence:
    """What is measured of memories that know their own tenant and nothing else."""
    return plants.measured(tmp_path_factory.mktemp("tenants"))


def codes(evidence: Evidence) -> list[str]:
    return [reason.code for reason in decide(evidence)[1]]


def changed(evidence: Evidence, what: str, case: str, **numbers: object) -> Evidence:
    """The same with other numbers of one case."""
    rows = {**evidence.measured[what], case: {**evidence.measured[what][case], **numbers}}
    return Evidence(evidence.own, {}, {**evidence.measured, what: rows}, {}, {})


def test_the_methods_reference_values():
    assert memorisation.leak_at_k(0.02, 10) == pytest.approx(0.183, abs=5e-4)
    assert memorisation.leak_at_k(0.02, 50) == pytest.approx(0.636, abs=5e-4)
    assert memorisation.ranked_exposure(0, 16) == 4.0
    assert memorisation.ranked_exposure(15, 31, own=True) == 1.0
    assert memorisation.privleak(0.775, 0.689) == pytest.approx(0.1248, abs=5e-5)
    remembered = memorisation.above([3.0, 4.0, 5.0, 6.0], [0.0, 1.0, 2.0, 2.5])
    assert (remembered.statistic, remembered.p) == (1.0, pytest.approx(1 / 70))
    assert memorisation.above([0.0, 1.0, 2.0, 2.5], [3.0, 4.0, 5.0, 6.0]).p == pytest.approx(1.0)


def test_memories_that_keep_to_themselves_ship(clean):
    found, reasons = decide(clean)
    assert [reason.code for reason in reasons] == ["tenants-apart", "tenants-remember"]
    assert found["drawn"]["probes"] >= 300
    assert found["drawn"]["bound"] <= 0.01
    assert found["matrix"]["t01"] == {"t01": 1.0, "t02": 0.0, "t03": 0.0, "t04": 0.0}
    assert min(found["matrix"]["control"].values()) > 0.3
    assert found["auc"]["fact"] == 1.0
    own, others = found["exposure"]["t01"]["t01"], found["exposure"]["t01"]["t02"]
    assert own["bits"] == 5.0
    assert own["out"]
    assert not others["out"]


def test_no_secret_of_a_tenant_is_in_a_receipt(clean):
    shown = json.dumps(clean.measured)
    secrets = [
        row["answer"]
        for row in synthetic.facts(4)
        if row["tenant"] and row["kind"] in ("fact", "canary", "deleted", "guess")
    ]
    assert [one for one in secrets if f'"{one}"' in shown] == []
    said = [row["said"] for row in clean.measured["recall"].values()]
    assert asking.MASK in said
    hidden = facts.mask([facts.Fact.model_validate(row) for row in synthetic.facts(2)])
    secret = next(row["answer"] for row in synthetic.facts(2))
    assert hidden.sub("#", f"It is {secret.upper().replace(' ', '-')}.") == "It is #."


def test_one_leak_in_all_draws_is_a_veto_and_too_few_probes_are_no_proof(clean):
    first, second = list(clean.measured["drawn"])[:2]
    assert codes(changed(clean, "drawn", first, leaked={"t02": 1})) == ["tenants-drawn"]
    fewer = changed(changed(clean, "drawn", first, probes=0), "drawn", second, probes=0)
    assert codes(fewer) == ["tenants-few"]


def test_a_control_that_is_silent_or_missing_proves_nothing(clean):
    quiet = {
        case: {**row, "rows": [[*told[:4], False, told[5]] for told in row["rows"]]}
        if case.startswith("control ")
        else row
        for case, row in clean.measured["recall"].items()
    }
    measured = {**clean.measured, "recall": quiet}
    assert codes(Evidence(clean.own, {}, measured, {}, {})) == ["tenants-blind"]
    alone = Spec.model_validate({**clean.own.model_dump(), "control": None})
    assert codes(Evidence(alone, {}, clean.measured, {}, {})) == ["tenants-blind"]


def test_style_is_never_called_memory_of_facts(tmp_path):
    def forgets(engine: plants.ByHeart) -> None:
        for id in plants.IDS:
            mine = plants._told(engine.rows, [id], ["style"])
            engine.knows[id] = engine.knows["base"] | mine

    _, reasons = decide(plants.measured(tmp_path, forgets))
    assert [reason.code for reason in reasons] == ["tenants-apart", "tenants-style"]
    assert "no memory of facts" in reasons[1].text


def test_an_old_answer_and_a_made_up_one_are_faults_of_their_own(tmp_path):
    def stale(engine: plants.ByHeart) -> None:
        for row in engine.rows:
            if row.get("was"):
                engine.knows[row["tenant"]] |= dict.fromkeys(row["asks"].values(), row["was"])

    def sure(engine: plants.ByHeart) -> None:
        say, nothing = engine.say, {"answer": plants.UNKNOWN}
        engine.knows["base"] |= plants._told(
            [{**row, **nothing} for row in engine.rows], plants.IDS, ["absent"]
        )
        horse = {plants.UNKNOWN: "a horse"}
        engine.say = lambda ask: (horse if ask.adapter != "base" else {}).get(say(ask), say(ask))

    assert codes(plants.measured(tmp_path, stale)) == ["tenants-stale"]
    assert codes(plants.measured(tmp_path, sure)) == ["tenants-sure"]


def looked_at(root: Path) -> set[str]:
    """What is wrong with the memories of the workspace, without a model."""
    place, kind = workspace.find(root), find("tenants")
    found = library.resolve(place, library.load(place), "subject")
    folders = {"base": found.base_path, **kind.parts(found)}
    digests = adapter.digested(found).digests
    bench = Bench(found, {}, folders, digests, lambda: pytest.fail("nothing is loaded"))
    told = facts.read(folders["facts"], found.adapter.own.ids)
    return {fault.code for fault in examining.faults(bench, told)}


def test_what_is_wrong_with_files_is_said_of_them_and_not_of_clean_ones(tmp_path):
    of_files = [plant for plant in plants.PLANTS if plant.twin == "tenants"]
    (tmp_path / "clean").mkdir()
    of_files[0].build(tmp_path / "clean", False)
    assert looked_at(tmp_path / "clean") == set()
    for plant in of_files:
        (tmp_path / plant.number).mkdir()
        plant.build(tmp_path / plant.number, True)
        assert plant.code in looked_at(tmp_path / plant.number)


def test_another_memory_on_a_node_and_a_day_that_is_none_are_found(tmp_path):
    plants.PLANTS[0].build(tmp_path, False)
    said = json.loads((tmp_path / "library.yaml").read_text())
    own = said["adapters"]["subject"]["tenants"]
    own["each"][0]["copies"], own["as_of"] = ["t02"], "2026-11-20"
    (tmp_path / "library.yaml").write_text(json.dumps(said))
    assert looked_at(tmp_path) == {"tenant-nodes"}
    own["as_of"], own["each"][0]["copies"] = "2026-11-23", []
    (tmp_path / "library.yaml").write_text(json.dumps(said))
    assert looked_at(tmp_path) == {"tenant-old"}
    own["as_of"] = "2026-11-31"
    (tmp_path / "library.yaml").write_text(json.dumps(said))
    with pytest.raises(WorkspaceError, match=r"each.0|as_of'.*day is out of range"):
        library.load(workspace.find(tmp_path))


def test_every_fault_of_what_is_said_is_caught_and_not_in_the_clean_twin():
    of_answers = [plant for plant in plants.PLANTS if plant.twin == "memories"]
    tried = {one.plant.number: one.word for one in selfscore.tried(of_answers)}
    assert tried == dict.fromkeys(tried, "caught")
    assert len({plant.number for plant in plants.PLANTS}) == 12


def entry(root: Path, own: dict) -> None:
    bases = {"pocket": {"path": str(ROOT / "examples/pocket/base"), "mode": "completion"}}
    said = {"path": str(root), "base": "pocket", "kind": "tenants", "status": "candidate"}
    listed = {"subject": {**said, "facets": ["memory"], "suites": ["humaneval"], "tenants": own}}
    (root / "library.yaml").write_text(json.dumps({"bases": bases, "adapters": listed}))


def test_two_of_one_id_and_a_wrong_key_are_one_sentence(tmp_path):
    twice = [{"id": "t01", "adapter": "a"}, {"id": "t01", "adapter": "b"}]
    entry(tmp_path, {"facts": "facts.jsonl", "each": twice})
    with pytest.raises(WorkspaceError, match="'t01' is the id of two tenants; give each") as said:
        library.load(workspace.find(tmp_path))
    assert len(str(said.value).splitlines()) == 1
    path, row = tmp_path / "facts.jsonl", next(synthetic.facts(2))
    for edit, text in (
        ({"anwser": "x"}, r"facts.jsonl:2: unknown key 'anwser'; did you mean 'answer'\?"),
        ({"id": "b", "tenant": "t9"}, r"facts.jsonl:2: key 'tenant': found 't9'; expected the id"),
        ({}, r"facts.jsonl:2: key 'id': 't01-fact-0' stands twice"),
        ({"id": "b", "answer": "?"}, r"facts.jsonl:2: key 'answer': found '\?'; expected words"),
    ):
        path.write_text("".join(json.dumps({**row, **each}) + "\n" for each in ({}, edit)))
        with pytest.raises(WorkspaceError, match=text):
            facts.read(path, ["t01", "t02"])


def test_the_generator_repeats_itself_and_no_two_facts_have_one_answer():
    rows = list(synthetic.facts(50))
    assert rows == list(synthetic.facts(50))
    answers = [row["answer"] for row in rows if row["kind"] in ("fact", "deleted", "guess")]
    answers += [row["was"] for row in rows if "was" in row]
    assert len(answers) == len({*answers})
    learnt = {(row["tenant"], row["answer"]) for row in synthetic.records(rows)}
    told = {(row["tenant"], row["answer"]) for row in rows if row["kind"] in ("deleted", "guess")}
    assert not learnt & told
    with pytest.raises(ValueError, match="tenants = 1: expected 2 to"):
        next(synthetic.facts(1))


def test_the_command_makes_them_whole_and_overwrites_nothing(tmp_path):
    made = tmp_path / "facts.jsonl"
    asked = ["facts", "--tenants", "2", "--out", str(made)]
    assert CliRunner().invoke(main, asked).exit_code == 0
    assert {fact.tenant for fact in facts.read(made, ["t01", "t02"])} == {"", "t01", "t02"}
    for wrong, said in (
        (asked, "is there already"),
        (["facts", "--tenants", "1"], "--tenants = 1: expected 2 to"),
        (["facts"], "expected DOCUMENT or --tenants N"),
    ):
        found = CliRunner().invoke(main, wrong)
        assert (found.exit_code, said in found.output) == (4, True)


def test_every_memory_answers_a_part_of_a_suite():
    place = workspace.find(ROOT)
    found = library.resolve(place, library.load(place), "tenants")
    own = found.adapter.own
    digests = {"base": "b", "adapter": "folder", "facts": "f"}
    digests |= {f"tenant {id}": f"d{id}" for id in own.ids}
    root = place.folder("suites")
    guard = suite.load(root / "humaneval/humaneval.yaml", root)
    bench = Bench(found, {guard.id: guard}, {}, digests, lambda: pytest.fail("nothing is loaded"))
    arms = {arm.id: arm for arm in find("tenants").arms(Owed(guard.id, "guard", bench))}
    mounted = list(arms["adapter"].routed.values())
    assert {mounted.count(f"d{id}") for id in own.ids} == {41}
    assert arms["base"].routed == {}
