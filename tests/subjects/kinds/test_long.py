"""A sweep over lengths: every planted fault beside its sound twin, gated from stored answers and
measured on a model, by each sampler and for each length."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from conftest import POCKET, write_workspace
from spoken_gate import Gate, card, codes
from tiny_model import make_adapter, make_base

from harness.content import library, workspace
from harness.content.kinds import sweep
from harness.content.kinds.sweep import Sampler, Sweep
from harness.deciding.degeneration import sign
from harness.doors.cli import main as cli
from harness.engines.base import Decoding
from harness.engines.mlx import MlxEngine
from harness.errors import WorkspaceError
from harness.evidence.folder import RunFolder
from harness.gate.finished.recheck import recheck
from harness.subjects.arms import ADAPTER, BASE
from harness.subjects.base import Bench
from harness.subjects.kinds import find, of
from harness.subjects.kinds.long import plants
from harness.subjects.kinds.long.judged import Answer, Cell, by_length

PLANTS = {plant.number: plant for plant in plants.plants()}
SWEPT = find("adapter+long")


def said(evidence) -> list[str]:
    return [reason.code for reason in SWEPT.reasons(evidence)[1]]


@pytest.mark.parametrize("number", [f"F9.{n}" for n in range(1, 10)])
def test_a_planted_fault_is_named_and_its_twin_is_sound(tmp_path, number):
    plant = PLANTS[number]
    assert plant.code in said(plant.build(tmp_path / "plant", True))
    assert said(plant.build(tmp_path / "twin", False)) == ["long-held", "declared"]


def test_the_length_is_cut_to_what_passes_and_too_few_answers_show_nothing(tmp_path):
    looping = plants._stored(plants.loop)
    numbers, reasons = SWEPT.reasons(plants.evidence(tmp_path / "a", looping, {}))
    assert "promise 256 tokens" in reasons[0].text
    assert numbers["long"]["passes"] == 256
    assert reasons[0].cases == ["prompt-0@1024", "prompt-1@1024", "prompt-2@1024"]
    assert 480 <= numbers["long"]["cells"]["adapter serve"]["loops"]["prompt-0@1024"] <= 520
    few = plants._stored(plants.prose)[:40]
    reasons = SWEPT.reasons(plants.evidence(tmp_path / "b", few, {}))[1]
    assert reasons[0].code == "long-open"
    assert "59 answers that long would show it" in reasons[0].text
    unsaid = plants.evidence(tmp_path / "c", plants._stored(plants.prose), {"promised": None})
    assert "promise 1024 tokens" in SWEPT.reasons(unsaid)[1][0].text


def test_a_degenerate_answer_to_a_facet_is_not_elite():
    draw = random.Random(0)
    for text in (plants.loop(draw), plants.far(draw), plants.drift(draw)):
        assert sign(text, "length") == "ran out of tokens, ends in a loop"
    assert sign(plants.drift(draw), "eos") == "ends in a loop"
    assert [sign(text(draw), "eos") for text in (plants.table, plants.refrain)] == ["", ""]


def test_a_cut_answer_is_watched_to_its_cap_and_each_length_by_its_own_prompt():
    def answer(case, tokens, forced=True, finish="length", text="sound"):
        return Answer(case, text, tokens, finish, forced, "")

    loops = "and so on and on and " * 40
    rows = [answer("a@64", 64), answer("a@256", 256, text=loops), answer("b@256", 200)]
    cell = Cell(
        [*rows, answer("c@256", 9, False, "eos")], Sweep(prompts="p", lengths=[64, 256]), 0.95
    )
    assert [cell.at(64).failed, cell.at(64).reached] == [0, 2]
    assert [cell.at(256).failed, cell.at(256).reached] == [1, 0], "b was never seen so far"
    assert cell.lasts(256, cell.natural).reached == 1, "what ended by itself loops no more"
    assert cell.stops == (1, 1)


def test_passes_are_counted_apart_by_the_length_of_the_answer():
    outcomes = {"s": {ADAPTER: {"a": ["pass"], "b": ["fail"], "c": ["pass"]}, BASE: {}}}
    found = by_length([64, 256], outcomes, {"s": {ADAPTER: {"a": 64, "b": 65, "c": 999}, BASE: {}}})
    assert found == {
        ADAPTER: [
            {"over": 0, "answers": 1, "passed": 1},
            {"over": 64, "answers": 1, "passed": 0},
            {"over": 256, "answers": 1, "passed": 1},
        ]
    }


def stored(root: Path, rows: list[dict], **own) -> None:
    """Give the workspace's adapter stored long answers."""
    (root / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = yaml.safe_load((root / "library.yaml").read_text())
    swept = {"transcripts": "texts.jsonl", "lengths": [256, 1024], "promised": 1024, **own}
    next(iter(found["adapters"].values()))["long"] = swept
    (root / "library.yaml").write_text(yaml.safe_dump(found))


def test_stored_answers_are_gated_and_rechecked(root, tmp_path):
    stored(root, plants._stored(plants.prose))
    run = tmp_path / "run"
    verdict = Gate(root, run_dir=str(run)).run()
    assert (verdict.name, {"long-held", "declared"} <= set(codes(verdict))) == ("SHIP", True)
    long = card(run)["subject"]["numbers"]["long"]
    assert long["elite"][ADAPTER][0]["answers"] == 160
    assert recheck(run).differences == []
    assert "without a loop" in (run / "scorecard.html").read_text()

    stored(root, plants._stored(plants.loop))
    verdict = Gate(root, run_dir=str(tmp_path / "other")).run()
    assert [reason.code for reason in verdict.deciding] == ["long-loops"]

    (root / "prompts.jsonl").write_text('{"id": "unanswered", "prompt": "x"}\n')
    stored(root, plants._stored(plants.prose), prompts="prompts.jsonl")
    verdict = Gate(root, run_dir=str(tmp_path / "third")).run()
    assert "long/adapter/serve" in " ".join(
        r.about for r in verdict.reasons if r.code == "not-measured"
    )
    assert "unanswered@1024" in RunFolder(tmp_path / "third").verdict.reasons[0].text


def test_a_preflight_reads_stored_answers_without_asking_a_model(tmp_path):
    place = write_workspace(tmp_path, ["gamedev"])
    for text, exit_code, code in ((plants.prose, 0, "long-held"), (plants.loop, 1, "long-loops")):
        stored(place, plants._stored(text))
        command = ["preflight", "--adapter", "gamedev", "--library", str(place)]
        found = CliRunner().invoke(cli.main, command)
        assert (found.exit_code, code in found.output) == (exit_code, True), found.output


PROMPTS = [
    {"id": "natural", "prompt": "def add("},
    {"id": "tale", "prompt": "Write {words} words: the quick", "forced": True},
]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A tiny model with an adapter, and the entry that sweeps it."""
    root = tmp_path_factory.mktemp("swept")
    base = make_base(root / "base")
    make_adapter(root / "adapter", base)
    (root / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PROMPTS))
    own = {"prompts": "p.jsonl", "lengths": [8, 24], "samplers": {
        "serve": {"repetition_penalty": 1.3}, "warm": {"temperature": 1.5}}}  # fmt: skip
    one = {"path": "adapter", "base": "tiny", "status": "candidate", "facets": ["x"]}
    listed = {"bases": {"tiny": {"path": "base", "mode": "completion"}},
              "adapters": {"one": {**one, "suites": ["x"], "long": own}}}  # fmt: skip
    (root / "library.yaml").write_text(yaml.safe_dump(listed))
    place = workspace.find(str(root))
    entry = library.resolve(place, library.load(place), "one")
    engine = MlxEngine(base)
    folders = {"base": base, "adapter": root / "adapter", **of(entry).parts(entry)}
    digests = {role: f"sha256:{role}" for role in folders}
    return Bench(entry, {}, folders, digests, lambda: engine)


def test_every_prompt_is_asked_for_its_lengths_by_every_sampler(swept):
    kind = of(swept.entry)
    cases = ["natural@24", "tale@8", "tale@24"]
    owed = kind.owes(swept)
    assert owed == dict.fromkeys(
        ["long/adapter/serve", "long/adapter/warm", "long/adapter/no_penalty", "long/base/serve"],
        cases,
    )
    measured = {what: dict(kind.measure(swept, what, cases)) for what, cases in owed.items()}
    for rows in measured.values():
        assert sorted(rows) == sorted(cases)
        assert all(row["tokens"] <= int(case.partition("@")[2]) for case, row in rows.items())
        assert rows["tale@8"]["prompt"] == "Write 6 words: the quick"
    texts = {what: rows["natural@24"]["text"] for what, rows in measured.items()}
    assert len(set(texts.values())) == 4, "another arm or sampler answers otherwise"
    rest = dict(kind.measure(swept, "long/adapter/warm", cases[:1]))
    assert rest["natural@24"] == measured["long/adapter/warm"]["natural@24"], "resumed"
    engine = swept.load()
    engine.mount(swept.folders["adapter"])
    plain = engine.generate([engine.encode("def add(", "completion")], Decoding(24))
    assert dict(plain)[0].text == texts["long/adapter/no_penalty"]


def test_the_sampler_without_the_penalty_is_asked_once():
    greedy, weak = Sampler(), Sampler(repetition_penalty=1.3)
    asked = {"prompts": "p", "lengths": [8]}
    assert list(Sweep(**asked).grid) == ["serve"]
    assert list(Sweep(**asked, samplers={"serve": weak}).grid) == ["serve", "no_penalty"]
    named = Sweep(**asked, samplers={"serve": weak, "greedy": greedy})
    assert (list(named.grid), named.bare) == (["serve", "greedy"], "greedy")
    assert str(weak) == "greedy, repetition penalty 1.3"


@pytest.mark.parametrize(
    ("own", "rows", "expected"),
    [
        ({"lengths": [64, 8]}, [], r"library.yaml:\d+: key 'adapters.adder.long'.*`lengths` grow"),
        ({"promised": 100}, [], "promised: 100 is to be one of the `lengths`"),
        ({"samplers": {"greedy": {}}}, [], "lack 'serve'"),
        ({"transcripts": None}, [], "expected `prompts`, or `transcripts`"),
        ({"lenghts": [8]}, [], "unknown key 'adapters.adder.long.lenghts'; did you mean"),
        ({}, [], r"texts.jsonl: no answer in it"),
        ({}, [{"id": "a", "answer": "x", "length": 7}], r"texts.jsonl:1: key 'length': found 7"),
        ({}, [{"id": "a", "answer": "x", "sampler": "sevre"}], "did you mean 'serve'"),
        ({}, [{"id": "a", "answer": "x"}] * 2, r"texts.jsonl:2: key 'id': adapter, serve, a@1024"),
    ],
)
def test_what_cannot_be_swept_is_one_sentence(root, own, rows, expected):
    stored(root, rows, **own)
    with pytest.raises(WorkspaceError, match=expected), Gate(root).prepared():
        pass


def test_prompts_are_read_strictly(tmp_path):
    path = tmp_path / "p.jsonl"
    for text, expected in (
        ('{"id": "a", "prompt": "x"}\n' * 2, ":2: key 'id': 'a' stands twice"),
        ("", "no prompt in it"),
        ('{"id": "a@8", "prompt": "x"}\n', ":1: key 'id'"),
    ):
        path.write_text(text)
        with pytest.raises(WorkspaceError, match=expected):
            sweep.prompts(path)


def test_the_pockets_prompts_are_enough_to_show_what_is_asked():
    listed = sweep.prompts(POCKET / "long.jsonl")
    assert len(listed) == 63
