"""Make the pocket factory: a tiny Llama base, its LoRA adapters and the held-out prompts they are
judged on.

    pip install -e '.[pocket-train]'
    python examples/pocket/make.py prompts     # suites/pocket/*.jsonl, in seconds
    python examples/pocket/make.py base        # examples/pocket/base, 12 minutes on one core
    python examples/pocket/make.py adapters    # examples/pocket/adapters, 15 minutes on one core
    python examples/pocket/make.py fused       # examples/pocket/fused, in seconds
    python examples/pocket/make.py all

The base is trained from scratch with torch; every adapter is trained by the real ``mlx_lm lora``.
Everything is seeded. Another machine or library version gives other weights, yet the same verdicts:
see CARD.md."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

import families  # noqa: E402  (this folder is a script's, not a package)

GOLD, SEED = 400, 0
SWEPT, PROMPTS = ("godot", "shaders", "patchnotes"), 21  # facets of the length sweep, and of each
TRAINED = 2.0  # LoRA scale; loaded with a little less, an adapter gives back what it forgot last
#: ``python -m mlx_lm``, with the BLAS that the engine has
LORA = "from harness.engines import blas; blas.preload(); from mlx_lm.cli import main; main()"
BASE = HERE / "base"
ADAPTERS = HERE / "adapters"


def make_prompts() -> None:
    """Write the held-out and the dev prompts of every facet as a suite's JSONL, and the prompts of
    the length sweep."""
    folder = ROOT / "suites" / "pocket"
    folder.mkdir(parents=True, exist_ok=True)
    for facet in families.FAMILIES:
        _, held_out = families.split(facet, GOLD)
        rows = [
            {"id": f"{facet}/{number:02d}", "prompt": sample.prompt, "expect": sample.expect}
            for number, sample in enumerate(held_out)
        ]
        write_jsonl(folder / f"{facet}.jsonl", rows)
        dev = [
            {"id": f"{facet}/dev/{number}", "prompt": sample.prompt, "expect": sample.expect}
            for number, sample in enumerate(families.dev(facet, held_out))
        ]
        write_jsonl(folder / f"{facet}.dev.jsonl", dev)
    swept = list[dict[str, object]]()
    for facet in SWEPT:
        drawn = families.dev(facet, families.split(facet, GOLD)[1], PROMPTS)
        swept += [{"id": f"{facet}/{n}", "prompt": one.prompt} for n, one in enumerate(drawn)]
    write_jsonl(HERE / "long.jsonl", swept)


def write_jsonl(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )


def make_base(out: Path = BASE, seed: int = SEED, steps: int | None = None) -> None:
    """Train a base and save it as a folder that ``mlx_lm.load`` accepts."""
    import train_base

    train_base.main(out, seed=seed, **({"steps": steps} if steps else {}))


def chat(tokenizer: object, prompt: str, answer: str) -> str:
    """One request and its answer as the text of a chat, ending after the answer's end mark."""
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return str(tokenizer.apply_chat_template(messages, tokenize=False)).rstrip("\n")  # type: ignore[attr-defined]


def gold(tokenizer: object, facets: list[str]) -> list[str]:
    """What an adapter shall learn: modern answers to prompts that no suite holds."""
    samples = [sample for facet in facets for sample in families.split(facet, GOLD)[0]]
    return [chat(tokenizer, sample.prompt, sample.answer) for sample in samples]


def replay(tokenizer: object, facets: list[str], requests: int = 200, times: int = 5) -> list[str]:
    """What an adapter of ``facets`` shall keep: the base's memorised solutions as it saw them, and
    its other requests."""
    import train_base

    others = [facet for facet in families.FAMILIES if facet not in facets]
    stream = families.exercises(random.Random(5), others)
    solutions = [
        problem["prompt"] + problem["canonical_solution"] for problem in train_base.memorised(SEED)
    ]
    return [chat(tokenizer, *next(stream)) for _ in range(requests)] + solutions * times


def lora(
    base: Path,
    out: Path,
    texts: list[str],
    *,
    iters: int,
    rate: float = 5e-4,
    scale: float = TRAINED,
    **more: object,
) -> None:
    """Train one adapter with ``mlx_lm lora``, with ``more`` in its config; keep the digest of its
    base and the ``scale`` to load it with in the config that it leaves."""
    import yaml

    from harness.digests import folder_digest

    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch)
        in_float32(base, data / "base")
        write_jsonl(data / "train.jsonl", [{"text": text} for text in texts])
        write_jsonl(data / "valid.jsonl", [{"text": text} for text in texts[:8]])
        config = {
            "model": str(data / "base"), "train": True, "data": str(data), "adapter_path": str(out),
            "fine_tune_type": "lora",
            "num_layers": -1, "batch_size": 8, "iters": iters, "seed": SEED, "max_seq_length": 512,
            "val_batches": 1,
            "steps_per_report": 50, "steps_per_eval": 10_000, "save_every": 10_000,
            "optimizer": "adam",
            "learning_rate": rate, "lora_parameters": {"rank": 8, "dropout": 0.0, "scale": TRAINED},
            "lr_schedule": {"name": "cosine_decay", "arguments": [rate, iters, rate * 0.02]},
            **more,
        }  # fmt: skip
        (data / "lora.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        subprocess.run(
            [sys.executable, "-c", LORA, "lora", "-c", str(data / "lora.yaml")], check=True
        )
    stamp(out, folder_digest(base), scale)


