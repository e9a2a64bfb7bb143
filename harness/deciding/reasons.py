"""What the numbers of a run call for, one function for each kind of reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.deciding.degeneration import Degeneration
from harness.deciding.feasible import prompts_for_degeneration, remedy
from harness.deciding.scorecard import MIN_RATE_N, SuiteScore
from harness.evidence.receipts import SENTINEL, Receipt
from harness.evidence.registration import Registration, prompt_digest
from harness.stats.intervals import z_quantile
from harness.stats.multiplicity import holm
from harness.stats.paired import GuardState
from harness.verdict import Name, Reason


def judge_alone(registration: Registration, suite: str, score: SuiteScore | None) -> list[Reason]:
    """What one owed suite says while the others are still out: a facet's gain is tested as if it
    were the only claim.
    """
    reasons = judge_suite(registration, suite, score)
    if reasons or score is None:
        return reasons
    return [_gain(registration, suite, score, _gain_p(score), 1)]


def judge_suite(
    registration: Registration, suite: str, score: SuiteScore | None, stopped: str | None = None
) -> list[Reason]:
    """What one owed suite says by itself; a facet's gain is tested with all others in
    :func:`gains`.

    ``stopped`` is the suite that ended the run early.
    """
    policy = registration.policy
    if score is None:
        why = f", since {stopped} ended the run early" if stopped else ""
        return [
            Reason(
                Name.VOID,
                "not-measured",
                suite,
                f"the adapter owes this suite and it was not measured{why}",
            )
        ]
    if score.stop is not None:
        return [_stopped(suite, score)]
    if not score.complete:
        text = (
            f"{score.base.n} of {score.prompts} prompts have every answer of every arm; a part of a"
            " suite decides nothing"
        )
        return [Reason(Name.VOID, "incomplete", suite, text)]
    plan = registration.plans[suite]
    if any(found != [plan.sampler] for found in score.samplers.values()):
        text = (
            f"registered: {plan.sampler}; answered: {score.samplers}. Arms that are sampled"
            " differently are no pair"
        )
        return [Reason(Name.VOID, "sampler", suite, text)]
    unverified = max(score.base.unverified, score.adapter.unverified)
    if unverified > policy.max_unverified * score.prompts * score.samples:
        text = (
            f"{unverified} of {score.prompts} answers of one arm could not be judged; at most"
            f" {policy.max_unverified:.0%} may"
        )
        return [Reason(Name.VOID, "unverified", suite, text)]
    if score.versus_base is None:
        return [
            Reason(
                Name.INCONCLUSIVE,
                "too-few",
                suite,
                f"{score.prompts} prompts; a rate needs {MIN_RATE_N}",
            )
        ]
    if score.again is not None and score.again.state is not GuardState.HELD:
        text = (
            f"base measured twice against itself is {score.again.state} at a margin of"
            f" {_points(score.again.margin)}: the pipeline is faulty, or {score.prompts} prompts"
            " are too few for its noise"
        )
        return [Reason(Name.VOID, "base-against-base", suite, text)]
    if score.role == "guard":
        return [_guard(registration, suite, score)]
    return [] if suite in registration.primary else [_secondary(registration, suite, score)]


def numbers(score: SuiteScore) -> str:
    """``adapter 57/164, base 60/164, 0 gained, 3 lost, difference in [-4.4, +0.3] points, McNemar
    mid-p = 0.12``.
    """
    text = (
        f"adapter {score.adapter.text()}, base {score.base.text()}, {len(score.gained)} gained,"
        f" {len(score.lost)} lost"
    )
    if score.difference is not None:
        low, high = 100 * score.difference.low, 100 * score.difference.high
        text += f", difference in [{low:+.1f}, {high:+.1f}] points"
    if score.mcnemar_p is not None:
        text += f", McNemar mid-p = {score.mcnemar_p:.2g}"
    return text


def items(names: Sequence[str], most: int = 8) -> str:
    """``HumanEval/2, HumanEval/7 and 3 more``."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def foreign(registration: Registration, receipts: Iterable[Receipt]) -> list[Reason]:
    """Receipts of another subject or another prompt than was registered: one reason for each kind,
    with their cases.
    """
    subjects = {"adapter": registration.adapter_digest}
    prompts = {
        id: {case[0]: case[1] for case in plan.cases} for id, plan in registration.plans.items()
    }
    found: dict[tuple[str, str], list[str]] = {}
    for row in receipts:
        if row.arm != SENTINEL:
            if row.subject != subjects.get(row.arm, registration.base_digest):
                found.setdefault(("subject", f"{row.suite} {row.arm}"), []).append(row.case)
            if prompts.get(row.suite, {}).get(row.case) != prompt_digest(row.prompt):
                found.setdefault(("prompt", row.suite), []).append(row.case)
    return [
        Reason(
            Name.VOID,
            code,
            about,
            f"{len(cases)} answers are not of the registered {code}: {items(cases)}",
            cases,
        )
        for (code, about), cases in found.items()
    ]


