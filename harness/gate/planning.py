"""What a gate is going to ask, worked out from the library, the suites and the fixtures before
anything is asked."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping

from harness import __version__
from harness.audit.certificate import Certificate
from harness.content.fixtures import Fixture
from harness.content.library import Entry
from harness.content.policy import Policy
from harness.content.suite import Suite
from harness.digests import folder_files, read_by_loaders
from harness.errors import WorkspaceError
from harness.evidence.registration import Criterion, Plan, Registration, prompt_digest
from harness.subjects.arms import Kind, arms, contrasts
from harness.subjects.base import Preflight


def register(
    entry: Entry,
    policy: Policy,
    suites: Mapping[str, Suite],
    preflight: Preflight,
    certificates: Mapping[str, Certificate],
    sentinels: Mapping[str, list[Fixture]],
) -> Registration:
    """The registration of one gate as its first look.

    Raises :class:`WorkspaceError` for several greedy answers a prompt, which would be one answer
    several times."""
    if policy.samples > 1 and policy.temperature == 0:
        raise WorkspaceError(
            f"gate.samples: found {policy.samples} at temperature 0, where all answers to a prompt"
            " are alike; set gate.temperature, for example to 0.6, or leave samples at 1"
        )
    return Registration(
        harness=__version__,
        adapter=entry.name,
        base=entry.base_name,
        base_digest=preflight.base_digest,
        adapter_digest=preflight.adapter_digest,
        files=folder_files(entry.read),
        megabytes=round(sum(p.stat().st_size for p in read_by_loaders(entry.read)) / 1e6, 6),
        facets=entry.adapter.facets,
        claims=entry.adapter.claims,
        plans={id: plan(found, policy, preflight) for id, found in suites.items()},
        certificates={id: held.digest for id, held in sorted(certificates.items())},
        sentinels={
            id: [[f.name, "good" if f.good else "bad"] for f in known]
            for id, known in sentinels.items()
        },
        policy=policy,
        contamination_checked="contamination" not in preflight.training.get("not_checked", ()),
    )


def plan(found: Suite, policy: Policy, preflight: Preflight) -> Plan:
    """What is asked of one suite, and in which order."""
    spec, guard = found.spec, found.spec.role == "guard"
    cases = [[case.id, prompt_digest(case.prompt)] for case in found.cases]
    if guard:
        random.Random(found.digest).shuffle(cases)
    digests = (preflight.base_digest, preflight.adapter_digest)
    asked = arms(*digests, spec.canon, guard=guard, again=policy.again)
    own = policy.margins.get(found.id, spec.margin)
    margin = policy.secondary_margin if own is None else own
    kind: Kind = "guard" if guard else "secondary" if spec.facet in policy.secondary else "primary"
    return Plan(
        suite=found.id,
        digest=found.digest,
        facet=spec.facet,
        role=spec.role,
        criteria=[Criterion(id=c.id, verifier=c.verifier) for c in spec.criteria],
        arms=asked,
        contrasts=contrasts(asked, kind, margin, spec.min_gain),
        cases=cases,
        left_out=preflight.left_out.get(found.id, []),
        control_tokens=preflight.control_tokens if spec.mode == "chat" else [],
        sampler=f"{decoded(policy)}, at most {spec.max_tokens} tokens, stop {spec.stop}",
    )


def decoded(policy: Policy) -> str:
    """``greedy``, or ``temperature 0.6, seed 0``."""
    return (
        f"temperature {policy.temperature:g}, seed {policy.seed}"
        if policy.temperature
        else "greedy"
    )


def seed(policy: Policy, suite: str, arm: str, case: str, sample: int) -> int:
    """What one answer is drawn by: the same in every run, and of no other answer. Arms are drawn
    independently."""
    name = json.dumps([policy.seed, suite, arm, case, sample])
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])
