"""The run folder: settings, receipts, certificates, scorecard, verdict - the artefact of record.

Receipts are appended one line at a time and synced to disk, so that a killed run loses nothing it
has judged. A torn last line is dropped on resume and judged again. Everything but ``seconds`` is
the same every time. Each line carries the digest of all before it, from the digest of the
registration on: a line that was edited, dropped or moved no longer fits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.errors import RunError

SENTINEL = "sentinel"  # the arm of answers that are known beforehand


@dataclass(frozen=True)
class Finding:
    """The judgement of one criterion on one answer."""

    criterion: str
    verifier: str
    outcome: str
    reason: str
    evidence: str
    rule: str = ""  #: how code was taken from the answer, where it was


@dataclass(frozen=True)
class Receipt:
    """One judged answer. ``outcome`` is ``pass`` only if every criterion passed and there is no
    ``sign``: it is elite.

    ``sign`` says how a facet's answer degenerates (:func:`harness.deciding.degeneration.sign`),
    empty where it does not. ``subject`` is the digest of what answered (base, or adapter),
    ``sampler`` how it was decoded, ``sample`` which of the K answers to the prompt this is (from
    0); ``seconds`` is the wall time from asking to judged.
    """

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


def overall(findings: Iterable[Finding], sign: str = "") -> str:
    """``fail`` if any criterion failed or there is a ``sign`` of degeneration, else ``unverified``
    if any criterion could not be judged, else ``pass``.
    """
    outcomes = {finding.outcome for finding in findings}
    if "fail" in outcomes or sign:
        return "fail"
    return "pass" if outcomes == {"pass"} else "unverified"


Chained = list[tuple[Receipt, str]]  # receipts, each with the digest that its line states


def link(head: str, receipt: Receipt) -> str:
    """The digest of a receipt and of all before it, whose digest is ``head``; seconds are left
    out.
    """
    row = {key: value for key, value in asdict(receipt).items() if key != "seconds"}
    return (
        "sha256:"
        + hashlib.sha256(f"{head}\n{json.dumps(row, sort_keys=True)}".encode()).hexdigest()
    )


def broken_link(chained: Chained, genesis: str) -> int | None:
    """The first line (from 1) whose digest does not follow from those before it, or ``None``."""
    head = genesis
    for number, (receipt, stated) in enumerate(chained, start=1):
        head = link(head, receipt)
        if head != stated:
            return number
    return None


def parse(text: str, path: Path) -> Chained:
    """Receipts with their digests from the lines of a file; raises :class:`RunError` naming file
    and line.
    """
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line:
            try:
                data = json.loads(line)
                chain = str(data.pop("chain"))
                found.append(
                    (
                        Receipt(**{**data, "findings": [Finding(**f) for f in data["findings"]]}),
                        chain,
                    )
                )
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise RunError(
                    f"{path}:{number}: not a receipt: {type(error).__name__}: {error}"
                ) from None
    return found


def read(folder: Path) -> tuple[dict[str, Any], list[Receipt]]:
    """``(settings, receipts)`` of a finished or interrupted run."""
    settings, chained = read_chained(folder)
    return settings, [receipt for receipt, _ in chained]


def read_chained(folder: Path) -> tuple[dict[str, Any], Chained]:
    """:func:`read` with the digest that each line states."""
    try:
        settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        text = (folder / "receipts.jsonl").read_bytes().decode("utf-8", "surrogatepass")
    except FileNotFoundError as error:
        raise RunError(
            f"{folder}: not a run folder: {Path(error.filename).name} is missing"
        ) from None
    except ValueError as error:
        raise RunError(f"{folder}/settings.json: not JSON: {error}") from None
    return settings, parse(text, folder / "receipts.jsonl")
