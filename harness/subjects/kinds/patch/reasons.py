"""What the answers of a patch come to: what it internalised, what it cost, and whether it ships."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean, harmonic_mean

from harness.stats.paired import two_sided
from harness.stats.repeated import score_interval
from harness.stats.subjects.retention import retention
from harness.stats.values import Undefined
from harness.subjects.base import Evidence, Numbers
from harness.subjects.kinds.patch import asking, verdict
from harness.subjects.kinds.patch.asking import ADAPTER, BASE, DIRECT, PARAPHRASE, READ
from harness.subjects.kinds.patch.spec import Spec
from harness.verdict import Reason

PARTS = 4  # of the document, from its beginning to its end
RUN = 4  # words of the document in an answer that has nothing to do with it
CONTROLS = (asking.OTHER, asking.SCRAMBLED, asking.RANDOM)
Rows = Mapping[str, Numbers]
Scores = dict[str, float]  #: of facts, from 0 to 1


def decide(evidence: Evidence) -> tuple[Numbers, list[Reason]]:
    """Numbers and reasons, as far as there is evidence for each."""
    found = _size(evidence)
    if any(evidence.measured.get(arm) for arm in (BASE, ADAPTER)):
        found |= _numbers(evidence)
    return found, verdict.decided(evidence.own, found, evidence.alpha)


def _size(evidence: Evidence) -> Numbers:
    own, sizes = evidence.own, evidence.measured.get(asking.SIZE, {})
    return {"bytes": next((row["bytes"] for row in sizes.values()), None), "seconds": own.took}


def _numbers(evidence: Evidence) -> Numbers:
    own, measured = evidence.own, evidence.measured
    base, patch = measured.get(BASE, {}), measured.get(ADAPTER, {})
    knew = _known(own, measured.get(asking.KNOWN, {}), base)
    left = {fact for fact, word in knew.items() if word != "known"}
    found: Numbers = {
        "known": {word: [*knew.values()].count(word) for word in ("unknown", "maybe", "known")},
        "facts": len(left), "recall_of_known": _rate(own, patch, {*knew} - left, DIRECT),
    }  # fmt: skip
    for form in (DIRECT, PARAPHRASE, "reverse", "two_hop"):
        found[form] = _rate(own, patch, left, form)
        found[f"base_{form}"] = _rate(own, base, left, form)
    found |= _stays(base, patch) | _abstains(base, patch) | _copied(patch)
    rates = [found[key] for key in (DIRECT, PARAPHRASE, "neighbours")]
    found["score"] = harmonic_mean(rates) if None not in rates else None
    scored = {arm: _scores(own, measured.get(arm, {}), left) for arm in (BASE, ADAPTER, READ)}
    found["arms"] = {arm: _mean(one) for arm, one in scored.items()}
    for arm in (asking.RAG, *CONTROLS):
        if arm in measured:
            scored[arm] = _scores(own, measured[arm], left)
            found["arms"][arm] = _mean(scored[arm])
    found["room"] = all(row["finish"] != "no room" for row in measured.get(READ, {}).values())
    found["internalised"] = _internalised(evidence, scored, found["room"])
    found["specific"] = {
        arm: _ahead(scored[ADAPTER], scored[arm], evidence.alpha)
        for arm in CONTROLS if arm in scored and scored[ADAPTER]
    }  # fmt: skip
    found["parts"] = _parts(own, patch, left)
    found |= _stale(own, patch, measured.get(asking.BEFORE, {})) | _composed(own, measured)
    nats = [
        row["nats"] for row in measured.get(asking.MOVED, {}).values() if row["nats"] is not None
    ]
    return found | {"moved": fmean(nats) if nats else None}


def _known(own: Spec, drawn: Rows, base: Rows) -> dict[str, str]:
    """By fact whether base knew it: greedily or more often than not, now and then, or never."""
    greedy = {row["fact"] for row in _of(base, DIRECT) if own.right(row["text"], row["accepts"])}
    found = {}
    for fact, row in drawn.items():
        hits = sum(own.right(text, row["accepts"]) for text in row["texts"])
        known = fact in greedy or 2 * hits > asking.SAMPLES
        found[fact] = "known" if known else "maybe" if hits else "unknown"
    return found


def _of(rows: Rows, *forms: str) -> list[Numbers]:
    return [row for row in rows.values() if row["form"] in forms]


def _share(said: Iterable[bool]) -> float | None:
    found = list(said)
    return sum(found) / len(found) if found else None


def _rate(own: Spec, rows: Rows, facts: set[str], form: str) -> float | None:
    asked = [row for row in _of(rows, form) if row["fact"] in facts]
    return _share(own.right(row["text"], row["accepts"]) for row in asked)


def _scores(own: Spec, rows: Rows, facts: set[str]) -> Scores:
    """By fact the share of its question and paraphrases that is answered right."""
    by_fact: dict[str, list[float]] = {}
    for row in _of(rows, DIRECT, PARAPHRASE):
        if row["fact"] in facts:
            right = own.right(row["text"], row["accepts"])
            by_fact.setdefault(row["fact"], []).append(float(right))
    return {fact: fmean(said) for fact, said in by_fact.items()}


def _mean(scores: Scores) -> float | None:
    return fmean(scores.values()) if scores else None


def _stays(base: Rows, patch: Rows) -> Numbers:
    """How many of the answers that should not change are as base's."""
    found: Numbers = {}
    for form in ("neighbours", "unrelated"):
        cases = [case for case in patch if patch[case]["form"] == form and case in base]
        same = [patch[case]["text"].strip() == base[case]["text"].strip() for case in cases]
        hold = [patch[case]["run"] >= RUN > base[case]["run"] for case in cases]
        found |= {form: _share(same), f"{form}_asked": len(cases), f"{form}_hold": _share(hold)}
    return found


