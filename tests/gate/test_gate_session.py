"""A whole gate in a workspace of its own: real suites, verifier, audit and judges, and an engine
that says its lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.digests import folder_digest
from harness.engines.base import Decoding, Generation
from harness.errors import WorkspaceError
from harness.evidence.folder import RunFolder
from harness.evidence.receipts import AGAIN, CANON, SENTINEL
from harness.gate import recheck
from harness.gate.session import GateSession, Options
from harness.subjects.base import Preflight
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
    ``breaks``.
    """

    def __init__(self, breaks: set[str], prompted: bool) -> None:
        self.identity: dict[str, Any] = {"engine": "speaker", "mlx-lm": "none", "device": "none"}
        self.breaks, self.prompted, self.adapted, self.asked = breaks, prompted, False, 0
        self.endless: set[str] = set()  #: prompts whose answers run out of tokens
        self.seeds: list[int] = []  #: of the answers, as they were asked for

    def encode(self, prompt: str, mode: str, system: str | None) -> list[int]:
        return list(f"{mode}|{system or ''}|{prompt}".encode())

    def mount(self, adapter: Path | None) -> None:
        self.adapted = adapter is not None

    def generate(
        self, prompts: Sequence[list[int]], decoding: Decoding, seeds: Sequence[int] = ()
    ) -> Iterator[tuple[int, Generation]]:
        for at in reversed(range(len(prompts))):  # out of order, as a batch finishes
            self.asked += 1
            self.seeds.append(seeds[at])
            mode, system, prompt = bytes(prompts[at]).decode().split("|")
            first, _, second = prompt.partition("+")
            knows = mode == "completion" or self.adapted or (bool(system) and self.prompted)
            right = knows and not (self.adapted and prompt in self.breaks)
            if decoding.temperature and mode == "completion":
                right = seeds[at] % 10 != 0  # now and then it errs, one time or another
            finish = "length" if prompt in self.endless else "eos"
            yield at, Generation(str(int(first) + int(second)) if right else "?", 1, finish)


class Session(GateSession):
    """A session with the speaker for an engine."""

    def __init__(
        self, root: Path, breaks: set[str] | None = None, prompted: bool = False, **options: Any
    ) -> None:
        self.speaker = Speaker(breaks or set(), prompted)
        super().__init__(Options("adder", library=str(root), **options))

    def _load_engine(self) -> Any:
        return self.speaker

    def _preflight(self, engine: Any) -> Preflight:  # noqa: ARG002  (the name is the session's)
        return Preflight(
            folder_digest(self.entry.base_path), folder_digest(self.entry.path), None, effect=1.0
        )


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose adapter learnt sums and forgot nothing."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    for folder in ("base", "adapter", "verifiers", "suites", "audits/sums.right"):
        (tmp_path / folder).mkdir(parents=True)
    for name in (
        "base/config.json",
        "base/tokenizer.json",
        "adapter/adapter_config.json",
        "adapter/adapters.safetensors",
    ):
        (tmp_path / name).write_text(name)
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


def gate(session: GateSession) -> Verdict:
    with session:
        session.prepare()
        for suite in session.suites:
            session.measure(suite)
        return session.conclude()


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


def test_a_gate_asks_every_arm_and_two_gates_leave_the_same_chain(root: Path):
    first = Session(root, run_dir=str(root / "one"))
    assert gate(first).name == "SHIP", first.run.folder
    rows = RunFolder(root / "one").receipts
    arms = {(r.suite, r.arm): sum((o.suite, o.arm) == (r.suite, r.arm) for o in rows) for r in rows}
    assert arms == {
        ("sums", "base"): 40, ("sums", CANON): 40, ("sums", "adapter"): 40, (SENTINEL,
        SENTINEL): 10,
        ("general", "base"): 120, ("general", AGAIN): 120, ("general", "adapter"): 120,
    }  # fmt: skip
    second = Session(root, run_dir=str(root / "two"))
    assert gate(second).name == "SHIP"
    assert second.speaker.asked == 0, "every answer is in the cache"
    assert first.run.head == second.run.head
    for run in ("one", "two"):
        assert recheck.recheck(root / run, root / "adapter")[1] == []
    looks = [json.loads(line) for line in (root / "runs" / "looks.jsonl").read_text().splitlines()]
    assert len(looks) == 2, "one for each set of prompts; the second gate is the same look"


