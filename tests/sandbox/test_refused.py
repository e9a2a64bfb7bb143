"""What a sandbox cannot be handed is one error of the harness, before anything runs."""

import errno
import os
from types import SimpleNamespace

import pytest

from harness.errors import SandboxError
from harness.sandbox import base
from harness.sandbox.base import Sandbox
from harness.sandbox.limits import Result

GIVEN = {
    "no program": ([], {}, "expected names without NUL"),
    "a NUL": (["cc\0", "a.c"], {}, "expected names without NUL"),
    "a NUL in a path": (["cc"], {"a\0.c": ""}, "expected names without NUL"),
    "half a character": (["cc", "\ud800"], {}, "surrogates not allowed"),
    "half a character in a file": (["cc"], {"a.c": "\ud800"}, "surrogates not allowed"),
    "too much": (["cc"], {"a.c": b"x" * (1 << 20)}, "bytes, at most"),
    "a path outside": (["cc"], {"../a.c": ""}, "expected a relative path"),
}


@pytest.fixture
def box():
    server = SimpleNamespace(settings={"others": 0}, drop=lambda: None, stop=lambda: "")
    backend = SimpleNamespace(name="box", description="", launch=lambda limits: server)
    return Sandbox(backend)


@pytest.mark.parametrize("name", GIVEN)
def test_what_cannot_be_handed_over_is_refused(box, name):
    argv, files, message = GIVEN[name]
    with pytest.raises(SandboxError, match=message):
        box.run(argv, files)


def test_a_system_without_room_is_one_sentence_and_a_result_is_a_result(box, monkeypatch):
    result = Result("exit", 0, b"", b"", 0.1)
    monkeypatch.setattr(base, "run_tool", lambda *_: (result, True))
    assert box.run(["cc"]) is result

    def no_files(*_):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(base, "run_tool", no_files)
    with pytest.raises(SandboxError, match=r"box cannot run .*ulimit -n"):
        box.run(["cc"])
