"""What turns prompts into answers. The embedded engine is mlx-lm (:mod:`harness.engines.mlx`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harness.content.policy import Numerics
from harness.errors import EngineError

Place = tuple[str, str, str, int]  #: of an answer: suite, arm, case, sample
PENALISED = 20  # tokens that a repetition penalty looks back on, as mlx-lm and its server do


@dataclass(frozen=True)
class Decoding:
    """How a suite's answers are decoded: greedily, or drawn where ``temperature`` is above zero.

    ``max_tokens`` bounds one answer; the text ends before the first of ``stop``. The logits of the
    :data:`PENALISED` tokens before are weakened by the factor ``repetition_penalty``, where there
    is one."""

    max_tokens: int
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    repetition_penalty: float | None = None


@dataclass(frozen=True)
class Generation:
    """One answer: its exact text, the number of tokens, and why it ended (``eos``, ``stop`` or
    ``length``)."""

    text: str
    tokens: int
    finish: str


@dataclass(frozen=True)
class Ask:
    """One prompt put to one arm.

    ``mode`` is ``chat`` or ``completion``; ``mount`` the folder of the adapter to answer with,
    ``None`` for the bare base; ``base`` that of another model to answer with than the engine's.
    ``weights`` and ``adapter`` are the digests of both, and ``adapter`` may name more than a digest
    where the answer must be kept apart. ``seed`` decides what is drawn where the temperature is
    above zero; ``place`` says what it is asked for."""

    prompt: str
    mode: str
    system: str | None
    decoding: Decoding
    seed: int
    weights: str
    adapter: str | None = None
    mount: Path | None = None
    base: Path | None = None
    place: Place = ("", "", "", 0)


class Answering(Protocol):
    """All that a gate needs of an engine."""

    @property
    def identity(self) -> dict[str, Any]:
        """Names and versions that decide what comes out: libraries, device, dtype."""
        ...

    def reads(self, ask: Ask) -> Any:
        """What the engine reads of an ask, as plain data: token ids where it has them."""
        ...

    def answer(self, asks: Sequence[Ask]) -> Iterator[tuple[int, Generation]]:
        """``(index of the ask, answer)`` in the order in which answers finish."""
        ...


@runtime_checkable
class WhiteBox(Answering, Protocol):
    """An engine whose weights can be looked at: a base on which adapters are mounted one at a time.

    What an engine that is none cannot show is ``not measured`` in the preflight."""

    config: dict[str, Any]  #: the base's ``config.json``
    context: int  #: tokens of prompt and answer together
    vocabulary: int  #: token ids that the base has an embedding of

    @property
    def tokenizer(self) -> Any:
        """The base's tokenizer."""
        ...

    @property
    def template(self) -> str:
        """The text of the chat template, empty when the base has none."""
        ...

    @property
    def layers(self) -> int:
        """How many transformer blocks the base has."""
        ...

    def encode(self, prompt: str, mode: str, system: str | None = None) -> list[int]:
        """Token ids of ``prompt``, raw for ``completion`` and through the chat template for
        ``chat``."""
        ...

    def settle(
        self, numerics: Numerics | None = None, tokens: int | None = None, batch: int | None = None
    ) -> None:
        """Find out in which way the base is answered on this device, where rows are of ``tokens``
        tokens at most; ``batch`` is how many are answered together, where that was registered."""
        ...

    def stand(self, base: Path | None = None) -> None:
        """Answer with the model in ``base`` from now on, else with its own again; there is one in
        memory at a time."""
        ...

    def mount(self, adapter: Path | None) -> None:
        """Make ``adapter`` the active one; ``None`` gives the bare base back."""
        ...

    def shake(self) -> None:
        """Make the bare base active, off by as much as the rounding of its numbers."""
        ...

    def layout(self, config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor that an adapter of this ``adapter_config.json`` fills."""
        ...

    def weight(self, module: str) -> Any:
        """The weight matrix of one module of the bare base; ``None`` when it has none."""
        ...

    def generate(
        self, prompts: Sequence[list[int]], decoding: Decoding, seeds: Sequence[int] = ()
    ) -> Iterator[tuple[int, Generation]]:
        """Answers of what is mounted to token ids, in the order in which they finish."""
        ...

    def log_probabilities(self, prompts: Sequence[list[int]], last: int | None = None) -> list[Any]:
        """Per prompt an array (tokens, vocabulary) of the ``last`` tokens, or of all."""
        ...


@runtime_checkable
class Watched(Answering, Protocol):
    """An engine out of sight, which has to show that it is what it is said to be, and stays it."""

    drift: list[str]  #: sentences about what it became during the run

    @property
    def declared(self) -> str:
        """Who is said to answer."""
        ...

    def begin(self, asks: Sequence[Ask], before: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Be shown prompts that count for nothing; ``(code, sentence)`` of each fault. ``before``
        is the identity in a run that goes on, empty for a new one."""
        ...


def cut(found: Generation, stop: Sequence[str]) -> Generation:
    """An answer that nobody ended at the first of ``stop``, ended there."""
    at = min((at for one in stop if (at := found.text.find(one)) >= 0), default=None)
    return found if at is None else Generation(found.text[:at], found.tokens, "stop")


def read_config(path: Path) -> dict[str, Any]:
    """A base's or an adapter's configuration; raises :class:`EngineError` where it is no JSON
    object."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(config, dict):
        raise EngineError(f"{path}: found {type(config).__name__}, expected an object")
    return config
