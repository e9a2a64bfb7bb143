"""A server with several adapters: each request has to get the answer of what it names."""

from __future__ import annotations

import json
import shutil
import socket
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from conftest import POCKET, ROOT

from harness import network, selfscore
from harness.content import library, workspace
from harness.errors import EngineError, WorkspaceError
from harness.stats.intervals import items_needed
from harness.subjects.base import Bench, Evidence
from harness.subjects.kinds import find
from harness.subjects.kinds.served import numbers, schedule
from harness.subjects.kinds.served.fake import Fake, serving
from harness.subjects.kinds.served.plants import PLANTS, measured, spec
from harness.subjects.kinds.served.spec import Spec, unknowns

KIND = find("served")
SAID = {"endpoint": "http://127.0.0.1:9/v1", "base": {"model": "base"}}
SAID["adapters"] = {name: {"model": name} for name in "ab"}
ALONE = {"base": ["x 1", "x 2", None], "a": ["a 1", "x 2", "y"], "b": ["b 1", "b 2", "z"]}


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(network, "BACKOFF", 0)


def test_every_way_to_answer_with_another_is_caught_and_its_twin_is_not_blamed():
    found = selfscore.tried(replace(plant, kind="served") for plant in PLANTS)
    words = {one.plant.number: (one.word, one.said) for one in found}
    assert {number: word for number, (word, _) in words.items()} == {
        f"F5.{n + 1}": "caught" for n in range(10)
    }, words


def test_a_sound_server_is_said_to_be_so_and_too_few_requests_are_not_enough(tmp_path):
    with serving(Fake()) as url:
        few = measured(tmp_path, spec(url, "abc"))
    numbers_, [reason] = KIND.reasons(few)
    assert reason.code == "served-few"
    assert numbers_["total"]["another"] == 0
    assert numbers_["total"]["own"] == numbers_["total"]["asked"] >= 200
    assert {"serial", "concurrent", "prefix", "base", "beyond"} < numbers_["schedules"].keys()
    assert set(numbers_["among"]) >= {"1", "2", "4"}
    assert numbers_["unasked"] == ["a crash (`start`)"]
    text = json.dumps(few.measured)  # of which receipts are made
    less = Evidence(few.own.model_copy(update={"bound": 0.05}), {}, json.loads(text), {}, {})
    assert [r.code for r in KIND.reasons(less)[1]] == ["served-apart"]
    slow = Evidence(less.own.model_copy(update={"swap": 1e-6}), {}, few.measured, {}, {})
    assert [r.code for r in KIND.reasons(slow)[1]] == ["served-slow"]
    for asked in ({}, {"solo": few.measured["asked"]["solo"]}):  # as a preflight, or a killed run
        got = Evidence(few.own, {}, {**few.measured, "asked": asked}, {}, {})
        assert KIND.reasons(got)[1] == []


def test_whose_an_answer_is():
    assert numbers.telling(ALONE) == {"base": [0], "a": [0], "b": [0, 1]}

    def whose(who: str, probe: int, text: str, status: int = 200) -> str:
        return numbers.whose([who, probe, status, text], ALONE)

    assert whose("a", 0, " a 1") == "a"
    assert whose("a", 0, "b 1") == "b"
    assert whose("a", 0, "bad") == "neither"  # one character is no likeness
    assert whose("a", 0, "b 9") == "b"  # more than half of it, and nothing of one's own
    assert whose("a", 0, "a 9") == "neither"
    assert whose("b", 1, "none such", 404) == "refused"
    rows = [["a", 0, 200, "b 1", None, 3], ["a", 1, 200, "b 2", None, 9]]  # the first one tells
    assert numbers.summed(numbers.counted(rows, ALONE))["another"] == 3


