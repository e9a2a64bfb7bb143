"""What is kept can be shown, cut back and handed on, while other jobs write it."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from harness.doors.cli.main import main
from harness.engines import store
from harness.engines.base import Generation
from harness.engines.kept import BATCH, Cache
from harness.errors import WorkspaceError

JOB = """
import sys
from pathlib import Path
from harness.engines.base import Generation
from harness.engines.kept import Cache
cache = Cache(Path(sys.argv[1]))
for n in range(300):
    cache.put(f"key {n}", Generation(f"answer {n}", 2, "eos"))
    found = cache.get(f"key {n}")
    assert found is None or found.text == f"answer {n}", found
assert not cache.refused, "an answer without the seal of this cache"
assert cache.broken is None, cache.broken
"""


def keep(folder: Path, *numbers: int, text: str = "answer") -> None:
    folder.mkdir(exist_ok=True)
    with closing(Cache(folder)) as cache:
        for n in numbers:
            cache.put(f"key {n}", Generation(f"{text} {n}", 2, "eos"))


def kept(folder: Path) -> dict[str, str]:
    with closing(Cache(folder)) as cache:
        found = {f"key {n}": cache.get(f"key {n}") for n in range(300)}
        assert not cache.refused
    return {key: one.text for key, one in found.items() if one is not None}


def test_two_jobs_on_one_cache_lose_and_mix_up_nothing(tmp_path: Path):
    command = [sys.executable, "-c", JOB, str(tmp_path)]
    jobs = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    counts = []
    while any(job.poll() is None for job in jobs):  # a third reads and cuts back meanwhile
        counts.append(store.export(tmp_path, tmp_path / "out.jsonl"))
        store.prune(tmp_path, 10**9)
    assert [job.communicate()[1].decode() for job in jobs] == ["", ""]
    assert kept(tmp_path) == {f"key {n}": f"answer {n}" for n in range(300)}
    assert counts == sorted(counts)


def test_the_oldest_answers_go_first_and_a_size_says_how_many(tmp_path: Path):
    keep(tmp_path, *range(10))
    assert store.prune(tmp_path, 10**6) == 0
    assert store.prune(tmp_path, 3 * 320) == 7
    assert kept(tmp_path) == {f"key {n}": f"answer {n}" for n in (7, 8, 9)}
    assert {part.name: part.many for part in store.parts(tmp_path)}["answers"] == 3


def test_the_batch_that_answers_are_kept_in_is_none_of_them(tmp_path: Path):
    ours, theirs, file = tmp_path / "ours", tmp_path / "theirs", tmp_path / "answers.jsonl"
    ours.mkdir()
    theirs.mkdir()
    with closing(Cache(ours)) as cache:
        cache.put("batch", Generation("16", 0, BATCH))
    keep(ours, 1, 2)
    assert {part.name: part.many for part in store.parts(ours)}["answers"] == 2
    assert store.export(ours, file) == 2
    assert store.prune(ours, 320) == 1, "an answer is the oldest that goes"
    with closing(Cache(ours)) as cache:
        assert cache.get("batch") == Generation("16", 0, BATCH)
    row = {"key": "batch", "text": "256", "tokens": 0, "finish": BATCH}
    file.write_text(file.read_text() + json.dumps(row) + "\n")
    assert (store.take_in(theirs, file), kept(theirs).keys()) == (2, {"key 1", "key 2"})
    with closing(Cache(theirs)) as cache:
        assert cache.get("batch") is None


def test_answers_are_handed_on_and_sealed_by_who_takes_them(tmp_path: Path, monkeypatch, capsys):
    ours, theirs, file = tmp_path / "ours", tmp_path / "theirs", tmp_path / "answers.jsonl"
    keep(ours, 1, 2, 3)
    keep(theirs, 3, text="another")
    for folder, asked in ((ours, "export"), (theirs, "import"), (theirs, "import")):
        monkeypatch.setenv("HARNESS_CACHE", str(folder))
        with pytest.raises(SystemExit) as ended:
            main(["cache", asked, str(file)])
        assert ended.value.code == 0
    said = [line.partition(": ")[2] for line in capsys.readouterr().out.splitlines()]
    assert said == ["3 answers", "2 answers were new", "0 answers were new"]
    assert kept(theirs) == {"key 1": "answer 1", "key 2": "answer 2", "key 3": "another 3"}


def test_a_file_that_holds_no_answers_is_refused_whole(tmp_path: Path):
    rows = [{"key": "key 1", "text": "answer", "tokens": 1, "finish": "eos"}, {"key": "key 2"}]
    file = tmp_path / "answers.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(WorkspaceError, match=r"answers.jsonl:2: key 'text' is missing"):
        store.take_in(tmp_path, file)
    assert kept(tmp_path) == {}
