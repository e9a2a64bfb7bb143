"""Prompts that leave for somebody else's stack, and the answers that come back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness import files
from harness.content.suite import Suite
from harness.engines.base import Answering, Watched
from harness.engines.elsewhere.replay import Asked, Replay, place
from harness.evidence.registration import Registration, prompt_digest
from harness.gate import planning


def asked(plan: Registration, suites: Mapping[str, Suite]) -> Iterator[Asked]:
    """Every prompt of a registration, once for each arm and sample."""
    policy = plan.policy
    for id, each in suites.items():
        for arm in plan.plans[id].arms:
            for case in each.cases:
                for sample in range(policy.samples):
                    ask = planning.ask(policy, each, arm, case, sample, None)
                    yield Asked(
                        registration=plan.digest,
                        suite=id,
                        arm=arm.id,
                        id=case.id,
                        sample=sample,
                        prompt_digest=prompt_digest(case.prompt),
                        prompt=ask.prompt,
                        system=ask.system,
                        mode=each.form.mode,
                        sampler=plan.plans[id].sampler,
                        max_tokens=ask.decoding.max_tokens,
                        stop=list(ask.decoding.stop),
                        temperature=policy.temperature,
                        seed=ask.seed,
                    )


def export(path: Path, plan: Registration, suites: Mapping[str, Suite]) -> Path:
    """Write the prompts of a registration as JSON lines, for answers to be added to each."""
    rows = [json.dumps(one.model_dump(exclude_none=True)) for one in asked(plan, suites)]
    return files.replace(path, "".join(f"{row}\n" for row in rows))


def declared(
    engine: Answering,
    plan: Registration,
    registered: Registration | None,
    suites: Mapping[str, Suite],
    limit: int | None,
) -> Registration:
    """The registration with who is said to answer. Recorded answers are held against it; raises
    :class:`WorkspaceError` where they do not fit."""
    if isinstance(engine, Watched):
        return plan.model_copy(update={"declared": engine.declared})
    if not isinstance(engine, Replay) or not engine.declared:
        return plan
    planned = list(asked(plan, suites))
    chosen = {(id, case.id) for id, each in suites.items() for case in planning.chosen(each, limit)}
    engine.hold(planned, {place(one) for one in planned if (one.suite, one.id) in chosen})
    dated = registered is not None and engine.dated(registered.digest)
    return plan.model_copy(update={"declared": engine.declared, "dated": dated})
