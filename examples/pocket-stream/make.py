"""Make the pocket stream: five domains learnt one after the other on the pocket base, no example
twice, by a pool of four LoRA slots behind a router, with the baselines that it is held against.

    python examples/pocket-stream/make.py prompts     # suites/pocket-stream/changelog.jsonl
    python examples/pocket-stream/make.py adapters    # 10 minutes on one core
    python examples/pocket-stream/make.py router      # router.json and routes.jsonl, in seconds

Everything is seeded. Another machine gives other weights, yet the same verdicts: see CARD.md."""

from __future__ import annotations

import hashlib
import json
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
POCKET = HERE.parent / "pocket"
sys.path.insert(0, str(POCKET))

import families  # noqa: E402  (the folder of a script, not a package)
import make as pocket  # noqa: E402

from harness.digests import folder_digest  # noqa: E402

GOLD, BATCH, RANK, SCALE, RATE = 400, 8, 4, 2.0, 1.5e-3
#: the stream: the suite of each domain, the slot that learns it, and in how many steps
STREAM = {
    "java": ("pocket/java", "java", 120), "godot": ("pocket/godot", "godot", 160),
    "shaders": ("pocket/shaders", "shaders", 160),
    "patchnotes": ("pocket/patchnotes", "notes", 160),
    "changelog": ("pocket-stream/changelog", "notes", 60),
}  # fmt: skip
ALONE = 140  # steps of the adapter that learns the last domain and no other
WIDTH, SLACK = 192, 20.0  # of the hashed encoder; how far below its own prompts a domain reaches


def changelog(rng: random.Random) -> families.Sample:
    """A patch note in one plain sentence, of a terse row where ``patchnotes`` has sentences."""
    note = families.patchnotes(rng)
    game, version, bug, effect = note.expect["facts"]
    prompt = rng.choice(
        [f"{version} | {game} | {bug} | {effect}", f"{game}; {bug}; {version}; {effect}"]
    )
    return families.Sample("changelog", prompt, note.answer, note.expect, note.dated)


def samples(domain: str) -> tuple[list[families.Sample], list[families.Sample]]:
    """``(gold, held out)`` of one domain."""
    families.FAMILIES["changelog"] = changelog  # for this process: the base was trained without
    return families.split(domain, GOLD)


def make_prompts() -> None:
    """Write the held-out and the dev prompts of the one domain that the pocket does not have."""
    folder = ROOT / "suites" / "pocket-stream"
    folder.mkdir(parents=True, exist_ok=True)
    _, held_out = samples("changelog")
    of = {"": held_out, ".dev": families.dev("changelog", held_out)}
    for kind, rows in of.items():
        at = "dev/{}" if kind else "{:02d}"
        written = [
            {"id": f"changelog/{at.format(n)}", "prompt": s.prompt, "expect": s.expect}
            for n, s in enumerate(rows)
        ]
        pocket.write_jsonl(folder / f"changelog{kind}.jsonl", written)


class Signum:
    """Sign of a momentum: one tensor of state for each that is trained, where Adam has two."""

    def __init__(self, rate: float, steps: int, beta: float = 0.9) -> None:
        self.rate, self.steps, self.beta, self.state = rate, steps, beta, {}

    def update(self, model: Any, gradients: Any, step: int) -> None:
        import mlx.core as mx
        from mlx.utils import tree_flatten, tree_unflatten

        rate = self.rate * (1 - step / self.steps) + self.rate * 0.02
        weights, moved = dict(tree_flatten(model.trainable_parameters())), []
        for name, gradient in tree_flatten(gradients):
            before = self.state.get(name, mx.zeros_like(gradient))
            self.state[name] = self.beta * before + (1 - self.beta) * gradient
            moved.append((name, weights[name] - rate * mx.sign(self.state[name])))
        model.update(tree_unflatten(moved))


