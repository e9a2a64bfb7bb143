"""A document that is torn, emptied, wrongly typed, not UTF-8, missing or of another format is one
sentence that names it, wherever a run is read; and what is whole is read without one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gates import LOOK, judge, pair, plan, registration
from run_folders import REPORTS, begin, change, change_lines, finish, settings

from harness.errors import RunError, WorkspaceError
from harness.evidence.documents import FORMAT
from harness.evidence.ledger import Ledger
from harness.evidence.registration import read
from harness.evidence.run import Run
from harness.gate.finished import recheck, report

FOUND = registration([plan("godot", 4)])
ROWS = pair("godot", 4, 1, 2, 1)
DOCUMENTS = (
    "settings.json", "registration.json", "registered.json", "preflight.json", "secret.json",
    "certificates/godot.ok.json", "receipts.jsonl", "scorecard.json", "verdict.json",
    "attestation.json",
)  # fmt: skip
#: a run that is resumed concludes again where it lacks the end, and judges again what it lacks
EXCUSED = {
    ("attestation.json", "resumed"): ["not there: not a word"],
    ("receipts.jsonl", "resumed"): [
        *(f"cut at {part}: not a word" for part in (0.2, 0.5, 0.9)),
        "is '': not a word",
    ],
}
Damage = tuple[str, Callable[[Path], object]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of four prompts that was registered ahead."""
    return finish(tmp_path_factory.mktemp("whole") / "run", FOUND, ROWS, registered=FOUND)


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return shutil.copytree(whole, tmp_path / "run")


def rechecked(run: Path) -> str:
    """The first difference, empty where all agrees."""
    return (recheck.recheck(run).differences or [""])[0]


def reported(run: Path) -> str:
    """What the page says of the documents, empty where it says that all agrees."""
    page = report.report(run, REPORTS, run.parent / "page.html")[0].read_text()
    said = page.partition('role="status">')[2].partition("</p>")[0]
    assert said.startswith("rechecked with harness"), "the page says nothing"
    return "" if said.endswith("all agrees") else said.partition("differ, first: ")[2]


def resumed(run: Path) -> str:
    """Nothing, where the run goes on."""
    Run(run, settings(FOUND), FOUND.digest).close()
    return ""


DOORS = (rechecked, reported, resumed)


def another(value: object) -> object:
    """A value of a type that no field takes in place of this one."""
    return {"list": {"7": 7}, "dict": [7]}.get(type(value).__name__, [7])


def unreadable(path: Path) -> None:
    """Which permissions cannot make it for root: a link that leads to itself."""
    path.unlink()
    path.symlink_to(path)


def in_its_place(path: Path) -> None:
    path.unlink()
    path.mkdir()


