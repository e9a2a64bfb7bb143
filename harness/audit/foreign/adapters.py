"""How each family of scorers is called: plain functions, inspect_ai, TRL, verl, lm-eval, promptfoo.

An adapter makes of what was found a question: a function of a case and an answer that returns
whatever the scorer says, for :func:`harness.audit.foreign.results.read`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from harness.audit.foreign.arguments import Arguments, gold
from harness.content.case import Case

Question = Callable[[Case, str], Any]


@dataclass(frozen=True)
class Adapted:
    """A scorer to ask, whether it speaks of lists of one, and the field and the least value that
    its family takes for a pass."""

    ask: Question
    lists: bool = False
    key: str | None = None
    threshold: float | None = None


def plain(function: Any, given: Mapping[str, str], *, chat: bool = False) -> Adapted:
    """A function, asked with the parameters that it has."""
    arguments = Arguments(function, given, chat=chat)

    def ask(case: Case, text: str) -> Any:
        args, kwargs = arguments.fill(case, text)
        return _awaited(function(*args, **kwargs))

    return Adapted(ask, arguments.lists)


def trl_chat(function: Any, given: Mapping[str, str]) -> Adapted:
    """A reward function of TRL for conversations: each completion is a list of messages."""
    return plain(function, given, chat=True)


def verl(function: Any, given: Mapping[str, str]) -> Adapted:
    """A ``compute_score`` of verl: a number, or a dict with ``score``."""
    found = plain(function, given)

    def ask(case: Case, text: str) -> Any:
        said = found.ask(case, text)
        return said["score"] if isinstance(said, Mapping) and "score" in said else said

    return Adapted(ask)


def promptfoo(function: Any, _given: Mapping[str, str]) -> Adapted:
    """A Python assertion of promptfoo, ``get_assert(output, context)``: a bool, a number that
    passes above 0, or a dict with ``pass``."""

    def ask(case: Case, text: str) -> Any:
        variables = dict(case.expect)
        context = {
            "prompt": case.prompt,
            "vars": variables,
            "test": {"vars": variables},
            "config": {},
        }
        said = _awaited(function(text, context))
        if isinstance(said, Mapping):
            said = said.get("pass", said.get("pass_", said))
        return said

    return Adapted(ask, threshold=5e-324)  # the least number above 0


def inspect_ai(function: Any, _given: Mapping[str, str]) -> Adapted:
    """A scorer of inspect_ai, made or still to be made: C passes, I and N do not, P is 0.5."""
    scorer = function if inspect.iscoroutinefunction(function) else function()
    words = {"C": True, "I": False, "N": False, "P": 0.5}

    def ask(case: Case, text: str) -> Any:
        model, solver = import_module("inspect_ai.model"), import_module("inspect_ai.solver")
        output = model.ModelOutput.from_content("none/none", text)
        wanted = gold(case, "target")
        state = solver.TaskState(
            model=model.ModelName("none/none"),
            sample_id=case.id,
            epoch=1,
            input=case.prompt,
            messages=[model.ChatMessageUser(content=case.prompt), output.choices[0].message],
            output=output,
            metadata=dict(case.expect),
        )
        wanted = list(map(str, wanted)) if isinstance(wanted, list) else str(wanted)
        target = import_module("inspect_ai.scorer").Target(wanted)
        value = asyncio.run(scorer(state, target)).value
        return words.get(value, value) if isinstance(value, str) else value

    return Adapted(ask)


def _awaited(found: Any) -> Any:
    async def wait() -> Any:
        return await found

    return asyncio.run(wait()) if inspect.isawaitable(found) else found


ADAPTERS: dict[str, Callable[[Any, Mapping[str, str]], Adapted]] = {
    "plain": plain,
    "inspect": inspect_ai,
    "trl": plain,
    "trl-chat": trl_chat,
    "verl": verl,
    "promptfoo": promptfoo,
}


def chosen(function: Any) -> str:
    """The adapter for what was found, where its author did not say."""
    if hasattr(function, "__registry_info__") or "inspect_ai" in _annotations(function):
        return "inspect"
    name = getattr(function, "__name__", "")
    return {"get_assert": "promptfoo", "compute_score": "verl"}.get(name, "plain")


def _annotations(function: Any) -> str:
    return " ".join(str(one) for one in getattr(function, "__annotations__", {}).values())
