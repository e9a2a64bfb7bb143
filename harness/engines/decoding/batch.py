"""Decoding in batches with mlx-lm: answers by token ids, stop strings matched on the text."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from harness.content.policy import Numerics
from harness.engines.base import PENALISED, Decoding, Generation
from harness.engines.decoding import chance, ends, numerics, sizing, ways
from harness.errors import EngineError

#: batches of prompts that are sorted by length among themselves, so that no answer waits for the
#: whole suite; the first batch is a window of its own, as its answers may end a gate
WINDOW = 4
HELD = 16  # steps of a GPU whose answers are given together, when their logits are looked at
USUAL = 2048  # tokens of prompt and answer, where nobody said how many there will be
Queued = Callable[[dict[int, int]], None]


@dataclass
class Batches:
    """A loaded model with its tokenizer; ``context`` bounds prompt and answer together, and
    ``vocabulary`` the token ids. It answers ``rows`` rows at a time in a ``way`` that
    :meth:`settle` finds out with ``most`` rows."""

    model: Any
    tokenizer: Any
    context: int
    vocabulary: int
    numerics: Numerics = "fast"
    way: ways.Way | None = None
    rows: int = 1
    most: int = 1
    longest: int = USUAL  #: tokens of a row, as :meth:`settle` was told

    def settle(self, asked: Numerics, tokens: int | None) -> None:
        """Find out on the bare base how many rows of ``tokens`` tokens are answered together, and
        in which way; say so where it is not the fastest. A way that was found stays for as many
        rows as it was tried with. Under ``exact`` memory decides nothing."""
        self.longest = min(tokens or USUAL, self.context)
        if asked == "exact":
            rows = sizing.steady()
        else:
            rows = sizing.rows(self.model, self.longest, self.vocabulary)
        if self.way is not None and asked == self.numerics and rows <= self.most:
            self.rows = rows
            return
        self.numerics, self.way = asked, None
        while True:
            try:
                found = numerics.measure(
                    self.model, self.tokenizer, rows, self.context, self.vocabulary, asked
                )
                break
            except RuntimeError as error:
                rows = self._halved(rows, error)
        self.way, self.rows, self.most = found.way, rows, rows
        if found.notice:
            warnings.warn(found.notice, numerics.BatchNotice, stacklevel=2)

    @property
    def identity(self) -> dict[str, Any]:
        """What of this may decide an answer: under ``exact`` not how many rows there are, but for
        the constant of steps of one shape."""
        batch = {"steady": "rows", "together": "batch", "prompts alone": "batch"}.get(str(self.way))
        own = {batch: self.rows} if batch else {}
        return {"numerics": self.numerics, "way": self.way, "made": ways.MADE} | own

    @property
    def shared(self) -> bool:
        """Whether rows of several adapters may be answered in one batch."""
        return self.way in ("together", "prompts alone")

    def generate(
        self,
        prompts: Sequence[list[int]],
        decoding: Decoding,
        seeds: Sequence[int] = (),
        queued: Queued | None = None,
    ) -> Iterator[tuple[int, Generation]]:
        """Answers as they finish; in every window of prompts the longest go first, so a batch holds
        like lengths.

        Greedy, or above temperature zero each drawn by its own of ``seeds``, whatever else is in
        the batch. ``queued`` is told, before the first token, which prompt each of mlx-lm's row ids
        (uid) stands for. Raises :class:`EngineError` for a prompt that the base cannot read
        (:func:`harness.engines.decoding.ends.fits`), and for logits that are no numbers."""
        ends.fits(prompts, self.context, self.vocabulary)
        missing, rows = dict.fromkeys(range(len(prompts))), self.rows
        while missing:
            try:
                for number, answer in self._answered(
                    rows, prompts, list(missing), decoding, seeds, queued
                ):
                    del missing[number]
                    yield number, answer
            except RuntimeError as error:
                rows = self._halved(rows, error)

    def _halved(self, rows: int, error: RuntimeError) -> int:
        """Half as many rows, where memory ran out; else the error, as under ``exact``."""
        if self.numerics == "exact" and numerics.exhausted(error):
            raise EngineError(
                "the device's memory ran out, and `numerics: exact` answers in no smaller batch;"
                " free some, ask for shorter answers (`max_tokens`), or set `gate.numerics: fast`"
            ) from error
        if rows == 1 or not numerics.exhausted(error):
            raise error
        import mlx.core as mx

        mx.clear_cache()
        text = f"memory ran out with {rows} rows in a batch: it goes on with {rows // 2}"
        warnings.warn(text, numerics.BatchNotice, stacklevel=3)
        return rows // 2

    def _answered(
        self,
        rows: int,
        prompts: Sequence[list[int]],
        numbers: list[int],
        decoding: Decoding,
        seeds: Sequence[int],
        queued: Queued | None,
    ) -> Iterator[tuple[int, Generation]]:
        """Answers to those of the prompts that ``numbers`` names."""
        room = [min(decoding.max_tokens, self.context - len(ids)) for ids in prompts]
        ends_at = self.tokenizer.eos_token_ids
        batch = ways.opened(self.way or "together", self.model, ends_at, rows)
        try:
            window = WINDOW * rows
            order = sorted(numbers, key=lambda n: ((n + window - rows) // window, -len(prompts[n])))
            warm = decoding.temperature
            drawn = [_draw(seeds[n], warm) for n in order] if warm else None
            asked = [list(prompts[n]) for n in order]
            penalty = _penalty(decoding.repetition_penalty)
            many = [penalty] * len(order)
            uids = batch.insert(
                asked, [room[n] for n in order], samplers=drawn, logits_processors=many
            )
            index = dict(zip(uids, order, strict=True))
            if queued is not None:
                queued(index)
            yield from self._drive(batch, index, decoding.stop)
        finally:
            batch.close()

    def ended(self, ids: list[int], token: int, most: int, stop: tuple[str, ...]) -> str | None:
        """Whether, and by what, an answer ends with this token, which is added to it unless it is
        an end token itself."""
        if token in self.tokenizer.eos_token_ids:
            return "stop"
        ids.append(token)
        if stop and _first(stop, self._decode(ids[-_tail(stop) :])) is not None:
            return "stop-string"
        return "length" if len(ids) == most else None

    def finish(self, ids: list[int], ended: str, stop: tuple[str, ...]) -> Generation:
        """The answer that ``ids`` are, cut before the first of ``stop``."""
        text = self._decode(ids)
        cut = _first(stop, text)
        if cut is not None:
            return Generation(text[:cut], len(ids), "stop")
        return Generation(text, len(ids), "eos" if ended == "stop" else "length")

    def _drive(
        self, batch: Any, index: dict[int, int], stop: tuple[str, ...]
    ) -> Iterator[tuple[int, Generation]]:
        import mlx.core as mx

        written: dict[int, list[int]] = {uid: [] for uid in index}
        together = 1 if mx.default_device() == mx.cpu else HELD
        looks, held = ends.Looks(together > 1), list[tuple[int, Generation]]()
        tail = _tail(stop)
        for step in count(1):
            for response in batch.next_generated():
                ids = written.get(response.uid)
                if ids is None:
                    continue
                if response.finish_reason != "stop":
                    ids.append(response.token)
                ended = response.finish_reason
                if stop and _first(stop, self._decode(ids[-tail:])) is not None:
                    if not ended:
                        batch.remove([response.uid])
                    ended = "stop-string"
                looks.take(index[response.uid], len(ids), bool(ended), response)
                if ended:
                    held.append((index[response.uid], self.finish(ids, ended, stop)))
                    del written[response.uid]
            if step % together == 0 or not written:
                looks.over()
                yield from held
                held.clear()
            if not written:
                return

    def _decode(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def _draw(seed: int, temperature: float) -> Callable[[Any], Any]:
    """A sampler of log-probabilities (1, vocabulary) with random numbers of its own."""
    states = chance.keys([seed])

    def draw(logprobs: Any) -> Any:
        nonlocal states
        number, states = chance.number(states)
        return chance.token(chance.cumulated(logprobs, temperature), number)

    return draw


def _tail(stop: Sequence[str]) -> int:
    """How many of the last tokens may hold the end of a stop string: a character is 4 bytes at
    most, a token 1 at least."""
    return 4 * max((len(s) for s in stop), default=0) + 8


def _penalty(factor: float | None) -> list[ways.Processor]:
    """What weakens the logits of the last tokens; nothing without a factor."""
    from mlx_lm.sample_utils import make_logits_processors

    if factor is None:
        return []
    return list(make_logits_processors(None, factor, PENALISED))


def _first(stop: Sequence[str], text: str) -> int | None:
    """Where the earliest stop string begins in ``text``."""
    return min((at for s in stop if (at := text.find(s)) >= 0), default=None)
