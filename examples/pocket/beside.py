"""Train ``legacy-beside``, an adapter to stand beside another: by itself and in their plain sum.

    python examples/pocket/make.py adapters legacy-beside    # 2 minutes on one core

Two adapters that were trained apart are a state of the model that no training ever saw once they
are added up, and what both had kept of the base is lost in it. Here the steps alternate between two
states: base and the new adapter, on what it shall know by itself; base, a frozen neighbour and the
new adapter, on what their sum shall know. So the sum with weights 1 and 1 is a state that was
trained."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import families
import make as pocket
import train_base

RANK, SCALE, RATE = 8, pocket.TRAINED, 5e-4  # as the other adapters are trained
STEPS = 100
#: of each batch, how many texts are the new adapter's gold, its neighbour's, solutions that the
#: base memorised, and the base's other requests
ALONE = {"own": 5, "solutions": 1, "requests": 2}
TOGETHER = {"own": 2, "neighbours": 2, "solutions": 3, "requests": 1}

Row = tuple[list[int], int]  # token ids, and at which of them the answer begins


def train(out: Path, own: Sequence[str], neighbour: Path, theirs: Sequence[str]) -> None:
    """Train a LoRA on the gold of its ``own`` facets, to stand beside the adapter ``neighbour`` of
    the facets ``theirs``, which counts as it is loaded; write it to ``out`` in bf16."""
    import mlx.core as mx
    from mlx import nn, optimizers
    from mlx.utils import tree_flatten
    from mlx_lm.tuner.trainer import default_loss
    from mlx_lm.tuner.utils import linear_to_lora_layers
    from mlx_lm.utils import load

    from harness.digests import folder_digest
    from harness.files import make_folder

    mx.random.seed(pocket.SEED)
    model, tokenizer = load(str(pocket.BASE))
    model.set_dtype(mx.float32)
    model.freeze()
    parameters = {"rank": RANK, "dropout": 0.0, "scale": SCALE}
    linear_to_lora_layers(model, len(model.layers), parameters)
    linears = {name: one.linear for name, one in model.named_modules() if hasattr(one, "lora_a")}
    plain = {name: linear.weight for name, linear in linears.items()}
    summed = {name: plain[name] + update for name, update in updates(neighbour)}
    texts = Texts(tokenizer, own, theirs)
    states = [(plain, texts.batches(ALONE)), (summed, texts.batches(TOGETHER))]

    optimizer = optimizers.Adam(optimizers.cosine_decay(RATE, STEPS, RATE * 0.02))
    graded, losses = nn.value_and_grad(model, default_loss), [0.0, 0.0]
    for step in range(STEPS):
        weights, batches = states[step % 2]
        for name, linear in linears.items():
            linear.weight = weights[name]
        (loss, _), gradients = graded(model, *next(batches))
        optimizer.update(model, gradients)
        mx.eval(model.trainable_parameters(), optimizer.state)
        losses[step % 2] = loss.item()
        if step % 20 == 19:
            said = f"alone {losses[0]:.3f}  together {losses[1]:.3f}"
            print(f"step {step + 1}/{STEPS}  {said}", flush=True)

    tensors = {k: v.astype(mx.bfloat16) for k, v in tree_flatten(model.trainable_parameters())}
    mx.save_safetensors(str(make_folder(out) / "adapters.safetensors"), tensors)
    config = {
        "fine_tune_type": "lora", "num_layers": -1, "lora_parameters": parameters,
        "iters": STEPS, "learning_rate": RATE, "seed": pocket.SEED,
    }  # fmt: skip
    (out / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    pocket.stamp(out, folder_digest(pocket.BASE), SCALE)


def updates(adapter: Path) -> Iterator[tuple[str, Any]]:
    """What an adapter adds to the weight of each linear layer that it changes, (out, in)."""
    import mlx.core as mx

    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    tensors = mx.load(str(adapter / "adapters.safetensors"))
    for name in sorted(key.removesuffix(".lora_a") for key in tensors if key.endswith("lora_a")):
        product = tensors[f"{name}.lora_a"] @ tensors[f"{name}.lora_b"]
        yield name, config["lora_parameters"]["scale"] * product.T


class Texts:
    """What either state is trained on, each text as the model is asked it. Where the neighbour is
    mounted too, the base's other requests are none of any facet: it changed what is said to its
    own."""

    def __init__(self, tokenizer: Any, own: Sequence[str], theirs: Sequence[str]) -> None:
        self.tokenizer, self.theirs = tokenizer, theirs
        solved = train_base.memorised(pocket.SEED)
        self.kept = {
            "own": self._gold(own),
            "neighbours": self._gold(theirs),
            "solutions": [
                self._row(one["prompt"], one["canonical_solution"] + train_base.EOS)
                for one in solved
            ],
        }

    def batches(self, mix: dict[str, int]) -> Iterator[tuple[Any, Any]]:
        """Endless batches as mlx-lm's loss takes them: ids, filled up with zeros, and of each text
        where its answer begins and ends."""
        import mlx.core as mx

        streams = {kind: self._endless(kind, "neighbours" in mix) for kind in mix}
        while True:
            rows = [next(streams[kind]) for kind, many in mix.items() for _ in range(many)]
            width = max(len(ids) for ids, _ in rows)
            filled = [ids + [0] * (width - len(ids)) for ids, _ in rows]
            yield mx.array(filled), mx.array([[begin, len(ids) - 1] for ids, begin in rows])

    def _endless(self, kind: str, together: bool) -> Iterator[Row]:
        rng = random.Random(f"{pocket.SEED}/{kind}/{together}")
        if kind == "requests":
            for prompt, answer in families.exercises(rng, () if together else self.theirs):
                yield self._chat(prompt, answer)
        while True:
            yield from rng.sample(self.kept[kind], len(self.kept[kind]))

    def _gold(self, facets: Sequence[str]) -> list[Row]:
        drawn = [one for facet in facets for one in families.split(facet, pocket.GOLD)[0]]
        return [self._chat(one.prompt, one.answer) for one in drawn]

    def _chat(self, prompt: str, answer: str) -> Row:
        said = [{"role": "user", "content": prompt}]
        asked = self.tokenizer.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
        return self._row(asked, answer + train_base.IM_END)

    def _row(self, prompt: str, answer: str) -> Row:
        """Encoded apart, as a prompt is when it is asked."""
        asked = self.tokenizer.encode(prompt)
        return asked + self.tokenizer.encode(answer), len(asked)


def main() -> None:
    from harness.engines import blas

    blas.preload()
    blas.spread(1)
    games = ["godot", "shaders", "patchnotes"]
    train(pocket.ADAPTERS / "legacy-beside", ["java"], pocket.ADAPTERS / "gamedev", games)


if __name__ == "__main__":
    main()
