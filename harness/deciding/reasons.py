"""The reason of each suite: what its contrasts call for, by what each of them is needed for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.deciding import sentences as say
from harness.deciding.contrasts import Result
from harness.deciding.instrument.feasible import discordance, remedy
from harness.deciding.outcomes import MIN_RATE_N
from harness.deciding.scorecard import SuiteScore
from harness.deciding.sentences import items, name, numbers, points
from harness.deciding.stopping import CERTAIN, EVIDENCE, UNREACHABLE, WORSE
from harness.evidence.registration import Registration
from harness.stats.clusters import LEAST_CLUSTERS
from harness.stats.multiplicity import holm
from harness.stats.paired import GuardState
from harness.verdict import Reason, reason


def of_suites(
    registration: Registration,
    scores: Mapping[str, SuiteScore | None],
    provisional: Mapping[str, str] | None = None,
) -> dict[str, Reason]:
    """The one reason of every owed suite, with the claims of each family tested together.

    ``provisional`` says by suite why its verifiers only show rates."""
    stops = (id for id, score in scores.items() if score is not None and score.stop is not None)
    stopped = next(stops, None)
    weak = provisional or {}
    alone = {id: _alone(registration, id, s, stopped, weak.get(id)) for id, s in scores.items()}
    found = {id: reason for id, reason in alone.items() if reason is not None}
    for family in registration.families:
        found |= _gains(registration, family, scores, found)
    return {id: found[id] for id in scores}


def _alone(
    registration: Registration,
    suite: str,
    score: SuiteScore | None,
    stopped: str | None,
    provisional: str | None,
) -> Reason | None:
    """What one suite says by itself; ``None`` where that waits for its family.

    ``stopped`` is the suite that ended the run early, ``provisional`` why its verifiers decide
    nothing."""
    unfit = _unfit(registration, suite, score, stopped)
    if unfit is not None or score is None or score.headline is None:
        return unfit
    if provisional is not None:
        seen = numbers(score, registration.alpha)
        text = f"{name(suite)} is shown and decides nothing: {seen}; {provisional}"
        return reason("provisional", suite, text)
    if score.headline.contrast.family:
        return None
    return _margin(registration, score, score.headline)


def _unfit(
    registration: Registration, suite: str, score: SuiteScore | None, stopped: str | None
) -> Reason | None:
    """Why the suite's numbers decide nothing, or have already decided."""
    if score is None:
        why = f", since {stopped} ended the run early" if stopped else ""
        text = f"{name(suite)} was not measured{why}: the adapter owes it"
        return reason("not-measured", suite, text)
    if score.stop is not None:
        return _stopped(registration, suite, score)
    if not score.complete:
        text = (
            f"{name(suite)} was measured in part: {score.second.n} of {score.prompts} prompts have"
            " every answer of every arm, and a part decides nothing"
        )
        return reason("incomplete", suite, text)
    plan, policy = score.plan, registration.policy
    if any(found != [plan.sampler] for found in score.samplers.values()):
        text = (
            f"{name(suite)} was not asked as registered, and arms that are sampled differently are"
            f" no pair: registered {plan.sampler}; answered {score.samplers}"
        )
        return reason("sampler", suite, text)
    unverified = max(score.first.unverified, score.second.unverified)
    if unverified > policy.max_unverified * score.prompts * score.samples:
        text = (
            f"{name(suite)} was not judged: {unverified} of {score.prompts * score.samples} answers"
            f" of one arm are unverified, and at most {policy.max_unverified:.0%} may be"
        )
        return reason("unverified", suite, text)
    if score.headline is None:
        text = (
            f"{name(suite)} is too small: {score.prompts} prompts in {score.plan.units} groups, and"
            f" a rate needs {MIN_RATE_N} in at least {LEAST_CLUSTERS}"
        )
        return reason("too-few", suite, text)
    return None


def _stopped(registration: Registration, suite: str, score: SuiteScore) -> Reason:
    stop, lost = score.stop, score.headline.comparison.lost if score.headline else []
    assert stop is not None
    margin = points(score.plan.margin)
    seen = (
        f"after {stop.at} of {score.prompts} prompts in the registered order, {stop.gained} gained"
        f" and {stop.lost} lost"
    )
    if stop.rule == UNREACHABLE:
        psi = max(registration.policy.discordance, (stop.gained + stop.lost) / stop.at)
        observed = (score.plan.margin or 0.0) * score.youden
        decides = remedy(score.plan.units, observed, psi, registration)
        text = f"a margin of {margin} can no longer be held, and no loss is shown, {seen}"
        return reason("beyond-holding", suite, f"{name(suite)} undecided: {text}. {decides}", lost)
    flips = f"{stop.lost} lost and {stop.gained} gained of the first {stop.at} prompts"
    shown = f"{flips}. An e-value of {stop.evidence or 0:.0f} {seen}"
    text = {
        EVIDENCE: f"worse than base by more than {margin}: {shown}",
        WORSE: f"worse than base, and a margin of {margin} can no longer be held: {shown}",
        CERTAIN: f"worse than base whatever the rest brings, margin {margin}, {seen}",
    }[stop.rule]
    return reason("stopped", suite, f"{name(suite)} is lost: {text}; lost: {items(lost)}", lost)


def _lost(found: Result) -> bool:
    """Whether an arm is worse, and not by so little that its margin is held all the same."""
    return found.worse and found.state is not GuardState.HELD


