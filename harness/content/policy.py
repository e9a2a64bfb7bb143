"""What a gate demands, as registered before it asks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.content import strict

PROFILES: dict[str, dict[str, Any]] = {
    "standard": {},
    "strict": {
        "alpha": 0.025,
        "registered": True,
        "degeneration_held": True,
        "previous_held": True,
        "max_false_passes": 0.05,
        "contamination_check": True,
        "label": "trained",
    },
}


#: which way a key demands less: 1 where more of it does, -1 where less (a switch that is off)
WEAKER = {
    "alpha": 1,
    "secondary_margin": 1,
    "degeneration_margin": 1,
    "degeneration_held": -1,
    "previous_held": -1,
    "max_unverified": 1,
    "min_effect": -1,
    "max_flagged": 1,
    "min_youden": -1,
    "max_false_passes": 1,
    "kind_correlation": -1,
    "min_killed": -1,
    "discordance": -1,
    "min_power": -1,
    "spend_first_look": -1,
    "again": -1,
    "sentinels": -1,
    "registered": -1,
    "contamination_check": -1,
    "labels": -1,
    "max_cut": 1,
}
#: the words of a key, each demanding less than the one before it
WORDS = {
    "contamination": ["block", "warn"],
    "label": ["all", "trained", "none"],
    "numerics": ["exact", "fast"],
}
MARGIN = 0.05  # a wider one of a suite is said; source: METHOD 11
DRAWN = 0.3  # two drawn answers to prompts of Beta(1.2, 0.6) difficulty differ .29 of the time
Numerics = Literal["exact", "fast"]
#: of more than a fifth of the prompts nobody says that they may be lost
Margin = Annotated[float, Field(gt=0, le=0.2)]


@dataclass(frozen=True)
class Proof:
    """What an audit has to show: the most false passes that may be left open at 95 % confidence,
    the correlation of answers of one kind, and the least share of mutants and near misses that
    fail before the author is asked about more of them."""

    max_false_passes: float = 0.10
    kind_correlation: float = 0.5
    min_killed: float = 0.8


class Looks(strict.Model):
    """How alpha is spent over the looks of one lineage at the same prompts.

    ``harmonic``: alpha at the first, alpha / (m (m + 1)) at the m-th. ``equal``: alpha / expected
    at each. After ``expected`` looks the prompts are spent."""

    plan: Literal["harmonic", "equal"] = "harmonic"
    expected: int = Field(default=20, ge=1)


class Policy(strict.Model):
    """What the gate demands; ``profile`` gives the defaults, and any key may be set beside it.

    alpha: one-sided level of every guard and gain. margins: non-inferiority margin of a suite,
    before that of its file. slices: by suite and tag the margin of each slice that is a guard of
    its own. secondary: facets that need not gain, but may not be worse by ``secondary_margin``;
    every other facet is primary. degeneration_margin: how much more of the
    adapter's answers may loop or run out of tokens; degeneration_held: it must be proven even where
    the prompts are too few for that. previous_held: what is not shown to be as good as the last
    release does not ship. max_unverified: share of answers that may stay unjudged. min_effect: nats
    per token; below it the adapter does nothing, besides what the rounding of its base moves.
    min_youden: refuses a verifier whose sensitivity + specificity - 1 may be that low.
    max_false_passes, kind_correlation, min_killed: what a certificate proves
    (:class:`Proof`). samples: answers a prompt and arm (K), drawn at this temperature
    by this seed; at temperature 0 the one answer is greedy. discordance, min_power: a plan is
    refused where an unchanged adapter would ship more rarely than ``min_power``, if this share of
    prompts gets another outcome each time that it is answered once (by default .05, and .3 where
    answers are drawn). looks: how alpha is spent over looks at the same prompts (:class:`Looks`).
    spend_first_look: the harmonic plan's first look too is tested at alpha / (m (m + 1)).
    early_stop: a guard that is lost ends the run as NO-SHIP, one that can no longer be held as
    INCONCLUSIVE. again: base is measured against itself. sentinels: known-good and
    known-bad answers, so many of each, put before every verifier in every run. registered: a run
    without a registration written before is VOID. gains: ``one`` primary facet has to gain, and
    the others to be held (by their suite's margin, else by ``secondary_margin``), or ``every``
    one. contamination_check: training data that was not searched for the held-out prompts makes a
    run INCONCLUSIVE. label: the suites of which so many of the adapter's passes (``labels``) must
    be labelled by other means before they decide: ``all``, or with ``trained`` those of which a
    verifier was also reward or filter of the training. shown_only: guards that are shown and decide
    nothing, since base is too bad at them to lose anything. max_cut: share of an arm's answers that
    may be none: cut, empty, without the code that was asked for. numerics: whether an answer may
    depend, by rounding, on what else is answered with it (``fast``), or not (``exact``)."""

    profile: Literal["standard", "strict"] = "standard"
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    margins: dict[str, Margin] = {}
    slices: dict[str, dict[str, Margin]] = {}
    secondary: list[str] = []
    secondary_margin: Margin = 0.05
    degeneration_margin: float = Field(default=0.02, gt=0, lt=1)
    degeneration_held: bool = False
    previous_held: bool = False
    max_unverified: float = Field(default=0.02, ge=0, lt=1)
    min_effect: float = Field(default=0.0, ge=0)
    contamination: Literal["block", "warn"] = "block"
    max_flagged: float = Field(default=0.10, ge=0, lt=1)
    min_youden: float = Field(default=0.5, ge=0, lt=1)
    max_false_passes: float = Field(default=Proof.max_false_passes, gt=0, lt=1)
    kind_correlation: float = Field(default=Proof.kind_correlation, ge=0, le=1)
    min_killed: float = Field(default=Proof.min_killed, ge=0, le=1)
    samples: int = Field(default=1, ge=1)
    temperature: float = Field(default=0.0, ge=0, le=2)
    seed: int = Field(default=0, ge=0)
    discordance: float = Field(default=0.05, gt=0, lt=1)
    min_power: float = Field(default=0.45, gt=0, lt=1)
    looks: Looks = Looks()
    spend_first_look: bool = False
    early_stop: bool = True
    again: bool = True
    sentinels: int = Field(default=5, ge=0)
    registered: bool = False
    gains: Literal["one", "every"] = "one"
    contamination_check: bool = False
    label: Literal["none", "trained", "all"] = "none"
    labels: int = Field(default=59, ge=1)
    shown_only: list[str] = []
    max_cut: float = Field(default=0.1, ge=0, lt=1)
    numerics: Numerics = "fast"

    @property
    def proof(self) -> Proof:
        """What the certificates of its verifiers have to show."""
        return Proof(self.max_false_passes, self.kind_correlation, self.min_killed)

    @property
    def described(self) -> str:
        """The profile, with every key by which it was weakened: ``custom (strict, but alpha
        0.1)``."""
        given, own = {"profile": self.profile, "temperature": self.temperature}, self.model_dump()
        of = Policy.model_validate(given)
        weak = {
            key: own[key] for key, way in WEAKER.items() if way * (own[key] - getattr(of, key)) > 0
        }
        weak |= {
            key: own[key]
            for key, words in WORDS.items()
            if words.index(own[key]) > words.index(getattr(of, key))
        }
        weak |= {f"margins.{id}": wide for id, wide in self.margins.items() if wide > MARGIN}
        weak |= {"shown_only": self.shown_only} if self.shown_only else {}
        said = ", ".join(f"{key} {json.dumps(value)}" for key, value in weak.items())
        return f"custom ({self.profile}, but {said})" if weak else self.profile

    @model_validator(mode="before")
    @classmethod
    def _profile(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        drawn = {"discordance": DRAWN} if data.get("temperature") else {}
        return PROFILES.get(str(data.get("profile")), {}) | drawn | data
