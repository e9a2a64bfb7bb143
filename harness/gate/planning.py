"""What a gate is going to ask, worked out from the library, the suites and the fixtures before
anything is asked."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from harness import __version__
from harness.audit.certificate import Certificate
from harness.content.case import Case
from harness.content.fixtures import Fixture
from harness.content.policy import Policy
from harness.content.suite import Suite
from harness.digests import canonical_digest, folder_files, read_by_loaders
from harness.engines.base import Ask, Decoding
from harness.errors import WorkspaceError
from harness.evidence.ledger import Before, Ledger, Look, Seen, short
from harness.evidence.registration import Criterion, Plan, Registration, Subject, prompt_digest
from harness.subjects import kinds
from harness.subjects.base import Arm, Bench, Owed, Preflight, Role
from harness.subjects.groups import groups
from harness.subjects.training.contamination import SIMILAR, near_duplicates


def register(
    bench: Bench,
    policy: Policy,
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
    entry, suites, kind = bench.entry, bench.suites, kinds.of(bench.entry)
    subject = Subject(
        kind=kind.name, own=kind.own(entry), parts=preflight.parts, owes=kind.owes(bench)
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
        plans={id: plan(found, policy, preflight, bench) for id, found in suites.items()},
        certificates={id: held.digest for id, held in sorted(certificates.items())},
        sentinels={
            id: [[f.name, "good" if f.good else "bad"] for f in known]
            for id, known in sentinels.items()
        },
        policy=policy,
        contamination_checked="contamination" not in preflight.training.get("not_checked", ()),
        lineage=entry.lineage,
        status=entry.adapter.status,
        previous=entry.previous.name if entry.previous else "",
        trained_by=entry.adapter.train.verifiers if entry.adapter.train else [],
        subject=subject,
    )


def looked(
    found: Registration,
    suites: Mapping[str, Suite],
    ledger: Ledger,
    registered: Registration | None,
    begun: Registration | None = None,
    answers: str = "",
) -> tuple[Registration, dict[str, Suite]]:
    """A registration as the look that it is, and the suites with the prompts that this look draws
    of them; ``begun`` is that of the run which goes on, ``answers`` the digest of recorded ones."""
    mine = look(found, suites, answers=answers)
    before = ledger.before(mine, begun.ledger.last if begun else None)
    pools = {id: each for id, each in suites.items() if each.spec.draw is not None}
    seen = {id: _seen(each, found.plans[id].groups, before.seen) for id, each in pools.items()}
    drawn = {**suites, **{id: _drawn(each, before, seen[id]) for id, each in pools.items()}}
    spent = [id for id in pools if not seen[id].isdisjoint(c.id for c in drawn[id].cases)]
    faults = ledger.faults(registered.ledger.last if registered else ())
    standing = before.standing(faults, spent)
    plans = {id: _of_draw(found.plans[id], each) for id, each in drawn.items()}
    now = {"look": before.number, "ledger": standing, "plans": plans}
    return found.model_copy(update=now), drawn


def look(
    found: Registration, suites: Mapping[str, Suite], limit: int | None = None, answers: str = ""
) -> Look:
    """The look at ``suites``, of each at no more than ``limit`` prompts. The same bytes by the same
    rules answer the same, and are one look; recorded ``answers`` may be others each time."""
    rules = [found.rules, sorted(each.digest for each in suites.values())]
    return Look(
        base=found.base_digest,
        lineage=found.lineage,
        adapter=found.adapter_digest,
        rules=canonical_digest([*rules, answers] if answers else rules),
        level=found.alpha,
        suites={
            id: Seen(
                role=each.spec.role, prompts=sorted(short(c.prompt) for c in chosen(each, limit))
            )
            for id, each in suites.items()
        },
        day=datetime.now(UTC).strftime("%Y-%m-%d"),
        harness=found.harness,
        parents=found.ledger.last,
    )


def keep_apart(found: Suite) -> None:
    """Refuse dev prompts that show a held-out one, by the preflight's own rule; raises
    :class:`WorkspaceError`."""
    held, dev = ([case.prompt for case in cases] for cases in (found.cases, found.dev))
    same = {short(prompt): number for number, prompt in enumerate(held)}
    alike = [(same[short(prompt)], n) for n, prompt in enumerate(dev) if short(prompt) in same]
    alike += [(number, n) for number, n, _ in near_duplicates(held, dev, SIMILAR)]
    if alike:
        number, n = alike[0]
        raise WorkspaceError(
            f"{found.path.parent / (found.spec.dev or '')}: prompt {found.dev[n].id!r} is a near"
            f" duplicate of the held-out {found.cases[number].id!r}, which may not be looked at for"
            " free; write another"
        )


def chosen(found: Suite, limit: int | None) -> Sequence[Case]:
    """The cases to measure: all, or a seeded sample, as the first few of a benchmark are none."""
    if limit is None or limit >= len(found.cases):
        return found.cases
    kept = random.Random(found.digest).sample(range(len(found.cases)), limit)
    return [found.cases[number] for number in kept]


def in_order(found: Suite, plan: Plan, arm: Arm) -> Sequence[Case]:
    """Every case in the order in which an arm is asked."""
    if arm.order == "registered":
        by_id = {case.id: case for case in found.cases}
        return [by_id[id] for id, _ in plan.cases]
    return found.cases[::-1] if arm.order == "backwards" else found.cases


def _seen(found: Suite, groups: Mapping[str, str], prompts: set[str]) -> set[str]:
    """The cases of which one of their group is among ``prompts``."""
    named = {case.id: groups.get(case.id, case.id) for case in found.cases}
    gone = {named[case.id] for case in found.cases if short(case.prompt) in prompts}
    return {id for id, group in named.items() if group in gone}


def _drawn(found: Suite, before: Before, seen: set[str]) -> Suite:
    """A suite that says ``draw`` with cases that are not ``seen``, and with seen ones where its
    pool holds too few."""
    drawn = list(found.cases)
    random.Random(f"{found.digest} {before.mine.lineage} {before.number}").shuffle(drawn)
    drawn.sort(key=lambda case: case.id in seen)
    kept = {case.id for case in drawn[: found.spec.draw]}
    cases = tuple(case for case in found.cases if case.id in kept)
    return replace(found, cases=cases, pool=found.cases)


def _of_draw(found: Plan, suite: Suite) -> Plan:
    """A plan of only the prompts that were drawn, in its order."""
    kept = {case.id for case in suite.cases}
    return found.model_copy(update={"cases": [row for row in found.cases if row[0] in kept]})


def plan(found: Suite, policy: Policy, preflight: Preflight, bench: Bench) -> Plan:
    """What is asked of one suite, and in which order."""
    of = kinds.of(bench.entry)
    spec, form, guard = found.spec, found.form, found.spec.role == "guard"
    cases = [[case.id, prompt_digest(case.prompt)] for case in found.cases]
    joined = groups(found.cases)
    if guard:  # one group after the other: a stop on the way is a stop on a sample of groups
        random.Random(found.digest).shuffle(cases)
        drawn = {id: place for place, (id, _) in enumerate(cases)}
        cases.sort(key=lambda case: drawn[joined.get(case[0], case[0])])
    own = policy.margins.get(found.id, spec.margin)
    margin = policy.secondary_margin if own is None else own
    role: Role = "guard" if guard else "secondary" if spec.facet in policy.secondary else "primary"
    told = (bench, spec.canon, policy.again, margin, spec.min_gain)
    owed = Owed(found.id, role, *told)
    asked = of.arms(owed)
    return Plan(
        suite=found.id,
        digest=found.digest,
        facet=spec.facet,
        role=spec.role,
        criteria=[Criterion(id=c.id, verifier=c.verifier) for c in spec.criteria],
        arms=asked,
        contrasts=of.contrasts(owed, asked),
        cases=cases,
        left_out=preflight.left_out.get(found.id, []),
        control_tokens=preflight.control_tokens if form.mode == "chat" else [],
        groups=joined,
        tags={case.id: list(case.tags) for case in found.cases if case.tags},
        sampler=f"{decoded(policy)}, {form}",
        mode=form.mode,
    )


def ask(
    policy: Policy, suite: Suite, arm: Arm, case: Case, sample: int, bench: Bench | None = None
) -> Ask:
    """One prompt as it is put to an arm, which answers with the folders of the ``bench``."""
    mounted = arm.routed.get(case.id, arm.mount)
    own = bench is None or arm.weights == bench.digests["base"]
    form, told = suite.form, (suite.spec.system, arm.system)
    return Ask(
        prompt=form.text(case.prompt),
        mode=form.mode,
        system="\n\n".join(text for text in told if text and form.mode == "chat") or None,
        decoding=Decoding(form.max_tokens, tuple(form.stop), policy.temperature),
        seed=seed(policy, suite.id, arm.id, case.id, sample),
        weights=arm.weights,
        adapter=arm.id if arm.fresh else mounted,
        mount=bench.folder(mounted) if bench else None,
        base=None if own or bench is None else bench.folder(arm.weights),
        place=(suite.id, arm.id, case.id, sample),
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
