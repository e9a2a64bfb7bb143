"""The registration: everything that decides a verdict but the answers, written down and hashed
before the first of them.

A run carries its registration, and the chain of its receipts starts at the registration's digest.
``harness gate --register`` writes one ahead of the run, for review or for a commit; a run that then
differs from it is VOID."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.content import strict
from harness.content.kinds import ADAPTER
from harness.content.library import Claim, Status
from harness.content.policy import Policy
from harness.digests import canonical_digest
from harness.errors import Refuse, WorkspaceError
from harness.evidence import documents
from harness.evidence.ledger import Standing
from harness.stats.multiplicity import look_alpha
from harness.subjects.base import Arm, Contrast

Pair = Annotated[list[str], Field(min_length=2, max_length=2)]


class Criterion(strict.Model):
    """One checkable demand and the verifier that judges it."""

    id: str
    verifier: str


class Plan(strict.Model):
    """One owed suite as registered.

    ``cases`` are ``[id, digest of the prompt]`` in the registered order (for a guard a drawn one,
    so that a stop on the way is a stop on a sample); ``arms`` are what answers, ``sampler`` how,
    and ``contrasts`` what is asked of them, the headline first. ``left_out`` are the cases that the
    training data shows: they are asked, and decide nothing. ``control_tokens`` are those of the
    chat template that end no answer, and that no answer may hold. ``mode`` is how prompts are sent:
    a turn that says nothing is no answer, a completion that ends at once is one. ``groups`` names
    the group of every case that shares one with another: together they count as one unit; ``tags``
    are those of every case that has some."""

    suite: str
    digest: str
    facet: str
    role: Literal["facet", "guard"]
    criteria: list[Criterion]
    arms: list[Arm]
    contrasts: list[Contrast] = Field(min_length=1)
    cases: list[Pair] = Field(min_length=1)
    left_out: list[str] = []
    control_tokens: list[str] = []
    sampler: str
    mode: Literal["chat", "completion"] = "chat"
    groups: dict[str, str] = {}
    tags: dict[str, list[str]] = {}

    @property
    def counted(self) -> list[str]:
        """The ids of the cases that decide, in the order in which the adapter is asked."""
        return [id for id, _ in self.cases if id not in self.left_out]

    @property
    def units(self) -> int:
        """How many independent pieces of evidence those cases are: each group counts once."""
        return len({self.groups.get(id, id) for id in self.counted})

    @property
    def headline(self) -> Contrast:
        """The contrast that a reader asks about first."""
        return self.contrasts[0]

    @property
    def margin(self) -> float | None:
        """What the headline may lose, ``None`` where it must gain."""
        return self.headline.margin if self.headline.question == "not-worse" else None

    def arm(self, id: str) -> Arm:
        """One of its arms."""
        return next(arm for arm in self.arms if arm.id == id)

    @property
    def judged(self) -> list[Arm]:
        """The arms that are not of the bare base, whose own stands first."""
        bare = self.arms[0].weights
        return [arm for arm in self.arms if arm.mount or arm.weights != bare]

    @property
    def prompts(self) -> str:
        """``sha256:...`` of the held-out prompts themselves, whatever they are named and however
        they are judged."""
        return canonical_digest(sorted(digest for _, digest in self.cases))

    @model_validator(mode="after")
    def _counts_each_prompt_once(self) -> Plan:
        for column, what in enumerate(("id", "prompt")):
            seen = [case[column] for case in self.cases]
            if len(set(seen)) != len(seen):
                twice = next(value for value in seen if seen.count(value) > 1)
                raise ValueError(
                    f"suite {self.suite}: {what} {twice} stands twice; prompts are counted once"
                )
        return self


class Subject(strict.Model):
    """What is judged: its ``kind``, what the library says of it by the key of that kind, the
    digests of its parts by role, and what is owed of it beside answers, each with its cases."""

    kind: str = ADAPTER
    own: dict[str, Any] = {}
    parts: dict[str, str] = {}
    owes: dict[str, list[str]] = {}


class Registration(strict.Model):
    """What was decided before the first answer, and by which version of the harness: another may
    decide otherwise.

    ``files`` are the adapter's, by relative name and SHA-256 in hex. ``sentinels`` are the known
    answers that each verifier is shown during the run: ``[name of the fixture, good or bad]``.
    ``contamination_checked``: the training data was searched for the held-out prompts. ``look``
    is the number of this look of the ``lineage`` at its prompts, ``ledger`` what the ledger of
    looks held before it. ``trained_by`` are the verifiers that were reward or filter of the
    training, ``status`` is that of the library, ``previous`` the name of the last release.
    ``declared`` says who is said to have answered, where the harness did not see it, and ``dated``
    whether these answers name the registration that was written before them."""

    harness: str
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
    sentinels: dict[str, list[Pair]] = {}
    policy: Policy
    look: int = Field(default=1, ge=1, le=100_000)
    contamination_checked: bool = True
    lineage: str = ""
    ledger: Standing = Standing()
    trained_by: list[str] = []
    status: Status = "candidate"
    previous: str = ""
    declared: str = ""
    dated: bool = True
    subject: Subject = Subject()

    @property
    def digest(self) -> str:
        """``sha256:...`` of the whole registration as canonical JSON; the first link of the chain
        of receipts."""
        return canonical_digest(self.model_dump())

    @property
    def rules(self) -> str:
        """``sha256:...`` of how answers are judged: policy, margins, criteria, arms, samplers; not
        of what is judged."""
        of_arms = {"weights", "mount", "routed"}
        judged: Any = {"cases": True, "digest": True, "arms": {"__all__": of_arms}}
        plans = {id: plan.model_dump(exclude=judged) for id, plan in self.plans.items()}
        own = [self.subject.own] if self.subject.own else []
        return canonical_digest([self.policy.model_dump(exclude={"early_stop"}), plans, *own])

    @property
    def alpha(self) -> float:
        """The one-sided level of this look. ``harmonic``: alpha at the first, ``alpha / (m (m +
        1))`` at the m-th on the same prompts; ``equal``: the same share of alpha at each.

        With ``spend_first_look`` the first is corrected too: all looks together then sum to alpha,
        and to 1.5 alpha without. Source: METHOD 2.9."""
        alpha, looks = self.policy.alpha, self.policy.looks
        if looks.plan == "equal":
            return alpha / looks.expected
        first = self.look == 1 and not self.policy.spend_first_look
        return alpha if first else look_alpha(alpha, self.look)

    @property
    def budget(self) -> float:
        """What all looks at the same prompts may spend together, whatever plans they had."""
        return self.policy.alpha * (1.0 if self.policy.spend_first_look else 1.5)

    @property
    def look_text(self) -> str:
        """Which look this is and what it costs, in a line."""
        at, alpha = self.ledger, self.policy.alpha
        known = "a new lineage" if at.new else "lineage known"
        many = f"{at.lineages} lineage{'s' if at.lineages > 1 else ''} on this base"
        cost = f" instead of {100 * alpha:.3g} %" if self.alpha != alpha else ""
        return (
            f"look {self.look} of {self.lineage} on this base ({known}; {many}): tested at"
            f" {100 * self.alpha:.3g} %{cost}"
        )

    def family(self, name: str) -> dict[str, list[Contrast]]:
        """By suite the contrasts of one family, whose claims are tested together."""
        found = {id: [c for c in p.contrasts if c.family == name] for id, p in self.plans.items()}
        return {id: contrasts for id, contrasts in found.items() if contrasts}

    @property
    def families(self) -> list[str]:
        """The families of claims in it, each once."""
        named = [c.family for plan in self.plans.values() for c in plan.contrasts if c.family]
        return list(dict.fromkeys(named))

    def write(self, path: Path) -> None:
        """Write the registration as JSON, replaced as a whole."""
        data = self.model_dump() | {"digest": self.digest}
        documents.write(path, data, Registration, Sealed, sort=False)


class Sealed(strict.Model):
    """What a registration states of its own content."""

    digest: str


@lru_cache(maxsize=65_536)
def prompt_digest(prompt: str) -> str:
    """SHA-256 of a prompt in hex."""
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()


def stale(text: str) -> WorkspaceError:
    """The error of a registration that cannot be read, with what to do."""
    return WorkspaceError(f"{text}; write it again with `harness gate --register`")


def read(path: Path, refuse: Refuse = stale) -> Registration:
    """The registration in ``path``, refused where it is torn or was edited after it was written."""
    data = documents.load(path, refuse)
    sealed = documents.taken(data, Sealed, path, refuse=refuse)
    found = documents.parse(data, Registration, path, refuse=refuse)
    if found.digest != sealed.digest:
        raise refuse(
            f"{path}: key 'digest': edited after it was written: it says {sealed.digest}, its"
            f" content is {found.digest}"
        )
    return found


def differences(registered: Registration, now: Registration) -> list[str]:
    """``policy.alpha was 0.05 when registered and is 0.1`` for everything that differs but the
    number of the look, what the ledger held, and who is said to have answered."""
    left_out = {"look", "ledger", "declared", "dated"}
    before, after = (r.model_dump(exclude=left_out) for r in (registered, now))
    return [
        f"{at} was {a!r:.90} when registered and is {b!r:.90}" for at, a, b in walk(before, after)
    ]


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