def test_several_drawn_answers_a_prompt_are_drawn_anew_for_each_arm_and_alike_in_every_run(
    root: Path,
):
    path = root / "library.yaml"
    path.write_text(path.read_text().replace("gate: {", "gate: {samples: 10, "))
    with pytest.raises(
        WorkspaceError, match="found 10 at temperature 0, where all answers to a prompt are alike"
    ):
        gate(Session(root))
    path.write_text(path.read_text().replace("gate: {", "gate: {temperature: 0.6, "))
    first = Session(root, run_dir=str(root / "one"))
    assert gate(first).name == "SHIP"
    rows = RunFolder(root / "one").receipts
    answers = {(r.arm, r.case, r.sample): r for r in rows if r.suite == "general"}
    assert len(answers) == 3 * 120 * 10
    assert {r.sampler for r in answers.values()} == {
        "temperature 0.6, seed 0, at most 8 tokens, stop []"
    }
    score = first.score("general")
    assert score is not None
    assert (score.prompts, score.samples, score.complete) == (120, 10, True)
    assert score.base.value != score.adapter.value, "arms are drawn by themselves"
    page = (root / "one" / "scorecard.html").read_text()
    assert page.count(f"{score.adapter.passes}/1200 = ") == 3, (
        "the verdict, the suite and the criterion"
    )
    assert "general-0, answer 10" in page
    assert len(set(first.speaker.seeds)) == len(first.speaker.seeds) == first.speaker.asked

    second = Session(root, run_dir=str(root / "two"))
    with second:  # stopped between two suites, and resumed
        second.prepare()
        second.measure("sums")
    assert second.speaker.asked == 0, "every answer is in the cache"
    again = Session(root, run_dir=str(root / "two"))
    assert gate(again).name == "SHIP"
    assert again.run.head == first.run.head
    assert recheck.recheck(root / "two")[1] == []


def test_a_prompt_that_does_as_well_is_named(root: Path):
    assert "no-gain-over-prompt" in codes(
        gate(Session(root, prompted=True, run_dir=str(root / "run")))
    )


def test_an_answer_that_never_stops_or_loops_is_not_elite_on_a_facet_whatever_its_criteria_say(
    root: Path,
):
    session = Session(root, run_dir=str(root / "run"))
    session.speaker.endless = {"3+40", "3+120"}
    gate(session)
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
        session = Session(root, breaks, run_dir=str(root / run))
        with session:
            session.prepare()
            assert session.measure("general") is not None
            assert session.measure("sums") is None, "nothing more is asked"
            verdict = session.conclude()
        assert (verdict.name, verdict.reasons[0].code) == ("NO-SHIP", "stopped")
        assert recheck.recheck(root / run)[1] == []
        heads.append(session.run.head)
    assert heads[0] == heads[1]
    assert len([r for r in RunFolder(root / "one").receipts if r.arm == "adapter"]) < 120


def test_a_run_is_held_against_its_registration(root: Path):
    with Session(root) as session:
        path = session.register()
    assert path == root / "registrations" / "adder.json"
    assert session.speaker.asked == 0, "registered before the first answer"
    assert gate(Session(root, run_dir=str(root / "one"))).name == "SHIP"
    suite = root / "suites" / "general.yaml"
    suite.write_text(suite.read_text().replace("margin: 0.1", "margin: 0.3"))
    verdict = gate(Session(root, run_dir=str(root / "two")))
    assert (verdict.name, codes(verdict)) == ("VOID", ["registration"])
    assert "margin was 0.1 when registered and is 0.3" in verdict.reasons[0].text
    assert recheck.recheck(root / "two")[1] == []


def test_a_hopeless_margin_is_refused_at_registration(root: Path):
    suite = root / "suites" / "general.yaml"
    suite.write_text(suite.read_text().replace("margin: 0.1", "margin: 0.02"))
    with (
        Session(root) as session,
        pytest.raises(WorkspaceError, match=r"cannot be decided with 120 prompts.*prompts would"),
    ):
        session.register()
    assert not (root / "registrations").exists()


def test_another_revision_is_another_look_at_a_lower_alpha(root: Path):
    gate(Session(root, run_dir=str(root / "one")))
    (root / "adapter" / "adapters.safetensors").write_text("revision 2")
    session = Session(root, run_dir=str(root / "two"))
    gate(session)
    assert (session.registration.look, session.registration.alpha) == (2, pytest.approx(0.05 / 6))
