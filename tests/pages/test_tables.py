"""The tables of a run and of an audit: every number from documents, as CSV, parquet, Markdown."""

from __future__ import annotations

import io
import json

import pandas as pd
import pytest
from conftest import ROOT
from gates import certificate, plan, receipt, receipts, registration
from run_folders import finish

from harness.doors.cli.main import main
from harness.errors import WorkspaceError
from harness.evidence.receipts import Finding
from harness.gate.finished.report import report, tabled
from harness.pages import tables

REPORTS = ROOT / "reports"
TEXTS = (
    "=cmd|'/C calc'!A0",
    "@SUM(1)",
    "+1+1",
    "-2+3",
    "\t=1",
    "＝1+1",
    "a plain answer",
    "x\r=HYPERLINK(1)",
    "\udc80",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A guard of which each answer is one of :data:`TEXTS`, and a suite too small for a rate."""
    rows = [
        receipt("s", n, arm, "pass", answer=TEXTS[n % len(TEXTS)])
        for arm in ("base", "adapter")
        for n in range(20)
    ]
    rows += receipts("few", base=["fail"] * 4, adapter=["unverified", "pass", "pass", "pass"])
    found = registration([plan("s", 20, "guard"), plan("few", 4)])
    return finish(tmp_path_factory.mktemp("tables") / "run", found, rows)


def test_every_rate_is_the_scorecards_own(run, tmp_path):
    paths, _ = tabled(run, "csv", tmp_path / "new")
    assert [path.name for path in paths] == ["receipts.csv", "rates.csv"]
    rates = pd.read_csv(paths[1]).set_index(["suite", "kind", "name", "arm"])
    card = json.loads((run / "scorecard.json").read_text())
    for suite in card["suites"]:
        for arm, stated in suite["rates"].items():
            row = rates.loc[suite["suite"], "suite", "elite", arm]
            assert [row["passes"], row["unverified"]] == [stated["passes"], stated["unverified"]]
            bounds = stated["interval"] or dict.fromkeys(("low", "high"), float("nan"))
            ends = [stated["rate"] or float("nan"), bounds["low"], bounds["high"]]
            shown = row[["rate", "low", "high"]].tolist()
            assert shown == pytest.approx(ends, nan_ok=True)
    assert rates.loc["s", "criterion", "ok", "base"]["passes"] == 20


def test_no_cell_of_csv_is_a_formula_and_every_other_is_as_it_was(run, tmp_path):
    paths, found = tabled(run, "csv", tmp_path)
    read = pd.read_csv(paths[0], keep_default_na=False)
    rows = [row for row in found.folder.receipts if row.arm in ("base", "adapter")]
    assert len(read) == len(rows) == 48, "a bare carriage return ends no row"
    written = {row.answer: cell for row, cell in zip(rows, read["answer"], strict=True)}
    assert written == {
        **{text: f"'{text}" for text in TEXTS[:6]}, "a plain answer": "a plain answer",
        TEXTS[7]: TEXTS[7],
        "\udc80": "?", "x": "x",
    }  # fmt: skip
    assert json.loads(read["findings"][0])[0]["criterion"] == "ok"


def test_parquet_is_read_back_or_the_error_says_what_to_install(run, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(tables, "find_spec", lambda _: None)
        with pytest.raises(WorkspaceError, match=r"pip install 'adapter-release-gate\[parquet\]'"):
            tabled(run, "parquet", tmp_path)
    assert not list(tmp_path.iterdir())
    pytest.importorskip("pyarrow")
    paths, found = tabled(run, "parquet", tmp_path)
    read = pd.read_parquet(paths[0])
    assert read["answer"].tolist()[:7] == [row.answer for row in found.folder.receipts][:7]


@pytest.mark.parametrize("publish", [True, False])
def test_published_tables_hold_digests(tmp_path, capsys, publish):
    secret = "The held-out question that nobody may read"
    finding = [Finding("ok", "s.ok", "fail", f"not {secret}", secret)]
    rows = [
        receipt("s", 0, arm, "fail", prompt=secret, answer=secret, findings=finding)
        for arm in ("base", "adapter")
    ]
    run = finish(tmp_path / "run", registration([plan("s", 1)]), rows)
    with pytest.raises(SystemExit, match="0"):
        main(["report", str(run), "--to", "csv", *(["--publish"] if publish else [])])
    kept = "-published" if publish else ""
    assert f"{run}/rates{kept}.csv" in capsys.readouterr().out
    [made] = run.glob("receipts*.csv")
    assert made.name == f"receipts{kept}.csv", "neither is taken for the other"
    assert (secret in made.read_text()) is not publish


def test_what_differs_is_said_and_has_no_table_where_it_cannot_be_judged(run, tmp_path):
    for form in ("csv", "parquet"):
        with pytest.raises(Exception, match="not a run folder"):
            tabled(run / "scorecard.html", form, tmp_path)
    page, found = report(run, REPORTS, tmp_path / "one.md", form="md")
    assert not found.differences
    assert "rechecked with harness" in page.read_text()


def test_what_stands_in_a_cell_cannot_make_another_cell():
    hostile = [("a|b", "c"), ("x | y", "1"), ("one\ntwo", "2"), ("\u202eevil", "3")]
    lines = tables.markdown(hostile).splitlines()
    assert len(lines) == 5
    assert [line.replace(r"\|", "").count("|") for line in lines] == [3] * 5
    assert "\u202e" not in "".join(lines)


def test_an_audit_is_shown_with_its_bounds(tmp_path):
    held = [certificate("a.b", good=29, bad=59, false_passes=["made up"])]
    found, shown = tables.audits(held), tables.audited(held)
    assert found.loc[0, "false_pass_bound"] == pytest.approx(0.0779, abs=1e-4)
    cells = dict(zip(*shown, strict=True))
    assert [cells[name] for name in ("bad passed", "bad at most", "mutants killed")] == [
        "1 of 59", "7.8%", "not measured",
    ]  # fmt: skip
    assert tables.audited([]) == []
    assert tables.bounds(held)[1] == ("a.b", "REFUSED", "7.8%", "9.8%", "0 of 59", "not measured")
    assert "".join(tables.markdown(shown).splitlines()[2:]).startswith(
        "| a.b | REFUSED |  | 1 of 59 |"
    )
    assert pd.read_csv(io.StringIO(found.to_csv(index=False)))["bad"].tolist() == [59]
    with pytest.raises(WorkspaceError, match=r"t\.xls: a table ends in \.csv or \.md"):
        tables.write(tmp_path / "t.xls", found, shown)
