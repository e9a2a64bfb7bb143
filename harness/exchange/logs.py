"""A run as the logs of other tools: inspect's ``.eval``, lm-eval's results with their samples."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import files
from harness.errors import WorkspaceError
from harness.evidence.folder import RunFolder
from harness.evidence.receipts import Receipt
from harness.exchange.outgoing import Scored, Texts, scored, why

ELITE = "elite"  # the score of an answer as a whole, beside those of its criteria
#: how inspect writes outcomes
GRADES = {"pass": "C", "fail": "I", "unverified": "N"}
PEER = "pip install inspect-ai, whose own writer makes its logs"


def inspect(run: Path, folder: Path, texts: Texts) -> list[Path]:
    """Write a log of each suite and arm, which ``inspect view`` opens; raises
    :class:`WorkspaceError` where inspect is not installed."""
    try:
        from inspect_ai.log import write_eval_log
    except ImportError:
        raise WorkspaceError(f"inspect_ai: not installed; {PEER}") from None
    found, arms = scored(run)
    files.make_folder(folder)
    paths = []
    for each in arms:
        path = folder / f"{each.file}.eval"
        write_eval_log(_log(found, each, texts), str(path), format="eval")
        paths.append(path)
    return paths


def _log(found: RunFolder, each: Scored, texts: Texts) -> Any:
    from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalResults, EvalSpec, EvalStats

    plan, many = found.registration, len(each.rows)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    ids: list[str | int] = list(dict.fromkeys(row.case for row in each.rows))
    spec = EvalSpec(
        created=now,
        task=each.suite,
        dataset=EvalDataset(name=each.suite, samples=len(ids), sample_ids=ids),
        model=f"harness/{each.arm}",
        config=EvalConfig(epochs=plan.policy.samples),
        metadata={
            "registration": plan.digest,
            "adapter": f"{plan.adapter} {plan.adapter_digest}",
            "base": f"{plan.base} {plan.base_digest}",
            "verdict": found.verdict.verdict,
        },
    )
    results = EvalResults(total_samples=many, completed_samples=many, scores=[_totals(each)])
    samples = [_sample(each, row, texts) for row in each.rows]
    stats = EvalStats(started_at=now, completed_at=now)
    return EvalLog(status="success", eval=spec, results=results, stats=stats, samples=samples)


def _totals(each: Scored) -> Any:
    from inspect_ai.log import EvalMetric, EvalScore

    values = {"accuracy": each.rate, "stderr": each.error}
    metrics = {name: EvalMetric(name=name, value=value) for name, value in values.items()}
    return EvalScore(name=ELITE, scorer=ELITE, scored_samples=len(each.rows), metrics=metrics)


def _sample(each: Scored, row: Receipt, texts: Texts) -> Any:
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ModelOutput
    from inspect_ai.scorer import Score

    reason: Any = "max_tokens" if row.finish == "length" else "stop"
    judged = {ELITE: Score(value=GRADES[row.outcome], explanation=why(row))}
    for one in row.findings:
        judged[one.criterion] = Score(value=GRADES[one.outcome], explanation=one.reason)
    return EvalSample(
        id=row.case,
        epoch=row.sample + 1,
        input=texts(row.prompt),
        target="",
        output=ModelOutput.from_content(f"harness/{each.arm}", texts(row.answer), reason),
        scores=judged,
    )


def lm_eval(run: Path, folder: Path, texts: Texts) -> list[Path]:
    """Write for each arm a folder with ``results_*.json`` and its ``samples_*.jsonl``, in the
    layout of lm-eval 0.4."""
    found, arms = scored(run)
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
    paths = []
    for arm in dict.fromkeys(each.arm for each in arms):
        place = files.make_folder(folder / arm)
        own = [each for each in arms if each.arm == arm]
        paths.append(files.write_json(place / f"results_{stamp}.json", _results(found, arm, own)))
        for each in own:
            rows = [json.dumps(_doc(number, row, texts)) for number, row in enumerate(each.rows)]
            name = f"samples_{each.suite.replace('/', '_')}_{stamp}.jsonl"
            paths.append(files.replace(place / name, "".join(f"{row}\n" for row in rows)))
    return paths


def _results(found: RunFolder, arm: str, own: list[Scored]) -> dict[str, Any]:
    plan = found.registration
    names = {each.suite.replace("/", "_"): each for each in own}
    rates = {
        name: {"alias": name, f"{ELITE},none": each.rate, f"{ELITE}_stderr,none": each.error}
        for name, each in names.items()
    }
    counts = {
        name: {"original": len(e.rows), "effective": len(e.rows)} for name, e in names.items()
    }
    return {
        "results": rates,
        "group_subtasks": {name: [] for name in names},
        "configs": {
            name: {"task": name, "metadata": {"version": 0}, "sampler": plan.plans[e.suite].sampler}
            for name, e in names.items()
        },
        "versions": dict.fromkeys(names, 0),
        "n-shot": dict.fromkeys(names, 0),
        "higher_is_better": {name: {ELITE: True} for name in names},
        "n-samples": counts,
        "config": {
            "model": "harness",
            "model_args": {"arm": arm, "base": plan.base_digest, "adapter": plan.adapter_digest},
            "registration": plan.digest,
            "verdict": found.verdict.verdict,
        },
        "model_name": f"{plan.adapter} ({arm})",
    }


def _doc(number: int, row: Receipt, texts: Texts) -> dict[str, Any]:
    prompt, answer = texts(row.prompt), texts(row.answer)
    return {
        "doc_id": number,
        "doc": {"id": row.case, "suite": row.suite, "arm": row.arm, "sample": row.sample},
        "target": "",
        "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": {}}},
        "resps": [[answer]],
        "filtered_resps": [answer],
        "filter": "none",
        "metrics": [ELITE],
        ELITE: float(row.outcome == "pass"),
        "why": why(row),
    }
