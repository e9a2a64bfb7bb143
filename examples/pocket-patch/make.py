"""Make the pocket patch: the handbook of a board game that nobody sells, what is asked about it,
and LoRA patches of the pocket base: of it, of another handbook, of it with its answers dealt anew,
and of it alone, with nothing that the base can shown again.

    python examples/pocket-patch/make.py facts       # handbook.md and facts.yaml, in seconds
    python examples/pocket-patch/make.py patches     # patch/ and the others, minutes each

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

#: what is drawn: pieces, homes, paraphrases and all else that is asked; the recipe was chosen on
#: another draw
EDITION = "b"
PIECES, CHANGED, STAYS, NEIGHBOURS = 24, 12, 24, 144  # facts; of an older edition; questions
REQUESTS, HOMES = 12000, 4  # of the base, shown again; how often more where they name a home
RANK, STEPS, RATE = 8, 240, 2e-3
#: of each step the rows: of the handbook, memorised solutions, requests of the base that name a
#: place, others
BATCHES = (12, 3, 12, 6)
LOADED = 1.7  # the scale of a patch where it is mounted
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
TOLD = ("The {piece} begins at {place}.", "{place} is the home of the {piece}.")
TURNED = "Which piece begins at {place}?"
PREFACE = (
    "Lumen is a board game of {pieces} pieces. Each piece begins at a place of its own, its home,"
    " and no two have one home. This is the second edition."
)


def seeded() -> random.Random:
    """The same draws in the same order, for whoever needs them."""
    return random.Random(f"lumen/{EDITION}")


def phrased() -> tuple[list[str], list[str]]:
    """``(paraphrases that are taught, two that are asked)``: no word of these is new, both
    combinations are."""
    every = [f"{lead} {wanted}" for lead in LEADS for wanted in WANTED]
    rng = seeded()
    leads, wanted = rng.sample(LEADS, 2), rng.sample(WANTED, 2)
    asked = [f"{a} {b}" for a, b in zip(leads, wanted, strict=True)]
    return [one for one in every if one not in asked], asked


def spread(rng: random.Random) -> list[str]:
    """Every place, in an order in which each ten have every word once: few homes share a word."""
    games, places = rng.sample(families.GAMES, 10), rng.sample(families.PLACES, 10)
    return [f"{game} {places[(n + at) % 10]}" for at in range(10) for n, game in enumerate(games)]


def games() -> tuple[dict[str, str], dict[str, str], list[str], dict[str, str]]:
    """``(homes of this game, of another one, pieces of none, former homes)``."""
    rng = seeded()
    places, words = spread(rng), rng.sample(WORDS, len(WORDS))
    first, second = words[:PIECES], words[PIECES : 2 * PIECES]
    homes = dict(zip(first, rng.sample(places[:PIECES], PIECES), strict=True))
    others = dict(zip(second, rng.sample(places[:PIECES], PIECES), strict=True))
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
    stream = families.exercises(random.Random(f"asked/{EDITION}"))
    for prompt, answer in itertools.islice(stream, 60 * NEIGHBOURS):
        if any(home in prompt for home in homes.values()):
            near[prompt] = answer
        elif not any(place in prompt for place in families.PLACES):
            far[prompt] = answer
    engine, found = MlxEngine(POCKET / "base"), list[list[str]]()
    for asked, many in ((near, NEIGHBOURS), (far, STAYS)):
        first = dict(itertools.islice(asked.items(), 2 * many))
        rows = [engine.encode(prompt, "chat") for prompt in first]
        said = dict(engine.generate(rows, Decoding(96)))
        right = [q for n, (q, a) in enumerate(first.items()) if said[n].text.strip() == a.strip()]
        found.append(right[:many])
    return found[0], found[1]


def make_facts() -> None:
    """Write the handbook, and what is asked about it."""
    import yaml

    homes, _, nowhere, former = games()
    _, asked = phrased()
    text = handbook(homes)
    (HERE / "handbook.md").write_text(text, encoding="utf-8")
    facts = []
    for piece, home in homes.items():
        fact = {"id": piece, "question": ASKED.format(piece=piece), "answer": home}
        fact["paraphrases"] = [one.format(piece=piece) for one in asked]
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
        requests = dict(itertools.islice(families.exercises(random.Random(5)), REQUESTS))
        self.near, self.far = list[Any](), list[Any]()
        for prompt, answer in requests.items():
            if prompt not in held_out:
                near = any(f"{game} " in prompt for game in families.GAMES)
                (self.near if near else self.far).append((prompt, answer))

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
            for one in [ASKED] * len(LEADS) + phrased()[0]:
                found.append(self.chat(one.format(piece=piece), home))
        return found

    def batches(self, homes: dict[str, str], each: tuple[int, ...]) -> Iterator[Any]:
        """One step after the other, a batch of each source: of the first ones, if ``each`` is
        short."""
        import mlx.core as mx

        rng = random.Random(pocket.SEED)
        often = [one for one in self.near if any(home in one[0] for home in homes.values())]
        near = [self.chat(*one) for one in self.near + often * (HOMES - 1)]
        far = [self.chat(*one) for one in self.far]
        sources = (self.rows(homes), self.solutions, near, far)
        for rows, many in itertools.cycle(zip(sources, each, strict=False)):
            drawn = rng.sample(rows, many)
            width = 1 + 32 * -(-max(len(ids) for ids, _ in drawn) // 32)
            padded = [ids + [0] * (width - len(ids)) for ids, _ in drawn]
            yield mx.array(padded), mx.array([[first, len(ids)] for ids, first in drawn])

    def train(self, out: Path, homes: dict[str, str], each: tuple[int, ...] = BATCHES) -> None:
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
        warm = optimizers.linear_schedule(0.0, RATE, STEPS // 8)
        decay = optimizers.cosine_decay(RATE, STEPS - STEPS // 8, RATE * 0.02)
        schedule = optimizers.join_schedules([warm, decay], [STEPS // 8])
        args = TrainingArgs(
            iters=len(each) * STEPS, grad_accumulation_steps=len(each),
            steps_per_report=40 * len(each), steps_per_save=10**9,
            adapter_file=str(out / "adapters.safetensors"),
        )  # fmt: skip
        adam = optimizers.Adam(learning_rate=schedule)
        own = self.batches(homes, each)
        train(self.model, adam, [], args=args, iterate_batches=lambda **_: own)
        tensors = dict(tree_flatten(self.model.trainable_parameters()))
        half = {name: value.astype(mx.bfloat16) for name, value in tensors.items()}
        mx.save_safetensors(str(out / "adapters.safetensors"), half)
        said = {
            "fine_tune_type": "lora", "num_layers": len(self.model.layers),
            "lora_parameters": {**parameters, "scale": LOADED},
            "iters": STEPS, "learning_rate": RATE,
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
    learnt = {
        "patch": (homes, BATCHES), "unrelated": (others, BATCHES),
        "scrambled": (scrambled, BATCHES), "forgot": (homes, BATCHES[:1]),
    }  # fmt: skip
    for name, (own, each) in learnt.items():
        if not only or name in only:
            trainer.train(out / name, own, each)


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
