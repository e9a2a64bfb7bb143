"""What the measurements of a fused model come to: release it, or keep the adapter mounted."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from harness.stats.paired import GuardState, guard_state, tango, two_sided
from harness.subjects.base import Evidence, Numbers
from harness.verdict import Reason, reason

MOUNT = "keep the adapter mounted"


def decide(evidence: Evidence) -> tuple[Numbers, list[Reason]]:
    """Numbers and reasons, as far as there is evidence for each."""
    found = _kept(evidence) | _moved(evidence) | _gap(evidence) | _soul(evidence)
    lost = [*_of_weights(evidence, found), *_of_answers(evidence, found)]
    if not lost and "median" in found and "moved" in found:
        text = f"the fused weights hold {_told(found)}; it says what the mounted adapter says, but"
        text += f" for {found['moved']:.3f} of what that moves the base"
        lost.append(reason("fuse-kept", "fused", text))
    return found, lost


def _kept(evidence: Evidence) -> Numbers:
    rows = evidence.measured.get("kept", {})
    shares = {module: row["kept"] for module, row in rows.items() if row["kept"] is not None}
    if not shares:
        return {}
    worst = min(shares, key=shares.__getitem__)
    return {
        "layers": [[module, share, rows[module]["drift"]] for module, share in shares.items()],
        "median": median(shares.values()),
        "worst": shares[worst],
        "worst_layer": worst,
        "unchanged": all(row["same"] for row in rows.values()),
    }


def _moved(evidence: Evidence) -> Numbers:
    rows = list(evidence.measured.get("moved", {}).values())
    if not rows or any(row["mounted"] is None or row["fused"] is None for row in rows):
        return {}
    tokens = sum(row["tokens"] for row in rows)
    nats = {key: sum(r[key] * r["tokens"] for r in rows) / tokens for key in ("mounted", "fused")}
    share = nats["fused"] / nats["mounted"] if nats["mounted"] else None
    alike = sum(row["alike"] for row in rows) / tokens
    return {"nats": nats, "moved": share, "alike": alike} if share is not None else {}


def _gap(evidence: Evidence) -> Numbers:
    """Prompts that the fused model and the mounted adapter answer otherwise, of all suites
    together; one of a group stands for it."""
    gained = lost = n = 0
    for id, arms in evidence.outcomes.items():
        fused, mounted = arms.get("fused", arms.get("adapter", {})), arms.get("mounted", {})
        seen = set()
        for case in mounted:
            group = evidence.groups[id].get(case, case)
            if case in fused and group not in seen:
                seen.add(group)
                before, after = (one[case].count("pass") for one in (mounted, fused))
                gained, lost, n = gained + (after > before), lost + (after < before), n + 1
    if not n:
        return {}
    state = guard_state(gained, lost, n, evidence.own.gap, evidence.alpha)
    low = tango(gained, lost, n, two_sided(evidence.alpha)).low
    return {"gap": {"gained": gained, "lost": lost, "n": n, "low": low, "state": str(state)}}


def _soul(evidence: Evidence) -> Numbers:
    """The share of what the fused model passed that it passes under the thin adapter."""
    passed = {"fused": 0, "adapter": 0}
    for id, arms in evidence.outcomes.items():
        score = evidence.suites.get(id, {})
        wanted = {id, score.get("facet")} & set(evidence.own.soul) or not evidence.own.soul
        if "fused" in arms and score.get("role") == "facet" and wanted:
            for arm in passed:
                passed[arm] += sum(one.count("pass") for one in arms[arm].values())
    return {"soul": passed["adapter"] / passed["fused"]} if passed["fused"] else {}


def _of_weights(evidence: Evidence, found: Numbers) -> Iterator[Reason]:
    own = evidence.own
    if found.get("unchanged"):
        text = "every weight that the adapter changes is the base's own: nothing was fused"
        yield reason("fuse-nothing", "fused", f"{text}; fuse it again, or {MOUNT}")
        return
    moved, alike = found.get("moved", 0.0), found.get("alike", 0.0)
    few = "median" in found and (
        found["median"] < own.least_median or found["worst"] < own.least_layer
    )
    if few or moved > own.most_moved:
        text = f"{MOUNT}: the fused weights hold {_told(found)}" if few else MOUNT
        said = (
            f"; what the fused model says is {moved:.2f} of what the adapter moves the base away"
            f" from the mounted one, {own.most_moved:g} allowed, and"
            f" {alike:.0%} of likely tokens agree"
        )
        text += said if "moved" in found else ""
        needs = f"at least {own.least_median:g} of half of them and {own.least_layer:g} of each"
        yield reason("fuse-lost", "fused", f"{text}. Asked is {needs}")


def _of_answers(evidence: Evidence, found: Numbers) -> Iterator[Reason]:
    own, gap = evidence.own, found.get("gap")
    if gap and gap["state"] != GuardState.HELD:
        seen = f"of {gap['n']} prompts the fused model gains {gap['gained']} and loses"
        text = f"{seen} {gap['lost']} against the mounted adapter"
        open_ = gap["state"] == GuardState.INCONCLUSIVE
        code = "fuse-gap-open" if open_ else "fuse-gap"
        worst = f"worst case {-100 * gap['low']:.1f} points lower, {100 * own.gap:g} allowed"
        yield reason(code, "fused", f"{MOUNT}: {text}; {worst}")
    if "soul" in found and found["soul"] < own.soul_kept:
        text = f"under the thin adapter {found['soul']:.3f} of what the fused model passes is left"
        yield reason("soul-lost", "fused", f"{text}; {own.soul_kept:g} has to be")


def _told(found: Numbers) -> str:
    return (
        f"{found['median']:.3f} of the update (median of {len(found['layers'])} matrices; worst"
        f" {found['worst']:.3f}, {found['worst_layer']})"
    )
