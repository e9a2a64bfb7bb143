"""The prompt that is really sent: what a chat template does to a question, and what no answer may
hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from harness.content.suite import Suite
from harness.engines import prompting
from harness.subjects.base import Fault

if TYPE_CHECKING:
    from harness.engines.base import WhiteBox

_OPEN = re.compile(r"<\|?(?:\w*think\w*|reasoning|thought)(?::start)?\|?>\s*$", re.IGNORECASE)


def rendered(suites: Iterable[Suite], engine: WhiteBox) -> dict[str, str]:
    """The first prompt of each suite as the engine reads it, by ``suite`` and, where the canon is
    asked as a system prompt, ``suite canon``. Raises :class:`EngineError`."""
    found = {}
    for suite in suites:
        spec, form = suite.spec, suite.form
        prompt = form.text(suite.cases[0].prompt)
        canon = "\n\n".join(filter(None, [spec.system, spec.canon]))
        arms = {suite.id: spec.system} | ({f"{suite.id} canon": canon} if spec.canon else {})
        for name, system in arms.items():
            if form.mode == "completion":
                ids = engine.encode(prompt, form.mode)
                found[name] = str(engine.tokenizer.decode(ids))
            else:
                found[name] = prompting.chat(engine.tokenizer, prompt, system, tokenize=False)
    return found


def faults(suites: Sequence[Suite], engine: WhiteBox) -> Iterator[Fault]:
    """What makes the answers to these prompts say nothing, or needs to be known of them. Raises
    :class:`EngineError`."""
    for suite in suites:
        prompt = suite.form.text(suite.cases[0].prompt)
        ids = engine.encode(prompt, suite.form.mode, suite.spec.system)
        start = getattr(engine.tokenizer, "bos_token_id", None)
        if start is not None and ids[:2] == [start, start]:
            text = f"{suite.id}: its prompts begin with the start token {start} twice"
            yield Fault("double-bos", f"{text}; leave it out of the template or the prompts")
    chats = [suite for suite in suites if suite.form.mode == "chat"]
    if chats:
        yield from _template(chats, engine.tokenizer)


def _template(chats: Sequence[Suite], tokenizer: Any) -> Iterator[Fault]:
    suite = chats[0]
    prompt, system = suite.form.text(suite.cases[0].prompt), suite.spec.system
    text = prompting.chat(tokenizer, prompt, system, tokenize=False)
    bare = prompting.chat(tokenizer, prompt, system, tokenize=False, generation=False)
    ends = [token for token in _ends(tokenizer) if token and text.rstrip().endswith(token)]
    shown = f"{suite.id}: the prompt ends with {text[-40:]!r}"
    if _OPEN.search(text):
        yield Fault(
            "open-think",
            f"{shown}: an open thought, though thinking is off; a template without it, or a base"
            " that is not made to think, is needed",
        )
    elif text == bare and ends:
        yield Fault(
            "prompt-ended",
            f"{shown}, an end token: nothing is left to answer; correct the template",
        )
    elif text == bare:
        yield Fault(
            "no-generation-prompt",
            f"{shown}, with add_generation_prompt and without: the template does not begin the"
            " answer; correct the template",
        )
    if any(one.spec.system or one.spec.canon for one in chats) and not prompting.takes_system(
        tokenizer
    ):
        yield Fault(
            "system-before-user",
            "the template takes no system turn; system prompts and canons stand before the prompt",
            "warn",
        )
    if prompting.ASKS_DATE in str(getattr(tokenizer, "chat_template", "")):
        text = f"the template asks for the date; it is told {prompting.CLOCK:%Y-%m-%d} in every run"
        yield Fault("clock", text, "warn")


def control_tokens(suites: Iterable[Suite], tokenizer: Any) -> list[str]:
    """The special tokens that the chat template writes and that end no answer: in an answer they
    show that the model went on to play other turns."""
    if not any(suite.form.mode == "chat" for suite in suites):
        return []
    special = getattr(tokenizer, "all_special_tokens", None) or []
    template = str(getattr(tokenizer, "chat_template", "") or "")
    ends = set(_ends(tokenizer))
    return sorted({str(one) for one in special if str(one) in template} - ends)


def _ends(tokenizer: Any) -> list[str]:
    ids = getattr(tokenizer, "eos_token_ids", None) or []
    names = {id: name for name, id in tokenizer.get_vocab().items()}
    return [names[id] for id in ids if id in names]
