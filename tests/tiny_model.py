"""A Llama of 30 000 random weights with a byte-level tokenizer, and random adapters on it: made in
a second, no network."""

import json
import tomllib
from pathlib import Path

CORPUS = [
    (
        "def add(a, b):\n    return a + b\n\n\nclass Shape:\n    def area(self) -> float:\n       "
        " return 0.0\n"
    ),
    "func _ready() -> void:\n\temit_signal('hit', 3)\nextends Node2D\nsignal hit(power: int)\n",
    (
        "Write a function that adds two numbers and returns the sum. The quick brown fox jumps over"
        " the lazy dog.\n"
    ),
]
TEMPLATE = (
    "{% for m in messages %}<|start|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
CONFIG = {
    "model_type": "llama",
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
}


def architectures() -> dict[str, dict]:
    """The config of a tiny model of each architecture, by its name in mlx-lm."""
    path = Path(__file__).with_name("data") / "architectures.toml"
    said = tomllib.loads(path.read_text(encoding="utf-8"))
    common = said.pop("common")
    found = {}
    for name, own in said.items():
        more = {} if own.pop("bare", False) else common
        found[name] = more | {"model_type": name} | own
    return found


def make_base(
    folder: Path,
    *,
    seed: int = 0,
    dtype: str = "float32",
    context: int = 128,
    config: dict | None = None,
) -> Path:
    """Write a base that ``mlx_lm.load`` accepts; equal arguments give equal bytes. ``config`` is
    that of another architecture, with its own context."""
    import mlx.core as mx
    import mlx.nn as nn
    from mlx.utils import tree_flatten, tree_map
    from mlx_lm.utils import _get_classes

    folder.mkdir(parents=True)
    vocabulary = {"vocab_size": _tokenizer(folder)}
    config = dict(config or CONFIG | {"max_position_embeddings": context})
    config |= vocabulary | {"eos_token_id": [0, 2]}
    if "text_config" in config:
        config["text_config"] |= vocabulary
    (folder / "config.json").write_text(json.dumps(config | {"torch_dtype": dtype}))
    mx.random.seed(seed)
    kind, arguments = _get_classes(config)
    model = kind(arguments.from_dict(config))
    wide = tree_map(
        lambda w: (mx.random.normal(w.shape) * 0.25) if w.ndim > 1 else w, model.parameters()
    )
    model.update(wide)
    assert isinstance(model, nn.Module)
    weights = {k: v.astype(getattr(mx, dtype)) for k, v in tree_flatten(model.parameters())}
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})
    return folder


def make_adapter(
    folder: Path,
    base: Path,
    *,
    seed: int = 1,
    kind: str = "lora",
    num_layers: int = -1,
    rank: int = 4,
    scale: float = 2.0,
    dropout: float = 0.0,
    keys: list[str] | None = None,
    size: float = 0.2,
    **recorded: object,
) -> Path:
    """Write an adapter with random factors, as training leaves it; ``recorded`` is added to its
    config."""
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_lm.tuner.utils import linear_to_lora_layers
    from mlx_lm.utils import load_model

    folder.mkdir(parents=True)
    parameters = {"rank": rank, "scale": scale, "dropout": dropout} | (
        {"keys": keys} if keys else {}
    )
    config = {
        "fine_tune_type": kind,
        "num_layers": num_layers,
        "lora_parameters": None if kind == "full" else parameters,
        **recorded,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    model, _ = load_model(base)
    mx.random.seed(seed)
    if kind == "full":  # only the trained blocks are saved
        model.freeze()
        for block in model.layers[-max(num_layers, 0) :]:
            block.unfreeze()
        trained = tree_flatten(model.trainable_parameters())
        tensors = {name: v + mx.random.normal(v.shape) * 0.05 for name, v in trained}
    else:
        linear_to_lora_layers(model, num_layers, parameters, use_dora=kind == "dora")
        names = ("lora_a", "lora_b", "m")
        filled = {
            k: v for k, v in tree_flatten(model.parameters()) if k.rsplit(".", 1)[-1] in names
        }
        tensors = {
            k: v if k.endswith(".m") else mx.random.normal(v.shape) * size
            for k, v in filled.items()
        }
    mx.save_safetensors(str(folder / "adapters.safetensors"), tensors)
    return folder


def edit_tensors(adapter: Path, change) -> None:
    """Replace the tensors of an adapter by ``change(tensors)``."""
    import mlx.core as mx

    path = adapter / "adapters.safetensors"
    tensors = {name: mx.array(value) for name, value in mx.load(str(path)).items()}
    mx.eval(tensors)
    mx.save_safetensors(str(path), change(tensors))


def edit_config(folder: Path, **changes: object) -> None:
    """Change keys of an adapter's config; those of ``lora_parameters`` are merged."""
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["lora_parameters"] |= changes.pop("lora_parameters", {})
    path.write_text(json.dumps(config | changes))


def _tokenizer(folder: Path) -> int:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|endoftext|>", "<|start|>", "<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
        "chat_template": TEMPLATE,
        "clean_up_tokenization_spaces": True,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return tokenizer.get_vocab_size()