def sentinels(
    registration: Registration, receipts: Iterable[Receipt], measured: set[str]
) -> Iterator[Reason]:
    """A verifier that is wrong about an answer known beforehand, or was not asked, makes the run
    void.
    """
    judging = {c.verifier for id in measured for c in registration.plans[id].criteria}
    shown = {row.case: row.outcome for row in receipts if row.arm == SENTINEL}
    for verifier, known in registration.sentinels.items():
        wanted = {f"{verifier}/{name}": kind == "good" for name, kind in known}
        wrong = [id for id, good in wanted.items() if id in shown and (shown[id] == "pass") != good]
        if wrong:
            text = f"wrong during the run about answers that are known beforehand: {items(wrong)}"
            yield Reason(Name.VOID, "sentinel", verifier, text, wrong)
        elif verifier in judging and not wanted.keys() <= shown.keys():
            text = (
                f"{len(wanted) - len(wanted.keys() & shown.keys())} of {len(wanted)} sentinels were"
                " not judged"
            )
            yield Reason(Name.VOID, "not-measured", verifier, text)


def _stopped(suite: str, score: SuiteScore) -> Reason:
    stop = score.stop
    assert stop is not None
    seen = (
        f"after {stop.at} of {score.prompts} prompts in the registered order, {stop.gained} gained"
        f" and {stop.lost} lost"
    )
    if stop.evidence is not None:
        text = (
            f"worse than base by more than {_points(score.margin)}: an e-value of"
            f" {stop.evidence:.0f} {seen}"
        )
    else:
        text = (
            f"a margin of {_points(score.margin)} cannot be held any more, whatever the rest"
            f" brings: {seen}"
        )
    return Reason(Name.NO_SHIP, "stopped", suite, f"{text}; lost: {items(score.lost)}", score.lost)


def _guard(registration: Registration, suite: str, score: SuiteScore) -> Reason:
    held, margin, lost = (
        score.guard,
        _points(score.margin),
        f"; lost: {items(score.lost)}" if score.lost else "",
    )
    if held is None:
        return Reason(
            Name.INCONCLUSIVE,
            "undecided",
            suite,
            f"the verifiers leave nothing of the margin of {margin}",
        )
    level = f"{100 * (1 - registration.alpha):.4g} % one-sided"
    scale = (
        f"; on what the verifiers see, with J at least {held.youden:.3f}, that is"
        f" {100 * held.observed:.2f} points"
    )
    tests = f"p = {held.p:.3g}" + (
        "" if held.exact_p is None else f", exact p = {held.exact_p:.3g}"
    )
    if held.state is GuardState.HELD:
        text = (
            f"not worse than base by more than {margin} ({level}){scale}, {tests}: {numbers(score)}"
        )
        return Reason(Name.SHIP, "held", suite, text, score.lost)
    if held.state in (GuardState.BROKEN, GuardState.REGRESSED):
        text = f"margin {margin} ({level}){scale}: {numbers(score)}{lost}"
        return Reason(Name.NO_SHIP, held.state.lower(), suite, text, score.lost)
    if held.agreed:
        why = f"margin {margin} ({level}) is neither held nor broken{scale}, {tests}"
    else:
        why = (
            f"margin {margin}: the {score.base.unverified + score.adapter.unverified} unjudged"
            " answers decide it"
        )
    flips = score.versus_base.discordance if score.versus_base else 0.0
    decides = remedy(score.prompts, held.observed, flips, registration)
    return Reason(
        Name.INCONCLUSIVE,
        "undecided",
        suite,
        f"{why}: {numbers(score)}{lost}. {decides}",
        score.lost,
    )


