"""A whole gate in a workspace of its own: real suites, verifier, audit and judges, and an engine
that says its lines."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.content.library import Entry
from harness.engines.base import Ask, Generation
from harness.errors import WorkspaceError
from harness.evidence.folder import RunFolder
from harness.evidence.receipts import CHURN, SENTINEL
from harness.gate.conclude import conclude
from harness.gate.finished import recheck
from harness.gate.finished.release import release_check
from harness.gate.measure import measure, open_run, so_far
from harness.gate.prepare import Options, Prepared, look_up, prepare
from harness.gate.session import dev_lines, register_gate, run_gate
from harness.verdict import Verdict

VERIFIER = '''
from harness import failed, passed, verifier

@verifier("sums.right", version=1, facet="sums")
def right(case, answer):
    """The answer is the sum."""
    return passed() if answer.text.strip() == case.expect["sum"] else failed("wrong", answer.text)
'''
LIBRARY = """
bases: {tiny: {path: base}}
adapters:
  adder: {path: adapter, base: tiny, status: candidate, facets: [sums], suites: [sums, general]}
gate: {degeneration_margin: 0.05, min_power: 0.3}
"""
GUARD = """
facet: general
role: guard
mode: completion
prompts: general.jsonl
max_tokens: 8
margin: 0.1
criteria: [{id: right, verifier: sums.right}]
"""
FACET = """
facet: sums
role: facet
mode: chat
prompts: sums.jsonl
max_tokens: 8
canon: Add the numbers.
criteria: [{id: right, verifier: sums.right}]
"""


class Speaker:
    """An engine that knows every sum: base fails the facet, the adapter the prompts in
    ``breaks``."""

    def __init__(self, breaks: set[str], prompted: bool) -> None:
        self.identity: dict[str, Any] = {"engine": "speaker", "mlx-lm": "none", "device": "none"}
        self.breaks, self.prompted, self.asked = breaks, prompted, 0
        self.endless: set[str] = set()  #: prompts whose answers run out of tokens
        self.seeds: list[int] = []  #: of the answers, as they were asked for
        #: prompts that base fails, at first and when it is asked again
        self.fails: dict[str | None, set[str]] = {}
        self.mounted: list[bool] = []  #: of the answers, as they were asked for

    def reads(self, ask: Ask) -> Any:
        return [ask.mode, ask.system, ask.prompt]

    def answer(self, asks: Sequence[Ask]) -> Iterator[tuple[int, Generation]]:
        for at in reversed(range(len(asks))):  # out of order, as a batch finishes
            ask, adapted = asks[at], asks[at].mount is not None
            self.asked += 1
            self.seeds.append(ask.seed)
            self.mounted.append(adapted)
            first, _, second = ask.prompt.partition("+")
            knows = ask.mode == "completion" or adapted or (bool(ask.system) and self.prompted)
            right = knows and not (adapted and ask.prompt in self.breaks)
            right = right and ask.prompt not in self.fails.get(ask.adapter, ())
            if ask.decoding.temperature and ask.mode == "completion":
                right = ask.seed % 10 != 0  # now and then it errs, one time or another
            finish = "length" if ask.prompt in self.endless else "eos"
            yield at, Generation(str(int(first) + int(second)) if right else "?", 1, finish)


class Gate:
    """A gate on the workspace at ``root`` with a speaker for an engine."""

    def __init__(
        self, root: Path, breaks: set[str] | None = None, prompted: bool = False, **options: Any
    ) -> None:
        self.speaker = Speaker(breaks or set(), prompted)
        self.options = Options("adder", library=str(root), **options)

    def run(self) -> Verdict:
        return run_gate(self.options, load=lambda _: self.speaker)[0]

    def prepared(self) -> AbstractContextManager[Prepared]:
        return prepare(look_up(self.options), load=lambda _: self.speaker)

    def register(self) -> Path:
        return register_gate(self.options, load=lambda _: self.speaker)


CHANGED = "changed-in-run"

pytestmark = pytest.mark.usefixtures("no_answers")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace whose adapter learnt sums and forgot nothing."""
    for folder in ("base", "adapter", "verifiers", "suites", "audits/sums.right"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("base/config", "base/tokenizer", "adapter/adapter_config"):
        (tmp_path / f"{name}.json").write_text("{}")
    (tmp_path / "adapter" / "adapters.safetensors").write_text("weights")
    (tmp_path / "verifiers" / "sums.py").write_text(VERIFIER)
    (tmp_path / "library.yaml").write_text(LIBRARY)
    for name, text, n in (("general", GUARD, 120), ("sums", FACET, 40)):
        (tmp_path / "suites" / f"{name}.yaml").write_text(text)
        rows = [
            {"id": f"{name}-{i}", "prompt": f"{i}+{n}", "expect": {"sum": str(i + n)}}
            for i in range(n)
        ]
        (tmp_path / "suites" / f"{name}.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in rows)
        )
    good, bad = [], []
    for i in range(30):
        case = {"prompt": f"{i}+{i}", "expect": {"sum": str(2 * i)}}
        good.append({"name": f"good {i}", "case": case, "answer": str(2 * i)})
        bad += [
            {"name": f"{off} off {i}", "case": case, "answer": str(2 * i + off), "why": "not it"}
            for off in (1, 2)
        ]
    known = {"verifier": "sums.right", "good": good, "bad": bad}
    (tmp_path / "audits" / "sums.right" / "all.yaml").write_text(json.dumps(known))
    return tmp_path


def card(run: Path) -> dict[str, Any]:
    return json.loads((run / "scorecard.json").read_text())


def head(run: Path) -> str:
    return card(run)["receipts_digest"]


def revealed(run: Path) -> str:
    return RunFolder(run).secret.secret


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


def test_a_gate_asks_every_arm_and_two_gates_leave_the_same_chain(root: Path):
    first = Gate(root, run_dir=str(root / "one"))
    assert first.run().name == "SHIP"
    rows = RunFolder(root / "one").receipts
    arms = {(r.suite, r.arm): sum((o.suite, o.arm) == (r.suite, r.arm) for o in rows) for r in rows}
    assert arms == {
        ("sums", "base"): 40, ("sums", "canon"): 40, ("sums", "adapter"): 40, (SENTINEL,
        SENTINEL): 10, (CHURN, CHURN): 1,
        ("general", "base"): 120, ("general", "again"): 120, ("general", "adapter"): 120,
    }  # fmt: skip
    second = Gate(root, run_dir=str(root / "two"))
    assert second.run().name == "SHIP"
    assert second.speaker.asked == 0, "every answer is in the cache"
    assert head(root / "one") == head(root / "two")
    for run in ("one", "two"):
        checked = release_check(root / run, str(root / "adapter"), str(root))
        assert (checked.exit_code, checked.against) == (0, [])
    assert len(list((root / "looks").iterdir())) == 1, "the second gate is the same look"


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
        "temperature 0.6, seed 0, at most 8 tokens, stop []"
    }
    [score] = [s for s in card(root / "one")["suites"] if s["suite"] == "general"]
    assert (score["prompts"], score["samples"], score["missing"]) == (120, 4, 0)
    base, adapter = score["rates"]["base"], score["rates"]["adapter"]
    assert base["rate"] != adapter["rate"], "arms are drawn by themselves"
    page = (root / "one" / "scorecard.html").read_text()
    assert page.count(f"{adapter['passes']}/480 = ") == 3, (
        "the verdict, the suite and the criterion"
    )
    assert page.count("answer 4 <span") == 3 * 120 + 3 * 40
    linked, ids = (set(re.findall(f'{key}"([^"]*)"', page)) for key in ("href=", "id="))
    assert linked
    assert linked <= {f"#{id}" for id in ids}, "every link leads to an item of the page"
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
    verdict = gate.run()
    assert (verdict.name, verdict.deciding[0].code) == found
    sound = found[0] == "SHIP"
    assert any(gate.speaker.mounted) is sound
    stated = RunFolder(root / "run").churn.suites["general"]
    assert (stated.prompts, stated.flipped) == (120, len(set(first) ^ set(again)))
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
    assert "no valid certificate: sums.right: REFUSED" in reason.text
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
