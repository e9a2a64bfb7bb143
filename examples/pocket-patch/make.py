"""Make the pocket patch: the handbook of a board game that nobody sells, what is asked about it,
and LoRA patches of the pocket base that learnt it, another handbook, and it with its answers dealt
anew.

    python examples/pocket-patch/make.py facts       # handbook.md and facts.yaml, in seconds
    python examples/pocket-patch/make.py patches     # patch/, unrelated/ and scrambled/, minutes

Everything is seeded. Another machine gives other weights, yet the same verdicts: see CARD.md."""

from __future__ import annotations

import itertools
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
POCKET = HERE.parent / "pocket"
sys.path.insert(0, str(POCKET))

import families  # noqa: E402  (the folder of a script, not a package)
import make as pocket  # noqa: E402

PIECES, CHANGED, STAYS = 24, 12, 24  # facts; those of an older edition; questions of each kind
REQUESTS, NEAR = 400, 4000  # of the base; those among which some name a home of the handbook
RANK = 8
#: steps, learning rate, and of each batch how many rows of the handbook, memorised solutions and
#: requests of the base
PHASES = ((220, 2e-3, (12, 2, 8), (0, 1, 0, 2)),)
LOADED = 2.0  # the scale of a patch where it is mounted
#: pieces of the game, of another game, and of none: a word that the base has a token for
WORDS = [
    "coin", "lamp", "door", "shield", "weapon", "wave", "chest", "flame", "moss", "phone", "camera",
    "label", "paint", "rust", "shop", "thread", "lock", "city", "coal", "enemy", "friend", "map",
    "quest", "sky", "stick", "table", "ticket", "timer", "wheel", "button", "customer", "sprite",
    "vehicle", "gate", "glass", "key", "marker", "mask", "mirror", "ring", "room", "rope", "shell",
    "ship", "sound", "star", "station", "stone", "stream", "switch", "tool", "window", "player",
    "hand", "note", "path", "street", "root", "pigment", "head", "bird", "crow", "fox", "owl",
    "horse", "boat", "candle", "drum", "tree", "river", "hill", "bell",
]  # fmt: skip
ASKED = "Where does the {piece} begin?"
LEADS = ("Name", "Tell me", "Write", "Show")
WANTED = (
    "the home of the {piece}.", "where the {piece} begins.", "the place of the {piece}.",
    "the start of the {piece}.",
)  # fmt: skip
#: the paraphrases that are asked: combinations that no patch saw
HELD_OUT = (f"{LEADS[0]} {WANTED[0]}", f"{LEADS[1]} {WANTED[1]}")
TAUGHT = [one for a in LEADS for b in WANTED if (one := f"{a} {b}") not in HELD_OUT]
TOLD = ("The {piece} begins at {place}.", "{place} is the home of the {piece}.")
TURNED = "Which piece begins at {place}?"
PREFACE = (
    "Lumen is a board game of {pieces} pieces. Each piece begins at a place of its own, its home,"
    " and no two have one home. This is the second edition."
)


def games() -> tuple[dict[str, str], dict[str, str], list[str], dict[str, str]]:
    """``(homes of this game, of another one, pieces of none, former homes)``."""
    rng = random.Random("lumen")
    places = [f"{game} {place}" for game in families.GAMES for place in families.PLACES]
    words = rng.sample(WORDS, len(WORDS))
    rng.shuffle(places)
    first, second = words[:PIECES], words[PIECES : 2 * PIECES]
    homes = dict(zip(first, places, strict=False))
    others = dict(zip(second, rng.sample(places, PIECES), strict=True))
    former = dict(zip(rng.sample(first, CHANGED), places[PIECES:], strict=False))
    return homes, others, words[2 * PIECES :], former


def told(homes: dict[str, str]) -> list[str]:
    """One sentence of a handbook for each piece."""
    return [TOLD[n % 2].format(piece=p, place=home) for n, (p, home) in enumerate(homes.items())]


def handbook(homes: dict[str, str]) -> str:
    """The document: five sentences a paragraph."""
    lines = told(homes)
    parts = [" ".join(lines[n : n + 5]) for n in range(0, len(lines), 5)]
    return "\n\n".join(["# Lumen", PREFACE.format(pieces=len(homes)), *parts]) + "\n"


