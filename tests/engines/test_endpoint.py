"""A server is judged as the embedded engine is, and what it serves is shown all the time: each
planted fault beside its clean twin."""

import contextlib
import itertools
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest
import yaml
from conftest import POCKET, write_workspace
from spoken_gate import Gate, codes, workspace_of_sums
from spoken_server import Fake, judged, serving

from harness import network
from harness.content import library, workspace
from harness.content.served import Served
from harness.engines.base import Ask, Decoding
from harness.engines.elsewhere.endpoint import Endpoint
from harness.engines.elsewhere.markers import FIXED, Markers, Reading
from harness.errors import EngineError, RunError, WorkspaceError
from harness.evidence.folder import RunFolder
from harness.gate.finished.recheck import recheck
from harness.gate.prepare import Options, look_up
from harness.gate.session import run_gate


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return workspace_of_sums(tmp_path_factory.mktemp("served"))


@pytest.fixture
def root(place, monkeypatch):
    monkeypatch.setattr(network, "BACKOFF", 0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    shutil.rmtree(place / "looks", ignore_errors=True)
    return place


def gate(root, url, **options):
    file = root / "library.yaml"
    data = yaml.safe_load(file.read_text())
    served = {"endpoint": url, "base": {"model": "base"}, "adapter": {"model": "lora"}}
    data["adapters"]["adder"]["engine"] = served
    file.write_text(yaml.safe_dump(data))
    return run_gate(Gate(root, **options).options)


def test_an_honest_server_gets_the_verdict_of_the_engine_and_is_said_to_be_declared(root):
    with serving(Fake()) as url:
        verdict, run = gate(root, url)
    shutil.rmtree(root / "looks")
    spoken = Gate(root)
    told, other = run_gate(spoken.options, load=lambda _: spoken.speaker)
    assert (verdict.name, told.name) == ("SHIP", "SHIP")
    assert sorted(codes(verdict)) == sorted([*codes(told), "declared"])
    assert judged(run) == judged(other)
    assert f"the server at {url}" in (run / "scorecard.html").read_text()
    assert not recheck(run).differences


def test_a_server_that_ignores_the_adapter_is_void_before_anything_is_asked(root):
    with serving(Fake(ignores=True)) as url:
        verdict, run = gate(root, url)
    assert (verdict.name, verdict.deciding[0].code) == ("VOID", "served-base")
    assert not RunFolder(run).receipts
    assert not recheck(run).differences


def test_a_server_that_loses_the_adapter_midway_is_void_and_its_answers_nobodys(root):
    with serving(Fake(lapse=range(100, 112))) as url:
        verdict, run = gate(root, url)
    assert (verdict.name, verdict.deciding[0].code) == ("VOID", "drift")
    adapter = [row for row in RunFolder(run).receipts if row.arm == "adapter"]
    assert {row.suite for row in adapter} == {"sums"}  # of the blocks before it
    assert not recheck(run).differences


def test_a_server_that_drifts_while_base_is_asked_leaves_no_noise_and_no_look(root):
    with serving(Fake(swaps=150)) as url:
        verdict, run = gate(root, url)
    assert (verdict.name, verdict.deciding[0].code) == ("VOID", "drift")
    assert {row.arm for row in RunFolder(run).receipts} <= {"base", "canon", "again"}
    assert not (run / "churn.json").exists()
    assert not list((root / "looks").glob("*.json"))
    assert not recheck(run).differences


ASK = Ask("1+1", "chat", None, Decoding(8), 0, "w")
FORMS = {"message": ["x"], "logprobs": "none", "usage": [3]}


@pytest.mark.parametrize("field", [*FORMS, None])
def test_a_reply_of_another_form_is_one_sentence(tmp_path, monkeypatch, field):
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def reply(path, body):
        status, data, headers = honest(path, body)
        place = data if field == "usage" else data["choices"][0]
        return status, (place.update({field: FORMS[field]}) if field else None) or data, headers

    fake = Fake(tokens=True)
    honest, fake.reply = fake.reply, reply
    served = {"endpoint": "u", "base": {"model": "base"}, "adapter": {"model": "lora"}}
    with serving(fake) as url:
        engine = Endpoint(Served.model_validate(served | {"endpoint": url}), tmp_path)
        if field:
            with pytest.raises(EngineError, match=f"{field}.*expected a completion"):
                list(engine.answer([ASK]))
        else:
            assert [one.text for _, one in engine.answer([ASK])] == ["?"]


def test_white_space_that_a_server_strips_is_void_or_taken_from_its_tokens(root):
    with serving(Fake(strips=True)) as url:
        verdict, _ = gate(root, url)
    assert (verdict.name, verdict.deciding[0].code) == ("VOID", "served-stripped")
    with serving(Fake(strips=True, tokens=True)) as url:
        verdict, _ = gate(root, url)
    assert verdict.name == "SHIP"


def test_a_server_that_dies_is_an_error_and_the_run_goes_on_from_what_it_answered(root, tmp_path):
    folder = str(tmp_path / "run")
    dying, limited = Fake(dies_at=420), Fake(limits=7, moody=FIXED[3])
    with serving(dying) as url:
        port = int(re.search(r":(\d+)/", url)[1])
        with pytest.raises(EngineError, match=r"HTTP 503: .*no more memory.*same command again"):
            gate(root, url, run_dir=folder)
    other = pytest.raises(RunError, match="engine")
    with serving(Fake(lora="an adapter of other words says this"), port) as url, other:
        gate(root, url, run_dir=folder)
    with serving(limited, port) as url:
        verdict, run = gate(root, url, run_dir=folder)
    assert verdict.name == "SHIP"
    assert sum(body.get("max_tokens") == 8 for body in limited.asked) < 400
    assert not recheck(run).differences


def reading(text="same words", odds=(), **moods):
    """Markers of a server that says ``text`` to everybody, at ``odds`` of base and of adapter."""
    calls = itertools.count()

    def read(asks):
        noise = moods.get("noise", 0.0) * (-1) ** (next(calls) // 2)
        said = f"{text} {next(calls)}" if moods.get("moody") else text
        return [
            Reading(said, tuple(o + noise for o in odds[ask.mount is not None]) if odds else ())
            for ask in asks
        ]

    asks = [Ask(f"ask {n}", "chat", None, Decoding(8), 0, "w") for n in range(16)]
    return Markers(read, asks), read


def test_log_probabilities_tell_base_and_adapter_apart_where_texts_do_not():
    odds = ((-1.0, -1.0), (-1.2, -1.2))
    markers, read = reading(odds=odds, noise=0.004)
    assert markers.faults == []
    assert markers.drift(True, read(markers.asks(True))) == ""
    lapsed = markers.drift(True, read(markers.asks(False)))
    assert re.search(r"8 of 8 markers of adapter as the bare base", lapsed)
    other = [Reading("same words", (-3.0, -3.0))] * 8
    assert "otherwise than before" in markers.drift(False, other)
    for blind in (reading()[0], reading(odds=odds, noise=0.1)[0]):  # none offered, or in noise
        assert [code for code, _ in blind.faults] == ["served-base"]


def test_a_server_that_answers_nothing_twice_alike_shows_nothing():
    assert [code for code, _ in reading(moody=True)[0].faults] == ["served-unsteady"]


def test_the_last_release_is_not_asked_of_a_server_that_has_no_fields_for_it(tmp_path):
    root = workspace_of_sums(tmp_path)
    file = root / "library.yaml"
    data = yaml.safe_load(file.read_text())
    shutil.copytree(root / "adapter", root / "old")
    adder = data["adapters"]["adder"]
    data["adapters"]["old"] = {**adder, "path": "old", "status": "shipped", "lineage": "adder"}
    served = {"endpoint": "http://h/v1", "base": {"model": "b"}, "adapter": {"model": "a"}}
    for engine, last in ((None, "old"), (served, None)):
        adder["engine"] = engine
        file.write_text(yaml.safe_dump(data))
        previous = look_up(Options("adder", library=str(root))).entry.previous
        assert (previous and previous.name) == last


def test_fields_that_do_not_tell_base_and_adapter_apart_are_refused(tmp_path):
    same = {"endpoint": "http://h/v1", "base": {"model": "m"}, "adapter": {"model": "m"}}
    adapter = {"path": "a", "base": "b", "status": "candidate", "facets": ["f"], "suites": ["s"]}
    file = tmp_path / "library.yaml"
    data = {"bases": {"b": {"path": "b"}}, "adapters": {"a": {**adapter, "engine": same}}}
    file.write_text(yaml.safe_dump(data))
    with pytest.raises(WorkspaceError, match=r"engine.*same fields, so they are one"):
        library.load(workspace.find(file))


@pytest.fixture
def mlx_server(tmp_path, monkeypatch):
    """A real ``mlx_lm.server``, which loads what a request names."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path / "server.log").open("w")
    command = [sys.executable, "-m", "mlx_lm", "server", "--port", str(port)]
    server = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path)
    deadline = time.monotonic() + 120
    try:
        while server.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.2)  # until it listens
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()
        log.close()


@pytest.mark.slow
def test_mlx_lm_server_gets_the_verdict_of_the_embedded_engine(mlx_server, tmp_path):
    root = write_workspace(tmp_path / "workspace", ["gamedev"])
    embedded, _ = run_gate(Options("gamedev", library=str(root)))
    shutil.rmtree(root / "looks")
    base, adapter = str(POCKET / "base"), str(POCKET / "adapters" / "gamedev")
    found = {}
    for named in ("adapters", "adapter"):  # the second it ignores, with status 200
        file = root / "library.yaml"
        data = yaml.safe_load(file.read_text())
        data["adapters"]["gamedev"]["engine"] = {
            "endpoint": mlx_server,
            "base": {"model": base},
            "adapter": {"model": base, named: adapter},
        }
        file.write_text(yaml.safe_dump(data))
        found[named], _ = run_gate(Options("gamedev", library=str(root)))
    assert found["adapters"].name == embedded.name == "SHIP"
    assert sorted(codes(found["adapters"])) == sorted([*codes(embedded), "declared"])
    assert (found["adapter"].name, codes(found["adapter"])[0]) == ("VOID", "served-base")
