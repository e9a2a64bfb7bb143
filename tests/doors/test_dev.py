"""Both doors show dev prompts for free: no session, no run, no look."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from harness.doors.cli import main as cli
from harness.doors.pytest import gate as door
from harness.errors import WorkspaceError
from harness.gate import session

SHOWN = ["mini/godot: base 0/6, adapter 6/6", "dev prompts only: no verdict"]


@pytest.fixture
def shown(monkeypatch):
    """What both doors are asked for, and print."""
    asked = []

    def lines(options, _progress):
        asked.append(options)
        if options.base:
            raise WorkspaceError("no such base")
        return iter(SHOWN)

    for place in (session, door):
        monkeypatch.setattr(place, "dev_lines", lines)
    return asked


def test_both_doors_show_dev_prompts_and_leave_nothing_behind(pytester, workspace, shown):
    before = set(workspace.rglob("*"))
    result = pytester.runpytest_inprocess("suites", "--gate-dev", "--adapter", "gamedev")
    assert (result.ret, result.outlines) == (0, SHOWN)
    found = CliRunner().invoke(cli.main, ["gate", "--dev", "--adapter", "gamedev"])
    assert (found.exit_code, found.output.splitlines()) == (0, SHOWN)
    both = ["gate", "--dev", "--adapter", "gamedev", "--adapter", "dead"]
    found = CliRunner().invoke(cli.main, both)
    assert found.output.splitlines() == ["gamedev:", *SHOWN, "dead:", *SHOWN]
    assert [options.adapter for options in shown] == ["gamedev", "gamedev", "gamedev", "dead"]
    assert set(workspace.rglob("*")) == before


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--gate-dev"], "--gate-dev needs an adapter: add --adapter NAME"),
        (["--gate-dev", "--adapter", "gamedev", "--base", "x"], "harness: no such base"),
    ],
)
@pytest.mark.usefixtures("workspace", "shown")
def test_a_user_error_is_one_message_in_pytest(pytester, args, said):
    result = pytester.runpytest_inprocess("suites", *args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in result.errlines if line] == [f"ERROR: {said}"]


@pytest.mark.usefixtures("workspace")
def test_what_dev_prompts_show_is_json_where_a_program_reads_it(shown):
    found = CliRunner().invoke(cli.main, ["gate", "--json", "--adapter", "gamedev", "--dev"])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["adapter"] == "gamedev"
    assert len(shown) == 1


@pytest.mark.parametrize("more", [["--register"], ["--run-dir", "run"]])
@pytest.mark.usefixtures("workspace")
def test_dev_goes_with_nothing_that_is_left_behind(shown, more):
    found = CliRunner().invoke(cli.main, ["gate", "--dev", "--adapter", "gamedev", *more])
    assert found.exit_code == 4
    assert "--dev leaves nothing behind: leave out --register and --run-dir" in found.stderr
    assert shown == []
