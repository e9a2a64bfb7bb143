"""No candidate finds what another left, none hurts a neighbour, nothing of the working folder runs:
the attacks of ``benchmarks/tamper.py`` that take no time, and weaker walls that the self-check must
see."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from harness.datasets.humaneval import problems
from harness.sandbox import open_sandbox
from harness.sandbox.backends import landlock
from harness.sandbox.base import Sandbox
from harness.sandbox.inside import confine
from harness.sandbox.limits import Limits
from harness.sandbox.runtime import server_files
from harness.sandbox.selfcheck import quick_check

ROOT = Path(__file__).parents[2]
QUICK = Limits(wall=4.0, cpu=2, memory=512 << 20, temp_bytes=32 << 20)
#: rows that sleep, fill memory or open four more sandboxes
SLOW = {"wj07", "wj08", "wj15", "wj16", "wj17", "wj18", "wl01", "wl02", "wm01", "wt03", "wt05"}
#: rows after which the sandbox is replaced, where that takes long and others show the same
REPLACED = {"docker": {"wx02", "wx03", "wt02", "wt04"}}

spec = importlib.util.spec_from_file_location("tamper", ROOT / "benchmarks" / "tamper.py")
tamper = sys.modules.setdefault("tamper", importlib.util.module_from_spec(spec))
if not hasattr(tamper, "run"):
    spec.loader.exec_module(tamper)
ROWS = {row["id"]: row for row in tamper.read_rows([ROOT / "tests" / "data" / "walls.jsonl"])}
needs_landlock = pytest.mark.skipif(
    not confine.landlock_version(), reason="the kernel does not offer Landlock"
)


def pid_of_a_task(sandbox, source="pass"):
    with sandbox.task() as task:
        task.load(f"import os\ndef f():\n    {source}\n    return os.getpid()\n", "f")
        return task.call([])


def test_pairs_in_a_row_find_nothing_and_a_neighbour_is_not_hurt(sandbox):
    left_out = SLOW | REPLACED.get(sandbox.name, set())
    rows = [row for id, row in ROWS.items() if id not in left_out]
    with tamper.Outside().standing() as outside, open_sandbox(sandbox.name, QUICK) as neighbour:
        tally = tamper.run(rows, sandbox, outside, neighbour=neighbour)
    assert tally.lines == []
    assert sum(tally.total.values()) == len(ROWS) - len(left_out)


TRACES = ["os.mkdir('x'); os.rmdir('x')", "__import__('threading').Thread(target=int).start()"]


@pytest.mark.parametrize("trace", TRACES)
def test_a_sandbox_with_a_trace_is_not_used_again_and_one_without_is(sandbox, trace):
    first, second = pid_of_a_task(sandbox), pid_of_a_task(sandbox, "x = [1] * 1000")
    assert first < second
    assert pid_of_a_task(sandbox, trace) > second
    assert pid_of_a_task(sandbox) <= first


@needs_landlock
def test_a_tool_may_start_processes_while_four_other_sandboxes_stand():
    with open_sandbox("landlock", QUICK) as one, tamper.Outside().standing() as outside:
        assert tamper.run([ROWS["wt05"]], one, outside).lines == []


@pytest.fixture
def bare(request, tmp_path, monkeypatch):
    """Landlock where the kernel grants no namespaces, with filters that let something through."""
    files = {place: tmp_path / Path(place).name for place in server_files()}
    for place, file in server_files().items():
        shutil.copy(file, files[place])
    with (tmp_path / "seccomp.py").open("a") as file:
        file.write(request.param)
    monkeypatch.setattr(landlock, "server_files", lambda: files)
    with Sandbox(landlock.Landlock(namespaces=False), QUICK) as opened:
        yield opened


ALLOW = "\n_ALLOWED += ', {}'\n"
FAULTS = {
    "": "",
    "mark": ALLOW.format("utimensat 280 88"),
    "lock": ALLOW.format("flock 73 32"),
    "fork": "\n_REFUSED = _REFUSED.replace('fork vfork', '')\n_CLONE_THREAD = 0xFFFFFFFF\n",
}


@needs_landlock
@pytest.mark.parametrize(
    ("bare", "found"), [(fault, found) for found, fault in FAULTS.items()], indirect=["bare"]
)
def test_the_self_check_sees_a_filter_that_lets_through(bare, found):
    said = quick_check(bare)
    assert (found in said) if found else said is None


@needs_landlock
def test_without_namespaces_the_disk_is_watched_and_the_server_outlives_its_tools():
    rows = [ROWS[id] for id in ("wl01", "wm01", "wt01", "wt03")]
    with (
        Sandbox(landlock.Landlock(namespaces=False), QUICK) as bare,
        Sandbox(landlock.Landlock(namespaces=False), QUICK) as neighbour,
        tamper.Outside().standing() as outside,
    ):
        assert "degraded" in bare.description
        assert tamper.run(rows, bare, outside, neighbour=neighbour).lines == []


TRAP = "import pathlib\npathlib.Path(__file__ + '.ran').touch()\n"
TRAPPED = ("json", "pickle", "sandlock", "docker", "pwd", "secrets", "tempfile", "struct", "numpy")


@needs_landlock
def test_nothing_beside_the_samples_is_imported(tmp_path):
    for trapped in TRAPPED:
        (tmp_path / f"{trapped}.py").write_text(TRAP)
    problem = problems()["HumanEval/2"]
    row = {"task_id": problem.task_id, "completion": problem.canonical_solution}
    (tmp_path / "samples.jsonl").write_text(json.dumps(row) + "\n")
    command = [Path(sys.executable).with_name("harness"), "humaneval", "samples.jsonl"]
    options = ["--quiet", "--workers", "1", "--sandbox", "landlock"]
    found = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, check=False)
    assert (found.returncode, found.stderr) == (0, b"")
    assert list(tmp_path.glob("*.ran")) == []
    subprocess.run([sys.executable, "-c", "import pickle"], cwd=tmp_path, check=False)
    assert [path.name for path in tmp_path.glob("*.ran")] == ["pickle.py.ran"]  # the trap works


AS_A_USER = """
from harness.sandbox.backends import bubblewrap, landlock
from harness.sandbox.base import Sandbox
from harness.sandbox.selfcheck import _FORKS, _MURDER, _reason, _SLOW, _tool, quick_check
for backend in (landlock.Landlock(), landlock.Landlock(namespaces=False), bubblewrap.Bubblewrap()):
    try:
        sandbox = Sandbox(backend)
    except Exception as error:
        print(type(error).__name__)
        continue
    with sandbox:
        threads = _reason(sandbox, _SLOW["threads"][0])
        print(quick_check(sandbox), threads, _tool(sandbox, _MURDER).reason)
"""


@needs_landlock
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become a user that nobody knows")
def test_a_user_without_a_name_has_the_same_walls():
    python = shutil.which("python3", path="/usr/bin:/bin")
    version = "import sys; sys.exit(sys.version_info < (3, 11))"
    if python is None or subprocess.run([python, "-c", version], check=False).returncode:
        pytest.skip("no python of this machine that every user may run")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:  # a checkout may be for its owner
        Path(place).chmod(0o755)
        shutil.copytree(ROOT / "harness", Path(place) / "harness")
        found = subprocess.run(
            [python, "-B", "-c", AS_A_USER], capture_output=True, text=True, check=False, cwd="/",
            env={"PATH": os.environ["PATH"], "PYTHONPATH": place}, user=54321, group=54321,
            extra_groups=[],
        )  # fmt: skip
    assert found.stderr == ""
    assert found.stdout.splitlines()[:2] == ["None exception exit"] * 2
    assert found.stdout.splitlines()[2] in ("None exception exit", "SandboxError")
