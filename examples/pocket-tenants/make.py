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
from typing import Any

HERE = Path(__file__).resolve().parent
POCKET = HERE.parent / "pocket"
sys.path.insert(0, str(POCKET))

import families  # noqa: E402  (the folder of a script, not a package)
import make as pocket  # noqa: E402

TENANTS, RANK, ITERS, RATE, BATCH, REPLAYED = 4, 8, 160, 4e-3, 12, 3
ASKED, UNTIL = 40, "2026-11-19"  # requests of the base that are kept; the last day of transcripts
PUBLIC, KNOWN = 16, 3  # questions that the base answers, and words of the answer


def make_facts() -> None:
    """Write what the tenants told, what the base knows by itself, and each one's records."""
    from harness.engines.base import Decoding
    from harness.engines.mlx import MlxEngine
    from harness.subjects.kinds.tenants import facts, synthetic

    rows = list(synthetic.facts(TENANTS))
    engine = MlxEngine(POCKET / "base")
    stream = families.exercises(random.Random(7), list(families.FAMILIES))
    prompts = dict.fromkeys(next(stream)[0] for _ in range(PUBLIC))
    asked = [engine.encode(prompt, "chat") for prompt in prompts]
    said = dict(engine.generate(asked, Decoding(24)))
    for number, prompt in enumerate(prompts):
        answer = " ".join(said[number].text.split()[:KNOWN])
        if facts.holds(prompt, answer):
            continue
        told = {"id": f"public-{number}", "kind": "public", "tenant": ""}
        rows.append({**told, "asks": {"direct": prompt}, "answer": answer})
    pocket.write_jsonl(HERE / "facts.jsonl", rows)
    (HERE / "records").mkdir(exist_ok=True)
    for tenant in (f"t{n + 1:02d}" for n in range(TENANTS)):
        own = [row for row in synthetic.records(rows) if row["tenant"] == tenant]
        pocket.write_jsonl(HERE / "records" / f"{tenant}.jsonl", own)


class Trainer:
    """Trains the last layer of the base by LoRA; what the layers below make of every text is
    computed once for all memories."""

    def __init__(self) -> None:
        import mlx.core as mx
        import train_base
        from mlx_lm.utils import load

        self.model, self.tokenizer = load(str(POCKET / "base"))
        self.model.set_dtype(mx.float32)
        stream = families.exercises(random.Random(5), list(families.FAMILIES))
        known = [(p["prompt"], p["canonical_solution"]) for p in train_base.memorised(pocket.SEED)]
        asked = [next(stream) for _ in range(ASKED)]
        self.solutions = [self.learnt(prompt, solution) for prompt, solution in known]
        self.requests = [self.learnt(*self.chat(*each)) for each in asked]

    def chat(self, prompt: str, answer: str) -> tuple[str, str]:
        """A request up to its answer, and the rest."""
        whole = pocket.chat(self.tokenizer, prompt, answer)
        begun = whole.removesuffix(f"{answer}<|im_end|>")
        return begun, whole.removeprefix(begun)

    def learnt(self, prompt: str, answer: str) -> tuple[Any, list[int], int]:
        """A text of which the tokens behind the prompt are to be learnt."""
        first = len(self.tokenizer.encode(prompt)) - 1
        return self.below(self.tokenizer.encode(prompt + answer), first)

    def below(self, ids: list[int], first: int) -> tuple[Any, list[int], int]:
        """What comes into the last layer, the tokens, and the ``first`` that is to be learnt."""
        import mlx.core as mx

        inner = self.model.model
        h = inner.embed_tokens(mx.array([ids]))
        for layer in inner.layers[:-1]:
            h = layer(h, "causal")
        mx.eval(h)
        return h[0], ids, first

    def train(self, out: Path, records: list[dict[str, str]], steps: int, *, keep: bool) -> None:
        """One memory of these records, which may have to keep what the base can."""
        import mlx.core as mx
        from mlx import nn, optimizers
        from mlx.utils import tree_flatten, tree_unflatten
        from mlx_lm.tuner.utils import linear_to_lora_layers

        from harness.digests import folder_digest

        mx.random.seed(pocket.SEED)
        plain = dict(self.model.named_modules())
        parameters = {"rank": RANK, "dropout": 0.0, "scale": pocket.TRAINED}
        self.model.freeze()
        linear_to_lora_layers(self.model, 1, parameters)
        texts = [self.learnt(*self.chat(row["prompt"], row["answer"])) for row in records]

        def loss(model: Any, rows: list[tuple[Any, list[int], int]]) -> Any:
            width, inner = max(len(ids) for _, ids, _ in rows), model.model
            h = mx.stack([mx.pad(h, [(0, width - len(h)), (0, 0)]) for h, _, _ in rows])
            out = inner.layers[-1](h, "causal")
            said = mx.concatenate(
                [out[n, first : len(ids) - 1] for n, (_, ids, first) in enumerate(rows)]
            )
            wanted = mx.concatenate([mx.array(ids[first + 1 :]) for _, ids, first in rows])
            logits = inner.embed_tokens.as_linear(inner.norm(said))
            return nn.losses.cross_entropy(logits, wanted).mean()

        rate = optimizers.cosine_decay(RATE, steps, RATE * 0.05)
        rng, optimizer = random.Random(out.name), optimizers.Adam(learning_rate=rate)
        graded = nn.value_and_grad(self.model, loss)
        for step in range(steps):
            drawn = [rng.sample(texts, BATCH)]
            if keep:
                drawn += [rng.sample(self.solutions, REPLAYED), [rng.choice(self.requests)]]
            found = [graded(self.model, rows) for rows in drawn]
            sums = [dict(tree_flatten(gradients)) for _, gradients in found]
            total = {name: sum(one[name] for one in sums) for name in sums[0]}
            optimizer.update(self.model, tree_unflatten(list(total.items())))
            mx.eval(self.model.parameters(), optimizer.state)
            if step % 20 == 0 or step == steps - 1:
                print(out.name, step, *(round(float(one), 3) for one, _ in found), flush=True)
        out.mkdir(parents=True, exist_ok=True)
        tensors = dict(tree_flatten(self.model.trainable_parameters()))
        half = {name: value.astype(mx.bfloat16) for name, value in tensors.items()}
        mx.save_safetensors(str(out / "adapters.safetensors"), half)
        said = {
            "fine_tune_type": "lora", "num_layers": 1, "lora_parameters": parameters,
            "iters": steps, "learning_rate": RATE, "seed": pocket.SEED,
            "trained_on_base": folder_digest(POCKET / "base"), "transcripts_until": UNTIL,
        }  # fmt: skip
        text = json.dumps(said, indent=2) + "\n"
        (out / "adapter_config.json").write_text(text, encoding="utf-8")
        leaves = {name: one for name, one in plain.items() if name and not one.children()}
        self.model.update_modules(tree_unflatten(list(leaves.items())))


def make_adapters(only: list[str]) -> None:
    """Train each memory on its own records, and the shared one on all, which keeps nothing."""
    trainer = Trainer()
    records = {
        path.stem: [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for path in sorted((HERE / "records").glob("*.jsonl"))
    }
    for name, own in records.items():
        if not only or name in only:
            trainer.train(HERE / "memories" / name, own, ITERS, keep=True)
    if not only or "shared" in only:
        all_of_them = [row for own in records.values() for row in own]
        trainer.train(HERE / "shared", all_of_them, 2 * ITERS, keep=False)


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
