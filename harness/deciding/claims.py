"""What is said of a whole run: foreign receipts, sentinels, what the library claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from harness.content.library import Claim
from harness.deciding.degeneration import loops
from harness.deciding.instrument.guards import none_decides
from harness.deciding.scorecard import SuiteScore
from harness.deciding.sentences import items
from harness.evidence.receipts import MEASURED, NOBODYS, SENTINEL, Receipt
from harness.evidence.registration import Registration, prompt_digest
from harness.subjects.kinds import find
from harness.verdict import Reason, reason

RUNS_ON = 0.1  # share of an arm's answers that may hold a control token
AROUND = 40  # characters that are shown before and from the first of them


def foreign(registration: Registration, receipts: Iterable[Receipt]) -> list[Reason]:
    """Receipts of another subject or another prompt than was registered: one reason for each kind,
    with their cases."""
    plans = registration.plans
    subjects = {(id, arm.id): arm.subject for id, plan in plans.items() for arm in plan.arms}
    prompts = {(id, case): digest for id, plan in plans.items() for case, digest in plan.cases}
    found: dict[tuple[str, str], list[str]] = {}
    for row in receipts:
        if row.arm == MEASURED and row.subject != registration.adapter_digest:
            found.setdefault(("subject", row.suite), []).append(row.case)
        if row.arm not in NOBODYS:
            if row.subject != subjects.get((row.suite, row.arm), registration.base_digest):
                found.setdefault(("subject", f"{row.suite} {row.arm}"), []).append(row.case)
            if prompts.get((row.suite, row.case)) != prompt_digest(row.prompt):
                found.setdefault(("prompt", row.suite), []).append(row.case)
    text = "{} answers are not of the registered {}: {}"
    return [
        reason(code, about, text.format(len(cases), code, items(cases)), cases)
        for (code, about), cases in found.items()
    ]


def ran_on(registration: Registration, receipts: Iterable[Receipt]) -> Iterator[Reason]:
    """Arms of which too many answers to a suite hold a token that its chat template writes and that
    ends no answer: what follows it is the model's own next turn."""
    asked: Counter[tuple[str, str]] = Counter()
    held: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in receipts:
        plan = registration.plans.get(row.suite)
        if plan is not None and row.arm not in NOBODYS:
            key = (row.suite, row.arm)
            asked[key] += 1
            token = next((one for one in plan.control_tokens if one in row.answer), None)
            if token is not None:
                at = row.answer.index(token)
                shown = row.answer[max(0, at - AROUND) : at + AROUND]
                held.setdefault(key, []).append((row.case, f"{token!r}: {shown!r}"))
    for (suite, arm), found in held.items():
        if len(found) > RUNS_ON * asked[suite, arm]:
            cases = [case for case, _ in found]
            text = (
                f"{len(found)} of {asked[suite, arm]} answers of {arm} go on behind the end of"
                f" their turn: {cases[0]} holds {found[0][1]}"
            )
            yield reason("control-tokens", suite, text, cases)


def no_answers(registration: Registration, receipts: Iterable[Receipt]) -> Iterator[Reason]:
    """Arms of which too many answers to a suite are none: what was cut might have been right, and
    what says nothing lost to nobody.

    The share is of all that the plan asks for. An answer that ran out of tokens in a loop is a bad
    one. So is a completion that ends at once, if it is the adapter's; of base it would be a gain
    that nobody made."""
    policy, plans = registration.policy, registration.plans
    counted = {id: set(plan.counted) for id, plan in plans.items()}
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in receipts:
        plan = plans.get(row.suite)
        if plan is None or row.case not in counted[row.suite]:
            continue
        if row.arm in (plan.headline.first, plan.headline.second):
            code = _missing(row, plan.mode == "chat", row.arm == plan.headline.second)
            if code is not None:
                found.setdefault((code, row.suite, row.arm), []).append(row.case)
    what = {"cut": "ran out of tokens without a loop", "empty": "say nothing, or hold no code"}
    for (code, suite, arm), cases in found.items():
        asked = len(plans[suite].counted) * policy.samples
        if len(cases) > policy.max_cut * asked:
            text = (
                f"{len(cases)} of {asked} answers of {arm} {what[code]}; at most"
                f" {policy.max_cut:.0%} may: {items(cases)}"
            )
            yield reason(code, suite, text, cases)


def _missing(row: Receipt, turn: bool, base: bool) -> str | None:
    """``cut`` or ``empty`` of what is no answer. A raw completion is code all of it, whether or not
    it comes to anything."""
    if row.finish == "length" and not loops(row.answer):
        return "cut"
    if not row.answer.strip():
        return "empty" if turn or base else None
    taken = [finding.rule for finding in row.findings if finding.rule]
    nothing = all(rule.startswith(("no ", "nothing ")) for rule in taken)
    fenced = "```" in row.answer or "~~~" in row.answer
    return "empty" if turn and taken and nothing and not fenced else None


