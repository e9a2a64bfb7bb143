"""Ways to answer rows together: each takes what mlx-lm's ``BatchGenerator`` takes, and gives its
tokens.

A batch is faster than a row alone, but what else is in it may change an answer: by rounding, since
sums of other shapes are made in another order, or by a model that reads the padding of its
neighbours. :mod:`harness.engines.decoding.numerics` finds out which way a base can be answered
in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

Way = Literal["together", "prompts alone", "steady", "alone", "step"]
PREFILL, PREFILL_GPU = 8, 32  # prompts that are read together
MADE = 2  # by which arithmetic answers are made: it counts up where that changes
KEYS = 256  # keys that are summed in one go, under what any BLAS takes in one block (OpenBLAS: 320)
ENDLESS, DUMMY = 2**31, -1
CLEAR = 512  # steps after which memory that no row uses is given back, as mlx-lm's batches do
Sampler = Callable[[Any], Any]
Processor = Callable[[Any, Any], Any]  #: of the tokens before and the logits to the logits


def opened(way: Way, model: Any, ends: Collection[int], rows: int) -> Any:
    """What answers inserted prompts in one of the ways, ``rows`` of them at a time; close it."""
    from mlx_lm.generate import BatchGenerator

    if way == "step":
        return Alone(model, ends)
    if way == "steady":
        return Steady(model, ends, rows)
    rows = 1 if way == "alone" else rows
    return BatchGenerator(
        model,
        stop_tokens=[[token] for token in sorted(ends)],
        completion_batch_size=rows,
        prefill_batch_size=min(prefill(), rows) if way == "together" else 1,
    )


def prefill() -> int:
    """How many prompts are read together on this device: mlx-lm gives memory back after each
    reading, which a GPU waits for."""
    import mlx.core as mx

    return PREFILL if mx.default_device() == mx.cpu else PREFILL_GPU


@dataclass
class Token:
    """One token of a row, as mlx-lm's batches give it."""

    uid: int
    token: int
    logprobs: Any
    finish_reason: str | None


class _Queue:
    """Rows that wait, and how many tokens each that is answered still has."""

    def __init__(self, model: Any, ends: Collection[int]) -> None:
        self._model, self._ends = model, ends
        self._waiting: deque[tuple[int, list[int], int, Sampler | None, list[Processor]]] = deque()
        self._left: dict[int, int] = {}
        self._next = 0

    def insert(
        self,
        prompts: Sequence[list[int]],
        max_tokens: Sequence[int],
        samplers: Sequence[Sampler] | None = None,
        logits_processors: Sequence[list[Processor]] | None = None,
    ) -> list[int]:
        """Queue prompts; the number of each row."""
        uids = list(range(self._next, self._next + len(prompts)))
        self._next += len(prompts)
        drawn: Sequence[Sampler | None] = samplers or [None] * len(prompts)
        asked = logits_processors or [[]] * len(prompts)
        self._waiting.extend(zip(uids, prompts, max_tokens, drawn, asked, strict=True))
        return uids

    def remove(self, uids: Sequence[int]) -> None:
        """End rows early."""
        for uid in uids:
            self._left.pop(uid, None)

    def close(self) -> None:
        """Nothing is held."""

    def _given(self, uid: int, token: int, logprobs: Any) -> Token:
        self._left[uid] -= 1
        over = "length" if self._left[uid] < 1 else None
        ended = "stop" if token in self._ends else over
        if ended:
            del self._left[uid]
        return Token(uid, token, logprobs, ended)


class Alone(_Queue):
    """One row after the other by mlx-lm's ``generate_step``: the reference.

    ``step`` is how many tokens of a prompt are read at a time."""

    def __init__(self, model: Any, ends: Collection[int], step: int = 2048) -> None:
        super().__init__(model, ends)
        self._step, self._uid = step, DUMMY
        self._running: Iterator[tuple[int, Any]] = iter(())

    def next_generated(self) -> list[Token]:
        """The next token of the row that is answered."""
        import mlx.core as mx
        from mlx_lm.generate import generate_step

        if self._uid not in self._left:
            self._uid, ids, most, sampler, processors = self._waiting.popleft()
            self._left[self._uid] = most
            self._running = generate_step(
                mx.array(ids),
                self._model,
                max_tokens=most,
                sampler=sampler,
                logits_processors=processors,
                prefill_step_size=self._step,
            )
        token, logprobs = next(self._running)
        return [self._given(self._uid, int(token), logprobs)]