def train(out: Path, domain: str, steps: int, begin: Path | None = None) -> Iterator[dict]:
    """Train one LoRA on the gold of ``domain``, on from the weights of ``begin``; each batch as a
    row of the log, its records by the digests of their texts."""
    import mlx.core as mx
    from mlx import nn
    from mlx.utils import tree_flatten
    from mlx_lm.tuner.utils import linear_to_lora_layers
    from mlx_lm.utils import load

    mx.random.seed(0)
    model, tokenizer = load(str(POCKET / "base"))
    model.set_dtype(mx.float32)
    model.freeze()
    parameters = {"rank": RANK, "dropout": 0.0, "scale": SCALE}
    linear_to_lora_layers(model, len(model.layers), parameters)
    if begin is not None:
        model.load_weights(str(begin / "adapters.safetensors"), strict=False)
    texts = [pocket.chat(tokenizer, s.prompt, s.answer) for s in samples(domain)[0]]
    rows = [(text, tokenizer.encode(text)) for text in texts]

    def loss(model: Any, batch: Any) -> Any:
        real = batch[:, 1:] != 0
        crossed = nn.losses.cross_entropy(model(batch[:, :-1]), batch[:, 1:])
        return (crossed * real).sum() / real.sum()

    rng, optimizer, graded = (
        random.Random(domain),
        Signum(RATE, steps),
        nn.value_and_grad(model, loss),
    )
    for step in range(steps):
        drawn = rng.sample(rows, BATCH)
        width = max(len(ids) for _, ids in drawn)
        batch = mx.array([ids + [0] * (width - len(ids)) for _, ids in drawn])
        found, gradients = graded(model, batch)
        optimizer.update(model, gradients, step)
        mx.eval(model.parameters(), optimizer.state)
        digests = [hashlib.sha256(text.encode()).hexdigest()[:16] for text, _ in drawn]
        yield {"step": step, "records": digests, "loss": round(float(found), 4)}
    out.mkdir(parents=True, exist_ok=True)
    tensors = dict(tree_flatten(model.trainable_parameters()))
    _save(out / "adapters.safetensors", tensors)
    _save(HERE / "optimizer.safetensors", {f"{k}.m": v for k, v in optimizer.state.items()})
    config = {
        "fine_tune_type": "lora", "num_layers": len(model.layers), "lora_parameters": parameters,
        "iters": steps, "learning_rate": RATE, "seed": 0,
    }  # fmt: skip
    (out / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    pocket.stamp(out, folder_digest(POCKET / "base"), SCALE)


def _save(path: Path, tensors: dict[str, Any]) -> None:
    import mlx.core as mx

    half = {name: value.astype(mx.bfloat16) for name, value in tensors.items()}
    mx.save_safetensors(str(path), half)


def make_adapters() -> None:
    """Train the last domain by itself, then the stages in order.

    ``pool/`` has the slots as they end, ``before/`` the shared one as it was before it was
    trained on, ``alone/`` the oracle's adapter of the last domain."""
    notes, alone = HERE / "before" / "notes", HERE / "alone" / "changelog"
    places = {d: HERE / "pool" / slot for d, (_, slot, _) in STREAM.items()} | {"patchnotes": notes}
    list(train(alone, "changelog", ALONE))
    rows = []
    for stage, (domain, (_, _, steps)) in enumerate(STREAM.items(), 1):
        begin = notes if domain == "changelog" else None
        rows += [{"stage": stage, **row} for row in train(places[domain], domain, steps, begin)]
    pocket.write_jsonl(HERE / "batches.jsonl", rows)


def encoded(text: str) -> Any:
    """A prompt as hashed words and letters, of length one: an encoder that nobody trained."""
    import numpy as np

    words = re.findall(r"\w+|[^\w\s]", text.lower())
    pieces = words + [text[at : at + 3] for at in range(0, len(text) - 2)]
    found = np.zeros(WIDTH)
    for piece in pieces:
        found[int.from_bytes(hashlib.sha256(piece.encode()).digest()[:4]) % WIDTH] += 1
    return found / (np.linalg.norm(found) or 1.0)


def make_router() -> None:
    """Fit a Gaussian for each domain, and write down which slot it chooses for every prompt of
    every suite after each stage; a prompt that is near no domain goes to the bare base."""
    import numpy as np

    from harness.content import suite, workspace

    gold = {d: np.array([encoded(s.prompt) for s in samples(d)[0]]) for d in STREAM}
    means = {d: rows.mean(0) for d, rows in gold.items()}
    variances = {d: rows.var(0) + 1e-4 for d, rows in gold.items()}

    def likely(x: Any, domain: str) -> Any:
        mean, variance = means[domain], variances[domain]
        return -(((x - mean) ** 2) / variance + np.log(variance)).sum(-1)

    near = {d: float(likely(rows, d).min()) - SLACK for d, rows in gold.items()}
    state = {
        "encoder": f"hashed {WIDTH}", "near": list(near.values()), "domains": list(STREAM),
        "slots": [slot for _, slot, _ in STREAM.values()],
        "means": [m.round(5).tolist() for m in means.values()],
        "variances": [v.round(7).tolist() for v in variances.values()],
        "counts": [len(rows) for rows in gold.values()],
    }  # fmt: skip
    (HERE / "pool" / "router.json").write_text(json.dumps(state) + "\n", encoding="utf-8")

    def route(prompt: str, stage: int) -> str | None:
        x, best = encoded(prompt), dict[str, float]()
        for domain in list(STREAM)[:stage]:
            if (found := float(likely(x, domain))) >= near[domain]:
                best[domain] = found
        return STREAM[max(best, key=best.__getitem__)][1] if best else None

    folder, rows = workspace.find(ROOT).folder("suites"), list[dict[str, object]]()
    guard = [("humaneval/humaneval", len(STREAM))]
    asked = [(id, n) for n in range(1, len(STREAM) + 1) for id, _, _ in STREAM.values()]
    for id, stage in asked + guard:
        chosen: dict[str | None, list[str]] = {}
        found = suite.load(folder / f"{id}.yaml", folder)
        for case in found.cases:
            chosen.setdefault(route(case.prompt, stage), []).append(case.id)
        rows += [
            {"stage": stage, "suite": found.id, "slot": slot, "cases": cases}
            for slot, cases in chosen.items()
        ]
    pocket.write_jsonl(HERE / "routes.jsonl", rows)


def main() -> None:
    from harness.engines import blas

    blas.preload()
    parts = {"prompts": make_prompts, "adapters": make_adapters, "router": make_router}
    for name in sys.argv[1:] or list(parts):
        parts[name]()


if __name__ == "__main__":
    main()
