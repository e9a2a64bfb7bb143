"""What goes on from one prompt, which is read once: draws of its answer, and given answers.

Draws that have said the same so far are one row, until they part: of fifty that are short most are
most of the time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from harness.engines.base import Decoding, Generation
from harness.engines.decoding import chance, ends
from harness.engines.decoding.batch import Batches


class Branches:
    """Rows that all begin with one prompt; ``logits`` (rows, vocabulary) are those behind each."""

    def __init__(self, model: Any, ids: Sequence[int]) -> None:
        from mlx_lm.models.cache import ConcatenateKVCache

        self._model = model
        self._caches = [ConcatenateKVCache() for _ in model.layers]
        self.logits = self._read([ids])[:, -1]

    def grow(self, rows: list[int], tokens: Sequence[Sequence[int]]) -> Any:
        """Keep these of the rows, with as many tokens more each; the logits behind every one of
        those, an array (rows, tokens, vocabulary)."""
        import mlx.core as mx

        kept = mx.array(rows)
        for cache in self._caches:
            cache.keys, cache.values = cache.keys[kept], cache.values[kept]
        found = self._read(tokens)
        self.logits = found[:, -1]
        return found

    def _read(self, tokens: Sequence[Sequence[int]]) -> Any:
        import mlx.core as mx

        found = self._model(mx.array([list(row) for row in tokens]), cache=self._caches)
        return found.astype(mx.float32)


def fit(model: Any) -> bool:
    """Whether a row of the model is keys and values of each of its tokens and nothing else, so that
    it can be kept as often as wanted."""
    from mlx_lm.models.cache import KVCache, make_prompt_cache

    caches = make_prompt_cache(model)
    return len(caches) == len(model.layers) and all(type(each) is KVCache for each in caches)


def draws(
    held: Batches, ids: list[int], decoding: Decoding, seeds: Sequence[int]
) -> list[Generation]:
    """An answer to the prompt ``ids`` for each seed, as the seed draws it in any other batch.
    Raises :class:`EngineError` for a prompt that the base cannot read, and for logits that are no
    numbers."""
    import mlx.core as mx

    ends.fits([ids], held.context, held.vocabulary)
    room = min(decoding.max_tokens, held.context - len(ids))
    rows, states = Branches(held.model, ids), chance.keys(seeds)
    live, row = list(range(len(seeds))), [0] * len(seeds)  # the draws that go on, the row of each
    said, found = [list[int]() for _ in seeds], dict[int, Generation]()
    while live:
        shares = chance.cumulated(rows.logits, decoding.temperature)
        if not all(map(math.isfinite, shares[:, -1].tolist())):
            raise ends.NotFinite(0, len(said[live[0]]) + 1)
        numbers, states = chance.number(states)
        tokens = chance.token(shares[mx.array(row)], numbers).tolist()
        parted, going = dict[tuple[int, int], int](), dict[int, int]()
        for at, (draw, token) in enumerate(zip(live, tokens, strict=True)):
            if ended := held.ended(said[draw], token, room, decoding.stop):
                found[draw] = held.finish(said[draw], ended, decoding.stop)
            else:
                going[at] = parted.setdefault((row[at], token), len(parted))
        live, row = [live[at] for at in going], [*going.values()]
        if live:
            states = states[mx.array([*going])]
            rows.grow([before for before, _ in parted], [[token] for _, token in parted])
    return [found[draw] for draw in range(len(seeds))]


def losses(model: Any, ids: Sequence[int], answers: Sequence[list[int]]) -> list[float]:
    """Nats of each answer, in tokens, behind the prompt ``ids``; the shorter ones are filled up
    behind their end, which nothing before it reads."""
    import mlx.core as mx

    longest = max(map(len, answers))
    filled = [[*answer, *[0] * (longest - len(answer))] for answer in answers]
    rows = Branches(model, ids)
    logits = mx.repeat(rows.logits[:, None], len(answers), axis=0)
    if longest > 1:
        more = rows.grow([0] * len(answers), [row[:-1] for row in filled])
        logits = mx.concatenate([logits, more], axis=1)
    said = mx.take_along_axis(logits, mx.array(filled)[..., None], axis=-1)[..., 0]
    nats: Any = (mx.logsumexp(logits, axis=-1) - said).tolist()
    return [sum(row[: len(answer)]) for row, answer in zip(nats, answers, strict=True)]
