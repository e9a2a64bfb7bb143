"""Every kind of adapter that mlx-lm writes, as its own trainer writes it: the honest one is clean,
mounts as a fresh load does, and its broken twin is named."""

import json
import shutil
from types import SimpleNamespace

import mlx.core as mx
import pytest
from mlx_lm import lora
from mlx_lm.utils import load
from tiny_model import CORPUS, architectures, edit_tensors, make_base

from harness.engines.base import Decoding
from harness.engines.mlx import MlxEngine
from harness.errors import EngineError
from harness.subjects import effect
from harness.subjects.entering.folders import config_faults
from harness.subjects.tensors import examine

#: architecture of the base, kind, blocks that are trained, modules by name
KINDS = {
    "lora": ("llama", "lora", -1, None),
    "dora": ("llama", "dora", 1, None),
    "full, all blocks": ("llama", "full", -1, None),
    "full, the last block": ("llama", "full", 1, None),
    "lora on embedding and tied head": ("llama", "lora", -1, ["model.embed_tokens"]),
    "dora on embedding": ("llama", "dora", -1, ["model.embed_tokens", "self_attn.q_proj"]),
    "lora on a head of its own": ("phi3", "lora", -1, ["lm_head", "self_attn.qkv_proj"]),
    "lora on experts": ("mixtral", "lora", -1, None),
    "full, experts": ("mixtral", "full", 1, None),
    "lora on a hybrid": ("lfm2", "lora", -1, None),
    "lora on positions' model": ("gpt2", "lora", -1, None),
}


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A tiny base of each architecture, made when it is asked for."""
    root, made = tmp_path_factory.mktemp("kinds"), {}

    def base(name):
        if name not in made:
            made[name] = make_base(root / name, config=architectures()[name])
        return made[name]

    return base


@pytest.fixture(scope="session")
def train(tmp_path_factory):
    """What ``mlx_lm lora`` writes after a few steps; a compiler of the steps would take longer."""
    root = tmp_path_factory.mktemp("trained")
    rows = "\n".join(json.dumps({"text": text}) for text in CORPUS * 2)
    for name in ("train", "valid"):
        (root / f"{name}.jsonl").write_text(rows)

    def run(base, kind, layers, keys):
        folder = root / f"adapter{len(list(root.iterdir()))}"
        settings = lora.CONFIG_DEFAULTS | {
            "model": str(base), "data": str(root), "adapter_path": str(folder), "train": True,
            "fine_tune_type": kind, "num_layers": layers, "batch_size": 2, "iters": 3,
            "val_batches": 1, "learning_rate": 1e-2, "max_seq_length": 64,
        }  # fmt: skip
        keys = {"keys": keys} if keys else {}
        settings["lora_parameters"] = {"rank": 4, "dropout": 0.0, "scale": 2.0} | keys
        mx.disable_compile()
        try:
            lora.run(SimpleNamespace(**settings))
        finally:
            mx.enable_compile()
        return folder

    return run


@pytest.fixture(scope="session")
def trained(models, train):
    """By kind its base and an adapter on it, trained once."""
    made = {}

    def of(kind):
        if kind not in made:
            name, *how = KINDS[kind]
            made[kind] = models(name), train(models(name), *how)
        return made[kind]

    return of


def faults(adapter, engine):
    """What config, tensors and effect show."""
    config = json.loads((adapter / "adapter_config.json").read_text())
    found = config_faults(config, adapter / "adapter_config.json")
    seen = examine(adapter, config, engine)
    found += seen.faults
    if seen.usable:
        found += effect.probe(engine, adapter, [engine.encode(CORPUS[0], "completion")], 0.0)[1]
    return [fault.code for fault in found]


def logits(engine, ids):
    return engine.log_probabilities([ids])[0]


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_trainer_writes_is_clean_and_mounts_as_a_fresh_load_does(trained, kind):
    base, adapter = trained(kind)
    engine = MlxEngine(base)
    ids = engine.encode(CORPUS[0], "completion")
    bare = logits(engine, ids)
    assert faults(adapter, engine) == []
    engine.mount(adapter)
    model, _ = load(str(base), adapter_path=str(adapter))
    fresh = model(mx.array([ids]))[0]
    assert mx.array_equal(logits(engine, ids), fresh - mx.logsumexp(fresh, axis=-1, keepdims=True))
    engine.mount(None)
    assert mx.array_equal(logits(engine, ids), bare)


def scaled(factor, part):
    """Tensors whose names hold ``part``, made larger."""
    return lambda found: {n: v * factor if part in n else v for n, v in found.items()}


def one_expert(found):
    """One expert of one matrix is changed by a million times too much."""
    name = next(n for n in sorted(found) if "switch_mlp" in n and n.endswith("lora_b"))
    return found | {name: found[name] * mx.array([1.0, 1.0, 1e6, 1.0])[:, None, None]}


def half(found):
    return dict(sorted(found.items())[: len(found) // 2])


def added(found):
    return found | {"model.norm.weight": mx.ones((32,))}


BROKEN = {
    "half of the blocks": ("full, all blocks", half, "tensors-missing"),
    "a weight that no block holds": ("full, the last block", added, "tensors-unexpected"),
    "weights that explode": ("full, all blocks", scaled(100.0, "mlp"), "update-size"),
    "another width": (
        "full, the last block",
        lambda found: {n: v[..., :-1] for n, v in found.items()},
        "shape",
    ),
    "a NaN": ("full, the last block", scaled(float("nan"), "q_proj"), "not-finite"),
    "experts that explode": ("lora on experts", scaled(1e7, "switch_mlp"), "update-size"),
    "one expert that explodes": ("lora on experts", one_expert, "update-size"),
    "magnitudes that explode": ("dora", scaled(1e4, ".m"), "update-size"),
    "an embedding that explodes": (
        "lora on embedding and tied head", scaled(1e6, "lora_b"), "update-size",
    ),
}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_broken_of_each_kind_is_named(trained, tmp_path, broken):
    kind, spoil, code = BROKEN[broken]
    base, adapter = trained(kind)
    folder = shutil.copytree(adapter, tmp_path / "adapter")
    edit_tensors(folder, spoil)
    assert code in faults(folder, MlxEngine(base))


def test_a_full_fine_tune_that_changed_nothing_is_named(trained, tmp_path):
    base, adapter = trained("full, the last block")
    own = mx.load(str(base / "model.safetensors"))
    folder = shutil.copytree(adapter, tmp_path / "adapter")
    edit_tensors(folder, lambda found: {name: own[name] for name in found})
    assert faults(folder, MlxEngine(base)) == ["zero-adapter", "no-effect"]


@pytest.mark.parametrize("num_layers", [None, 3])
def test_blocks_that_are_not_said_or_not_there(trained, tmp_path, num_layers):
    base, adapter = trained("full, the last block")
    folder = shutil.copytree(adapter, tmp_path / "adapter")
    path = folder / "adapter_config.json"
    said = json.loads(path.read_text()) | {"num_layers": num_layers}
    path.write_text(json.dumps(said))
    assert ("layers" if num_layers else "config") in faults(folder, MlxEngine(base))


@pytest.fixture(scope="session")
def quantised(models, tmp_path_factory):
    """The tiny Llama in fewer bits, as ``mlx_lm convert`` writes it."""
    from mlx_lm.utils import load_model, quantize_model, save_model

    root, made = tmp_path_factory.mktemp("quantised"), {}

    def base(form):
        if form not in made:
            model, config = load_model(models("llama"))

            def mixed(path, module):
                fits = hasattr(module, "to_quantized")
                return fits and {"bits": 8 if "down_proj" in path else 4, "group_size": 32}

            own = {"quant_predicate": mixed} if form == "mixed" else {}
            bits = int(form[0]) if form[0].isdigit() else 4
            model, config = quantize_model(model, config, 32, bits, **own)
            made[form] = shutil.copytree(models("llama"), root / form.replace(" ", "-"))
            (made[form] / "model.safetensors").unlink()
            save_model(made[form], model, donate_model=True)
            (made[form] / "config.json").write_text(json.dumps(config))
        return made[form]

    return base


@pytest.mark.parametrize(
    ("kind", "form"),
    [("lora", "4 bits"), ("lora", "3 bits"), ("lora", "mixed"), ("dora", "4 bits")],
)
def test_a_quantised_base_takes_what_was_trained_on_it(quantised, train, tmp_path, form, kind):
    base = quantised(form)
    adapter, engine = train(base, kind, 1, None), MlxEngine(base)
    assert faults(adapter, engine) == []
    ids = engine.encode(CORPUS[0], "completion")
    engine.mount(adapter)
    assert len(list(engine.generate([ids], Decoding(4)))) == 1
    folder = shutil.copytree(adapter, tmp_path / "adapter")
    edit_tensors(folder, scaled(1e6, "lora_b"))
    assert "update-size" in faults(folder, engine)


def test_experts_in_bfloat16_on_a_cpu_end_in_a_sentence(tmp_path):
    """mlx multiplies gathered matrices in float32 alone there, and that is what the engine does."""
    base = make_base(tmp_path / "base", config=architectures()["mixtral"], dtype="bfloat16")
    wide = MlxEngine(base)
    ids = wide.encode(CORPUS[0], "completion")
    assert len(list(wide.generate([ids], Decoding(2)))) == 1
    stored = MlxEngine(base, dtype="as-stored")
    with pytest.raises(EngineError, match="bfloat16"):
        list(stored.generate([ids], Decoding(2)))
    with pytest.raises(EngineError, match="bfloat16"):
        stored.log_probabilities([ids])