def sentinels(
    registration: Registration, receipts: Iterable[Receipt], measured: set[str]
) -> Iterator[Reason]:
    """A verifier that is wrong about an answer known beforehand, or was not asked, makes the run
    void."""
    judging = {c.verifier for id in measured for c in registration.plans[id].criteria}
    shown = {row.case: row.outcome for row in receipts if row.arm == SENTINEL}
    for verifier, known in registration.sentinels.items():
        wanted = {f"{verifier}/{name}": kind == "good" for name, kind in known}
        wrong = [id for id, good in wanted.items() if id in shown and (shown[id] == "pass") != good]
        unseen = wanted.keys() - shown.keys()
        if wrong:
            text = f"wrong during the run about answers that are known beforehand: {items(wrong)}"
            yield reason("sentinel", verifier, text, wrong)
        elif verifier in judging and unseen:
            text = f"{len(unseen)} of {len(wanted)} sentinels were not judged"
            yield reason("not-measured", verifier, text)


def coverage(
    registration: Registration, scores: Mapping[str, SuiteScore | None]
) -> Iterator[Reason]:
    """Facets that the library claims and no owed suite measures; a gate without a guard; held-out
    prompts that were asked too often."""
    own = {*find(registration.subject.kind).measures}
    covered = own | {plan.facet for plan in registration.plans.values()}
    for facet in registration.facets:
        if facet not in covered:
            text = "the library claims this facet and no owed suite measures it"
            yield reason("facet-not-measured", facet, text)
    if none_decides(registration):
        text = "no owed suite is a guard that decides, so nothing shows what the adapter forgot"
        yield reason("no-guard", "guards", text)
    most = registration.policy.looks.expected
    if registration.look > most:
        text = f"look {registration.look} at the same prompts; after {most} they are spent"
        yield reason("spent", "held-out prompts", text)
    spent, budget = registration.ledger.alpha + registration.alpha, registration.budget
    if spent > budget * (1 + 1e-9):
        text = (
            f"looks at the same prompts would spend {100 * spent:.3g} % together, by plans that"
            f" were changed on the way or on branches; {100 * budget:.3g} % is the bound"
        )
        yield reason("spent", "held-out prompts", text)
    for suite in registration.ledger.spent:
        text = f"{suite}: {registration.lineage} has seen too much of its pool for another draw"
        yield reason("spent", "held-out prompts", text)
    if (
        not registration.families
        and not own & {*registration.facets}
        and None not in scores.values()
    ):
        text = "no suite measures a primary facet, so nothing was to gain"
        yield reason("no-claim", "facets", text)


def claims(registration: Registration, scores: Mapping[str, SuiteScore | None]) -> Iterator[Reason]:
    """Published numbers against measured ones."""
    for claim in registration.claims:
        measured, about = _measured(registration, claim, scores), claim.suite or "adapter"
        text = f"claimed: {claim.text!r} ({claim.metric} {claim.value:g}"
        if measured is None:
            yield reason("claim-not-measured", about, f"{text}); not measured")
            continue
        fits = abs(measured - claim.value) <= claim.tolerance + 1e-12
        text = f"{text}, within {claim.tolerance:g}); measured {measured:.4g}"
        yield reason("claim-holds" if fits else "claim-false", about, text)


def unchecked(registration: Registration) -> Iterator[Reason]:
    """That nobody looked for the held-out prompts in the training data."""
    if not registration.contamination_checked:
        text = "whether the training shows held-out prompts was not checked (--train-data)"
        demanded = registration.policy.contamination_check
        yield reason(f"contamination-{'demanded' if demanded else 'unchecked'}", "training", text)


def elsewhere(registration: Registration) -> Iterator[Reason]:
    """That the harness did not see what answered, and that it may have before the rules were."""
    if registration.declared:
        text = f"{registration.declared}; that they are of this base and adapter is declared"
        if registration.policy.numerics == "exact":
            text += "; whether they are exact, as `numerics: exact` asks, was not measured"
        yield reason("declared", "engine", text)
    if not registration.dated:
        text = (
            "the answers do not name the registration of this gate, so they may be older than the"
            " rules they are judged by"
        )
        yield reason("registered-after", "engine", text)


def _measured(
    registration: Registration, claim: Claim, scores: Mapping[str, SuiteScore | None]
) -> float | None:
    if claim.suite is None:
        return registration.megabytes
    score = scores.get(claim.suite)
    if score is None or not score.complete:
        return None
    if claim.metric in ("elite_rate", "pass@1"):
        return score.first.value
    return score.headline.comparison.delta if score.headline else None
