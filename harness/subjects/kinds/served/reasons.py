"""What was measured of a server comes to: whether each request gets the answer of the adapter that
it names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any

from harness.stats.intervals import lower_bound, upper_bound
from harness.subjects.base import Evidence, Numbers
from harness.subjects.kinds.served import numbers
from harness.subjects.kinds.served.numbers import NEITHER, REFUSED, Answers, Row, whose
from harness.subjects.kinds.served.schedule import (
    BEYOND,
    RELOAD,
    RESTART,
    SOLO,
    TRUTH,
    UNKNOWN,
    UNLOAD,
    shares,
    unasked,
)
from harness.verdict import Reason, reason

ASKED = "asked"
Cases = Mapping[str, Numbers]


def decide(evidence: Evidence) -> tuple[Numbers, list[Reason]]:
    """Numbers and reasons, as far as there is evidence for each."""
    own, cases = evidence.own, evidence.measured.get(ASKED, {})
    alone = cases.get(SOLO, {}).get("said", {})
    truth = {who: found["said"] for who, found in evidence.measured.get(TRUTH, {}).items()}
    found: Numbers = {"unasked": unasked(own), "allowed": own.bound}
    if not alone:
        return found, []
    wrong = list(_alone(alone, truth))
    found["alone"] = {who: len(probes) for who, probes in numbers.telling(alone).items()}
    found |= _scheduled(own, cases, alone)
    if RESTART in cases:
        found["restart"] = cases[RESTART]["ms"][0]
    wrong += _schedules(own, found, evidence.alpha)
    wrong += _refusals(cases, alone)
    wrong += _changed(own, cases, alone)
    wrong += _stated(own, cases)
    if not wrong and "worst" in found:
        wrong.append(_apart(found))
    return found, wrong


def _apart(found: Numbers) -> Reason:
    asked = f"{found['total']['asked']} requests"
    if found["worst"] > found["allowed"]:
        text = f"none of {asked} was answered by another, which leaves {found['worst']:.2%}"
        return reason("served-few", "served", f"{text}; {found['allowed']:.2%} is to be shown")
    return reason(
        "served-apart",
        "served",
        f"none of {asked} in {len(found['schedules'])} schedules was answered by another: at most"
        f" {found['worst']:.2%} are",
    )


def _alone(alone: Answers, truth: Answers) -> Iterator[Reason]:
    """Whether each one, alone, answers as its own weights do, and as nobody else does."""
    agreed = numbers.agreement(alone, truth) if truth else {}
    alike = [who for who, probes in numbers.telling(truth).items() if not probes]
    for who, by in agreed.items() if not alike else ():
        best = max(by, key=lambda each: (by[each], each == who))
        many = len(numbers.telling(truth)[who])
        if best != who or 2 * by[who] < many:
            text = f"asked for {who}, alone, it answers {by[who]} of {many} probes as {who} does"
            text += f" here, and {by[best]} as {best} does" if best != who else " here"
            yield reason("served-untrue", who, text)
    for who in alike or [who for who, probes in numbers.telling(alone).items() if not probes]:
        where = "their weights answer here" if alike else "the server answers"
        text = f"no probe tells {who} from all others by what {where}: name other `probes`"
        yield reason("served-alike", who, text)


def _scheduled(own: Any, cases: Cases, alone: Answers) -> Numbers:
    """By schedule and in all who answered, and how long it took."""
    table, matrix = dict[str, Numbers](), dict[str, Counter[str]]()
    times: dict[int, list[float]] = {}
    for name in shares(own):
        blocks = [said for case, said in cases.items() if case.partition(" ")[0] == name]
        if not blocks:
            continue
        found = numbers.counted([row for said in blocks for row in said["rows"]], alone)
        matrix = {who: matrix.get(who, Counter()) + found[who] for who in found}
        table[name] = numbers.summed(found) | _took(blocks)
        for said in blocks:
            times.setdefault(said["among"], []).extend(said["ms"])
    if not table:
        return {}
    total = numbers.summed(matrix)
    return {
        "schedules": table,
        "matrix": {who: dict(by) for who, by in matrix.items()},
        "among": {str(n): numbers.percentiles(times[n]) for n in sorted(times)},
        "total": total,
        "worst": numbers.bound(total["another"], total["asked"]),
    }


def _took(blocks: Sequence[Numbers]) -> Numbers:
    return numbers.percentiles(reduce(add, (said["ms"] for said in blocks)))


def _schedules(own: Any, found: Numbers, alpha: float) -> Iterator[Reason]:
    table = found.get("schedules", {})
    for name, said in table.items():
        if said["another"]:
            who, other, many = _most(found["matrix"])
            text = f"{said['another']} of {said['asked']} requests were answered by another"
            text += f"; of all, most often {other} to {who} ({many})"
            yield reason("served-crosstalk", name, text)
        if said["refused"] and name != BEYOND:
            text = f"{said['refused']} of {said['asked']} requests for what it holds were refused"
            yield reason("served-refused", name, text)
        yield from _strange(name, said, table.get("alone"), alpha / len(table))
    took = table.get("interleaved", {}).get("p95")
    if own.swap is not None and took is not None and took > 1000 * own.swap:
        text = f"an answer after a change of the adapter takes {took:.0f} ms (p95)"
        yield reason("served-slow", "interleaved", f"{text}; {1000 * own.swap:.0f} are promised")


def _strange(name: str, said: Numbers, calm: Numbers | None, alpha: float) -> Iterator[Reason]:
    """Whether answers of nobody are more than what asking one adapter at once makes."""
    noise = upper_bound(calm["neither"], calm["asked"]) if calm and calm["asked"] else 0.0
    many, asked = said["neither"], said["asked"]
    if name != "alone" and many and lower_bound(many, asked, 1 - alpha) > noise:
        text = f"{many} of {asked} answers are nobody's alone; batching alone makes at most"
        yield reason("served-strange", name, f"{text} {noise:.2%}")


def _refusals(cases: Cases, alone: Answers) -> Iterator[Reason]:
    """Whether it answers for what it does not hold."""
    first = next(who for who in alone if who != "base")
    for fields, probe, status, text in cases.get(UNKNOWN, {}).get("rows", ()):
        if status < 300:
            who = whose([first, probe, status, text], alone)
            told = "as nobody alone does" if who == NEITHER else f"as {who} does"
            yield reason("served-unknown", "unknown", f"it answers {fields}, {told}; refuse it")


def _changed(own: Any, cases: Cases, alone: Answers) -> Iterator[Reason]:
    """Whether other weights under a name, an unloaded adapter and a restart are what they are."""
    if RELOAD in cases:
        now, name = own.reload.becomes, own.reload.adapter
        after = [whose([now, *row[1:]], alone) for row in cases[RELOAD]["after"]]
        back = _others(cases[RELOAD]["back"], alone)
        if late := sum(who != now for who in after):
            text = f"{late} of {len(after)} answers after other weights were loaded under {name}"
            stale = sum(who == name for who in after)
            text += f" are not theirs; {stale} are still those of the old ones"
            yield reason("served-stale", name, text)
        elif back:
            text = f"{len(back)} of {len(cases[RELOAD]['back'])} answers after its own weights"
            yield reason("served-stale", name, f"{text} were loaded again are not theirs")
    if UNLOAD in cases:
        name, said = own.unload.adapter, cases[UNLOAD]
        gone = Counter(whose(row, alone) for row in said["gone"])
        other = _others(said["flight"], alone, REFUSED) + _others(said["back"], alone)
        if answered := gone.total() - gone[REFUSED]:
            by = max((who for who in gone if who != REFUSED), key=gone.__getitem__)
            text = f"{answered} of {gone.total()} requests after it was unloaded are answered"
            yield reason("served-unloaded", name, f"{text}, most often by {by}")
        elif other:
            text = "requests while it was unloaded, or loaded again, are answered by"
            yield reason("served-unloaded", name, f"{len(other)} {text} {other[0]}")
    if RESTART in cases:
        said = cases[RESTART]
        other = _others(said["rows"], alone) + _others(said["flight"], alone, REFUSED)
        if other:
            text = f"{len(other)} answers around a crash are not those of before, but {other[0]}'s"
            yield reason("served-restart", "restart", text)


def _others(rows: Iterable[Row], alone: Answers, but: str = "") -> list[str]:
    """Who answered in place of the one that was asked."""
    found = ((row[0], whose(row, alone)) for row in rows)
    return [by for who, by in found if by not in (who, but)]


def _stated(own: Any, cases: Cases) -> Iterator[Reason]:
    """Whether what the server states to have answered with is one for each, and of the weights."""
    if own.header is None:
        return
    rows = [row for said in cases.values() for row in said.get("rows", ()) if len(row) == 6]
    said: dict[str, set[str | None]] = {}
    for row in rows:
        if row[2] < 300:
            said.setdefault(row[0], set()).add(row[4])
    shared = Counter(stated for each in said.values() for stated in each)
    for who, each in said.items():
        if None in each or len(each) > 1 or shared[next(iter(each))] > 1:
            told = ", ".join(sorted(str(one or "nothing") for one in each))
            text = f"{own.header}: {told:.120}; expected one digest for it, and of nobody else"
            yield reason("served-header", who, text)
            return
    after = {row[4] for row in cases.get(RELOAD, {}).get("after", ())}
    if after and after != said.get(own.reload.becomes, after):
        text = f"{own.header} is {', '.join(map(str, after)):.120} after a reload of other weights"
        text += f", which {own.reload.becomes} states otherwise: it names the request, not them"
        yield reason("served-header", own.reload.adapter, text)


def _most(matrix: Mapping[str, Mapping[str, int]]) -> tuple[str, str, int]:
    """Who was answered by which other most often."""
    cells = [
        (many, who, by)
        for who, row in matrix.items()
        for by, many in row.items()
        if by not in (who, NEITHER, REFUSED)
    ]
    many, who, by = max(cells)
    return who, by, many
