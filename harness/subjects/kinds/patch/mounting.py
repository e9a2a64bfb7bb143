"""What an arm answers with: a patch, or one of noise that is as large."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from harness.subjects.base import Bench
from harness.subjects.entering.folders import CONFIG, MLX

if TYPE_CHECKING:
    from harness.engines.base import WhiteBox

SEED, NOISE = 0, "random"
_ROLES = {"second/both": "both"}  #: arms that answer with what another one is called after
_BARE = ("base", "in-context", "rag")


@contextmanager
def mounted(bench: Bench, arm: str) -> Iterator[WhiteBox]:
    """The engine with what the arm answers with; bare afterwards."""
    engine = bench.engine()
    with TemporaryDirectory(prefix="harness-") as scratch:
        if arm == NOISE:
            engine.mount(noise(bench.folders["adapter"], Path(scratch)))
        elif arm not in _BARE:
            engine.mount(bench.folders[_ROLES.get(arm, arm)])
        try:
            yield engine
        finally:
            engine.mount(None)


def noise(patch: Path, out: Path) -> Path:
    """A LoRA of seeded noise, each of whose updates is as large as the patch's: the Frobenius norm
    of A B is that of the patch. Factors of experts, and what is no factor, are as large one by
    one."""
    import mlx.core as mx

    loaded: Any = mx.load(str(patch / MLX))
    tensors = {name: loaded[name].astype(mx.float32) for name in sorted(loaded)}
    keys, found = mx.random.split(mx.random.key(SEED), len(tensors)), dict[str, Any]()
    for key, (name, array) in zip(keys, tensors.items(), strict=True):
        drawn, a = mx.random.normal(array.shape, key=key), name.replace("lora_b", "lora_a")
        if a in found and a != name and array.ndim == 2:  # sorted: A is there before its B
            found[name] = drawn * (_norm(tensors[a], array) / _norm(found[a], drawn))
        else:
            found[name] = drawn * (mx.linalg.norm(array) / mx.linalg.norm(drawn))
    mx.save_safetensors(str(out / MLX), found)
    shutil.copy(patch / CONFIG, out / CONFIG)
    return out


def _norm(a: Any, b: Any) -> Any:
    """Of A B, by the small matrices of both."""
    import mlx.core as mx

    return mx.sqrt(((a.T @ a) * (b @ b.T)).sum())
