"""Recorded answers are judged as an engine's are, and only where they answer what was registered
before them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import write_workspace
from gates import BOTH
from spoken_gate import Gate, Speaker, codes, workspace_of_sums

from harness.doors.cli import main as cli
from harness.engines.base import Ask, Decoding
from harness.engines.elsewhere.replay import Asked, Replay, place
from harness.errors import RunError, WorkspaceError
from harness.evidence.folder import RunFolder
from harness.exchange import incoming, outgoing
from harness.gate import planning
from harness.gate.finished.recheck import recheck
from harness.gate.prepare import Options
from harness.gate.session import register_gate, run_gate


def answered(file: Path, speaker: Speaker) -> list[dict]:
    """The exported prompts with the answers of a stack that the harness knows nothing of."""
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows:
        mount = Path("there") if row["arm"] == "adapter" else None
        fresh = row["arm"] if row["arm"] == "again" else None
        decoding = Decoding(row["max_tokens"], tuple(row["stop"]), row["temperature"])
        asked = (row["prompt"], row["mode"], row.get("system"), decoding, row["seed"])
        [(_, found)] = speaker.answer([Ask(*asked, "weights", fresh, mount)])
        row |= {"answer": found.text, "tokens": found.tokens, "finish": found.finish}
    return rows


def write(file: Path, rows: list[dict]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A workspace, and what a stack answered to its registered prompts."""
    root = workspace_of_sums(tmp_path_factory.mktemp("recorded"))
    command = ["gate", "--adapter", "adder", "--library", str(root)]
    file = root / "prompts.jsonl"
    said = CliRunner().invoke(cli.main, [*command, "--register", "--export", str(file)])
    assert said.exit_code == 0, said.output
    return root, answered(file, Speaker(set(), prompted=False))


@pytest.fixture
def recorded(whole):
    """The same as the first look at it."""
    root, rows = whole
    shutil.rmtree(root / "looks", ignore_errors=True)
    return root, [dict(row) for row in rows]


def replayed(root: Path, rows: list[dict], **options):
    file = write(root / "answers.jsonl", rows)
    gate = Gate(root, replay=str(file), **options)
    return run_gate(gate.options)


def judged(run: Path) -> list:
    """What the receipts of a run say, but for time and order."""
    rows = [replace(row, seconds=0.0) for row in RunFolder(run).receipts]
    return sorted(map(str, rows))


def test_recorded_answers_are_judged_as_those_of_an_engine(recorded, tmp_path):
    root, rows = recorded
    other = shutil.copytree(root, tmp_path / "other")
    verdict, run = replayed(root, rows)
    engine = Gate(other)
    spoken, its_run = run_gate(engine.options, load=lambda _: engine.speaker)
    assert judged(run) == judged(its_run)
    assert (verdict.name, spoken.name) == ("SHIP", "SHIP")
    assert sorted(codes(verdict)) == sorted([*codes(spoken), "declared"])
    assert "is declared" in (run / "scorecard.html").read_text()
    assert RunFolder(run).preflight.effect is None
    assert not recheck(run).differences
    write(root / "answers.jsonl", [{**rows[0], "answer": "edited"}, *rows[1:]])
    with pytest.raises(RunError, match="other settings; 'engine'"):
        run_gate(Gate(root, replay=str(root / "answers.jsonl"), run_dir=str(run)).options)


def test_answers_that_may_be_older_than_the_rules_do_not_ship(recorded):
    root, rows = recorded
    old = {key: value for key, value in rows[0].items() if key != "registration"}
    verdict, run = replayed(root, [old, *rows[1:]])
    assert [r.code for r in verdict.deciding] == ["registered-after"]
    assert verdict.name == "INCONCLUSIVE"
    assert {each["suite"] for each in RunFolder(run).scorecard.suites} == {"general", "sums"}
    assert not recheck(run).differences


def test_answers_that_were_recorded_again_are_another_look():
    first, same, other = (planning.look(BOTH, {}, answers=f"sha256:{n}") for n in (1, 1, 2))
    assert first.repeats(same)
    assert not first.repeats(other)


def test_where_nothing_was_registered_any_answer_may_be_older(recorded, tmp_path):
    root, rows = recorded
    kept = ("registration", "arm", "answer")
    bare = [{**{key: row[key] for key in kept}, "task_id": row["id"]} for row in rows]
    gone = (root / "registrations").rename(tmp_path / "registrations")
    verdict, _ = replayed(root, bare)
    gone.rename(root / "registrations")
    assert (verdict.name, verdict.deciding[0].code) == ("INCONCLUSIVE", "registered-after")