def _secondary(registration: Registration, suite: str, score: SuiteScore) -> Reason:
    margin = _points(registration.policy.secondary_margin)
    if score.state is GuardState.BROKEN or (score.worse and score.state is not GuardState.HELD):
        text = f"a secondary facet is worse than base, margin {margin}: {numbers(score)}"
        return Reason(Name.NO_SHIP, "secondary-worse", suite, text, score.lost)
    return Reason(
        Name.SHIP,
        "secondary",
        suite,
        f"no gain claimed, not found worse by more than {margin}: {numbers(score)}",
    )


def gains(registration: Registration, scores: Mapping[str, SuiteScore | None]) -> Iterator[Reason]:
    """The claims "this facet improved", each against base and against base with the facet's canon,
    all held by Holm.
    """
    claimed = {}
    for id in registration.primary:
        score = scores[id]
        if (
            score is not None
            and score.versus_base is not None
            and not _unfit(registration, id, score)
        ):
            claimed[id] = (score, _gain_p(score))
    family = len(registration.primary)
    adjusted = holm([p for _, p in claimed.values()] + [1.0] * (family - len(claimed)))
    for (id, (score, _)), p in zip(claimed.items(), adjusted, strict=False):
        yield _gain(registration, id, score, p, family)


def _gain_p(score: SuiteScore) -> float:
    """The gain is claimed over base and over a prompt, so its p is the larger of the two."""
    return max(
        [pair.gain_p for pair in (score.versus_base, score.versus_canon) if pair is not None],
        default=1.0,
    )


def _unfit(registration: Registration, suite: str, score: SuiteScore) -> bool:
    """Whether the suite was already found unable to say anything."""
    return bool(judge_suite(registration, suite, score))


def _gain(
    registration: Registration, suite: str, score: SuiteScore, p: float, family: int
) -> Reason:
    among = (
        f", Holm-adjusted p = {p:.2g} among {family} primary facets"
        if family > 1
        else f", one-sided p = {p:.2g}"
    )
    prompt = score.versus_canon
    beside = (
        ""
        if prompt is None or score.canon is None
        else f"; base with the facet's canon as prompt {score.canon.text()}"
    )
    if score.worse:
        text = f"the adapter is worse than its base: {numbers(score)}{beside}"
        return Reason(Name.NO_SHIP, "worse", suite, text, score.lost)
    if prompt is not None and prompt.difference.high < 0 and prompt.plain.high < 0:
        text = f"a prompt does better than the adapter: {numbers(score)}{beside}"
        return Reason(Name.NO_SHIP, "worse-than-prompt", suite, text, prompt.lost)
    if p <= registration.alpha:
        return Reason(Name.SHIP, "improved", suite, f"{numbers(score)}{among}{beside}")
    over = f" by more than {_points(score.min_gain)}" if score.min_gain else ""
    what = f"no gain{over} over base is established"
    code = "no-gain"
    if (
        prompt is not None
        and score.versus_base is not None
        and score.versus_base.gain_p <= registration.alpha
    ):
        what, code = "the adapter gains no more than a prompt does", "no-gain-over-prompt"
    text = f"{what}: {numbers(score)}{among}{beside}. {_gain_remedy(registration, score)}"
    return Reason(Name.INCONCLUSIVE, code, suite, text)


