"""The run folder: settings, receipts, certificates, scorecard, verdict - the artefact of record.

Receipts are appended one line at a time and synced to disk, so that a killed run loses nothing it
has judged. A torn last line is dropped on resume and judged again. Everything but ``seconds`` is
the same every time. Each line carries the digest of all before it, from the digest of the
registration on: a line that was edited, dropped or moved no longer fits."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness import files
from harness.digests import text_digest
from harness.evidence import documents

SENTINEL = "sentinel"  # the arm of answers that are known beforehand
CHURN = "churn"  # the arm of the link that names churn.json, between base's answers and others
MEASURED = "measured"  # the arm of numbers that a kind of subject measures beside answers
LINKS = (CHURN, MEASURED)  # what is no answer, and is judged by nobody
NOBODYS = (SENTINEL, *LINKS)  # what no model answered


@dataclass(frozen=True)
class Finding:
    """The judgement of one criterion on one answer."""

    criterion: str
    verifier: str
    outcome: str
    reason: str
    evidence: str
    rule: str = ""  #: how code was taken from the answer, where it was
    #: where in the answer the evidence stands, each ``[start, end]`` in characters
    spans: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True)
class Receipt:
    """One judged answer. ``outcome`` is ``pass`` only if every criterion passed and there is no
    ``sign``: it is elite.

    ``sign`` says how a facet's answer degenerates (:func:`harness.deciding.degeneration.sign`),
    empty where it does not. ``subject`` is the digest of what answered (base, or adapter),
    ``sampler`` how it was decoded, ``sample`` which of the K answers to the prompt this is (from
    0); ``seconds`` is the wall time from asking to judged."""

    suite: str
    case: str
    arm: str
    subject: str
    prompt: str
    answer: str
    tokens: int
    finish: str
    findings: list[Finding]
    outcome: str
    seconds: float
    sampler: str = ""
    sample: int = 0
    sign: str = ""

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What a run holds once."""
        return (self.suite, self.arm, self.case, self.sample)


def churn_link(base: str, digest: str) -> Receipt:
    """The link that says what was known of base's noise before anything mounted was asked; ``base``
    and ``digest`` are those of the base and of ``churn.json``."""
    return Receipt(CHURN, "churn.json", CHURN, base, "", digest, 0, "eos", [], overall([]), 0.0)


def measurement(kind: str, what: str, case: str, subject: str, numbers: dict[str, Any]) -> Receipt:
    """Numbers of one case of what a kind of subject measures, as a link of the chain."""
    said = json.dumps(numbers, sort_keys=True, allow_nan=False)
    at = (f"{kind}/{what}", case, MEASURED, subject)
    return Receipt(*at, "", said, 0, "eos", [], overall([]), 0.0)


def overall(findings: Iterable[Finding], sign: str = "") -> str:
    """``fail`` if any criterion failed or there is a ``sign`` of degeneration, else ``unverified``
    if any criterion could not be judged, else ``pass``."""
    outcomes = {finding.outcome for finding in findings}
    if "fail" in outcomes or sign:
        return "fail"
    return "pass" if outcomes == {"pass"} else "unverified"


Chained = list[tuple[Receipt, str]]  # receipts, each with the digest that its line states


def link(head: str, receipt: Receipt) -> str:
    """The digest of a receipt and of all before it, whose digest is ``head``; seconds are left
    out."""
    row = {key: value for key, value in asdict(receipt).items() if key != "seconds"}
    return text_digest(f"{head}\n{json.dumps(row, sort_keys=True)}")


def broken_link(chained: Chained, genesis: str) -> int | None:
    """The first line (from 1) whose digest does not follow from those before it, or ``None``."""
    head = genesis
    for number, (receipt, stated) in enumerate(chained, start=1):
        head = link(head, receipt)
        if head != stated:
            return number
    return None


def line(receipt: Receipt, head: str) -> str:
    """A receipt as a line of ``receipts.jsonl``; ``head`` is its own :func:`link`."""
    row = asdict(receipt) | {"format": documents.FORMAT, "chain": head}
    return json.dumps(row, sort_keys=True)


def parse(data: bytes, path: Path) -> Chained:
    """Receipts with their digests from the lines of a file; raises :class:`RunError` naming file,
    line and field."""
    found = []
    for number, row in files.json_lines(data, path, documents.damaged):
        content = documents.content(row, f"{path}:{number}")
        stated = documents.taken(content, documents.Chain, path, number)
        found.append((documents.parse(content, Receipt, path, number), stated.chain))
    return found


def read(path: Path) -> Chained:
    """The receipts of a finished run, each with the digest that its line states."""
    return parse(files.read_lines(path, documents.damaged), path)
