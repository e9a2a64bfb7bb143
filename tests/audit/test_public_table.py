"""The table of public scorers: a part that is run anew replaces its rows and loses no others."""

import importlib.util

from conftest import ROOT


def test_rows_that_were_not_run_are_kept_and_what_never_was_is_named():
    path = ROOT / "benchmarks" / "public_verifiers.py"
    spec = importlib.util.spec_from_file_location("public_verifiers", path)
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    said = {"scorers": [{"name": n} for n in ("a()", "b()", "c()")], "not_run": {"d": "it asks"}}
    first = table.page("", {"b()": "| b() | 1 |"}, said, "2026-01-01", "3.11")
    assert "- a(): prepared, and not run yet.\n- c(): prepared, and not run yet.\n" in first
    rows = {"a()": "| a() | 1 |", "b()": "| b() | 2 |"}
    second = table.page(first, rows, said, "2026-01-02", "3.11")
    assert "| a() | 1 |\n| b() | 2 |\n\nNot run:\n\n- c(): prepared" in second
    assert table.page(second, {}, said, "2026-01-02", "3.11") == second
    assert "- d: it asks.\n" in second
    assert "2026-01-01" not in second
