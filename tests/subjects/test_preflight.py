"""Every faulty adapter that mlx-lm loads without a word is named by the preflight, and its clean
twin is not."""

import json
import shutil

import mlx.core as mx
import pytest
import yaml
from click.testing import CliRunner
from tiny_model import TEMPLATE, edit_config, edit_tensors, make_adapter, make_base
from tokenizers import Tokenizer

from harness.digests import folder_digest
from harness.doors.cli.main import main


def keep(tensors, wanted):
    return {name: value for name, value in tensors.items() if wanted(name)}


def other_base(adapter, _base):
    """The same shapes and the same config, trained on another base."""
    other = make_base(adapter.parent / "other", seed=9)
    edit_config(adapter, trained_on_base=folder_digest(other))


def wrong_rank(adapter, base):
    shutil.rmtree(adapter)
    make_adapter(adapter, base, rank=8)
    edit_config(adapter, lora_parameters={"rank": 4})


def zero_up(tensors):
    return {name: mx.zeros_like(v) if name.endswith("lora_b") else v for name, v in tensors.items()}


def with_nan(tensors):
    name = sorted(tensors)[7]
    return tensors | {name: mx.where(tensors[name] > 1e9, tensors[name], mx.array(float("nan")))}


def first(number):
    return lambda tensors: dict(sorted(tensors.items())[:number])


def scaled(factor, leaf):
    return lambda tensors: {
        name: v * factor if name.endswith(leaf) else v for name, v in tensors.items()
    }


def edits(change):
    return lambda adapter, base: edit_tensors(adapter, change)


def configures(**changes):
    return lambda adapter, base: edit_config(adapter, **changes)


def own_settings(**changes):
    def write(adapter, base):
        said = json.loads((base / "tokenizer_config.json").read_text()) | changes
        (adapter / "tokenizer_config.json").write_text(json.dumps(said))

    return write


FAULTS = {
    "another base of the same shapes": (other_base, "wrong-base"),
    "other shapes": (wrong_rank, "shape"),
    "a prefix of another wrapper": (
        edits(lambda tensors: {f"language_model.{name}": v for name, v in tensors.items()}),
        "tensors-unexpected",
    ),
    "half of the tensors": (edits(first(28)), "tensors-missing"),
    "one lone tensor": (edits(first(1)), "tensors-missing"),
    "no lora_b at all": (
        edits(lambda tensors: keep(tensors, lambda n: n.endswith("lora_a"))),
        "tensors-missing",
    ),
    "four layers claimed, two in the file": (
        edits(lambda tensors: keep(tensors, lambda n: "layers.2." in n or "layers.3." in n)),
        "tensors-missing",
    ),
    "two layers claimed, four in the file": (configures(num_layers=2), "tensors-unexpected"),
    "more layers than the base has": (configures(num_layers=16), "layers"),
    "all-zero lora_b": (edits(zero_up), "zero-adapter"),
    "a tiny lora_b": (edits(scaled(1e-7, "lora_b")), "no-effect"),
    "NaN weights": (edits(with_nan), "not-finite"),
    "integers": (edits(lambda t: {n: v.astype(mx.int32) for n, v in t.items()}), "dtype"),
    "a minute scale": (configures(lora_parameters={"scale": 2e-7}), "update-size"),
    "weights that explode": (edits(scaled(1e4, "lora_b")), "update-size"),
    "a scale of zero": (configures(lora_parameters={"scale": 0.0}), "scale"),
    "LoRA tensors under a DoRA config": (configures(fine_tune_type="dora"), "tensors-missing"),
    "a config without scale": (lambda adapter, base: drop_scale(adapter), "config"),
    "a torn file": (lambda adapter, base: tear(adapter / "adapters.safetensors"), "refused"),
    "another tokenizer beside it": (
        lambda adapter, base: own_tokenizer(adapter, base),
        "tokenizer-drift",
    ),
    "another end token": (own_settings(eos_token="<|end|>"), "tokenizer-drift"),
    "another template in its settings": (own_settings(chat_template="{{ 1 }}"), "template-drift"),
    "the name of another base": (
        configures(trained_on_base=None, model="org/Other-7B"),
        "other-base",
    ),
    "a rank with decimals": (configures(lora_parameters={"rank": 8.0}), "config"),
    "a scale that is a truth value": (configures(lora_parameters={"scale": True}), "config"),
    "a kind that mlx-lm does not mount": (configures(fine_tune_type="ia3"), "config"),
    "layers as text": (configures(num_layers="4"), "config"),
    "parameters that are a list": (lambda adapter, base: replace_parameters(adapter), "config"),
    "another template in training": (
        configures(trained_on_template="sha256:" + "0" * 64),
        "template-drift",
    ),
}


def drop_scale(adapter):
    config = json.loads((adapter / "adapter_config.json").read_text())
    del config["lora_parameters"]["scale"]
    (adapter / "adapter_config.json").write_text(json.dumps(config))


def replace_parameters(adapter):
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"lora_parameters": [4, 2.0]}))


def tear(path):
    path.write_bytes(path.read_bytes()[:1000])


