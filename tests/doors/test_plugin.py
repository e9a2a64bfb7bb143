"""`pytest suites/ --adapter NAME` as a user runs it, on the committed pocket factory."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from conftest import PROMPTS, ROOT, receipts

from harness.doors.pytest import gate as door

ITEMS = ["suites/mini/godot.yaml::elite", "suites/mini/java.yaml::held"]


OWN = ("-p", "no:cacheprovider")


def gate(pytester: pytest.Pytester, *args: str, adapter: str = "gamedev") -> pytest.RunResult:
    return pytester.runpytest_subprocess("suites", "--adapter", adapter, *OWN, *args)


def refused(pytester: pytest.Pytester, *args: str) -> pytest.RunResult:
    """A session that ends before an engine is loaded, which this process can hold itself."""
    return pytester.runpytest_inprocess("suites", *OWN, *args)


def verdict(run: Path) -> dict:
    return json.loads((run / "verdict.json").read_text())


def test_an_elite_adapter_ships_and_the_second_gate_repeats_it_from_the_cache(pytester, workspace):
    result = gate(pytester, "--run-dir", "runs/one", "--junitxml", "junit.xml")
    assert result.ret == 0
    result.assert_outcomes(passed=3)
    result.stdout.no_fnmatch_line("*no verdict was made*")
    first = "look 1 of gamedev on this base (a new lineage; 1 lineage on this base): tested at 5 %"
    [recorded] = (workspace / "looks").iterdir()
    lines = ["*SHIP: gamedev on pocket*", first, "*", "scorecard: runs/one/scorecard.html"]
    result.stdout.fnmatch_lines([*lines, f"next: git add looks/{recorded.name}"])
    one = workspace / "runs" / "one"
    assert verdict(one)["verdict"] == "SHIP"
    assert sum(row["arm"] in ("base", "adapter") for row in receipts(one)) == 2 * 2 * PROMPTS
    assert {p.name for p in one.iterdir()} >= {
        "settings.json",
        "scorecard.json",
        "scorecard.html",
        "certificates",
    }
    properties = [p.get("value") for p in ET.parse(workspace / "junit.xml").iter("property")]
    assert {"held", "improved"} <= set(properties)
    finished = json.loads((one / "scorecard.json").read_text())["finished"]
    assert finished in properties
    assert any(re.fullmatch(r"\d+ min \d+ s \(by .*", value) for value in properties)
    assert any(": adapter " in value and f"/{PROMPTS}" in value for value in properties)
    result.stdout.re_match_lines([r"suites \. +\[100%\]"])

    again = gate(pytester, "--run-dir", "runs/two")
    again.stdout.fnmatch_lines([f"answers from the cache: base {2 * PROMPTS} of {2 * PROMPTS},*"])
    again.stdout.no_fnmatch_line("next: git add*")  # the same look
    assert receipts(workspace / "runs" / "two") == receipts(one)

    # An interrupted run is resumed: what it holds is kept, a torn line is judged again.
    lines = (one / "receipts.jsonl").read_bytes().splitlines(keepends=True)
    (one / "receipts.jsonl").write_bytes(b"".join(lines[:7]) + lines[7][:40])
    assert gate(pytester, "--run-dir", "runs/one").ret == 0
    assert (one / "receipts.jsonl").read_bytes().splitlines()[:7] == [
        line.rstrip() for line in lines[:7]
    ]
    assert sorted(map(str, receipts(one))) == sorted(map(str, receipts(workspace / "runs" / "two")))


def test_a_dead_adapter_is_void_and_nothing_is_judged(pytester, workspace):
    result = gate(pytester, "--run-dir", "runs/dead", adapter="dead")
    assert result.ret == 1
    result.assert_outcomes(errors=2, failed=1)
    result.stdout.fnmatch_lines(
        ["*VOID zero-adapter: all * lora_b tensors are zero*", "*VOID: dead on pocket*"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    assert receipts(workspace / "runs" / "dead") == []
    assert "zero-adapter" in (workspace / "runs" / "dead" / "scorecard.html").read_text()


def test_collect_only_lists_the_owed_suites_and_touches_nothing(pytester, workspace):
    result = refused(pytester, "--adapter", "gamedev", "--collect-only", "-q")
    assert result.ret == 0
    result.stdout.fnmatch_lines(ITEMS)
    assert not (workspace / "runs").exists()


@pytest.mark.parametrize("choice", [("-k", "godot"), ("--limit", "3"), ("suites/mini/godot.yaml",)])
def test_a_part_of_what_is_owed_never_ships(pytester, workspace, choice):
    args = ("--adapter", "gamedev", *OWN, "--run-dir", "runs/part")
    result = pytester.runpytest_subprocess(
        *(choice if choice[0].startswith("suites") else ("suites", *choice)), *args
    )
    assert result.ret == 1
    result.assert_outcomes(passed=2 if "--limit" in choice else 1, failed=1)
    assert verdict(workspace / "runs" / "part")["verdict"] == "VOID"
    codes = {reason["code"] for reason in verdict(workspace / "runs" / "part")["reasons"]}
    assert codes & {"not-measured", "incomplete"}


def files(root: Path) -> list[Path]:
    """Everything below ``root`` but what ``pytester`` writes itself."""
    return sorted(
        p
        for p in root.rglob("*")
        if p.relative_to(root).parts[0] in ("runs", "registrations", "suites")
    )


def broken_yaml(root: Path) -> None:
    (root / "suites" / "mini" / "godot.yaml").write_text("facet: godot\nrole: [facet\n")


def unknown_key(root: Path) -> None:
    path = root / "suites" / "mini" / "godot.yaml"
    path.write_text(path.read_text().replace("max_tokens:", "max_token:"))


def no_base(root: Path) -> None:
    path = root / "library.yaml"
    path.write_text(path.read_text().replace("pocket/base", "pocket/bass"))


def unknown_suite(root: Path) -> None:
    path = root / "library.yaml"
    path.write_text(path.read_text().replace("- mini", "- mini/godt"))


@pytest.mark.parametrize(
    ("spoil", "args", "message"),
    [
        (
            None,
            ["--adapter", "gamdev"],
            "*--adapter gamdev: neither an adapter of*library.yaml*did you mean 'gamedev'*",
        ),
        (
            None,
            ["--adapter", "gamedev", "--base", "packet"],
            "*--base packet: neither a folder nor a base*'pocket'*",
        ),
        (None, ["--adapter", "gamedev", "--library", "nowhere"], "*nowhere*no such library*"),
        (
            None,
            ["--adapter", "gamedev", "--limit", "0"],
            "*--limit 0: expected a number of prompts, 1 or more*",
        ),
        (
            None,
            ["--adapter", "gamedev", "--gate-adapter=dead"],
            "*found several, expected one,*`harness gate --adapter A --adapter B` gates several*",
        ),
        (
            no_base,
            ["--adapter", "gamedev"],
            "*library.yaml: bases.pocket.path: no such folder:*bass*",
        ),
        (broken_yaml, ["--adapter", "gamedev"], "*godot.yaml:*not valid YAML*"),
        (
            unknown_key,
            ["--adapter", "gamedev"],
            "*godot.yaml:*: unknown key 'max_token'; did you mean 'max_tokens'*",
        ),
        (
            unknown_suite,
            ["--adapter", "gamedev"],
            "*no suite 'mini/godt'; did you mean 'mini/godot'*",
        ),
    ],
)
def test_a_user_error_is_one_message_and_nothing_is_written(
    pytester, workspace, spoil, args, message
):
    if spoil:
        spoil(workspace)
    before = files(workspace)
    result = refused(pytester, *args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()
    assert files(workspace) == before


def test_no_sandbox_is_an_error_that_names_what_to_install(pytester, workspace):
    library = workspace / "library.yaml"
    library.write_text(library.read_text().replace("- mini", "- humaneval"))
    shutil.copytree(ROOT / "suites" / "humaneval", workspace / "suites" / "humaneval")
    result = refused(pytester, "--adapter", "gamedev", "--sandbox", "seatbelt")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "seatbelt" in result.stdout.str()
    assert "Traceback" not in result.stdout.str()
    assert not (workspace / "runs").exists()


@pytest.mark.parametrize(
    "args",
    [
        ("test_other.py",),
        ("suites", "test_other.py", "-k", "test_one"),
        ("suites", "test_other.py", "-m", "not facet and not guard"),
        ("suites", "-k", "nothing"),
        ("suites", "test_other.py", "-p", "gone"),
    ],
)
def test_an_adapter_without_a_verdict_is_a_failed_session(pytester, workspace, args):
    pytester.makepyfile(test_other="def test_one(): pass")
    gone = "def pytest_collection(session):\n    {0}.unregister(name='harness-gate')"
    pytester.makepyfile(gone=gone.format("session.config.pluginmanager"))
    pytester.syspathinsert()
    result = pytester.runpytest_inprocess(*OWN, *args, "--adapter", "gamedev")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["harness: --adapter gamedev: no verdict was made, so *; name *"])
    assert not (workspace / "runs").exists()


@pytest.mark.usefixtures("workspace")
def test_a_crash_before_the_verdict_is_a_failed_session(pytester, monkeypatch):
    monkeypatch.setattr(door, "prepare", lambda *_: 1 / 0)
    result = refused(pytester, "--adapter", "gamedev")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*no verdict was made, so this session failed: what went wrong*"])


@pytest.mark.parametrize("spread", [("-n", "1"), ("--dist", "load", "--tx", "2*popen")])
@pytest.mark.usefixtures("workspace")
def test_a_gate_is_not_spread_over_processes(pytester, spread):
    result = refused(pytester, "--adapter", "gamedev", *spread)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--adapter cannot be combined with -n, --dist or --tx:*"])


def test_other_pytest_sessions_are_left_alone(pytester):
    pytester.makepyfile("def test_one(): pass")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*harness:*")
