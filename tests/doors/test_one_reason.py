"""One place decides: page, terminal, JUnit and the pytest item say of a suite what the verdict
says, whatever the reason."""

from __future__ import annotations

import html
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import ROOT
from gates import (
    FACET,
    FAIL,
    GAINED,
    GUARD,
    HELD,
    OPEN,
    PASS,
    QUIET,
    certificate,
    claim,
    judge,
    outcomes,
    pair,
    plan,
    receipts,
    registration,
)
from run_folders import SECRET, settings

from harness.content.policy import Policy
from harness.doors.pytest import gate as door
from harness.evidence.ledger import Standing
from harness.evidence.receipts import Receipt
from harness.evidence.registration import Plan
from harness.evidence.run import Run
from harness.pages.tables import inert
from harness.pages.view import said as sentence_of
from harness.subjects.base import Preflight
from harness.verdict import CODES, Name, Reason

N = 40
WIDE = plan("godot", 80)
CANON = plan("godot", N, canon="Write GDScript.")
PROVEN = {"humaneval.ok": certificate("humaneval.ok", 3000, 3000)}


@dataclass(frozen=True)
class Gate:
    """Receipts of one gate, and the code that each suite must be given everywhere."""

    plans: Sequence[Plan]
    rows: list[Receipt]
    codes: dict[str, str]
    policy: dict[str, Any] = field(default_factory=dict)
    certificates: dict[str, Any] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)  # in the registration

    @property
    def registration(self):
        certificates = {f"{p.suite}.ok": certificate(f"{p.suite}.ok") for p in self.plans}
        held = {id: c.digest for id, c in (certificates | self.certificates).items()}
        policy = Policy(**QUIET | self.policy)
        return registration(self.plans, policy, certificates=held, **self.changed)


def guard(gained: int, lost: int, code: str) -> Gate:
    rows = pair("humaneval", 164, 60, gained, lost) + GAINED
    codes = {"humaneval": code, "godot": "improved"}
    return Gate([GUARD, FACET], rows, codes, certificates=PROVEN)


def facet(rows: list[Receipt], code: str, found: Plan = FACET, **policy: Any) -> Gate:
    return Gate([GUARD, found], HELD + rows, {"humaneval": "held", "godot": code}, policy)


def prompted(base: int, canon: int, adapter: int, code: str) -> Gate:
    row = {arm: outcomes(n, N) for arm, n in (("base", base), ("canon", canon))}
    return facet(receipts("godot", **row, adapter=outcomes(adapter, N)), code, CANON)


def slight(*suites: str) -> list[Receipt]:
    """Five gained and none lost on each: p = .031 alone, .0625 together."""
    return [row for suite in suites for row in pair(suite, N, 0, 5, 0)]


