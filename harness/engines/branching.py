"""One prompt that much is asked of: it is read once for all draws of its answer, and for all
answers whose likelihood is looked for.

A base whose rows are more than keys and values, or do not stay apart in a batch, and an engine that
is not the embedded one answer row by row as ever, which is the reference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeGuard

from harness.engines import mixed
from harness.engines.base import Answering, Ask, Decoding, Generation, WhiteBox
from harness.engines.decoding import branches, sizing
from harness.engines.decoding.ends import NotFinite
from harness.engines.mlx import MlxEngine

Drawn = tuple[Path | None, Path | None, Decoding, tuple[int, ...]]  #: base, adapter, how, prompt


def answer(engine: Answering, asks: Sequence[Ask]) -> Iterator[tuple[int, Generation]]:
    """``(index of the ask, answer)`` as they come, of asks that are drawn and differ in little but
    their seeds; leaves the bare base mounted. Raises :class:`EngineError`."""
    if not _branches(engine):
        yield from mixed.answer(engine, asks)
        return
    of = defaultdict[Drawn, list[int]](list)
    for at, ask in enumerate(asks):
        of[ask.base, ask.mount, ask.decoding, tuple(engine.reads(ask))].append(at)
    for (base, adapter, decoding, ids), numbers in of.items():
        engine.stand(base)
        engine.mount(adapter)
        held = engine.batches
        most = sizing.fit(held.model, len(ids) + decoding.max_tokens, held.vocabulary)
        for some in (numbers[at : at + most] for at in range(0, len(numbers), most)):
            try:
                said = branches.draws(held, [*ids], decoding, [asks[at].seed for at in some])
            except NotFinite as error:
                raise NotFinite(some[0], error.tokens, asks[some[0]].prompt, adapter) from None
            yield from zip(some, said, strict=True)
    engine.mount(None)


def losses(engine: WhiteBox, prompt: list[int], answers: Sequence[list[int]]) -> list[float]:
    """Nats of each of the answers, in tokens, behind ``prompt``, under what is mounted."""
    if _branches(engine):
        return branches.losses(engine.batches.model, prompt, answers)
    found = []
    for ids in answers:
        [said] = engine.log_probabilities([prompt + ids[:-1]], len(ids))
        found.append(-sum(float(said[at, id]) for at, id in enumerate(ids)))
    return found


def _branches(engine: Answering) -> TypeGuard[MlxEngine]:
    if type(engine) is not MlxEngine:
        return False
    engine.settle()
    return engine.batches.shared and branches.fit(engine.batches.model)
