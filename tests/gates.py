"""Simulated gates: a registration, certificates and receipts with chosen outcomes, for the code
that judges real ones."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from harness import __version__
from harness.audit.certificate import Certificate
from harness.content.library import Claim
from harness.content.policy import Policy
from harness.deciding import judge as gate
from harness.evidence.ledger import Look, Seen
from harness.evidence.receipts import SENTINEL, Finding, Receipt, overall
from harness.evidence.registration import Criterion, Plan, Registration, prompt_digest
from harness.subjects.arms import arms, contrasts
from harness.subjects.base import Preflight

BASE, ADAPTER = "sha256:" + "b" * 64, "sha256:" + "a" * 64
SAMPLER = "greedy, at most 256 tokens, stop []"
PASS, FAIL, OPEN = "pass", "fail", "unverified"
Answers = Sequence[str]


def certificate(verifier: str, good: int = 164, bad: int = 299, **changed: Any) -> Certificate:
    """A certificate without an error, by default the one of METHOD's worked gate that suffices."""
    fields: dict[str, Any] = {
        "version": 1,
        "degenerate": 20,
        "false_passes": [],
        "false_fails": [],
        "binding": {},
    }
    fields |= {"tasks": 29, "variants": 59, "effective_good": good, "effective_bad": bad}
    return Certificate(verifier=verifier, good=good, bad=bad, **fields | changed)


def plan(
    suite: str,
    n: int,
    role: str = "facet",
    canon: str | None = None,
    again: bool = False,
    margin: float = 0.05,
    min_gain: float = 0.0,
    **changed: Any,
) -> Plan:
    """A plan of ``n`` prompts judged by the one verifier ``suite.ok``; a guard's order is a drawn
    one."""
    guard = role == "guard"
    asked = arms(BASE, ADAPTER, canon, guard=guard, again=again)
    cases = [[f"{suite}/{i}", prompt_digest(prompt(suite, i))] for i in range(n)]
    if role == "guard":
        random.Random(1).shuffle(cases)
    fields: dict[str, Any] = {
        "cases": cases,
        "digest": f"sha256:{suite}",
        "facet": suite,
        "arms": asked,
        "contrasts": contrasts(asked, "guard" if guard else "primary", margin, min_gain),
        "criteria": [Criterion(id="ok", verifier=f"{suite}.ok")],
        "sampler": SAMPLER,
    }
    return Plan(suite=suite, role=role, **fields | changed)


def prompt(suite: str, number: int) -> str:
    """The text of one prompt."""
    return f"prompt {number} of {suite}"


def registration(
    plans: Iterable[Plan], policy: Policy | None = None, **changed: Any
) -> Registration:
    """A registration of ``plans`` with certificates to match."""
    policy = policy or Policy(early_stop=False, again=False, sentinels=0)
    subject = changed.get("adapter_digest", ADAPTER)
    owed = {p.suite: _mounting(subject, _secondary(p, policy)) for p in plans}
    fields: dict[str, Any] = {
        "harness": __version__,
        "adapter": "gamedev",
        "base": "pocket",
        "base_digest": BASE,
        "adapter_digest": ADAPTER,
        "files": {"adapters.safetensors": "0" * 64},
        "megabytes": 0.5,
        "facets": [p.facet for p in owed.values() if p.role == "facet"],
        "certificates": {f"{suite}.ok": certificate(f"{suite}.ok").digest for suite in owed},
        "policy": policy,
    }
    return Registration(plans=owed, **fields | changed)


def _secondary(found: Plan, policy: Policy) -> Plan:
    """The plan of a facet that the policy names as secondary."""
    if found.facet not in policy.secondary:
        return found
    asked = contrasts(found.arms, "secondary", policy.secondary_margin)
    return found.model_copy(update={"contrasts": asked})


