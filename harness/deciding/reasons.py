"""The reason of each suite: what its contrasts call for, by what each of them is needed for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.deciding.contrasts import Result
from harness.deciding.feasible import remedy
from harness.deciding.outcomes import MIN_RATE_N
from harness.deciding.scorecard import SuiteScore
from harness.deciding.stopping import CERTAIN, EVIDENCE, UNREACHABLE, WORSE
from harness.evidence.registration import Registration
from harness.stats.clusters import LEAST_CLUSTERS
from harness.stats.intervals import z_quantile
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


def numbers(score: SuiteScore) -> str:
    """``adapter 57/164, base 60/164, 0 gained, 3 lost, difference in [-4.4, +0.3] points, McNemar
    mid-p = 0.12``."""
    asked, found = score.plan.headline, score.headline
    text = f"{asked.first} {score.first.text()}, {asked.second} {score.second.text()}"
    if found is None:
        return text
    seen = found.comparison
    low, high = 100 * seen.difference.low, 100 * seen.difference.high
    text += f", {len(seen.gained)} gained, {len(seen.lost)} lost"
    text += f", difference in [{low:+.1f}, {high:+.1f}] points"
    return text if seen.midp is None else f"{text}, McNemar mid-p = {seen.midp:.2g}"


def items(names: Sequence[str], most: int = 8) -> str:
    """``HumanEval/2, HumanEval/7 and 3 more``."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def points(share: float | None) -> str:
    """A share as percentage points."""
    return f"{100 * (share or 0):g} points"


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
        text = f"its rates are shown and decide nothing: {numbers(score)}; {provisional}"
        return reason("provisional", suite, text)
    if score.headline.contrast.family:
        return None
    if score.headline.contrast.needs == "shown":
        return _shown(registration, suite, score, score.headline)
    return _not_refuted(suite, score, score.headline)


def _unfit(
    registration: Registration, suite: str, score: SuiteScore | None, stopped: str | None
) -> Reason | None:
    """Why the suite's numbers decide nothing, or have already decided."""
    if score is None:
        why = f", since {stopped} ended the run early" if stopped else ""
        text = f"the adapter owes this suite and it was not measured{why}"
        return reason("not-measured", suite, text)
    if score.stop is not None:
        return _stopped(registration, suite, score)
    if not score.complete:
        text = (
            f"{score.second.n} of {score.prompts} prompts have every answer of every arm; a part of"
            " a suite decides nothing"
        )
        return reason("incomplete", suite, text)
    plan, policy = score.plan, registration.policy
    if any(found != [plan.sampler] for found in score.samplers.values()):
        text = (
            f"registered: {plan.sampler}; answered: {score.samplers}. Arms that are sampled"
            " differently are no pair"
        )
        return reason("sampler", suite, text)
    unverified = max(score.first.unverified, score.second.unverified)
    if unverified > policy.max_unverified * score.prompts * score.samples:
        text = (
            f"{unverified} of {score.prompts} answers of one arm could not be judged; at most"
            f" {policy.max_unverified:.0%} may"
        )
        return reason("unverified", suite, text)
    if score.headline is None:
        text = (
            f"{score.prompts} prompts in {score.plan.units} groups; a rate needs {MIN_RATE_N} in at"
            f" least {LEAST_CLUSTERS}"
        )
        return reason("too-few", suite, text)
    return _unsound(suite, score)


def _unsound(suite: str, score: SuiteScore) -> Reason | None:
    for found in score.results.values():
        if found.contrast.needs == "sound" and found.held and found.state is not GuardState.HELD:
            text = (
                f"{found.contrast.second} measured twice against itself is {found.state} at a"
                f" margin of {points(found.contrast.margin)}: the pipeline is faulty, or"
                f" {score.prompts} prompts are too few for its noise"
            )
            return reason("base-against-base", suite, text)
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
        return reason("beyond-holding", suite, f"{text}. {decides}", lost)
    shown = f"an e-value of {stop.evidence or 0:.0f} {seen}"
    text = {
        EVIDENCE: f"worse than base by more than {margin}: {shown}",
        WORSE: f"worse than base, and a margin of {margin} can no longer be held: {shown}",
        CERTAIN: f"worse than base whatever the rest brings, margin {margin}, {seen}",
    }[stop.rule]
    return reason("stopped", suite, f"{text}; lost: {items(lost)}", lost)