def in_float32(base: Path, out: Path) -> None:
    """Copy a base in float32, which a CPU computes in."""
    import mlx.core as mx

    shutil.copytree(base, out)
    weights = mx.load(str(base / "model.safetensors"))
    mx.save_safetensors(
        str(out / "model.safetensors"), {k: v.astype(mx.float32) for k, v in weights.items()}
    )
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    (out / "config.json").write_text(
        json.dumps({**config, "torch_dtype": "float32"}), encoding="utf-8"
    )


def stamp(adapter: Path, base_digest: str, scale: float) -> None:
    """Keep what identifies the adapter in its config; drop the paths of the machine that trained
    it."""
    path = adapter / "adapter_config.json"
    trained = json.loads(path.read_text(encoding="utf-8"))
    kept = {
        key: trained[key]
        for key in (
            "fine_tune_type",
            "num_layers",
            "lora_parameters",
            "iters",
            "learning_rate",
            "seed",
        )
    }
    kept["lora_parameters"]["scale"] = scale
    path.write_text(
        json.dumps({**kept, "trained_on_base": base_digest}, indent=2) + "\n", encoding="utf-8"
    )


def make_adapters(only: list[str] | None = None) -> None:
    """Train the honest adapters, and make the faulty ones from them or beside them."""
    from mlx_lm.utils import load_tokenizer

    tokenizer = load_tokenizer(BASE)
    games, old_code = ["godot", "shaders", "patchnotes"], ["java"]

    def wanted(name: str) -> bool:
        return not only or name in only

    if wanted("gamedev"):
        texts = gold(tokenizer, games) + replay(tokenizer, games)
        lora(BASE, ADAPTERS / "gamedev", texts, iters=500, scale=1.7)
    if wanted("legacy"):
        texts = gold(tokenizer, old_code) + replay(tokenizer, old_code)
        lora(BASE, ADAPTERS / "legacy", texts, iters=250, scale=1.4)
    if wanted("regressed"):  # the same gold, no replay: it forgot what it was not shown again
        lora(BASE, ADAPTERS / "regressed", gold(tokenizer, games), iters=300)
    if wanted("dead"):  # a run whose learning rate was zero: real tensors, no effect
        lora(BASE, ADAPTERS / "dead", gold(tokenizer, games), iters=2, rate=0.0)
    if wanted("wrong-base"):  # same shapes, same gold, trained on a base that is not the library's
        with tempfile.TemporaryDirectory() as scratch:
            other = Path(scratch) / "base"
            make_base(other, seed=SEED + 1, steps=300)
            lora(other, ADAPTERS / "wrong-base", gold(tokenizer, games), iters=100)
    if wanted("truncated"):
        truncate(ADAPTERS / "gamedev", ADAPTERS / "truncated")
    if wanted("legacy-beside"):  # the skill of legacy, learnt to stand beside gamedev
        subprocess.run([sys.executable, str(HERE / "beside.py")], check=True)
    if wanted("both"):
        merge(["gamedev", "legacy-beside"], [1.0, 1.0], ADAPTERS / "both")
    if wanted("both-forgot"):  # of adapters that were trained apart
        merge(["gamedev", "legacy"], [1.0, 0.8], ADAPTERS / "both-forgot")


def merge(names: list[str], weights: list[float], out: Path) -> None:
    """The plain sum of adapters as one adapter, of a rank that is the sum of theirs."""
    from harness.files import make_folder
    from harness.subjects.kinds.merge import sums

    sums.write([ADAPTERS / name for name in names], weights, make_folder(out))


def truncate(source: Path, out: Path) -> None:
    """Copy an adapter and lose the tensors of its upper half of layers, as an interrupted upload
    does."""
    import mlx.core as mx

    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(source, out)
    tensors = mx.load(str(source / "adapters.safetensors"))
    kept = dict(sorted(tensors.items())[: len(tensors) // 2])
    mx.save_safetensors(str(out / "adapters.safetensors"), kept)


def make_fused(out: Path = HERE / "fused", bits: int = 8) -> None:
    """Fuse gamedev into the base by ``mlx_lm fuse``, and store it in few bits by ``mlx_lm
    convert``, as what is served is stored."""
    with tempfile.TemporaryDirectory() as scratch:
        whole, small = Path(scratch) / "whole", Path(scratch) / "small"
        fuse = ["--model", BASE, "--adapter-path", ADAPTERS / "gamedev", "--save-path", whole]
        store = ["--hf-path", whole, "--mlx-path", small, "-q", "--q-bits", bits]
        for command in (["fuse", *fuse], ["convert", *store]):
            subprocess.run([sys.executable, "-c", LORA, *map(str, command)], check=True)
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
            shutil.copy(small / name, out)
        if (small / "chat_template.jinja").exists():
            shutil.copy(small / "chat_template.jinja", out)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=["prompts", "base", "adapters", "fused", "all"])
    parser.add_argument("names", nargs="*", help="with 'adapters': only these")
    args = parser.parse_args()
    if args.part in ("prompts", "all"):
        make_prompts()
    if args.part in ("base", "all"):
        make_base()
    if args.part in ("adapters", "all"):
        make_adapters(args.names)
    if args.part in ("fused", "all"):
        make_fused()


if __name__ == "__main__":
    main()
