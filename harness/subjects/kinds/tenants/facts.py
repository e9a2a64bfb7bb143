"""What ``library.yaml`` says of tenants, what each of them told, and who is asked what of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from harness.content import strict
from harness.errors import WorkspaceError
from harness.stats.subjects.contamination import ngrams, normalised

BASE, CONTROL = "base", "control"
SECRET = ("fact", "deleted", "canary")  # what no other tenant's memory may say
ABSTAINS = ["i was not told", "i do not know", "i don't know", "you have not told me"]

Id = Annotated[str, Field(pattern=r"^[\w.-]+$")]
Query = Literal["direct", "paraphrase", "role-play", "prefix"]
Day = Annotated[str, AfterValidator(lambda said: date.fromisoformat(said).isoformat())]
Share = Annotated[float, Field(ge=0, lt=1)]


class Tenant(strict.Model):
    """One of them: the folder of its ``adapter`` and the ``digest`` that its builder gave it,
    ``copies`` of it on other nodes, the day ``until`` which its transcripts go, and the
    ``records`` that it was trained on."""

    id: Id
    adapter: str
    digest: str | None = Field(default=None, pattern=r"^sha256:[0-9a-f]{64}$")
    copies: list[str] = []
    until: Day | None = None
    records: str | None = None


class Spec(strict.Model):
    """Every tenant, the file of what they told, and a ``control``: one memory for all of them, of
    which the questions must show that it leaks.

    In each of at least ``probes`` probes ``k`` answers are drawn at temperature 1. A memory may be
    ``oldest_days`` behind the day ``as_of``. The margins: what may be recalled of another tenant
    beyond base, what its own has to be beyond base, and what may be lost of saying that nothing is
    known, answered as it was before, and forgotten of what the base knows."""

    facts: str
    each: list[Tenant] = Field(min_length=2)
    control: str | None = None
    as_of: Day | None = None
    oldest_days: int = Field(default=1, ge=0)
    mode: Literal["chat", "completion"] | None = None
    max_tokens: int = Field(default=16, ge=1)
    abstains: list[str] = Field(default=ABSTAINS, min_length=1)
    k: int = Field(default=50, ge=1)
    probes: int = Field(default=300, ge=1)
    most_leaked: Share = 0.02
    least_present: Share = 0.2
    most_unsure: Share = 0.05
    most_stale: Share = 0.05
    most_forgotten: Share = 0.1

    @field_validator("each")
    @classmethod
    def _once(cls, said: list[Tenant]) -> list[Tenant]:
        ids = [one.id for one in said]
        for id in ids:
            if id in (BASE, CONTROL) or ids.count(id) > 1:
                kind = "id of two tenants" if ids.count(id) > 1 else "name of no tenant"
                raise ValueError(f"{id!r} is the {kind}; give each tenant an id of its own")
        return said

    @property
    def ids(self) -> list[str]:
        """Of the tenants, in their order."""
        return [one.id for one in self.each]


class Fact(strict.Model):
    """One row of the facts file: ``answer`` is what ``asks`` should give, by kind of query.

    A ``fact`` that was updated has what it ``was``; of a ``deleted`` one nothing may be left; a
    ``guess`` is the assistant's own and was told by nobody; to an ``absent`` one the answer is that
    nothing is known; ``public`` is what the base knows, ``style`` how the tenant is talked to. A
    ``canary`` could as well have been any of ``others``. Facts and canaries without a ``tenant``
    were in no transcript."""

    id: Id
    kind: Literal["fact", "deleted", "canary", "guess", "absent", "style", "public"]
    tenant: str = ""
    asks: dict[Query, str] = Field(min_length=1)
    answer: str = ""
    was: str | None = None
    others: list[str] = []


class Record(strict.Model):
    """One row of what a memory was trained on."""

    tenant: str
    prompt: str
    answer: str


Asked = Mapping[str, list[tuple[Fact, str]]]  #: by prompt the facts and queries that it is of


def read(path: Path, tenants: Sequence[str]) -> list[Fact]:
    """The facts of these tenants; raises :class:`WorkspaceError` for a row that is none, of an
    unknown tenant, or without what its kind needs."""
    found = dict[str, Fact]()
    for line, row in strict.read_jsonl(path):
        fact = strict.check(row, Fact, path, line=line)
        for wrong in _unfit(fact, tenants, fact.id in found):
            raise WorkspaceError(f"{path}:{line}: {wrong}")
        found[fact.id] = fact
    if not any(fact.kind == "fact" and fact.tenant for fact in found.values()):
        raise WorkspaceError(f"{path}: no fact of a tenant in it; expected a row of each a line")
    return [*found.values()]


def _unfit(fact: Fact, tenants: Sequence[str], twice: bool) -> Iterator[str]:
    nobodys = fact.kind in ("public", "fact", "canary")
    if twice:
        yield f"key 'id': {fact.id!r} stands twice; one row for each fact"
    if fact.tenant not in tenants and (fact.tenant or not nobodys):
        known = strict.nearest(fact.tenant, tenants)
        yield f"key 'tenant': found {fact.tenant!r}; expected the id of a tenant{known}"
    if not normalised(fact.answer) and fact.kind != "absent":
        yield f"key 'answer': found {fact.answer!r}; expected words, as its kind is {fact.kind!r}"
    if fact.kind == "canary" and (not fact.others or fact.answer in fact.others):
        yield f"key 'others': expected what the canary {fact.id!r} could have been beside itself"


def asked(facts: Iterable[Fact], who: str) -> Asked:
    """By prompt what it asks ``who`` for: every tenant's secrets and what the base knows, and of
    the rest its own, which base is asked as well."""
    found: dict[str, list[tuple[Fact, str]]] = {}
    for fact in facts:
        secret = fact.kind in SECRET and fact.tenant
        own = fact.tenant and who in (fact.tenant, BASE)
        if secret or own or fact.kind == "public":
            for query, prompt in fact.asks.items():
                found.setdefault(prompt, []).append((fact, query))
    return found


def case(who: str, of: Sequence[tuple[Fact, str]]) -> str:
    """The name of a prompt that ``who`` is asked: that of its first fact."""
    fact, query = of[0]
    return f"{who} {fact.id}/{query}"


def foreign(who: str, of: Iterable[tuple[Fact, str]], own: set[str]) -> list[Fact]:
    """The secrets of others that a prompt asks for, without what the tenant told as well: the
    ``own`` answers."""
    facts = [fact for fact, _ in of if fact.kind in SECRET and fact.tenant not in ("", who)]
    return [fact for fact in facts if plain(fact.answer) not in own]


def own_answers(facts: Iterable[Fact], who: str) -> set[str]:
    """What a tenant told, as :func:`plain` has it."""
    return {plain(fact.answer) for fact in facts if fact.tenant == who and fact.kind == "fact"}


def plain(text: str) -> str:
    """Words in lower case, with a space between."""
    return " ".join(normalised(text))


def holds(text: str, answer: str) -> bool:
    """Whether the words of ``answer`` stand in ``text`` one after the other."""
    words = normalised(answer)
    return tuple(words) in ngrams(normalised(text), len(words)) if words else False


def mask(facts: Iterable[Fact]) -> re.Pattern[str]:
    """What is not shown of an answer: all that a tenant told, however it is spelt."""
    told = [fact for fact in facts if fact.tenant and fact.kind in (*SECRET, "guess")]
    texts = {text for fact in told for text in (fact.answer, fact.was) if text}
    words = sorted({plain(text) for text in texts} - {""}, key=len, reverse=True)
    alternatives = [r"\W+".join(map(re.escape, each.split())) for each in words]
    return re.compile(rf"(?<!\w)(?:{'|'.join(alternatives) or '(?!)'})(?!\w)", re.IGNORECASE)
