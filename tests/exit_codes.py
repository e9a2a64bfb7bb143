"""What makes each documented exit code of each command; ``place`` is the fixture of a workspace
whose adapters come to each verdict."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace

import click
from auditing import edit, write
from click.testing import CliRunner
from conftest import ROOT, write_workspace
from gates import QUIET, pair, plan, registration
from run_folders import author, finish
from run_folders import workspace as judged_workspace

from harness import selfscore
from harness.content.policy import Policy
from harness.datasets import samples
from harness.datasets.humaneval import problems
from harness.doors.cli.main import main
from harness.evidence import signature
from harness.gate.finished import labelling
from harness.sandbox import image, selfcheck


def run(*arguments: object) -> click.testing.Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def gate(adapter):
    def arguments(request):
        place = request.getfixturevalue("place")
        return ["--adapter", adapter, "--library", place, "--run-dir", place / "runs" / adapter]

    return arguments


def preflight(adapter, leaked=False):
    def arguments(request):
        place = request.getfixturevalue("place")
        rows = (place / "suites" / "mini" / "godot.jsonl").read_text().splitlines()
        row = {"prompt": json.loads(rows[0])["prompt"], "completion": "No."}
        write(place / "train.jsonl", json.dumps(row) + "\n")
        data = ["--train-data", place / "train.jsonl"] if leaked else []
        return ["--adapter", adapter, "--library", place, *data]

    return arguments


def released(adapter):
    def arguments(request):
        place = request.getfixturevalue("place")
        asked = ["--adapter", adapter, "--library", place]
        folder = place / "runs" / adapter
        if not folder.exists():  # the gate's own case made it
            run("gate", *asked, "--run-dir", folder)
        return [folder, *asked]

    return arguments


def labelled(adapter, most=None):
    def arguments(request):
        made, *options = released(adapter)(request)
        folder = request.getfixturevalue("tmp_path")
        run = shutil.copytree(made, folder / "run")
        asked = labelling.sample(run)
        rows = [
            {"suite": row.suite, "case": row.case, "sample": row.sample, "label": "good"}
            for row in asked.rows[:most]
        ]
        saved = {"receipts_digest": asked.head, "rows": rows}
        (folder / "labels.json").write_text(json.dumps(saved))
        return [run, "--read", folder / "labels.json", *options[2:]]

    return arguments


def reported(*, edited):
    def arguments(request):
        run = shutil.copytree(
            request.getfixturevalue("place") / "run", request.getfixturevalue("tmp_path") / "run"
        )
        if edited:
            path = run / "scorecard.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | {"look": 7}))
        return [run]

    return arguments


def audited(*options, broken=False):
    def arguments(request):
        honest = request.getfixturevalue("honest")
        if broken:
            write(honest / "verifiers" / "broken.py", "1 / 0\n")
        return ["--library", honest, *options]

    return arguments


def judged(outcome):
    def arguments(request):
        folder = request.getfixturevalue("tmp_path")
        row = {"task_id": "HumanEval/2", "completion": problems()["HumanEval/2"].canonical_solution}
        write(folder / "samples.jsonl", json.dumps(row) + "\n")
        if outcome == "unverified":
            path = folder / "results.jsonl"
            found = samples.Score(path, 1, 1, (), {}, {outcome: 1}, {}, 0.1, 0, "")
            patch = request.getfixturevalue("monkeypatch")
            patch.setattr(samples, "score", lambda *_, **__: found)
        return [folder / "samples.jsonl", "-q"]

    return arguments


def tried(answer, *case):
    def arguments(request):
        place = author(request.getfixturevalue("tmp_path") / "place")
        write(place / "answer", answer)
        return ["demo.ok", place / "answer", "--library", place, *case]

    return arguments


def rejudged(old, new):
    def arguments(request):
        place = author(request.getfixturevalue("tmp_path") / "place")
        edit(place / "verifiers" / "demo.py", old, new)
        return [place / "run", "--library", place]

    return arguments


def checked(available):
    def arguments(request):
        found = selfcheck.Check("landlock", available, "", "", (), ())
        patch = request.getfixturevalue("monkeypatch")
        patch.setattr(selfcheck, "full_check", lambda name: replace(found, backend=name))
        return []

    return arguments


def built(request):
    request.getfixturevalue("monkeypatch").setattr(image, "build_image", lambda _: "harness:1")
    return []


def shipped(gained, lost, command):
    def arguments(request):
        place = judged_workspace(request.getfixturevalue("tmp_path") / "place", gained, lost)
        asked = ["--run", place / "run", "--library", place, "--", sys.executable, "-c", command]
        return ["gamedev", *asked]

    return arguments


def void(request):
    place = request.getfixturevalue("place")
    return ["dead", "--run", place / "run", "--library", place, "--", "true"]


def paired(lost, n=164):
    def arguments(request):
        folder = request.getfixturevalue("tmp_path")
        found = registration([plan("humaneval", n, "guard")], Policy(**QUIET))
        return [
            finish(folder / "a", found, pair("humaneval", n, 10 + lost, 0, 0)),
            finish(folder / "b", found, pair("humaneval", n, 10, 0, lost)),
        ]

    return arguments


def kept(*options):
    def arguments(request):
        folder = request.getfixturevalue("tmp_path")
        request.getfixturevalue("monkeypatch").setenv("HARNESS_CACHE", str(folder / "cache"))
        write(folder / "answers.jsonl", "")
        return [*options] or [folder / "answers.jsonl"]

    return arguments


def library(old="", new=""):
    def arguments(request):
        place = write_workspace(request.getfixturevalue("tmp_path") / "place", ["gamedev"])
        edit(place / "library.yaml", old, new)
        return ["--library", place]

    return arguments


def signed(request):
    sign = request.getfixturevalue("monkeypatch").setattr
    sign(signature, "sign", lambda run, _: run / signature.NAME)  # tests/gate/test_signing.py does
    return paired(0)(request)[:1]


def taken(request):
    return [*judged("pass")(request)[:1], "--arm", "base"]


def given(request):
    run, _ = paired(0)(request)
    return [run, "--to", "model-card", "--out", run / "card.md"]


def planted(code):
    def arguments(request):
        [one] = [plant for plant in selfscore.plants() if plant.number == "F10.1"][:1]
        patch = request.getfixturevalue("monkeypatch")
        patch.setattr(selfscore, "plants", lambda: [replace(one, code=code or one.code)])
        return ["--only", "F10.1"]

    return arguments


#: what makes each exit code of each command
def drafted(request):
    document = request.getfixturevalue("tmp_path") / "book.md"
    document.write_text("The warden of the vale is Juna.")
    return [document]


CASES = {
    ("harness gate", 0): gate("gamedev"),
    ("harness gate", 1): gate("boasted"),
    ("harness gate", 2): gate("unmeasured"),
    ("harness gate", 3): gate("dead"),
    ("harness preflight", 0): preflight("gamedev"),
    ("harness preflight", 1): preflight("gamedev", leaked=True),
    ("harness preflight", 3): preflight("dead"),
    ("harness recheck", 0): reported(edited=False),
    ("harness recheck", 1): reported(edited=True),
    ("harness release-check", 0): released("gamedev"),
    ("harness release-check", 1): released("boasted"),
    ("harness release-check", 2): released("unmeasured"),
    ("harness release-check", 3): released("dead"),
    ("harness label", 0): labelled("gamedev"),
    ("harness label", 1): labelled("boasted"),
    ("harness label", 2): labelled("gamedev", 1),
    ("harness label", 3): labelled("dead"),
    ("harness report", 0): reported(edited=False),
    ("harness report", 1): reported(edited=True),
    ("harness audit", 0): audited("honest_sentence.it"),
    ("harness audit", 1): audited("--check", broken=True),
    ("harness audit", 2): audited("--new", "fresh.one"),
    ("harness audit", 3): audited("--check"),
    ("harness judge", 0): tried("four", "--case", "four"),
    ("harness judge", 1): tried("five", "--case", "four"),
    ("harness judge", 2): tried("four", "--prompt", "x"),
    ("harness rejudge", 0): rejudged("demo", "demo"),
    ("harness rejudge", 1): rejudged("==", "!="),
    ("harness rejudge", 2): rejudged("demo.ok", "demo.other"),
    ("harness humaneval", 0): judged("pass"),
    ("harness humaneval", 2): judged("unverified"),
    ("harness import", 0): taken,
    ("harness export", 0): given,
    ("harness facts", 0): drafted,
    ("harness library", 0): lambda request: ["--library", ROOT],
    ("harness library", 1): library("status: candidate", "status: shipped"),
    ("harness doctor", 0): library(),
    ("harness doctor", 1): library("- mini", "- maxi"),
    ("harness ship", 0): shipped(0, 2, "pass"),
    ("harness ship", 1): shipped(0, 2, "1 / 0"),
    ("harness ship", 2): shipped(2, 5, "pass"),
    ("harness ship", 3): void,
    ("harness sign", 0): signed,
    ("harness compare", 0): paired(0),
    ("harness compare", 1): paired(30),
    ("harness compare", 2): paired(0, n=40),
    ("harness selfscore", 0): planted(None),
    ("harness selfscore", 1): planted("said-of-nothing"),
    ("harness cache prune", 0): kept("--keep", "1"),
    ("harness cache export", 0): kept(),
    ("harness cache import", 0): kept(),
    ("harness init", 0): lambda request: [request.getfixturevalue("tmp_path") / "own"],
    ("harness sandbox check", 0): checked(True),
    ("harness sandbox check", 1): checked(False),
    ("harness sandbox build", 0): built,
}
