"""What an entry says of a patch, and its facts: what is asked about the document, and what else has
to stay as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.content import strict
from harness.content.suite import Mode
from harness.errors import WorkspaceError
from harness.stats.subjects.contamination import ngrams, normalised

TODO, QUESTION, DOCUMENT = "TODO", "{question}", "{document}"
ABSTAINS = [
    "I do not know", "I don't know", "not in the document", "does not say", "not mentioned",
    "no information", "cannot be determined",
]  # fmt: skip
MORE_WORDS = 25  # than the answer itself, with which a sentence still answers
Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1)]
Metric = Literal[
    "direct", "paraphrase", "neighbours", "score", "reverse", "two_hop", "in_context", "rag",
    "internalised", "abstention",
]  # fmt: skip


class Hop(strict.Model):
    """A question that is answered from the fact, and not by it."""

    question: Text
    answer: Text


class Fact(strict.Model):
    """One fact of the document: ``question`` and ``answer`` (or one of its ``aliases``), the same
    in other words, the question turned round, one of two steps; the answer of the document before
    it was changed, and where it stands in it, from 0 to 1."""

    id: Text
    question: Text
    answer: Text
    aliases: list[Text] = []
    paraphrases: list[Text] = Field(min_length=1)
    reverse: Hop | None = None
    two_hop: Hop | None = None
    stale: Text | None = None
    position: Share | None = None

    @property
    def accepts(self) -> list[str]:
        """Every right answer."""
        return [self.answer, *self.aliases]


class Facts(strict.Model):
    """The whole file. ``neighbours`` are questions near the document, ``unrelated`` ones far from
    it, whose answers shall not change; nobody can answer what is ``unanswerable``, and an answer
    that holds one of ``abstains`` says so."""

    facts: list[Fact] = Field(min_length=1)
    neighbours: list[Text] = []
    unanswerable: list[Text] = []
    unrelated: list[Text] = []
    abstains: list[Text] = ABSTAINS


class Both(strict.Model):
    """A second patch of other ``facts``, alone as ``adapter`` and together with this one as
    ``together``: what is mounted where both are active."""

    adapter: str
    together: str
    facts: str


class Budget(strict.Model):
    """What an update may cost."""

    seconds: float | None = Field(default=None, gt=0)
    bytes: int | None = Field(default=None, gt=0)


class Spec(strict.Model):
    """The ``document``, the ``facts`` that are asked about it, and the patch of an ``unrelated``
    document of the same generator; one of the document ``scrambled``, and a second one that is
    active with it (``both``), where there are.

    Questions are asked in ``template``, those with the document in ``context``; ``match`` says
    whether an answer holds the right words or is them. What the patch internalised is held against
    the document ``in-context``, or, with the reason ``why``, against every question ``answered``,
    which asks more. ``took`` are the seconds of the update as its generator said, ``published``
    numbers somebody published of it, ``validation`` the report of its generator."""

    document: str
    facts: str
    unrelated: str
    scrambled: str | None = None
    both: Both | None = None
    template: str = QUESTION
    context: str = f"{DOCUMENT}\n\n{QUESTION}"
    mode: Mode | None = None
    max_tokens: int = Field(default=48, gt=0)
    stop: list[Text] = []
    match: Literal["contains", "exact"] = "contains"
    ceiling: Literal["in-context", "answered"] = "in-context"
    why: Text | None = None
    passages: int = Field(default=3, gt=0)
    took: float | None = Field(default=None, ge=0)
    budget: Budget = Budget()
    published: dict[Metric, float] = {}
    validation: str | None = None
    internalised: Share = 0.5
    neighbours: Share = 0.95
    stale: Share = 0.05
    abstention: Share = 0.05
    composed: Share = 0.1
    verbatim: int = Field(default=16, gt=0)
    tolerance: Share = 0.02

    @model_validator(mode="after")
    def _can_be_asked(self) -> Spec:
        needed = {"template": (QUESTION,), "context": (DOCUMENT, QUESTION)}
        for key, marks in needed.items():
            if any(getattr(self, key).count(mark) != 1 for mark in marks):
                raise ValueError(f"`{key}` is to hold {' and '.join(marks)}, each once")
        if (self.ceiling == "answered") is (self.why is None):
            raise ValueError("`why` says why `ceiling: answered` is right, and nothing else")
        if self.budget.seconds is not None and self.took is None:
            raise ValueError("`budget.seconds` needs `took`, the seconds of the update")
        return self

    def right(self, text: str, accepts: Sequence[str]) -> bool:
        """Whether an answer is one of those that are accepted, in its first line."""
        line = text.strip().partition("\n")[0]
        said = words(line)
        if self.match == "exact":
            return any(said == words(one) for one in accepts)
        short = (one for one in accepts if len(said) <= len(words(one)) + MORE_WORDS)
        return any(holds(line, one) for one in short)


def words(text: str) -> list[str]:
    """What is compared: words in lower case without punctuation and, as SQuAD does, articles."""
    found = normalised(text)
    return [one for one in found if one not in ("a", "an", "the")] or found


def holds(text: str, part: str) -> bool:
    """Whether the words of ``part`` stand in ``text``, in a row."""
    run = tuple(words(part))
    return bool(run) and run in ngrams(words(text), len(run))


def read(path: Path) -> Facts:
    """The facts of a file; raises :class:`WorkspaceError` for one that is none, that is a draft, or
    that names one fact twice."""
    data, lines = strict.read_yaml(path)
    found = strict.check(data, Facts, path, lines)
    seen = set[str]()
    for number, fact in enumerate(found.facts):
        where = f"{path}:{lines.get(('facts', str(number), 'id'), 0)}: key 'facts.{number}"
        if fact.id in seen:
            raise WorkspaceError(f"{where}.id': {fact.id!r} stands twice; name each fact once")
        seen.add(fact.id)
    for key, text in _texts(found.model_dump(), ()):
        if re.search(rf"\b{TODO}\b", text):
            raise WorkspaceError(
                f"{path}:{lines.get(key, 0)}: key '{'.'.join(key)}': found {text!r:.60}; this is a"
                " draft, which a person completes before a gate: write what it asks for, or take it"
                " out"
            )
    return found


def _texts(data: Any, key: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text with its path of keys."""
    if isinstance(data, str):
        yield key, data
    elif isinstance(data, list | dict):
        pairs = data.items() if isinstance(data, dict) else enumerate(data)
        for name, one in pairs:
            yield from _texts(one, (*key, str(name)))


