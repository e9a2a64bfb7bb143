"""Several adapters and the base in one batch: every row carries its adapter, so the base's weights
are read once for all.

The LoRA factors of all adapters are stacked, and each layer gathers those of its rows; the base's
row is zero. mlx-lm does not tell a model which row is whose, so two methods of its batches are
wrapped while rows are mixed. They are private: where they are not as expected, an adapter is not
plain LoRA on matrices, or a short prompt shows that rows of this model do not stay apart, the rows
are answered one adapter after the other (:meth:`MlxEngine.mount`), which is the reference, and a
:class:`MixedNotice` says so. That is found out before the first answer."""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.engines.base import Answering, Ask, Decoding, Generation, read_config
from harness.engines.decoding.ends import NotFinite
from harness.engines.mlx import MlxEngine
from harness.errors import EngineError

BATCHES = (
    ("PromptProcessingBatch", "prompt"),
    ("GenerationBatch", "_step"),
)  # what runs the model on rows of uids

TRIED = 8  # tokens of the prompt that is tried
SPREAD = 0.1  # of what lies between owners, that a row of the batch may be away from its own

Row = tuple[
    Path | None, list[int]
]  #: the adapter of a row (``None`` for the base), and its token ids


class MixedNotice(UserWarning):
    """Rows could not be mixed and are answered one adapter after the other."""


@dataclass
class Rows:
    """Which adapter each row of the batch in flight has: its number in the stack, by row."""

    of: dict[int, int]
    index: Any = None

    def set(self, uids: Sequence[int]) -> None:
        """Say which rows come next."""
        import mlx.core as mx

        self.index = mx.array([self.of[uid] for uid in uids])


def answer(engine: Answering, asks: Sequence[Ask]) -> Iterator[tuple[int, Generation]]:
    """What the engine itself answers to ``asks``, of several adapters in one batch where it can."""
    if type(engine) is not MlxEngine:  # one of another kind answers elsewhere
        yield from engine.answer(asks)
        return
    together: dict[Decoding, list[int]] = defaultdict(list)
    for number, ask in enumerate(asks):
        together[ask.decoding].append(number)
    for decoding, numbers in together.items():
        rows: list[Row] = [(asks[number].mount, engine.reads(asks[number])) for number in numbers]
        seeds = [asks[number].seed for number in numbers]
        for at, given in generate(engine, rows, decoding, seeds):
            yield numbers[at], given


def generate(
    engine: MlxEngine, rows: Sequence[Row], decoding: Decoding, seeds: Sequence[int] = ()
) -> Iterator[tuple[int, Generation]]:
    """Answers to ``rows`` as they finish, in one batch where that can be done, drawn by ``seeds``
    where the temperature is above zero; leaves the bare base mounted."""
    if not rows:
        return
    engine.settle()
    if not engine.batches.shared:
        yield from one_after_the_other(engine, rows, decoding, seeds)
        return
    adapters = list(dict.fromkeys(adapter for adapter, _ in rows if adapter is not None))
    held = Rows({})
    try:
        layers = {name: _mixed(*stack, held) for name, stack in _stack(engine, adapters).items()}
        batches = _batches()
        _tried(engine, adapters, layers, held, rows[0][1])
    except EngineError as error:
        warnings.warn(f"{error}; one adapter after the other", MixedNotice, stacklevel=2)
        yield from one_after_the_other(engine, rows, decoding, seeds)
        return
    numbers = {adapter: n for n, adapter in enumerate([None, *adapters])}
    engine.mount(None)
    try:
        engine.replace(layers)
        with _told(batches, held):
            yield from engine.generate(
                [ids for _, ids in rows],
                decoding,
                seeds,
                queued=lambda of: held.of.update(
                    {uid: numbers[rows[n][0]] for uid, n in of.items()}
                ),
            )
    except NotFinite as error:
        owner = rows[error.prompt][0]
        raise NotFinite(error.prompt, error.tokens, error.text, owner) from None
    finally:
        engine.mount(None)


def one_after_the_other(
    engine: MlxEngine, rows: Sequence[Row], decoding: Decoding, seeds: Sequence[int] = ()
) -> Iterator[tuple[int, Generation]]:
    """The reference: each adapter mounted in turn; leaves the bare base mounted."""
    groups: dict[Path | None, list[int]] = defaultdict(list)
    for number, (adapter, _) in enumerate(rows):
        groups[adapter].append(number)
    try:
        for adapter, mine in groups.items():
            engine.mount(adapter)
            drawn = [seeds[n] for n in mine] if seeds else ()
            for at, answer in engine.generate([rows[n][1] for n in mine], decoding, drawn):
                yield mine[at], answer
    except NotFinite as error:
        raise NotFinite(mine[error.prompt], error.tokens, error.text, adapter) from None
    finally:
        engine.mount(None)