def _margin(registration: Registration, score: SuiteScore, found: Result) -> Reason:
    """A margin that must be held before anything ships: of a guard, or of a secondary facet."""
    suite, guard, alpha = score.plan.suite, score.plan.role == "guard", registration.alpha
    tested, seen = say.margin(found, alpha), numbers(score, alpha)
    cases = found.comparison.lost
    if found.state is GuardState.HELD:
        text = f"{name(suite)} held: {say.worst(found)}. Not worse than base by more than {tested}"
        return reason("held" if guard else "secondary", suite, f"{text}: {seen}", cases)
    broken = found.state in (GuardState.BROKEN, GuardState.REGRESSED)
    if broken or (not guard and _lost(found)):
        code = str(found.state).lower() if guard else "secondary-worse"
        text = f"{name(suite)} {code if guard else 'worse'}: {say.best(found)}, {say.worst(found)}"
        lost = f"; lost: {items(cases)}" if cases else ""
        return reason(code, suite, f"{text}. Margin {tested}: {seen}{lost}", cases)
    return _undecided(registration, score, found)


def _undecided(registration: Registration, score: SuiteScore, found: Result) -> Reason:
    """A margin that is neither held nor broken, with what would decide it."""
    suite, alpha, cases = score.plan.suite, registration.alpha, found.comparison.lost
    prompted = found.contrast.second != score.plan.headline.second
    beside = f" beside {say.prompted(found)}" if prompted else ""
    text = f"{name(suite)} undecided{beside}: {say.undecided(score, found)}"
    if found.held is None:
        return reason("undecided", suite, text)
    lost = f"; lost: {items(cases)}" if cases else ""
    flips = discordance(found.comparison, score.samples)
    decides = remedy(score.plan.units, found.held.observed, flips, registration)
    text += f". Margin {say.margin(found, alpha)}: {numbers(score, alpha)}{lost}. {decides}"
    return reason("undecided", suite, text, cases)


def _gains(
    registration: Registration,
    family: str,
    scores: Mapping[str, SuiteScore | None],
    known: Mapping[str, Reason],
) -> Iterator[tuple[str, Reason]]:
    """The claims of one family, held together by Holm; each is claimed over all that it is held
    against, so its p is the largest. What is not measured counts as not shown.

    One gain is enough where the policy asks for one: what does not gain beside it must be held."""
    claims = registration.family(family)
    open_ = {id: score for id in claims if id not in known and (score := scores[id]) is not None}
    ps = [
        max(found.comparison.gain_p for found in _of_family(score, family))
        for score in open_.values()
    ]
    adjusted = holm(ps + [1.0] * (len(claims) - len(open_)))
    one = registration.policy.gains == "one" and min(adjusted) <= registration.alpha
    for (id, score), p in zip(open_.items(), adjusted, strict=False):
        yield id, _gain(registration, score, family, p, len(claims), one)


def _of_family(score: SuiteScore, family: str) -> list[Result]:
    return [found for found in score.results.values() if found.contrast.family == family]


def _beside(score: SuiteScore, gain: Result) -> Result:
    """What the adapter may not lose where it is to gain; the gain itself, of which nothing is held,
    where that was not asked."""
    asked = ("not-worse", gain.contrast.second)
    found = score.results.values()
    return next((r for r in found if (r.contrast.question, r.contrast.second) == asked), gain)


def _gain(
    registration: Registration, score: SuiteScore, family: str, p: float, many: int, one: bool
) -> Reason:
    """What a primary facet comes to; ``one`` says that a gain in its family is shown and enough."""
    suite, alpha, claims = score.plan.suite, registration.alpha, _of_family(score, family)
    over_base, *over_others = claims
    called, seen = name(suite), numbers(score, alpha)
    beside = "".join(
        f"; {say.prompted(found)} {score.rates[found.contrast.second].text()}"
        for found in over_others
    )
    among = f"Holm-adjusted p = {p:.2g} among {many} primary facets"
    tested = f"{seen}, {among if many > 1 else f'one-sided p = {p:.2g}'}{beside}"
    if p <= alpha:
        text = f"{called} improved: {'; '.join(map(say.lead, claims))}"
        return reason("improved", suite, f"{text}. {tested}")
    margins = [_beside(score, found) for found in claims]
    every = registration.policy.gains == "every"
    for found, margin in zip(claims, margins, strict=True):
        if found.worse if every else _lost(margin):
            code = "worse" if found is over_base else "worse-than-prompt"
            text = f"{called} worse: {say.best(found)} than {say.prompted(found)}. {seen}{beside}"
            return reason(code, suite, text, found.comparison.lost)
    if one:
        for margin in margins:
            if margin.state is not GuardState.HELD:
                return _undecided(registration, score, margin)
        least = min(margins, key=lambda found: found.comparison.difference.low)
        text = f"{called} held: {say.worst(least)}; no gain of its own is shown"
        return reason("facet-held", suite, f"{text}. {tested}")
    code, asked = "no-gain", over_base
    if over_others and over_base.comparison.gain_p <= alpha:
        code, asked = "no-gain-over-prompt", over_others[-1]
    least_gain = asked.contrast.margin
    by = f" by more than {points(least_gain)}" if least_gain else ""
    text = f"{called} shows no gain{by}: {say.lead(asked)}. {tested}"
    return reason(code, suite, f"{text}. {say.gain_remedy(registration, asked, many)}")