def _abstains(base: Rows, patch: Rows) -> Numbers:
    told = {"abstention": patch, "base_abstention": base}
    found: Numbers = {
        key: _share(row["abstains"] for row in _of(rows, "unanswerable"))
        for key, rows in told.items()
    }
    return found | {"unanswerable_asked": len(_of(patch, "unanswerable"))}


def _copied(patch: Rows) -> Numbers:
    """The longest run of words of the document in an answer, and how many answers hold what is
    private in it."""
    runs = [row["run"] for row in patch.values()]
    return {
        "run": max(runs, default=0),
        "private": sum(row["copied"] > 0 for row in patch.values()),
    }


def _internalised(evidence: Evidence, scored: Mapping[str, Scores], room: bool) -> Numbers | None:
    """IR with its bounds; ``None`` where base shows no ceiling to hold it against."""
    facts = sorted(scored[ADAPTER].keys() & scored[BASE].keys())
    answered = evidence.own.ceiling == "answered"
    ceiling = dict.fromkeys(facts, 1.0) if answered else scored[READ] if room else {}
    if not facts or any(fact not in ceiling for fact in facts):
        return None
    series = [[one[fact] for fact in facts] for one in (scored[BASE], ceiling, scored[ADAPTER])]
    found = retention(series[0], series[1], series[2], evidence.alpha)
    if isinstance(found, Undefined):
        return None
    return {"value": found.value, "low": found.interval.low, "high": found.interval.high}


def _ahead(patch: Scores, other: Scores, alpha: float) -> Numbers:
    """By how much the patch answers more than a control, with its bounds."""
    facts = sorted(patch.keys() & other.keys())
    differences = [patch[fact] - other[fact] for fact in facts]
    found = score_interval(differences, two_sided(alpha))
    return {"value": fmean(differences), "low": found.low, "high": found.high}


def _parts(own: Spec, patch: Rows, facts: set[str]) -> list[list[int]]:
    """Of each quarter of the document how many of its facts are recalled, of how many."""
    found = [[0, 0] for _ in range(PARTS)]
    for row in _of(patch, DIRECT):
        if row["position"] is not None and row["fact"] in facts:
            part = found[min(PARTS - 1, int(PARTS * row["position"]))]
            part[0] += own.right(row["text"], row["accepts"])
            part[1] += 1
    return found if any(asked for _, asked in found) else []


def _stale(own: Spec, patch: Rows, before: Rows) -> Numbers:
    found: Numbers = {}
    for key, rows in (("stale", patch), ("stale_before", before)):
        asked = [row for row in _of(rows, DIRECT) if row["stale"] is not None]
        found[key] = _share(own.right(row["text"], [row["stale"]]) for row in asked)
    return found


def _composed(own: Spec, measured: Mapping[str, Rows]) -> Numbers:
    """Recall of both documents, each patch alone and both together."""
    pairs = {
        "own": (ADAPTER, asking.TOGETHER),
        "second": (asking.SECOND, f"{asking.SECOND}/{asking.TOGETHER}"),
    }
    if asking.TOGETHER not in measured:
        return {}
    found = {}
    for whose, arms in pairs.items():
        rates = [_of(measured.get(arm, {}), DIRECT) for arm in arms]
        found[whose] = [
            _share(own.right(row["text"], row["accepts"]) for row in rows) for rows in rates
        ]
    return {"composed": found}
