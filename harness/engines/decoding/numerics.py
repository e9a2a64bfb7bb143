"""Which way a base can be answered in on this device, found out on the base itself.

A few short prompts are answered alone by mlx-lm's ``generate_step``, and then in each way of a
ladder (:mod:`harness.engines.decoding.ways`) until one holds: log-probabilities equal to the bit,
or as near as rounding, whose size is measured too. What does not is a model that reads the padding
of its neighbours, or fails in a batch. Under ``exact`` the way also has to give the same bits
whatever else is in the batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.content.policy import Numerics
from harness.engines.decoding.ways import Alone, Way, opened

LADDER: dict[Numerics, tuple[Way, ...]] = {
    "fast": ("together", "prompts alone", "alone", "step"),
    "exact": ("steady", "alone", "step"),
}
TOLD: dict[Way, str] = {
    "together": "rows of unlike lengths are read and answered together",
    "prompts alone": "prompts are read one at a time, and answered together",
    "steady": "prompts are read one at a time, and rows answered in steps of one shape",
    "alone": "one prompt is answered after the other",
    "step": "one prompt is answered after the other, by mlx-lm's generate_step",
}
TEXT = "def add(first, second):\n    return first + second\n\nThe sum of 40 and 2 is 42."
LENGTHS, STEPS = (2, 13, 3, 6), 3  # tokens of the prompts, and tokens that are answered to each
#: tokens of two rows, and of a neighbour that makes their keys stand elsewhere: less than one block
#: of any BLAS and more, so that the sums of both are cut in other places
SHORT, MIDDLE, LONG = 150, 400, 700
#: times the rounding that was measured: two sums in other orders differ in it as often as not, and
#: 36 tiny models by up to 3.7 times of it in float32; the least leak that was seen is 8 times
SPREAD = 4


class BatchNotice(UserWarning):
    """A base cannot be answered in the way that would be fastest."""


@dataclass(frozen=True)
class Found:
    """The way that holds, and what was wrong with the ways before it."""

    way: Way
    wrong: tuple[str, ...] = ()

    @property
    def notice(self) -> str:
        """One sentence where it is not the first way; else empty."""
        return f"{'; '.join(self.wrong)}: {TOLD[self.way]}" if self.wrong else ""


def measure(
    model: Any, tokenizer: Any, rows: int, context: int, vocabulary: int, numerics: Numerics
) -> Found:
    """The first way of the ladder that holds for ``rows`` rows of a base on this device."""
    ids = _ids(tokenizer, vocabulary)
    prompts = [ids[n : n + length] for n, length in enumerate(LENGTHS)]
    forced, wrong = ids[-STEPS:], list[str]()
    reference = _answered(Alone(model, ()), prompts, forced)
    if not all(math.isfinite(_size(row)) for row in reference):
        return Found(LADDER[numerics][0])  # said when it is asked
    [stepwise] = _answered(Alone(model, (), step=1), prompts[1:2], forced)
    floor = max(_unit(model), _apart(stepwise, reference[1]))
    for way in LADDER[numerics][:-1]:
        many = [prompts[n % len(prompts)] for n in range(max(rows, len(prompts)))]
        expected = [reference[n % len(prompts)] for n in range(len(many))]
        try:
            got = _answered(opened(way, model, (), rows), many, forced)
            apart = [_apart(a, b) for a, b in zip(got, expected, strict=True)]
            same = numerics == "fast" or way == "alone" or _same(model, many, got, forced, context)
        except Exception as error:  # a foreign model fails in a batch in as many ways as it has
            if exhausted(error):
                raise
            wrong.append(f"{_named(way)} fails ({str(error).splitlines()[0]:.60})")
            continue
        if not max(apart) <= SPREAD * floor:
            wrong.append(
                f"{_named(way)} moves log-probabilities by {max(apart):.1g}, and rounding moves"
                f" them by {floor:.1g}"
            )
        elif not same:
            wrong.append(f"{_named(way)} gives other bits beside other rows")
        else:
            return Found(way, tuple(wrong))
    return Found("step", tuple(wrong))


def exhausted(error: Exception) -> bool:
    """Whether an error of mlx is that memory ran out."""
    said = f"{type(error).__name__} {error}".lower()
    words = ("out of memory", "outofmemory", "insufficient memory", "allocat", "bad_alloc")
    return isinstance(error, RuntimeError | MemoryError) and any(word in said for word in words)


def _same(
    model: Any, prompts: list[list[int]], got: list[Any], forced: list[int], context: int
) -> bool:
    """Whether rows get the same bits in another order, beside a row that is much longer."""
    import mlx.core as mx

    rows, many = len(prompts), prompts[1] * LONG
    lengths = [min(most, context * most // 2 // LONG) for most in (LONG, MIDDLE, SHORT)]
    longer = [many[:length] for length in lengths]
    asked = [*longer, *prompts[:2:-1]]
    beside = _answered(opened("steady", model, (), rows), asked, forced)
    pairs = list(zip(got[:2:-1], beside[3:], strict=True))
    for row, found in zip(longer[1:], beside[1:], strict=False):
        pairs.append((_answered(opened("steady", model, (), rows), [row], forced)[0], found))
    return all(bool(mx.array_equal(a, b)) for a, b in pairs)


def _named(way: Way) -> str:
    return {
        "together": "padding in mlx-lm's batch",
        "prompts alone": "mlx-lm's batch",
        "steady": "a batch of constant shape",
    }.get(way, "mlx-lm's batch of one")


def _ids(tokenizer: Any, vocabulary: int) -> list[int]:
    """Token ids to try a base with, which it has an embedding of; at least as many as the longest
    prompt needs."""
    ids = [id for id in tokenizer.encode(TEXT, add_special_tokens=False) if id < vocabulary] or [0]
    return ids * math.ceil(2 * max(LENGTHS) / len(ids))


def _answered(batch: Any, prompts: Sequence[list[int]], forced: list[int]) -> list[Any]:
    """The log-probabilities (tokens, vocabulary) of what is answered to prompts, where the answer
    is ``forced``, so that one token that differs does not make all that come after it differ."""
    import mlx.core as mx

    def forcing() -> Any:
        left = iter(forced)  # more is drawn than is given
        return lambda logprobs: mx.full((logprobs.shape[0],), next(left, 0), dtype=mx.uint32)

    try:
        drawn = [forcing() for _ in prompts]
        uids = batch.insert(
            [list(ids) for ids in prompts], [len(forced)] * len(prompts), samplers=drawn
        )
        found: dict[int, list[Any]] = {uid: [] for uid in uids}
        missing = len(forced) * len(uids)
        while missing:
            given = batch.next_generated()
            for one in given:
                found[one.uid].append(one.logprobs.astype(mx.float32))
            missing -= len(given)
        rows = [mx.stack(found[uid]) for uid in uids]
        mx.eval(rows)
        return rows
    finally:
        batch.close()


def _apart(first: Any, second: Any) -> float:
    """The root mean square of what two rows differ by, in nats; infinite where one is no number."""
    found = _size(first - second)
    return found if math.isfinite(found) else math.inf


def _size(row: Any) -> float:
    return math.sqrt((row * row).mean().item())


def _unit(model: Any) -> float:
    """A unit in the last place of a log-probability of one nat, in the type that is computed in:
    less than that no measurement can tell from nothing."""
    import mlx.core as mx
    from mlx.utils import tree_flatten

    kinds = {a.dtype for _, a in tree_flatten(model.parameters())}
    return max(float(mx.finfo(k).eps) for k in kinds if mx.issubdtype(k, mx.floating))