def of_bytes(data: bytes) -> Iterator[Damage]:
    """Damage to any file."""
    for part in (0.2, 0.5, 0.9):
        left = data[: int(len(data) * part)]
        yield f"cut at {part}", lambda path, left=left: path.write_bytes(left)
    for text in ("", "null", "[]", '"x"', "{", "[" * 100_000):
        yield f"is {text[:9]!r}", lambda path, text=text: path.write_text(text + "\n" * bool(text))
    bad = data[: len(data) // 2] + b"\xff" + data[len(data) // 2 + 1 :]
    yield "a bad byte", lambda path: path.write_bytes(bad)
    yield "not there", lambda path: path.unlink()
    yield "a folder", in_its_place
    yield "unreadable", unreadable


def of_fields(
    row: dict, edit: Callable[[Path, Callable[[dict], object]], object]
) -> Iterator[Damage]:
    """Damage to each field of a document, which ``edit`` rewrites."""
    for stated in (FORMAT + 1, "1", True, None):
        yield f"format {stated!r}", lambda path, v=stated: edit(path, lambda d: with_format(d, v))
    yield "unknown key", lambda path: edit(path, lambda d: d.update({"\udc80": 1}))
    for key in row:
        yield f"no {key}", lambda path, key=key: edit(path, lambda d: d.pop(key))
        yield (
            f"{key} retyped",
            lambda path, key=key: edit(path, lambda d: d.update({key: another(d[key])})),
        )


def with_format(data: dict, stated: object) -> None:
    (data if "format" in data else data["predicate"])["format"] = stated


def of_a_line(path: Path, edit: Callable[[dict], object]) -> None:
    change_lines(path, lambda rows: edit(rows[1]))


def damages(path: Path) -> Iterator[Damage]:
    yield from of_bytes(path.read_bytes())
    lines = path.suffix == ".jsonl"
    row = json.loads(path.read_text().splitlines()[1] if lines else path.read_text())
    yield from of_fields(row, of_a_line if lines else change)


def verdict_on(said: str, name: str) -> str:
    """What is wrong with a sentence: it must be one, and name the document."""
    if not said:
        return "not a word"
    if "\n" in said:
        return f"more than a sentence: {said!r}"
    return "" if name in said else f"names another: {said}"


def of_door(door: Callable[[Path], str | None], path: Path) -> str:
    """What a door says of what it was given, an error included."""
    try:
        return door(path) or ""
    except RunError as error:
        return str(error)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_damaged_document_is_one_sentence_that_names_it(run: Path, whole: Path, name: str, door):
    tried, wrong = 0, []
    for label, damage in damages(whole / name):
        path = run / name
        damage(path)
        if fault := verdict_on(of_door(door, run), name):
            wrong.append(f"{label}: {fault}")
        tried += 1
        shutil.rmtree(run)
        shutil.copytree(whole, run)
    assert [label for label in wrong if label not in EXCUSED.get((name, door.__name__), ())] == []
    assert tried > 20
    assert door(run) == "", "the clean twin"


def test_a_whole_run_is_resumed_without_a_changed_byte(run: Path, whole: Path):
    assert (rechecked(run), reported(run), resumed(run)) == ("", "", "")
    names = {path.relative_to(whole) for path in whole.rglob("*")}
    assert {path.relative_to(run) for path in run.rglob("*")} == names, "no page, no draft"
    for name in DOCUMENTS:
        assert (run / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize("name", ["registered.json", "scorecard.html"])
def test_what_the_statement_names_must_be_there(run: Path, name: str):
    (run / name).unlink()
    assert name in of_door(rechecked, run)


def test_the_page_of_the_end_is_attested_and_stays(run: Path):
    """A report is another page, and an edited scorecard.html is found."""
    attested = (run / "scorecard.html").read_bytes()
    page, _ = report.report(run, REPORTS)
    assert page == run / "scorecard-rechecked.html"
    assert (run / "scorecard.html").read_bytes() == attested
    assert "rechecked with harness" not in attested.decode(), (
        "written before anybody could recheck it"
    )
    with pytest.raises(RunError, match="names; give --out another name"):
        report.report(run, REPORTS, run.parent / "run" / "scorecard.html")
    (run / "scorecard.html").write_bytes(attested.replace(b"INCONCLUSIVE", b"SHIP"))
    assert "scorecard.html" in rechecked(run)


def test_a_page_of_documents_that_do_not_agree_names_the_first_and_shows_the_receipts(run: Path):
    change(run / "verdict.json", lambda d: d.update(verdict="SHIP", exit_code=0))
    page, found = report.report(run, REPORTS, run.parent / "page.html")
    text = page.read_text()
    assert f"{len(found.differences)} differ, first: verdict.json: verdict: found" in text
    assert f'<p class="badge {found.verdict.name}">' in text
    assert found.verdict.name != "SHIP"


def test_receipts_that_were_not_judged_on_what_was_registered_give_no_number(run: Path):
    change_lines(run / "receipts.jsonl", lambda rows: rows[1]["findings"].clear())
    found = recheck.recheck(run)
    assert found.verdict is None
    assert any("receipts.jsonl:2: godot godot/1 (base): findings" in d for d in found.differences)
    with pytest.raises(RunError, match="no page is made of that"):
        report.report(run, REPORTS)


def test_a_run_without_an_end_is_told_how_to_end(tmp_path: Path):
    begin(tmp_path / "run", FOUND).close()
    with pytest.raises(RunError, match=r"run: not finished: .* gate again with --run-dir"):
        rechecked(tmp_path / "run")
    page, found = report.report(tmp_path / "run", REPORTS)
    assert len(found.differences) == 1
    text = page.read_text()
    assert "<title>not finished: " in text
    assert f"gate again with --run-dir {tmp_path / 'run'}" in text
    page.unlink()
    assert resumed(tmp_path / "run") == ""
    with pytest.raises(RunError, match="not a run folder: it has no settings"):
        rechecked(tmp_path)


def test_a_document_of_another_shape_is_never_written(tmp_path: Path):
    run = begin(tmp_path / "run", FOUND)
    for wrong in ({"verdict": "SHIP"}, {"surprise": 1}):
        with pytest.raises((ValueError, TypeError)):
            run.write("verdict.json", wrong)
    assert not (tmp_path / "run" / "verdict.json").exists()
    run.close()


def test_a_damaged_look_makes_the_ledger_faulty_with_one_sentence(tmp_path: Path):
    ledger, silent = Ledger(tmp_path / "looks"), []
    ledger.record(LOOK)
    path = shutil.copy(ledger.recorded, tmp_path / "whole")
    assert Ledger(ledger.folder).faults([LOOK.name]) == []
    for label, damage in damages(Path(path)):
        look = ledger.folder / f"{LOOK.name}.json"
        shutil.copy(path, look)
        damage(look)
        [said] = Ledger(ledger.folder).faults([LOOK.name])
        if not said.startswith(str(look)) or "\n" in said:
            silent.append((label, said))
        look.rmdir() if look.is_dir() else look.unlink(missing_ok=True)
    assert silent == []


def test_a_damaged_registration_is_to_be_written_again(tmp_path: Path):
    path = tmp_path / "gamedev.json"
    FOUND.write(path)
    whole = path.read_bytes()
    for label, damage in damages(path):
        damage(path)
        with pytest.raises(WorkspaceError) as found:
            read(path)
        assert not verdict_on(str(found.value), "gamedev.json"), label
        if label != "not there":
            path.rmdir() if path.is_dir() else path.unlink()
        path.write_bytes(whole)
    assert read(path) == FOUND


def test_another_version_is_named_where_it_matters(run: Path, tmp_path: Path):
    """A registration, a run that goes on, and a run that is rechecked."""
    older = FOUND.model_copy(update={"harness": "0.0.9"})
    void = judge(FOUND, ROWS, registered=older).verdict
    assert void.name == "VOID"
    assert "registered: harness was '0.0.9' when registered and is" in void.reasons[0].text
    with pytest.raises(RunError, match=r"'harness' was '0\.1\.0' and is '0\.2\.0'"):
        Run(run, settings(FOUND, harness="0.2.0", registration="other"), FOUND.digest)
    old = finish(tmp_path / "old", older, ROWS, harness="0.0.9")
    assert recheck.recheck(old).sentence.endswith("all agrees, as harness 0.0.9 computed it")
    change(old / "verdict.json", lambda d: d.update(exit_code=0))
    assert rechecked(old).startswith("settings.json: harness: made by harness 0.0.9, and this is ")
