"""A kind of subject that somebody else installs: gated, rechecked, measured again, and resumed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from spoken_gate import Gate, card, codes

from harness.content import kinds, library, workspace
from harness.errors import WorkspaceError
from harness.evidence.folder import RunFolder
from harness.evidence.receipts import MEASURED, line, link
from harness.evidence.registration import Subject
from harness.gate.finished import deep
from harness.gate.finished.recheck import recheck

MODULE = """
from pathlib import Path

from harness.content import strict
from harness.subjects.base import Arm, Fault
from harness.subjects.kinds import Kind
from harness.verdict import Name, Reason


class Spec(strict.Model):
    twin: str
    least: int
    stop: str = ""


class Model(Kind):
    name, spec, mounts, still = "model", Spec, False, ("size",)

    def parts(self, entry):
        return {"twin": entry.folder(entry.adapter.own.twin)}

    def examine(self, bench, found):
        if found.digests["twin"] == found.digests["base"]:
            yield Fault("model-unchanged", "its twin is the base")

    def arms(self, owed):
        first, second = owed.digests["base"], owed.digests["adapter"]
        asked = [Arm(id="base", weights=first)]
        return [*asked, Arm(id="adapter", weights=second, order="registered")]

    def owes(self, bench):
        return {"size": sorted(path.name for path in bench.folders["adapter"].iterdir())}

    def measure(self, bench, what, cases):
        for case in cases:
            if case == "model.safetensors" and Path(bench.own.stop).is_file():
                raise KeyboardInterrupt
            yield case, {"bytes": (bench.folders["adapter"] / case).stat().st_size}

    def reasons(self, evidence):
        total = sum(one["bytes"] for one in evidence.measured["size"].values())
        few = total < evidence.own.least
        verdict, code = (Name.NO_SHIP, "model-small") if few else (Name.SHIP, "model-large")
        return {"total": total}, [Reason(verdict, code, "size", f"it has {total} bytes")]
"""
ENTRY = {"path": "fused", "base": "tiny", "status": "candidate", "kind": "model"}
ENTRY |= {"facets": ["sums"], "suites": ["sums", "general"]}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package of the kind, with its entry point."""
    site = tmp_path / "site"
    (site / "kinds_of_others-1.dist-info").mkdir(parents=True)
    (site / "kinds_of_others.py").write_text(MODULE)
    for name, text in (
        ("METADATA", "Metadata-Version: 2.1\nName: kinds-of-others\nVersion: 1\n"),
        ("entry_points.txt", f"[{kinds.GROUP}]\nmodel = kinds_of_others:Model\n"),
    ):
        (site / "kinds_of_others-1.dist-info" / name).write_text(text)
    monkeypatch.syspath_prepend(site)
    for cached in (kinds.points, kinds.find):
        cached.cache_clear()
    yield
    for cached in (kinds.points, kinds.find):
        cached.cache_clear()


@pytest.fixture
def place(root: Path, installed: None) -> Path:  # noqa: ARG001
    """A workspace whose adapter is a model of another kind, of three files."""
    (root / "fused").mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (root / "fused" / name).write_text("{} fused")
    listed(root, twin="fused", least=3)
    return root


def listed(root: Path, **own: object) -> None:
    found = yaml.safe_load((root / "library.yaml").read_text())
    found["adapters"]["adder"] = {**ENTRY, "model": own}
    (root / "library.yaml").write_text(yaml.safe_dump(found))


def measured(run: Path) -> list[str]:
    return [row.case for row in RunFolder(run).receipts if row.arm == MEASURED]


def relinked(run: Path, case: str, answer: str) -> None:
    """Another number in a receipt, by somebody who knows how receipts are chained."""
    found, head, lines = RunFolder(run), RunFolder(run).registration.digest, []
    for row in found.receipts:
        now = replace(row, answer=answer) if (row.arm, row.case) == (MEASURED, case) else row
        head = link(head, now)
        lines.append(line(now, head))
    (run / "receipts.jsonl").write_text("".join(f"{one}\n" for one in lines))


def test_a_kind_is_gated_rechecked_and_an_edited_measurement_is_found(place, tmp_path, monkeypatch):
    gate, run = Gate(place, run_dir=str(tmp_path / "run")), tmp_path / "run"
    verdict = gate.run()
    assert verdict.name == "SHIP"
    assert "model-large" in codes(verdict)
    assert card(run)["subject"] == {"kind": "model", "numbers": {"total": 24}}
    assert recheck(run).differences == []
    again = list(deep.again(RunFolder(run), str(place), lambda _: gate.speaker))
    assert again == []
    with monkeypatch.context() as patch:
        patch.setattr(kinds.find("model"), "measure", lambda *_: iter(()))
        said = list(deep.again(RunFolder(run), str(place), lambda _: gate.speaker))
    assert [text.partition(": ")[2] for text in said] == ["cannot be measured again"] * 3
    of_adapter = RunFolder(run).registration.model_copy(update={"subject": Subject()})
    nothing = SimpleNamespace(path=run, registration=of_adapter, receipts=[])
    with pytest.raises(WorkspaceError, match="nothing was measured of adder beside its answers"):
        list(deep.again(nothing))

    relinked(run, "config.json", json.dumps({"bytes": 900}))
    assert any("scorecard.json: subject.numbers.total" in d for d in recheck(run).differences)
    said = list(deep.again(RunFolder(run), str(place), lambda _: gate.speaker))
    assert said == ["model/size config.json: bytes: found 900; measured again it is 8"]
    (place / "fused" / "config.json").write_text("{} another")
    said = list(deep.again(RunFolder(run), str(place), lambda _: gate.speaker))
    assert [text.partition(":")[0] for text in said] == ["adapter", "twin"]


def test_a_killed_run_measures_what_it_lacks_and_its_reason_decides(place, tmp_path):
    stop, run = tmp_path / "stop", tmp_path / "run"
    listed(place, twin="fused", least=100, stop=str(stop))
    stop.touch()
    gate = Gate(place, run_dir=str(run))
    with pytest.raises(KeyboardInterrupt):
        gate.run()
    assert measured(run) == ["config.json"]
    stop.unlink()
    verdict = gate.run()
    assert measured(run) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert (verdict.name, verdict.reasons[0].code) == ("NO-SHIP", "model-small")
    assert recheck(run).differences == []


def test_what_makes_nothing_of_it_is_one_sentence(place):
    found = workspace.find(str(place))
    for own, said in (
        ({"twin": "fused", "lest": 1}, "unknown key 'adapters.adder.model.lest'; did you mean"),
        ({"twin": "fused"}, "key 'adapters.adder.model.least' is missing"),
    ):
        listed(place, **own)
        with pytest.raises(WorkspaceError, match=said):
            library.load(found)
    listed(place, twin="gone", least=1)
    with pytest.raises(WorkspaceError, match=r"model: twin: no such file or folder: .*gone"):
        Gate(place).prepared()
    listed(place, twin="base", least=1)
    with Gate(place).prepared() as prepared:
        assert [reason.code for reason in prepared.invalid] == ["model-unchanged"]
