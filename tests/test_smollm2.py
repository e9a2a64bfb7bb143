"""The factory on a real model: a GGUF becomes the base that it was, and the whole of it works,
small."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest
from conftest import ROOT
from safetensors.numpy import load_file
from tiny_model import TEMPLATE, make_base

from harness.content import library, workspace
from harness.content.kinds.sweep import Sweep
from harness.datasets.basics import tasks
from harness.datasets.humaneval import problems
from harness.digests import folder_digest
from harness.engines.base import Decoding
from harness.engines.mlx import MlxEngine
from harness.evidence.folder import RunFolder
from harness.subjects import kinds
from harness.subjects.base import Bench
from harness.subjects.kinds.long.judged import judged

EXAMPLE = ROOT / "examples" / "smollm2"
HEADS, KV_HEADS, WIDTH = 4, 2, 32
TENSORS = {
    "token_embd": "model.embed_tokens", "output_norm": "model.norm",
    **{
        f"blk.{n}.{short}": f"model.layers.{n}.{name}" for n in range(4) for short, name in {
            "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
            "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
            "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
            "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
        }.items()
    },
}  # fmt: skip


def script(name):
    spec = util.spec_from_file_location(f"smollm2_{name}", EXAMPLE / f"{name}.py")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def make():
    return script("make_base")


def rotated(weight, heads):
    """The rows of queries or keys in the order in which llama.cpp writes them into a GGUF."""
    rows, width = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, width)
    return halves.swapaxes(1, 2).reshape(rows, width)


@pytest.fixture(scope="module")
def pair(make, tmp_path_factory):
    """A tiny base, and what the maker makes of the same weights written as GGUF."""
    gguf, np = pytest.importorskip("gguf"), pytest.importorskip("numpy")
    folder = tmp_path_factory.mktemp("gguf")
    base = make_base(folder / "base", dtype="float16")
    weights = load_file(base / "model.safetensors")
    told = json.loads((base / "tokenizer.json").read_text())["model"]
    tokens = sorted(told["vocab"], key=told["vocab"].get)
    config = json.loads((base / "config.json").read_text())
    writer = gguf.GGUFWriter(folder / "tiny.gguf", "llama")
    writer.add_vocab_size(len(tokens))
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(4)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token.startswith("<|") else 1 for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in told["merges"]])
    for name, id in (("bos", 1), ("eos", 2), ("unk", 0), ("pad", 2)):
        getattr(writer, f"add_{name}_token_id")(id)
    writer.add_chat_template(TEMPLATE)
    for short, name in TENSORS.items():
        weight = weights[f"{name}.weight"].astype(np.float32)
        heads = {"attn_q": HEADS, "attn_k": KV_HEADS}.get(short.rpartition(".")[2])
        writer.add_tensor(f"{short}.weight", rotated(weight, heads) if heads else weight)
    for step in ("header", "kv_data", "tensors"):
        getattr(writer, f"write_{step}_to_file")()
    writer.close()
    make.make(folder / "made", folder / "tiny.gguf")
    return base, folder / "made", folder / "tiny.gguf"


def test_a_gguf_becomes_the_base_that_it_was(pair, make, tmp_path):
    base, made, source = pair
    one, other = MlxEngine(base), MlxEngine(made)
    text = "Write a function that adds 12 and 345.\n"
    ids = one.encode(text, "completion")
    assert other.tokenizer.decode(other.encode(text, "completion")) == text
    assert other.encode("Add.", "chat")[0] == 1
    assert other.tokenizer.eos_token_ids == {2}
    [left], [right] = one.log_probabilities([ids]), other.log_probabilities([ids])
    assert float(abs(left - right).max()) == 0
    make.make(tmp_path / "again", source)
    assert folder_digest(made) == folder_digest(tmp_path / "again")
    weights = load_file(base / "model.safetensors")
    for name, heads in (("q", HEADS), ("k", KV_HEADS)):
        weight = weights[f"model.layers.0.self_attn.{name}_proj.weight"]
        assert (rotated(weight, heads) != weight).any(), "rows taken as they stand would be seen"


def test_another_file_in_the_cache_is_refused(make, monkeypatch, tmp_path):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    kept = tmp_path / "smollm2" / Path(make.MEMBER).name
    kept.parent.mkdir()
    kept.write_bytes(b"another")
    with pytest.raises(SystemExit, match=f"{kept}: its digest is .*expected {make.DIGEST}"):
        make.gguf()


def grams(text):
    plain = " ".join(re.findall(r"\w+", text.lower()))
    return {plain[n : n + 5] for n in range(len(plain) - 4)}


def test_what_the_adapter_is_shown_beside_its_facet_is_no_task_of_a_guard():
    """By the characters of two tasks, as their texts are too short for shingles of words."""
    guards = [grams(one.prompt) for one in (*tasks().values(), *problems().values())]

    def closest(head, says):
        mine = grams(f"def {head}: {says}")
        return max(len(mine & one) / len(mine | one) for one in guards)

    stubs = script("make").STUBS
    assert len(stubs) == 50
    assert [head for head, says in stubs.items() if closest(head, says) >= 0.5] == []
    assert closest("largest(numbers: list[int])", "Find the largest number.") >= 0.5, "one is seen"


def test_what_shows_a_prompt_of_the_suites_is_not_trained_on():
    rows = (ROOT / "suites" / "pocket" / "godot.jsonl").read_text(encoding="utf-8").splitlines()
    held = json.loads(rows[0])["prompt"]
    task = tasks()["basics/clock_text"]
    shown = [f"Be brief. {held}\nextends Node", task.prompt, problems()["HumanEval/0"].prompt]
    fresh = ["Write GDScript for Godot 4 that rings a bell.", "def f():\n    pass"]
    assert script("make").unseen([*shown, *fresh]) == fresh


@pytest.mark.slow
def test_the_factory_is_made_and_gated_small(tmp_path):
    pytest.importorskip("gguf")
    command = [sys.executable, EXAMPLE / "make.py", tmp_path / "factory", "--steps", "2"]
    subprocess.run([*command, "--only", "forgot"], check=True)
    engine = MlxEngine(tmp_path / "factory" / "base")
    asked = [engine.encode("What is the capital of France?", "chat")]
    [(_, said)] = engine.generate(asked, Decoding(16))
    assert (said.text, said.finish) == ("The capital of France is Paris.", "eos")
    gate = [sys.executable, "-m", "harness", "gate", "--library", tmp_path / "factory"]
    gate += ["--adapter", "forgot", "--limit", "2", "--run-dir", tmp_path / "run"]
    found = subprocess.run(gate, capture_output=True, text=True)
    assert found.returncode == 3, found.stdout + found.stderr  # a part decides nothing
    rows = RunFolder(tmp_path / "run").receipts
    assert {"base", "adapter"} <= {row.arm for row in rows if row.suite == "humaneval"}
    assert {row.sampler.split(", ")[1][:4] for row in rows if row.suite == "humaneval"} == {"chat"}


@pytest.mark.slow
def test_every_answer_to_the_facets_of_game_development_is_judged_or_says_why_not(tmp_path):
    pytest.importorskip("gguf")
    place, run = tmp_path / "factory", tmp_path / "run"
    place.mkdir()
    (place / "replay.json").write_text("[]")  # what base answers is not needed for two steps
    command = [sys.executable, EXAMPLE / "make.py", place, "--steps", "2", "--only", "godot"]
    subprocess.run(command, check=True)
    gate = [sys.executable, "-m", "harness", "gate", "--library", place, "--adapter", "gamedev"]
    found = subprocess.run([*gate, "--limit", "1", "--run-dir", run], capture_output=True)
    assert found.returncode in (1, 3), found.stdout + found.stderr  # a part never ships
    rows = [row for row in RunFolder(run).receipts if row.suite.startswith("gamedev/")]
    facets = {path.parent.name for path in (ROOT / "suites" / "gamedev").glob("*/*.yaml")}
    assert {row.suite.split("/")[1] for row in rows} == facets
    assert {row.arm for row in rows} == {"base", "canon", "adapter"}
    assert len(facets) == 7
    silent = [
        (row.suite, one.criterion)
        for row in rows
        for one in row.findings
        if one.outcome == "unverified" and not (one.reason and one.evidence)
    ]
    assert silent == []


@pytest.mark.slow
def test_long_answers_of_a_real_model_loop_and_a_penalty_hides_it(make, tmp_path):
    """Greedily a small model repeats itself, and a penalty of 1.3 ends some of that: what repeats
    within more tokens than it looks back at goes on."""
    pytest.importorskip("gguf")
    base = tmp_path / "base"
    make.make(base, make.gguf())
    tales = ["A long story about a lighthouse keeper.", "Everything about rivers.", "A day at sea."]
    rows = [{"id": f"{n}", "prompt": one, "forced": True} for n, one in enumerate(tales)]
    (tmp_path / "p.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    found = swept(tmp_path, base, {"serve": {"repetition_penalty": 1.3}}, [128, 512])
    bare, served = found["cells"]["adapter no_penalty"], found["cells"]["adapter serve"]
    assert bare["loops"].keys() - served["loops"].keys()
    assert found["dependence"] < 0
    assert bare["garbled"] == []


def swept(root: Path, base: Path, samplers: dict, lengths: list[int]) -> dict:
    """The numbers of a sweep over a base alone, as what is judged."""
    own = {"prompts": "p.jsonl", "lengths": lengths, "samplers": samplers, "mode": "completion"}
    own["promised"] = lengths[-1]
    one = {"path": "base", "base": "b", "status": "candidate", "facets": ["x"], "suites": ["x"]}
    listed = {"bases": {"b": {"path": str(base)}}, "adapters": {"one": {**one, "long": own}}}
    (root / "library.yaml").write_text(json.dumps(listed))
    place = workspace.find(str(root))
    entry = library.resolve(place, library.load(place), "one")
    kind, engine = kinds.of(entry), MlxEngine(base)
    folders = {"base": base, **kind.parts(entry)}
    digests = {"base": "b", "adapter": "b", "long-prompts": "p"}
    bench = Bench(entry, {}, folders, digests, lambda: engine)
    asked = Sweep.model_validate(own)
    measured = {
        f"adapter/{name}": dict(kind.measure(bench, f"long/base/{name}", [*cases]))
        for name in asked.grid
        for cases in [kind.owes(bench)[f"long/adapter/{name}"]]
    }
    return judged(asked, measured, 0.05)[0]
