"""Workers that keep to a core each."""

import os
import subprocess
import sys

import pytest

from harness.sandbox import cores

PROGRAM = """
import os, sys
from pathlib import Path
from harness import cores
cores.keep_to_one(Path(sys.argv[1]))
print(cores.listed(), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(
    sys.platform != "linux" or cores.available() < 2, reason="needs Linux and two cores"
)
def test_each_worker_takes_a_core_of_its_own_and_a_dead_ones_is_free_again(tmp_path):
    first, second = start(tmp_path), start(tmp_path)
    try:
        taken = [core(first), core(second)]
        assert len(set(taken)) == 2
        assert {int(number) for number in taken} <= os.sched_getaffinity(0)
        first.kill()
        first.wait()
        first = start(tmp_path)
        assert core(first) == taken[0]
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()


def start(folder):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder)], text=True, **pipes)


def core(process):
    return process.stdout.readline().strip()
