"""Everything that only a GPU can show, in about five minutes: a line for each check.

    python benchmarks/gpu.py [--device auto|gpu|cpu] [--only NAME ...] [--width 2048 --layers 16]

On a Mac with Apple silicon mlx computes on Metal as it is installed; on Linux with an NVIDIA GPU it
does with `pip install -e '.[cuda]'` (docs/engine.md says what else). Where there is no GPU each
line says ``not run``, unless ``--device cpu`` tries the checks themselves on small models. A check
that fails makes the exit code 1; speed is shown, and fails nothing. Random weights, so what is
answered means nothing."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]

from harness.content.policy import Numerics  # noqa: E402  (after the path)
from harness.engines import mixed  # noqa: E402
from harness.engines.base import Decoding, Generation  # noqa: E402
from harness.engines.blas import preload  # noqa: E402
from harness.engines.decoding.numerics import BatchNotice  # noqa: E402
from harness.engines.mlx import MlxEngine  # noqa: E402

TEXT = "def parse(text: str) -> list[int]:\n    return [int(part) for part in text.split(',')]  # "
ADAPTERS = 3  # on the random base
POCKET = ("gamedev", "regressed")
EXIT = {"gamedev": 0, "regressed": 1}  # of their gates


@dataclass(frozen=True)
class Found:
    """What a check found, and whether it is as it should be."""

    text: str
    good: bool = True


class Bench:
    """A random base with adapters, made once; ``rows`` prompts, ``tokens`` to answer each."""

    def __init__(self, folder: Path, width: int, layers: int, rows: int, tokens: int) -> None:
        self.folder, self.width, self.layers = folder, width, layers
        self.rows, self.decoding = rows, Decoding(tokens)

    @cached_property
    def models(self) -> tuple[Path, list[Path]]:
        """The base, and its adapters."""
        from multi_adapter import random_models

        return random_models(self.folder, self.width, self.layers, "bfloat16")

    @cached_property
    def engine(self) -> MlxEngine:
        """The engine as a gate opens it."""
        return MlxEngine(self.models[0])

    @cached_property
    def prompts(self) -> list[list[int]]:
        """Token ids of prompts of unlike lengths."""
        texts = [f"{TEXT * (1 + n % 3)}row {n}\n" for n in range(self.rows)]
        return [self.engine.encode(text, "completion") for text in texts]

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt and its answer."""
        return max(map(len, self.prompts)) + self.decoding.max_tokens

    def company(self, numerics: Numerics) -> tuple[int, str]:
        """How many answers differ between a full batch and alone, and the sentence that says so."""
        self.engine.settle(numerics, self.longest)
        asked = self.prompts[: min(16, self.rows)]
        full = self.answers(self.prompts)[: len(asked)]
        differ = sum(self.answers([ids])[0] != one for ids, one in zip(asked, full, strict=True))
        text = f"{differ} of {len(asked)} answers differ between a batch of {self.rows} and alone"
        return differ, f"{text} ({self.engine.batches.way})"

    def answers(self, prompts: list[list[int]]) -> list[Generation]:
        """The answers to prompts, in their order."""
        given = dict(self.engine.generate(prompts, self.decoding))
        return [given[n] for n in range(len(prompts))]


