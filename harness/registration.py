"""The registration: everything that decides a verdict but the answers, written down and hashed before the first of them.

A run carries its registration, and the chain of its receipts starts at the registration's digest. ``harness gate
--register`` writes one ahead of the run, for review or for a commit; a run that then differs from it is VOID. The
ledger of looks counts how often a held-out set was asked, because the fifth revision that is tried on the same prompts
is more likely to pass by luck than the first.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from harness import strict
from harness.audit.certificate import canonical_digest
from harness.errors import RunError, WorkspaceError
from harness.library import Claim, Policy
from harness.stats.intervals import z_quantile
from harness.stats.multiplicity import look_alpha
from harness.stats.power import noninferiority_power

GENESIS = "sha256:" + "0" * 64


class Criterion(strict.Model):
    """One checkable demand and the verifier that judges it."""

    id: str
    verifier: str


class Plan(strict.Model):
    """One owed suite as registered.

    ``cases`` are ``[id, digest of the prompt]`` in the order in which the adapter is asked (for a guard a drawn one, so
    that a stop on the way is a stop on a sample); ``arms`` are what is asked, ``sampler`` how. ``left_out`` are the cases
    that the adapter's training data shows: they are asked, and decide nothing.
    """

    suite: str
    digest: str
    facet: str
    role: Literal["facet", "guard"]
    margin: float | None
    min_gain: float
    criteria: list[Criterion]
    arms: list[str]
    cases: list[list[str]] = Field(min_length=1)
    left_out: list[str] = []
    sampler: str

    @property
    def counted(self) -> list[str]:
        """The ids of the cases that decide, in the order in which the adapter is asked."""
        return [id for id, _ in self.cases if id not in self.left_out]

    @property
    def prompts(self) -> str:
        """``sha256:...`` of the held-out prompts themselves, whatever they are named and however they are judged."""
        return canonical_digest(sorted(digest for _, digest in self.cases))

    @model_validator(mode="after")
    def _counts_each_prompt_once(self) -> Plan:
        for column, what in enumerate(("id", "prompt")):
            seen = [case[column] for case in self.cases]
            if len(set(seen)) != len(seen):
                twice = next(value for value in seen if seen.count(value) > 1)
                raise ValueError(f"suite {self.suite}: {what} {twice} stands twice; prompts are counted once")
        return self


class Registration(strict.Model):
    """What was decided before the first answer.

    ``files`` are the adapter's, by relative name and SHA-256 in hex. ``sentinels`` are the known answers that each
    verifier is shown during the run: ``[name of the fixture, good or bad]``.
    """

    adapter: str
    base: str
    base_digest: str
    adapter_digest: str
    files: dict[str, str]
    megabytes: float
    facets: list[str]
    claims: list[Claim] = []
    plans: dict[str, Plan]
    certificates: dict[str, str]
    sentinels: dict[str, list[list[str]]] = {}
    policy: Policy
    look: int = Field(default=1, ge=1)

    @property
    def digest(self) -> str:
        """``sha256:...`` of the whole registration as canonical JSON; the first link of the chain of receipts."""
        return canonical_digest(self.model_dump())

    @property
    def rules(self) -> str:
        """``sha256:...`` of how answers are judged: policy, margins, criteria, arms, samplers; not of what is judged."""
        plans = {id: plan.model_dump(exclude={"cases", "digest"}) for id, plan in self.plans.items()}
        return canonical_digest([self.policy.model_dump(exclude={"early_stop"}), plans])

    @property
    def alpha(self) -> float:
        """The one-sided level of this look: alpha at the first, ``alpha / (m (m + 1))`` at the m-th on the same prompts.

        With ``spend_first_look`` the first is corrected too: all looks together then sum to alpha, and to 1.5 alpha
        without. Source: METHOD 2.9.
        """
        first = self.look == 1 and not self.policy.spend_first_look
        return self.policy.alpha if first else look_alpha(self.policy.alpha, self.look)

    @property
    def primary(self) -> list[str]:
        """The suites whose gain is claimed."""
        return [id for id, p in self.plans.items() if p.role == "facet" and p.facet not in self.policy.secondary]

    def write(self, path: Path) -> None:
        """Write the registration as JSON, replaced as a whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".draft")
        text = json.dumps(self.model_dump() | {"digest": self.digest}, indent=1, ensure_ascii=False)
        draft.write_text(text + "\n", encoding="utf-8")
        draft.replace(path)


@lru_cache(maxsize=65_536)
def prompt_digest(prompt: str) -> str:
    """SHA-256 of a prompt in hex."""
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()


def read(path: Path) -> Registration:
    """The registration in ``path``; raises :class:`WorkspaceError` where it is torn or was edited after it was written."""
    try:
        data = json.loads(strict.read_text(path))
        stated = data.pop("digest")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise WorkspaceError(f"{path}: not a registration: {type(error).__name__}: {error}") from None
    found = strict.check(data, Registration, path)
    if found.digest != stated:
        raise WorkspaceError(f"{path}: edited after it was written: it says {stated}, its bytes are {found.digest}")
    return found


