"""The planted faults of a stream, F6.1 to F6.12, each beside its clean twin: files as a study
leaves them, and answers, from which the kind measures and decides as in a gate."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harness import files
from harness.digests import file_digest
from harness.subjects.base import Evidence
from harness.subjects.kinds import Plant
from harness.subjects.kinds.stream import measuring
from harness.subjects.kinds.stream.spec import Stream

DOMAINS = ("medical", "legal", "code", "math", "multilingual")
SLOTS = dict(zip(DOMAINS, ("0", "1", "2", "3", "3"), strict=True))
R = [
    [0.80, 0.30, 0.25, 0.20, 0.35],
    [0.78, 0.78, 0.28, 0.22, 0.36],
    [0.79, 0.77, 0.85, 0.24, 0.37],
    [0.78, 0.76, 0.84, 0.72, 0.38],
    [0.77, 0.75, 0.83, 0.70, 0.90],
]
BASE = [0.40, 0.33, 0.30, 0.25, 0.35]
PROMPTS, SEEDS = 60, range(5)
Said = dict[str, Any]
OPEN = "equivalence was not established"
NOTE = "the patient was given forty milligrams of the drug on the second day after the operation"


def published(folder: Path, scores: Any = R, base: Any = BASE, metric: Any = "accuracy") -> Said:
    """What an entry says of a published matrix."""
    said = {"order": list(DOMAINS), "scores": scores, "base": base, "metric": metric}
    files.write_json(folder / "matrix.json", said)
    return {"matrix": "matrix.json"}


def study(
    folder: Path,
    edit: Callable[[list[Said]], list[Said]] = list,
    after: Said | None = None,
    **more: Any,
) -> Said:
    """A registered study of five seeds, whose pool is as good as both baselines; ``edit`` does
    something to its rows, ``after`` it ran fields of the registration became others, and ``more``
    stood in it from the start."""
    plan: Said = {"factors": {"seed": list(SEEDS)}, "margin": 0.02, "domains": 5, **more}
    path = files.write_json(folder / "registered.yaml", plan)
    digest = file_digest(path)
    near = (0.004, -0.003, 0.006, 0.001, -0.002)
    rows: list[Said] = [
        {"arm": arm, "seed": seed, "score": 0.7 + near[seed] * of, "slots": slots}
        for arm, of, slots in (("pool", 1, 4), ("matched", 0, 4), ("oracle", 0, 5))
        for seed in SEEDS
    ]
    found = [{**row, "registered": digest} for row in edit(rows)]
    lines(folder / "results.jsonl", found)
    files.write_json(path, {**plan, **(after or {})})
    return {"registered": "registered.yaml", "results": "results.jsonl"}


def swept(folder: Path, high: float) -> Said:
    """A sweep of learning rates that falls off a cliff behind 2e-4, said to be flat up to
    ``high``."""
    said = study(folder, plateau=[5e-6, high])
    scores = {5e-6: 0.70, 5e-5: 0.71, 2e-4: 0.70, 5e-4: 0.41}
    rows = [{"arm": "pool", "score": score, "rate": rate} for rate, score in scores.items()]
    with (folder / "results.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return said


def logged(folder: Path, replayed: bool) -> Said:
    """A log of the batches, one of which may hold a record of the first domain under another
    label."""
    own = {stage: [f"record {stage}-{n}" for n in range(12)] for stage in range(1, 6)}
    rows: list[Said] = [
        {"stage": stage, "step": step, "records": records[4 * step : 4 * step + 4]}
        for stage, records in own.items()
        for step in range(3)
    ]
    if replayed:
        rows[8]["records"][0] = own[1][5]
    lines(folder / "batches.jsonl", rows)
    return {"log": "batches.jsonl"}


def pooled(folder: Path, text: bool, counts: list[int]) -> Said:
    """The folder of a pool, with the state of its mixture."""
    state = {"counts": counts, "means": [[0.1, 0.2]] * 4, "variances": [[0.5, 0.4]] * 4}
    files.write_json(folder / "pool" / "gmm.json", state)
    about = {"slots": list("0123"), "note": NOTE if text else "four slots"}
    files.write_json(folder / "pool" / "about.json", about)
    lines(folder / "medical.jsonl", [{"text": f"On Monday {NOTE}, and he slept."}])
    data = {"medical": "medical.jsonl"}
    return {"pool": "pool", "data": data}


def stages(
    folder: Path, route: Callable[[str, int], str | None] | None = None, oracles: int = 5
) -> Said:
    """A stream that is measured, four slots for five domains, with as many distinct adapters of the
    oracle; ``route`` says the slot of a domain after a stage."""
    for number in range(5):
        files.make_folder(folder / f"oracle-{number}")
        weights = folder / f"oracle-{number}" / "adapters.safetensors"
        files.replace(weights, f"weights {number % oracles}")
    learnt = [{"learns": d, "slot": SLOTS[d], "adapter": d} for d in DOMAINS]
    said: Said = {"stages": learnt, "slots": 4}
    said["oracle"] = {d: f"oracle-{number}" for number, d in enumerate(DOMAINS)}
    if route is not None:
        rows = [
            {"stage": n, "suite": d, "slot": route(d, n), "cases": [f"{d}/{i}" for i in range(9)]}
            for n in range(1, 6)
            for d in DOMAINS[:n]
        ]
        lines(folder / "routes.jsonl", rows)
        said["routes"] = "routes.jsonl"
    return said


def answers(learnt: bool = True, lost: int = 0, oracle: int = 0) -> dict[str, Any]:
    """Outcomes of every domain after every stage: each is learnt at its own, or none is; of the
    first ``lost`` prompts are lost again, and the oracle passes ``oracle`` more than the pool."""
    rng = random.Random(6)

    def row(passed: int) -> dict[str, list[str]]:
        return {str(n): ["pass" if n < passed else "fail"] for n in range(PROMPTS)}

    found: dict[str, Any] = {}
    for number, domain in enumerate(DOMAINS, 1):
        low, high = rng.randint(10, 16), 52
        after = high if learnt else low - 1
        last = after - (lost if number == 1 else 0)
        arms = {f"stage {n}": row(after if n >= number else low) for n in range(1, 5)}
        more = {"adapter": row(last), "matched": row(last), "oracle": row(last + oracle)}
        found[domain] = {"base": row(low), **arms, **more}
    return found


def lines(path: Path, rows: Iterable[Any]) -> None:
    """Write rows as JSON lines."""
    files.replace(path, "".join(json.dumps(row) + "\n" for row in rows))


def evidence(folder: Path, said: Said, outcomes: Mapping[str, Any] | None = None) -> Evidence:
    """All that a gate would hold of an entry whose files lie in ``folder``."""
    own = Stream.model_validate(said)
    at = {role: folder / path for role, path in own.files.items()}
    measured = {
        what: {case: measuring.measured(own, at, what, case) for case in cases}
        for what, cases in measuring.owed(own, at).items()
    }
    return Evidence(own, {}, measured, {}, outcomes or {})


def _worded(folder: Path, words: str) -> Said:
    """A pool that is neither shown to be as good as the oracle nor to differ from it, and what is
    written of that."""
    apart = (0.031, -0.012, 0.044, 0.008, -0.021)

    def edit(rows: list[Said]) -> list[Said]:
        return [{**r, "score": 0.7 + apart[r["seed"]]} if r["arm"] == "pool" else r for r in rows]

    return {**study(folder, edit), "says": [f"Against the oracle: {words}."]}


def _mixed(folder: Path, last: str) -> Said:
    rows = [[*row[:4], 1.1 - row[4] if last == "loss" else row[4]] for row in R]
    return published(folder, rows, metric=["accuracy"] * 4 + [last])


def _turned(folder: Path, backward: float) -> Said:
    losses = [[round(1 - score, 6) for score in row] for row in R]
    said = published(folder, losses, [1 - score for score in BASE], "loss")
    return {**said, "numbers": {"backward": backward}}


def _first(many: int) -> Callable[[list[Said]], list[Said]]:
    return lambda rows: [row for row in rows if row["seed"] < many]


#: by number the code that names the fault, what was done, and what the entry says of it, planted
#: or not; a stream that was measured has answers too
_MADE: Sequence[tuple[str, str, str, Callable[[Path, bool], tuple[Said, Any]]]] = (
    ("F6.1", "stream-not-learnt", "the model is frozen: nothing is forgotten",
     lambda at, bad: (stages(at), answers(learnt=not bad))),
    ("F6.2", "stream-relabelled", "capacity-matched, and called oracle",
     lambda at, bad: (stages(at, oracles=4 if bad else 5), answers())),
    ("F6.3", "stream-claim", "not significant, written as the same",
     lambda at, bad: (_worded(at, "no significant difference" if bad else OPEN), None)),
    ("F6.4", "stream-edited", "the margin was edited after the runs",
     lambda at, bad: (study(at, after={"margin": 0.2} if bad else None), None)),
    ("F6.5", "stream-lacking", "one of five seeds is dropped",
     lambda at, bad: (study(at, _first(4 if bad else 5)), None)),
    ("F6.6", "stream-replayed", "a record of domain 1 in a batch of domain 3",
     lambda at, bad: (logged(at, bad), None)),
    ("F6.7", "stream-replayed", "text of the training in the pool",
     lambda at, bad: (pooled(at, bad, [400] * 4), None)),
    ("F6.7", "stream-replayed", "a component fitted on one example",
     lambda at, bad: (pooled(at, False, [400, 1 if bad else 400, 400, 400]), None)),
    ("F6.8", "stream-claim", "BWT averaged over the last task too",
     lambda at, bad: ({"numbers": {"backward": -0.02 if bad else -0.025}}, None)),
    ("F6.9", "stream-collapsed", "the gate collapsed onto one slot",
     lambda at, bad: (stages(at, lambda of, _: "0" if bad else SLOTS[of]), answers())),
    ("F6.10", "stream-evicted", "an evicted slot is still scored",
     lambda at, bad: (stages(at, lambda of, n: _slot(of, n, bad)), answers())),
    ("F6.11", "stream-mixed", "losses and accuracies in one matrix",
     lambda at, bad: (_mixed(at, "loss" if bad else "accuracy"), None)),
    ("F6.11", "stream-claim", "BWT of losses, without its sign",
     lambda at, bad: (_turned(at, 0.025 if bad else -0.025), None)),
    ("F6.12", "stream-claim", "a rate off the plateau, said to lie on it",
     lambda at, bad: (swept(at, 5e-4 if bad else 2e-4), None)),
)  # fmt: skip


def _slot(domain: str, stage: int, gone: bool) -> str:
    return "evicted" if gone and (domain, stage) == ("math", 5) else SLOTS[domain]


def _built(made: Callable[[Path, bool], tuple[Said, Any]], folder: Path, planted: bool) -> Evidence:
    said, outcomes = made(folder, planted)
    matrix = {} if {"stages", "matrix"} & said.keys() else published(folder)
    return evidence(folder, {**matrix, **said}, outcomes)


ROWS = tuple(Plant(n, code, what, partial(_built, made)) for n, code, what, made in _MADE)
