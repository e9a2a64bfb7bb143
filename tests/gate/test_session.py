"""A gate may be killed anywhere: resumed, it holds the same receipts once each and comes to the
same verdict."""

import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tiny_model import edit_config, make_adapter, make_base

from harness.digests import SealNotice, folder_digest
from harness.engines.base import Ask, Decoding, Generation
from harness.engines.kept import Cache, key
from harness.engines.mlx import MlxEngine
from harness.errors import RunError, WorkspaceError
from harness.gate.conclude import conclude
from harness.gate.measure import measure, open_run
from harness.gate.prepare import Options, look_up, prepare
from harness.gate.session import run_gate

PROMPTS = 30
TOKENS = 32


def prompt(n):
    """A held-out prompt that shares no run of words with another."""
    words = [
        f"{a}{b}"
        for a in ("ba", "do", "ki", "lu", "me", "no")
        for b in ("ran", "sil", "tok", "vim", "wen")
    ]
    return f"Write patch note {n}: " + " ".join(random.Random(n).sample(words, 16))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A workspace of a tiny base, its adapter, and one suite judged by a shipped verifier."""
    root = tmp_path_factory.mktemp("workspace")
    base = make_base(root / "base", context=256)
    make_adapter(root / "adapter", base, trained_on_base=folder_digest(base))
    suites = root / "suites"
    suites.mkdir()
    rows = [
        {"id": f"p{n}", "prompt": prompt(n), "expect": {"facts": [str(n)]}} for n in range(PROMPTS)
    ]
    (suites / "notes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    suite = {"facet": "notes", "role": "facet", "mode": "chat", "prompts": "notes.jsonl",
    "max_tokens": TOKENS,
             "criteria": [{"id": "plain", "verifier": "patchnotes.plain"}]}  # fmt: skip
    (suites / "notes.yaml").write_text(yaml.safe_dump(suite))
    adapter = {
        "path": "adapter",
        "base": "tiny",
        "status": "candidate",
        "facets": ["notes"],
        "suites": ["notes"],
    }
    content = {"bases": {"tiny": {"path": "base"}}, "adapters": {"new": adapter}}
    (root / "library.yaml").write_text(yaml.safe_dump(content))
    return root


@pytest.fixture(scope="module")
def reference(library, tmp_path_factory):
    """The run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("reference") / "run"
    run_gate(options(library, folder))
    return folder


pytestmark = pytest.mark.usefixtures("no_answers")


def options(library, folder):
    return Options(adapter="new", library=str(library), run_dir=str(folder))


def receipts(folder):
    """Every line of the receipts without what time and order decide."""
    rows = [json.loads(line) for line in (folder / "receipts.jsonl").read_text().splitlines()]
    kept = ({k: v for k, v in row.items() if k not in ("seconds", "chain")} for row in rows)
    return sorted(kept, key=json.dumps)


def verdict(folder):
    return json.loads((folder / "verdict.json").read_text())


@contextmanager
def gate(library, folder):
    """A prepared gate with its run folder open."""
    with prepare(look_up(options(library, folder))) as prepared, open_run(prepared) as run:
        yield prepared, run


def assert_same(folder, reference):
    found = receipts(folder)
    assert len({(row["suite"], row["arm"], row["case"]) for row in found}) == len(found)
    assert sum(row["suite"] == "notes" for row in found) == 2 * PROMPTS
    assert found == receipts(reference)
    assert verdict(folder) == verdict(reference)


def lines(folder):
    path = folder / "receipts.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def start(library, folder):
    command = [sys.executable, "-c", "from harness.doors.cli.main import main; main()", "gate",
    "--adapter", "new", "-q",
               "--library", str(library), "--run-dir", str(folder)]  # fmt: skip
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def kill_at(library, folder, wanted):
    """``kill -9`` a gate once it has ``wanted`` receipts; what it had written by then."""
    gate = start(library, folder)
    while gate.poll() is None and lines(folder) < wanted:
        time.sleep(0.002)
    assert gate.poll() is None, gate.stderr.read().decode()
    os.kill(gate.pid, signal.SIGKILL)
    gate.wait()
    gate.stderr.close()
    return (folder / "receipts.jsonl").read_bytes(), gate.pid


