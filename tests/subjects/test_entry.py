"""What people point ``--adapter`` at: a name, a folder of mlx-lm or PEFT, a model on the Hub; and
what is none of these is answered in one sentence that says what to do."""

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from huggingface_hub import constants

from harness.content.library import Adapter, Entry
from harness.digests import folder_digest
from harness.doors.cli.main import main
from harness.errors import HarnessError, WorkspaceError
from harness.files import make_folder
from harness.subjects.entering import peft
from harness.subjects.entering.folders import recognised
from harness.subjects.identity import taken

PEFT = Path(__file__).parent.parent / "data" / "peft"
SHAPES = ("plain", "rslora", "patterns", "layers", "dora")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
pytestmark = pytest.mark.usefixtures("no_answers")


def last(engine, adapter, ids):
    engine.mount(adapter)
    [found] = engine.log_probabilities([ids], 1)
    return np.array(found[0])


@pytest.mark.parametrize("shape", SHAPES)
def test_an_adapter_of_peft_answers_as_peft_does(engine, base, tmp_path, shape):
    """The logits are PEFT's own; tests/data/peft/make.py wrote them down."""
    told = json.loads((PEFT / "logits.json").read_text())
    logits = np.array(told["last"][shape])
    wanted = logits - np.logaddexp.reduce(logits)
    found = last(engine, peft.converted(PEFT / shape, base, tmp_path), told["ids"])
    assert np.abs(found - wanted).max() < 2e-5
    assert np.abs(last(engine, None, told["ids"]) - wanted).max() > 0.5


def test_a_conversion_edited_in_the_cache_is_not_what_a_gate_mounts(base, tmp_path):
    kept = peft.converted(PEFT / "plain", base, make_folder(tmp_path / "cache"))
    said = Adapter(path="plain", base="tiny", status="candidate", facets=["one"], suites=["one"])
    entry = Entry("mine", said, PEFT / "plain", "tiny", None, base, tmp_path, kept)
    before = folder_digest(kept)
    assert folder_digest(taken(entry, make_folder(tmp_path / "one")).mount) == before
    (kept / "adapters.safetensors").write_bytes(b"another's")
    assert folder_digest(taken(entry, make_folder(tmp_path / "two")).mount) == before
    assert folder_digest(kept) != before


def configured(**changes):
    def change(folder):
        path = folder / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def with_tensor(name):
    def change(folder):
        path = str(folder / "adapter_model.safetensors")
        mx.save_safetensors(path, dict(mx.load(path)) | {name: mx.ones((4, 4))})

    return change


INEXPRESSIBLE = {
    "whole modules": (
        with_tensor("base_model.model.lm_head.weight"),
        "holds base_model.model.lm_head.weight, which is no LoRA factor",
    ),
    "trained tokens": (
        with_tensor("base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta"),
        "trained tokens",
    ),
    "modules to save": (configured(modules_to_save=["lm_head"]), "'modules_to_save'"),
    "transposed weights": (configured(fan_in_fan_out=True), "'fan_in_fan_out'"),
    "another method": (configured(peft_type="IA3"), "found 'IA3'; mlx-lm mounts LORA"),
    "biases": (configured(bias="lora_only"), "mlx-lm mounts no biases"),
    "a base that was changed too": (configured(init_lora_weights="pissa_niter_4"), "'pissa"),
    "what nobody knows yet": (configured(use_new_thing=True), "'use_new_thing': found true"),
    "no alpha": (configured(lora_alpha=None), "'lora_alpha': found None"),
    "a pattern that is none": (configured(alpha_pattern={"(": 3}), "no regular expression"),
}


@pytest.mark.parametrize("kind", INEXPRESSIBLE)
def test_what_mlx_lm_cannot_express_is_refused_by_name(tmp_path, base, kind):
    change, said = INEXPRESSIBLE[kind]
    folder = shutil.copytree(PEFT / "plain", tmp_path / "adapter")
    change(folder)
    with pytest.raises(WorkspaceError) as refused:
        peft.converted(folder, base, tmp_path)
    assert said in str(refused.value)
    assert str(refused.value).startswith(str(folder))


def test_embeddings_and_gaps_of_dora_are_refused(tmp_path, base):
    with pytest.raises(WorkspaceError, match="lora_embedding"):
        peft.converted(PEFT / "embedding", base, tmp_path)
    folder = shutil.copytree(PEFT / "dora", tmp_path / "dora")
    path = str(folder / "adapter_model.safetensors")
    kept = {name: value for name, value in mx.load(path).items() if "layers.3." not in name}
    mx.eval(kept)
    mx.save_safetensors(path, kept)
    with pytest.raises(WorkspaceError, match="DoRA on a part of the layers"):
        peft.converted(folder, base, tmp_path)


