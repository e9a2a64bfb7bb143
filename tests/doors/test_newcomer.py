"""From nothing to a gate of one's own: init, doctor, an action of CI, hooks."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import POCKET, ROOT, write_workspace

from harness.content import library, workspace
from harness.doors.cli.main import main
from harness.gate.prepare import Options, look_up

BASE, ADAPTER = str(POCKET / "base"), str(POCKET / "adapters" / "gamedev")

NEEDY = """
from harness import passed, verifier


@verifier("java.parses", version=1, facet="pocket-java", packages=["nobody-has-this"])
def parses(case, answer):
    return passed()
"""


def run(capsys: pytest.CaptureFixture[str], *asked: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(asked))
    said = capsys.readouterr()
    return int(ended.value.code), said.out + said.err


def init(capsys, place: Path, *more: str) -> tuple[int, str]:
    return run(capsys, "init", str(place), "--base", BASE, "--adapter", ADAPTER, *more)


def test_a_newcomer_gets_a_workspace_of_the_own_base_and_adapter(tmp_path, monkeypatch, capsys):
    place = tmp_path / "mine"
    code, said = init(capsys, place, "--facet", "quests")
    assert code == 0, said
    listed = library.load(workspace.find(place))
    assert [*listed.bases, *listed.adapters] == ["base", "gamedev"]
    assert listed.adapters["gamedev"].facets == ["quests"]
    assert not (place / "examples").exists()
    wanted = look_up(Options("gamedev", library=str(place)))
    assert {id: len(each.cases) for id, each in wanted.suites.items()} == {
        "humaneval": 164,
        "quests": 2,
    }
    monkeypatch.chdir(place)
    code, said = run(capsys, "doctor")
    assert code == 0, said
    for what in (
        "base base: for gamedev",
        "verifier quests.form: for suite quests",
        "sandbox: for",
    ):
        assert f"ok       {what}" in said, said
    code, said = init(capsys, place)
    assert (code, "already holds library.yaml" in said) == (4, True)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            ("--base", ADAPTER, "--adapter", ADAPTER),
            "lacks config.json, tokenizer.json; expected a",
        ),
        (("--base", BASE, "--adapter", BASE), "adapter"),
        (("--base", BASE), "--base and --adapter belong together"),
        (("--base", BASE, "--adapter", ADAPTER, "--facet", "my facet"), "--facet 'my facet'"),
        (("--base", BASE, "--adapter", ADAPTER, "--facet", "_x"), "--facet '_x'"),
        (("--base", BASE, "--adapter", ADAPTER, "--facet", "humaneval"), "than its guard's"),
    ],
)
def test_what_is_no_base_or_no_adapter_writes_nothing(tmp_path, capsys, asked, said):
    code, told = run(capsys, "init", str(tmp_path / "mine"), *asked)
    assert (code, said in told) == (4, True), told
    assert not (tmp_path / "mine").exists()


def test_doctor_says_what_is_missing_for_what(tmp_path, capsys):
    place = write_workspace(tmp_path, ["gamedev"])
    (place / "verifiers").mkdir()
    (place / "verifiers/java.py").write_text(NEEDY)
    library = place / "library.yaml"
    library.write_text(library.read_text().replace("adapters/gamedev", "adapters/gone"))
    assert "ok       policy: for every gate" in run(capsys, "doctor", "--library", str(place))[1]
    library.write_text(library.read_text() + "gate: {margins: {mini/jawa: 0.05}}\n")
    code, said = run(capsys, "doctor", "--library", str(place))
    lines = said.splitlines()
    assert code == 1
    missing = [n for n, line in enumerate(lines) if line.startswith("missing")]
    told = {lines[n].split(": for ")[0].split(None, 1)[1]: lines[n + 1] for n in missing}
    assert "found 'mini/jawa'; expected a suite" in told["policy"]
    assert "no such folder" in told["adapter gamedev"]
    assert "not installed: nobody-has-this" in told["verifier java.parses"]
    assert "no such verifier" in told["verifier pocket_godot.parses"]
    assert "ok       suite mini: for the gate of gamedev" in lines


def test_doctor_says_of_each_facet_what_can_be_judged_here(tmp_path, capsys):
    place = write_workspace(tmp_path, ["gamedev"])
    code, said = run(capsys, "init", str(place), "--facets", "gamedev")
    assert code == 0, said
    assert (place / "suites/gamedev/godot/README.md").is_file()
    assert (place / "audits/_godot/goods.yaml").is_file()
    judge = place / "verifiers/godot.py"
    own = judge.read_text().replace('"gdtoolkit", "lark"', '"nobody-has-this", "lark"', 1)
    said = run(capsys, "doctor", "--library", str(place))[1]
    line = next(one for one in said.splitlines() if "facet godot" in one)
    assert line.startswith("ok ")
    assert "parses (parsed)" in line
    judge.write_text(own)
    said = run(capsys, "doctor", "--library", str(place))[1]
    line = next(one for one in said.splitlines() if "facet godot" in one)
    assert line.startswith("ok ")  # nobody owes it
    assert "not installed: nobody-has-this" in line
    library = place / "library.yaml"
    library.write_text(library.read_text().replace("- mini", "- mini\n    - gamedev", 1))
    code, said = run(capsys, "doctor", "--library", str(place))
    lines = said.splitlines()
    at = next(n for n, one in enumerate(lines) if "facet godot" in one)
    assert (code, lines[at][:7]) == (1, "missing")
    assert "pip install 'adapter-release-gate[gamedev]'" in lines[at + 1]


def test_a_family_that_does_not_ship_is_named(tmp_path, capsys):
    code, said = run(capsys, "init", str(tmp_path), "--facets", "gardening")
    assert (code, "expected a family: gamedev" in said) == (4, True)
    assert list(tmp_path.iterdir()) == []


ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}


def test_the_action_says_only_what_an_action_may_say():
    """Metadata of composite actions as GitHub documents it."""
    assert {*ACTION} == {"name", "description", "inputs", "outputs", "runs"}
    for one in ACTION["inputs"].values():
        assert {"description"} <= {*one} <= {"description", "required", "default"}
    assert all({*one} == {"description", "value"} for one in ACTION["outputs"].values())
    assert ({*ACTION["runs"]}, ACTION["runs"]["using"]) == ({"using", "steps"}, "composite")
    for step in STEPS.values():
        allowed = {"run", "shell", "env"} if "run" in step else {"uses", "with"}
        assert {*step} <= allowed | {"name", "id", "if"}
        assert "run" not in step or step["shell"] == "bash"
        assert "${{" not in step.get("run", "")  # what a name holds is never part of a script
    text = (ROOT / "action.yml").read_text()
    assert {*re.findall(r"inputs\.([\w-]+)", text)} == {*ACTION["inputs"]}
    ids = {step["id"] for step in STEPS.values() if "id" in step}
    assert {*re.findall(r"steps\.(\w+)\.", text)} <= ids


def filled(value: str, given: dict[str, str]) -> str:
    """An expression of the action as GitHub would fill it in."""
    value = re.sub(r"\$\{\{ inputs\.install \|\| github\.action_path \}\}", str(ROOT), value)
    return re.sub(
        r"\$\{\{ (?:inputs|steps.gate.outputs)\.([\w-]+) \}\}", lambda m: given[m[1]], value
    )


def step(name: str, at: Path, path: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Run one step of the action in a shell, as a runner does."""
    defaults = {key: one.get("default", "") for key, one in ACTION["inputs"].items()}
    env: dict[str, Any] = {**os.environ, "PATH": path}
    env |= {key: filled(value, defaults | given) for key, value in STEPS[name]["env"].items()}
    env |= {"GITHUB_OUTPUT": str(at / "output"), "GITHUB_STEP_SUMMARY": str(at / "summary.md")}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]["run"]]
    return subprocess.run(command, cwd=at, env=env, capture_output=True, text=True, check=False)


