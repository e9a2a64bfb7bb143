"""Answers and judgements from the hosts of a cluster are those of one machine: each test runs in
this process, and on two nodes of Ray where that is installed."""

import os
import pickle
import shutil
import signal
import sys
import threading
from contextlib import nullcontext
from functools import partial

import pytest
import tiny_model
import yaml
from conftest import write_workspace
from spoken_gate import Gate, codes, workspace_of_sums
from spoken_server import Fake, judged, serving

from harness import Case, Outcome, cluster, network
from harness.audit.bound import binding
from harness.content.served import Cluster
from harness.digests import folder_digest
from harness.engines.base import Ask, Decoding
from harness.engines.elsewhere.fanout import Replica, Replicas
from harness.engines.mlx import MlxEngine
from harness.errors import EngineError, WorkspaceError
from harness.evidence.folder import RunFolder
from harness.gate.finished.recheck import recheck
from harness.gate.prepare import Options
from harness.gate.session import run_gate
from harness.judging import discovery
from harness.judging.pool import Far, Pool
from harness.judging.workers import Judges

MAKING = threading.Lock()  # workers load verifiers as they are made, each in a process of its own


def ask(worker, name, *asked):
    """As Ray does: everything is a copy that was sent."""
    name, asked = pickle.loads(pickle.dumps((name, asked)))
    with MAKING if worker._made is None else nullcontext():
        return pickle.loads(pickle.dumps(worker.ask(name, *asked)))


@pytest.fixture(scope="module")
def nodes():
    """Two nodes of Ray on this machine, whose workers ask servers on it."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster as Nodes

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "127.0.0.1")
        head = {"num_cpus": 1, "include_dashboard": False}
        made = Nodes(initialize_head=True, head_node_args=head)
        made.add_node(num_cpus=1)
    yield made.address
    ray.shutdown()
    made.shutdown()


@pytest.fixture(params=["here", pytest.param("ray", marks=pytest.mark.slow)])
def address(request, monkeypatch):
    """Where the cluster is."""
    monkeypatch.setattr(network, "BACKOFF", 0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    if request.param == "ray":
        return request.getfixturevalue("nodes")

    def hired(_, __, makes):
        return [cluster.Worker(pickle.loads(pickle.dumps(make))) for make in makes]

    def spread(workers, name, many):
        for number, asked in enumerate(many):
            yield ask(workers[number % len(workers)], name, *asked)

    monkeypatch.setattr(cluster, "hired", hired)
    monkeypatch.setattr(cluster, "spread", spread)
    monkeypatch.setattr(cluster, "each", lambda many, *asked: [ask(one, *asked) for one in many])
    monkeypatch.setattr(cluster, "sent", lambda data: data)
    monkeypatch.setattr(cluster, "dismiss", lambda workers: None)
    return "here"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return workspace_of_sums(tmp_path_factory.mktemp("spread"))


def gate(root, urls, address=None):
    """A gate of servers at ``urls``; with an ``address`` on as many replicas, with two judges."""
    shutil.rmtree(root / "looks", ignore_errors=True)
    file = root / "library.yaml"
    data = yaml.safe_load(file.read_text())
    served = {"endpoint": urls[0], "base": {"model": "base"}, "adapter": {"model": "lora"}}
    data["adapters"]["adder"]["engine"] = served | {"also": urls[1:]}
    data["cluster"] = address and {"address": address, "replicas": len(urls), "judges": 2}
    file.write_text(yaml.safe_dump(data))
    return run_gate(Gate(root).options)


def test_servers_and_judges_of_a_cluster_give_the_receipts_of_one_machine(place, address):
    first, second = Fake(tokens=True), Fake(tokens=True)
    with serving(first) as one, serving(second) as other:
        verdict, run = gate(place, [one, other], address)
        first.asked.clear()
        alone, here = gate(place, [one])
    assert (verdict.name, codes(verdict)) == (alone.name, codes(alone)) == ("SHIP", codes(alone))
    assert judged(run) == judged(here)
    held_out = [body for body in second.asked if body.get("max_tokens") == 8]
    assert 32 <= len(held_out) < len(judged(run))
    assert f"the one at {other}" in (run / "scorecard.html").read_text()
    assert not recheck(run).differences


def test_servers_of_other_weights_are_refused_before_anything_is_asked(place, address):
    said = pytest.raises(EngineError, match=r"markers of adapter as the first .* same weights")
    with serving(Fake()) as one, serving(Fake(ignores=True)) as other, said:
        gate(place, [one, other], address)


def test_a_server_that_loses_the_adapter_midway_is_void_among_others(place, address):
    with serving(Fake()) as one, serving(Fake(lapse=range(60, 72))) as other:
        verdict, run = gate(place, [one, other], address)
    assert (verdict.name, verdict.deciding[0].code) == ("VOID", "drift")
    assert not recheck(run).differences


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A base, an adapter of it, and what it is asked."""
    root = tmp_path_factory.mktemp("tiny")
    base = tiny_model.make_base(root / "base")
    adapter = tiny_model.make_adapter(root / "adapter", base)
    asks = [
        Ask(f"def f{n}(", "completion", None, Decoding(6), 0, "w", mount=mount)
        for mount in (None, adapter)
        for n in range(40)
    ]
    return base, adapter, asks