# What is no adapter.


def emptied(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def renamed(old, new):
    return lambda folder: (folder / old).rename(folder / new)


def dangling(name):
    def change(folder):
        (folder / name).unlink()
        (folder / name).symlink_to("../blobs/gone")

    return change


def written(name, data, without=("adapters.safetensors",)):
    def change(folder):
        for each in without:
            (folder / each).unlink()
        (folder / name).write_bytes(data)

    return change


REFUSED = {
    "nothing": (shutil.rmtree, "", "no such folder"),
    "an empty folder": (emptied, "", "found nothing; expected adapter_config.json and adapters"),
    "the tensors themselves": (None, "adapters.safetensors", "give its folder"),
    "a GGUF file": (written("a.gguf", b"GGUF", ()), "a.gguf", "GGUF is llama.cpp's format"),
    "a folder of GGUF": (written("a.gguf", b"GGUF"), "", "GGUF is llama.cpp's format"),
    "tensors of an old mlx-lm": (
        renamed("adapters.safetensors", "adapters.npz"),
        "",
        "mx.save_saf",
    ),
    "checkpoints alone": (
        renamed("adapters.safetensors", "0000100_adapters.safetensors"),
        "",
        "0000100_adapters.safetensors",
    ),
    "a pointer of git-lfs": (
        written("adapters.safetensors", b"version https://git-lfs.github.com/spec/v1\noid"),
        "",
        "git lfs pull",
    ),
    "a link to nothing": (dangling("adapters.safetensors"), "", "is a link to ../blobs/gone"),
    "a pickle of PEFT": (written("adapter_model.bin", b"x"), "", "safe_serialization=True"),
    "no config": (
        lambda folder: (folder / "adapter_config.json").unlink(),
        "",
        "lacks adapter_conf",
    ),
    "the folder above": (None, "..", "holds the folders of adapters; give one"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_adapter_is_answered_with_what_to_do(trained, tmp_path, kind):
    change, below, said = REFUSED[kind]
    folder = shutil.copytree(trained, tmp_path / "all" / "adapter")
    assert recognised(folder) == "mlx"
    if change:
        change(folder)
    with pytest.raises(WorkspaceError) as refused:
        recognised(folder / below if below != ".." else folder.parent)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_whole_model_is_no_adapter(base):
    with pytest.raises(WorkspaceError, match=r"is a whole model .* with --base"):
        recognised(base)


# From the command line.


@pytest.fixture
def workspace(tmp_path, monkeypatch, base, trained):
    """A library that knows another adapter, and one suite."""
    listed = {"path": str(trained), "base": "tiny", "status": "candidate", "facets": ["f"],
              "suites": ["s"]}  # fmt: skip
    library = {"bases": {"tiny": {"path": str(base)}}, "adapters": {"listed": listed}}
    (tmp_path / "library.yaml").write_text(yaml.safe_dump(library))
    (tmp_path / "suites").mkdir()
    suite = {"facet": "f", "role": "facet", "mode": "chat", "prompts": "s.jsonl", "max_tokens": 8,
             "criteria": [{"id": "c", "verifier": "patchnotes.plain"}]}  # fmt: skip
    (tmp_path / "suites" / "s.yaml").write_text(yaml.safe_dump(suite))
    row = {"id": "a", "prompt": "Tell me of the lamp at the gate."}
    (tmp_path / "suites" / "s.jsonl").write_text(json.dumps(row) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def preflight(*options):
    return CliRunner().invoke(main, ["preflight", *options], catch_exceptions=False)


def test_a_folder_is_looked_at_on_the_base_and_for_the_suites_that_are_named(workspace):
    shutil.copytree(PEFT / "rslora", workspace / "mine")
    found = preflight("--adapter", "./mine", "--base", "tiny", "--suite", "s")
    assert found.exit_code == 0, found.output
    assert "56 of 56" in found.output
    assert "warn   converted: it is an adapter of PEFT" in found.output
    assert folder_digest(workspace / "mine") in found.output
    without = preflight("--adapter", "mine", "--suite", "s")
    assert (without.exit_code, "--base says what it runs on; its" in without.output) == (4, True)
    without = preflight("--adapter", "mine", "--base", "tiny")
    assert (without.exit_code, "--suite says what it owes" in without.output) == (4, True)


@pytest.mark.usefixtures("workspace")
def test_a_name_of_the_library_owes_what_is_listed():
    assert preflight("--adapter", "listed").exit_code == 0
    assert "leave it out" in preflight("--adapter", "listed", "--suite", "s").output
    assert "did you mean" in preflight("--adapter", "liste").output
    shutil.move("library.yaml", "other.yaml")
    listed = Path("other.yaml").read_text().replace("/trained", "/gone")
    Path("library.yaml").write_text(listed)
    said = preflight("--adapter", "listed").output
    assert "library.yaml: adapters.listed.path: " in said
    assert "gone: no such folder" in said
    empty = preflight("--adapter", "")
    assert (empty.exit_code, "expected a name, a folder" in empty.output) == (4, True)


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub as a download of one commit needs."""

    folder: Path

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path, _, _ = self.path.partition("?")
        names = sorted(each.name for each in self.folder.iterdir())
        if path.startswith("/api/models/org/name/tree/"):
            rows = [{"type": "file", "path": n, "oid": "0" * 40,
                     "size": (self.folder / n).stat().st_size} for n in names]  # fmt: skip
            return self._send(json.dumps(rows).encode())
        if path.startswith("/api/models/org/name"):
            about = {"id": "org/name", "modelId": "org/name", "sha": COMMIT, "private": False,
                     "tags": [], "siblings": [{"rfilename": n} for n in names]}  # fmt: skip
            return self._send(json.dumps(about).encode())
        name = path.rpartition("/")[2]
        if path.startswith(f"/org/name/resolve/{COMMIT}/") and name in names:
            return self._send((self.folder / name).read_bytes())
        return self._send(b"{}", 404)

    def _send(self, data, code=200):
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hash(data) & 0xFFFFFFFF:08x}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(trained, tmp_path, monkeypatch):
    folder = shutil.copytree(trained, tmp_path / "on-the-hub")
    (folder / "optimizer.pt").write_bytes(b"x")
    served = ThreadingHTTPServer(("127.0.0.1", 0), type("Of", (Hub,), {"folder": folder}))
    threading.Thread(target=served.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{served.server_port}"  # as HF_ENDPOINT sets it
    monkeypatch.setattr(constants, "ENDPOINT", url)
    of = "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + of)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    yield served
    served.shutdown()
    served.server_close()


@pytest.mark.usefixtures("workspace")
def test_an_adapter_of_the_hub_is_of_one_commit_and_kept(hub, trained, monkeypatch):
    from harness.subjects.entering import hub as hubs

    with pytest.raises(WorkspaceError, match=f"main may move; it is at org/name@{COMMIT} now"):
        hubs.fetched("org/name@main")
    path = hubs.fetched(f"org/name@{COMMIT}")
    assert folder_digest(path) == folder_digest(trained)
    assert not (path / "optimizer.pt").exists()
    options = ("--adapter", f"org/name@{COMMIT}", "--base", "tiny", "--suite", "s")
    assert preflight(*options).exit_code == 0
    hub.shutdown()
    hub.server_close()
    assert preflight(*options).exit_code == 0, "the cache is enough"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HarnessError, match="not in the cache of the Hub, and cannot be had"):
        hubs.fetched(f"org/other@{COMMIT}")


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("form", ["mlx", "peft", "hub"])
def test_one_command_brings_each_to_a_verdict(workspace, trained, form):
    """VOID, as a base without training ends no answer; about the files that were named."""
    mine = shutil.copytree(PEFT / "plain" if form == "peft" else trained, workspace / "mine")
    named = f"org/name@{COMMIT}" if form == "hub" else "./mine"
    options = ["--adapter", named, "--base", "tiny", "--suite", "s", "--run-dir", "run", "-q"]
    found = CliRunner().invoke(main, ["gate", *options], catch_exceptions=False)
    assert (found.exit_code, found.stdout.strip()) == (3, "VOID"), found.output
    reasons = json.loads((workspace / "run" / "verdict.json").read_text())["reasons"]
    assert {r["code"] for r in reasons if r["verdict"] == "VOID"} == {"cut"}
    assert "facet-not-measured" not in {r["code"] for r in reasons}  # a suite's id is no facet's
    registered = json.loads((workspace / "run" / "registration.json").read_text())
    assert registered["adapter_digest"] == folder_digest(mine)
    assert registered["plans"].keys() == {"s"}
