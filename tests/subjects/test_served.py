"""Whether a running server answers with the adapter, and with what else it does."""

import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from tiny_model import make_adapter
from tiny_subject import PROBE

from harness.engines.base import Decoding
from harness.engines.mlx import MlxEngine
from harness.errors import EngineError
from harness.subjects import served
from harness.subjects.served import Server


@pytest.fixture(scope="module")
def server(base, trained):
    """The server that ships with mlx-lm, started with the adapter."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlx_lm", "server", "--model", str(base), "--adapter-path",
    str(trained),
               "--port", str(port)]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


def test_a_server_that_ignores_the_adapter_is_named(server, engine, base, trained):
    assert served.check(engine, trained, Server(server), PROBE) == []
    [fault] = served.check(engine, trained, Server(server, str(base)), PROBE)
    assert (fault.code, fault.severity) == ("served-base", "void")
    with pytest.raises(EngineError, match="cannot be asked"):
        served.check(engine, trained, Server(server + "/nothing/here"), PROBE)


def test_what_a_server_serves_in_its_place_is_named(monkeypatch, engine, base, trained):
    """Another adapter, the quantised base, something else; and stripped text is no alarm."""
    other = make_adapter(base.parent / "other", base, seed=7)
    torn = shutil.copytree(other, base.parent / "torn")
    (torn / "adapters.safetensors").write_bytes(b"torn")
    small = MlxEngine(base, bits=4)

    def told(box, adapter, change=str):
        box.mount(adapter)
        ids = [box.encode(prompt, "completion") for prompt in PROBE]
        said = [a.text for _, a in sorted(box.generate(ids, Decoding(served.TOKENS)))]
        box.mount(None)
        answers = dict(zip(PROBE, map(change, said), strict=True))
        monkeypatch.setattr(served, "_complete", lambda url, model, prompt: answers[prompt])
        others, quantised = {"torn": torn, "other": other}, lambda bits: MlxEngine(base, bits)
        found = served.check(engine, trained, Server("http://x"), PROBE, others, quantised)
        return [(fault.code, fault.severity) for fault in found]

    assert told(engine, trained, str.strip) == []
    assert told(engine, other) == [("served-another", "void")]
    assert told(small, trained) == [("served-quantised", "void")]
    assert told(engine, trained, lambda text: "Quite another text.") == [("served-other", "void")]
