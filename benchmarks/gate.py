"""What a gate costs over decoding alone, and decoding over mlx-lm as it comes; ratios are what to
read.

    python benchmarks/gate.py [--adapter gamedev] [--library FILE] [--limit N] [--rounds 1]
    python benchmarks/gate.py --library smollm2 --adapter godot --limit 16   (a real model)
    python benchmarks/gate.py --before COMMIT      (the quick start, here and there, and no more)

**Decoding**: the base answers the ``--sample`` shortest prompts of the owed suites with at most
``--tokens`` tokens, each way in a process of its own:

* ``as it comes``: ``mlx_lm.batch_generate`` in the type that the base is stored in
* ``our libraries``: the same with the engine's BLAS and type
* ``our engine``: what a gate decodes with
* ``torch``: ``generate`` of transformers, where torch is installed: in float32 on a CPU, on a GPU
  that both see in the type that the base is stored in

**Gate**, in each round one after the other, all without stored answers:

* ``gate``: all of ``harness gate`` with mlx-lm already imported: audits (stored certificates),
  preflight, decoding, judging in the sandbox, receipts, scorecard, page; its parts are shown below
* ``decoding alone``: the engine answers the same prompts on the same arms once more
* ``batch_generate``: mlx-lm writes the same number of tokens, with the libraries of the engine

CPU seconds count this process and its judges; on a busy machine they are the ones to trust."""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.content import workspace
from harness.engines import blas
from harness.engines.base import Ask, Decoding
from harness.engines.mlx import MlxEngine
from harness.evidence.receipts import Receipt
from harness.gate.conclude import conclude
from harness.gate.measure import measure, open_run
from harness.gate.prepare import Options, Wanted, as_asked, load_engine, look_up, prepare
from harness.subjects.arms import CANON

ROOT = Path(__file__).resolve().parent.parent
Seconds = tuple[float, float]  #: wall, CPU of this process and its ended children
WAYS = ("as it comes", "our libraries", "our engine", "torch")