def leaks(found: Facts, template: str) -> Iterator[str]:
    """What makes a question worth nothing: its answer in what is asked, the same question twice, a
    question of what shall stay that is a fact."""
    asked = dict[tuple[str, ...], str]()
    for fact in found.facts:
        every = [(one, fact.accepts) for one in (fact.question, *fact.paraphrases)]
        hops = [(hop.question, [hop.answer]) for hop in (fact.reverse, fact.two_hop) if hop]
        for question, accepts in (*every, *hops):
            if given := next((one for one in accepts if holds(question, one)), None):
                yield f"{fact.id}: {question!r} holds its own answer {given!r}"
        if given := next((one for one in fact.accepts if holds(template, one)), None):
            yield f"{fact.id}: the template of every prompt holds its answer {given!r}"
        if fact.stale is not None and words(fact.stale) in [words(one) for one in fact.accepts]:
            yield f"{fact.id}: its stale answer {fact.stale!r} is a right one"
        for question, _ in every:
            if other := asked.get(tuple(words(question))):
                yield f"{fact.id}: {question!r} is asked twice, before as one of {other}"
            asked[tuple(words(question))] = fact.id
    apart = {"neighbours": found.neighbours, "unanswerable": found.unanswerable}
    for key, questions in (apart | {"unrelated": found.unrelated}).items():
        for question in questions:
            if other := asked.get(tuple(words(question))):
                yield f"{key}: {question!r} is a question of the fact {other}"