OTHER = [replace(row, sampler="at a temperature") for row in GAINED[:N]] + GAINED[N:]
HALF = [PASS, FAIL] * 82
NOISY = receipts("humaneval", base=HALF, again=[FAIL, PASS] * 82, adapter=HALF)
WORSE = receipts("humaneval", base=HALF, again=[FAIL] * 40 + HALF[40:], adapter=HALF)
LOW = pair("humaneval", 164, 4, 0, 0) + GAINED
GATES = {
    "held, improved": facet(GAINED, "improved"),
    "broken": guard(2, 20, "broken"),
    "regressed": guard(1, 9, "regressed"),
    "undecided": guard(6, 8, "undecided"),
    "stopped": Gate(
        [GUARD, FACET],
        receipts("humaneval", base=[PASS] * 164, adapter=[FAIL] * 164) + GAINED,
        {"humaneval": "stopped", "godot": "improved"},
        {"early_stop": True},
    ),
    "beyond holding": Gate(
        [plan("humaneval", 30, "guard"), FACET],
        receipts("humaneval", base=[PASS] * 30, adapter=[PASS] * 29) + GAINED,
        {"humaneval": "beyond-holding", "godot": "improved"},
        {"early_stop": True},
    ),
    "not measured": facet([], "not-measured"),
    "asked in part": facet([r for r in GAINED if r.case != "godot/3"], "incomplete"),
    "another sampler": facet(OTHER, "sampler"),
    "unjudged": facet(receipts("godot", base=[FAIL] * N, adapter=[OPEN] * N), "unverified"),
    "too few": facet(pair("godot", 10, 0, 10, 0), "too-few", plan("godot", 10)),
    "base is not base": Gate(
        [plan("humaneval", 164, "guard", again=True), FACET],
        WORSE + GAINED,
        {"humaneval": "base-against-base", "godot": "improved"},
    ),
    "base is noisy": Gate(
        [plan("humaneval", 164, "guard", again=True), FACET],
        NOISY + GAINED,
        {"humaneval": "noise", "godot": "improved"},
    ),
    "nothing to lose": Gate(
        [GUARD, FACET], LOW, {"humaneval": "guard-at-floor", "godot": "improved"}
    ),
    "only shown": Gate(
        [GUARD, FACET, plan("mbpp", 164, "guard")],
        LOW + pair("mbpp", 164, 60, 0, 0),
        {"humaneval": "shown-only", "godot": "improved", "mbpp": "held"},
        {"shown_only": ["humaneval"]},
    ),
    "worse": facet(pair("godot", N, 0, 0, 20), "worse"),
    "a prompt is better": prompted(0, 30, 5, "worse-than-prompt"),
    "no gain over a prompt": prompted(0, 30, 30, "no-gain-over-prompt"),
    "no gain": facet(pair("godot", N, 10, 2, 2), "no-gain"),
    "secondary": facet(pair("godot", 80, 40, 0, 0), "secondary", WIDE, secondary=["godot"]),
    "secondary, undecided": facet(
        pair("godot", 80, 40, 2, 4), "undecided", WIDE, secondary=["godot"]
    ),
    "no gain, and held beside one": Gate(
        [GUARD, FACET, plan("shaders", 80)],
        HELD + GAINED + pair("shaders", 80, 40, 0, 0),
        {"humaneval": "held", "godot": "improved", "shaders": "facet-held"},
    ),
    "secondary, worse": facet(pair("godot", N, 0, 0, 20), "secondary-worse", secondary=["godot"]),
    "of a provisional verifier": Gate(
        [GUARD, FACET],
        HELD + GAINED,
        {"humaneval": "held", "godot": "provisional"},
        certificates={"godot.ok": certificate("godot.ok", 28, 59)},
    ),
    "a slight gain alone": facet(slight("godot"), "improved"),
    "two slight gains together": Gate(
        [GUARD, FACET, plan("shaders", N)],
        HELD + slight("godot", "shaders"),
        {"humaneval": "held", "godot": "no-gain", "shaders": "no-gain"},
    ),
}


#: what is said of the last release, of a slice, and by a kind of subject (tests/subjects/kinds)
KINDS = "previous-|worse-than-previous|slice-|long-|fuse-|soul-lost|stream-|merge-"
KINDS += "|pool-|served-|tenants-|patch-"


def test_every_reason_of_a_suite_is_shown_here():
    of_runs = {
        "certificate", "contamination-demanded", "contamination-unchecked", "control-tokens",
        "cut", "empty", "no-guard", "claim-false", "claim-holds", "claim-not-measured",
        "degenerate",
        "degeneration-undecided", "facet-not-measured", "ledger", "no-claim", "not-degenerate",
        "declared", "not-registered", "prompt", "registered-after", "registration", "sentinel",
        "spent", "subject",
        "unlabelled",
        "verifiers-weak", "fixture",
    }  # fmt: skip
    of_runs |= {code for code in CODES if re.match(KINDS, code)}
    shown = {code for gate in GATES.values() for code in gate.codes.values()}
    assert shown == set(CODES) - of_runs