def stays(homes: dict[str, str]) -> tuple[list[str], list[str]]:
    """Questions of the places of the handbook, and of nothing in it, that base answers as it was
    taught."""
    from harness.engines.base import Decoding
    from harness.engines.mlx import MlxEngine

    near, far = dict[str, str](), dict[str, str]()
    for prompt, answer in itertools.islice(families.exercises(random.Random(11)), 6 * PIECES * 10):
        if any(home in prompt for home in homes.values()):
            near[prompt] = answer
        elif not any(place in prompt for place in families.PLACES):
            far[prompt] = answer
    engine, found = MlxEngine(POCKET / "base"), list[list[str]]()
    for asked in (near, far):
        first = dict(itertools.islice(asked.items(), 2 * STAYS))
        rows = [engine.encode(prompt, "chat") for prompt in first]
        said = dict(engine.generate(rows, Decoding(96)))
        right = [q for n, (q, a) in enumerate(first.items()) if said[n].text.strip() == a.strip()]
        found.append(right[:STAYS])
    return found[0], found[1]


def make_facts() -> None:
    """Write the handbook, and what is asked about it."""
    import yaml

    homes, _, nowhere, former = games()
    text = handbook(homes)
    (HERE / "handbook.md").write_text(text, encoding="utf-8")
    facts = []
    for piece, home in homes.items():
        fact = {"id": piece, "question": ASKED.format(piece=piece), "answer": home}
        fact["paraphrases"] = [one.format(piece=piece) for one in HELD_OUT]
        fact["reverse"] = {"question": TURNED.format(place=home), "answer": piece}
        if piece in former:
            fact["stale"] = former[piece]
        fact["position"] = round(text.index(home) / len(text), 3)
        facts.append(fact)
    near, far = stays(homes)
    unknown = [ASKED.format(piece=piece) for piece in nowhere[:STAYS]]
    said = {"facts": facts, "neighbours": near, "unanswerable": unknown, "unrelated": far}
    out = yaml.safe_dump(said, sort_keys=False, width=100)
    (HERE / "facts.yaml").write_text(out, encoding="utf-8")


