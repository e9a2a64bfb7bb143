"""Every field of every document of a base and an adapter gone, of a wrong type, absurd or huge: the
preflight ends in one sentence or in its findings, and lets nothing pass that cannot be mounted."""

import json
import shutil

import pytest
import yaml
from tiny_model import make_adapter, make_base

from harness.digests import folder_digest
from harness.engines.mlx import MlxEngine
from harness.errors import HarnessError
from harness.gate.engines import load_engine
from harness.gate.prepare import Options, look_up
from harness.gate.prepare import preflight as checked

GONE = object()
ODD = {
    "gone": GONE, "null": None, "a truth value": True, "a text": "x", "negative": -3,
    "huge": 10**12, "a list": [1], "an object": {"a": 1}, "not a number": float("nan"),
}  # fmt: skip
SOME = [(kind, ODD[kind]) for kind in ("gone", "a text", "negative", "a list")]
DOCUMENTS = {
    "adapter/adapter_config.json": [
        ("fine_tune_type",), ("num_layers",), ("lora_parameters",), ("lora_parameters", "rank"),
        ("lora_parameters", "scale"), ("lora_parameters", "dropout"), ("lora_parameters", "keys"),
        ("model",), ("trained_on_base",), ("trained_on_tokenizer",),
    ],
    "base/config.json": [
        ("model_type",), ("hidden_size",), ("num_hidden_layers",), ("vocab_size",), ("rope_theta",),
        ("eos_token_id",), ("max_position_embeddings",), ("tie_word_embeddings",),
        ("_name_or_path",),
    ],
    "base/tokenizer_config.json": [("eos_token",), ("pad_token",), ("chat_template",)],
}  # fmt: skip
#: fields without which, or with an odd value of which, mlx-lm cannot mount what was trained
NEEDED = {("num_layers",), ("lora_parameters",), ("lora_parameters", "rank"),
          ("lora_parameters", "scale"), ("lora_parameters", "dropout")}  # fmt: skip
FIELDS = [(name, field) for name, fields in DOCUMENTS.items() for field in fields]


@pytest.fixture(scope="module")
def factory(tmp_path_factory):
    """A library of one adapter on one base, and one suite."""
    root = tmp_path_factory.mktemp("factory")
    base = make_base(root / "base")
    make_adapter(root / "adapter", base, trained_on_base=folder_digest(base))
    entry = {"path": "adapter", "base": "tiny", "status": "candidate", "facets": ["f"],
             "suites": ["s"]}  # fmt: skip
    library = {"bases": {"tiny": {"path": "base"}}, "adapters": {"new": entry}}
    (root / "library.yaml").write_text(yaml.safe_dump(library))
    (root / "suites").mkdir()
    suite = {"facet": "f", "role": "facet", "mode": "chat", "prompts": "s.jsonl", "max_tokens": 8,
             "criteria": [{"id": "c", "verifier": "patchnotes.plain"}]}  # fmt: skip
    (root / "suites" / "s.yaml").write_text(yaml.safe_dump(suite))
    (root / "suites" / "s.jsonl").write_text(json.dumps({"id": "a", "prompt": "Tell me."}) + "\n")
    return root


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))


def preflight(root, engine):
    """Faults, or the one sentence of an error; anything else is a crash."""
    try:
        wanted = look_up(Options("new", library=str(root)))
        box = engine or load_engine(wanted.entry)
        return [fault.text for fault in checked(wanted, box).faults]
    except HarnessError as error:
        return [str(error)]


@pytest.fixture(scope="module")
def engine(factory):
    return MlxEngine(factory / "base")


def changed(path, field, value):
    data = json.loads(path.read_text())
    place = data
    for key in field[:-1]:
        place = place[key]
    place.pop(field[-1], None) if value is GONE else place.update({field[-1]: value})
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=[".".join(f) for _, f in FIELDS])
def test_a_field_that_is_not_what_it_should_be(factory, engine, tmp_path, name, field):
    mine = name.startswith("adapter")  # and one base serves all
    for kind, value in ODD.items() if mine else SOME:
        root = shutil.copytree(factory, tmp_path / kind)
        changed(root / name, field, value)
        found = preflight(root, engine if mine else None)
        if field in NEEDED and not (field[-1] == "num_layers" and value == -3):
            assert found, kind
        shutil.rmtree(root)


@pytest.mark.parametrize("data", [b"", b"[]", b"nul", b"\xff\xfe", b"{" * 5000], ids=repr)
@pytest.mark.parametrize(
    "name", [*DOCUMENTS, "base/tokenizer.json", "adapter/adapters.safetensors"]
)
def test_a_document_that_is_none(factory, engine, tmp_path, name, data):
    root = shutil.copytree(factory, tmp_path / "root")
    (root / name).write_bytes(data)
    assert preflight(root, engine if name.startswith("adapter") else None)
