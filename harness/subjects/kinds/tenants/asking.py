"""Asking memories: greedily, by draws, and for how likely they find what they should not know."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.engines import branching, mixed
from harness.engines.base import Ask, Decoding, WhiteBox
from harness.subjects.base import Bench, Numbers
from harness.subjects.kinds.tenants import facts as told
from harness.subjects.kinds.tenants.facts import BASE, CONTROL, Fact

RECALL, DRAWN, LOSS, EXPOSURE = "recall", "drawn", "loss", "exposure"
MASK, TOGETHER = "████", 1024  # rows that are handed to the engine at once


class Prompt(NamedTuple):
    """What ``who`` is asked by one prompt, and the facts that it asks for."""

    who: str
    text: str
    of: list[tuple[Fact, str]]


def owed(bench: Bench, facts: Sequence[Fact]) -> dict[str, list[str]]:
    """Every question to base, each tenant's memory and the control; the probes that are drawn,
    spread over all; and the likelihood of every secret."""
    own, asked = bench.own, prompts(bench, facts)
    known = {who: told.own_answers(facts, who) for who in own.ids}
    left, drawn = own.probes, list[str]()
    for case in sorted(asked, key=lambda name: hashlib.sha256(name.encode()).digest()):
        who, _, of = asked[case]
        many = len(told.foreign(who, of, known[who])) if who in known else 0
        if left > 0 and many:
            left, drawn = left - many, [*drawn, case]
    everybody = [BASE, *own.ids]
    likely = [fact.id for fact in facts if fact.kind in ("fact", "deleted")]
    canaries = [fact.id for fact in facts if fact.kind == "canary"]
    exposed = [*own.ids, *([CONTROL] if own.control else [])]
    found = {
        RECALL: list(asked),
        DRAWN: drawn,
        LOSS: [f"{who} {id}" for who in everybody for id in likely],
        EXPOSURE: [f"{who} {id}" for who in exposed for id in canaries],
    }
    return {what: cases for what, cases in found.items() if cases}


def prompts(bench: Bench, facts: Sequence[Fact]) -> dict[str, Prompt]:
    """By case what is asked of whom."""
    own = bench.own
    everybody = [BASE, *own.ids, *([CONTROL] if own.control else [])]
    return {
        told.case(who, of): Prompt(who, text, of)
        for who in everybody
        for text, of in told.asked(facts, who).items()
    }


def recalled(bench: Bench, facts: Sequence[Fact], cases: Sequence[str]) -> Iterator[Any]:
    """By case what is said, masked, and of each fact that is asked for whether it is held: owner,
    kind, id, query, held, and held as it was before an update."""
    asked, hidden = prompts(bench, facts), told.mask(facts)
    known = {who: told.own_answers(facts, who) for who in bench.own.ids}
    for case, _, text in _answers(bench, asked, cases, 1, 0.0):
        who, _, of = asked[case]
        unsure = any(told.holds(text, one) for one in bench.own.abstains)
        theirs = [fact.id for fact in told.foreign(who, of, known.get(who, set()))]
        rows = [
            [
                *_of(fact, query),
                _held(fact, text, unsure),
                told.holds(text, fact.was) if fact.was else None,
            ]
            for fact, query in of
            if fact.tenant in ("", who) or fact.id in theirs or fact.kind not in told.SECRET
        ]
        yield case, {"said": hidden.sub(MASK, text), "unsure": unsure, "rows": rows}


def drawn(bench: Bench, facts: Sequence[Fact], cases: Sequence[str]) -> Iterator[Any]:
    """By case how many of ``k`` answers at temperature 1 hold another tenant's secret, by owner."""
    asked, own = prompts(bench, facts), bench.own
    known = {who: told.own_answers(facts, who) for who in own.ids}
    texts = defaultdict[str, list[str]](list)
    for case, _, text in _answers(bench, asked, cases, own.k, 1.0):
        texts[case].append(text)
        if len(texts[case]) == own.k:
            who, _, of = asked[case]
            secrets = told.foreign(who, of, known[who])
            said, leaked = texts.pop(case), dict[str, int]()
            for text in said:
                for owner in {fact.tenant for fact in secrets if told.holds(text, fact.answer)}:
                    leaked[owner] = leaked.get(owner, 0) + 1
            yield case, {"k": own.k, "probes": len(secrets), "leaked": leaked}


def likely(bench: Bench, facts: Sequence[Fact], cases: Sequence[str]) -> Iterator[Any]:
    """By case the loss of an answer in nats; of a canary also how many of its alternatives have a
    lower one."""
    of = {fact.id: fact for fact in facts}
    engine, at = bench.engine(), None
    for case in cases:
        who, _, id = case.partition(" ")
        if who != at:
            engine.mount(_folder(bench, who))
            at = who
        fact = of[id]
        prompt = engine.encode(next(iter(fact.asks.values())), mode(bench, engine))
        others = fact.others if fact.kind == "canary" else []
        found, *theirs = losses(engine, prompt, [fact.answer, *others])
        numbers: Numbers = {"loss": found, "owner": fact.tenant, "kind": fact.kind}
        if others:
            numbers |= {"below": sum(one < found for one in theirs), "of": len(others)}
        yield case, numbers
    engine.mount(None)


def losses(engine: WhiteBox, prompt: list[int], answers: Sequence[str]) -> list[float]:
    """Nats of each answer behind ``prompt``, under what is mounted."""
    ids = [list(engine.tokenizer.encode(said, add_special_tokens=False)) for said in answers]
    return branching.losses(engine, prompt, ids)


def mode(bench: Bench, engine: WhiteBox) -> str:
    """How questions are put: as the entry says, else as its base is asked."""
    said = bench.own.mode or bench.entry.base.mode
    return str(said or ("chat" if engine.template else "completion"))


def _answers(
    bench: Bench, asked: dict[str, Prompt], cases: Sequence[str], samples: int, temperature: float
) -> Iterator[tuple[str, int, str]]:
    """``(case, sample, answer)`` as they come, adapters mixed in a batch where that can be."""
    engine = bench.engine()
    form = mode(bench, engine)
    decoding = Decoding(
        bench.own.max_tokens, ("\n",) if form == "completion" else (), temperature=temperature
    )
    step, answer = max(1, TOGETHER // samples), branching.answer if temperature else mixed.answer
    for some in (cases[at : at + step] for at in range(0, len(cases), step)):
        wanted = [(case, sample) for case in some for sample in range(samples)]
        asks = [
            Ask(
                asked[case].text, form, None, decoding, _seed(case, sample), bench.digests["base"],
                asked[case].who, _folder(bench, asked[case].who),
                place=(RECALL, asked[case].who, case, sample),
            )
            for case, sample in wanted
        ]  # fmt: skip
        for number, said in answer(engine, asks):
            yield (*wanted[number], said.text)


def _folder(bench: Bench, who: str) -> Path | None:
    role = CONTROL if who == CONTROL else f"tenant {who}"
    return None if who == BASE else bench.folders[role]


def _of(fact: Fact, query: str) -> list[str]:
    return [fact.tenant, fact.kind, fact.id, query]


def _held(fact: Fact, text: str, unsure: bool) -> bool:
    return unsure if fact.kind == "absent" else told.holds(text, fact.answer)


def _seed(case: str, sample: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{case} {sample}".encode()).digest()[:7])
