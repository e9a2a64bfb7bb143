"""The tables of a run and of an audit: every number from receipts and certificates, as CSV and
Markdown."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from gates import certificate

from harness.errors import WorkspaceError
from harness.evidence.receipts import Finding, Receipt
from harness.pages import tables


def receipt(case, arm, *outcomes, sample=0):
    """A receipt of suite ``s`` with criteria a, b, ... of these outcomes."""
    found = [
        Finding(name, f"s.{name}", o, "ok", "") for name, o in zip("ab", outcomes, strict=False)
    ]
    whole = "fail" if "fail" in outcomes else "pass" if set(outcomes) == {"pass"} else "unverified"
    return Receipt("s", case, arm, "sha256:x", "p", "a", 1, "eos", found, whole, 0.1, sample=sample)


@pytest.fixture
def judged():
    """Twenty prompts of two arms; the adapter alone answers five, and one cannot be judged."""
    rows = []
    for number in range(20):
        rows.append(receipt(f"s/{number}", "base", "pass", "fail"))
        second = "unverified" if number == 0 else "pass" if number < 6 else "fail"
        rows.append(receipt(f"s/{number}", "adapter", "pass", second))
    rows.append(receipt("s/known", "sentinel", "fail", "fail"))
    return tables.outcomes(rows)


def test_every_arm_and_criterion_is_counted_and_known_answers_are_not(judged):
    counted = judged.set_index(["criterion", "arm"])[["pass", "fail", "unverified"]]
    assert counted.loc[("elite", "adapter")].tolist() == [5, 14, 1]
    assert counted.loc[("a", "base")].tolist() == [20, 0, 0]
    assert counted.loc[("b", "adapter")].tolist() == [5, 14, 1]
    assert "sentinel" not in set(judged["arm"])


def test_the_arms_stand_side_by_side(judged):
    shown = tables.by_arm(judged).set_index("criterion")
    assert shown.loc["elite", "base"] == "0/20 = 0.0%"
    assert shown.loc["elite", "adapter"] == "5/20 = 25.0%, 1 unverified"


def test_under_twenty_prompts_there_are_counts_and_no_share():
    rows = [receipt(f"s/{n}", "base", "pass", sample=k) for n in range(19) for k in range(4)]
    judged = tables.outcomes(rows)
    assert judged["share"].isna().all()
    assert tables.by_arm(judged)["base"].tolist() == ["76/76", "76/76"]


def test_csv_is_read_back_as_it_was(judged, tmp_path):
    tables.write(tmp_path / "t.csv", judged, tables.rows(tables.by_arm(judged)))
    read = pd.read_csv(tmp_path / "t.csv")
    pd.testing.assert_frame_equal(read, judged, check_dtype=False)
    with pytest.raises(WorkspaceError, match=r"t\.xls: a table ends in \.csv or \.md"):
        tables.write(tmp_path / "t.xls", judged, [])


def test_what_stands_in_a_cell_cannot_make_another_cell():
    hostile = pd.DataFrame({"a|b": ["x | y", "one\ntwo", "\u202eevil"], "c": ["1", "2", "3"]})
    lines = tables.markdown(tables.rows(hostile)).splitlines()
    assert len(lines) == 5
    assert [line.replace(r"\|", "").count("|") for line in lines] == [3] * 5
    assert "\u202e" not in "".join(lines)


def test_an_audit_is_shown_with_its_bounds():
    held = [certificate("a.b", good=29, bad=59, false_passes=["made up"])]
    found, shown = tables.audits(held), tables.audited(held)
    assert found.loc[0, "false_pass_bound"] == pytest.approx(0.0779, abs=1e-4)
    cells = dict(zip(*shown, strict=True))
    assert [cells[name] for name in ("bad passed", "bad at most", "mutants killed")] == [
        "1 of 59", "7.8%", "not measured",
    ]  # fmt: skip
    assert tables.audited([]) == []
    assert tables.text(shown).splitlines()[1].split()[:2] == ["a.b", "REFUSED"]
    assert "".join(tables.markdown(shown).splitlines()[2:]).startswith(
        "| a.b | REFUSED | 1 of 59 |"
    )
    assert pd.read_csv(io.StringIO(found.to_csv(index=False)))["bad"].tolist() == [59]
