"""A whole gate in a workspace of its own: real suites, verifier, audit and judges, and an engine
that says its lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from harness.engines.base import Ask, Generation
from harness.evidence.folder import RunFolder
from harness.gate.prepare import Options, Prepared, look_up, prepare
from harness.gate.progress import Progress, silent
from harness.gate.session import register_gate, run_gate
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
            ask, adapted = asks[at], bool(asks[at].mount or asks[at].base)
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

    def run(self, progress: Progress = silent) -> Verdict:
        return run_gate(self.options, progress, lambda _: self.speaker)[0]

    def prepared(self) -> AbstractContextManager[Prepared]:
        return prepare(look_up(self.options), load=lambda _: self.speaker)

    def register(self) -> Path:
        return register_gate(self.options, load=lambda _: self.speaker)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace whose adapter learnt sums and forgot nothing."""
    return workspace_of_sums(tmp_path)


def workspace_of_sums(tmp_path: Path) -> Path:
    """Write the workspace of :func:`root`."""
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