def test_replicas_of_the_engine_answer_as_it_does_also_when_one_is_lost(tiny, address):
    base, _, asks = tiny
    alone = MlxEngine(base)
    spread = Replicas(base, Cluster(address=address, replicas=2))
    own = {key: spread.identity[key] for key in alone.identity}
    assert own == alone.identity
    lose(spread._workers[0])
    assert dict(spread.answer(asks)) == dict(alone.answer(asks))


def test_a_replica_of_another_base_or_on_another_kind_of_host_is_refused(tmp_path, address):
    base, other = (tiny_model.make_base(tmp_path / f"{n}", seed=n) for n in (0, 1))
    spread = Replicas(base, Cluster(address=address, replicas=2))
    shutil.copy(other / "model.safetensors", base)
    with pytest.raises(EngineError, match=r"host .*0: found sha256:.*; expected sha256:"):
        spread.settle()
    here = Replica(other, "auto", folder_digest(other))
    question = [0], [Ask("x", "completion", None, Decoding(2), 0, "w")], {}
    assert here.answer(*question, "", {}, here.identity({}))
    with pytest.raises(EngineError, match=r"differ in device: found 'cpu' and 'gpu'"):
        here.answer(*question, "", {}, here.identity({}) | {"device": "gpu"})
    with pytest.raises(EngineError, match="expected sha256:0"):
        here.answer(*question, "sha256:0", {}, here.identity({}))


def lose(worker):
    """End what works somewhere without a word."""
    if isinstance(worker, cluster.Worker):
        worker._made = None
    else:
        os.kill(pid(worker), signal.SIGKILL)


def pid(worker):
    import ray

    return ray.get(worker.__ray_call__.remote(lambda _: os.getpid()))


@pytest.mark.parametrize("address", ["here"], indirect=True)
def test_a_host_that_changes_amid_the_run_is_void(place, address, monkeypatch):
    looks, real = [], Far.differing

    def differing(far):
        looks.append(far)
        return real(far) if len(looks) <= 2 else ["source of sums.right"]

    monkeypatch.setattr(Far, "differing", differing)
    with serving(Fake(tokens=True)) as one:
        verdict, _ = gate(place, [one], address)
    assert (verdict.name, codes(verdict)[0]) == ("VOID", "changed-in-run")
    assert "changed on a host of the cluster" in verdict.reasons[0].text


@pytest.mark.slow
def test_workers_that_are_killed_amid_the_run_end_in_the_same_receipts(place, nodes, monkeypatch):
    monkeypatch.setattr(network, "BACKOFF", 0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    hired, living = cluster.hired, []

    def hire(*asked):
        workers = hired(*asked)
        living.append([pid(one) for one in workers])
        return workers

    def reply(*asked):
        if len(second.asked) == 80:
            for pids in living:  # a judge and a replica
                os.kill(pids.pop(), signal.SIGKILL)
        return honest(*asked)

    monkeypatch.setattr(cluster, "hired", hire)
    second = Fake()
    honest, second.reply = second.reply, reply
    with serving(Fake()) as one, serving(second) as other:
        verdict, run = gate(place, [one, other], nodes)
        alone, here = gate(place, [one])
    assert [len(pids) for pids in living] == [1, 1]
    assert verdict.name == alone.name == "SHIP"
    assert judged(run) == judged(here)


@pytest.mark.slow
def test_the_pocket_is_answered_and_judged_on_two_nodes_as_on_one_machine(tmp_path, nodes):
    root = write_workspace(tmp_path / "workspace", ["gamedev"])
    found = []
    for at in ({"address": nodes, "replicas": 2, "judges": 2}, None):
        shutil.rmtree(root / "looks", ignore_errors=True)
        data = yaml.safe_load((root / "library.yaml").read_text()) | {"cluster": at}
        (root / "library.yaml").write_text(yaml.safe_dump(data))
        found.append(run_gate(Options("gamedev", library=str(root), limit=24)))
    (verdict, run), (alone, here) = found
    assert codes(verdict) == codes(alone)
    assert judged(run) == judged(here)
    assert RunFolder(run).settings.engine["over"] == "ray"
    assert not recheck(run).differences


@pytest.mark.parametrize("key", ["python", None])
def test_a_host_that_is_unlike_the_one_of_the_audit_judges_nothing(place, address, key):
    folder = place / "verifiers"
    verifier = discovery.discover(folder).verifiers["sums.right"]
    seen = {"source": {"verifiers/sums.py": ""}, "packages": {}, "environment": {}}
    bound = binding.known(verifier, "", None) | binding.today(seen, place)
    certified = {verifier.id: bound | ({key: "another"} if key else {})}
    unlike = partial(binding.unlike, folder, certified, None)
    case, at = Case("x", "1+1", {"sum": "2"}), Cluster(address=address, judges=1)
    with Judges(folder, None, workers=1) as judges, Pool(judges, at, unlike) as pool:
        pending = pool.judge([verifier.id], case, "2")
        if key:
            with pytest.raises(EngineError, match=r"otherwise: python of sums\.right; make"):
                pending.result()
        else:
            assert [one.outcome for one in pending.result()] == [Outcome.PASS]


def test_what_is_missing_for_a_cluster_is_said(place, monkeypatch):
    with pytest.raises(WorkspaceError, match=r"'cluster.replicas': found no cluster; expected 2"):
        gate(place, ["http://a/v1", "http://b/v1"])
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        EngineError, match=r"no Ray here; .*pip install 'adapter-release-gate\[ray\]'"
    ):
        gate(place, ["http://a/v1"], "auto")
