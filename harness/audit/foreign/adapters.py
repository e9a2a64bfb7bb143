"""How each family of scorers is called: plain functions, inspect_ai, TRL, verl, lm-eval, promptfoo.

An adapter makes of what was found a question: a function of a case and an answer that returns
whatever the scorer says, for :func:`harness.audit.foreign.results.read`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.audit.foreign.arguments import Arguments, gold
from harness.content.case import Case
from harness.errors import VerifierError

Question = Callable[[Case, str], Any]


@dataclass(frozen=True)
class Adapted:
    """A scorer to ask, whether it speaks of lists of one, and the field and the least value that
    its family takes for a pass.
    """

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
    """A Python assertion of promptfoo, ``get_assert(output, context)``: a bool, a number that passes
    above 0, or a dict with ``pass``.
    """

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
        from inspect_ai.model import ChatMessageUser, ModelName, ModelOutput
        from inspect_ai.scorer import Target
        from inspect_ai.solver import TaskState

        output = ModelOutput.from_content("none/none", text)
        wanted = gold(case, "target")
        state = TaskState(
            model=ModelName("none/none"),
            sample_id=case.id,
            epoch=1,
            input=case.prompt,
            messages=[ChatMessageUser(content=case.prompt), output.choices[0].message],
            output=output,
            metadata=dict(case.expect),
        )
        target = Target(list(map(str, wanted)) if isinstance(wanted, list) else str(wanted))
        value = asyncio.run(scorer(state, target)).value
        return words.get(value, value) if isinstance(value, str) else value

    return Adapted(ask)


def lm_eval(path: Path, name: str) -> Adapted:
    """The filters called ``name`` (the first, when empty) and the metric of a task of lm-eval, as
    its YAML file says; no data set is loaded.
    """
    from lm_eval.api.instance import Instance
    from lm_eval.api.registry import get_metric
    from lm_eval.filters import build_filter_ensemble
    from lm_eval.tasks._yaml_loader import load_yaml
    from lm_eval.utils import apply_template

    task = load_yaml(path)
    listed = {one["name"]: one["filter"] for one in task.get("filter_list") or []}
    steps = listed.get(name) if name else next(iter(listed.values()), [])
    if steps is None:
        raise VerifierError(f"--wrap {path}:{name}: its filters are {', '.join(listed) or 'none'}")
    parts = [(one["function"], {k: v for k, v in one.items() if k != "function"}) for one in steps]
    filters = build_filter_ensemble("asked", parts)
    metric = (task.get("metric_list") or [{"metric": "exact_match"}])[0]
    options = {
        k: v for k, v in metric.items() if k not in ("metric", "aggregation", "higher_is_better")
    }
    stops = (task.get("generation_kwargs") or {}).get("until") or []

    def ask(case: Case, text: str) -> Any:
        for stop in [stops] if isinstance(stops, str) else stops:
            text = text.split(stop)[0]  # where the model would have been stopped
        doc = dict(case.expect)
        instance = Instance("generate_until", doc, (case.prompt, {}), 0)
        instance.resps = [text]
        filters.apply([instance])
        said = instance.filtered_resps["asked"]
        said = said[0] if isinstance(said, list) and not parts else said
        if callable(task.get("process_results")):
            return task["process_results"](doc, [said])
        target = task.get("doc_to_target")
        if callable(target):
            wanted = target(doc)
        elif isinstance(target, str) and "{{" in target:
            wanted = apply_template(target, doc)
        else:
            wanted = gold(case, str(target))
        found = get_metric(metric["metric"])(references=[wanted], predictions=[said], **options)
        return found if isinstance(found, Mapping) else {metric["metric"]: found}

    return Adapted(ask, key=metric["metric"], threshold=1.0)


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
