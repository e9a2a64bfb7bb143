"""A finished run is a claim: whatever is changed in it afterwards is found, and what was not
changed is not accused."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gates import pair, plan, registration
from run_folders import change, change_lines, finish

from harness.digests import folder_digest, folder_files
from harness.doors.cli.main import main
from harness.errors import RunError
from harness.evidence import attestation, receipts
from harness.evidence.documents import Derived, Scorecard
from harness.evidence.folder import RunFolder
from harness.evidence.receipts import Receipt
from harness.evidence.run import Run
from harness.gate.finished import recheck

N = {"humaneval": 164, "godot": 40}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that ships, on the adapter in the folder ``adapter`` beside it."""
    folder = tmp_path_factory.mktemp("recheck")
    (folder / "adapter").mkdir()
    (folder / "adapter" / "adapters.safetensors").write_bytes(b"weights, revision 6")
    digest, files = folder_digest(folder / "adapter"), folder_files(folder / "adapter")
    found = registration(
        [plan("humaneval", 164, "guard"), plan("godot", 40)], adapter_digest=digest, files=files
    )
    rows = [
        r if r.arm == "base" else Receipt(**{**r.__dict__, "subject": digest})
        for r in [*pair("humaneval", 164, 58, 0, 2), *pair("godot", 40, 0, 35, 0)]
    ]
    return finish(folder / "run", found, rows)


