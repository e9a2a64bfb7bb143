"""What the operating system refuses is one sentence with path and remedy at every door, a fault of
the harness keeps its traceback, and neither ends like a verdict."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from gates import LOOK, pair, plan, registration
from run_folders import finish, settings

from harness.content import workspace
from harness.datasets.humaneval import problems
from harness.doors.cli.main import main
from harness.engines.base import Generation
from harness.engines.kept import Cache
from harness.errors import HarnessError, RunError, SystemRefused, boundary
from harness.evidence.ledger import Ledger
from harness.evidence.run import Run

FOUND = registration([plan("godot", 2)])


def cli(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


def refused(found: Result, *parts: str) -> None:
    """One message that holds every part, and the exit code of a command that could not run."""
    assert found.exit_code == 4, found.output
    assert found.stderr.startswith("harness: ")
    assert "Traceback" not in found.stderr
    assert found.stderr.count("\n") == 1, found.stderr
    assert all(part in found.stderr for part in parts), found.stderr


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file where a folder should be."""
    path = tmp_path / "a-file"
    path.write_text("here")
    return path


def no_space(_: int) -> None:
    """What a full disk says; it names no path."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return finish(tmp_path / "run", FOUND, pair("godot", 2, 1, 1, 0))


def test_init(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    refused(cli("init", file), str(file), "File exists", "name another path")
    refused(cli("init", file / "below"), f"{file}/below", "Not a directory", "name another path")
    assert cli("init", tmp_path / "new").exit_code == 0
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == sorted(workspace.CONTENT)
    assert not list((tmp_path / "new").rglob("__pycache__"))

    def read_only(_: object, target: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(target))

    monkeypatch.setattr(shutil, "copy", read_only)
    refused(cli("init", tmp_path / "other"), "Read-only file system", "name a place that can be")


def test_report(run: Path, file: Path, tmp_path: Path):
    refused(cli("report", run, "--out", file / "page.html"), "page.html", "Not a directory")
    refused(cli("report", run, "--out", tmp_path / "none" / "p.html"), "make its folder first")
    refused(cli("report", run, "--out", tmp_path), str(tmp_path), "a folder stands where a file")
    assert cli("report", run, "--out", tmp_path / "page.html").exit_code == 0
    assert "all agrees" in (tmp_path / "page.html").read_text()


def test_a_full_disk_leaves_the_old_page_and_no_draft(run: Path, monkeypatch: pytest.MonkeyPatch):
    before = sorted(run.iterdir())
    monkeypatch.setattr(os, "fsync", no_space)
    refused(
        cli("report", run), "scorecard-rechecked.html: cannot be written: No space left", "room"
    )
    assert sorted(run.iterdir()) == before


def test_recheck(run: Path, file: Path, tmp_path: Path):
    refused(cli("recheck", file), f"{file}: not a run folder")
    refused(cli("recheck", tmp_path / "none"), f"{tmp_path}/none: not a run folder")
    check = ("release-check", run, "--adapter")
    refused(cli(*check, "none"), "none: neither an adapter", "known:")
    refused(cli(*check, tmp_path / "none"), f"{tmp_path}/none: no such folder")
    assert cli("recheck", run).exit_code == 0


@pytest.mark.parametrize("option", ["--html", "--junit"])
def test_audit_writes(honest: Path, file: Path, tmp_path: Path, option: str):
    command = ("audit", "--library", honest, "--check", option)
    refused(cli(*command, file / "page"), f"{file}/page", "Not a directory")
    refused(cli(*command, tmp_path / "none" / "page"), "none/page", "make its folder first")
    assert cli(*command, tmp_path / "page").exit_code == 3
    assert (tmp_path / "page").stat().st_size > 100
    (tmp_path / "link").symlink_to(tmp_path / "page")
    assert cli(*command, tmp_path / "link").exit_code == 3
    assert (tmp_path / "link").is_symlink()


def test_audit_new(honest: Path, monkeypatch: pytest.MonkeyPatch):
    (honest / "audits" / "fresh.one").write_text("a file")
    refused(cli("audit", "--library", honest, "--new", "fresh.one"), "fresh.one", "File exists")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        found = cli("audit", "--library", honest, "--new", "fresh.two")
    refused(found, "fixtures.yaml: cannot be written: No space left", "run the same command again")
    assert "wrote" in cli("audit", "--library", honest, "--new", "fresh.two", "--check").output


def test_the_cache(honest: Path, file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for place in (file, file / "below"):
        monkeypatch.setenv("HARNESS_CACHE", str(place))
        found = cli("audit", "--library", honest, "--check")
        refused(found, f"{place}: cannot be made", "HARNESS_CACHE names the folder of the cache")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    assert cli("audit", "--library", honest, "--check").exit_code == 3


def test_a_cache_of_answers_that_cannot_be_opened_costs_time_only(tmp_path: Path):
    (tmp_path / "answers.sqlite").mkdir()
    cache = Cache(tmp_path)
    cache.put("a", Generation("text", 1, "eos"))
    assert cache.get("a") is None
    assert "unable to open" in (cache.broken or "")
    cache.close()
    with pytest.raises(sqlite3.OperationalError):
        sqlite3.connect(tmp_path / "answers.sqlite")


def test_humaneval(file: Path, tmp_path: Path):
    samples = tmp_path / "samples.jsonl"
    samples.write_text('{"task_id": "HumanEval/2", "completion": "    return number % 1.0"}\n')
    whole = gzip.compress(samples.read_bytes() * 50)
    for name, data in (("torn", whole[:-20]), ("bad", whole[:20] + b"\xff" * 9 + whole[29:])):
        path = tmp_path / f"{name}.jsonl.gz"
        path.write_bytes(data)
        refused(cli("humaneval", path), path.name, "cannot be read")
    assert problems()
    refused(cli("humaneval", samples, "--out", file / "out"), f"{file}/out", "Not a directory")
    refused(cli("humaneval", samples, "--out", tmp_path / "no" / "out"), "make its folder first")
    assert cli("humaneval", samples, "--out", tmp_path / "out", "-q").exit_code == 0


def test_what_a_gate_writes(file: Path, tmp_path: Path):
    """The run folder, the ledger of looks and the registration."""
    for write in (
        lambda place: Run(place, settings(FOUND), FOUND.digest),
        lambda place: Ledger(place / "looks").record(LOOK),
        lambda place: FOUND.write(place / "gamedev.json"),
    ):
        for place in (file, file / "below"):
            with pytest.raises(HarnessError, match=r"a-file.*: cannot be .*; name another path"):
                write(place)
        write(tmp_path / "new")
        shutil.rmtree(tmp_path / "new")


def test_a_full_disk_stops_a_run_which_is_then_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = Run(tmp_path / "run", settings(FOUND), FOUND.digest)
    rows = pair("godot", 2, 1, 1, 0)
    run.add(rows[0])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(
            RunError, match=r"receipts.jsonl: cannot be written: No space .*resumed"
        ):
            run.write("settings.json", settings(FOUND))
    run.close()
    again = Run(tmp_path / "run", settings(FOUND), FOUND.digest)
    assert list(again.receipts.values()) == rows[:1]
    again.close()


def test_a_fault_of_ours_keeps_its_traceback_and_is_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(_: Path) -> list[str]:
        raise TypeError("ours")

    monkeypatch.setattr(workspace, "initialise", broken)
    found = cli("init", tmp_path)
    assert found.exit_code == 4
    assert "harness: crashed: TypeError: ours; a fault of the harness" in found.stderr
    kept = Path(found.stderr.split()[-1])
    assert kept.read_text().startswith("Traceback")
    kept.unlink()


def test_a_reader_that_goes_away_is_no_verdict():
    command = [sys.executable, "-c", "from harness.doors.cli.main import main; main()", "library"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait() == 0, "the code is that of the command, and no verdict by accident"
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_boundary_turns_what_the_system_says_and_nothing_else():
    with (
        pytest.raises(SystemRefused, match=r"^/x: cannot be used: Permission denied; name a place"),
        boundary(),
    ):
        raise PermissionError(errno.EACCES, "Permission denied", "/x")
    with pytest.raises(SystemRefused, match=r"^cannot be used: connection lost$"), boundary():
        raise ConnectionError("connection lost")
    with pytest.raises(KeyError), boundary():
        raise KeyError("ours")
    with boundary():
        pass


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("stage", ["prepare", "measure", "conclude"])
def test_under_pytest(pytester: pytest.Pytester, stage: str):
    """A session ends with the sentence, whatever stage the system refuses."""
    pytester.makeconftest(f"""
        from contextlib import contextmanager, nullcontext
        from pathlib import Path
        from types import SimpleNamespace
        from harness.doors.console import Terminal
        from harness.doors.pytest import gate
        from harness.verdict import Name, Verdict

        def refuse(*_):
            raise OSError(28, "No space left on device", "/disk")

        @contextmanager
        def prepare(*_):
            if "{stage}" == "prepare":
                refuse()
            suites = ("mini/godot", "mini/java")
            plans = {{suite: SimpleNamespace(contrasts=[]) for suite in suites}}
            yield SimpleNamespace(
                invalid=[], folder=Path("run"), kept=SimpleNamespace(answered={{}}),
                registration=SimpleNamespace(
                    plans=plans, adapter="a", adapter_digest="", base="b", base_digest="",
                    look_text="",
                ),
                ledger=SimpleNamespace(recorded=None),
            )

        gate.prepare = prepare
        gate.open_run = lambda _: nullcontext(SimpleNamespace(receipts={{}}, folder=Path("run")))
        gate.measure = refuse
        gate.brief = lambda _: SimpleNamespace(title="none")
        Terminal.summary = lambda *_: None
        gate.conclude = refuse if "{stage}" == "conclude" else lambda *_: Verdict(Name.VOID, [])
    """)
    result = pytester.runpytest_subprocess("suites", "--adapter", "gamedev")
    text = result.stdout.str() + result.stderr.str()
    said = "/disk: cannot be used: No space left on device; make room"
    assert text.count(said) >= 1
    assert not {"Traceback", "INTERNALERROR"} & set(text.split())
    assert result.ret == (pytest.ExitCode.TESTS_FAILED if stage == "measure" else 4)
