"""What holds on which architecture of mlx-lm, on tiny models with random weights: the table of
docs/engine.md.

    python benchmarks/architectures.py [NAME ...] [--write]
    python benchmarks/architectures.py --rounding BASE

Each row is one architecture (`tests/data/architectures.toml`), with a random LoRA adapter on all
its layers and one on its last:

* batch = alone: prompts of several lengths at once, against mlx-lm's own loop on each, and the way
  in which the engine answers them where that is not together;
* mount = fresh: logits after other adapters were mounted, against a fresh load, bit by bit;
* mixed = in turn: base and both adapters in one batch, against one after the other ("in turn" where
  the engine says that it cannot mix them);
* sound: the preflight finds nothing against the adapters;
* broken: it refuses one with half of its tensors, one of NaN, and one at a scale of 1e7.

The program ends with exit code 1 where a cell is "no". ``--rounding`` prints what rounding moves on
a base in each type, and what lies between two types."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.engines import mixed
from harness.engines.base import Decoding
from harness.engines.mlx import MlxEngine
from harness.subjects import effect
from harness.subjects.tensors import examine

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "engine.md"
PROMPTS = [
    "def add(a, b):\n    return", "x", "Write a function that adds two numbers and returns",
    "class Shape:", "func _ready() -> void:\n\temit", "The quick brown fox jumps over", "return a",
]  # fmt: skip
TOKENS = 16
YES, TURN = "yes", "in turn"


@dataclass(frozen=True)
class Row:
    """What holds of one architecture: ``yes``, in which way, ``in turn``, or what does not."""

    architecture: str
    batch: str
    mount: str
    mixed: str
    sound: str
    broken: str


def row(folder: Path, name: str) -> Row:
    """Try what the table says on one architecture."""
    return Row(name, *(tried(cell) for cell in cells(folder, name).values()))


def cells(folder: Path, name: str) -> dict[str, Callable[[], str]]:
    """Make the models of an architecture in ``folder``; what is tried of them, by its cell."""
    import tiny_model

    base = tiny_model.make_base(folder / "base", config=tiny_model.architectures()[name])
    engine, sound = MlxEngine(base), []
    for number, layers in ((1, -1), (2, 1)):
        made = folder / f"adapter{number}"
        sound.append(tiny_model.make_adapter(made, base, seed=number, num_layers=layers, size=0.1))
    return {
        "batch": lambda: _batch(base, engine),
        "mount": lambda: _mount(base, engine, sound),
        "mixed": lambda: _mixed(engine, sound),
        "sound": lambda: _sound(engine, sound),
        "broken": lambda: _broken(engine, sound[0], folder),
    }


def tried(cell: Callable[[], str]) -> str:
    """What a cell says, also where the model raises."""
    try:
        return cell()
    except Exception as error:  # whatever a model does is what the cell says
        return f"no: {type(error.__cause__ or error).__name__}"


def _batch(base: Path, engine: MlxEngine) -> str:
    import mlx.core as mx
    from mlx_lm.generate import generate_step
    from mlx_lm.utils import load_model

    model, _ = load_model(base)
    model.eval()
    prompts = [engine.encode(text, "completion") for text in PROMPTS]
    engine.mount(None)
    answers = dict(engine.generate(prompts, Decoding(TOKENS)))
    off = 0
    for number, ids in enumerate(prompts):
        alone: list[int] = []
        for token, _ in generate_step(mx.array(ids), model, max_tokens=TOKENS):
            if int(token) in engine.tokenizer.eos_token_ids:
                break
            alone.append(int(token))
        text = engine.tokenizer.decode(alone, clean_up_tokenization_spaces=False)
        off += (answers[number].text, answers[number].tokens) != (text, len(alone))
    way = engine.identity["way"]
    told = YES if way == "together" else f"{YES} ({way})"
    return f"no: {off} of {len(prompts)} differ" if off else told


def _mount(base: Path, engine: MlxEngine, adapters: list[Path]) -> str:
    import mlx.core as mx
    from mlx_lm.utils import load

    ids = engine.encode(PROMPTS[0], "completion")
    engine.mount(None)
    bare = engine.logits([ids])
    for adapter in (adapters[1], adapters[0]):
        engine.mount(adapter)
        model, _ = load(str(base), adapter_path=str(adapter))
        if not mx.array_equal(engine.logits([ids]), model(mx.array([ids]))):
            return "no: logits differ"
    engine.mount(None)
    return YES if mx.array_equal(engine.logits([ids]), bare) else "no: the base is not as before"


def _mixed(engine: MlxEngine, adapters: list[Path]) -> str:
    owners = [None, *adapters]
    rows = [
        (owners[n % 3], engine.encode(PROMPTS[n % len(PROMPTS)], "completion")) for n in range(9)
    ]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", mixed.MixedNotice)
        together = dict(mixed.generate(engine, rows, Decoding(TOKENS)))
    reference = dict(mixed.one_after_the_other(engine, rows, Decoding(TOKENS)))
    if together != reference:
        return f"no: {sum(together[n] != reference[n] for n in reference)} of {len(rows)} differ"
    noticed = any(issubclass(one.category, mixed.MixedNotice) for one in said)
    return TURN if noticed or not engine.batches.shared else YES


def _faults(engine: MlxEngine, adapter: Path) -> list[str]:
    config = json.loads((adapter / "adapter_config.json").read_text())
    seen = examine(adapter, config, engine)
    found = list(seen.faults)
    if seen.usable:
        probe = [engine.encode(text, "completion") for text in PROMPTS[:4]]
        found += effect.probe(engine, adapter, probe, 0.0)[1]
    return [fault.code for fault in found if fault.severity == "void"]


def _sound(engine: MlxEngine, adapters: list[Path]) -> str:
    found = [code for adapter in adapters for code in _faults(engine, adapter)]
    return f"no: {', '.join(found)}" if found else YES


def _broken(engine: MlxEngine, adapter: Path, folder: Path) -> str:
    import tiny_model

    def spoilt(name: str, code: str, change: Callable[[Path], None]) -> bool:
        copy = shutil.copytree(adapter, folder / name)
        change(copy)
        return code in _faults(engine, copy)

    def half(tensors: dict[str, Any]) -> dict[str, Any]:
        return dict(sorted(tensors.items())[: len(tensors) // 2])

    def nan(tensors: dict[str, Any]) -> dict[str, Any]:
        return {name: value * float("nan") for name, value in tensors.items()}

    loud = {"lora_parameters": {"scale": 1e7}}
    named = {
        "half": spoilt("half", "tensors-missing", lambda at: tiny_model.edit_tensors(at, half)),
        "NaN": spoilt("nan", "not-finite", lambda at: tiny_model.edit_tensors(at, nan)),
        "scale": spoilt("loud", "update-size", lambda at: tiny_model.edit_config(at, **loud)),
    }
    passed = [name for name, refused in named.items() if not refused]
    return f"no: {', '.join(passed)}" if passed else YES


def table(rows: list[Row]) -> str:
    """The rows as a page shows them."""
    versions = f"mlx {version('mlx')}, mlx-lm {version('mlx-lm')}"
    names = ("architecture", "batch = alone", "mount = fresh", "mixed = in turn", "sound passes",
             "broken refused")  # fmt: skip
    lines = [
        f"{len(rows)} architectures, float32 on a CPU, {versions}:", "",
        f"| {' | '.join(names)} |", "|---" * len(names) + "|",
        *(f"| {' | '.join(astuple(each))} |" for each in rows),
    ]  # fmt: skip
    return "\n".join(lines)


def rounding(base: Path) -> None:
    """Print what rounding moves on ``base`` in float32 and as stored, and what lies between."""
    seen = {}
    for dtype in ("auto", "as-stored"):
        engine = MlxEngine(base, dtype=dtype)
        probe = [engine.encode(text, "completion") for text in PROMPTS]
        seen[dtype] = engine.log_probabilities(probe)
        engine.shake()
        moved = effect.moved(seen[dtype], engine.log_probabilities(probe))
        print(f"{'+'.join(engine.identity['dtypes']):10} rounding moves {moved}")
    print(f"between both: {effect.moved(*seen.values())}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="architectures; all by default")
    parser.add_argument("--write", action="store_true", help="put the table into docs/engine.md")
    parser.add_argument("--rounding", type=Path, metavar="BASE")
    args = parser.parse_args()
    if args.rounding:
        rounding(args.rounding)
        return 0
    sys.path.insert(0, str(ROOT / "tests"))
    import tiny_model

    rows = []
    for name in args.names or tiny_model.architectures():
        with tempfile.TemporaryDirectory() as scratch:
            rows.append(row(Path(scratch), name))
        print(f"{name:18}", *(f"{cell:12}" for cell in astuple(rows[-1])[1:]), flush=True)
    if args.write:
        made = f"<!-- made: architectures -->\n{table(rows)}\n<!-- /made -->"
        text = PAGE.read_text(encoding="utf-8")
        marks = r"<!-- made: architectures -->.*?<!-- /made -->"
        PAGE.write_text(re.sub(marks, lambda _: made, text, flags=re.DOTALL), encoding="utf-8")
    cells = [getattr(each, one.name) for each in rows for one in fields(Row)[1:]]
    return int(any(cell.startswith("no") for cell in cells))


if __name__ == "__main__":
    sys.exit(main())