def test_reference_values():
    assert items_needed(0.001) == 2995
    assert numbers.bound(0, 3000) == pytest.approx(1 - 0.05 ** (1 / 3000))
    assert numbers.bound(0, 3000) < 0.001 < numbers.bound(1, 3000)
    assert numbers.percentiles([float(n) for n in range(1, 201)]) == {
        "p50": 100.0, "p95": 190.0, "p99": 198.0,
    }  # fmt: skip
    own = Spec.model_validate(SAID)
    many = schedule.shares(own)
    assert many == {
        "serial": 2, "alone": 5, "interleaved": 11, "concurrent": 22, "prefix": 11, "base": 11,
    }  # fmt: skip
    markers = {who: [0, 1, 2] for who in ("base", "a", "b")}
    asked = [schedule.requests(own, case, markers) for case in schedule.owed(own)[1:-1]]
    assert sum(map(len, asked)) >= 3000
    assert asked == [schedule.requests(own, c, markers) for c in schedule.owed(own)[1:-1]]
    pairs = schedule.requests(own, "prefix 1", markers)
    assert all(a[0] != b[0] and a[1] == b[1] for a, b in zip(pairs[::2], pairs[1::2], strict=True))
    assert [fields["model"] for fields in unknowns(own)] == ["a-unknown", "a+b", "a,b"]


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"adapters": {}}, "at least 1 item"),
        ({"adapters": {"base": {"model": "a"}}}, "'base' is the bare base"),
        ({"adapters": {"a": {"model": "base"}}}, "'base' and 'a' are asked with the same fields"),
        ({"adapters": {"a": {"lora": 1}}}, "name under `unknown`"),
        ({"unload": {"adapter": "c", "do": [{"post": "/x"}]}}, "unload.adapter: found 'c'"),
        ({"unload": {"adapter": "a", "do": [{}]}}, "expected either `run`"),
        ({"request": 1}, "unknown key"),
    ],
)
def test_an_entry_that_does_not_hold_together_is_one_sentence(tmp_path, own, said):
    entry = {"path": "a", "base": "b", "status": "candidate", "kind": "served", "facets": ["f"]}
    data = {"bases": {"b": {"path": "b"}}, "adapters": {"s": {**entry, "served": SAID | own}}}
    (tmp_path / "library.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(WorkspaceError, match=said):
        library.load(workspace.find(str(tmp_path)))


def test_what_is_judged_is_on_the_server_and_the_server_is_there():
    place = workspace.find(ROOT)
    listed = library.load(place)
    entry = library.resolve(place, listed, "pocket-served")
    assert set(KIND.parts(entry)) == {"gamedev", "legacy"}
    assert schedule.owed(entry.adapter.own)[-1] == "restart"
    elsewhere = SimpleNamespace(
        name="s", path=Path("/else"), folder=entry.folder, adapter=entry.adapter
    )
    with pytest.raises(WorkspaceError, match=r"path: found .*gamedev'; expected one of those"):
        KIND.parts(elsewhere)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        own = Spec.model_validate(
            {**SAID, "endpoint": f"http://127.0.0.1:{free.getsockname()[1]}/v1"}
        )
        bench = Bench(SimpleNamespace(name="s", adapter=SimpleNamespace(own=own)), {}, {}, {}, None)
        with pytest.raises(EngineError, match=r"no server listens there.*s\.served\.start`"):
            KIND.examine(bench, None)


SERVE = """
import sys
from harness.subjects.kinds.served.fake import Fake, server
server(Fake(held=sys.argv[2]), int(sys.argv[1])).serve_forever()
"""


def test_a_server_that_the_harness_starts_is_killed_and_asked_again(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "serve.py").write_text(SERVE)
    command = ["python", "serve.py", str(port), "ab"]
    url, python = f"http://127.0.0.1:{port}/v1", Path(sys.executable).parent / "python"
    assert python.exists()
    found = measured(tmp_path, spec(url, "ab", start=command, requests=50, bound=0.1))
    assert [reason.code for reason in KIND.reasons(found)[1]] == ["served-apart"]
    assert KIND.reasons(found)[0]["restart"] > 0
    other = json.loads(json.dumps(found.measured))
    other["asked"]["restart"]["rows"][0][3] = "a says 0"
    changed = Evidence(found.own, {}, other, {}, {})
    assert [reason.code for reason in KIND.reasons(changed)[1]] == ["served-restart"]
    for wrong, said in (
        (["python", "-c", "raise SystemExit('no model')"], "does not listen at .*: no model"),
        (["no-such-server"], "no-such-server: cannot be started: No such file"),
    ):
        with pytest.raises(EngineError, match=said):
            measured(tmp_path, spec(url, "ab", start=wrong))
    with serving(Fake()) as taken, pytest.raises(EngineError, match="listens there already"):
        measured(tmp_path, spec(taken, "ab", start=command))


@pytest.mark.slow
def test_mlx_lm_server_keeps_adapters_apart_and_serves_old_weights_under_a_name(
    tmp_path, monkeypatch
):
    """It holds one at a time, by the name of a folder that it reads when it changes to it."""
    from harness.engines.mlx import MlxEngine

    monkeypatch.setattr(schedule, "BLOCK", 6)
    folders = {name: POCKET / "adapters" / name for name in ("gamedev", "legacy")}
    shutil.copytree(folders["legacy"], tmp_path / "legacy")

    def steps(name: str) -> list[dict]:
        return [{"run": ["cp", "-r", f"{folders[name]}/.", "legacy"]}]

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = {"model": str(POCKET / "base")}
    asked = {"gamedev": {**model, "adapters": str(folders["gamedev"])}}
    asked["legacy"] = {**model, "adapters": str(tmp_path / "legacy")}
    own = Spec.model_validate(
        {
            "endpoint": f"http://127.0.0.1:{port}/v1",
            "start": ["python", "-m", "mlx_lm", "server", "--port", str(port)],
            "base": model,
            "adapters": asked,
            "resident": 1,
            "requests": 12,
            "reload": {
                "adapter": "legacy",
                "becomes": "gamedev",
                "do": steps("gamedev"),
                "back": steps("legacy"),
            },
        }
    )
    entry = SimpleNamespace(name="s", root=tmp_path, adapter=SimpleNamespace(own=own))
    engine = MlxEngine(POCKET / "base")
    bench = Bench(entry, {}, {"base": POCKET / "base", **folders}, {}, lambda: engine)
    found = {what: dict(KIND.measure(bench, what, of)) for what, of in KIND.owes(bench).items()}
    said, reasons = KIND.reasons(Evidence(own, {}, found, {}, {}))
    assert [(reason.code, reason.about) for reason in reasons] == [("served-stale", "legacy")]
    assert said["total"]["own"] == said["total"]["asked"]
    assert {row[2] for row in found["asked"]["unknown"]["rows"]} == {404}


def test_a_resident_that_the_server_does_not_hold_is_one_sentence(tmp_path):
    with serving(Fake(held="a")) as url, pytest.raises(EngineError, match=r"HTTP 404.*adapters\.b"):
        measured(tmp_path, spec(url, "ab"))
