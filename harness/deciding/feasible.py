"""Whether a plan can be decided at all, and what would decide it."""

from __future__ import annotations

import math

from harness.content.policy import Policy
from harness.evidence.registration import Registration
from harness.stats.intervals import z_quantile
from harness.stats.power import noninferiority_power


def undecidable(registration: Registration, youdens: dict[str, float]) -> list[str]:
    """Margins that this number of prompts cannot decide, each with what would; empty for a plan
    worth running.

    ``youdens`` is J's lower bound of each suite: the margin is tested on the scale that the
    certificates leave of it."""
    policy, found = registration.policy, []
    for id, plan in registration.plans.items():
        if plan.role == "guard" and plan.margin is not None:
            n, observed = len(plan.counted), plan.margin * youdens[id]
            psi = policy.discordance / policy.samples
            power = noninferiority_power(n, observed, psi, alpha=registration.alpha)
            if power < policy.min_power:
                found.append(
                    f"{id}: a margin of {100 * plan.margin:g} points cannot be decided with {n}"
                    f" prompts: an unchanged adapter that flips {policy.discordance:.0%} of them"
                    f" would be HELD {power:.0%} of the time, and the policy asks for"
                    f" {policy.min_power:.0%}."
                    f" {remedy(n, observed, policy.discordance, registration)}"
                )
    asked, needed = (
        sum(len(plan.counted) for plan in registration.plans.values()),
        prompts_for_degeneration(policy),
    )
    if asked < needed and policy.degeneration_held:
        found.append(
            f"degeneration: a margin of {100 * policy.degeneration_margin:g} points cannot be held"
            f" with {asked} prompts in all, even without a single degenerate answer; {needed} could"
        )
    return found


def prompts_for_degeneration(policy: Policy) -> int:
    """The fewest prompts with which Tango's interval without a single flip, ``z^2 / (n + z^2)``, is
    inside the margin."""
    margin = policy.degeneration_margin
    return math.floor(z_quantile(1 - policy.alpha) ** 2 * (1 - margin) / margin) + 1


def remedy(n: int, margin: float, discordance: float, registration: Registration) -> str:
    """The number of prompts, or of answers a prompt, with which an unchanged adapter is HELD 80 %
    of the time.

    From ``(z_alpha + z_beta)^2 discordance / margin^2`` (METHOD 2.7). Answers a prompt stand in for
    prompts only as far as flips come from sampling, which greedy decoding does not have."""
    z = z_quantile(1 - registration.alpha) + z_quantile(0.8)
    needed = -(-(z * z * discordance) // margin**2)
    if needed <= n:
        return (
            f"{n} fresh prompts would decide it 80 % of the time if the adapter is truly unchanged"
        )
    more = f"{-(-needed // n):.0f} sampled answers a prompt if the flips come from sampling"
    return f"{needed:.0f} prompts would decide it 80 % of the time, or {more}"
