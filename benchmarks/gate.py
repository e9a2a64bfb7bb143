"""Seconds of a whole gate over seconds of mlx-lm's own batched decoding of the same prompts; ratios
are what to read.

    python benchmarks/gate.py [--adapter gamedev] [--library FILE] [--limit N] [--rounds 1]

In each round, one after the other and each without stored answers:

* ``mlx-lm``: ``mlx_lm.batch_generate`` on every prompt of every owed suite on every arm, to the
  suite's ``max_tokens``. It has no stop strings, so it writes on where the gate stops.
* ``same tokens``: the same, each answer cut at the number of tokens that the gate wrote: decoding
  and nothing else.
* ``gate``: all of ``harness gate`` with the model already imported: audits (stored certificates),
  preflight, decoding, judging in the sandbox, receipts, scorecard, page. Its parts are shown below
  it.

CPU seconds count this process and its judges; on a busy machine they are the ones to trust.
``mlx_lm.evaluate`` needs lm-eval, and its HumanEval fetches data and metric from the network; it is
measured where the two run, by hand."""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from harness.content import workspace
from harness.engines.mlx import MlxEngine
from harness.evidence.receipts import Receipt
from harness.gate.conclude import conclude
from harness.gate.measure import measure, open_run
from harness.gate.prepare import Options, Wanted, look_up, prepare
from harness.subjects.arms import CANON

Seconds = tuple[float, float]  #: wall, CPU of this process and its ended children


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


def gate(options: Options) -> tuple[dict[str, Seconds], Wanted, list[Receipt]]:
    """Seconds of a gate and of its parts, answers not stored before."""
    certificates = workspace.cache_folder() / "certificates"
    certificates.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as empty:
        (Path(empty) / "certificates").symlink_to(certificates.resolve())
        before, os.environ["HARNESS_CACHE"] = os.environ.get("HARNESS_CACHE"), empty
        try:
            return _gate(options)
        finally:
            if before is None:
                del os.environ["HARNESS_CACHE"]
            else:
                os.environ["HARNESS_CACHE"] = before


def _gate(options: Options) -> tuple[dict[str, Seconds], Wanted, list[Receipt]]:
    parts: dict[str, Seconds] = {}
    wanted = look_up(options)

    def whole() -> list[Receipt]:
        with ExitStack() as stack:
            start = partial(stack.enter_context, prepare(wanted))
            parts["  prepare"], prepared = timed(start)
            run = stack.enter_context(open_run(prepared))
            for suite in wanted.suites:
                parts[f"  {suite}"], _ = timed(partial(measure, prepared, run, suite))
            parts["  conclude"], verdict = timed(partial(conclude, prepared, run))
            print(f"  {len(run.receipts)} receipts, {verdict.name}", flush=True)
            return list(run.receipts.values())

    seconds, receipts = timed(whole)
    return {"gate": seconds} | parts, wanted, receipts


def decode(wanted: Wanted, receipts: list[Receipt], same_tokens: bool) -> int:
    """``mlx_lm.batch_generate`` on what the gate asked; tokens written."""
    from mlx_lm import batch_generate
    from mlx_lm.utils import load

    written, base = 0, wanted.entry.base_path
    engine = MlxEngine(base)  # for its way to make token ids of a prompt
    for arm in sorted({r.arm for r in receipts if r.suite in wanted.suites}):
        adapter = str(wanted.entry.path) if arm == "adapter" else None
        model, tokenizer = load(str(base), adapter_path=adapter)
        for id, suite in wanted.suites.items():
            mine = [r for r in receipts if r.suite == id and r.arm == arm]
            if not mine:
                continue
            told = [suite.spec.system, suite.spec.canon if arm == CANON else None]
            system = "\n\n".join(text for text in told if text) or None
            prompts = [engine.encode(r.prompt, suite.spec.mode, system) for r in mine]
            most = [max(1, r.tokens) if same_tokens else suite.spec.max_tokens for r in mine]
            found = batch_generate(
                model, tokenizer, prompts, max_tokens=most, return_token_ids=True
            )
            written += sum(len(ids) for ids in found.token_ids or [])
    return written


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--adapter", default="gamedev")
    parser.add_argument("--library")
    parser.add_argument("--limit", type=int, help="a seeded sample of each suite")
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    import mlx_lm  # noqa: F401  (both sides have it imported)

    rounds: list[dict[str, Seconds]] = []
    for number in range(args.rounds):
        with tempfile.TemporaryDirectory() as scratch:
            folder = str(Path(scratch) / "run")
            options = Options(args.adapter, library=args.library, limit=args.limit, run_dir=folder)
            found, wanted, receipts = gate(options)
            tokens = {"gate": sum(r.tokens for r in receipts)}
            for name, same in (("mlx-lm", False), ("same tokens", True)):
                found[name], tokens[name] = timed(partial(decode, wanted, receipts, same))
        rounds.append(found)
        print(f"round {number + 1}: tokens {tokens}", flush=True)
    medians = {
        name: tuple(statistics.median(each[name][clock] for each in rounds) for clock in (0, 1))
        for name in rounds[0]
    }
    print(f"\n{'':<24}{'wall s':>9}{'CPU s':>9}{'wall/same tokens':>18}{'CPU/same tokens':>17}")
    wall, cpu = medians["same tokens"]
    for name, (at, used) in medians.items():
        print(f"{name:<24}{at:9.1f}{used:9.1f}{at / wall:18.2f}{used / cpu:17.2f}")


if __name__ == "__main__":
    main()