def clock() -> Seconds:
    """Now, on both clocks."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return time.perf_counter(), sum(u.ru_utime + u.ru_stime for u in used)


def timed(function: Callable[[], Any]) -> tuple[Seconds, Any]:
    """Seconds that a call took, and what it returned."""
    before = clock()
    value = function()
    after = clock()
    return (after[0] - before[0], after[1] - before[1]), value


def way(name: str, base: Path, prompts: list[list[int]], most: int) -> dict[str, float]:
    """Seconds and tokens of one way to decode, the model loaded and a token written before."""
    if name == "our engine":
        engine = MlxEngine(base)
        list(engine.generate(prompts[:1], Decoding(1)))
        run = partial(list, engine.generate(prompts, Decoding(most)))
        seconds, answers = timed(run)
        return {"wall": seconds[0], "cpu": seconds[1], "tokens": sum(a.tokens for _, a in answers)}
    if name == "torch":
        seconds, tokens = torch(base, prompts, most)
        return {"wall": seconds[0], "cpu": seconds[1], "tokens": tokens}
    if name == "our libraries":
        blas.preload()
    from mlx_lm import batch_generate
    from mlx_lm.utils import load

    model, tokenizer = load(str(base))
    if name == "our libraries":
        as_engine(model)
    batch_generate(model, tokenizer, prompts[:1], max_tokens=1)
    call = partial(batch_generate, model, tokenizer, prompts, max_tokens=most)
    seconds, found = timed(partial(call, return_token_ids=True))
    return {"wall": seconds[0], "cpu": seconds[1], "tokens": sum(map(len, found.token_ids))}


def as_engine(model: Any) -> None:
    """The type and the threads that the engine computes with on a CPU."""
    import mlx.core as mx
    from mlx.utils import tree_flatten

    if not on_gpu():
        model.set_dtype(mx.float32)
    blas.spread(sum(array.size for _, array in tree_flatten(model.parameters())))


def on_gpu() -> bool:
    """Whether mlx computes on a GPU here."""
    import mlx.core as mx

    return bool(mx.default_device() != mx.cpu)


def torch(base: Path, prompts: list[list[int]], most: int) -> tuple[Seconds, int]:
    """Greedy ``generate`` of transformers, prompts padded on the left."""
    import torch
    from transformers import AutoModelForCausalLM

    here = "cuda" if on_gpu() and torch.cuda.is_available() else "cpu"
    kind = "auto" if here == "cuda" else torch.float32
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=kind)
    model.to(here)
    width, end = max(map(len, prompts)), model.config.eos_token_id
    end = end[0] if isinstance(end, list) else end
    ids = torch.tensor([[end] * (width - len(row)) + row for row in prompts], device=here)
    mask = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in prompts], device=here)
    call = partial(model.generate, ids, attention_mask=mask, pad_token_id=end)
    call(max_new_tokens=1)
    seconds, found = timed(partial(call, max_new_tokens=most, do_sample=False))
    return seconds, int((found[:, width:] != end).sum())


def decoding(wanted: Wanted, sample: int, most: int) -> None:
    """Print the tokens a second of every way, slowest first."""
    base = wanted.entry.base_path
    engine = load_engine(wanted.entry)
    assert isinstance(engine, MlxEngine)
    suites = as_asked(wanted, engine).suites.values()
    asked = [(each.form, case) for each in suites for case in each.cases]
    prompts = sorted((engine.encode(f.text(c.prompt), f.mode) for f, c in asked), key=len)[:sample]
    del engine
    print(f"{len(prompts)} prompts of at most {max(map(len, prompts))} tokens", flush=True)
    print(f"{'decoding':<24}{'tokens':>8}{'wall s':>9}{'CPU s':>9}{'tokens/s':>10}{'times':>8}")
    first = 0.0
    for name in WAYS:
        if name == "torch" and find_spec("torch") is None:
            print(f"{name:<24}not installed")
            continue
        ask = json.dumps([name, str(base), prompts, most])
        command = [sys.executable, __file__, "--way", "-"]
        told = subprocess.run(command, input=ask, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(told.stdout.splitlines()[-1])
        speed = found["tokens"] / found["wall"]
        first = first or speed
        print(
            f"{name:<24}{found['tokens']:8}{found['wall']:9.1f}{found['cpu']:9.1f}{speed:10.1f}"
            f"{speed / first:8.1f}",
            flush=True,
        )


@contextmanager
def no_answers() -> Iterator[None]:
    """A cache without answers, with the certificates that are stored."""
    certificates = workspace.cache_folder() / "certificates"
    certificates.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as empty:
        (Path(empty) / "certificates").symlink_to(certificates.resolve())
        key = workspace.cache_folder() / "seal.key"
        if key.exists():  # by which they are known
            (Path(empty) / "seal.key").symlink_to(key.resolve())
        before, os.environ["HARNESS_CACHE"] = os.environ.get("HARNESS_CACHE"), empty
        try:
            yield
        finally:
            if before is None:
                del os.environ["HARNESS_CACHE"]
            else:
                os.environ["HARNESS_CACHE"] = before


def gate(options: Options) -> tuple[dict[str, Seconds], Wanted, MlxEngine, list[Receipt]]:
    """Seconds of a gate and of its parts, answers not stored before."""
    parts: dict[str, Seconds] = {}
    wanted = look_up(options)
    kept: dict[str, Any] = {}

    def whole() -> list[Receipt]:
        with ExitStack() as stack:
            start = partial(stack.enter_context, prepare(wanted))
            parts["  prepare"], prepared = timed(start)
            kept["engine"], kept["suites"] = prepared.engine, prepared.wanted.suites
            run = stack.enter_context(open_run(prepared))
            for suite in wanted.suites:
                parts[f"  {suite}"], _ = timed(partial(measure, prepared, run, suite))
            parts["  conclude"], verdict = timed(partial(conclude, prepared, run))
            print(f"  {len(run.receipts)} receipts, {verdict.name}", flush=True)
            return list(run.receipts.values())

    with no_answers():
        seconds, receipts = timed(whole)
    asked = replace(wanted, suites=kept["suites"])  # and the adapter's own folder, not the copy
    return {"gate": seconds} | parts, asked, kept["engine"], receipts


def groups(wanted: Wanted, receipts: list[Receipt]) -> Iterator[tuple[list[Ask], list[int]]]:
    """The asks of each arm of each suite with the tokens that were written."""
    for id, suite in wanted.suites.items():
        rows = [row for row in receipts if row.suite == id]
        for arm in dict.fromkeys(row.arm for row in rows):
            told = (suite.spec.system, suite.spec.canon if arm == CANON else None)
            ask = partial(
                Ask,
                mode=suite.form.mode,
                system="\n\n".join(text for text in told if text) or None,
                decoding=Decoding(suite.form.max_tokens, tuple(suite.form.stop)),
                seed=0,
                weights="",
                mount=wanted.entry.mount if arm == "adapter" else None,
            )
            mine = [row for row in rows if row.arm == arm]
            asks = [ask(suite.form.text(row.prompt)) for row in mine]
            yield asks, [max(1, row.tokens) for row in mine]


def alone(wanted: Wanted, engine: MlxEngine, receipts: list[Receipt]) -> int:
    """The engine on what the gate asked; tokens written."""
    found = [engine.answer(asks) for asks, _ in groups(wanted, receipts)]
    return sum(answer.tokens for answers in found for _, answer in answers)


def batch_generate(wanted: Wanted, engine: MlxEngine, receipts: list[Receipt]) -> int:
    """``mlx_lm.batch_generate`` on what the gate asked, to the same lengths; tokens written."""
    import mlx_lm
    from mlx_lm.utils import load

    written = 0
    for mount in (None, wanted.entry.mount):
        model, tokenizer = load(str(wanted.entry.base_path), adapter_path=mount and str(mount))
        as_engine(model)
        for asks, most in groups(wanted, receipts):
            if asks[0].mount == mount:
                prompts = [engine.reads(ask) for ask in asks]
                call = partial(mlx_lm.batch_generate, model, tokenizer, prompts, max_tokens=most)
                written += sum(map(len, call(return_token_ids=True).token_ids or []))
    return written


def one_round(options: Options) -> dict[str, Seconds]:
    """Seconds of a gate and of decoding what it decoded; its run folder stays if one is named."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.run_dir or str(Path(scratch) / "run")
        given = Options(options.adapter, None, options.library, limit=options.limit, run_dir=folder)
        found, wanted, engine, receipts = gate(given)
    tokens = {"gate": sum(row.tokens for row in receipts if row.suite in wanted.suites)}
    for name, function in (("decoding alone", alone), ("batch_generate", batch_generate)):
        found[name], tokens[name] = timed(partial(function, wanted, engine, receipts))
    print(f"tokens {tokens}", flush=True)
    return found


