"""Filling the parameters of a scorer from a case and an answer, by their names.

The answer, the prompt and the gold go by many names; a parameter of another name is taken from
``expect``. A scorer of lists (``completions``) gets lists of one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Any

from harness.content.case import Case
from harness.errors import VerifierError

#: the first of these that a scorer has holds the answer; ``answer`` beside another is the gold
ANSWER = (
    "completion", "response", "output", "prediction", "pred", "predicted", "solution_str",
    "model_output", "actual_output", "generated", "generation", "candidate", "hypothesis",
    "given_answer", "text", "answer",
)  # fmt: skip
GOLD = (
    "gold", "target", "reference", "ground_truth", "expected", "expected_output", "label", "truth",
    "correct_answer", "gold_answer", "reference_answer", "solution", "answer",
)  # fmt: skip
PROMPT = ("prompt", "question", "input", "query", "instruction")
WHOLE = {"case": "case", "expect": "expect", "extra_info": "expect", "doc": "expect"}
SOURCES = "answer, prompt, gold, case, expect or expect.KEY, in [ ] for a list of one"


class DoesNotFit(VerifierError):
    """A scorer cannot be called with what the harness has; the message says what to give."""


class Arguments:
    """How each parameter of ``function`` is filled; ``given`` says it for some of them.

    With ``chat`` answers and prompts are conversations. Raises :class:`DoesNotFit` where no
    parameter can hold the answer."""

    def __init__(
        self, function: Callable[..., Any], given: Mapping[str, str], *, chat: bool = False
    ) -> None:
        self._chat = chat
        self._all = _parameters(function, given)
        open_ended = any(p.kind is Parameter.VAR_KEYWORD for p in self._all.values())
        self._named = [
            n for n, p in self._all.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        ]
        for name, source in given.items():
            if name not in self._named and not open_ended:
                raise DoesNotFit(f"--argument {name}={source}: its parameters are {self}")
            if not _is_source(source):
                raise DoesNotFit(f"--argument {name}={source}: expected {name}= one of {SOURCES}")
        plural = {n for n in self._named if _single(n) != n and _single(n) in ANSWER}
        self.lists = bool(plural - set(given))
        holders = sorted(plural, key=lambda n: ANSWER.index(_single(n))) or sorted(
            (n for n in self._named if n.lower() in ANSWER), key=lambda n: ANSWER.index(n.lower())
        )
        self._open_ended = open_ended
        holder = next(iter(holders), None)
        self._sources = {name: self._source(name, name == holder) for name in self._named}
        self._sources |= given
        if not any(source.strip("[]") == "answer" for source in self._sources.values()):
            self._sources[self._unknown()] = "answer"

    def __str__(self) -> str:
        return ", ".join(self._named) or "none"

    def fill(self, case: Case, text: str) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments. Raises :class:`DoesNotFit` for what the case lacks."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for name, source in self._sources.items():
            parameter = self._all.get(name)
            try:
                value = self._value(name, source, case, text)
            except KeyError as error:
                if parameter is not None and parameter.default is not Parameter.empty:
                    continue
                raise DoesNotFit(
                    f"parameter {name!r}: the case {case.id!r} has no {error.args[0]};"
                    f" its expect has {', '.join(case.expect) or 'nothing'}. Write it there, or"
                    f" say --argument {name}= one of {SOURCES}"
                ) from None
            if parameter is not None and parameter.kind is Parameter.POSITIONAL_ONLY:
                args.append(value)
            else:
                kwargs[name] = value
        if self._open_ended:
            more = {"prompts": self._item(case.prompt, "user")} if self.lists else {}
            for name, value in (more | dict(case.expect)).items():
                kwargs.setdefault(name, [value] if self.lists else value)
        return args, kwargs

    def _source(self, name: str, holds_the_answer: bool) -> str:
        word, single = name.lower(), _single(name)
        if holds_the_answer:
            return "[answer]" if self.lists else "answer"
        for words, source in ((PROMPT, "prompt"), (GOLD, "gold")):
            if word in words:
                return f"[{source}]" if self.lists else source
            if single in words:
                return f"[{source}]"
        if word in WHOLE:
            return f"[{WHOLE[word]}]" if self.lists else WHOLE[word]
        return f"[expect.{name}]" if self.lists else f"expect.{name}"

    def _unknown(self) -> str:
        """The parameter that must hold the answer because nothing else is known of it."""
        for name in self._named:
            free = self._sources[name].startswith("expect.")
            if free and self._all[name].default is Parameter.empty:
                return name
        raise DoesNotFit(
            f"none of its parameters ({self}) can hold the answer; say --argument NAME=answer"
        )

    def _value(self, name: str, source: str, case: Case, text: str) -> Any:
        inner = source.strip("[]")
        if inner == "answer":
            value: Any = self._item(text, "assistant")
        elif inner == "prompt":
            value = self._item(case.prompt, "user")
        elif inner == "gold":
            value = gold(case, name, _single(name))
            if isinstance(value, list) and not self.lists:
                return value
        elif inner == "case":
            value = case
        else:
            key = inner.partition(".")[2]
            value = case.expect[key] if key else dict(case.expect)
        return [value] if source.startswith("[") else value

    def _item(self, text: str, role: str) -> Any:
        return [{"role": role, "content": text}] if self._chat else text


def gold(case: Case, *names: str) -> Any:
    """What the case expects: under one of ``names`` or the usual ones, or as all there is. Raises
    ``KeyError``."""
    for name in (*names, *GOLD):
        if name in case.expect:
            return case.expect[name]
    if len(case.expect) == 1:
        return next(iter(case.expect.values()))
    raise KeyError("gold")


def _parameters(function: Callable[..., Any], given: Mapping[str, str]) -> dict[str, Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # written in C: it has what its user says
        return {name: Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in given}


def _single(name: str) -> str:
    return {"hypotheses": "hypothesis"}.get(name.lower(), name.lower().removesuffix("s"))


def _is_source(text: str) -> bool:
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    return inner in ("answer", "prompt", "gold", "case", "expect") or inner.startswith("expect.")