def _shown(registration: Registration, suite: str, score: SuiteScore, found: Result) -> Reason:
    """A margin that must be held before anything ships."""
    held, margin, cases = found.held, points(found.contrast.margin), found.comparison.lost
    lost = f"; lost: {items(cases)}" if cases else ""
    if held is None:
        return reason("undecided", suite, f"the verifiers leave nothing of the margin of {margin}")
    level = f"{100 * (1 - registration.alpha):.4g} % one-sided"
    scale = (
        f"; on what the verifiers see, with J at least {held.youden:.3f}, that is"
        f" {100 * held.observed:.2f} points"
    )
    exact = "" if held.exact_p is None else f", exact p = {held.exact_p:.3g}"
    tests = f"p = {held.p:.3g}{exact}"
    if held.state is GuardState.HELD:
        text = f"not worse than base by more than {margin} ({level}){scale}, {tests}"
        return reason("held", suite, f"{text}: {numbers(score)}", cases)
    if held.state in (GuardState.BROKEN, GuardState.REGRESSED):
        text = f"margin {margin} ({level}){scale}: {numbers(score)}{lost}"
        return reason(held.state.lower(), suite, text, cases)
    if held.agreed:
        why = f"margin {margin} ({level}) is neither held nor broken{scale}, {tests}"
    else:
        unjudged = score.first.unverified + score.second.unverified
        why = f"margin {margin}: the {unjudged} unjudged answers decide it"
    decides = remedy(score.plan.units, held.observed, found.comparison.discordance, registration)
    return reason("undecided", suite, f"{why}: {numbers(score)}{lost}. {decides}", cases)


def _not_refuted(suite: str, score: SuiteScore, found: Result) -> Reason:
    """A margin that only may not be broken."""
    margin, state = points(found.contrast.margin), found.state
    if state is GuardState.BROKEN or (found.worse and state is not GuardState.HELD):
        text = f"a secondary facet is worse than base, margin {margin}: {numbers(score)}"
        return reason("secondary-worse", suite, text, found.comparison.lost)
    text = f"no gain claimed, not found worse by more than {margin}: {numbers(score)}"
    return reason("secondary", suite, text)


def _gains(
    registration: Registration,
    family: str,
    scores: Mapping[str, SuiteScore | None],
    known: Mapping[str, Reason],
) -> Iterator[tuple[str, Reason]]:
    """The claims of one family, held together by Holm; each is claimed over all that it is held
    against, so its p is the largest. What is not measured counts as not shown."""
    claims = registration.family(family)
    open_ = {id: score for id in claims if id not in known and (score := scores[id]) is not None}
    ps = [
        max(found.comparison.gain_p for found in _of_family(score, family))
        for score in open_.values()
    ]
    adjusted = holm(ps + [1.0] * (len(claims) - len(open_)))
    for (id, score), p in zip(open_.items(), adjusted, strict=False):
        yield id, _gain(registration, score, family, p, len(claims))


def _of_family(score: SuiteScore, family: str) -> list[Result]:
    return [found for found in score.results.values() if found.contrast.family == family]


def _gain(
    registration: Registration, score: SuiteScore, family: str, p: float, many: int
) -> Reason:
    suite, over_base, *over_others = score.plan.suite, *_of_family(score, family)
    among = f"Holm-adjusted p = {p:.2g} among {many} primary facets"
    text = f"{numbers(score)}, {among if many > 1 else f'one-sided p = {p:.2g}'}"
    others = [(found.contrast.second, score.rates[found.contrast.second]) for found in over_others]
    beside = "".join(
        f"; base with the facet's {arm} as prompt {rate.text()}" for arm, rate in others
    )
    if over_base.worse:
        lost = over_base.comparison.lost
        text = f"the adapter is worse than its base: {numbers(score)}{beside}"
        return reason("worse", suite, text, lost)
    for found in over_others:
        if found.worse:
            text = f"a prompt does better than the adapter: {numbers(score)}{beside}"
            return reason("worse-than-prompt", suite, text, found.comparison.lost)
    if p <= registration.alpha:
        return reason("improved", suite, f"{text}{beside}")
    margin = over_base.contrast.margin
    over = f" by more than {points(margin)}" if margin else ""
    code, what = "no-gain", f"no gain{over} over base is established"
    if over_others and over_base.comparison.gain_p <= registration.alpha:
        code, what = "no-gain-over-prompt", "the adapter gains no more than a prompt does"
    shows = _gain_remedy(registration, [over_base, *over_others][-1], many)
    return reason(code, suite, f"{what}: {text}{beside}. {shows}")


def _gain_remedy(registration: Registration, found: Result, many: int) -> str:
    """The number of prompts that would show the gain that was seen, from McNemar's normal
    approximation."""
    seen = found.comparison
    gain = seen.delta - found.contrast.margin
    if gain <= 0:
        return "The gain that was seen is none, so more prompts would not show one"
    spread = max(seen.discordance - seen.delta**2, 0.0)
    level = z_quantile(1 - registration.alpha / max(1, many))
    needed = ((level * seen.discordance**0.5 + z_quantile(0.8) * spread**0.5) / gain) ** 2
    return (
        f"If the true gain is the one seen, {max(needed, MIN_RATE_N):.0f} prompts would show it 80"
        " % of the time"
    )