def orphans(group):
    """Processes of a killed gate's session that are still there."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == group and fields[0] != "Z":
            found.append(status.parent.name)
    return found


def test_a_gate_killed_at_random_points_ends_as_if_it_never_was(library, reference, tmp_path):
    folder = tmp_path / "run"
    points = sorted(random.Random(6).sample(range(1, 2 * PROMPTS - 4), 3))
    for point in points:
        written, group = kill_at(library, folder, point)
        if Path("/proc").is_dir():
            deadline = time.monotonic() + 20
            while orphans(group) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert orphans(group) == []
        whole = written[: written.rfind(b"\n") + 1]
    run_gate(options(library, folder))
    assert (
        (folder / "receipts.jsonl").read_bytes().startswith(whole)
    )  # nothing that was judged is judged again
    assert_same(folder, reference)


@pytest.mark.parametrize("bytes_left", [100, 10_000])
def test_a_torn_line_is_judged_again(library, reference, tmp_path, bytes_left):
    folder = tmp_path / "run"
    run_gate(options(library, folder))
    path = folder / "receipts.jsonl"
    os.truncate(path, min(bytes_left, path.stat().st_size - 1))
    run_gate(options(library, folder))
    assert_same(folder, reference)


def test_a_full_disk_stops_the_gate_and_loses_nothing(library, reference, tmp_path):
    folder = tmp_path / "run"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with gate(library, folder) as (prepared, run):
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (9_000, before[1])
        )  # no file may grow beyond it, the cache's neither
        try:
            with pytest.raises(
                RunError, match=r"receipts\.jsonl: cannot be written: .*the run is resumed"
            ):
                measure(prepared, run, "notes")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert 0 < lines(folder) < 2 * PROMPTS
    run_gate(options(library, folder))
    assert_same(folder, reference)


def test_a_run_belongs_to_one_process_and_one_subject(library, tmp_path):
    folder = tmp_path / "run"
    with (
        gate(library, folder),
        pytest.raises(RunError, match="another process"),
        gate(library, folder),
    ):
        pass
    edit_config(library / "adapter", note="another revision")
    try:
        with pytest.raises(RunError, match="other settings; 'adapter'"), gate(library, folder):
            pass
    finally:
        make_adapter_again(library)


def make_adapter_again(library):
    config = json.loads((library / "adapter" / "adapter_config.json").read_text())
    del config["note"]
    (library / "adapter" / "adapter_config.json").write_text(json.dumps(config))


def test_an_adapter_that_changes_while_it_is_scored_is_void(library, tmp_path):
    with gate(library, tmp_path / "run") as (prepared, run):
        measure(prepared, run, "notes")
        edit_config(library / "adapter", note="the next revision")
        try:
            found = conclude(prepared, run)
        finally:
            make_adapter_again(library)
    assert (found.name, found.deciding[0].code) == ("VOID", "changed-in-run")


def test_an_adapter_swapped_and_swapped_back_is_not_what_answers(library, reference, tmp_path):
    weights = library / "adapter" / "adapters.safetensors"
    judged = weights.read_bytes()
    with gate(library, tmp_path / "run") as (prepared, run):
        make_adapter(tmp_path / "other", library / "base", seed=8, size=0.5)
        weights.write_bytes((tmp_path / "other" / "adapters.safetensors").read_bytes())
        measure(prepared, run, "notes")
        weights.write_bytes(judged)
        conclude(prepared, run)
    assert_same(tmp_path / "run", reference)


def test_the_next_gate_pays_nothing_for_the_answers_that_are_known(library, reference, tmp_path):
    run_gate(options(library, tmp_path / "first"))
    run_gate(options(library, tmp_path / "second"))
    assert_same(tmp_path / "second", reference)
    card = json.loads((tmp_path / "second" / "scorecard.json").read_text())
    assert (
        card["answers"]["base"]["from_cache"] == card["answers"]["adapter"]["from_cache"] == PROMPTS
    )


def test_prompts_that_the_training_data_shows_leave_the_suite(library, reference, tmp_path):
    shown = [{"prompt": prompt(n).replace("patch", "the"), "completion": "No."} for n in (3, 11)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in shown))
    asked = replace(options(library, tmp_path / "run"), train_data=str(tmp_path / "train.jsonl"))
    run_gate(asked)
    card = json.loads((tmp_path / "run" / "scorecard.json").read_text())
    assert [suite["prompts"] for suite in card["suites"]] == [PROMPTS - 2]
    assert [suite["prompts"] for suite in card["with_flagged"]] == [PROMPTS]
    assert receipts(tmp_path / "run") == receipts(reference)
    found = json.loads((tmp_path / "run" / "preflight.json").read_text())
    assert found["left_out"] == {"notes": ["p11", "p3"]}
    codes = [notice["code"] for notice in found["notices"]]
    assert codes == ["data-not-recorded", "contamination"]
    assert json.loads((reference / "scorecard.json").read_text())["with_flagged"] == []


def test_a_prompt_that_leaves_no_room_to_answer_is_an_error_before_the_run(library, tmp_path):
    rows = (library / "suites" / "notes.jsonl").read_text()
    (library / "suites" / "notes.jsonl").write_text(
        rows + json.dumps({"id": "long", "prompt": "word " * 300}) + "\n"
    )
    try:
        with pytest.raises(WorkspaceError, match="prompt 'long'"):
            run_gate(options(library, tmp_path / "run"))
    finally:
        (library / "suites" / "notes.jsonl").write_text(rows)
    assert not (tmp_path / "run").exists()


HAMMER = """
import sys
from pathlib import Path
from harness.engines.base import Generation
from harness.engines.kept import Cache

