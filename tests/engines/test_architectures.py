"""What the table of docs/engine.md says of each architecture holds, and its cells can say no."""

import importlib
import math

import mlx.core as mx
import pytest
from conftest import ROOT
from tiny_model import architectures

from harness.engines import mixed
from harness.engines.decoding.batch import Batches
from harness.engines.mlx import MlxEngine
from harness.subjects import tensors

pytestmark = pytest.mark.filterwarnings("ignore::harness.engines.decoding.numerics.BatchNotice")
FAST = ("llama", "phi3", "gpt2", "mixtral", "mamba", "lfm2")


@pytest.fixture(scope="module")
def table():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        return importlib.import_module("architectures")


@pytest.fixture(autouse=True)
def uncompiled():
    """mlx's compiler would take most of the time, and changes no answer here."""
    mx.disable_compile()
    yield
    mx.enable_compile()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in FAST else pytest.mark.slow)
        for name in architectures()
    ],
)
def test_an_architecture_holds_what_the_table_says(table, tmp_path, name):
    found = table.row(tmp_path, name)
    assert (found.mount, found.sound, found.broken) == ("yes",) * 3
    assert found.batch in ("yes", "yes (prompts alone)", "yes (alone)", "yes (step)")
    assert found.mixed in ("yes", "in turn")


def shifted(layer, a, b, scale, rows):
    """A mixed layer that takes the adapter of the next row."""

    class Shifted:
        index = property(lambda self: (rows.index + 1) % a.shape[0])

    return original(layer, a, b, scale, Shifted())


original = mixed._mixed
PLANTED = {
    "batch": (Batches, "finish", lambda self, ids, *rest: finish(self, ids[:-1], *rest)),
    "mount": (MlxEngine, "_restore", lambda self: None),
    "mixed": (mixed, "_mixed", shifted),
    "sound": (tensors, "LEAST_UPDATE", 5.0),
    "broken": (tensors, "MOST_UPDATE", math.inf),
}
finish = Batches.finish


@pytest.mark.parametrize("cell", PLANTED)
def test_each_cell_can_say_no(table, tmp_path, monkeypatch, cell):
    monkeypatch.setattr(*PLANTED[cell])
    tried = table.cells(tmp_path, "llama")[cell]
    if cell == "mixed":  # which it finds out beforehand, and then does not mix
        assert table.tried(tried) == "in turn"
        monkeypatch.setattr(mixed, "_tried", lambda *_: None)
    assert table.tried(tried).startswith("no")