@pytest.mark.parametrize("name", GATES)
def test_page_terminal_junit_and_item_say_what_the_verdict_says(pytester, monkeypatch, name):
    gate = GATES[name]
    prepared = planted(pytester.path, monkeypatch, gate)
    result = session(pytester)
    run = pytester.path / "run"
    verdict = json.loads((run / "verdict.json").read_text())
    said = {r["about"]: r for r in verdict["reasons"] if r["about"] in gate.codes}
    assert {suite: r["code"] for suite, r in said.items()} == gate.codes
    judged = judge(prepared.registration, gate.rows, gate.certificates)
    assert verdict["verdict"] == judged.verdict.name
    page = (run / "scorecard.html").read_text()
    told = re.sub("</?code>", "", html.unescape(page))
    markdown = (run / "scorecard.md").read_text()
    output = "\n".join(result.outlines)
    junit = ET.parse(pytester.path / "junit.xml")
    cases = {case.get("classname"): case for case in junit.iter("testcase")}
    for suite, reason in said.items():
        ships = reason["verdict"] == Name.SHIP
        head = rf'<th scope="row">(?:<a href="#suite={suite}">)?{suite}'
        row = re.search(f"{head}.*?</tr>", page, re.S)[0]
        shown = re.search(r'<span class="state ([A-Z-]+)">\1</span> <small>([a-z-]+)', row)
        assert shown.groups() == (reason["verdict"], reason["code"])
        assert all(word in reason["code"] for word in re.findall("improved|worse|no.gain", row))
        assert reason["text"] in html.unescape(page)
        plain = f"{sentence_of(Reason(**reason)).plain} [{reason['code']}]"
        assert re.search(rf"^{reason['verdict']} +{re.escape(plain)}$", output, re.M)
        assert re.search(rf"^{suite} +{reason['verdict']} ", output, re.M)
        assert f"\n| {suite} | {reason['verdict']} |" in markdown
        assert f"- **{reason['verdict']}** {inert(plain)}\n" in markdown
        case = cases[f"suites.{suite}.yaml"]
        properties = {p.get("name"): p.get("value") for p in case.iter("property")}
        assert (properties["verdict"], properties["code"]) == (reason["verdict"], reason["code"])
        assert properties["reason"] == reason["text"]
        skipped, failure = case.find("skipped"), case.find("failure")
        step = CODES[reason["code"]].next
        assert (skipped is not None) is (reason["code"] == "not-measured")
        assert (failure is None) is (ships or skipped is not None)
        if failure is not None:
            assert failure.text.startswith(f"{reason['verdict']} {reason['code']}: ")
            assert {plain.rpartition(" [")[0], f"next: {step}"} <= unwrapped(failure.text)
        decides = not ships and reason["verdict"] == verdict["verdict"]
        assert (f"Next: {step}".replace("`", "") in told) is decides
        assert (f"next: {step}" in output.partition(": gamedev on pocket ===")[2]) is decides
    *_, last = junit.iter("testcase")
    properties = {p.get("name"): p.get("value") for p in last.iter("property")}
    assert (last.get("name"), properties["verdict"]) == ("verdict", verdict["verdict"])
    shipped = verdict["verdict"] == Name.SHIP
    assert [result.ret == 0, last.find("failure") is None] == [shipped] * 2
    assert ("failed" in result.outlines[-1]) is not shipped


