"""A tiny base with an honest adapter on it, as fixtures, and the preflight of what a test makes of
them."""

import shutil

import pytest
import yaml
from tiny_model import make_adapter, make_base

from harness.content import library, workspace
from harness.digests import folder_digest
from harness.engines.mlx import MlxEngine
from harness.subjects.adapter import preflight

PROBE = ["def add(a, b):", "func _ready() -> void:", "Write a function", "The quick brown fox"]


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="session")
def trained(base):
    """An honest adapter that records its base."""
    return make_adapter(base.parent / "trained", base, trained_on_base=folder_digest(base))


@pytest.fixture(scope="session")
def engine(base):
    return MlxEngine(base)


@pytest.fixture
def adapter(trained, tmp_path):
    """A copy of the honest adapter to break."""
    return shutil.copytree(trained, tmp_path / "adapter")


@pytest.fixture
def check(base, adapter, engine, tmp_path):
    """Write a library for the adapter, run the preflight, and give back its finding."""

    def run(memory=None, on=None, **keys):
        entry = {
            "path": str(adapter),
            "base": "tiny",
            "status": "candidate",
            "facets": ["f"],
            "suites": ["s"],
            **keys,
        }
        file = tmp_path / "library.yaml"
        file.write_text(
            yaml.safe_dump(
                {"bases": {"tiny": {"path": str(on or base)}}, "adapters": {"new": entry}}
            )
        )
        found = workspace.find(file)
        resolved = library.resolve(found, library.load(found), "new")
        box = MlxEngine(on) if on else engine
        probe = [box.encode(text, "completion") for text in PROBE]
        return preflight(resolved, box, probe, 1e-4, memory)

    return run
