"""What the files of a stream call for: logs, pools, studies, learning rates, checkpoints, and the
sentences that were published. Pure: the numbers of each come from its receipt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.subjects.base import Numbers
from harness.verdict import Reason, reason

ORACLE, MATCHED = "oracle", "matched"  #: the arms of the baselines
#: who a stream is held against, in words
CALLED = {
    ORACLE: "the true oracle (an adapter for each task, and the task is told)",
    MATCHED: "the capacity-matched baseline (the same slots, and the task is told)",
}
#: that two are the same, which only a test of equivalence may say
SAME = re.compile(
    r"equivalen|equal to|as good as|match(es|ed|ing)? the |on par|parity|identical|indistinguish"
    r"|(no|not|without)( \w+)? (significant(ly)?|measurabl[ey]|statistical(ly)?)"
    r"|(no|without) (difference|regression|loss)",
    re.IGNORECASE,
)
#: that something is not known, which is no claim
UNKNOWN = re.compile(
    r"not (been )?(established|shown|proven|equivalent|as good)|not (establish|show)|neither"
    r"|inconclusive|fail(s|ed)? to (establish|show)|not( \w+)? eliminat|no claim",
    re.IGNORECASE,
)
#: that nothing is forgotten, which no test shows
GONE = re.compile(
    r"eliminat|zero[- ]forgetting|forgetting[- ]free|(no|without|solv\w+)( \w+)? forgetting"
    r"|(never|not) forget",
    re.IGNORECASE,
)


def baseline(
    arm: str, called: str, found: Mapping[str, Any], margin: float, alpha: float
) -> Reason:
    """What may be said of one baseline, in the words that the tests allow."""
    if "difference" not in found:
        text = f"not established against {called}: {found['n']} pairs, and a test needs two"
        return reason("stream-open", arm, text)
    outcome, by = found["outcome"], 100 * found["difference"]
    tested = (
        f"{by:+.2f} points over {found['n']} pairs; two one-sided tests within +-{100 * margin:g}"
        f" points p = {found['p']:.2g}, difference p = {found['p_difference']:.2g}, alpha {alpha:g}"
    )
    if outcome == "equivalent":
        also = found["p_difference"] <= alpha
        little = ", though it is shown to differ by less than that" if also else ""
        return reason("stream-equivalent", arm, f"equivalent to {called}{little}: {tested}")
    if outcome == "different":
        code = "stream-different" if by < 0 else "stream-equivalent"
        side = "worse than" if by < 0 else "better than"
        return reason(code, arm, f"different, {side} {called}: {tested}")
    return reason(
        "stream-open",
        arm,
        f"not established, neither the same as nor different from {called}: {tested}",
    )


def _replay(case: str, found: Numbers) -> Iterator[Reason]:
    if case == "log":
        gaps = [
            stage for stage, many in found["lacking"].items() if many or not found["batches"][stage]
        ]
        if gaps:
            text = f"the log lacks steps of stage {', '.join(gaps)}, and shows nothing of those"
            yield reason("stream-lacking", "replay", text)
        if found["replayed"]:
            text = (
                f"{found['replayed']} of {found['records']} records were trained on that are not of"
            )
            yield reason(
                "stream-replayed", "replay", f"{text} their stage: {'; '.join(found['shown'])}"
            )
        elif not gaps:
            yield reason(
                "stream-clean",
                "replay",
                f"none of {found['records']} records was seen twice across stages",
            )
        return
    if found["texts"]:
        text = f"the pool keeps text of the training: {'; '.join(found['texts'])}"
        yield reason("stream-replayed", "pool", text)
    if found["few"]:
        text = "a component of the router that was fitted on one example is that example"
        yield reason("stream-replayed", "pool", f"{text}: {'; '.join(found['few'])}")


def _pools(_case: str, found: Numbers) -> Iterator[Reason]:
    if found["oracle"] not in (None, found["tasks"]):
        text = f"what is called oracle has {found['oracle']} adapters for {found['tasks']} tasks"
        yield reason("stream-relabelled", "oracle", f"{text}: it is matched in capacity")
    if found["slots"] is not None and found["live"] > found["slots"]:
        text = f"{found['live']} adapters answer, and the pool has {found['slots']} slots"
        yield reason("stream-evicted", "pool", text)
    if found["gone"]:
        where = "; ".join(f"{many} to {slot}" for slot, many in found["gone"].items())
        text = f"prompts went to slots that are not in the pool at that stage: {where}"
        yield reason("stream-evicted", "router", text)


def _routes(case: str, found: Numbers) -> Iterator[Reason]:
    if found["slots"] > 1 and found["n"] and found["low"] <= found["constant"]:
        used = ", ".join(f"{slot} {many}" for slot, many in found["used"].items())
        text = (
            f"{case}: {found['right']} of {found['n']} prompts went to the slot of their task, no"
        )
        text += f" better than always the same slot ({found['constant']:.0%}): {used}"
        yield reason("stream-collapsed", "router", text)


def _study(_case: str, found: Numbers) -> Iterator[Reason]:
    if found["edited"]:
        text = f"{found['edited']} of {found['rows']} rows ran under another registration than the"
        yield reason("stream-edited", "study", f"{text} file, which is {found['digest'][:12]}...")
    if found["lacking_many"]:
        few = "; ".join(found["lacking"])
        text = f"{found['lacking_many']} of the registered cells are missing: {few}"
        yield reason("stream-lacking", "study", text)
    if found["twice"]:
        yield reason("stream-lacking", "study", f"cells stand twice: {'; '.join(found['twice'])}")
    if len(found["metrics"]) > 1:
        text = f"rows of {' and '.join(found['metrics'])}: they have no mean in common"
        yield reason("stream-mixed", "study", text)
    if found["relabelled"]:
        text = f"what is called oracle had {found['relabelled'][0]}: it is matched in capacity"
        yield reason("stream-relabelled", "study", text)
    against = found["against"]
    if absent := [called for arm, called in CALLED.items() if arm not in against]:
        yield reason("stream-lacking", "study", f"it has no rows of {', nor of '.join(absent)}")
    for arm, called in CALLED.items():
        if arm in against:
            yield baseline(f"study {arm}", called, against[arm], found["margin"], found["alpha"])


def _rates(_case: str, found: Numbers) -> Iterator[Reason]:
    if found.get("outside"):
        text = f"said to lie on the plateau, and does not: {', '.join(found['outside'])}"
        yield reason("stream-claim", "learning rate", text)
    if found.get("ends"):
        ends = ", ".join(f"{end:g}" for end in found["ends"])
        text = f"the ends of the plateau were not swept: {ends}"
        yield reason("stream-lacking", "learning rate", text)


def _optimizer(_case: str, found: Numbers) -> Iterator[Reason]:
    if found["each"] != found["expected"]:
        text = f"{found['says']} keeps {found['expected']} tensors for each that it trains; the"
        yield reason("stream-claim", "optimizer", f"{text} checkpoint has {found['each']}")


def wording(sentences: Sequence[str], outcomes: Sequence[str]) -> Iterator[Reason]:
    """Published sentences that say more than the tests."""
    same = bool(outcomes) and all(outcome == "equivalent" for outcome in outcomes)
    for said in sentences:
        if UNKNOWN.search(said):
            continue
        if GONE.search(said):
            text = f"{said!r}: no test shows that nothing is forgotten; say by how much at most"
            yield reason("stream-claim", "wording", text)
        elif SAME.search(said) and not same:
            found = ", ".join(dict.fromkeys(outcomes)) or "no equivalence test"
            text = f"{said!r}: what was found is: {found}; only a test of equivalence may say so"
            yield reason("stream-claim", "wording", text)


READ = {
    "pools": _pools,
    "replay": _replay, "routes": _routes, "study": _study, "rates": _rates, "optimizer": _optimizer,
}  # fmt: skip
