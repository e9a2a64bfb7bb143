"""What only a GPU can show, by the checks of ``benchmarks/gpu.py``; on a CPU, that they can be
run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import gpu

QUICK = ("fast", "exact", "mount", "together")


def bench(folder: Path, *, small: bool) -> gpu.Bench:
    return gpu.Bench(folder, *((64, 2, 6, 4) if small else (1024, 8, 64, 32)))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> gpu.Bench:
    return bench(tmp_path_factory.mktemp("gpu"), small=False)


@pytest.mark.gpu
@pytest.mark.parametrize("name", gpu.CHECKS)
def test_on_a_gpu(large, name):
    assert [one.text for one in gpu.checked(large, name) if not one.good] == []


def test_the_checks_run_and_find_a_fault(tmp_path, monkeypatch):
    small = bench(tmp_path, small=True)
    found = [one for name in QUICK for one in gpu.checked(small, name)]
    assert all(one.good for one in found), found
    said = " | ".join(one.text for one in found)
    assert "0 of 6 answers differ between a batch of 6 and alone (together)" in said
    assert "0 of 6 answers differ between a batch of 6 and alone (steady)" in said
    assert ", 0 answers differ" in said
    monkeypatch.setattr(gpu.mixed, "_stack", lambda *_: 1 / 0)
    assert [one.good for one in gpu.checked(small, "together")] == [False]
    monkeypatch.setattr(gpu.MlxEngine, "mount", lambda *_: None)
    assert [one.good for one in gpu.checked(small, "mount")] == [True, False]