def _stack(engine: MlxEngine, adapters: Sequence[Path]) -> dict[str, tuple[Any, Any, Any, Any]]:
    """By layer: the base's own module, A (adapters + 1, in, rank), B (adapters + 1, rank, out) and
    scale (adapters + 1)."""
    import mlx.core as mx
    import mlx.nn as nn

    factors: dict[str, dict[int, tuple[Any, Any, float]]] = defaultdict(dict)
    for number, adapter in enumerate(adapters, start=1):
        config = read_config(adapter / "adapter_config.json")
        if config.get("fine_tune_type", "lora") != "lora":
            raise EngineError(f"{adapter} is {config['fine_tune_type']}, not LoRA")
        engine.mount(adapter)  # refuses what does not fit
        loaded: Any = mx.load(str(adapter / "adapters.safetensors"))
        for name in {key.rpartition(".")[0] for key in loaded}:
            a, b = loaded.get(f"{name}.lora_a"), loaded.get(f"{name}.lora_b")
            if (
                a is None
                or b is None
                or not isinstance(engine.module(name), nn.Linear | nn.QuantizedLinear)
            ):
                raise EngineError(f"{adapter}: {name} is not a low-rank change of a linear layer")
            a, b = engine.widened(a), engine.widened(b)
            factors[name][number] = (a, b, float(config["lora_parameters"]["scale"]))
    stacks = {}
    for name, held in factors.items():
        (a, b, _), rank = next(iter(held.values())), max(a.shape[1] for a, _, _ in held.values())
        none = (mx.zeros((a.shape[0], rank), a.dtype), mx.zeros((rank, b.shape[1]), b.dtype), 0.0)
        rows = [_padded(held[n], rank) if n in held else none for n in range(len(adapters) + 1)]
        stacks[name] = (
            engine.module(name),
            mx.stack([a for a, _, _ in rows]),
            mx.stack([b for _, b, _ in rows]),
            mx.array([scale for _, _, scale in rows]),
        )
    return stacks


def _tried(
    engine: MlxEngine, adapters: Sequence[Path], layers: dict[str, Any], held: Rows, ids: list[int]
) -> None:
    """Read a short prompt once in rows of base and adapters and once with each mounted; raise
    :class:`EngineError` where a row is not what its owner says alone: some models call a layer on
    rows that they have joined, sorted or cut."""
    import mlx.core as mx

    alone = []
    for owner in (None, *adapters):
        engine.mount(owner)
        alone.append(engine.logits([ids[:TRIED]])[0].astype(mx.float32))
    engine.mount(None)
    engine.replace(layers)
    held.index = mx.arange(len(alone))
    together = engine.logits([ids[:TRIED]] * len(alone)).astype(mx.float32)

    def away(one: Any, other: Any) -> float:
        return float(mx.linalg.norm((one - other).flatten()))

    for owner, own, row in zip((None, *adapters), alone, together, strict=True):
        spread = max(away(own, other) for other in alone)
        if not away(own, row) <= SPREAD * spread:  # nor where one of them is no number
            raise EngineError(f"{owner or 'the base'} answers otherwise in a batch with others")


def _padded(factors: tuple[Any, Any, float], rank: int) -> tuple[Any, Any, float]:
    import mlx.core as mx

    a, b, scale = factors
    more = rank - a.shape[1]
    return mx.pad(a, [(0, 0), (0, more)]), mx.pad(b, [(0, more), (0, 0)]), scale


def _mixed(layer: Any, a: Any, b: Any, scale: Any, rows: Rows) -> Any:
    """The layer that adds to each row the change of the row's own adapter, in the order of mlx-lm's
    ``LoRALinear``."""
    import mlx.nn as nn

    class MixedLinear(nn.Module):  # type: ignore[misc]  # mlx has no types to check
        def __call__(self, x: Any) -> Any:
            z = (x @ a[rows.index]) @ b[rows.index]
            return layer(x) + (scale[rows.index][:, None, None] * z).astype(x.dtype)

    return MixedLinear()


def _batches() -> list[tuple[Any, str]]:
    """The methods of mlx-lm that run the model on rows; :class:`EngineError` where they are not as
    expected."""
    module: Any = importlib.import_module(
        "mlx_lm.generate"
    )  # `import mlx_lm.generate` gives the function of that name
    found = []
    for name, method in BATCHES:
        kind: Any = getattr(module, name, None)
        source = inspect.getsource(getattr(kind, method)) if hasattr(kind, method) else ""
        if "self.model(" not in source or "uids" not in inspect.signature(kind).parameters:
            raise EngineError(f"this mlx-lm has no {name}.{method} that runs the model on rows")
        found.append((kind, method))
    return found


@contextmanager
def _told(batches: list[tuple[Any, str]], rows: Rows) -> Iterator[None]:
    """While open, each batch says which rows it is about to run."""

    def telling(original: Callable[..., Any]) -> Callable[..., Any]:
        def told(self: Any, *args: Any, **kwargs: Any) -> Any:
            rows.set(self.uids)
            return original(self, *args, **kwargs)

        return told

    originals = [getattr(kind, method) for kind, method in batches]
    try:
        for (kind, method), original in zip(batches, originals, strict=True):
            setattr(kind, method, telling(original))
        yield
    finally:
        for (kind, method), original in zip(batches, originals, strict=True):
            setattr(kind, method, original)
