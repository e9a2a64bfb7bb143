"""The image with programs: what goes into it is read from the content, and a verifier is judged by
what its sandbox has."""

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import ROOT

from harness import Answer, Case, passed, verifier
from harness.audit.bound import binding
from harness.content import fixtures, workspace
from harness.doors.cli.main import main
from harness.errors import SandboxError
from harness.gate.newcomers.facets import Judgeable, judgeable, programs_of
from harness.judging.discovery import discover
from harness.judging.verifier import Outcome
from harness.judging.workers import Judges
from harness.sandbox import debian, image
from harness.sandbox.backends import docker

IMAGE = {name: f"Debian 13 {name} 1 (abc)" for name in ("g++", "glslangValidator", "sh")}


def build(*asked: str) -> tuple[int, str]:
    said = CliRunner().invoke(main, ["sandbox", "build", *asked])
    return said.exit_code, said.output


def without(folder: Path, *names: str) -> str:
    """A PATH on which everything of this machine is but the programs called so."""
    folder.mkdir()
    for place in reversed(os.get_exec_path()):
        for program in Path(place).glob("*"):
            link = folder / program.name
            link.unlink(missing_ok=True)
            if program.name not in names:
                link.symlink_to(program)
    return str(folder)


def test_what_a_family_needs_is_read_from_its_verifiers(monkeypatch, tmp_path):
    asked: list[tuple[str, ...]] = []

    def built(_base: str | None = None, programs: tuple[str, ...] = ()) -> str:
        asked.append(tuple(programs))
        return "harness:1"

    monkeypatch.setattr(image, "build_image", built)
    assert build("--with", "gamedev")[0] == 0
    assert asked == [(), ("g++", "glslangValidator", "sh")]  # the image that is always there too
    assert debian.packages(asked[1]) == ["dash", "g++", "glslang-tools"]
    assert programs_of(None, ["gamedev/game-patterns"]) == ["g++"]
    code, said = build("--with", "gamedv")
    assert (code, "expected a folder of" in said, "gamedev, " in said) == (4, True, True), said
    assert "none of its criteria starts a program" in build("--with", "pocket")[1]
    (tmp_path / "verifiers").mkdir()
    shutil.copy(ROOT / "library.yaml", tmp_path)
    code, said = build("--with", "gamedev", "--library", str(tmp_path))
    assert (code, "cannot be asked: no such verifier" in said) == (4, True), said
    assert len(asked) == 2


def test_what_cannot_be_built_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SandboxError, match=r"apt-get, dpkg-deb.* not here: run it on Debian"):
        debian.unpack(["g++"], tmp_path / "root")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody")
    monkeypatch.setattr(debian, "unpack", lambda *_: pytest.fail("fetched for no daemon"))
    with pytest.raises(SandboxError, match="no Docker daemon answers"):
        image.build_image(programs=["g++"])


def test_a_verifier_is_bound_to_the_programs_of_the_sandbox_that_runs_it(monkeypatch):
    monkeypatch.setattr(docker, "brought", lambda: {"nobody-has-this": "Debian 13 it 1 (abc)"})

    def made(*executables: str, sandbox: bool = True):
        judge = (lambda case, answer, sandbox: passed()) if sandbox else lambda *_: passed()
        needs = {"executables": executables, "sandbox": sandbox, "kind": "program"}
        return verifier("a.b", version=1, facet="a", **needs)(judge)

    class Place:
        name = "docker"

    rare, usual = made("nobody-has-this"), made("env")
    assert rare.tools("docker") == {"nobody-has-this": "Debian 13 it 1 (abc)"}
    assert rare.tools("landlock") == {"nobody-has-this": "missing"}
    assert binding.known(rare, "", "docker")["tools"] != binding.known(rare, "", None)["tools"]
    assert usual.tools("docker") == usual.tools()  # this machine has it: the image is not asked
    assert made("env", "nobody-has-this").tools("docker")["env"] == "missing"  # one place for all
    assert made("nobody-has-this", sandbox=False).tools("docker") == rare.tools("landlock")
    case, answer = Case("c", "p", {}), Answer("x")
    assert rare.judge(case, answer, Place()).outcome is Outcome.PASS
    assert rare.judge(case, answer, None).reason == "tool-missing"


def test_doctor_says_what_the_image_brings_and_what_to_type_without(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", without(tmp_path / "bin", "g++", "glslangValidator"))
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    place, found = workspace.find(str(ROOT)), discover(ROOT / "verifiers")

    def said() -> dict[str, Judgeable]:
        return {one.facet: one for one in judgeable(place, found, "docker")}

    monkeypatch.setattr(docker, "brought", lambda: IMAGE)
    assert said()["game-patterns"].missing == ""
    assert said()["game-patterns"].here.endswith(
        "clean (executed); with g++ of the image of docker"
    )
    monkeypatch.setattr(docker, "brought", dict)
    lacking = said()
    assert lacking["game-patterns"].here == "no criterion"
    assert "behaves: not installed: g++" in lacking["game-patterns"].missing
    if shutil.which("apt-get"):
        assert lacking["shaders"].missing.endswith("; harness sandbox build --with gamedev")
    assert (lacking["netcode"].missing, "of docker" in lacking["netcode"].here) == ("", False)


@pytest.mark.slow
@pytest.mark.docker
def test_answers_are_judged_by_the_programs_of_an_image(monkeypatch, tmp_path):
    try:
        image.build_image()
        image.build_image(programs=programs_of(None, ["gamedev"]))
    except SandboxError as error:
        pytest.skip(str(error))
    assert docker.brought()["g++"].startswith("Debian 13 g++ ")
    monkeypatch.setenv("PATH", without(tmp_path / "bin", "g++", "glslangValidator"))
    for id in ("patterns.behaves", "shaders.compiles"):
        known = fixtures.read(ROOT / "audits", id).fixtures
        chosen = [next(one for one in known if one.good is good) for good in (True, False)]
        with Judges(ROOT / "verifiers", "docker", 1) as judges:
            said = [judges.judge([id], one.case, one.answer).result()[0] for one in chosen]
        assert [one.outcome for one in said] == [Outcome.PASS, Outcome.FAIL], said
        with Judges(ROOT / "verifiers", "landlock", 1) as judges:  # it brings none
            said = judges.judge([id], chosen[0].case, chosen[0].answer).result()
        assert [one.reason for one in said] == ["tool-missing"]
