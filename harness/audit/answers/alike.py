"""Which answers count once: copies say no more than their first, and answers to several prompts
that share one kind of fault say little more than one.

A verifier that passes one of them passes the others too, so that a bound over all would promise
what nobody looked at."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from harness.audit.answers.lexing import snippet
from harness.content.case import Case
from harness.digests import canonical_digest
from harness.stats.clusters import effective_size


@dataclass(frozen=True)
class Known:
    """An answer that was judged: to a case, of a kind (of fault, or of writing it another way);
    ``made`` by the harness, which makes no copies that differ in a digit."""

    case: Case
    answer: str
    kind: str
    made: bool = False


def goods(known: Iterable[Known], correlation: float, *, completion: bool) -> int:
    """How many independent answers good ones are worth: several to one task are correlated, and
    those that differ in layout, case, digits or names are one."""
    seen: set[tuple[str, str]] = set()
    tasks: dict[str, int] = {}
    for one in known:
        same = (_expected(one.case), _shape(one.answer, completion=completion))
        if same not in seen:
            seen.add(same)
            tasks[task(one.case)] = tasks.get(task(one.case), 0) + 1
    return int(effective_size(tasks.values(), correlation))


def bads(known: Iterable[Known], correlation: float) -> tuple[int, int]:
    """How many independent answers those with a kind are worth, and of how many kinds they are: a
    cluster is a kind and a task, and those of one kind are correlated."""
    seen: set[tuple[str, str]] = set()
    found: list[Known] = []
    for one in known:
        expected, exact = _expected(one.case), "".join(one.answer.split()).casefold()
        if (expected, exact if one.made else plain(one.answer)) not in seen:
            seen |= {(expected, exact), (expected, plain(one.answer))}
            found.append(one)
    return variants(found, correlation), len({plain(one.kind) for one in found})


def variants(known: Iterable[Known], correlation: float) -> int:
    """How many independent answers are worth of which every kind is another on purpose. Those of
    one kind are correlated, and so are those to one task: the smaller number counts."""
    clusters = {(plain(one.kind), task(one.case)) for one in known}
    sizes = [Counter(cluster[side] for cluster in clusters).values() for side in (0, 1)]
    return int(min(effective_size(each, correlation) for each in sizes))


def task(case: Case) -> str:
    """What two cases share that differ in layout only."""
    return re.sub(r"\W", "", case.prompt.casefold()) + _expected(case)


def plain(text: str) -> str:
    """A text without layout and case, and every number the same."""
    return re.sub(r"\d+", "0", "".join(text.split()).casefold())


def _expected(case: Case) -> str:
    return canonical_digest(_bare(dict(case.expect)))


def _bare(value: object) -> object:
    """Data without the layout of its texts."""
    if isinstance(value, dict):
        return {key: _bare(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_bare(one) for one in value]
    return " ".join(value.split()) if isinstance(value, str) else value


def _shape(answer: str, *, completion: bool) -> str:
    """A text as :func:`plain` has it; of code the tokens, with names by order of appearance."""
    code = snippet(answer, completion=completion)
    if code is None:
        return plain(answer)
    names: dict[str, str] = {}
    kept = [token for token in code.tokens if token.kind not in ("comment", "space")]
    return plain(
        " ".join(
            names.setdefault(token.text, f"name {len(names)}")
            if token.kind == "word"
            else token.text
            for token in kept
        )
    )
