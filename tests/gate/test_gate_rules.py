"""What a gate is bound to: its registration, its looks, its certificates, and bytes that stay as
they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from spoken_gate import FACET, VERIFIER, Gate, Speaker, card, codes

from harness.content.library import Entry
from harness.errors import WorkspaceError
from harness.evidence.folder import RunFolder
from harness.gate.conclude import conclude
from harness.gate.finished import recheck
from harness.gate.finished.release import release_check
from harness.gate.measure import open_run
from harness.gate.prepare import look_up, prepare
from harness.gate.session import dev_lines
from harness.pages.view import said

CHANGED = "changed-in-run"

pytestmark = pytest.mark.usefixtures("no_answers")


def test_a_run_is_held_against_its_registration(root: Path):
    gate = Gate(root)
    assert gate.register() == root / "registrations" / "adder.json"
    assert gate.speaker.asked == 0, "registered before the first answer"
    assert Gate(root, run_dir=str(root / "one")).run().name == "SHIP"
    suite = root / "suites" / "general.yaml"
    suite.write_text(suite.read_text().replace("margin: 0.1", "margin: 0.2"))
    verdict = Gate(root, run_dir=str(root / "two")).run()
    assert (verdict.name, codes(verdict)) == ("VOID", ["registration"])
    assert "margin was 0.1 when registered and is 0.2" in verdict.reasons[0].text
    assert recheck.recheck(root / "two")[1] == []


def test_a_verifier_that_passes_everything_makes_the_gate_void_and_is_named(root: Path):
    verifier = root / "verifiers" / "sums.py"
    verifier.write_text(VERIFIER.replace('== case.expect["sum"]', '!= ""'))
    gate = Gate(root, run_dir=str(root / "run"))
    [reason] = gate.run().reasons
    assert (reason.verdict, reason.code, reason.about) == ("VOID", "certificate", "sums.right")
    assert said(reason).plain == "no valid certificate: sums.right: REFUSED"
    assert gate.speaker.asked == 0, "nothing is judged"


def test_a_hopeless_margin_is_refused_in_every_full_run(root: Path):
    suite = root / "suites" / "general.yaml"
    suite.write_text(suite.read_text().replace("margin: 0.1", "margin: 0.02"))
    gate = Gate(root, run_dir=str(root / "run"))
    for refused in (gate.register, gate.run):
        with pytest.raises(WorkspaceError, match=r"general: .*with 120 prompts.*prompts would"):
            refused()
    assert gate.speaker.asked == 0
    assert not (root / "registrations").exists()
    assert not (root / "run").exists()
    look = Gate(root, run_dir=str(root / "look"), limit=30).run()
    assert (look.name, codes(look)[0]) == ("VOID", "incomplete"), "a part decides nothing anyway"


def test_another_revision_is_another_look_at_a_lower_alpha(root: Path):
    Gate(root, run_dir=str(root / "one")).run()
    (root / "adapter" / "adapters.safetensors").write_text("revision 2")
    Gate(root, run_dir=str(root / "two")).run()
    found = card(root / "two")
    assert (found["look"], found["alpha"]) == (2, pytest.approx(0.05 / 6))
    said = "look 2 of adder on this base (lineage known; 1 lineage on this base): tested at 0.833 %"
    assert f"{said} instead of 5 %" in (root / "two" / "scorecard.html").read_text()
    [first] = RunFolder(root / "two").registration.ledger.last
    checks = [release_check(root / "two", str(root / "adapter"), str(root)).against]
    (root / "looks" / f"{first}.json").unlink()
    checks.append(release_check(root / "two", str(root / "adapter"), str(root)).against)
    assert [[first in text for text in check].count(True) for check in checks] == [0, 1]
    verdict = Gate(root, run_dir=str(root / "three")).run()
    assert (verdict.name, codes(verdict)) == ("VOID", ["ledger"]), "the second names the first"


def test_each_revision_is_asked_prompts_of_the_pool_that_no_other_was(root: Path):
    suite = root / "suites" / "sums.yaml"
    suite.write_text(f"{FACET}draw: 20\n")
    asked = []
    for run, weights in (("one", "weights"), ("two", "revision 2"), ("again", "revision 2")):
        (root / "adapter" / "adapters.safetensors").write_text(weights)
        verdict = Gate(root, run_dir=str(root / run)).run()
        assert verdict.name in ("SHIP", "INCONCLUSIVE"), codes(verdict)
        assert recheck.recheck(root / run)[1] == []
        asked.append({row.case for row in RunFolder(root / run).receipts if row.suite == "sums"})
    assert [len(each) for each in asked] == [20, 20, 20]
    assert asked[0].isdisjoint(asked[1])
    assert asked[1] == asked[2], "the same bytes again are the same look"
    assert [card(root / run)["look"] for run in ("one", "two", "again")] == [1, 2, 2]


def test_dev_prompts_show_what_fails_by_criterion_and_cost_nothing(root: Path):
    with pytest.raises(WorkspaceError, match="no suite that adder owes has dev prompts: sums, gen"):
        list(dev_lines(Gate(root).options))
    suite = root / "suites" / "sums.yaml"
    suite.write_text(f"{FACET}dev: dev.jsonl\n")
    rows = [
        {"id": f"dev-{i}", "prompt": f"{i}+7", "expect": {"sum": str(i + 7)}} for i in range(41, 44)
    ]
    (root / "suites" / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    before = {path for path in root.rglob("*") if "__pycache__" not in path.parts}
    gate = Gate(root, {"42+7"})
    said = list(dev_lines(gate.options, load=lambda _: gate.speaker))
    assert said == [
        "sums: base 0/3, adapter 2/3",
        "  right failed: base 3/3, adapter 1/3",
        "    dev-42 adapter: wrong: ?",
        "    dev-41 base: wrong: ?",
        "    dev-42 base: wrong: ?",
        "    dev-43 base: wrong: ?",
        "dev prompts only: no verdict, and no look was counted",
    ]
    after = {path for path in root.rglob("*") if "__pycache__" not in path.parts}
    assert after == before, "no run, no verdict, no look"
    with Gate(root).prepared() as prepared:
        assert prepared.registration.look == 1
        assert "dev-41" not in prepared.registration.model_dump_json()


def test_a_gate_demands_the_certification_that_the_library_names_and_shows_none_of_it(root: Path):
    known, library = root / "audits/sums.right/all.yaml", root / "library.yaml"
    seen = json.loads(known.read_text())
    (root / "hidden" / "sums.right").mkdir(parents=True)
    known.rename(root / "hidden" / "sums.right" / "all.yaml")
    seen |= {"good": seen["good"][:2], "bad": seen["bad"][:2]}
    known.write_text(json.dumps(seen))  # what its author sees is too little
    with Gate(root, run_dir=str(root / "author")).prepared() as prepared:
        assert [reason.code for reason in prepared.invalid] == ["certificate"]
    library.write_text("certification: hidden\n" + library.read_text())
    with Gate(root, run_dir=str(root / "run")).prepared() as prepared, open_run(prepared) as run:
        assert prepared.invalid == []
        assert [len(found) for found in prepared.known.values()] == [4]
        held = (run.folder / "certificates" / "sums.right.json").read_text()
        assert "not shown" in held
        assert "good 7" not in held
    (root / "hidden" / "sums.right" / "all.yaml").unlink()
    with Gate(root, run_dir=str(root / "none")).prepared() as prepared:
        assert [reason.code for reason in prepared.invalid] == ["certificate"]
    (root / "hidden" / "sums.right").rmdir()
    (root / "hidden").rmdir()
    with pytest.raises(WorkspaceError, match=r"key 'certification': no such folder: .*hidden"):
        Gate(root).run()


def test_what_judges_or_is_judged_and_changes_in_the_run_is_void_and_named(root: Path):
    named = {
        "verifiers/sums.py": "verifiers/sums.py of verifier sums.right changed since its audit",
        "audits/sums.right/all.yaml": "fixtures of verifier sums.right changed since its audit",
        "suites/sums.jsonl": "suite sums was sha256:",
        "suites/general.yaml": "suite general was sha256:",
        "adapter/adapters.safetensors": "the adapter was sha256:",
        "base/tokenizer.json": "the base was sha256:",
    }

    def said() -> list[str]:
        reasons = conclude(prepared, run).reasons
        return [one.text for one in reasons if (one.verdict, one.code) == ("VOID", CHANGED)]

    with Gate(root, run_dir=str(root / "run")).prepared() as prepared, open_run(prepared) as run:
        assert said() == []
        for name, text in named.items():
            before = (root / name).read_bytes()
            (root / name).write_bytes(before.replace(b"0", b"7", 1) + b"\n")
            [found] = said()
            (root / name).write_bytes(before)
            assert found.startswith(text)
        [found] = said()  # all is as it was, and what was read meanwhile need not have been
        assert found.startswith("written, replaced or renamed while the gate ran, if only for a")
        assert found.endswith(f"{root}/base/tokenizer.json, {root}/verifiers/sums.py")


def test_a_base_that_is_swapped_while_it_is_loaded_is_void(root: Path):
    def swapped(entry: Entry) -> Speaker:
        base = entry.base_path
        (base / "config.json").rename(root / "aside")
        (root / "aside").rename(base / "config.json")
        return Speaker(set(), prompted=False)

    with prepare(look_up(Gate(root).options), load=swapped) as prepared:
        assert [reason.code for reason in prepared.invalid] == [CHANGED]
    with Gate(root).prepared() as prepared:
        assert prepared.invalid == []