def stub(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    ("code", "verdict"), [(0, "SHIP"), (1, "NO-SHIP"), (2, "INCONCLUSIVE"), (3, "VOID"), (4, "")]
)
def test_the_action_ends_as_the_verdict_says(tmp_path: Path, code: int, verdict: str):
    stub(tmp_path, "harness", f'echo "$@"; exit {code}')
    given = {"adapter": "soul; touch owned", "library": "here"}
    ran = step("Gate", tmp_path, f"{tmp_path}:{os.environ['PATH']}", **given)
    assert ran.returncode == code
    assert (
        "gate --adapter soul; touch owned --library here --run-dir runs/soul; touch owned"
        in ran.stdout
    )
    assert (tmp_path / "output").read_text() == (
        f"run=runs/soul; touch owned\nverdict={verdict}\nexit-code={code}\n"
    )
    summary = tmp_path / "summary.md"  # which the gate writes, where it has a verdict
    assert verdict or summary.read_text() == "## could not run: `soul; touch owned`\n"
    assert summary.exists() is not bool(verdict)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("upload", ["published", "all", "alll"])
def test_the_action_keeps_no_held_out_text_unless_it_is_told_to(tmp_path: Path, upload: str):
    run = tmp_path / "runs" / "soul"
    run.mkdir(parents=True)
    (run / "verdict.json").touch()
    stub(tmp_path, "harness", 'echo "$@" >> asked')
    path = f"{tmp_path}:{os.environ['PATH']}"
    ran = step("Choose what is kept", tmp_path, path, run="runs/soul", upload=upload)
    if upload == "alll":
        assert (ran.returncode, "expected published or all" in ran.stdout) == (1, True)
        return
    names = ["scorecard-published.html", "scorecard.md", "attestation.json"]
    kept = [f"runs/soul/{name}" for name in names] if upload == "published" else ["runs/soul"]
    assert (tmp_path / "output").read_text().splitlines() == ["paths<<END", *kept, "END"]
    asked = (tmp_path / "asked").read_text() if (tmp_path / "asked").exists() else ""
    assert asked == ("report runs/soul --publish --library .\n" if upload == "published" else "")
    assert STEPS["Keep the run"]["with"]["path"] == "${{ steps.keep.outputs.paths }}"
    assert ACTION["inputs"]["upload"]["default"] == "published"


