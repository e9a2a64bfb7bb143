"""The prompt that is really sent: what a chat template does to a question, and what no answer may
hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from harness.content.suite import Suite
from harness.engines import prompting
from harness.errors import EngineError, WorkspaceError
from harness.subjects.base import Fault

if TYPE_CHECKING:
    from harness.engines.base import WhiteBox

_OPEN = re.compile(r"<\|?(?:\w*think\w*|reasoning|thought)(?::start)?\|?>\s*$", re.IGNORECASE)

PROBED = 4  # prompts of each suite that show the effect of the adapter


def encoded(suites: Iterable[Suite], engine: WhiteBox) -> tuple[list[list[int]], int]:
    """Token ids of a few prompts of each suite, and the most tokens that a prompt and its answer
    have together; every prompt of every arm is read for it.

    Raises :class:`WorkspaceError` for any that the base cannot be asked."""
    probe, most = list[list[int]](), 0
    for suite in suites:
        form, systems = suite.form, _systems(suite)
        for (number, case), (arm, system) in product(enumerate(suite.cases), systems.items()):
            who = f"{suite.path}: prompt {case.id!r}{arm.removeprefix(suite.id)}"
            try:
                row = engine.encode(form.text(case.prompt), form.mode, system)
            except EngineError as error:
                raise WorkspaceError(f"{who}: {error}") from error
            if len(row) >= engine.context:
                raise WorkspaceError(
                    f"{who} has {len(row)} tokens, and the base's context is {engine.context};"
                    " shorten the prompt, or gate on a base with a longer context"
                )
            most = max(most, len(row) + form.max_tokens)
            if number < PROBED and arm == suite.id:
                probe.append(row)
    return probe, most


def probed(suites: Mapping[str, Suite]) -> list[str]:
    """The prompts that show whether an adapter is at work."""
    return [case.prompt for each in suites.values() for case in each.cases[:PROBED]]


def _systems(suite: Suite) -> dict[str, str | None]:
    """What stands before the prompts of each arm that is asked apart, by ``suite`` and ``suite
    canon``."""
    canon = "\n\n".join(filter(None, [suite.spec.system, suite.spec.canon]))
    return {suite.id: suite.spec.system} | (
        {f"{suite.id} canon": canon} if suite.spec.canon else {}
    )


def rendered(suites: Iterable[Suite], engine: WhiteBox) -> dict[str, str]:
    """The first prompt of each suite as the engine reads it, by ``suite`` and, where the canon is
    asked as a system prompt, ``suite canon``. Raises :class:`EngineError`."""
    found = {}
    for suite in suites:
        form = suite.form
        prompt = form.text(suite.cases[0].prompt)
        for name, system in _systems(suite).items():
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
        form, system = suite.form, suite.spec.system
        rows = {
            case.id: engine.encode(form.text(case.prompt), form.mode, system)
            for case in suite.cases
        }
        start, ids = getattr(engine.tokenizer, "bos_token_id", None), rows[suite.cases[0].id]
        if start is not None and ids[:2] == [start, start]:
            text = f"{suite.id}: its prompts begin with the start token {start} twice"
            yield Fault("double-bos", f"{text}; leave it out of the template or the prompts")
        yield from _beyond(suite, rows, engine)
        if form.mode == "completion":
            yield from _ended(suite, rows, engine)
    chats = [suite for suite in suites if suite.form.mode == "chat"]
    if chats:
        yield from _template(chats, engine.tokenizer)


def _beyond(suite: Suite, rows: dict[str, list[int]], engine: WhiteBox) -> Iterator[Fault]:
    """A tokenizer that knows more ids than the base: mlx reads what lies behind the embedding."""
    beyond = [(case, id) for case, ids in rows.items() for id in ids if id >= engine.vocabulary]
    if beyond:
        case, id = beyond[0]
        yield Fault(
            "ids-beyond-embedding",
            f"{suite.id}: prompt {case!r} holds token id {id}, and the base has an embedding of"
            f" {engine.vocabulary} ids: its tokenizer is not its own",
        )


def _ended(suite: Suite, rows: dict[str, list[int]], engine: WhiteBox) -> Iterator[Fault]:
    ends = getattr(engine.tokenizer, "eos_token_ids", None) or ()
    ended = [case for case, ids in rows.items() if ids and ids[-1] in ends]
    if ended:
        yield Fault(
            "prompt-ended",
            f"{suite.id}: {len(ended)} prompts end with an end token, first {ended[0]!r}: nothing"
            " is left to answer; take it out of the prompts",
        )


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
    elif ends and (text == bare or not _begins_answers(tokenizer, prompt, system, text)):
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


def _begins_answers(tokenizer: Any, prompt: str, system: str | None, text: str) -> bool:
    """Whether the template writes ``text`` before an answer that is there: then an end token at its
    end begins the answer, as Phi-3's ``<|assistant|>`` does."""
    try:
        shown = prompting.chat(
            tokenizer, prompt, system, tokenize=False, generation=False, answer="x"
        )
    except EngineError:
        return False
    return str(shown).startswith(text)


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
