"""The run folder: settings, receipts, certificates, scorecard, verdict - the artefact of record.

Receipts are appended one line at a time and synced to disk, so that a killed run loses nothing it has judged. A torn last
line is dropped on resume and judged again. Everything but ``seconds`` is the same every time. Each line carries the digest
of all before it, from the digest of the registration on: a line that was edited, dropped or moved no longer fits.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.errors import RunError

ARMS = ("base", "adapter")
CANON, AGAIN, SENTINEL = "canon", "again", "sentinel"  # base with the facet's canon; base once more; known answers


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
    """One judged answer. ``outcome`` is ``pass`` only if every criterion passed and there is no ``sign``: it is elite.

    ``sign`` says how a facet's answer degenerates (:func:`harness.degeneration.sign`), empty where it does not.
    ``subject`` is the digest of what answered (base, or adapter), ``sampler`` how it was decoded, ``sample`` which of
    the K answers to the prompt this is (from 0); ``seconds`` is the wall time from asking to judged.
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
    """``fail`` if any criterion failed or there is a ``sign`` of degeneration, else ``unverified`` if any criterion could
    not be judged, else ``pass``."""
    outcomes = {finding.outcome for finding in findings}
    if "fail" in outcomes or sign:
        return "fail"
    return "pass" if outcomes == {"pass"} else "unverified"


class Run:
    """One run folder, opened for writing by one process at a time.

    A folder that already holds a run is resumed if its settings are the same; :class:`RunError` otherwise. ``genesis``
    is the digest that the chain of receipts starts from, and ``head`` the one it has reached.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], genesis: str = "") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._refuse_foreign(settings)
        self._file = (folder / "receipts.jsonl").open("a+b", buffering=0)  # what is written is with the system
        self._lock()
        self._write("settings.json", settings)
        self.head = genesis
        self.receipts = self._read_back()

    def add(self, receipt: Receipt) -> None:
        """Append one receipt; raises :class:`RunError` when the disk does not take it."""
        head = link(self.head, receipt)
        row = asdict(receipt) | {"chain": head}
        self._put((json.dumps(row, sort_keys=True) + "\n").encode())  # ASCII: an answer may hold half a surrogate pair
        self.head = head
        self.receipts[receipt.key] = receipt

    def sync(self) -> None:
        """Make every receipt so far survive a power cut."""
        os.fsync(self._file.fileno())

    def write(self, name: str, data: Any) -> Path:
        """Write one JSON document of the run, replaced as a whole."""
        return self._write(name, data)

    def close(self) -> None:
        """Sync and release the folder."""
        self.sync()
        self._file.close()

    def _put(self, line: bytes) -> None:
        """Write a whole line or fail; what a full disk took of it is torn off when the run is resumed."""
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            raise _full(self.folder / "receipts.jsonl", error) from None

    def _write(self, name: str, data: Any) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".draft")
        try:
            draft.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        except OSError as error:
            raise _full(path, error) from None
        draft.replace(path)
        return path

    def _lock(self) -> None:
        import fcntl

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise RunError(
                f"{self.folder}: another process is writing this run; wait for it or name another --run-dir"
            ) from None

    def _refuse_foreign(self, settings: dict[str, Any]) -> None:
        path = self.folder / "settings.json"
        if not path.exists():
            strangers = sorted(p.name for p in self.folder.iterdir())
            if strangers:
                raise RunError(
                    f"{self.folder}: not a run folder (it holds {strangers[0]!r}); name a new folder with --run-dir"
                )
            return
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise RunError(f"{path}: torn or not JSON; name a new folder with --run-dir") from None
        now = json.loads(json.dumps(settings))
        changed = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
        if changed:
            raise RunError(
                f"{self.folder}: this run was made with other settings; {changed[0]!r} was {before.get(changed[0])!r:.120} "
                f"and is {now.get(changed[0])!r:.120}. Name a new folder with --run-dir"
            )

    def _read_back(self) -> dict[tuple[str, str, str, int], Receipt]:
        self._file.seek(0)
        raw = self._file.readall()
        whole = raw[: raw.rfind(b"\n") + 1]
        if len(whole) != len(raw):  # the process died while it wrote this line
            self._file.truncate(len(whole))
        path = self.folder / "receipts.jsonl"
        chained = _parse(whole.decode(), path)
        fault = broken_link(chained, self.head)
        if fault is not None:
            raise RunError(f"{path}:{fault}: this receipt or one before it was edited, dropped or moved")
        self.head = chained[-1][1] if chained else self.head
        return {receipt.key: receipt for receipt, _ in chained}


def _full(path: Path, error: OSError) -> RunError:
    text = f"{path}: cannot be written: {error.strerror}"
    return RunError(f"{text}. Make room and run the same command again: the run is resumed")


Chained = list[tuple[Receipt, str]]  # receipts, each with the digest that its line states


def link(head: str, receipt: Receipt) -> str:
    """The digest of a receipt and of all before it, whose digest is ``head``; seconds are left out."""
    row = {key: value for key, value in asdict(receipt).items() if key != "seconds"}
    return "sha256:" + hashlib.sha256(f"{head}\n{json.dumps(row, sort_keys=True)}".encode()).hexdigest()


def broken_link(chained: Chained, genesis: str) -> int | None:
    """The first line (from 1) whose digest does not follow from those before it, or ``None``."""
    head = genesis
    for number, (receipt, stated) in enumerate(chained, start=1):
        head = link(head, receipt)
        if head != stated:
            return number
    return None


def _parse(text: str, path: Path) -> Chained:
    """Receipts with their digests from the lines of a file; raises :class:`RunError` naming file and line."""
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line:
            try:
                data = json.loads(line)
                chain = str(data.pop("chain"))
                found.append((Receipt(**{**data, "findings": [Finding(**f) for f in data["findings"]]}), chain))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise RunError(f"{path}:{number}: not a receipt: {type(error).__name__}: {error}") from None
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
        raise RunError(f"{folder}: not a run folder: {Path(error.filename).name} is missing") from None
    except ValueError as error:
        raise RunError(f"{folder}/settings.json: not JSON: {error}") from None
    return settings, _parse(text, folder / "receipts.jsonl")