class Steady(_Queue):
    """Rows whose answers do not depend on each other to the bit: every prompt is read alone, as
    many rows as ever take each step (a row that ended gives its place to another, or to a dummy
    that nobody reads), and keys are summed in blocks counted from a row's end, so
    that the padding before it adds nothing but zeros."""

    def __init__(self, model: Any, ends: Collection[int], rows: int) -> None:
        super().__init__(model, ends)
        self._rows, self._live, self._steps = rows, None, 0

    def next_generated(self) -> list[Token]:
        """The next token of each row."""
        import mlx.core as mx
        from mlx_lm.generate import generation_stream

        with mx.stream(generation_stream), _keys_in_blocks():
            self._fill()
            self._steps += 1
            if self._steps % CLEAR == 0:
                mx.clear_cache()
            rows: Any = self._live
            given = [r for r in rows.next() if r.uid in self._left]
            return [self._given(r.uid, int(r.token), r.logprobs) for r in given]

    def _fill(self) -> None:
        live: Any = self._live
        held = list(enumerate(live.uids)) if live else []
        gone = {n for n, uid in held if uid != DUMMY and uid not in self._left}
        dummies = [n for n, uid in held if uid == DUMMY]
        gone.update(dummies[: max(0, len(self._waiting) - len(gone))])
        if gone:
            keep = [n for n in range(len(live.uids)) if n not in gone]
            live.filter(keep)
            self._live = live if keep else None
        while self._live is None or len(self._live) < self._rows:
            if self._waiting:
                uid, ids, most, sampler, processors = self._waiting.popleft()
                self._left[uid] = most
                self._join(uid, ids, sampler, processors)
            else:
                self._join(DUMMY, [0], None, [])

    def _join(
        self, uid: int, ids: list[int], sampler: Sampler | None, processors: list[Processor]
    ) -> None:
        from mlx_lm.generate import PromptProcessingBatch, StopSequences
        from mlx_lm.models.cache import make_prompt_cache

        prompt = PromptProcessingBatch(
            self._model,
            [uid],
            [make_prompt_cache(self._model)],
            samplers=[sampler],
            logits_processors=[processors],
            stop_sequences=[StopSequences()],
            max_tokens=[ENDLESS],
        )
        row = prompt.generate([list(ids)])
        if self._live is None:
            self._live = row
        else:
            self._live.extend(row)


@contextmanager
def _keys_in_blocks() -> Iterator[None]:
    """While open, attention of one token a row sums its keys in blocks from the end."""
    import mlx.core as mx

    real = mx.fast.scaled_dot_product_attention

    def summed(q: Any, k: Any, v: Any, *, scale: float, mask: Any = None, **more: Any) -> Any:
        one, end = q.shape[2] == 1 and isinstance(mask, mx.array), k.shape[2]
        if not one or any(value is not None for value in more.values()):
            return real(q, k, v, scale=scale, mask=mask, **more)
        rows, heads, _, width = q.shape
        shared = k.shape[1]
        if mask.ndim == 4 and mask.shape[1] == heads:
            mask = mask.reshape(-1, shared, heads // shared, end)
        q = (q * scale).reshape(rows, shared, heads // shared, width)
        parts = [_block((k, v, mask), at) for at in range(end, 0, -KEYS)]
        scored = [(_masked(q @ keys.swapaxes(-1, -2), seen), own) for keys, own, seen in parts]
        top = reduce(mx.maximum, [scores.max(-1, keepdims=True) for scores, _ in scored])
        total = out = mx.array(0, mx.float32)
        for scores, own in scored:
            weights = mx.exp((scores - top).astype(mx.float32))
            total = total + weights.sum(-1, keepdims=True)
            out = out + weights.astype(own.dtype) @ own
        return (out / total).astype(q.dtype).reshape(rows, heads, 1, -1)

    mx.fast.scaled_dot_product_attention = summed
    try:
        yield
    finally:
        mx.fast.scaled_dot_product_attention = real


def _block(arrays: tuple[Any, Any, Any], end: int) -> tuple[Any, Any, Any]:
    """The ``KEYS`` keys, values and mask that end at ``end``; what lies before the first key is
    masked out, since how long a sum is decides on a GPU how it is cut."""
    import mlx.core as mx

    keys, values, mask = arrays
    start, pad = max(0, end - KEYS), max(0, KEYS - end)
    keys, values, mask = keys[..., start:end, :], values[..., start:end, :], mask[..., start:end]
    if pad:
        none: Any = False if mask.dtype == mx.bool_ else mx.finfo(mask.dtype).min
        before = [(0, 0)] * (keys.ndim - 2) + [(pad, 0), (0, 0)]
        keys, values = mx.pad(keys, before), mx.pad(values, before)
        mask = mx.pad(mask, [(0, 0)] * (mask.ndim - 1) + [(pad, 0)], constant_values=none)
    return keys, values, mask


def _masked(scores: Any, mask: Any) -> Any:
    import mlx.core as mx

    if mask.dtype == mx.bool_:
        return mx.where(mask, scores, mx.finfo(scores.dtype).min)
    return scores + mask
