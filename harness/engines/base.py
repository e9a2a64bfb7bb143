"""What turns prompts into answers. The embedded engine is mlx-lm (:mod:`harness.engines.mlx`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Decoding:
    """How a suite's answers are decoded: greedily, or drawn where ``temperature`` is above zero.

    ``max_tokens`` bounds one answer; the text ends before the first of ``stop``.
    """

    max_tokens: int
    stop: tuple[str, ...] = ()
    temperature: float = 0.0


@dataclass(frozen=True)
class Generation:
    """One answer: its exact text, the number of tokens, and why it ended (``eos``, ``stop`` or
    ``length``).
    """

    text: str
    tokens: int
    finish: str


class Engine(Protocol):
    """A loaded base on which adapters are mounted one at a time."""

    #: names and versions that decide what comes out: libraries, device, dtype
    identity: dict[str, Any]

    def encode(self, prompt: str, mode: str, system: str | None) -> list[int]:
        """Token ids of ``prompt``, raw for ``completion`` and through the chat template for
        ``chat``.
        """
        ...

    def mount(self, adapter: Path | None) -> None:
        """Make ``adapter`` the active one; ``None`` gives the bare base back."""
        ...

    def generate(
        self, prompts: Sequence[list[int]], decoding: Decoding, seeds: Sequence[int] = ()
    ) -> Iterator[tuple[int, Generation]]:
        """``(index of the prompt, answer)`` in the order in which answers finish.

        ``seeds``, one for each prompt, decide what is drawn where the temperature is above zero.
        """
        ...
