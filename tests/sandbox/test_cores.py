"""Workers that keep to a core each."""

import os
import subprocess
import sys

import pytest

from harness.sandbox import cores

KEEP = "from harness.sandbox import cores; cores.keep_to({}); print(cores.listed())"


@pytest.mark.skipif(
    sys.platform != "linux" or cores.available() < 2, reason="needs Linux and two cores"
)
def test_as_many_workers_as_cores_keep_to_one_each_and_others_roam():
    own = cores.one_each(cores.available())
    assert set(own) == os.sched_getaffinity(0)
    said = [subprocess.check_output([sys.executable, "-c", KEEP.format(one)]) for one in own]
    assert [int(text) for text in said] == own
    assert cores.one_each(1) == [None], "a single worker gains from the other core"