def test_the_action_installs_where_nothing_is_installed_and_asks_the_doctor(tmp_path: Path):
    stub(tmp_path, "python", 'echo "$@"')
    path = f"{tmp_path}:/usr/bin:/bin"
    assert f"-m pip install {ROOT}" in step("Install", tmp_path, path).stdout
    stub(tmp_path, "harness", "echo doctor: $2 $3; exit 1")
    assert step("Install", tmp_path, path).stdout == ""
    ran = step("Say what is missing", tmp_path, path)
    assert (ran.returncode, "::warning::" in ran.stdout) == (0, True)


def test_the_hooks_are_a_manifest_and_run_in_a_shell(tmp_path: Path):
    clientlib = pytest.importorskip("pre_commit.clientlib")
    hooks = {h["id"]: h for h in clientlib.load_manifest(str(ROOT / ".pre-commit-hooks.yaml"))}
    place = write_workspace(tmp_path / "place", ["gamedev"])
    stub(tmp_path, "harness", f'exec "{sys.executable}" -m harness "$@"')
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def ends(id: str) -> tuple[int, str]:
        ran = subprocess.run(["bash", "-c", hooks[id]["entry"]], cwd=place, env=env, text=True,
                             capture_output=True, check=False)  # fmt: skip
        return ran.returncode, ran.stdout + ran.stderr

    assert ends("harness-library")[0] == 0
    text = (place / "library.yaml").read_text()
    (place / "library.yaml").write_text(text.replace("status:", "statsu:"))
    assert ends("harness-library")[0] == 4
    (place / "library.yaml").write_text(text.replace("- mini", "- maxi"))
    code, said = ends("harness-doctor")
    assert (code, "no suite 'maxi'" in said) == (1, True)
    assert hooks["harness-audit"]["entry"] == "harness audit --check"
