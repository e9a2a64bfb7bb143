"""``harness label`` on a finished run: by a person in the terminal or in a browser, by another
verifier; what was given stays, and the run decides again and still agrees with itself."""

import json
import shutil

import pytest
from click.testing import CliRunner
from gates import QUIET, pair, plan, registration
from run_folders import change, finish

from harness.content.policy import Policy
from harness.doors.cli.main import main
from harness.evidence.folder import RunFolder
from harness.gate.finished import labelling, recheck


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    found = registration(
        [plan("humaneval", 164, "guard"), plan("godot", 40)],
        Policy(**QUIET, label="trained", labels=5),
        trained_by=["godot.ok"],
    )
    rows = [*pair("humaneval", 164, 58, 0, 2), *pair("godot", 40, 0, 35, 0)]
    return finish(tmp_path_factory.mktemp("label") / "run", found, rows)


@pytest.fixture
def run(clean, tmp_path):
    return shutil.copytree(clean, tmp_path / "run")


def said(*arguments, keys=""):
    result = CliRunner().invoke(main, ["label", *map(str, arguments)], input=keys)
    return result.exit_code, result.output


def test_a_run_waits_for_its_labels(run):
    assert [r.code for r in recheck.recheck(run).verdict.deciding] == ["unlabelled"]


def test_a_person_labels_in_two_sittings(run):
    code, text = said(run, "--name", "Ada", keys="g\ng\nq\n")
    assert (code, "2 of 5 are labelled; 3 are left" in text) == (2, True)
    assert (
        said(run, "--name", "Bob", keys="g\n")[1]
        .rstrip()
        .endswith("remove its labels to begin anew")
    )
    code, text = said(run, "--name", "Ada", keys="g\ng\ng\n")
    assert (code, "0 of 5 labelled passes are fake" in text) == (0, True)
    found = recheck.recheck(run)
    assert (found.verdict.name, found.differences) == ("SHIP", [])
    assert RunFolder(run).labels.by == "Ada"


def test_fakes_do_not_ship(run):
    code, text = said(run, keys="b\nb\nb\nb\nu\n")
    assert code == 2, "35 gained passes may all be fake"
    assert "5 of 5 labelled passes are fake, so at most 35 of 35" in text
    assert [r.code for r in recheck.recheck(run).verdict.deciding] == ["no-gain"]


def test_labels_that_were_edited_are_found(run):
    said(run, keys="g\ng\ng\ng\nb\n")
    change(run / "labels.json", lambda d: d["rows"][-1].update(label="good"))
    assert recheck.recheck(run).differences


def test_a_run_that_was_edited_is_not_labelled(run):
    change(run / "verdict.json", lambda d: d.update(verdict="SHIP"))
    assert said(run, keys="g\n")[0] == 4


def test_labels_from_a_page(run, tmp_path):
    page, saved = tmp_path / "sheet.html", tmp_path / "labels.json"
    assert said(run, "--sheet", page)[0] == 0
    assert page.read_text().count("<fieldset") == 5
    asked = labelling.sample(run)
    rows = [{"suite": r.suite, "case": r.case, "sample": r.sample, "label": "good"}
            for r in asked.rows]  # fmt: skip
    saved.write_text(json.dumps({"receipts_digest": "sha256:another", "rows": rows}))
    assert "the labels of another run" in said(run, "--read", saved)[1]
    saved.write_text(json.dumps({"receipts_digest": asked.head, "rows": rows}))
    assert said(run, "--read", saved)[0] == 0


def test_an_answer_that_was_not_drawn_is_refused(run, tmp_path):
    asked, saved = labelling.sample(run), tmp_path / "labels.json"
    row = {"suite": "godot", "case": "godot/39", "sample": 0, "label": "good"}
    saved.write_text(json.dumps({"receipts_digest": asked.head, "rows": [row]}))
    assert "is not in the sample" in said(run, "--read", saved)[1]