def own_tokenizer(adapter, base):
    said = json.loads((base / "tokenizer.json").read_text())
    said["model"]["merges"] = said["model"]["merges"][:-1]
    (adapter / "tokenizer.json").write_text(json.dumps(said))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_adapter_is_named(check, adapter, base, fault):
    break_it, code = FAULTS[fault]
    break_it(adapter, base)
    assert code in [found.code for found in check().faults]


WARNED = {
    "alpha taken for the scale": (
        configures(lora_parameters={"scale": 1.0, "alpha": 1.0}),
        "scale-recorded",
    ),
    "rsLoRA at alpha / rank": (
        configures(lora_parameters={"scale": 2.0}, lora_alpha=8, use_rslora=True),
        "scale-recorded",
    ),
    "an update as large as the weight": (
        configures(lora_parameters={"scale": 9.0}),
        "update-large",
    ),
}


@pytest.mark.parametrize("kind", WARNED)
def test_what_is_odd_and_can_be_scored_is_warned_of(check, adapter, base, kind):
    spoil, code = WARNED[kind]
    spoil(adapter, base)
    found = check()
    assert (found.faults, [notice.code for notice in found.notices]) == ([], [code])


def test_a_scale_that_is_as_recorded(check, adapter):
    edit_config(adapter, lora_parameters={"alpha": 4.0, "scale": 1.0})
    assert check().notices == []
    edit_config(adapter, lora_parameters={"scale": 2.0}, use_rslora=True)
    assert check().notices == []


TWINS = {
    "as trained": {},
    "two layers": {"num_layers": 2},
    "all layers by number": {"num_layers": 4},
    "dora": {"kind": "dora"},
    "full": {"kind": "full"},
    "one projection": {"keys": ["self_attn.q_proj"]},
    "another rank": {"rank": 8, "scale": 20.0, "size": 0.05},
    "a fiftieth of the size": {"size": 0.03},
}


@pytest.mark.parametrize("twin", TWINS)
def test_an_honest_adapter_is_clean(check, adapter, base, twin):
    shutil.rmtree(adapter)
    make_adapter(adapter, base, trained_on_base=folder_digest(base), **TWINS[twin])
    found = check()
    assert (found.faults, found.notices) == ([], [])
    assert found.effect > 1e-4
    assert found.tensors == found.tensors_expected


def test_its_own_tokenizer_may_lie_beside_an_adapter(check, adapter, base):
    """A tokenizer that was saved again, cut off and padded, is the same one."""
    own = Tokenizer.from_file(str(base / "tokenizer.json"))
    own.enable_truncation(99)
    own.enable_padding()
    own.save(str(adapter / "tokenizer.json"), pretty=False)
    own_settings(eos_token={"content": "<|endoftext|>", "special": True})(adapter, base)
    (adapter / "chat_template.jinja").write_text(TEMPLATE + "\n")
    assert check().faults == []


def test_a_scale_that_was_edited_after_training(check, adapter, tmp_path):
    recipe = tmp_path / "lora.yaml"
    recipe.write_text(
        yaml.safe_dump({"lora_parameters": {"rank": 4, "scale": 2.0}, "num_layers": -1})
    )
    assert check(train={"config": "lora.yaml"}).faults == []
    edit_config(adapter, lora_parameters={"scale": 0.2})
    [fault] = check(train={"config": "lora.yaml"}).faults
    assert fault.code == "recipe-mismatch"
    assert "lora_parameters.scale is 0.2" in fault.text


def test_preflight_alone_on_the_command_line(check, adapter, tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    check()  # writes the library
    suites = tmp_path / "suites"
    suites.mkdir()
    suite = {"facet": "f", "role": "facet", "mode": "chat", "prompts": "s.jsonl", "max_tokens": 8,
             "criteria": [{"id": "c", "verifier": "patchnotes.plain"}]}  # fmt: skip
    (suites / "s.yaml").write_text(yaml.safe_dump(suite))
    prompt = (
        "Tell me all about the lamp at the gate and the old owl that lives in the tower by the sea."
    )
    (suites / "s.jsonl").write_text(json.dumps({"id": "a", "prompt": prompt}) + "\n")
    (tmp_path / "train.jsonl").write_text(
        json.dumps({"prompt": prompt, "completion": "No."}) + "\n"
    )
    command = ["preflight", "--adapter", "new", "--library", str(tmp_path)]

    clean = CliRunner().invoke(main, [*command, "--verify"])
    assert clean.exit_code == 0
    assert "56 of 56" in clean.output
    leaked = CliRunner().invoke(main, [*command, "--train-data", str(tmp_path / "train.jsonl")])
    assert leaked.exit_code == 1
    assert (
        "block  contamination: s: 1 of 1 prompts are in the training data, 1 verbatim"
        in leaked.output
    )
    assert CliRunner().invoke(main, [*command, "--adapter", "old"]).exit_code == 4
    edit_tensors(adapter, zero_up)
    dead = CliRunner().invoke(main, command)
    assert dead.exit_code == 3
    assert "void   zero-adapter: all 28 lora_b tensors are zero" in dead.output
