"""The verdict as an in-toto statement, so that release tooling can demand it for exactly these
bytes.

``attestation.json`` says of every file of the adapter, by SHA-256, whether the gate passed it, and
of every document of the run what it held. :mod:`harness.evidence.signature`, ``ssh-keygen -Y sign``
or ``cosign attest-blob --statement`` sign the file. Source: in-toto attestation framework,
Statement v1 with predicate test-result v0.1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from harness import files
from harness.content import strict
from harness.digests import file_digest
from harness.errors import Refuse
from harness.evidence.documents import FORMAT, an_object, damaged, parse
from harness.evidence.registration import Registration
from harness.verdict import Name, Verdict

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
RESULTS = {
    Name.SHIP: "PASSED",
    Name.INCONCLUSIVE: "WARNED",
    Name.NO_SHIP: "FAILED",
    Name.VOID: "FAILED",
}
NAME, PAGE = "attestation.json", "scorecard.html"
COVERED = (
    "registration.json",
    "registered.json",
    "settings.json",
    "preflight.json",
    "secret.json",
    "churn.json",
    "scorecard.json",
    "verdict.json",
    "labels.json",
    "override.json",
    PAGE,
)


class Resource(strict.Model):
    """A file, or a base, by its name and its digest in hex."""

    name: str
    digest: dict[str, str]


class Predicate(strict.Model):
    """What ``attestation.json`` says of its subjects; it holds the ``format`` and by which
    ``profile`` was judged, since nothing else of an in-toto statement is free."""

    format: int = Field(ge=FORMAT, le=FORMAT)
    profile: str
    result: Literal["PASSED", "WARNED", "FAILED"]
    configuration: list[Resource]
    passedTests: list[str]
    warnedTests: list[str]
    failedTests: list[str]


class Statement(strict.Model):
    """``attestation.json``."""

    type_: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: list[Resource]
    predicateType: Literal["https://in-toto.io/attestation/test-result/v0.1"]
    predicate: Predicate


def statement(
    registration: Registration, verdict: Verdict, held: Mapping[str, str]
) -> dict[str, Any]:
    """The statement about the adapter's files; ``held`` are the run's documents by SHA-256 in hex.

    Only SHIP is PASSED; INCONCLUSIVE is WARNED, NO-SHIP and VOID are FAILED. Tests are named
    ``suite code``."""
    tests: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
    for reason in verdict.reasons:
        tests[f"{RESULTS[reason.verdict].lower()}Tests"].append(f"{reason.about} {reason.code}")
    subjects = [
        {"name": f"{registration.adapter}/{name}", "digest": {"sha256": digest}}
        for name, digest in sorted(registration.files.items())
    ]
    base = {
        "name": f"base {registration.base}",
        "digest": {"sha256": registration.base_digest.removeprefix("sha256:")},
    }
    covered = [
        {"name": name, "digest": {"sha256": digest}} for name, digest in sorted(held.items())
    ]
    return {
        "_type": STATEMENT,
        "subject": subjects,
        "predicateType": PREDICATE,
        "predicate": {
            "format": FORMAT,
            "profile": registration.policy.described,
            "result": RESULTS[verdict.name],
            "configuration": [base, *covered],
            **tests,
        },
    }


def documents(run: Path) -> dict[str, str]:
    """SHA-256 in hex of every document of a run that the statement covers; the receipts are covered
    by their chain."""
    paths = [run / name for name in COVERED] + sorted((run / "certificates").glob("*.json"))
    return {path.relative_to(run).as_posix(): file_digest(path) for path in paths if path.is_file()}


def read(path: Path) -> dict[str, Any]:
    """The statement in ``path``, checked, as it stands there."""
    data = an_object(files.read_json(path, damaged), str(path))
    parse(data, Statement, path)
    return data


def write(path: Path, data: dict[str, Any], refuse: Refuse) -> Path:
    """Write a statement."""
    Statement.model_validate(json.loads(json.dumps(data)))
    return files.write_json(path, data, refuse)
