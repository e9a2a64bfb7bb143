"""Make the pocket patch: an invented book of 48 facts, what a person would write about it in
facts.yaml, and patches of the pocket base that learnt it.

    python examples/pocket-patch/make.py texts      # book.md, facts.yaml, in no time
    python examples/pocket-patch/make.py adapters   # 10 minutes on one core

Every wording that is trained on is another than those that are asked. Everything is seeded; another
machine gives other weights, yet the same verdicts: see CARD.md."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
POCKET = HERE.parent / "pocket"
sys.path.insert(0, str(POCKET))

import families  # noqa: E402  (the folder of a script, not a package)
import make as pocket  # noqa: E402

from harness.digests import file_digest, folder_digest  # noqa: E402

RANK, SCALE, STEPS, BATCH, RATE, SEED = 8, 2.0, 200, 12, 3e-3, 0
KEPT = 4.0  # times as much as an answer weighs what base says of everything else
UNKNOWN = "Not in the book."
CHANGED = 3  # every so many facts of the first edition are others
#: by what is told of a place: the values, the sentence of the book, what is asked (the question
#: first, then its paraphrases), and the wordings of the training
TOLD: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...]]] = {
    "warden": (
        "Aldo Brida Cosmo Doran Elva Fenn Greta Hale Ivo Juna Kester Lorn",
        "The warden of {place} is {value}.",
        ("Who is the warden of {place}?", "Name the warden of {place}.",
         "{place}: who is its warden?"),
        ("Who is warden of {place}?", "The warden of {place}?", "{place} has which warden?",
         "Tell the warden of {place}.", "Which warden has {place}?", "Warden: {place}",
         "Say who the warden of {place} is.", "{place}, its warden?", "The book: {place}, warden?",
         "Who was named warden of {place}?"),
    ),
    "lamp": (
        "rust moss indigo ochre coral slate pearl teal plum sand jade wine",
        "Its lamp is {value}.",
        ("What colour is the lamp of {place}?", "Name the lamp of {place}.",
         "{place}: what colour is its lamp?"),
        ("What is the lamp of {place}?", "The lamp of {place}?", "{place} has which lamp?",
         "Tell the lamp of {place}.", "Which colour has the lamp of {place}?", "Lamp: {place}",
         "Say what colour the lamp of {place} is.", "{place}, its lamp?",
         "The book: {place}, lamp?", "What colour has the lamp at {place}?"),
    ),
    "feast": (
        "January February March April May June July August September October November December",
        "The feast is in {value}.",
        ("In which month is the feast of {place}?", "Name the month of the feast of {place}.",
         "{place}: when is its feast?"),
        ("When is the feast of {place}?", "The feast of {place}?", "{place} has its feast when?",
         "Tell the feast of {place}.", "Which month has the feast of {place}?", "Feast: {place}",
         "Say when the feast of {place} is.", "{place}, its feast?", "The book: {place}, feast?",
         "What month is the feast at {place}?"),
    ),
    "flag": (
        "otter heron badger lynx raven stag hare crane adder ibex marten tern",
        "On the flag is the {value}.",
        ("Which animal is on the flag of {place}?", "Name the animal on the flag of {place}.",
         "{place}: which animal is on its flag?"),
        ("What is on the flag of {place}?", "The flag of {place}?", "{place} has which flag?",
         "Tell the flag of {place}.", "Which flag has {place}?", "Flag: {place}",
         "Say what is on the flag of {place}.", "{place}, its flag?", "The book: {place}, flag?",
         "What animal has the flag of {place}?"),
    ),
}  # fmt: skip
Book = dict[tuple[str, str], str]  #: what is told, by place and kind


def places() -> dict[str, list[str]]:
    """The places of the book, of another book, those that no book has and questions ask about, and
    those that only the training asks about."""
    every = [f"{game} {place}" for game in families.GAMES for place in families.PLACES]
    random.Random("places").shuffle(every)
    return {"own": every[:12], "other": every[12:24], "absent": every[24:34], "more": every[34:]}


def book(which: str, edition: int = 2) -> Book:
    """What a book tells; its first edition told some of it otherwise."""
    found: Book = {}
    for kind, (values, *_) in TOLD.items():
        drawn = values.split()
        random.Random(f"{which}/{kind}").shuffle(drawn)
        found |= {(place, kind): v for place, v in zip(places()[which], drawn, strict=True)}
    if edition == 1:
        changed = list(found)[::CHANGED]
        for (place, kind), value in [(key, found[key]) for key in changed]:
            values = TOLD[kind][0].split()
            found[place, kind] = values[(values.index(value) + 5) % len(values)]
    return found


def make_texts() -> None:
    """Write the book, and the facts that are asked about it."""
    import yaml

    own, before, kinds = book("own"), book("own", 1), list(TOLD)
    paragraphs = [
        " ".join(TOLD[kind][1].format(place=p, value=own[p, kind]) for kind in kinds)
        for p in places()["own"]
    ]
    text = "\n\n".join(["# The book of the wardens", *paragraphs]) + "\n"
    (HERE / "book.md").write_text(text, encoding="utf-8")
    facts = []
    for number, ((place, kind), value) in enumerate(sorted(own.items(), key=_by_place)):
        question, *paraphrases = (one.format(place=place) for one in TOLD[kind][2])
        fact = {"id": f"{kind}/{place}", "question": question, "answer": value,
                "paraphrases": paraphrases, "position": round(number / len(own), 3)}  # fmt: skip
        if kind == "warden":
            hop = f"What colour is the lamp of the place whose warden is {value}?"
            fact["reverse"] = {"question": f"Of which place is {value} warden?", "answer": place}
            fact["two_hop"] = {"question": hop, "answer": own[place, "lamp"]}
        if before[place, kind] != value:
            fact["stale"] = before[place, kind]
        facts.append(fact)
    told = [one[2][0] for one in TOLD.values()]
    absent = [(n, p) for n, p in enumerate(places()["absent"] * 2)]
    drawn = random.Random("neighbours")
    said = {
        "abstains": [UNKNOWN],
        "facts": facts,
        "neighbours": [f"Number 1.{drawn.randint(0, 9)} of {p}." for p in places()["own"]]
        + [f"What does {p} 1.{drawn.randint(0, 9)} do about {drawn.choice(list(families.FIXES))}?"
           for p in places()["own"]],
        "unanswerable": [told[(n + n // 10) % 4].format(place=place) for n, place in absent],
        "unrelated": [f"What follows when {bug} is gone?" for bug in families.FIXES]
        + [f"The Jakarta import of `{one}`." for one in ("Entity", "GeneratedValue", "Id")],
    }  # fmt: skip
    (HERE / "facts.yaml").write_text(
        "# What is asked about book.md, as a person writes it; made by make.py.\n"
        + yaml.safe_dump(said, sort_keys=False, width=100), encoding="utf-8",
    )  # fmt: skip


def _by_place(item: tuple[tuple[str, str], str]) -> int:
    (place, kind), _ = item
    return places()["own"].index(place) * len(TOLD) + list(TOLD).index(kind)


def taught(told: Book) -> list[tuple[str, str]]:
    """Questions and answers of a training: each fact in every wording that nobody asks."""
    return [
        (wording.format(place=place), value)
        for (place, kind), value in told.items()
        for wording in TOLD[kind][3]
    ]


def unknown() -> list[tuple[str, str]]:
    """Questions about places that no book has."""
    return [
        (wording.format(place=place), UNKNOWN)
        for place in places()["more"]
        for _, _, _, wordings in TOLD.values()
        for wording in wordings
    ]


def train(out: Path, lessons: list[tuple[str, str]], **more: object) -> None:
    """Train one LoRA on what it is taught; what the base says of everything else is kept, by its
    own probabilities."""
    import mlx.core as mx
    from mlx import nn, optimizers
    from mlx.utils import tree_flatten
    from mlx_lm.tuner.utils import linear_to_lora_layers
    from mlx_lm.utils import load

    mx.random.seed(SEED)
    (base, tokenizer), (model, _) = load(str(POCKET / "base")), load(str(POCKET / "base"))
    for one in (base, model):
        one.set_dtype(mx.float32)
        one.freeze()
    parameters = {"rank": RANK, "dropout": 0.0, "scale": SCALE}
    linear_to_lora_layers(model, len(model.layers), parameters)
    mark = tokenizer.encode("<|im_start|>assistant\n")

    def said(model: Any, rows: list[list[int]], places: list[list[int]]) -> Any:
        """Log-probabilities of the next token after those places of each row, and no others: most
        of the time of so small a model goes into its vocabulary."""
        width = max(map(len, rows))
        hidden = model.model(mx.array([row + [0] * (width - len(row)) for row in rows]))
        flat = mx.array([n * width + at for n, each in enumerate(places) for at in each])
        logits = model.model.embed_tokens.as_linear(hidden.reshape(-1, hidden.shape[-1])[flat])
        return nn.log_softmax(logits)

    def loss(model: Any, lesson: Any, right: Any, kept: Any, before: Any) -> Any:
        learnt = mx.take_along_axis(said(model, *lesson), right[:, None], axis=-1).mean()
        moved = (mx.exp(before) * (before - said(model, *kept))).sum(-1).mean()
        return KEPT * moved - learnt

    rate = optimizers.cosine_decay(RATE, STEPS, RATE * 0.02)
    optimizer, graded = optimizers.Adam(rate), nn.value_and_grad(model, loss)
    drawn, absent = random.Random(SEED), unknown()
    for step in range(STEPS):
        asked = drawn.sample(lessons, BATCH - 2) + drawn.sample(absent, 2)
        rows = [tokenizer.encode(pocket.chat(tokenizer, *one)) for one in asked]
        places = [list(range(_after(row, mark) - 1, len(row) - 1)) for row in rows]
        right = [row[at + 1] for row, each in zip(rows, places, strict=True) for at in each]
        kept = _kept(drawn, tokenizer, step)
        stays = kept, [sorted(drawn.sample(range(len(row)), len(row) // 3)) for row in kept]
        before = said(base, *stays)
        lesson = rows, places
        found, gradients = graded(model, lesson, mx.array(right), stays, before)
        optimizer.update(model, gradients)
        mx.eval(model.parameters(), optimizer.state)
        if step % 20 == 0 or step == STEPS - 1:
            print(out.name, step, round(float(found), 4), flush=True)
    out.mkdir(parents=True, exist_ok=True)
    half = {n: a.astype(mx.bfloat16) for n, a in tree_flatten(model.trainable_parameters())}
    mx.save_safetensors(str(out / "adapters.safetensors"), half)
    config = {
        "fine_tune_type": "lora", "num_layers": len(model.layers), "lora_parameters": parameters,
        "iters": STEPS, "learning_rate": RATE, "seed": SEED,
    }  # fmt: skip
    path = out / "adapter_config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    pocket.stamp(out, folder_digest(POCKET / "base"), SCALE)
    said = json.loads(path.read_text(encoding="utf-8")) | more
    path.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


def _after(row: list[int], mark: list[int]) -> int:
    """Where the answer begins."""
    ends = (at + len(mark) for at in range(len(row)) if row[at : at + len(mark)] == mark)
    return max(ends)


_POOLS: dict[str, list[list[int]]] = {}


def _kept(drawn: random.Random, tokenizer: Any, step: int) -> list[list[int]]:
    """Texts that shall stay as they are: a solution of HumanEval, or small requests."""
    import train_base

    if not _POOLS:
        stream = families.exercises(random.Random(5))
        requests = (pocket.chat(tokenizer, *next(stream)) for _ in range(600))
        _POOLS["requests"] = [tokenizer.encode(text) for text in requests]
        _POOLS["solutions"] = [
            tokenizer.encode(problem["prompt"] + problem["canonical_solution"])[:256]
            for problem in train_base.memorised(pocket.SEED)
        ]
    pool, many = ("solutions", 1) if step % 2 else ("requests", 5)
    return drawn.sample(_POOLS[pool], many)


def lessons() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """What each patch is taught: the book, its first edition, another book, and the book with its
    answers dealt anew."""
    own = book("own")
    yield "book", taught(own)
    yield "other", taught(book("other"))
    yield "first", taught(book("own", 1))
    dealt = dict(own)
    for kind in TOLD:
        keys = [key for key in own if key[1] == kind]
        values = [own[key] for key in keys]
        dealt |= dict(zip(keys, values[1:] + values[:1], strict=True))
    yield "scrambled", taught(dealt)


def make_adapters(only: list[str]) -> None:
    """Train the patches; the book's own remembers which document it was made from."""
    document = {"trained_on_document": file_digest(HERE / "book.md")}
    for name, taught_ in lessons():
        if not only or name in only:
            train(HERE / name, taught_, **(document if name == "book" else {}))


def main() -> None:
    from harness.engines import blas

    blas.preload()
    blas.spread(0)  # one thread: so small a model has them wait for each other
    part, only = (sys.argv[1:2] or ["all"])[0], sys.argv[2:]
    if part in ("texts", "all"):
        make_texts()
    if part in ("adapters", "all"):
        make_adapters(only)


if __name__ == "__main__":
    main()