cache = Cache(Path(sys.argv[1]))
for n in range(200):
    cache.put(f"shared-{n}", Generation(f"text {n}", n, "eos"))
    cache.put(f"{sys.argv[2]}-{n}", Generation("own", n, "eos"))
sys.exit(cache.broken)
"""


def test_several_processes_share_a_cache(tmp_path):
    command = [sys.executable, "-c", HAMMER, str(tmp_path)]
    hammers = [subprocess.Popen([*command, str(number)]) for number in range(4)]
    assert [hammer.wait() for hammer in hammers] == [0] * 4
    cache = Cache(tmp_path)
    assert cache.get("shared-7") == Generation("text 7", 7, "eos")
    assert sum(cache.get(f"{m}-{n}") is not None for m in range(4) for n in range(200)) == 800


def test_a_damaged_cache_costs_time_only(tmp_path):
    (tmp_path / "answers.sqlite").write_bytes(
        b"not a database at all, but long enough to be read as one" * 40
    )
    cache = Cache(tmp_path)
    cache.put("a", Generation("text", 1, "eos"))
    assert cache.get("a") is None
    assert "not a database" in cache.broken
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(tmp_path / "answers.sqlite").execute("SELECT 1 FROM answers")


def test_an_answer_edited_or_planted_in_the_cache_is_asked_again_and_said(tmp_path):
    cache = Cache(tmp_path)
    honest = Generation("text", 1, "eos")
    for name in ("kept", "edited", "moved"):
        cache.put(name, honest)
    with sqlite3.connect(tmp_path / "answers.sqlite") as db:
        db.execute("UPDATE sealed SET text = 'better' WHERE key = 'edited'")
        db.execute("UPDATE sealed SET key = 'elsewhere' WHERE key = 'moved'")
        db.execute("INSERT INTO sealed VALUES ('planted', 'better', 1, 'eos', NULL)")
    for name in ("edited", "elsewhere", "planted"):
        with pytest.warns(SealNotice, match=r"answers\.sqlite: holds answers without .* seal"):
            assert cache.get(name) is None
        cache.put(name, honest)
        assert cache.get(name) == honest
    assert (cache.get("kept"), cache.refused) == (honest, 3)
    (tmp_path / "seal.key").write_text("another machine's")
    with pytest.warns(SealNotice):
        assert cache.get("kept") is None


def test_a_cache_key_is_all_that_decides_an_answer():
    class Reader:
        def __init__(self, version):
            self.identity = {"mlx": version}

        def reads(self, ask):
            return [ord(c) for c in ask.prompt]

    asked = Ask("ab", "chat", None, Decoding(8, ("x",)), 1, "sha256:base", "sha256:adapter")
    drawn = replace(asked, decoding=Decoding(8, ("x",), 0.6))
    others = [
        replace(asked, prompt="ac"),
        replace(asked, weights="sha256:other"),
        replace(asked, adapter=None),
        replace(asked, decoding=Decoding(9, ("x",))),
        drawn,
        replace(drawn, seed=2),
        replace(asked, decoding=Decoding(8, ("x",), repetition_penalty=1.3)),
    ]
    keys = {key(Reader("1"), ask) for ask in [asked, *others]} | {key(Reader("2"), asked)}
    assert len(keys) == len(others) + 2
    same = [replace(asked, seed=2), replace(asked, mount=Path("elsewhere"))]
    assert {key(Reader("1"), ask) for ask in same} == {key(Reader("1"), asked)}


def test_facets_that_fill_no_batch_are_answered_in_one_and_as_if_each_were_alone(
    library, tmp_path, monkeypatch
):
    root = shutil.copytree(library, tmp_path / "root")
    listed = yaml.safe_load((root / "library.yaml").read_text())
    listed["adapters"]["new"] |= {"suites": ["notes", "tales"], "facets": ["notes", "tales"]}
    (root / "library.yaml").write_text(yaml.safe_dump(listed))
    for kind in ("jsonl", "yaml"):
        text = (root / "suites" / f"notes.{kind}").read_text()
        other = text.replace(" notes", " tales").replace("Write patch note", "Tell of")
        (root / "suites" / f"tales.{kind}").write_text(other)
    asked, answer = [], MlxEngine.answer

    def spied(engine, asks):
        asked.append((len(asks), {ask.mount is None for ask in asks}))
        return answer(engine, asks)

    def limited(folder):
        run_gate(replace(options(root, tmp_path / folder), limit=3))
        return receipts(tmp_path / folder)

    monkeypatch.setattr(MlxEngine, "answer", spied)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "first"))  # both audit by themselves
    found = limited("one")
    assert [(n, *base) for n, base in asked if n] == [(6, True), (6, False)]
    asked.clear()
    monkeypatch.setattr("harness.gate.measure.few", lambda *_, **__: ())
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "other"))
    assert limited("apart") == found
    assert [(n, *base) for n, base in asked if n] == [(3, True)] * 2 + [(3, False)] * 2
