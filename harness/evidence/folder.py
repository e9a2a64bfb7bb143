"""A run folder to be read: every document typed, each read once and when it is asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.audit.certificate import Certificate
from harness.errors import RunError
from harness.evidence import attestation, documents, labels, receipts, registration
from harness.evidence.documents import Churn, Decision, Derived, Scorecard, Secret, Settings
from harness.evidence.labels import Labels
from harness.evidence.receipts import Receipt
from harness.evidence.registration import Registration
from harness.evidence.releases import OVERRIDE, Override
from harness.subjects.base import Preflight

RECEIPTS, AHEAD, CHURN = "receipts.jsonl", "registered.json", "churn.json"
LAST = ("scorecard.json", "verdict.json", "attestation.json")  #: written when a run ends
DOCUMENTS = ("settings.json", "registration.json", "preflight.json", "secret.json", *LAST)


@dataclass(frozen=True)
class Held:
    """A certificate of a run, and what its document says beside the counts."""

    certificate: Certificate
    stated: Derived


class RunFolder:
    """The documents of a run by their names; what cannot be read is a :class:`RunError` that names
    file and field.

    ``registered`` is ``None`` where nobody had registered the run ahead, ``labels`` where nobody
    has labelled it, ``override`` where nobody overruled it, ``churn`` where base was not read
    against itself yet; ``certificates`` are by verifier, ``chained`` are the receipts, each with
    the digest that its line states."""

    def __init__(self, path: Path) -> None:
        self.path = path

    settings = cached_property(lambda self: documents.read(self / "settings.json", Settings))
    registration = cached_property(lambda self: _registration(self / "registration.json"))
    registered = cached_property(
        lambda self: _registration(self / AHEAD) if self.has(AHEAD) else None
    )
    preflight = cached_property(lambda self: documents.read(self / "preflight.json", Preflight))
    certificates = cached_property(
        lambda self: {p.stem: _held(p) for p in sorted((self / "certificates").glob("*.json"))}
    )
    chained = cached_property(lambda self: receipts.read(self / RECEIPTS))
    secret = cached_property(lambda self: documents.read(self / "secret.json", Secret))
    labels = cached_property(
        lambda self: documents.read(self / labels.NAME, Labels) if self.has(labels.NAME) else None
    )
    override = cached_property(
        lambda self: documents.read(self / OVERRIDE, Override) if self.has(OVERRIDE) else None
    )
    churn = cached_property(
        lambda self: documents.read(self / CHURN, Churn) if self.has(CHURN) else None
    )
    scorecard = cached_property(lambda self: documents.read(self / "scorecard.json", Scorecard))
    verdict = cached_property(lambda self: documents.read(self / "verdict.json", Decision))
    attestation = cached_property(lambda self: attestation.read(self / attestation.NAME))

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def has(self, name: str) -> bool:
        """Whether anything of this name is there, a link that leads nowhere too."""
        return os.path.lexists(self.path / name)

    @property
    def receipts(self) -> list[Receipt]:
        """The receipts alone."""
        return [receipt for receipt, _ in self.chained]

    def check(self, *, whole: bool) -> None:
        """Read every document, or every one that is there; ``whole`` refuses a run without an
        end."""
        if not self.has("settings.json"):
            raise RunError(f"{self.path}: not a run folder: it has no settings.json")
        if whole and not any(self.has(name) for name in LAST):
            raise RunError(
                f"{self.path}: not finished: it has no verdict.json; gate again with --run-dir"
                f" {self.path}, and the run is finished"
            )
        for name in DOCUMENTS:
            if whole or self.has(name):
                getattr(self, name.removesuffix(".json"))
        if self.has(attestation.NAME):
            for row in self.attestation["predicate"]["configuration"]:
                if row["name"].endswith(".json") and not self.has(row["name"]):
                    raise documents.damaged(f"{self / row['name']}: no such file")
        _ = self.registered, self.certificates, self.labels, self.churn, self.override
        if whole:
            _ = self.chained


def _registration(path: Path) -> Registration:
    return registration.read(path, documents.damaged)


def _held(path: Path) -> Held:
    data = documents.load(path)
    stated = documents.taken(data, Derived, path)
    found = documents.parse(data, Certificate, path)
    try:
        found.to_json()
    except (ValueError, LookupError) as error:  # a kind, a day or counts that cannot be
        raise documents.damaged(f"{path}: not a certificate: {error}") from None
    return Held(found, stated)
