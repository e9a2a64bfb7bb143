"""The evidence that a page carries: every document of the run and every receipt as it was written,
compressed, with an index of the receipts by which a browser filters them."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

from harness import files
from harness.errors import RunError
from harness.evidence import attestation
from harness.evidence.documents import Scorecard
from harness.evidence.folder import RECEIPTS, RunFolder
from harness.evidence.receipts import CHURN, SENTINEL, Receipt
from harness.pages.published import Hidden
from harness.pages.view import headline

LINES, BYTES = 128, 1 << 18  # of receipts in one block, whatever is reached first
MOST = 200  # characters of an id or a reason in the index; the receipt holds it whole
BLOCK = re.compile(
    r'<script type="application/gzip" (?:id="b\d+"|data-document="([^"]+)")>([\w+/=]*)</script>',
    re.ASCII,
)
DOCUMENT = re.compile(r"(?!\.)[\w.-]+\.json|certificates/(?!\.)[\w.-]+\.json", re.ASCII)


@dataclass(frozen=True)
class Carried:
    """What stands compressed in a page: the index, receipts in blocks, documents by their names."""

    index: str
    blocks: list[str]
    documents: dict[str, str]


def carried(found: RunFolder, card: Scorecard, hidden: Hidden | None = None) -> Carried:
    """All evidence of a run, without a byte lost; or what ``hidden`` leaves of it."""
    if hidden is not None:
        blocks = list(_blocks(list(hidden.lines(found.receipts))))
        shown = hidden.data(index(found, card, blocks)) | {"published": True}
        return _carried(shown, blocks, {})
    lines = files.read_lines(found / RECEIPTS).split(b"\n")
    blocks = list(_blocks(lines[:-1]))
    names = [name for name in attestation.documents(found.path) if name != attestation.PAGE]
    documents = {name: files.read_bytes(found / name) for name in names}
    return _carried(index(found, card, blocks), blocks, documents)


def _carried(
    shown: dict[str, Any], blocks: list[list[bytes]], documents: dict[str, bytes]
) -> Carried:
    return Carried(
        packed(json.dumps(shown, separators=(",", ":")).encode()),
        [packed(b"\n".join(block) + b"\n") for block in blocks],
        {name: packed(data) for name, data in documents.items()},
    )


def index(found: RunFolder, card: Scorecard, blocks: Iterable[Sequence[bytes]]) -> dict[str, Any]:
    """What the list of a page shows and filters by: rows are cases, each receipt belongs to one and
    has a signature: its outcome with all that was found against it."""
    plans, rows = found.registration.plans, found.receipts
    suites = {id: _suite(number, id, found) for number, id in enumerate((*plans, SENTINEL))}
    arms = list(dict.fromkeys(r.arm for r in rows if r.arm != CHURN))
    keys = dict.fromkeys((r.suite, r.case) for r in rows if r.arm != CHURN and r.suite in suites)
    cases = sorted(keys, key=lambda key: suites[key[0]]["number"])
    at = {key: number for number, key in enumerate(cases)}
    signatures: dict[str, int] = {}
    starts, line = [], 0
    for block in blocks:
        starts.append(line)
        line += len(block)
    known = dict(_known(found))
    flips = _flips(card)
    for suite in suites.values():
        for place in ("first", "second"):
            suite[place] = arms.index(suite[place]) if suite[place] in arms else -1
    return {
        "arms": arms,
        "suites": list(suites.values()),
        "case": [case[:MOST] for _, case in cases],
        "suite": [suites[suite]["number"] for suite, _ in cases],
        "flip": [flips.get(key, 0) for key in cases],
        "left": [at[key] for key in _left(found) if key in at],
        "known": {at[key]: known.get(key[1], "") for key in cases if key[0] == SENTINEL},
        "receipts": {
            "row": [at.get((r.suite, r.case), -1) if r.arm != CHURN else -1 for r in rows],
            "arm": [arms.index(r.arm) if r.arm != CHURN else 0 for r in rows],
            "sample": [r.sample for r in rows],
            "signature": [
                signatures.setdefault(_signature(r), len(signatures)) if r.arm != CHURN else 0
                for r in rows
            ],
        },
        "signatures": [json.loads(each) for each in signatures],
        "starts": starts,
    }


def packed(data: bytes) -> str:
    """Bytes as they stand in a page."""
    return base64.b64encode(gzip.compress(data, 6, mtime=0)).decode()


def unpack(page: Path, into: Path) -> None:
    """Write the documents and receipts that ``page`` carries into a folder.

    Raises :class:`RunError` for a page that carries none, or whose blocks cannot be read."""
    receipts: list[bytes] = []
    for found in BLOCK.finditer(files.read_text(page, RunError)):
        name = unescape(found[1] or "")
        if name and not DOCUMENT.fullmatch(name):
            raise RunError(f"{page}: carries a document {name!r:.60}, which no run has")
        try:
            data = gzip.decompress(base64.b64decode(found[2], validate=True))
        except (ValueError, OSError, EOFError, zlib.error) as error:
            where = name or f"block {len(receipts)} of the receipts"
            raise RunError(
                f"{page}: {where}: cannot be read: {error}; fetch the page again"
            ) from None
        if name:
            (into / name).parent.mkdir(exist_ok=True)
            (into / name).write_bytes(data)
        else:
            receipts.append(data)
    if not (into / "settings.json").exists():
        raise RunError(
            f"{page}: not a run folder, and a page that carries no documents of a run, as one made"
            " with `harness report --publish`; recheck the run, or the page of its end"
        )
    (into / RECEIPTS).write_bytes(b"".join(receipts))


def _blocks(lines: Sequence[bytes]) -> Iterator[list[bytes]]:
    block: list[bytes] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line)
        if len(block) == LINES or size >= BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


def _suite(number: int, id: str, found: RunFolder) -> dict[str, Any]:
    if id == SENTINEL:
        known = {"id": "known answers", "role": "", "first": SENTINEL, "second": ""}
        return {"number": number, **known, "known": True}
    plan = found.registration.plans[id]
    asked = plan.headline
    pair = {"first": asked.first, "second": asked.second}
    return {"number": number, "id": id, "role": plan.role, **pair, "known": False}


def _known(found: RunFolder) -> Iterator[tuple[str, str]]:
    """By the case of its receipt whether a known answer is good or bad."""
    for verifier, shown in found.registration.sentinels.items():
        yield from ((f"{verifier}/{name}", kind) for name, kind in shown)


def _left(found: RunFolder) -> Iterator[tuple[str, str]]:
    for id, plan in found.registration.plans.items():
        yield from ((id, case) for case in plan.left_out)


def _flips(card: Scorecard) -> dict[tuple[str, str], int]:
    """1 for gained and -1 for lost, as the headline of each suite says."""
    flips: dict[tuple[str, str], int] = {}
    for suite in card.suites:
        asked = headline(suite)
        for name, flip in (("gained", 1), ("lost", -1)):
            flips |= {(suite["suite"], case): flip for case in asked[name]} if asked else {}
    return flips


def _signature(row: Receipt) -> str:
    against = [
        [f.criterion[:MOST], f"{f.outcome}: {f.reason}"[:MOST]]
        for f in row.findings
        if f.outcome != "pass"
    ]
    return json.dumps([row.outcome, row.sign, against])
