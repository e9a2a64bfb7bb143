"""Which engine answers for an adapter; what one that is out of sight has to show, and the prompts
that leave for somebody else's stack."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from harness import files
from harness.content.case import Case
from harness.content.library import Entry
from harness.content.policy import Policy
from harness.content.suite import Suite
from harness.engines.base import Answering, Watched, WhiteBox, read_config
from harness.engines.decoding import ends
from harness.engines.elsewhere.endpoint import Endpoint
from harness.engines.elsewhere.markers import FIXED
from harness.engines.elsewhere.replay import Asked, Replay, place
from harness.errors import WorkspaceError
from harness.evidence.registration import Registration, prompt_digest
from harness.gate import planning
from harness.subjects import kinds
from harness.subjects.base import Arm, Bench, Fault, Preflight

Load = Callable[[Entry], Answering]
MARKERS = 6  # dev prompts of each suite


def load_engine(entry: Entry) -> Answering:
    """What answers for ``entry``: recorded answers, the server that the library names, or the
    embedded engine on its base, each of the two on a cluster where one is named; raises
    :class:`HarnessError`."""
    if entry.answers is not None:
        return Replay(entry.answers)
    served, at = entry.adapter.engine, entry.cluster
    urls = 1 + len(served.also) if served else 1
    if urls > max(1, at.replicas if at else 0):
        raise WorkspaceError(
            f"library.yaml: key 'cluster.replicas': found {at.replicas if at else 'no cluster'};"
            f" expected {urls} or more, one for each server of {entry.name}"
        )
    if (served or (at and at.replicas)) and not kinds.of(entry).mounts:
        raise WorkspaceError(
            f"library.yaml: adapters.{entry.name}: a subject of kind {entry.adapter.kind!r} answers"
            " with several models, here alone; leave out `engine` and `cluster.replicas`"
        )
    if at and at.replicas:
        from harness.engines.elsewhere.fanout import Replicas, Servers

        here = (entry.base_path, at)
        return Servers(served, *here) if served else Replicas(*here, entry.base.dtype)
    return Endpoint(served, entry.base_path) if served else embedded(entry)


def embedded(entry: Entry) -> WhiteBox:
    """The embedded engine on the base of ``entry``; raises :class:`EngineError`."""
    from harness.engines.mlx import MlxEngine

    return MlxEngine(entry.base_path, dtype=entry.base.dtype)


def bench(entry: Entry, suites: Mapping[str, Suite], engine: Answering, found: Preflight) -> Bench:
    """What the kind of ``entry`` looks at and measures with: the engine that answers, where its
    weights can be seen, else the embedded one."""
    folders = {"base": entry.base_path, "adapter": entry.mount, **kinds.of(entry).parts(entry)}
    if entry.previous is not None and found.previous_digest:
        folders["previous"] = entry.previous.mount
    load = cache(lambda: engine if isinstance(engine, WhiteBox) else embedded(entry))
    return Bench(entry, suites, folders, found.digests, load)


def quantised(base: Path, bits: int) -> WhiteBox:
    """The embedded engine on ``base`` as a server may hold it; raises :class:`EngineError`."""
    from harness.engines.mlx import MlxEngine

    return MlxEngine(base, bits)


def tokenizer(engine: Answering, base: Path) -> Any:
    """That of the engine, or of the folder of the base that it is said to answer with; ``None``
    where there is none."""
    if isinstance(engine, WhiteBox) or not engine.identity.get("declared"):
        return getattr(engine, "tokenizer", None)
    from mlx_lm.utils import load_tokenizer

    config = read_config(base / "config.json")
    try:
        return load_tokenizer(base, eos_token_ids=ends.tokens(config))
    except Exception:  # what a foreign folder does to the library; nothing is answered with it
        return None


def proven(
    engine: Answering, suites: Iterable[Suite], policy: Policy, before: Mapping[str, Any]
) -> list[Fault]:
    """What an engine out of sight shows against itself, asked the suites' dev prompts in their
    form, and fixed ones in that of a suite that has none. ``before`` is its identity in a run that
    goes on."""
    if not isinstance(engine, Watched):
        return []
    arm = Arm(id="marker", weights="")
    fixed = [Case(f"marker {number}", text, {}) for number, text in enumerate(FIXED)]
    shown = [(each, case) for each in suites for case in (each.dev[:MARKERS] or fixed)]
    asks = [planning.ask(policy, each, arm, case, 0) for each, case in shown]
    return [Fault(code, text) for code, text in engine.begin(asks, before)]


def asked(plan: Registration, suites: Mapping[str, Suite]) -> Iterator[Asked]:
    """Every prompt of a registration, once for each arm and sample."""
    policy = plan.policy
    for id, each in suites.items():
        for arm in plan.plans[id].arms:
            for case in each.cases:
                for sample in range(policy.samples):
                    ask = planning.ask(policy, each, arm, case, sample)
                    yield Asked(
                        registration=plan.digest,
                        suite=id,
                        arm=arm.id,
                        subject=arm.subject,
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
