"""``labels.json``: what a second, independent means says of answers that passed."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from harness.content import strict

NAME = "labels.json"
DRAFT = "labels.draft.json"  #: while labels are left to give, and nothing is decided by them
Key = tuple[str, int]  #: case and sample of an answer


class Label(StrEnum):
    """``unsure`` counts as bad: what nobody can vouch for is not shown to be good."""

    GOOD = "good"
    BAD = "bad"
    UNSURE = "unsure"


class Chosen(strict.Model):
    """One answer with its label."""

    suite: str
    case: str
    sample: int = Field(ge=0)
    label: Label = Field(strict=False)


class Row(Chosen):
    """The same with what a verifier gave as its reason."""

    note: str = ""


class Saved(strict.Model):
    """What the page for labels saves."""

    receipts_digest: str
    rows: list[Chosen]


class Labels(strict.Model):
    """The labels of one run, bound to its receipts by their last link.

    ``means`` says by what: ``person`` with a name, or ``verifier`` with id and digest of its
    certificate."""

    receipts_digest: str
    means: Literal["person", "verifier"]
    by: str = Field(min_length=1)
    on: str = Field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d}")
    rows: list[Row] = []
