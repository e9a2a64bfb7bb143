"""Whether a patch ships, by the numbers of its answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.stats.intervals import lower_bound, upper_bound
from harness.subjects.base import Numbers
from harness.subjects.kinds.patch.asking import ADAPTER, RAG
from harness.subjects.kinds.patch.spec import Spec
from harness.verdict import Reason, reason

LEAST = 20  # facts, and questions of each kind that have to stay: fewer have no rate
CONTROLS = {
    "unrelated": "the patch of another document",
    "scrambled": "the patch of the document scrambled",
    "random": "noise as large",
}


def lost(own: Spec, found: Numbers, alpha: float) -> list[Reason]:
    """Every reason against it, or the one for it."""
    against = [*_budget(own, found)]
    if "arms" in found:
        for rule in (_enough, _learnt, _stays, _old, _copied, _claims, _together):
            against += rule(own, found)
        against += _parts(found, alpha)
    if against or "arms" not in found:
        return against
    told = found["internalised"]
    text = (
        f"of what base did not know of {found['facts']} facts {_percent(told['value'])} is"
        f" internalised, {_percent(told['low'])} by the lower bound, {_percent(own.internalised)}"
        f" asked; S = {found['score']:.3f}"
    )
    return [_said("patch-learnt", text)]


def told(found: Numbers) -> Iterator[Reason]:
    """What is said where it changes no verdict."""
    arms = found.get("arms", {})
    rag, patch = arms.get(RAG), arms.get(ADAPTER)
    if rag is not None and patch is not None and rag >= patch:
        text = f"base with what BM25 finds answers {_percent(rag)}, the patch {_percent(patch)}"
        yield _said("patch-rag", f"{text}; and no other answer of base can change by it")


def _said(code: str, text: str) -> Reason:
    return reason(code, "patch", text)


def _percent(share: float | None) -> str:
    return "not measured" if share is None else f"{100 * share:.3g} %"


def _enough(own: Spec, found: Numbers) -> Iterator[Reason]:  # noqa: ARG001
    if found["facts"] < LEAST:
        knew = found["known"]["known"]
        text = f"{found['facts']} facts are left that base did not know, and {LEAST} are needed"
        yield _said("patch-known", f"base knew {knew} facts beforehand: {text}")
    for key in ("neighbours", "unanswerable"):
        if (many := found[f"{key}_asked"]) < LEAST:
            yield _said("patch-few", f"{many} questions in `{key}`, and {LEAST} are needed")


def _learnt(own: Spec, found: Numbers) -> Iterator[Reason]:
    told = found["internalised"]
    if told is None:
        arms = found["arms"]
        why = "has no room for the document" if not found["room"] else "gains nothing by reading it"
        text = (
            f"base {why} ({_percent(arms['in-context'])} right in context,"
            f" {_percent(arms['base'])} without), so that a share of that is no number;"
            " `ceiling: answered` holds the patch against every question answered, which asks more"
        )
        yield _said("patch-unread", text)
    elif told["low"] < own.internalised:
        code = "patch-not-learnt" if told["high"] < own.internalised else "patch-open"
        text = (
            f"{_percent(told['value'])} of what there is to learn is internalised, between"
            f" {_percent(told['low'])} and {_percent(told['high'])};"
            f" {_percent(own.internalised)} is asked by the lower bound"
        )
        yield _said(code, text)
    for arm, ahead in found["specific"].items():
        if ahead["low"] <= 0:
            text = (
                f"its own facts are answered by {CONTROLS[arm]} as well: the patch is ahead by"
                f" {100 * ahead['value']:.3g} points, by the lower bound {100 * ahead['low']:.3g}"
            )
            yield _said("patch-unspecific", text)


def _stays(own: Spec, found: Numbers) -> Iterator[Reason]:
    kept = found["neighbours"]
    if kept is not None and kept < own.neighbours:
        text = f"{_percent(kept)} of {found['neighbours_asked']} neighbouring answers stayed"
        yield _said("patch-neighbours", f"{text} as base's; {_percent(own.neighbours)} have to")
    hold = found["unrelated_hold"]
    if hold is not None and hold > 1 - own.neighbours:
        text = f"{_percent(hold)} of the answers to {found['unrelated_asked']} unrelated questions"
        yield _said("patch-instructed", f"{text} hold words of the document that base's do not")
    before, now = found["base_abstention"], found["abstention"]
    if None not in (before, now) and now < before - own.abstention:
        text = f"of {found['unanswerable_asked']} questions that nobody can answer it declines"
        less = f"{_percent(now)}, and base {_percent(before)}"
        yield _said("patch-overconfident", f"{text} {less}; {_percent(own.abstention)} less may be")


def _old(own: Spec, found: Numbers) -> Iterator[Reason]:
    if found["stale"] is not None and found["stale"] > own.stale:
        text = f"{_percent(found['stale'])} of what was changed is answered as before the change"
        yield _said("patch-stale", f"{text}; {_percent(own.stale)} may be")


def _copied(own: Spec, found: Numbers) -> Iterator[Reason]:
    if found["private"]:
        text = f"{found['private']} answers hold a number or an address of a person that stands in"
        yield _said("patch-verbatim", f"{text} the document, unasked")
    if found["run"] > own.verbatim:
        text = f"an answer holds {found['run']} words of the document in a row"
        yield _said("patch-verbatim", f"{text}; {own.verbatim} may be")


def _claims(own: Spec, found: Numbers) -> Iterator[Reason]:
    measured: dict[str, Any] = found | {"in_context": found["arms"].get("in-context")}
    measured["rag"] = found["arms"].get("rag")
    measured["internalised"] = (found["internalised"] or {}).get("value")
    for metric, said in own.published.items():
        now = measured.get(metric)
        if now is None or abs(now - said) > own.tolerance:
            text = f"published is {metric} = {said:g}; generated freely it is {_percent(now)}"
            yield _said("patch-claim", f"{text}, and a score under teacher forcing is none")


def _parts(found: Numbers, alpha: float) -> Iterator[Reason]:
    """A quarter of the document that is recalled less than all others together, each by its exact
    bound."""
    parts = found["parts"]
    for number, (right, asked) in enumerate(parts):
        others = [part for at, part in enumerate(parts) if at != number]
        known, of = sum(one for one, _ in others), sum(n for _, n in others)
        level = 1 - alpha / max(1, len(parts))
        if asked and of and upper_bound(right, asked, level) < lower_bound(known, of, level):
            text = f"of quarter {number + 1} of the document {right} of {asked} facts are recalled"
            yield _said("patch-part-lost", f"{text}, of the others {known} of {of}")


def _together(own: Spec, found: Numbers) -> Iterator[Reason]:
    for whose, (alone, both) in found.get("composed", {}).items():
        if None not in (alone, both) and both < alone - own.composed:
            text = f"with both patches active {_percent(both)} of the {whose} facts are recalled"
            yield _said("patch-composed", f"{text}, alone {_percent(alone)}")


def _budget(own: Spec, found: Numbers) -> Iterator[Reason]:
    for key, most in (("bytes", own.budget.bytes), ("seconds", own.budget.seconds)):
        if most is not None and (found[key] or 0) > most:
            yield _said("patch-budget", f"it took {found[key]:g} {key}; {most:g} are allowed")
