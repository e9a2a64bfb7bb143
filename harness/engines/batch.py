"""Decoding in batches with mlx-lm: answers by token ids, stop strings matched on the text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.engines import ends
from harness.engines.base import Decoding, Generation

BATCH, PREFILL_BATCH = 16, 8
#: prompts that are sorted by length among themselves, so that no answer waits for the whole suite
WINDOW = 4 * BATCH
Queued = Callable[[dict[int, int]], None]


@dataclass(frozen=True)
class Batches:
    """A loaded model with its tokenizer; ``context`` bounds prompt and answer together, and
    ``vocabulary`` the token ids."""

    model: Any
    tokenizer: Any
    context: int
    vocabulary: int

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
        (:func:`harness.engines.ends.fits`), and for logits that are no numbers."""
        from mlx_lm.generate import BatchGenerator

        ends.fits(prompts, self.context, self.vocabulary)
        room = [min(decoding.max_tokens, self.context - len(ids)) for ids in prompts]
        batch = BatchGenerator(
            self.model,
            stop_tokens=[[token] for token in sorted(self.tokenizer.eos_token_ids)],
            completion_batch_size=BATCH,
            prefill_batch_size=PREFILL_BATCH,
        )
        try:
            index = _insert(batch, prompts, room, decoding, seeds)
            if queued is not None:
                queued(index)
            yield from self._drive(batch, index, decoding.stop)
        finally:
            batch.close()

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
        written: dict[int, list[int]] = {uid: [] for uid in index}
        # tokens: a character is 4 bytes at most, a token 1 at least
        tail = 4 * max((len(s) for s in stop), default=0) + 8
        while written:
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
                ends.look(index[response.uid], len(ids), bool(ended), response)
                if ended:
                    yield index[response.uid], self.finish(ids, ended, stop)
                    del written[response.uid]

    def _decode(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def _insert(
    batch: Any,
    prompts: Sequence[list[int]],
    room: list[int],
    decoding: Decoding,
    seeds: Sequence[int],
) -> dict[int, int]:
    """Queue every prompt; which prompt each row id stands for."""
    order = sorted(range(len(prompts)), key=lambda n: (n // WINDOW, -len(prompts[n])))
    drawn = [_draw(seeds[n], decoding.temperature) for n in order] if decoding.temperature else None
    uids = batch.insert([list(prompts[n]) for n in order], [room[n] for n in order], samplers=drawn)
    return dict(zip(uids, order, strict=True))


def _draw(seed: int, temperature: float) -> Callable[[Any], Any]:
    """A sampler of log-probabilities (1, vocabulary) with random numbers of its own; mlx-lm's share
    a global state."""
    import mlx.core as mx

    key = mx.random.key(seed)

    def draw(logprobs: Any) -> Any:
        nonlocal key
        key, now = mx.random.split(key)
        return mx.random.categorical(logprobs / temperature, key=now)

    return draw


def _first(stop: Sequence[str], text: str) -> int | None:
    """Where the earliest stop string begins in ``text``."""
    return min((at for s in stop if (at := text.find(s)) >= 0), default=None)
