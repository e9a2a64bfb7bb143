"""Base and N adapters in one batch against one after the other, on the same rows; ratios are what
to read.

    python benchmarks/multi_adapter.py [--base DIR --adapters DIR ...] [--width 512 --layers 8]
    [--rows 8 --tokens 64]
    python benchmarks/multi_adapter.py --gates gamedev legacy [--limit 20]

Without ``--base`` a random Llama is made, with three random adapters. Both ways must write the same
answers, or the program ends with exit code 1. Where the batch is full either way, a CPU gains
nothing: the arithmetic is the same. What can be gained is reading the base's weights once instead
of N + 1 times, which is what decoding costs on a GPU, and fuller batches when each adapter has few
rows. The device is named in the table.

``--gates`` holds a command of several gates against a command for each, certificates stored and no
answers; seconds of the whole processes."""

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
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from harness.engines import mixed
from harness.engines.base import Decoding
from harness.engines.mlx import MlxEngine

ROOT = Path(__file__).resolve().parent.parent
TEXT = (
    "def parse(text: str) -> list[int]:\n    return [int(part) for part in text.split(',')]  # row "
)


def random_models(
    folder: Path, width: int, layers: int, dtype: str = "float32"
) -> tuple[Path, list[Path]]:
    """A random base of the given size and type, and three adapters on it."""
    sys.path.insert(0, str(ROOT / "tests"))
    import tiny_model

    size = {"hidden_size": width, "intermediate_size": 3 * width, "num_hidden_layers": layers}
    heads = {"num_attention_heads": width // 32, "num_key_value_heads": width // 64}
    with patch.dict(tiny_model.CONFIG, size | heads):
        base = tiny_model.make_base(folder / "base", context=1024, dtype=dtype)
    return base, [
        tiny_model.make_adapter(folder / f"adapter{n}", base, seed=n, rank=8, size=0.05)
        for n in range(3)
    ]


def timed(run: Callable[[], Any]) -> tuple[float, dict[int, Any]]:
    """Wall seconds of a call and the answers it gave."""
    before = time.perf_counter()
    answers = dict(run())
    return time.perf_counter() - before, answers


def gates(names: list[str], limit: int | None) -> None:
    """Print the seconds of gates of the pocket apart, in turn in one command, and in one batch."""
    ways = {"apart": [[name] for name in names], "in-turn": [names], "mixed": [names]}
    text = (ROOT / "library.yaml").read_text().replace("path: examples/", f"path: {ROOT}/examples/")
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "library.yaml").write_text(text)
        for name in names:  # certificates are stored
            _gate(Path(scratch), [name], "--limit", "1")
        print(f"{'gates':>10}{'wall s':>10}{'CPU s':>10}")
        for way, commands in ways.items():
            for left in [*Path(scratch).glob("answers*"), *Path(scratch).glob("looks/*")]:
                left.unlink()
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            for command in commands:
                part = ["--limit", str(limit)] if limit else []
                batch = "mixed" if way == "mixed" else "in-turn"
                _gate(Path(scratch), command, "--batch", batch, *part)
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
            print(f"{way:>10}{time.perf_counter() - began:10.1f}{cpu:10.1f}", flush=True)


def _gate(place: Path, names: list[str], *more: str) -> None:
    named = [word for name in names for word in ("--adapter", name)]
    command = [
        sys.executable,
        "-m",
        "harness",
        "gate",
        "-q",
        *named,
        "--library",
        str(place),
        *more,
    ]
    cache = {"HARNESS_CACHE": str(place)}
    found = subprocess.run(command, env=os.environ | cache, capture_output=True, text=True)
    if found.returncode > 3:
        raise SystemExit(f"{names}: exit code {found.returncode}: {found.stderr}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path)
    parser.add_argument("--adapters", type=Path, nargs="*", default=[])
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument(
        "--rows", type=int, nargs="*", default=[2, 8], help="rows for each of base and adapters"
    )
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gates", nargs="+", metavar="ADAPTER", help="gate these of the pocket")
    parser.add_argument("--limit", type=int, help="prompts of each suite of these gates")
    args = parser.parse_args()
    if args.gates:
        gates(args.gates, args.limit)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        base, adapters = (
            (args.base, args.adapters)
            if args.base
            else random_models(Path(scratch), args.width, args.layers)
        )
        engine, decoding = MlxEngine(base), Decoding(args.tokens)
        print(json.dumps(engine.identity))
        print(f"{'rows each':>10}{'in turn s':>12}{'one batch s':>13}{'ratio':>8}")
        for each in args.rows:
            prompts = [engine.encode(f"{TEXT}{n}\n", "completion") for n in range(each)]
            rows = [(owner, ids) for ids in prompts for owner in (None, *adapters)]
            seconds = []
            for _ in range(args.rounds):
                turn, reference = timed(
                    lambda rows=rows: mixed.one_after_the_other(engine, rows, decoding)
                )
                batch, together = timed(lambda rows=rows: mixed.generate(engine, rows, decoding))
                if together != reference:
                    wrong = [n for n in reference if together.get(n) != reference[n]]
                    print(
                        f"{len(wrong)} of {len(rows)} answers differ, first row {wrong[0]}",
                        file=sys.stderr,
                    )
                    return 1
                seconds.append((turn, batch))
            turn, batch = (statistics.median(pair[way] for pair in seconds) for way in (0, 1))
            print(f"{each:10}{turn:12.2f}{batch:13.2f}{turn / batch:8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