@pytest.fixture
def run(clean: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return shutil.copytree(clean, tmp_path / "run")


def lines(run: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Rewrite the receipts."""
    change_lines(run / "receipts.jsonl", change)


def document(run: Path, name: str, edit: Callable[[dict[str, Any]], object]) -> None:
    """Rewrite one JSON document."""
    change(run / name, edit)


def test_a_run_that_nobody_touched_agrees_and_seconds_may_differ(run: Path):
    lines(run, lambda rows: [row.update(seconds=1.5) for row in rows])
    found = recheck.recheck(run)
    assert (found.verdict.name, found.differences) == ("SHIP", [])


def test_differences_from_a_run_of_another_version_begin_with_that(run: Path):
    document(run, "settings.json", lambda d: d.update(harness="0.0.9"))
    document(run, "verdict.json", lambda d: d.update(verdict="NO-SHIP"))
    differences = recheck.recheck(run).differences
    assert differences[0].startswith("settings.json: harness: made by harness 0.0.9, and this is ")
    assert len(differences) > 1


def flip(rows: list[dict[str, Any]]) -> None:
    row = next(r for r in rows if r["arm"] == "adapter" and r["outcome"] == "fail")
    row["outcome"] = row["findings"][0]["outcome"] = "pass"


@pytest.mark.parametrize(
    ("change", "first"),
    [
        (flip, "receipts.jsonl:264: humaneval humaneval/58 (adapter): its digest does not follow"),
        (
            lambda rows: rows.pop(0),
            "receipts.jsonl:1: humaneval humaneval/1 (base): its digest does not follow",
        ),
        (
            lambda rows: rows.insert(5, rows.pop(4)),
            "receipts.jsonl:5: humaneval humaneval/5 (base): its digest",
        ),
        (
            lambda rows: rows.insert(3, dict(rows[2])),
            "receipts.jsonl:4: humaneval humaneval/2 (base): its digest",
        ),
        (
            lambda rows: rows[0].update(answer="better"),
            "receipts.jsonl:1: humaneval humaneval/0 (base): its digest",
        ),
        (lambda rows: rows.pop(), "receipts.jsonl: found 408 that end in"),
    ],
    ids=["edited", "first-dropped", "moved", "repeated", "answer-edited", "last-dropped"],
)
def test_receipts_that_were_edited_dropped_or_moved_are_found(run: Path, change, first: str):
    lines(run, change)
    differences = recheck.recheck(run).differences
    assert differences[0].startswith(first)


def test_a_chain_made_anew_over_edited_receipts_still_gives_other_numbers(run: Path):
    """Who edits a receipt and mends the chain has to forge every document, and then the
    signature."""
    folder = RunFolder(run)
    head, text = folder.registration.digest, []
    for row in folder.receipts:
        if row.arm == "adapter" and row.outcome == "fail":
            row = receipts.Receipt(**{**row.__dict__, "answer": "mended"})
        head = receipts.link(head, row)
        text.append(receipts.line(row, head) + "\n")
    (run / "receipts.jsonl").write_text("".join(text))
    differences = recheck.recheck(run).differences
    assert differences[0].startswith("receipts.jsonl: found 409 that end in")


@pytest.mark.parametrize(
    ("name", "change", "first"),
    [
        ("scorecard.json", lambda d: d["suites"][1]["rates"]["adapter"].update(passes=36),
        "scorecard.json: suites[1].rates.adapter"),
        ("scorecard.json", lambda d: d["answers"]["base"].update(from_cache=1),
        "attestation.json: predicate.configuration.scorecard.json.sha256: found"),
        ("verdict.json", lambda d: d.update(verdict="NO-SHIP"),
        "verdict.json: verdict: found 'NO-SHIP'"),
        ("verdict.json", lambda d: d["reasons"].pop(), "verdict.json: reasons: found"),
        ("settings.json", lambda d: d.update(registration="sha256:0"),
        "settings.json: registration: found sha256:0"),
        ("preflight.json", lambda d: d.update(adapter_digest="sha256:0"),
        "preflight.json: adapter_digest: found sha256:0"),
        ("attestation.json", lambda d: d["subject"][0]["digest"].update(sha256="1"),
        "attestation.json: subject[0].digest"),
        ("certificates/godot.ok.json", lambda d: d.update(bad=2999),
        "certificates/godot.ok.json: its content is"),
        ("certificates/godot.ok.json", lambda d: d.update(state="REFUSED"),
        "certificates/godot.ok.json: state: found 'REFUSED'; its counts say 'VALID'"),
    ],
)  # fmt: skip
def test_edited_documents_are_found_by_name(run: Path, name: str, change, first: str):
    document(run, name, change)
    differences = recheck.recheck(run).differences
    assert differences[0].startswith(first)


def leaves(data: Any, at: str = "") -> Iterator[str]:
    """Every number, text and state of a document, by its path."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from leaves(value, f"{at}.{key}" if at else key)
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from leaves(value, f"{at}[{index}]")
    elif data is not None:
        yield at


def nudged(data: Any, by: float) -> Any:
    """A document of which each number differs by a little, and each text and state too."""
    if isinstance(data, dict):
        return {key: nudged(value, by) for key, value in data.items()}
    if isinstance(data, list):
        return [nudged(value, by) for value in data]
    if isinstance(data, bool):
        return not data
    if isinstance(data, float):
        return data + max(by * abs(data), 1e-9)
    return data + 1 if isinstance(data, int) else data if data is None else f"{data}."


def named(run: Path, name: str) -> list[str]:
    """Where a document of a run differs."""
    found = [line.split(": ")[:2] for line in recheck.recheck(run).differences]
    return sorted(at for of, at in found if of == name)


@pytest.mark.parametrize(
    ("name", "stated"),
    [
        ("scorecard.json", Scorecard.model_fields.keys() - {"answers", "finished"}),
        ("verdict.json", {"exit_code", "adapter", "base", "registration", "receipts_digest"}),
        ("certificates/godot.ok.json", Derived.model_fields.keys() - {"state", "digest"}),
    ],
)
def test_each_thing_that_a_document_states_is_found_edited_by_a_little(run, name, stated):
    untouched = {k: v for k, v in json.loads((run / name).read_text()).items() if k in stated}
    document(run, name, lambda d: d.update(nudged(untouched, 1e-5)))
    assert named(run, name) == sorted(leaves(untouched))


def test_a_last_digit_that_another_build_computes_otherwise_is_no_difference(run: Path):
    def floats(data: Any) -> Any:
        if isinstance(data, dict):
            return {key: floats(value) for key, value in data.items()}
        if isinstance(data, list):
            return [floats(value) for value in data]
        return data * (1 + 1e-9) if isinstance(data, float) else data

    document(run, "scorecard.json", lambda d: d.update(floats(d)))
    assert named(run, "scorecard.json") == []


def test_an_answer_that_stands_twice_in_a_whole_chain_is_found(clean: Path, tmp_path: Path):
    found = RunFolder(clean)
    rows = [*found.receipts, found.receipts[-1]]
    late = {"finish": "length", "answer": "and then"}
    rows[0] = replace(rows[0], **late)  # of a guard, where only the test counts
    cut = next(n for n, row in enumerate(rows) if (row.suite, row.outcome) == ("godot", "pass"))
    sign = {"sign": "ran out of tokens", "outcome": "fail"}
    rows[cut] = replace(rows[cut], **late, **sign)
    twice = finish(tmp_path / "twice", found.registration, rows)
    assert recheck.recheck(twice).differences == [
        "receipts.jsonl:410: godot godot/39 (adapter): this answer stands in the file twice"
    ]


@pytest.mark.parametrize(
    ("created", "state", "said"),
    [
        ("2020-01-01", "VALID", []),  # it has expired since
        (None, "EXPIRED", ["certificates/godot.ok.json: state"]),
        (None, "PROVISIONAL", ["certificates/godot.ok.json: state"]),
        (None, "VALID", []),
    ],
)
def test_a_certificate_states_what_it_was_when_it_judged(run: Path, created, state, said):
    name = "certificates/godot.ok.json"
    dated = {"created": created, "expires": "2020-06-29"} if created else {}
    document(run, name, lambda d: d.update(dated, state=state))
    differences = [line for line in recheck.recheck(run).differences if line.startswith("cert")]
    assert [line.partition(": found")[0] for line in differences] == said


def test_a_margin_edited_after_the_run_is_found(run: Path):
    """F6.4: in the registration, and in a registration whose own digest was mended."""
    document(
        run,
        "registration.json",
        lambda d: d["plans"]["humaneval"]["contrasts"][0].update(margin=0.1),
    )
    with pytest.raises(RunError, match="edited after it was written"):
        recheck.recheck(run)
    mended = registration([plan("humaneval", 164, "guard", margin=0.1), plan("godot", 40)])
    mended.write(run / "registration.json")
    differences = recheck.recheck(run).differences
    assert differences[0].startswith("settings.json: registration")
    assert "does not follow" in differences[1], "the chain starts at the registration"


def test_the_statement_names_the_files_of_the_adapter(clean: Path):
    statement = json.loads((clean / "attestation.json").read_text())
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert statement["predicate"]["result"] == "PASSED"
    profile = "custom (standard, but again false, sentinels 0)"
    assert statement["predicate"]["profile"] == profile
    assert f"profile {profile}" in (clean / "scorecard.html").read_text()
    import hashlib

    digest = hashlib.sha256(
        (clean.parent / "adapter" / "adapters.safetensors").read_bytes()
    ).hexdigest()
    assert statement["subject"] == [
        {"name": "gamedev/adapters.safetensors", "digest": {"sha256": digest}}
    ]
    assert "humaneval held" in statement["predicate"]["passedTests"]
    assert {d["name"] for d in statement["predicate"]["configuration"]} >= {
        "verdict.json",
        "registration.json",
    }


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_ssh_keygen_signs_a_statement_and_finds_an_edited_one(run: Path, tmp_path: Path):
    key, signers, file = tmp_path / "key", tmp_path / "signers", run / "attestation.json"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    signers.write_text(f"release {key.with_suffix('.pub').read_text()}")
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", "harness", file], check=True)
    verify = ["ssh-keygen", "-q", "-Y", "verify", "-f", signers, "-I", "release", "-n", "harness"]
    verify += ["-s", file.with_suffix(".json.sig")]
    assert subprocess.run(verify, input=file.read_bytes(), check=False).returncode == 0
    edited = file.read_bytes().replace(b"PASSED", b"FAILED")
    assert subprocess.run(verify, input=edited, check=False, capture_output=True).returncode != 0


def test_two_runs_of_the_same_answers_have_the_same_chain(clean: Path, tmp_path: Path):
    found, rows = RunFolder(clean).registration, RunFolder(clean).receipts
    again = finish(
        tmp_path / "again",
        found,
        [receipts.Receipt(**{**r.__dict__, "seconds": 9.0}) for r in rows],
    )
    heads = [
        json.loads((folder / "verdict.json").read_text())["receipts_digest"]
        for folder in (clean, again)
    ]
    assert heads[0] == heads[1]


def test_a_resumed_run_goes_on_with_the_chain_and_refuses_an_edited_one(
    clean: Path, tmp_path: Path
):
    found, rows = RunFolder(clean).registration, RunFolder(clean).receipts
    settings = RunFolder(clean).settings.model_dump()
    folder = tmp_path / "killed"
    first = Run(folder, settings, found.digest)
    for row in rows[:100]:
        first.add(row)
    first.close()
    with (folder / "receipts.jsonl").open("ab") as file:
        file.write(b'{"suite": "humaneval", "torn')
    second = Run(folder, settings, found.digest)
    for row in rows[100:]:
        second.add(row)
    second.close()
    assert second.head == json.loads((clean / "verdict.json").read_text())["receipts_digest"]
    lines(folder, flip)
    with pytest.raises(
        RunError, match=r"receipts\.jsonl:264: this receipt or one before it was edited"
    ):
        Run(folder, settings, found.digest)


def test_the_command_says_what_differs_first(run: Path, capsys: pytest.CaptureFixture[str]):
    honest = (lambda d: None, 0, "the receipts say SHIP; all agrees")
    forged = (lambda d: d.update(verdict="VOID"), 1, "verdict.json: verdict")
    for edit, code, said in (honest, forged):
        document(run, "verdict.json", edit)
        document(
            run, "attestation.json", lambda d: d["predicate"].update(configuration=attested(run))
        )
        with pytest.raises(SystemExit) as ended:
            main(["recheck", str(run)])
        assert (ended.value.code, said in capsys.readouterr().out) == (code, True)
        with pytest.raises(SystemExit) as ended:
            main(["report", str(run)])
        page = (run / "scorecard-rechecked.html").read_text()
        assert (ended.value.code, said in page) == (code, True)


def attested(run: Path) -> list[dict[str, Any]]:
    """The configuration of the statement, as it is after the documents were written anew."""
    found = recheck.recheck(run)
    return attestation.statement(
        found.folder.registration, found.verdict, attestation.documents(run)
    )["predicate"]["configuration"]
