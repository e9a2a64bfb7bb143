"""What a gate asks, in which order, and where it ends: whole gates of an engine that says its
lines."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from run_folders import index
from spoken_gate import Gate, card, codes, head, revealed

from harness.errors import WorkspaceError
from harness.evidence.folder import RunFolder
from harness.evidence.receipts import CHURN, SENTINEL
from harness.gate.conclude import conclude, so_far
from harness.gate.finished import recheck
from harness.gate.finished.release import release_check
from harness.gate.measure import measure, open_run

pytestmark = pytest.mark.usefixtures("no_answers")


def test_a_gate_asks_every_arm_and_two_gates_leave_the_same_chain(root: Path):
    first, said = Gate(root, run_dir=str(root / "one")), []
    assert first.run(lambda label, _, total, *__: total or said.append(label)).name == "SHIP"
    room, *rest = [line.split("; at ")[0] for line in said]
    assert room.startswith("at most 1.2 MB of disk, ")
    assert rest == ["480 answers to decode, 0 kept, at most 3840 tokens"]
    rows = RunFolder(root / "one").receipts
    arms = {(r.suite, r.arm): sum((o.suite, o.arm) == (r.suite, r.arm) for o in rows) for r in rows}
    assert arms == {
        ("sums", "base"): 40, ("sums", "canon"): 40, ("sums", "adapter"): 40, (SENTINEL,
        SENTINEL): 10, (CHURN, CHURN): 1,
        ("general", "base"): 120, ("general", "again"): 120, ("general", "adapter"): 120,
    }  # fmt: skip
    second = Gate(root, run_dir=str(root / "two"))
    assert second.run(lambda label, _, total, *__: total or said.append(label)).name == "SHIP"
    assert sum(" to decode" in line for line in said) == 1, "there is nothing to wait for"
    assert second.speaker.asked == 0, "every answer is in the cache"
    assert head(root / "one") == head(root / "two")
    for run in ("one", "two"):
        checked = release_check(root / run, str(root / "adapter"), str(root))
        assert (checked.exit_code, checked.against) == (0, [])
    assert len(list((root / "looks").iterdir())) == 1, "the second gate is the same look"


def test_no_few_first_answers_say_how_long_a_gate_takes(root: Path, monkeypatch):
    monkeypatch.setattr("harness.gate.measure.PACED", -1.0)
    monkeypatch.setattr("harness.gate.measure.ENOUGH", 30)
    said: list[str] = []
    Gate(root, run_dir=str(root / "run")).run(lambda label, *_: said.append(label))
    at = next(n for n, label in enumerate(said) if " to decode" in label)
    assert said[:at].count("sums base") == 29, "by the 30th of 40, before it is counted"


def test_several_drawn_answers_a_prompt_are_drawn_anew_for_each_arm_and_alike_in_every_run(
    root: Path,
):
    path = root / "library.yaml"
    path.write_text(path.read_text().replace("gate: {", "gate: {samples: 4, "))
    with pytest.raises(
        WorkspaceError, match="found 4 at temperature 0, where all answers to a prompt are alike"
    ):
        Gate(root).run()
    path.write_text(path.read_text().replace("gate: {", "gate: {temperature: 0.6, "))
    first = Gate(root, run_dir=str(root / "one"))
    assert first.run().name == "SHIP"
    rows = RunFolder(root / "one").receipts
    answers = {(r.arm, r.case, r.sample): r for r in rows if r.suite == "general"}
    assert len(answers) == 3 * 120 * 4
    assert {r.sampler for r in answers.values()} == {
        "temperature 0.6, seed 0, completion, at most 8 tokens, stop []"
    }
    [score] = [s for s in card(root / "one")["suites"] if s["suite"] == "general"]
    assert (score["prompts"], score["samples"], score["missing"]) == (120, 4, 0)
    base, adapter = score["rates"]["base"], score["rates"]["adapter"]
    assert base["rate"] != adapter["rate"], "arms are drawn by themselves"
    page = (root / "one" / "scorecard.html").read_text()
    assert page.count(f"{adapter['passes']}/480 = ") == 3, (
        "the verdict, the suite and the criterion"
    )
    carried = index(root / "one")
    answered = Counter(zip(carried["receipts"]["row"], carried["receipts"]["arm"], strict=True))
    assert Counter(answered.values())[4] == 3 * 120 + 3 * 40, "by prompt and arm all its answers"
    linked = {unquote(link) for link in re.findall('href="#suite=([^"&]*)', page)}
    assert linked == {"general", "sums"}, "every link leads to a suite of the list"
    assert len(set(first.speaker.seeds)) == len(first.speaker.seeds) == first.speaker.asked

    second = Gate(root, run_dir=str(root / "two"))
    with second.prepared() as prepared, open_run(prepared) as run:
        measure(prepared, run, "sums")  # stopped between two suites, and resumed
        secret = prepared.judges.secret
    assert not (root / "two" / "secret.json").exists()
    assert second.speaker.asked == 0, "every answer is in the cache"
    assert Gate(root, run_dir=str(root / "two")).run().name == "SHIP"
    assert head(root / "one") == head(root / "two")
    assert recheck.recheck(root / "two")[1] == []
    assert revealed(root / "two") == secret.hex() != revealed(root / "one")
    kept = Path(os.environ["HARNESS_CACHE"]) / "secrets"
    assert list(kept.iterdir()) == [], "revealed, and kept no longer"


def test_base_answers_every_suite_first_and_known_answers_stand_among_the_adapters(root: Path):
    gate = Gate(root, run_dir=str(root / "run"))
    gate.run()
    assert sorted(gate.speaker.mounted) == gate.speaker.mounted, "base, then what is mounted"
    rows = RunFolder(root / "run").receipts
    order = [row.arm for row in rows]
    at = order.index(CHURN)
    assert set(order[:at]) == {"base", "canon", "again"}
    assert set(order[at + 1 :]) == {"adapter", SENTINEL}
    shown = [n for n, arm in enumerate(order[at + 1 :]) if arm == SENTINEL]
    assert (len(shown), shown[0], shown[-1]) == (10, 0, 49)
    assert max(b - a for a, b in pairwise(shown)) <= 6, "spread evenly"
    assert {row.outcome for row in rows if row.arm == SENTINEL} == {"pass", "fail"}


@pytest.mark.parametrize(
    ("first", "again", "found"),
    [
        (range(0, 30), range(30, 60), ("INCONCLUSIVE", "noise")),
        (range(0), range(0, 30), ("VOID", "base-against-base")),
        (range(0, 30), range(0, 30), ("SHIP", "improved")),
    ],
    ids=["noisy", "faulty", "sound"],
)
def test_the_adapter_is_not_asked_where_base_differs_from_itself_too_much(
    root: Path, first: range, again: range, found: tuple[str, str]
):
    gate = Gate(root, run_dir=str(root / "run"))
    gate.speaker.fails = {
        None: {f"{i}+120" for i in first}, "again": {f"{i}+120" for i in again}
    }  # fmt: skip
    shown: dict[str, str] = {}
    verdict = gate.run(lambda label, _done, _total, note="": shown.update({label: note}))
    assert (verdict.name, verdict.deciding[0].code) == found
    sound = found[0] == "SHIP"
    assert any(gate.speaker.mounted) is sound
    stated = RunFolder(root / "run").churn.suites["general"]
    differ = len(set(first) ^ set(again))
    assert (stated.prompts, stated.flipped, stated.texts) == (120, differ, differ)
    told = f"between two orders {differ} of 120 texts and {differ} outcomes differ"
    assert shown["general base twice"] == told
    assert told in (root / "run" / "scorecard.html").read_text()
    assert recheck.recheck(root / "run")[1] == []
    if found[1] == "noise":
        assert re.search(
            r"60 of 120 prompts.* \d+ prompts would decide it", verdict.reasons[0].text
        )
        with (
            Gate(root, run_dir=str(root / "run")).prepared() as prepared,
            open_run(prepared) as run,
        ):
            measure(prepared, run, "general")
            assert so_far(prepared, run).reasons["general"].code == "noise", "resumed, and no more"


def test_noise_that_base_shows_may_leave_too_little_power(root: Path):
    """HELD against itself, and yet too few of unchanged adapters would be."""
    library = root / "library.yaml"
    library.write_text(library.read_text().replace("min_power: 0.3", "min_power: 0.9"))
    few, many = ({None: {f"{i}+120" for i in range(n)},
                  "again": {f"{i}+120" for i in range(n, 2 * n)}} for n in (1, 5))  # fmt: skip
    for fails, name in ((few, "SHIP"), (many, "INCONCLUSIVE")):
        gate = Gate(root, run_dir=str(root / name))
        gate.speaker.identity["device"] = name  # nothing is kept of another
        gate.speaker.fails = fails
        verdict = gate.run()
        assert verdict.name == name, verdict.reasons
        assert RunFolder(root / name).churn.suites["general"].state == "HELD"
    assert "the policy asks for 90%" in verdict.reasons[0].text


def test_noise_that_was_written_down_later_or_otherwise_is_found(root: Path):
    Gate(root, run_dir=str(root / "run")).run()
    path, receipts = root / "run" / "churn.json", root / "run" / "receipts.jsonl"
    noise = json.loads(path.read_text())
    noise["suites"]["general"]["flipped"] = 7
    before = path.read_text()
    path.write_text(json.dumps(noise))
    said = recheck.recheck(root / "run").differences
    assert any(one.startswith("churn.json: its content is sha256:") for one in said)
    assert any(one.startswith("churn.json: suites.general.flipped: found 7;") for one in said)
    path.write_text(before)
    lines = receipts.read_text().splitlines(keepends=True)
    [at] = [n for n, line in enumerate(lines) if '"arm": "churn"' in line]
    receipts.write_text("".join([*lines[:at], *lines[at + 1 :], lines[at]]))
    said = recheck.recheck(root / "run").differences
    assert any("(adapter): answered before base's noise was written down" in one for one in said)
    receipts.write_text("".join([*lines[:at], *lines[at + 1 :]]))
    said = recheck.recheck(root / "run").differences
    assert any(one.startswith("churn.json: found 0 links to it") for one in said)


def test_a_prompt_that_does_as_well_is_named(root: Path):
    verdict = Gate(root, prompted=True, run_dir=str(root / "run")).run()
    assert "no-gain-over-prompt" in codes(verdict)


def test_an_answer_that_never_stops_or_loops_is_not_elite_on_a_facet_whatever_its_criteria_say(
    root: Path,
):
    gate = Gate(root, run_dir=str(root / "run"))
    gate.speaker.endless = {"3+40", "3+120"}
    gate.run()
    rows = RunFolder(root / "run").receipts
    found = {
        (r.suite, r.outcome, r.sign) for r in rows if r.arm == "adapter" and r.finish == "length"
    }
    assert found == {("sums", "fail", "ran out of tokens"), ("general", "pass", "")}, (
        "a benchmark is scored by its own rule"
    )
    assert {
        f.outcome for r in rows if r.finish == "length" and r.arm == "adapter" for f in r.findings
    } == {"pass"}
    assert recheck.recheck(root / "run")[1] == []


def test_an_obvious_regression_ends_the_run_at_the_same_place_every_time(root: Path):
    breaks = {f"{i}+120" for i in range(0, 120, 2)}
    heads = []
    for run in ("one", "two"):
        gate = Gate(root, breaks, run_dir=str(root / run))
        with gate.prepared() as prepared, open_run(prepared) as opened:
            measure(prepared, opened, "general")
            measure(prepared, opened, "sums")
            said = so_far(prepared, opened).reasons
            assert said["sums"].code == "not-measured", "nothing more is asked"
            verdict = conclude(prepared, opened)
        assert said["general"] == verdict.reasons[0]
        assert (verdict.name, verdict.reasons[0].code) == ("NO-SHIP", "stopped")
        assert recheck.recheck(root / run)[1] == []
        heads.append(head(root / run))
    assert heads[0] == heads[1]
    assert len([r for r in RunFolder(root / "one").receipts if r.arm == "adapter"]) < 120


def test_a_guard_that_can_no_longer_be_held_ends_the_run_undecided(root: Path):
    """Base knows all, so nothing can make up for two losses at what is left of 5 points."""
    for name, old, new in (
        ("library", "min_power: 0.3", "min_power: 0.01"),
        ("suites/general", "0.1", "0.05"),
    ):
        file = root / f"{name}.yaml"
        file.write_text(file.read_text().replace(old, new))
    with Gate(root).prepared() as prepared:
        first, second, *_ = prepared.registration.plans["general"].counted
    breaks = {f"{id.removeprefix('general-')}+120" for id in (first, second)}
    verdict = Gate(root, breaks, run_dir=str(root / "run")).run()
    assert (verdict.name, codes(verdict)[0]) == ("INCONCLUSIVE", "beyond-holding")
    assert "0 gained and 2 lost" in verdict.reasons[0].text
    asked = [(r.suite, r.arm) for r in RunFolder(root / "run").receipts]
    assert asked.count(("general", "adapter")) == 16
    assert recheck.recheck(root / "run")[1] == []
