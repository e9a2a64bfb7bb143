"""How a base's chat template is asked: thinking off, one date for all days, and a system turn that
the template refuses put before the user's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from functools import partial
from importlib import import_module
from typing import Any

from harness.errors import EngineError

CLOCK = datetime(2026, 1, 1)  # what a template that asks for the date is told
ASKS_DATE = "strftime_now"


def messages(prompt: str, system: str | None, answer: str | None = None) -> list[dict[str, str]]:
    """The turns of one question, and of its answer where one is given."""
    first = [{"role": "system", "content": system}] if system else []
    last = [{"role": "assistant", "content": answer}] if answer else []
    return [*first, {"role": "user", "content": prompt}, *last]


def takes_system(tokenizer: Any) -> bool:
    """Whether the chat template has a place for a system turn."""
    try:
        _apply(tokenizer, messages("a", "b"), tokenize=False, generation=True)
    except EngineError:
        return False
    return True


def chat(
    tokenizer: Any,
    prompt: str,
    system: str | None = None,
    *,
    tokenize: bool = True,
    generation: bool = True,
    answer: str | None = None,
) -> Any:
    """Token ids, or the text, of a question through the chat template, and of an answer where one
    is given; raises :class:`EngineError` where there is none, or where it refuses the question."""
    if not tokenizer.has_chat_template:
        raise EngineError(
            "the base's tokenizer has no chat template; use `mode: completion` in the suite"
        )
    asked = partial(_apply, tokenizer, tokenize=tokenize, generation=generation)
    try:
        return asked(messages(prompt, system, answer))
    except EngineError:
        if not system or takes_system(tokenizer):
            raise
        return asked(messages(f"{system}\n\n{prompt}", None, answer))


class _Clock(datetime):
    """A clock that stands."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:  # noqa: ARG003  (the name is datetime's)
        return CLOCK


@contextmanager
def _one_date() -> Iterator[None]:
    """Tell templates :data:`CLOCK`. Transformers gives them its own ``strftime_now`` and takes no
    other."""
    asked: Any = import_module("transformers.utils.chat_template_utils")
    real, asked.datetime = asked.datetime, _Clock
    try:
        yield
    finally:
        asked.datetime = real


def _apply(tokenizer: Any, turns: list[dict[str, str]], *, tokenize: bool, generation: bool) -> Any:
    more: dict[str, Any] = {"enable_thinking": False} if tokenizer.has_thinking else {}
    try:
        with _one_date():
            return tokenizer.apply_chat_template(
                turns, tokenize=tokenize, add_generation_prompt=generation, **more
            )
    except Exception as error:  # a template is a program of the base's author: it may do anything
        text = f"the base's chat template refuses the question: {type(error).__name__}: {error}"
        raise EngineError(text) from None