def differences(registered: Registration, now: Registration) -> list[str]:
    """``policy.alpha was 0.05 when registered and is 0.1`` for everything that differs but the number of the look."""
    before, after = (r.model_dump(exclude={"look"}) for r in (registered, now))
    return [f"{at} was {a!r:.90} when registered and is {b!r:.90}" for at, a, b in walk(before, after)]


def walk(before: Any, after: Any, at: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two documents of plain data differ: ``(path, in the first, in the second)``."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from walk(before.get(key), after.get(key), f"{at}.{key}" if at else str(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (a, b) in enumerate(zip(before, after, strict=True)):
            yield from walk(a, b, f"{at}[{index}]")
    elif before != after:
        yield at, before, after


def undecidable(registration: Registration, youdens: dict[str, float]) -> list[str]:
    """Margins that this number of prompts cannot decide, each with what would; empty for a plan worth running.

    ``youdens`` is J's lower bound of each suite: the margin is tested on the scale that the certificates leave of it.
    """
    policy, found = registration.policy, []
    for id, plan in registration.plans.items():
        if plan.role == "guard" and plan.margin is not None:
            n, observed = len(plan.counted), plan.margin * youdens[id]
            psi = policy.discordance / policy.samples
            power = noninferiority_power(n, observed, psi, alpha=registration.alpha)
            if power < policy.min_power:
                found.append(
                    f"{id}: a margin of {100 * plan.margin:g} points cannot be decided with {n} prompts: an unchanged "
                    f"adapter that flips {policy.discordance:.0%} of them would be HELD {power:.0%} of the time, and "
                    f"the policy asks for {policy.min_power:.0%}. {remedy(n, observed, policy.discordance, registration)}"
                )
    asked, needed = sum(len(plan.counted) for plan in registration.plans.values()), prompts_for_degeneration(policy)
    if asked < needed and policy.degeneration_held:
        found.append(
            f"degeneration: a margin of {100 * policy.degeneration_margin:g} points cannot be held with {asked} prompts in "
            f"all, even without a single degenerate answer; {needed} could"
        )
    return found


def prompts_for_degeneration(policy: Policy) -> int:
    """The fewest prompts with which Tango's interval without a single flip, ``z^2 / (n + z^2)``, is inside the margin."""
    margin = policy.degeneration_margin
    return math.floor(z_quantile(1 - policy.alpha) ** 2 * (1 - margin) / margin) + 1


def remedy(n: int, margin: float, discordance: float, registration: Registration) -> str:
    """The number of prompts, or of answers a prompt, with which an unchanged adapter is HELD 80 % of the time.

    From ``(z_alpha + z_beta)^2 discordance / margin^2`` (METHOD 2.7). Answers a prompt stand in for prompts only as far
    as flips come from sampling, which greedy decoding does not have.
    """
    z = z_quantile(1 - registration.alpha) + z_quantile(0.8)
    needed = -(-(z * z * discordance) // margin**2)
    if needed <= n:
        return f"{n} fresh prompts would decide it 80 % of the time if the adapter is truly unchanged"
    more = f"{-(-needed // n):.0f} sampled answers a prompt if the flips come from sampling"
    return f"{needed:.0f} prompts would decide it 80 % of the time, or {more}"


class Ledger:
    """The looks at held-out sets, one JSON line each in ``path``, each line chained to the one before it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = list(self._read())

    def look(self, registration: Registration) -> int:
        """The number of this look (from 1): adapters' bytes and rules that were tried under this name on these prompts."""
        return max(self._number(registration, plan.prompts) for plan in registration.plans.values())

    def record(self, registration: Registration) -> None:
        """Append this look unless it stands there already; synced, so that a killed run cannot unsee its prompts."""
        import fcntl

        rows = [self._row(registration, plan.prompts) for plan in registration.plans.values()]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # gates of several adapters may start at once
            self._rows = list(self._read())
            known = [self._content(row) for row in self._rows]
            for row in rows:
                if row not in known:
                    row = row | {"chain": canonical_digest([self._head, row])}
                    file.write(json.dumps(row, sort_keys=True) + "\n")
                    self._rows.append(row)
            file.flush()
            os.fsync(file.fileno())

    @property
    def _head(self) -> str:
        return str(self._rows[-1]["chain"]) if self._rows else GENESIS

    def _number(self, registration: Registration, prompts: str) -> int:
        mine = self._row(registration, prompts)
        same = [self._content(r) for r in self._rows if (r["prompts"], r["adapter"]) == (prompts, mine["adapter"])]
        return same.index(mine) + 1 if mine in same else len(same) + 1

    @staticmethod
    def _content(row: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in row.items() if key != "chain"}

    @staticmethod
    def _row(registration: Registration, prompts: str) -> dict[str, Any]:
        return {
            "prompts": prompts,
            "adapter": registration.adapter,
            "subject": registration.adapter_digest,
            "rules": registration.rules,
        }

    def _read(self) -> Iterator[dict[str, Any]]:
        head = GENESIS
        if self._path.is_file():
            for line, row in strict.read_jsonl(self._path):
                if not isinstance(row, dict) or row.get("chain") != canonical_digest([head, self._content(row)]):
                    raise RunError(
                        f"{self._path}:{line}: this look or one before it was edited or removed; put the ledger back"
                    )
                head = row["chain"]
                yield row