def session(pytester: pytest.Pytester) -> pytest.RunResult:
    own = ("-q", "--junitxml=junit.xml", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    return pytester.runpytest_inprocess("suites", "--adapter", "gamedev", *own)


REPEATS = [
    replace(r, answer="again " * 99 + str(r.case)) if r.arm == "adapter" else r for r in GAINED
]
FALSE = claim("HumanEval 90 %", "humaneval", "pass@1", 0.9)
#: every suite supports SHIP, and the run does not: by what, and what the JUnit file says of it
WHOLE = {
    "claim-false": Gate([GUARD, FACET], HELD + GAINED, {}, changed={"claims": [FALSE]}),
    "degenerate": Gate([GUARD, FACET], HELD + REPEATS, {}),
    "spent": Gate([GUARD, FACET], HELD + GAINED, {}, changed={"ledger": Standing(spent=["godot"])}),
    "": Gate([GUARD, FACET], HELD + GAINED, {}),
}


@pytest.mark.parametrize("code", WHOLE)
def test_nothing_is_green_where_every_suite_supports_ship_and_the_run_does_not(
    pytester, monkeypatch, code
):
    planted(pytester.path, monkeypatch, WHOLE[code])
    summary = pytester.path / "summary.md"  # of a step of GitHub's; a folder cannot be written
    summary.mkdir() if code == "spent" else summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    result = session(pytester)
    if code != "spent":
        told = (pytester.path / "run" / "scorecard.md").read_text()
        assert summary.read_text() == f"before\n{told}\n"
    *items, last = ET.parse(pytester.path / "junit.xml").iter("testcase")
    assert [one.find("failure") for one in items] == [None, None]
    properties = {one.get("name"): one.get("value") for one in last.iter("property")}
    assert (last.get("classname"), last.get("name")) == ("suites", "verdict")
    assert properties["adapter"].startswith("gamedev sha256:")
    assert properties["run"] == "run"
    if not code:
        assert (result.ret, last.find("failure"), properties["verdict"]) == (0, None, "SHIP")
        assert result.outlines[-1].startswith("3 passed")
        return
    assert properties["codes"].split() == [code]
    assert f" {code}: " in last.find("failure").get("message")
    assert (result.ret, result.outlines[-1].split(" in ")[0]) == (1, "1 failed, 2 passed")


def test_what_an_early_stop_left_out_is_skipped_and_the_verdict_is_not(pytester, monkeypatch):
    lost = receipts("humaneval", base=[PASS] * 164, adapter=[FAIL] * 164)
    later = plan("shaders", N)
    planted(pytester.path, monkeypatch, Gate([GUARD, later], lost, {}, {"early_stop": True}))
    result = session(pytester)
    cases = {
        one.get("classname"): one for one in ET.parse(pytester.path / "junit.xml").iter("testcase")
    }
    skipped = cases["suites.shaders.yaml"].find("skipped")
    assert "since humaneval ended the run early" in skipped.get("message")
    assert cases["suites.humaneval.yaml"].find("failure") is not None
    assert "stopped" in cases["suites"].find("failure").text
    assert result.outlines[-1].startswith("2 failed, 1 skipped")


def unwrapped(text: str) -> set[str]:
    """The sentences of a message that was wrapped, without the words in front of them."""
    lines = re.sub("\n  +", " ", text).split("\n")
    return {*lines, *(line.partition(": ")[2] for line in lines)}


def planted(root: Path, monkeypatch: pytest.MonkeyPatch, gate: Gate) -> SimpleNamespace:
    """A workspace whose gate is answered by the receipts of ``gate``, whatever is asked."""
    for folder in ("base", "adapter", "suites"):
        (root / folder).mkdir()
    for file in ("base/config", "base/tokenizer", "adapter/adapter_config"):
        (root / f"{file}.json").write_text("{}")
    (root / "adapter" / "adapters.safetensors").write_text("weights")
    suites = [p.suite for p in gate.plans]
    library = {
        "bases": {"pocket": {"path": "base"}},
        "adapters": {
            "gamedev": {
                "path": "adapter", "base": "pocket", "status": "candidate",
                "facets": ["godot"], "suites": suites,
            }
        },
    }  # fmt: skip
    (root / "library.yaml").write_text(json.dumps(library))
    for each in gate.plans:
        spec = {
            "facet": each.facet, "role": each.role, "mode": "completion", "max_tokens": 8,
            "prompts": f"{each.suite}.jsonl", "criteria": [{"id": "ok", "verifier": "a.b"}],
        }  # fmt: skip
        margin = {"margin": each.margin} if each.role == "guard" else {}
        (root / "suites" / f"{each.suite}.yaml").write_text(json.dumps(spec | margin))
        rows = [{"id": id, "prompt": id} for id, _ in each.cases]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (root / "suites" / f"{each.suite}.jsonl").write_text(text)
    wanted = door.look_up(door.Options("gamedev", library=str(root)))
    wanted = replace(wanted, workspace=replace(wanted.workspace, root=root))
    found = gate.registration
    held = {id: certificate(id) for id in found.certificates} | gate.certificates
    prepared = SimpleNamespace(
        wanted=wanted, registration=found, certificates=held, invalid=[], settings=settings(found),
        judges=SimpleNamespace(secret=SECRET), stamps={}, ledger=SimpleNamespace(recorded=None),
        preflight=Preflight(found.base_digest, found.adapter_digest, None),
        kept=SimpleNamespace(answered={a.id: 0 for p in gate.plans for a in p.arms},
                             from_cache={a.id: 0 for p in gate.plans for a in p.arms},
                             refused={a.id: 0 for p in gate.plans for a in p.arms}),
    )  # fmt: skip

    @contextmanager
    def prepare(_wanted: Any, _progress: Any) -> Iterator[SimpleNamespace]:
        yield prepared

    def open_run(_prepared: Any) -> Run:
        run = Run(root / "run", prepared.settings, found.digest)
        found.write(root / "run" / "registration.json")
        return run

    def measure(_prepared: Any, run: Run, suite: str, _progress: Any) -> None:
        for row in gate.rows:
            if row.suite == suite:
                run.add(row)

    for name, replacement in (("prepare", prepare), ("open_run", open_run), ("measure", measure)):
        monkeypatch.setattr(door, name, replacement)
    monkeypatch.setattr("harness.gate.conclude._changed", lambda _: [])
    (root / "reports").symlink_to(ROOT / "reports")
    return prepared