def _mounting(adapter: str, found: Plan) -> Plan:
    """The plan of another adapter."""
    update = {"mount": adapter}
    asked = [arm.model_copy(update=update) if arm.mount == ADAPTER else arm for arm in found.arms]
    return found.model_copy(update={"arms": asked})


def outcomes(passed: int, n: int) -> list[str]:
    """``passed`` passes, then fails."""
    return [PASS] * passed + [FAIL] * (n - passed)


def flips(n: int, both: int, gained: int, lost: int) -> tuple[list[str], list[str]]:
    """Outcomes ``(base, adapter)`` of ``n`` prompts with this many of each kind."""
    neither = n - both - gained - lost
    base = [PASS] * both + [FAIL] * gained + [PASS] * lost + [FAIL] * neither
    adapter = [PASS] * both + [PASS] * gained + [FAIL] * lost + [FAIL] * neither
    return base, adapter


def receipt(suite: str, number: int, arm: str, outcome: str, **changed: Any) -> Receipt:
    """One judged answer."""
    findings = [Finding("ok", f"{suite}.ok", outcome, "ok", "")]
    fields: dict[str, Any] = {
        "suite": suite,
        "case": f"{suite}/{number}",
        "subject": ADAPTER if arm == "adapter" else BASE,
        "prompt": prompt(suite, number),
        "answer": "x",
        "tokens": 1,
        "finish": "eos",
        "findings": findings,
        "seconds": 0.0,
        "sampler": SAMPLER,
    }
    return Receipt(arm=arm, outcome=overall(findings), **fields | changed)


def sentinel(verifier: str, name: str, outcome: str) -> Receipt:
    """The judgement of one known answer."""
    findings = [Finding(verifier, verifier, outcome, "ok", "")]
    return replace(
        receipt(SENTINEL, 0, SENTINEL, outcome), case=f"{verifier}/{name}", findings=findings
    )


def receipts(suite: str, **answers: Answers) -> list[Receipt]:
    """The receipts of a suite, arm by arm."""
    return [
        receipt(suite, i, arm, outcome)
        for arm, row in answers.items()
        for i, outcome in enumerate(row)
    ]


def pair(suite: str, n: int, both: int, gained: int, lost: int) -> list[Receipt]:
    """The receipts of a suite with this many of each kind."""
    base, adapter = flips(n, both, gained, lost)
    return receipts(suite, base=base, adapter=adapter)


def judge(
    found: Registration,
    rows: Iterable[Receipt],
    held: dict[str, Certificate] | None = None,
    **validity: Any,
) -> gate.Judged:
    """Validity and verdict, as a session finds them."""
    certificates = {f"{suite}.ok": certificate(f"{suite}.ok") for suite in found.plans} | (
        held or {}
    )
    preflight = Preflight(found.base_digest, found.adapter_digest, None)
    invalid = gate.validity(found, preflight, certificates, **validity)
    return gate.judge(found, invalid, certificates, rows)


def codes(judged: gate.Judged) -> list[tuple[str, str]]:
    """``(verdict, code)`` of every reason, the deciding ones first."""
    return [(reason.verdict.value, reason.code) for reason in judged.verdict.reasons]


def claim(
    text: str, suite: str | None, metric: str, value: float, tolerance: float = 0.001
) -> Claim:
    """A published number."""
    return Claim(text=text, suite=suite, metric=metric, value=value, tolerance=tolerance)


QUIET = {"early_stop": False, "again": False, "sentinels": 0}
GUARD, FACET = plan("humaneval", 164, "guard"), plan("godot", 40)
BOTH = registration([GUARD, FACET])
HELD, GAINED = pair("humaneval", 164, 58, 0, 2), pair("godot", 40, 0, 35, 0)
LOOK = Look(
    base=BASE,
    lineage="gamedev",
    adapter=ADAPTER,
    rules="sha256:rules",
    level=0.05,
    suites={"godot": Seen(role="facet", prompts=["0" * 12])},
    day="2026-01-01",
    harness=__version__,
)
