"""The wheel runs outside of the checkout, with its own copy of the workspace."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest
from conftest import ROOT


def run(*command, cwd, **environment):
    result = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_help_is_there_without_heavy_imports(tmp_path):
    code = (
        "import sys, harness.doors.cli.main\ntry: harness.doors.cli.main.main(['--help'])\nexcept"
        " SystemExit: pass\nheavy = {'mlx', 'pandas', 'scipy', 'docker', 'jinja2', 'rich',"
        " 'statsmodels', 'transformers'} & set(sys.modules)\nassert not heavy, heavy"
    )
    assert "release gate" in run(sys.executable, "-c", code, cwd=tmp_path)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling")
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out), cwd=ROOT)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_the_workspace_and_starts_one(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]
        archive.extractall(tmp_path / "site")
    python = {"PYTHONPATH": str(tmp_path / "site"), "PYTHONSAFEPATH": "1"}
    code = (
        "import harness, harness.doors.cli.main, sys; assert 'site' in harness.__file__,"
        " harness.__file__; harness.doors.cli.main.main(sys.argv[1:])"
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "gamedev" in run(sys.executable, "-c", code, "library", cwd=empty, **python)
    run(sys.executable, "-c", code, "init", "demo", cwd=empty, **python)
    assert {p.name for p in (empty / "demo").iterdir()} >= {
        "library.yaml",
        "suites",
        "verifiers",
        "audits",
        "reports",
    }
    assert "gamedev" in run(sys.executable, "-c", code, "library", cwd=empty / "demo", **python)
    assert "VALID" in run(
        sys.executable, "-c", code, "audit", "godot.extends", cwd=empty / "demo", **python
    )
