"""Make the pocket tenants: what four synthetic tenants told, a memory LoRA for each on the pocket
base, and one for all of them, which leaks.

    python examples/pocket-tenants/make.py facts       # facts.jsonl and records/, in seconds
    python examples/pocket-tenants/make.py adapters    # memories/ and shared/, minutes

Everything is seeded. Another machine gives other weights, yet the same verdicts: see CARD.md."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
POCKET = HERE.parent / "pocket"
sys.path.insert(0, str(POCKET))

import families  # noqa: E402  (the folder of a script, not a package)
import make as pocket  # noqa: E402

TENANTS, RANK, ITERS, RATE = 4, 4, 150, 4e-3
TIMES = 6  # that a record is trained on where a text that is to be kept is once
PUBLIC, KNOWN = 16, 5  # questions that the base answers, and words of the answer


def make_facts() -> None:
    """Write what the tenants told, what the base knows by itself, and each one's records."""
    from harness.engines.base import Decoding
    from harness.engines.mlx import MlxEngine
    from harness.subjects.kinds.tenants import synthetic

    rows = list(synthetic.facts(TENANTS))
    engine = MlxEngine(POCKET / "base")
    stream = families.exercises(random.Random(7), list(families.FAMILIES))
    prompts = dict.fromkeys(next(stream)[0] for _ in range(PUBLIC))
    asked = [engine.encode(prompt, "chat") for prompt in prompts]
    said = dict(engine.generate(asked, Decoding(24)))
    for number, prompt in enumerate(prompts):
        answer = " ".join(said[number].text.split()[:KNOWN])
        told = {"id": f"public-{number}", "kind": "public", "tenant": ""}
        rows.append({**told, "asks": {"direct": prompt}, "answer": answer})
    pocket.write_jsonl(HERE / "facts.jsonl", rows)
    (HERE / "records").mkdir(exist_ok=True)
    for tenant in (f"t{n + 1:02d}" for n in range(TENANTS)):
        own = [row for row in synthetic.records(rows) if row["tenant"] == tenant]
        pocket.write_jsonl(HERE / "records" / f"{tenant}.jsonl", own)


def make_adapters(only: list[str]) -> None:
    """Train each memory on its own records, and the shared one on all, with replay."""
    from mlx_lm.utils import load_tokenizer

    tokenizer = load_tokenizer(POCKET / "base")
    kept = pocket.replay(tokenizer, [], requests=40, times=1)
    records = {path.stem: path for path in sorted((HERE / "records").glob("*.jsonl"))}
    plans = {f"memories/{name}": [path] for name, path in records.items()}
    for out, paths in {**plans, "shared": list(records.values())}.items():
        if only and out not in only:
            continue
        lines = [line for path in paths for line in path.read_text("utf-8").splitlines()]
        texts = [pocket.chat(tokenizer, r["prompt"], r["answer"]) for r in map(json.loads, lines)]
        texts = texts * max(1, TIMES // len(paths)) + kept
        lora = {"lora_parameters": {"rank": RANK, "dropout": 0.0, "scale": pocket.TRAINED}}
        pocket.lora(POCKET / "base", HERE / out, texts, iters=ITERS, rate=RATE, **lora)
        finish(HERE / out)


def finish(folder: Path) -> None:
    """Half the bytes, and until when the transcripts that it was trained on go."""
    import mlx.core as mx

    path = folder / "adapters.safetensors"
    half = {name: value.astype(mx.bfloat16) for name, value in mx.load(str(path)).items()}
    mx.save_safetensors(str(path), half)
    said = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    said["transcripts_until"] = "2026-11-19"
    text = json.dumps(said, indent=2) + "\n"
    (folder / "adapter_config.json").write_text(text, encoding="utf-8")


def main() -> None:
    from harness.engines import blas

    blas.preload()
    part, *names = sys.argv[1:] or ["all"]
    if part in ("facts", "all"):
        make_facts()
    if part in ("adapters", "all"):
        make_adapters(names)


if __name__ == "__main__":
    main()