def dropped(rows):
    return rows[1:]


def doubled(rows):
    return [*rows, rows[0]]


def unknown(rows):
    return [*rows, {**rows[0], "id": "general-999"}]


def of_another_prompt(rows):
    return [{**rows[0], "prompt_digest": rows[1]["prompt_digest"]}, *rows[1:]]


def edited(rows):
    return [{**rows[0], "prompt": "1+1"}, *rows[1:]]


def drawn(rows):
    return [{**rows[0], "temperature": 0.7}, *rows[1:]]


def of_another_adapter(rows):
    at = next(n for n, row in enumerate(rows) if row["arm"] == "adapter")
    return [
        {**row, "subject": rows[0]["subject"]} if n == at else row for n, row in enumerate(rows)
    ]


def without_canon(rows):
    return [row for row in rows if row["arm"] != "canon"]


def without_a_name(rows):
    return [{k: v for k, v in row.items() if k != "id"} for row in rows[:1]] + rows[1:]


def misspelt(rows):
    return [{**rows[0], "answr": "1"}, *rows[1:]]


FAULTS = {
    dropped: r"\(sums sums-0, arm base\): is not answered by arm 'base'",
    doubled: r"line \d+ \(sums sums-0, arm base\): is answered twice",
    unknown: r"general-999, arm base\): was not asked",
    of_another_prompt: "line 1 .* answers another prompt_digest than was registered",
    edited: "line 1 .* answers another prompt than was registered",
    drawn: "line 1 .* answers another temperature than was registered",
    of_another_adapter: "arm adapter.* answers another subject than was registered",
    without_canon: r"and 37 more: has no answer of arm 'canon', which the plan needs",
    without_a_name: "line 1 .* was not asked",
    misspelt: "answers.jsonl:1: unknown key 'answr'",
}


def fields(row):
    """An exported row, without its answer."""
    return {k: v for k, v in row.items() if k not in ("answer", "tokens", "finish")}


@pytest.mark.parametrize("plant", FAULTS)
def test_answers_that_do_not_fit_are_refused(recorded, tmp_path, plant):
    _, rows = recorded
    planned = [Asked(**fields(row)) for row in rows]
    needed = {place(one) for one in planned}
    Replay(write(tmp_path / "answers.jsonl", rows)).hold(planned, needed)
    with pytest.raises(WorkspaceError, match=FAULTS[plant]):
        Replay(write(tmp_path / "answers.jsonl", plant(rows))).hold(planned, needed)


def test_nothing_is_judged_where_answers_do_not_fit(recorded):
    root, rows = recorded
    before = list(root.glob("runs/*"))
    with pytest.raises(WorkspaceError, match="is answered twice"):
        replayed(root, doubled(rows))
    assert list(root.glob("runs/*")) == before
    assert not list(root.glob("looks/*"))


def test_a_text_that_nobody_stopped_ends_at_the_first_stop_string(recorded):
    root, rows = recorded
    engine = Replay(write(root / "open.jsonl", [{**rows[0], "answer": "39\n! and so on"}]))
    plan = Asked(**fields(rows[0]))
    engine.hold([plan], set())
    for stop, said in (((), ("39\n! and so on", "eos")), (("!", "\n"), ("39", "stop"))):
        ask = Ask("0+40", "chat", None, Decoding(8, stop), 0, "weights", place=place(plan))
        [(_, found)] = engine.answer([ask])
        assert (found.text, found.finish) == said
    assert engine.dated(rows[0]["registration"])
    assert not engine.dated("sha256:" + "0" * 64)


@pytest.mark.slow
def test_answers_of_a_real_run_are_judged_as_they_were(tmp_path):
    root = write_workspace(tmp_path / "workspace", ["gamedev"])
    options = Options("gamedev", library=str(root))
    register_gate(options)
    told, run = run_gate(options)
    shutil.rmtree(root / "looks")
    rows = incoming.write(tmp_path / "rows.jsonl", outgoing.replay(run))
    verdict, again = run_gate(replace(options, replay=str(rows)))
    assert judged(again) == judged(run)
    assert (verdict.name, told.name) == ("SHIP", "SHIP")
    assert sorted(codes(verdict)) == sorted([*codes(told), "declared"])