def quick_start(commit: str) -> None:
    """Print the seconds of the pocket's gate at ``commit`` and here, each with an empty cache."""
    with tempfile.TemporaryDirectory() as scratch:
        there = Path(scratch) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "-q", "--detach", str(there), commit], check=True)
        try:
            for name, tree in ((commit, there), ("here", ROOT)):
                run, cache = Path(scratch) / f"{name}-run", Path(scratch) / f"{name}-cache"
                command = [sys.executable, "-m", "harness", "gate", "--adapter", "gamedev"]
                command += ["--library", str(tree), "--run-dir", str(run)]
                own = {"PYTHONPATH": str(tree), "HARNESS_CACHE": str(cache)}
                call = partial(subprocess.run, command, cwd=tree, env=os.environ | own)
                seconds, _ = timed(partial(call, stdout=subprocess.DEVNULL))
                print(f"{name:<24}{seconds[0]:9.1f} wall s{seconds[1]:9.1f} CPU s", flush=True)
        finally:
            subprocess.run([*git, "remove", "--force", str(there)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--adapter", default="gamedev")
    parser.add_argument("--library")
    parser.add_argument("--limit", type=int, help="a seeded sample of each suite")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--sample", type=int, default=16, help="prompts of the ways to decode")
    parser.add_argument("--tokens", type=int, default=48, help="of each answer to them")
    parser.add_argument("--keep", metavar="FOLDER", help="keep the run folder of the gate there")
    parser.add_argument("--before", metavar="COMMIT", help="compare the quick start with it alone")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way:
        name, base, prompts, most = json.load(sys.stdin)
        print(json.dumps(way(name, Path(base), prompts, most)))
        return
    if args.before:
        quick_start(args.before)
        return
    if args.keep and args.rounds > 1:
        parser.error("--keep keeps the run folder of one round; leave --rounds at 1")
    options = Options(args.adapter, library=args.library, limit=args.limit, run_dir=args.keep)
    decoding(look_up(options), args.sample, args.tokens)
    rounds = [one_round(options) for _ in range(args.rounds)]
    medians = {
        name: tuple(statistics.median(each[name][clock] for each in rounds) for clock in (0, 1))
        for name in rounds[0]
    }
    print(f"\n{'':<24}{'wall s':>9}{'CPU s':>9}{'wall/alone':>12}{'CPU/alone':>11}")
    wall, cpu = medians["decoding alone"]
    for name, (at, used) in medians.items():
        print(f"{name:<24}{at:9.1f}{used:9.1f}{at / wall:12.2f}{used / cpu:11.2f}")


if __name__ == "__main__":
    main()
