"""Where prompts and answers end: what a base says of its context, its end tokens and its ids."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from harness.errors import EngineError

UNBOUNDED = 2**31  # tokens; a recurrent model's config bounds nothing
#: what configs call the longest text: Llama and most, GPT-2; and where none of these stands MPT,
#: DBRX, ChatGLM, OpenELM, Baichuan, ..., whose words others use for something else
CONTEXT = (
    ("max_position_embeddings", "n_positions", "n_ctx"),
    (
        "max_seq_len", "max_sequence_length", "seq_length", "max_context_length",
        "model_max_length", "block_size",
    ),
)  # fmt: skip
EVERY = 64  # answer tokens between two looks at whether the logits are numbers


class NotFinite(EngineError):
    """The logits of an answer are no numbers; ``prompt`` is its place among those that were asked,
    ``text`` what it says, and ``adapter`` what was mounted."""

    def __init__(
        self, prompt: int, tokens: int, text: str = "", adapter: Path | None = None
    ) -> None:
        who = f"{adapter}: the base with this adapter" if adapter else "the bare base"
        shown = f" ({text[:40]!r})" if text else ""
        super().__init__(
            f"{who} answers prompt {prompt}{shown} with logits that are not finite (NaN or"
            f" infinity) at token {tokens}: look for broken weights, a wrong scale, or overflow"
        )
        self.prompt, self.tokens, self.text = prompt, tokens, text


def context(config: dict[str, Any]) -> int:
    """Tokens of prompt and answer together; :data:`UNBOUNDED` where the config of the base bounds
    nothing. Raises :class:`EngineError` for a bound that is none."""
    for part, keys in product(_parts(config), CONTEXT):
        found = {key: part[key] for key in keys if part.get(key) is not None}
        for key, value in found.items():
            if type(value) is not int or value < 1:
                text = f"config.json: key {key!r}: found {value!r}; expected a whole number above 0"
                raise EngineError(text)
        if found:
            return int(min(found.values()))
    return UNBOUNDED


def tokens(config: dict[str, Any]) -> list[int] | None:
    """Every end token that a base's config names, also the config of its text model; ``None`` where
    it names none."""
    said = [part.get("eos_token_id") for part in _parts(config)]
    ids = [id for one in said for id in (one if isinstance(one, list) else [one])]
    return sorted({id for id in ids if type(id) is int}) or None


def vocabulary(config: dict[str, Any], weights: dict[str, Any]) -> int:
    """How many token ids the base has an embedding of."""
    for part in _parts(config):
        if type(part.get("vocab_size")) is int:
            return int(part["vocab_size"])
    return max((w.shape[0] for name, w in weights.items() if "emb" in name), default=UNBOUNDED)


def raw(tokenizer: Any, text: str) -> list[int]:
    """Token ids of a text that is to be completed: what the tokenizer puts before it, once, and no
    end token that it puts after it, at which nothing is left to complete."""
    ids, plain = list(tokenizer.encode(text)), tokenizer.encode(text, add_special_tokens=False)
    ends, start = tokenizer.eos_token_ids, getattr(tokenizer, "bos_token_id", None)
    own = _trailing(ids, ends) - _trailing(plain, ends)
    if 0 < own < len(ids):
        del ids[-own:]
    while start is not None and ids[:2] == [start, start]:
        del ids[0]
    return ids


def fits(prompts: Sequence[list[int]], context: int, vocabulary: int) -> None:
    """Raise :class:`EngineError` for the first prompt that fills the context, or that holds a token
    id without an embedding, which mlx would read from beyond it."""
    for number, ids in enumerate(prompts):
        if len(ids) >= context:
            raise EngineError(
                f"prompt {number} has {len(ids)} tokens; the base's context is {context}"
            )
        if beyond := [id for id in ids if not 0 <= id < vocabulary]:
            raise EngineError(
                f"prompt {number} holds token id {beyond[0]}; the base has an embedding of"
                f" {vocabulary} ids: its tokenizer is not its own"
            )


class Looks:
    """Looks at whether the logits behind the tokens of mlx-lm are numbers.

    A row that is not finite stays so, as its own keys and values are; so it is looked at now and
    then, and at the end of an answer. With ``ahead`` they are computed beside what comes next, so
    that a GPU is not waited for at each of them."""

    def __init__(self, ahead: bool) -> None:
        self._ahead, self._due = ahead, list[tuple[int, int, Any]]()

    def take(self, prompt: int, tokens: int, ended: bool, response: Any) -> None:
        """Have it computed for a token that is to be looked at."""
        import mlx.core as mx

        if ended or tokens % EVERY == 1:
            value = response.logprobs[response.token]
            if self._ahead:
                mx.async_eval(value)
            self._due.append((prompt, tokens, value))

    def over(self) -> None:
        """Look at what was taken. Raises :class:`NotFinite` for the first that is no number."""
        due, self._due = self._due, []
        for prompt, tokens, value in due:
            if not math.isfinite(value.item()):
                raise NotFinite(prompt, tokens)


def _parts(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The config of the text model first, where a base has more than one, and its own."""
    yield from (part for part in (config.get("text_config"), config) if isinstance(part, dict))


def _trailing(ids: Sequence[int], ends: set[int]) -> int:
    """How many end tokens stand at the end."""
    return next((n for n, id in enumerate(reversed(ids)) if id not in ends), len(ids))