def _gain_remedy(registration: Registration, score: SuiteScore) -> str:
    """The number of prompts that would show the gain that was seen, from McNemar's normal
    approximation.
    """
    pair = score.versus_canon or score.versus_base
    assert pair is not None
    gain = pair.delta - (score.min_gain if pair.against == "base" else 0.0)
    if gain <= 0:
        return "The gain that was seen is none, so more prompts would not show one"
    spread = pair.discordance - pair.delta**2
    level = z_quantile(1 - registration.alpha / max(1, len(registration.primary)))
    needed = (
        (level * pair.discordance**0.5 + z_quantile(0.8) * max(spread, 0.0) ** 0.5) / gain
    ) ** 2
    return (
        f"If the true gain is the one seen, {max(needed, MIN_RATE_N):.0f} prompts would show it 80"
        " % of the time"
    )


def degenerate(registration: Registration, found: Degeneration) -> list[Reason]:
    held, margin = found.guard, _points(registration.policy.degeneration_margin)
    signs = ", ".join(
        f"{sign}: {n['base']} of base's, {n['adapter']} of the adapter's"
        for sign, n in found.signs.items()
    )
    text = (
        f"answers that loop or never stop, over {found.n} prompts, margin {margin}:"
        f" {signs or 'none'}"
    )
    if held is None:
        return []
    if found.worse or held.state in (GuardState.BROKEN, GuardState.REGRESSED):
        worst = f"; worse on {', '.join(found.worse)}" if found.worse else ""
        return [Reason(Name.NO_SHIP, "degenerate", "answers", f"{text}{worst}")]
    if held.state is GuardState.HELD:
        return [Reason(Name.SHIP, "not-degenerate", "answers", text)]
    needed = prompts_for_degeneration(registration.policy)
    if found.n < needed and not found.new and not registration.policy.degeneration_held:
        text = f"{text}; no answer that base's was not, and {needed} prompts would prove the margin"
        return [Reason(Name.SHIP, "not-degenerate", "answers", text)]
    return [Reason(Name.INCONCLUSIVE, "degeneration-undecided", "answers", text)]


def coverage(
    registration: Registration, scores: Mapping[str, SuiteScore | None]
) -> Iterator[Reason]:
    """Facets that the library claims and no owed suite measures; held-out prompts that were asked
    too often.
    """
    covered = {plan.facet for plan in registration.plans.values()}
    for facet in registration.facets:
        if facet not in covered:
            text = "the library claims this facet and no owed suite measures it"
            yield Reason(Name.INCONCLUSIVE, "facet-not-measured", facet, text)
    if registration.look > registration.policy.most_looks:
        text = (
            f"look {registration.look} at the same prompts; after {registration.policy.most_looks}"
            " they are spent"
        )
        yield Reason(Name.INCONCLUSIVE, "spent", "held-out prompts", text)
    if not registration.primary and None not in scores.values():
        yield Reason(
            Name.INCONCLUSIVE,
            "no-claim",
            "facets",
            "no suite measures a primary facet, so nothing was to gain",
        )


def claims(registration: Registration, scores: Mapping[str, SuiteScore | None]) -> Iterator[Reason]:
    """Published numbers against measured ones."""
    for claim in registration.claims:
        measured: float | None = registration.megabytes
        if claim.suite is not None:
            score = scores.get(claim.suite)
            usable = score is not None and score.complete
            pair = score.versus_base if score is not None and usable else None
            rate = score.adapter.value if score is not None and usable else None
            measured = (
                rate if claim.metric in ("elite_rate", "pass@1") else pair.delta if pair else None
            )
        about = claim.suite or "adapter"
        if measured is None:
            text = f"claimed: {claim.text!r} ({claim.metric} {claim.value:g}); not measured"
            yield Reason(Name.INCONCLUSIVE, "claim-not-measured", about, text)
            continue
        fits = abs(measured - claim.value) <= claim.tolerance + 1e-12
        verdict, code = (Name.SHIP, "claim-holds") if fits else (Name.NO_SHIP, "claim-false")
        text = (
            f"claimed: {claim.text!r} ({claim.metric} {claim.value:g}, within {claim.tolerance:g});"
            f" measured {measured:.4g}"
        )
        yield Reason(verdict, code, about, text)


def _points(share: float | None) -> str:
    return f"{100 * (share or 0):g} points"