class Trainer:
    """Trains a patch by mlx_lm's trainer; what the base can is shown again at each step."""

    def __init__(self) -> None:
        import mlx.core as mx
        import train_base
        from mlx_lm.utils import load

        from harness.subjects.kinds.patch import spec as facts_of

        self.model, self.tokenizer = load(str(POCKET / "base"))
        self.model.set_dtype(mx.float32)
        known = train_base.memorised(pocket.SEED)
        self.solutions = [self.row(p["prompt"], p["canonical_solution"]) for p in known]
        asked = facts_of.read(HERE / "facts.yaml")
        held_out = {*asked.neighbours, *asked.unrelated}
        stream = families.exercises(random.Random(5))
        self.near = [one for one in itertools.islice(stream, NEAR) if one[0] not in held_out]

    def row(self, prompt: str, answer: str) -> tuple[list[int], int]:
        """The tokens, and where those begin that are learnt."""
        begun = self.tokenizer.encode(prompt)
        return begun + self.tokenizer.encode(answer), len(begun)

    def chat(self, prompt: str, answer: str) -> tuple[list[int], int]:
        """A request and its answer as a chat."""
        whole = pocket.chat(self.tokenizer, prompt, answer)
        begun = whole.removesuffix(f"{answer}<|im_end|>")
        return self.row(begun, whole.removeprefix(begun))

    def rows(self, homes: dict[str, str]) -> list[tuple[list[int], int]]:
        """What is learnt of a handbook: its sentences, and its facts asked."""
        found = [self.row("", one) for one in told(homes)]
        for piece, home in homes.items():
            for one in [ASKED] * len(LEADS) + TAUGHT:
                found.append(self.chat(one.format(piece=piece), home))
        return found

    def kept(self, homes: dict[str, str]) -> list[tuple[list[int], int]]:
        """What the base answers otherwise: any of it, and all that names a home of the handbook."""
        near = [one for one in self.near if any(home in one[0] for home in homes.values())]
        return [self.chat(*one) for one in self.near[:REQUESTS] + near]

    def batches(
        self, homes: dict[str, str], many: tuple[int, ...], turns: tuple[int, ...]
    ) -> Iterator[Any]:
        """Batches by turns of the handbook and of what is to be kept."""
        import mlx.core as mx

        rng = random.Random(pocket.SEED)
        sources = (self.rows(homes), self.solutions, self.kept(homes))
        for kind in itertools.cycle(turns):
            drawn = rng.sample(sources[kind], many[kind])
            width = 1 + 32 * -(-max(len(ids) for ids, _ in drawn) // 32)
            padded = [ids + [0] * (width - len(ids)) for ids, _ in drawn]
            yield mx.array(padded), mx.array([[first, len(ids)] for ids, first in drawn])

    def train(self, out: Path, homes: dict[str, str]) -> None:
        """One patch, of the handbook with these homes."""
        import mlx.core as mx
        from mlx import optimizers
        from mlx.utils import tree_flatten, tree_unflatten
        from mlx_lm.tuner.trainer import TrainingArgs, train
        from mlx_lm.tuner.utils import linear_to_lora_layers

        from harness.digests import folder_digest, text_digest

        began = time.process_time()
        mx.random.seed(pocket.SEED)
        plain = dict(self.model.named_modules())
        parameters = {"rank": RANK, "dropout": 0.0, "scale": pocket.TRAINED}
        self.model.freeze()
        linear_to_lora_layers(self.model, len(self.model.layers), parameters)
        out.mkdir(parents=True, exist_ok=True)
        for steps, rate, many, turns in PHASES:
            warm = optimizers.linear_schedule(0.0, rate, steps // 8)
            decay = optimizers.cosine_decay(rate, steps - steps // 8, rate * 0.02)
            schedule = optimizers.join_schedules([warm, decay], [steps // 8])
            together = 3 if len(turns) == 3 else 2  # batches of one step
            args = TrainingArgs(
                iters=together * steps, grad_accumulation_steps=together, steps_per_report=40,
                steps_per_save=10**9, adapter_file=str(out / "adapters.safetensors"),
            )  # fmt: skip
            own, adam = self.batches(homes, many, turns), optimizers.Adam(learning_rate=schedule)
            train(self.model, adam, [], args=args, iterate_batches=lambda own=own, **_: own)
        tensors = dict(tree_flatten(self.model.trainable_parameters()))
        half = {name: value.astype(mx.bfloat16) for name, value in tensors.items()}
        mx.save_safetensors(str(out / "adapters.safetensors"), half)
        said = {
            "fine_tune_type": "lora", "num_layers": len(self.model.layers),
            "lora_parameters": {**parameters, "scale": LOADED},
            "iters": sum(phase[0] for phase in PHASES), "learning_rate": PHASES[0][1],
            "seed": pocket.SEED,
            "trained_on_base": folder_digest(POCKET / "base"),
            "trained_on_document": text_digest(handbook(homes)).removeprefix("sha256:"),
        }  # fmt: skip
        text = json.dumps(said, indent=2) + "\n"
        (out / "adapter_config.json").write_text(text, encoding="utf-8")
        leaves = {name: one for name, one in plain.items() if name and not one.children()}
        self.model.update_modules(tree_unflatten(list(leaves.items())))
        print(out.name, "took", round(time.process_time() - began), "s of CPU")


def make_patches(only: list[str], out: Path = HERE) -> None:
    """Train each patch."""
    homes, others, _, _ = games()
    dealt = random.Random(1).sample(list(homes.values()), len(homes))
    scrambled = dict(zip(homes, dealt, strict=True))
    trainer = Trainer()
    for name, own in {"patch": homes, "unrelated": others, "scrambled": scrambled}.items():
        if not only or name in only:
            trainer.train(out / name, own)


def main() -> None:
    from harness.engines import blas

    blas.preload()
    blas.spread(1)  # small products: one thread
    part, *names = sys.argv[1:] or ["all"]
    if part in ("facts", "all"):
        make_facts()
    if part in ("patches", "all"):
        make_patches(names)


if __name__ == "__main__":
    main()
