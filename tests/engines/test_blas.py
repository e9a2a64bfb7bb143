"""The BLAS under mlx, which is one of a process: each case starts its own."""

import json
import os
import subprocess
import sys
from ctypes.util import find_library

import pytest

from harness.engines import blas

pytestmark = pytest.mark.skipif(
    not (sys.platform == "linux" and blas._installed("mlx-cpu")), reason="mlx brings its own BLAS"
)
#: what was loaded, whether mlx calls it, and what a product is
ASKED = """
import json, sys
{first}
from harness.engines import blas
said = blas.preload()
import mlx.core as mx
a = mx.arange(12, dtype=mx.float32).reshape(3, 4)
maps = open("/proc/self/maps").read()
print(json.dumps([said, "openblas" in maps or "/blas/" in maps, (a @ a.T).tolist()]))
"""
PRODUCT = [[14.0, 38.0, 62.0], [38.0, 126.0, 214.0], [62.0, 214.0, 366.0]]


def asked(cache, setting="auto", first=""):
    environment = {**os.environ, "HARNESS_CACHE": str(cache), "HARNESS_BLAS": setting}
    command = [sys.executable, "-c", ASKED.format(first=first)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


def test_openblas_takes_the_place_of_the_reference(tmp_path):
    said, loaded, product = asked(tmp_path)
    assert said.startswith("OpenBLAS 0.")
    assert loaded
    assert product == PRODUCT
    if "SciPy's" in said:  # the copy is made once
        [copy] = (tmp_path / "blas").iterdir()
        made = copy.stat().st_mtime_ns
        assert asked(tmp_path)[0] == said
        assert copy.stat().st_mtime_ns == made


@pytest.mark.parametrize(
    ("setting", "first"), [("off", ""), ("auto", "import mlx.core")], ids=["off", "too late"]
)
def test_mlx_as_it_comes_is_said_to_be_that(tmp_path, setting, first):
    assert asked(tmp_path, setting, first) == [blas.REFERENCE, False, PRODUCT]


@pytest.mark.skipif(not find_library("blis"), reason="the system has no BLIS")
def test_a_blis_that_is_named_takes_the_place_with_as_many_threads_as_there_are_cores(tmp_path):
    name = find_library("blis")
    first = "from ctypes import CDLL\nfrom harness.engines import blas\nblas.preload()\n"
    first += f"own = CDLL({name!r}).bli_thread_get_num_threads\n"
    first += "for size, many in ((blas.LARGE, {cores}), (1, 1)):\n    blas.spread(size)\n"
    first += "    assert own() == many"
    first = first.format(cores=len(os.sched_getaffinity(0)))
    said, _, product = asked(tmp_path, name, first)
    assert said.startswith("BLIS ")
    assert said.removeprefix("BLIS ")[0].isdigit()
    assert product == PRODUCT


def test_a_library_that_is_none_is_an_error(tmp_path):
    (tmp_path / "none.so").write_text("no library")
    said = asked(tmp_path, str(tmp_path / "none.so"))
    assert "EngineError: HARNESS_BLAS: found" in said
    assert "expected auto, off, or a library that exports cblas_sgemm" in said


FREED = """
import os, re
from harness.engines import blas
blas.preload()
import mlx.core as mx
mx.eval(held := mx.zeros(64 << 20))
del held
mx.clear_cache()
resident = int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])
print(resident > 200 << 10, os.environ.get("OPENBLAS_THREAD_TIMEOUT"))
"""


@pytest.mark.parametrize(
    ("setting", "own", "said"),
    [
        ("auto", {}, "True 20"),
        ("auto", {blas.PATIENCE[0]: "9"}, "True 9"),
        ("off", {}, "False None"),
    ],
)
def test_freed_memory_is_kept_and_idle_threads_give_their_core_up(tmp_path, setting, own, said):
    environment = {k: v for k, v in os.environ.items() if k != blas.PATIENCE[0]} | own
    environment |= {"HARNESS_CACHE": str(tmp_path), "HARNESS_BLAS": setting}
    command = [sys.executable, "-c", FREED]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == said