def batch(bench: Bench) -> Iterator[Found]:
    """The batch that is chosen for this base, and tokens a second by the number of prompts."""
    bench.engine.settle("fast", bench.longest)
    chosen = bench.engine.batches.rows
    yield Found(f"chosen: {chosen} rows of {bench.longest} tokens, way {bench.engine.batches.way}")
    for rows in sorted({1, 16, bench.rows // 2, bench.rows}):
        asked = bench.prompts[:rows]
        bench.answers(asked)  # kernels are compiled by shape
        began = time.perf_counter()
        tokens = sum(one.tokens for one in bench.answers(asked))
        yield Found(f"{rows} prompts: {tokens / (time.perf_counter() - began):,.0f} tokens/s")


def fast(bench: Bench) -> Iterator[Found]:
    """How many greedy answers differ between a full batch and alone."""
    yield Found(bench.company("fast")[1])
    again = [bench.answers(bench.prompts) for _ in range(2)]
    same = again[0] == again[1]
    yield Found(f"the same batch twice gives the same answers: {same}", same)


def exact(bench: Bench) -> Iterator[Found]:
    """That none does under ``numerics: exact``, and what that costs."""
    seconds = []
    for numerics in ("fast", "exact"):
        bench.engine.settle(numerics, bench.longest)
        bench.answers(bench.prompts)
        began = time.perf_counter()
        bench.answers(bench.prompts)
        seconds.append(time.perf_counter() - began)
    differ, text = bench.company("exact")
    yield Found(f"{text}; {seconds[1] / seconds[0]:.1f} times the time of fast", differ == 0)
    bench.engine.settle("fast", bench.longest)


def memory(bench: Bench) -> Iterator[Found]:
    """That a batch which the device's memory does not hold is halved, and every answer given."""
    import mlx.core as mx

    if mx.default_device() == mx.cpu or mx.metal.is_available():
        yield Found("not run: memory that is shared with the machine is not filled up")
        return
    bench.engine.settle("fast", bench.longest)
    expected, ballast = bench.answers(bench.prompts), []
    try:
        while len(ballast) < 1000:
            ballast.append(mx.zeros((1 << 26,), mx.float32))  # 256 MiB
            mx.eval(ballast[-1])
    except RuntimeError:
        del ballast[-4:]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        given = bench.answers(bench.prompts)
    halved = sum(one.category is BatchNotice for one in said)
    filled = len(ballast) < 1000
    del ballast
    mx.clear_cache()
    differ = sum(one != other for one, other in zip(given, expected, strict=True))
    rows = bench.engine.batches.rows
    text = f"{rows} rows were halved {halved} times: all answered, {differ} otherwise"
    yield Found(text if filled else f"{text}; the device gave more memory than it has", halved > 0)


def mount(bench: Bench) -> Iterator[Found]:
    """Logits of an adapter mounted after others against a fresh load's, bit by bit."""
    import mlx.core as mx

    base, adapters = bench.models
    probe, engine, fresh = bench.prompts[0], bench.engine, MlxEngine(base)
    [bare] = engine.log_probabilities([probe])
    fresh.mount(adapters[0])
    [expected] = fresh.log_probabilities([probe])
    for adapter in [*adapters[::-1], None, adapters[0]]:
        began = time.perf_counter()
        engine.mount(adapter)
    seconds = time.perf_counter() - began
    [mounted] = engine.log_probabilities([probe])
    engine.mount(None)
    [left] = engine.log_probabilities([probe])
    same = bool(mx.array_equal(mounted, expected)) and bool(mx.array_equal(left, bare))
    yield Found(f"after swaps as freshly loaded, to the bit: {same}; a mount {seconds:.3f} s", same)
    changed = not mx.array_equal(mounted, bare)
    yield Found(f"an adapter changes something: {changed}", changed)


def together(bench: Bench) -> Iterator[Found]:
    """Base and adapters in one batch against one after the other."""
    owners = [None, *bench.models[1]]
    each = max(1, bench.rows // len(owners))
    rows = [(owner, ids) for ids in bench.prompts[:each] for owner in owners]
    seconds, found = [], []
    for way in (mixed.one_after_the_other, mixed.generate):
        dict(way(bench.engine, rows, bench.decoding))
        began = time.perf_counter()
        found.append(dict(way(bench.engine, rows, bench.decoding)))
        seconds.append(time.perf_counter() - began)
    differ = sum(found[0][n] != found[1][n] for n in range(len(rows)))
    turn, batch = seconds
    yield Found(
        f"{len(owners)} x {each} rows: in turn {turn:.2f} s, mixed {batch:.2f} s"
        f" ({turn / batch:.2f} times as fast), {differ} answers differ"
    )


def gates(bench: Bench) -> Iterator[Found]:
    """The pocket's gates, two adapters in one command."""
    from harness.gate.prepare import Options
    from harness.gate.together import run_gates

    text = (ROOT / "library.yaml").read_text().replace("path: examples/", f"path: {ROOT}/examples/")
    place = bench.folder / "pocket"
    place.mkdir()
    (place / "library.yaml").write_text(text)
    began = time.perf_counter()
    asked = [Options(name, library=str(place), run_dir=str(place / "runs")) for name in POCKET]
    for ended in run_gates(asked, mix=True):
        passed = time.perf_counter() - began
        code = ended.verdict.name.exit_code if ended.verdict else 4
        text = f"{ended.adapter}: {ended.word} after {passed:.0f} s {ended.error}"
        yield Found(text, code == EXIT[ended.adapter])


CHECKS: dict[str, Callable[[Bench], Iterator[Found]]] = {
    check.__name__: check for check in (batch, fast, exact, mount, together, memory, gates)
}


def checked(bench: Bench, name: str) -> list[Found]:
    """What one check finds; a notice is a finding, and what is raised a failure."""
    with warnings.catch_warnings(record=True) as notices:
        warnings.simplefilter("always")
        try:
            found = list(CHECKS[name](bench))
        except Exception as error:
            found = [Found(f"{type(error).__name__}: {error}", good=False)]
    fell = [Found(str(one.message), good=False) for one in notices if _fallback(one)]
    return [replace(one, text=f"{name:<10}{one.text}") for one in found + fell]


def _fallback(notice: warnings.WarningMessage) -> bool:
    return issubclass(notice.category, mixed.MixedNotice)


def gpu() -> str:
    """Why mlx does not compute on a GPU here; empty where it does."""
    preload()
    import mlx.core as mx

    if mx.default_device().type == mx.gpu:
        return ""
    wheels = [d.name for d in importlib.metadata.distributions() if d.name.startswith("mlx-cuda")]
    if not wheels:
        return "mlx computes on the CPU here"
    return (
        f"mlx computes on the CPU, though {wheels[0]} is installed: either no GPU is seen, or the"
        " library of mlx-cpu stands in the place of its own; then pip install --force-reinstall"
        f" --no-deps {wheels[0]}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=["auto", "gpu", "cpu"], default="auto")
    parser.add_argument("--only", choices=list(CHECKS), nargs="*", default=list(CHECKS))
    parser.add_argument("--width", type=int, help="of the random Llama (2048; on a CPU 128)")
    parser.add_argument("--layers", type=int, help="(16; on a CPU 4)")
    parser.add_argument("--rows", type=int, help="prompts at once (128; on a CPU 24)")
    parser.add_argument("--tokens", type=int, help="tokens of an answer (128; on a CPU 16)")
    args = parser.parse_args()
    why = gpu()
    small = args.device == "cpu"
    if why and not small:
        for name in args.only:
            print(f"{name:<10}not run: {why}")
        return int(args.device == "gpu")
    import mlx.core as mx

    if small:
        mx.set_default_device(mx.cpu)
    print(
        json.dumps(
            {"device": mx.device_info() if not why else "CPU", "mlx": mx.__version__}, default=str
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HARNESS_CACHE"] = folder  # nothing is kept of another run
        sizes = zip(
            (args.width, args.layers, args.rows, args.tokens),
            (128, 4, 24, 16) if small else (2048, 16, 128, 128),
            strict=True,
        )
        bench, bad = Bench(Path(folder), *(given or usual for given, usual in sizes)), 0
        for name in args.only:
            for one in checked(bench, name):
                bad += not one.good
                print(f"{'  ' if one.good else '! '}{one.text}", flush=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
