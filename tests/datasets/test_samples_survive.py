"""A file of samples survives what happens around it: each fault is one sentence, what was judged is
kept, and the same command goes on."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from auditing import write
from click.testing import CliRunner

from harness.datasets import samples
from harness.datasets.samples import score
from harness.doors.cli.main import main
from harness.errors import SandboxError, SystemRefused
from harness.judging import workers
from harness.judging.workers import Judges

VERIFIER = """\
import os, time
from pathlib import Path

from harness import passed, verifier


@verifier("humaneval.sample", version=1, facet="plain", kind="executed")
def plain(case, answer):
    (Path(os.environ["PIDS"]) / str(os.getpid())).touch()
    time.sleep(600 * (answer.text == "stuck"))
    return passed(answer.text)
"""
BOXED = VERIFIER.replace('kind="executed"', "sandbox=True").replace("answer)", "answer, box)", 1)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Samples are judged by a plain verifier without a sandbox, and folders of sandboxes lie in a
    place of their own."""
    write(tmp_path / "verifiers" / "plain.py", VERIFIER)
    (tmp_path / "pids").mkdir()
    monkeypatch.setenv("PIDS", str(tmp_path / "pids"))
    monkeypatch.setattr(samples, "VERIFIERS", tmp_path / "verifiers")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    @contextmanager
    def opened(name):
        yield SimpleNamespace(name=name, description="a box", why="as asked")

    monkeypatch.setattr(samples, "open_sandbox", opened)
    return tmp_path


def file_of(place, texts):
    rows = [{"task_id": "HumanEval/2", "completion": text} for text in texts]
    write(place / "s.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    return place / "s.jsonl"


def kept(place):
    path = place / "s.jsonl_results.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [row["line"] for row in rows]


def gone(pid):
    """Whether a process has ended; a dead one may still wait to be reaped."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True).stdout.strip()
    return not shown or shown.startswith(b"Z")


def test_results_end_in_the_order_of_the_samples(place):
    path = file_of(place, ["quick"] * 9)
    results = score(path, workers=1).results
    ordered = results.read_bytes()
    lines = ordered.splitlines(keepends=True)
    results.write_bytes(b"".join(reversed(lines[1:])))  # as they were known, one not yet
    assert score(path, workers=1).reused == 8
    assert kept(place) == list(range(1, 10))
    assert results.read_bytes().splitlines(keepends=True)[1:] == lines[1:]


def test_an_interrupted_run_keeps_what_was_judged_and_ends_at_once(place):
    texts = ["quick"] * samples.BATCH + ["quick", "quick", *["stuck"] * 40]
    path = file_of(place, texts)

    def interrupt(_, done, __):
        if done == samples.BATCH + 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        score(path, workers=1, progress=interrupt)
    assert kept(place) == list(range(1, samples.BATCH + 3))
    assert all(gone(pid.name) for pid in (place / "pids").iterdir())
    verifier = place / "verifiers" / "plain.py"
    verifier.write_text(verifier.read_text().replace("600", "0"))
    found = score(path, workers=1)
    assert (found.reused, found.outcomes) == (samples.BATCH + 2, {"pass": len(texts)})


def test_what_is_known_when_the_run_is_interrupted_is_written_too(place, monkeypatch):
    path = file_of(place, ["quick"] * 5)
    keep = samples._Kept.keep

    def late(self, sample, told):
        if sample.line == 1 and not kept(place):
            time.sleep(1)  # meanwhile the others are judged
            keep(self, sample, told)
            raise KeyboardInterrupt
        keep(self, sample, told)

    monkeypatch.setattr(samples._Kept, "keep", late)
    with pytest.raises(KeyboardInterrupt):
        score(path, workers=1)
    assert kept(place) == [1, 2, 3, 4, 5]


def test_the_command_says_where_it_goes_on(place, monkeypatch):
    path = file_of(place, ["quick"])
    monkeypatch.setattr(samples, "score", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    found = CliRunner().invoke(main, ["humaneval", str(path), "-q"])
    assert found.exit_code == 130
    assert "s.jsonl_results.jsonl: what was judged is kept, run the same command" in found.output


def no_process(*_, **__):
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def no_thread(*_):
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize(
    ("where", "fault"), [("subprocess.Popen", no_process), ("ThreadPoolExecutor.submit", no_thread)]
)
def test_no_process_left_is_one_sentence_with_its_remedy(place, where, fault):
    path = file_of(place, ["quick"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{workers.__name__}.{where}", fault)
        with pytest.raises(SystemRefused, match=r"raise the limit \(ulimit -u\)$") as caught:
            score(path, workers=1)
    assert "\n" not in str(caught.value)
    assert score(path, workers=1).outcomes == {"pass": 1}


def test_a_judge_that_cannot_be_started_again_ends_the_run_and_not_the_results(place, monkeypatch):
    path = file_of(place, ["quick"] * samples.BATCH + ["stuck", "quick"])
    monkeypatch.setattr(workers, "PATIENCE", 0)
    monkeypatch.setattr(workers, "START", 2.0)
    start = workers.Judge.__init__

    def once(self, setup):
        monkeypatch.setattr(workers.Judge, "__init__", no_process)
        start(self, setup)

    monkeypatch.setattr(workers.Judge, "__init__", once)
    with pytest.raises(SystemRefused, match="ulimit -u"):
        score(path, workers=1)
    assert kept(place) == [*range(1, samples.BATCH + 1), samples.BATCH + 1]


def test_a_sandbox_that_starts_no_more_is_one_sentence(place):
    write(place / "verifiers" / "plain.py", BOXED)
    path = file_of(place, ["quick"] * 3)
    missing = "seatbelt" if Path("/proc").exists() else "landlock"
    with pytest.raises(SandboxError, match="run the same command again to go on") as caught:
        score(path, sandbox=missing, workers=1)
    assert f"the sandbox {missing} does not work on this machine" in str(caught.value)
    assert kept(place) == []
    write(place / "verifiers" / "plain.py", VERIFIER)
    assert score(path, sandbox=missing, workers=1).outcomes == {"pass": 3}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_one_sentence(place):
    path = file_of(place, ["quick"])
    (place / "s.jsonl_results.jsonl").symlink_to("/dev/full")
    with pytest.raises(SystemRefused, match="No space left on device; make room and run the same"):
        score(path, workers=1)
    (place / "s.jsonl_results.jsonl").unlink()
    assert score(path, workers=1).outcomes == {"pass": 1}


def test_a_judge_that_was_killed_leaves_no_folder_of_its_sandbox(place):
    write(place / "verifiers" / "plain.py", BOXED)
    dead, alive = place / "harness-sandbox-dead", place / "harness-sandbox-alive"
    for folder in (dead, alive):
        write(folder / "lock", "")
        write(folder / "tmp" / "left", "x")
    with (alive / "lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with Judges(place / "verifiers", "landlock", workers=1):
            pass
        assert (dead.exists(), alive.exists()) == (False, True)
