"""Ways to answer rows together: each takes what mlx-lm's ``BatchGenerator`` takes, and gives its
tokens.

A batch is faster than a row alone, but what else is in it may change an answer: by rounding, since
sums of other shapes are made in another order, or by a model that reads the padding of its
neighbours. :mod:`harness.engines.decoding.numerics` finds out which way a base can be answered
in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.engines.decoding import attention, exponentials, sizing

Way = Literal["together", "prompts alone", "steady", "alone", "step"]
PREFILL, PREFILL_GPU = 8, 32  # prompts that are read together
MADE = 4  # by which arithmetic answers are made: it counts up where that changes
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
    batch = BatchGenerator(
        model,
        stop_tokens=[[token] for token in sorted(ends)],
        completion_batch_size=rows,
        prefill_batch_size=min(prefill(), rows) if way == "together" else 1,
    )
    return Grouped(batch, sizing.cores(model))


def prefill() -> int:
    """How many prompts are read together on this device: mlx-lm gives memory back after each
    reading, which a GPU waits for."""
    import mlx.core as mx

    return PREFILL if mx.default_device() == mx.cpu else PREFILL_GPU


class Grouped:
    """mlx-lm's own batch, on a CPU with the attention of :func:`attention.in_groups` and the
    exponentials of :func:`exponentials.by_powers`."""

    def __init__(self, batch: Any, cores: int) -> None:
        self.insert, self.remove, self.close = batch.insert, batch.remove, batch.close
        self._batch, self._cores, self._gated = batch, cores, exponentials.gated()

    def next_generated(self) -> Any:
        """The next token of each row."""
        with attention.in_groups(self._cores), exponentials.by_powers(self._gated):
            return self._batch.next_generated()


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
        self._cores = sizing.cores(model)

    def next_generated(self) -> list[Token]:
        """The next token of each row."""
        import mlx.core as mx
        from mlx_lm.generate import generation_stream

        with mx.stream(generation_stream), attention.in_blocks(self._cores):
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
