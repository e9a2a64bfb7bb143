"""Every faulty adapter that mlx-lm loads without a word is named by the preflight, and its clean
twin is not."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress

import mlx.core as mx
import pytest
import yaml
from click.testing import CliRunner
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.tuner.utils import load_adapters
from mlx_lm.utils import load_model
from tiny_model import TEMPLATE, edit_config, edit_tensors, make_adapter, make_base
from tokenizers import Tokenizer

from harness.content import library, workspace
from harness.digests import folder_digest
from harness.doors.cli.main import main
from harness.engines.base import Decoding
from harness.engines.mlx import MlxEngine
from harness.errors import EngineError
from harness.subjects import effect, served
from harness.subjects.adapter import preflight
from harness.subjects.served import Server

PROBE = ["def add(a, b):", "func _ready() -> void:", "Write a function", "The quick brown fox"]


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="session")
def trained(base):
    """An honest adapter that records its base."""
    return make_adapter(base.parent / "trained", base, trained_on_base=folder_digest(base))


@pytest.fixture(scope="session")
def engine(base):
    return MlxEngine(base)


@pytest.fixture
def adapter(trained, tmp_path):
    """A copy of the honest adapter to break."""
    return shutil.copytree(trained, tmp_path / "adapter")


@pytest.fixture
def check(base, adapter, engine, tmp_path):
    """Write a library for the adapter, run the preflight, and give back its finding."""

    def run(memory=None, on=None, **keys):
        entry = {
            "path": str(adapter),
            "base": "tiny",
            "status": "candidate",
            "facets": ["f"],
            "suites": ["s"],
            **keys,
        }
        file = tmp_path / "library.yaml"
        file.write_text(
            yaml.safe_dump(
                {"bases": {"tiny": {"path": str(on or base)}}, "adapters": {"new": entry}}
            )
        )
        found = workspace.find(file)
        resolved = library.resolve(found, library.load(found), "new")
        box = MlxEngine(on) if on else engine
        probe = [box.encode(text, "completion") for text in PROBE]
        return preflight(resolved, box, probe, 1e-4, memory)

    return run


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


def fuse(adapter, base):
    """The base that is there holds the adapter already."""
    model, _ = load_model(base)
    load_adapters(model, str(adapter))
    fused = [(name, m.fuse()) for name, m in model.named_modules() if hasattr(m, "fuse")]
    model.update_modules(tree_unflatten(fused))
    weights = dict(tree_flatten(model.parameters()))
    mx.save_safetensors(str(base / "model.safetensors"), weights)


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


def test_an_effect_within_rounding_is_told_from_a_small_one(base, engine, trained, tmp_path):
    coarse = MlxEngine(make_base(tmp_path / "coarse", dtype="bfloat16"))
    weak = make_adapter(tmp_path / "weak", base, scale=0.002)
    probe = [engine.encode(text, "completion") for text in PROBE]
    assert [f.code for f in effect.probe(coarse, weak, probe, 0.0)[1]] == ["effect-in-rounding"]
    assert effect.probe(engine, weak, probe, 0.0)[1] == [], "in float32 it can be told"
    assert effect.probe(coarse, trained, probe, 0.0)[1] == []


TWINS = {
    "as trained": {},
    "two layers": {"num_layers": 2},
    "all layers by number": {"num_layers": 4},
    "dora": {"kind": "dora"},
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


def test_an_adapter_over_a_base_that_holds_it_already(check, adapter, base, tmp_path):
    other = shutil.copytree(base, tmp_path / "fused")
    fuse(adapter, other)
    edit_config(adapter, trained_on_base=folder_digest(other))
    codes = [fault.code for fault in check(on=other).faults]
    assert codes == ["already-fused"]


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ("someone/Tiny", "base-not-recorded"),
        ("someone/tiny-4bit", "other-precision"),
        ("models/other", "other-base"),
    ],
)
def test_a_base_that_is_only_named(check, adapter, named, code):
    edit_config(adapter, trained_on_base=None, model=named)
    found = check()
    [told] = [*found.faults, *found.notices]
    assert told.code == code
    assert ("trained_on_base: sha256:" in told.text) is (code != "other-precision")


def test_a_base_that_is_named_by_its_folder_is_digested(check, adapter, base, tmp_path):
    edit_config(adapter, trained_on_base=None, model=str(base))
    assert check().notices == check().faults == []
    other = make_base(tmp_path / "elsewhere", seed=9)
    edit_config(adapter, trained_on_base=None, model=str(other))
    [fault] = check(memory=tmp_path).faults
    assert fault.code == "wrong-base"
    assert fault.text.endswith("they differ in model.safetensors")


def test_what_no_loader_reads_changes_no_identity(adapter, base, tmp_path):
    other = shutil.copytree(base, tmp_path / "copy")
    before = [folder_digest(folder) for folder in (other, adapter)]
    for folder in (other, adapter):
        for name in (
            "LICENSE.txt",
            "notes.md",
            "0000100_adapters.safetensors",
            "trainer_state.json",
        ):
            (folder / name).write_bytes(b"x" * 1000)
        (folder / "checkpoint-5").mkdir()
        (folder / "checkpoint-5" / "adapters.safetensors").write_bytes(b"x")
    assert [folder_digest(folder) for folder in (other, adapter)] == before
    for name in ("chat_template.jinja", "adapter_model.safetensors", "added_tokens.json"):
        (adapter / name).write_bytes(b"{}")
        assert folder_digest(adapter) not in before
        (adapter / name).unlink()


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


def test_the_library_pins_the_bytes_of_an_adapter(check, adapter):
    pin = folder_digest(adapter)
    assert check(digest=pin).faults == []
    edit_config(adapter, note="another revision")
    assert [fault.code for fault in check(digest=pin).faults] == ["adapter-changed"]


def test_an_adapter_that_does_not_name_its_base_is_noticed(check, adapter, base):
    edit_config(adapter, trained_on_base=None)
    found = check()
    assert found.faults == []
    assert [notice.code for notice in found.notices] == ["base-not-recorded"]
    assert check(trained_on_base=folder_digest(base)).notices == []


def test_a_remembered_digest_holds_until_a_byte_changes(tmp_path):
    memory, folder = tmp_path / "memory", tmp_path / "model"
    memory.mkdir()
    folder.mkdir()
    (folder / "weights").write_bytes(b"a" * 5000)
    time.sleep(2.1)  # younger files are not remembered
    before = folder_digest(folder, memory)
    assert before == folder_digest(folder) == folder_digest(folder, memory)
    was = (folder / "weights").stat()
    (folder / "weights").write_bytes(b"a" * 4999 + b"b")
    os.utime(folder / "weights", ns=(was.st_atime_ns, was.st_mtime_ns))  # the clock is turned back
    assert folder_digest(folder, memory) == folder_digest(folder) != before


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
    small = MlxEngine(base, bits=4)

    def told(box, adapter, change=str):
        box.mount(adapter)
        ids = [box.encode(prompt, "completion") for prompt in PROBE]
        said = [a.text for _, a in sorted(box.generate(ids, Decoding(served.TOKENS)))]
        box.mount(None)
        answers = dict(zip(PROBE, map(change, said), strict=True))
        monkeypatch.setattr(served, "_complete", lambda url, model, prompt: answers[prompt])
        others, quantised = {"other": other}, lambda bits: MlxEngine(base, bits)
        found = served.check(engine, trained, Server("http://x"), PROBE, others, quantised)
        return [(fault.code, fault.severity) for fault in found]

    assert told(engine, trained, str.strip) == []
    assert told(engine, other) == [("served-another", "void")]
    assert told(small, trained) == [("served-quantised", "void")]
    assert told(engine, trained, lambda text: "Quite another text.") == [("served-other", "void")]


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
