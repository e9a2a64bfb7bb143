"""The evidence that a page carries: every document of the run and every receipt as it was written,
compressed, with an index of the receipts by which a browser filters them."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

from harness import files
from harness.errors import RunError
from harness.evidence import attestation
from harness.evidence.documents import Scorecard
from harness.evidence.folder import RECEIPTS, RunFolder
from harness.evidence.receipts import LINKS, SENTINEL, Receipt
from harness.evidence.registration import Plan
from harness.pages.published import Hidden
from harness.pages.view import headline, typed

LINES, BYTES = 128, 1 << 18  # of receipts in one block, whatever is reached first
Key = tuple[str, str]  #: a case, by its suite and its id
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


@dataclass(frozen=True)
class Listing:
    """What a list of answers shows: ``suites`` by id with their place, role and pair of arms, the
    receipts as ``rows``, the run that each arm answered in, and of cases their flips (1 gained, -1
    lost), tags, whether they were left out, and of known answers what they are."""

    suites: dict[str, dict[str, Any]]
    rows: Sequence[Receipt]
    runs: Mapping[str, str]
    flips: Mapping[Key, int]
    tags: Mapping[Key, list[str]]
    left: Collection[Key] = ()
    known: Mapping[str, str] = field(default_factory=dict)


def carried(found: RunFolder, card: Scorecard, hidden: Hidden | None = None) -> Carried:
    """All evidence of a run, without a byte lost; or what ``hidden`` leaves of it."""
    listed = listing(found, card)
    if hidden is not None:
        blocks = list(_blocks(list(hidden.lines(found.receipts))))
        return pack(hidden.data(index(listed, blocks)) | {"published": True}, blocks)
    lines = files.read_lines(found / RECEIPTS).split(b"\n")
    blocks = list(_blocks(lines[:-1]))
    names = [name for name in attestation.documents(found.path) if name != attestation.PAGE]
    documents = {name: files.read_bytes(found / name) for name in names}
    return pack(index(listed, blocks), blocks, documents)


def beside(listed: Listing, lines: Sequence[int]) -> Carried:
    """The answers of a list that is made of several runs, each with its line in its own."""
    rows = zip(listed.rows, lines, strict=True)
    blocks = list(_blocks([json.dumps(asdict(r) | {"line": n}).encode() for r, n in rows]))
    return pack(index(listed, blocks), blocks)


def pack(
    shown: dict[str, Any], blocks: Iterable[Sequence[bytes]], documents: Mapping[str, bytes] = {}
) -> Carried:
    """An index, blocks and documents as they stand in a page."""
    return Carried(
        packed(json.dumps(shown, separators=(",", ":")).encode()),
        [packed(b"\n".join(block) + b"\n") for block in blocks],
        {name: packed(data) for name, data in documents.items()},
    )


def listing(found: RunFolder, card: Scorecard) -> Listing:
    """All answers of a run."""
    plans = found.registration.plans
    suites = {id: _suite(number, id, found) for number, id in enumerate((*plans, SENTINEL))}
    rows = found.receipts
    runs = dict.fromkeys((r.arm for r in rows if r.arm not in LINKS), typed(found.path))
    left = {(id, case) for id, plan in plans.items() for case in plan.left_out}
    return Listing(suites, rows, runs, _flips(card), tags(plans), left, dict(_known(found)))


def tags(plans: Mapping[str, Plan]) -> dict[Key, list[str]]:
    """The tags of every case that has some; they make the slices of a suite."""
    return {(id, case): found for id, plan in plans.items() for case, found in plan.tags.items()}


def index(listed: Listing, blocks: Iterable[Sequence[bytes]]) -> dict[str, Any]:
    """What the list of a page shows and filters by: rows are cases, each receipt belongs to one and
    has a signature: its outcome with all that was found against it."""
    suites, rows, arms = listed.suites, listed.rows, list(listed.runs)
    keys = dict.fromkeys(
        (r.suite, r.case) for r in rows if r.arm not in LINKS and r.suite in suites
    )
    cases = sorted(keys, key=lambda key: suites[key[0]]["number"])
    at = {key: number for number, key in enumerate(cases)}
    signatures: dict[str, int] = {}
    starts, line = [], 0
    for block in blocks:
        starts.append(line)
        line += len(block)
    tagged = {at[key]: found for key, found in listed.tags.items() if key in at}
    names = list(dict.fromkeys(tag for found in tagged.values() for tag in found))
    place = {arm: number for number, arm in enumerate(arms)}
    return {
        "arms": arms,
        "runs": list(listed.runs.values()),
        "suites": [
            suite | {end: place.get(suite[end], -1) for end in ("first", "second")}
            for suite in suites.values()
        ],
        "case": [case[:MOST] for _, case in cases],
        "suite": [suites[suite]["number"] for suite, _ in cases],
        "flip": [listed.flips.get(key, 0) for key in cases],
        "tags": names,
        "tagged": {row: [names.index(tag) for tag in found] for row, found in tagged.items()},
        "left": [at[key] for key in cases if key in listed.left],
        "known": {at[key]: listed.known.get(key[1], "") for key in cases if key[0] == SENTINEL},
        "receipts": {
            "row": [at.get((r.suite, r.case), -1) if r.arm not in LINKS else -1 for r in rows],
            "arm": [place.get(r.arm, 0) for r in rows],
            "sample": [r.sample for r in rows],
            "signature": [
                signatures.setdefault(_signature(r), len(signatures)) if r.arm not in LINKS else 0
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
