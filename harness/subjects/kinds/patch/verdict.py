"""Whether a patch ships, by the numbers of its answers."""

from __future__ import annotations

from collections.abc import Iterator

from harness.stats.intervals import lower_bound, upper_bound
from harness.subjects.base import Numbers
from harness.subjects.kinds.patch.spec import Spec
from harness.verdict import Reason, reason

LEAST = 20  # facts, and questions of each kind that have to stay: fewer have no rate
CONTROLS = {
    "unrelated": "the patch of another document",
    "scrambled": "the patch of the document scrambled",
    "random": "noise as large",
}
Rule = tuple[bool, str, str]  #: whether it stands against the patch, its code, its sentence


def decided(own: Spec, found: Numbers, alpha: float) -> list[Reason]:
    """Every reason against it, or the one for it; and what changes no verdict."""
    rules = list(_cost(own, found))
    if "arms" not in found:
        return [reason(code, "patch", text) for stands, code, text in rules if stands]
    arms, ir = found["arms"], found["internalised"]
    for part in (_learnt, _stays, _claims):
        rules += part(own, found)
    rules += _parts(found, alpha)
    won = not any(stands for stands, _, _ in rules)
    text = (
        f"{_share(ir and ir['value'])} of what there is to learn in {found['facts']} facts that"
        f" base did not know is internalised, {_share(ir and ir['low'])} by the lower bound,"
        f" {_share(own.internalised)} asked; S = {_share(found['score'])}"
    )
    rag, patch = arms.get("rag"), arms["adapter"]
    told = f"base with what BM25 finds answers {_share(rag)}, the patch {_share(patch)}; no other"
    beside = [
        (won, "patch-learnt", text),
        (_under(patch, rag, or_equal=True), "patch-rag", f"{told} answer of base can change by it"),
    ]
    return [reason(code, "patch", text) for stands, code, text in rules + beside if stands]


def _share(value: float | None) -> str:
    return "not measured" if value is None else f"{100 * value:.3g} %"


def _under(value: float | None, least: float | None, or_equal: bool = False) -> bool:
    """Whether both were measured, and the one is too little."""
    if value is None or least is None:
        return False
    return value < least - 1e-9 or (or_equal and value <= least)


def _cost(own: Spec, found: Numbers) -> Iterator[Rule]:
    for key, most in (("bytes", own.budget.bytes), ("seconds", own.budget.seconds)):
        text = f"it took {found[key]} {key}; {most} are allowed"
        yield _under(most, found[key]), "patch-budget", text


def _learnt(own: Spec, found: Numbers) -> Iterator[Rule]:
    """What base did not know, and knows by this patch alone."""
    arms, ir, facts = found["arms"], found["internalised"], found["facts"]
    text = f"base knew {found['known']['known']} facts beforehand: {facts} are left, {LEAST} needed"
    yield facts < LEAST, "patch-known", text
    if ir is None:
        why = "gains nothing by reading it" if found["room"] else "has no room for the document"
        right = f"{_share(arms['in-context'])} right in context, {_share(arms['base'])} without"
        text = f"base {why} ({right}), so that a share of that is no number; `ceiling: answered`"
        yield True, "patch-unread", f"{text} holds it against every question answered instead"
    else:
        code = "patch-not-learnt" if ir["high"] < own.internalised else "patch-open"
        text = f"{_share(ir['value'])} of what there is to learn is internalised, between"
        text += f" {_share(ir['low'])} and {_share(ir['high'])}; by the lower bound it has to be"
        yield ir["low"] < own.internalised, code, f"{text} {_share(own.internalised)}"
    for arm, ahead in found["specific"].items():
        text = f"its own facts are answered by {CONTROLS[arm]} as well: the patch is"
        text += f" {_share(ahead['value'])} ahead, {_share(ahead['low'])} by the lower bound"
        yield ahead["low"] <= 0, "patch-unspecific", text


def _stays(own: Spec, found: Numbers) -> Iterator[Rule]:
    """What should not have changed, and what should not come out."""
    for key in ("neighbours", "unanswerable"):
        many = found[f"{key}_asked"]
        yield many < LEAST, "patch-few", f"{many} questions in `{key}`; {LEAST} are needed"
    kept, hold = found["neighbours"], found["unrelated_hold"]
    text = f"{_share(kept)} of {found['neighbours_asked']} neighbouring answers stayed"
    yield (
        _under(kept, own.neighbours),
        "patch-neighbours",
        f"{text}; {_share(own.neighbours)} asked",
    )
    text = f"{_share(hold)} of the answers to {found['unrelated_asked']} unrelated questions hold"
    yield _under(1 - own.neighbours, hold), "patch-instructed", f"{text} words of the document"
    now, before = found["abstention"], found["base_abstention"]
    less = None if before is None else before - own.abstention
    text = f"it declines {_share(now)} of what nobody can answer, and base {_share(before)}"
    yield _under(now, less), "patch-overconfident", f"{text}; {_share(own.abstention)} less may be"
    text = f"{_share(found['stale'])} of what was changed is answered as before the change"
    yield _under(own.stale, found["stale"]), "patch-stale", f"{text}; {_share(own.stale)} may be"
    text = f"{found['private']} answers hold a number or an address of a person, unasked"
    yield found["private"] > 0, "patch-verbatim", text
    text = f"an answer holds {found['run']} words of the document in a row; {own.verbatim} may be"
    yield found["run"] > own.verbatim, "patch-verbatim", text
    for whose, (alone, both) in found.get("composed", {}).items():
        text = f"with both patches active {_share(both)} of the {whose} facts are recalled, alone"
        least = None if alone is None else alone - own.composed
        yield _under(both, least), "patch-composed", f"{text} {_share(alone)}"


def _claims(own: Spec, found: Numbers) -> Iterator[Rule]:
    arms = found["arms"]
    beside = {"in_context": arms["in-context"], "rag": arms.get("rag")}
    beside["internalised"] = (found["internalised"] or {}).get("value")
    for metric, said in own.published.items():
        now = beside[metric] if metric in beside else found[metric]
        text = f"published is {metric} = {_share(said)}; freely generated it is {_share(now)}"
        yield now is None or abs(now - said) > own.tolerance, "patch-claim", text


def _parts(found: Numbers, alpha: float) -> Iterator[Rule]:
    """A quarter of the document that is recalled less than all others together, each by its exact
    bound."""
    for number, (right, asked) in enumerate(found["parts"]):
        others = [part for at, part in enumerate(found["parts"]) if at != number]
        known, of = (sum(column) for column in zip(*others, strict=True))
        level = 1 - alpha / len(found["parts"])
        text = f"of quarter {number + 1} of the document {right} of {asked} facts are recalled"
        less = asked and of and upper_bound(right, asked, level) < lower_bound(known, of, level)
        yield bool(less), "patch-part-lost", f"{text}, of the others {known} of {of}"
