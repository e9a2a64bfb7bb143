"""The run folder, opened for writing by one process at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness import files
from harness.audit.certificate import Certificate
from harness.errors import ROOM, RunError
from harness.evidence import attestation, documents
from harness.evidence.documents import Churn, Decision, Derived, Scorecard, Secret, Settings
from harness.evidence.folder import RECEIPTS, RunFolder
from harness.evidence.receipts import Receipt, broken_link, line, link, parse
from harness.subjects.base import Preflight

RESUMED = f"{ROOM}: the run is resumed"
SHAPES: dict[str, tuple[type[Any], ...]] = {
    "settings.json": (Settings,),
    "certificates": (Certificate, Derived),
    "preflight.json": (Preflight,),
    "secret.json": (Secret,),
    "churn.json": (Churn,),
    "scorecard.json": (Scorecard,),
    "verdict.json": (Decision,),
}


class Run:
    """One run folder, opened for writing by one process at a time.

    A folder that already holds a run is resumed if its settings are the same and all of it can be
    read; :class:`RunError` otherwise. ``genesis`` is the digest that the chain of receipts starts
    from, and ``head`` the one it has reached."""

    def __init__(self, folder: Path, settings: dict[str, Any], genesis: str = "") -> None:
        self.folder = files.make_folder(folder, RunError)
        self._before = RunFolder(folder)
        self._refuse_strangers()
        self._log = files.Log(folder / RECEIPTS, RunError, RESUMED)
        try:
            self._lock()
            if self._before.has("settings.json"):
                self._refuse_others(settings)
            self.head = genesis
            self.receipts = self._read_back()
            self.write("settings.json", settings)
        except BaseException:
            self._log.release()
            raise

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def add(self, receipt: Receipt) -> None:
        """Append one receipt; raises :class:`RunError` when the disk does not take it."""
        head = link(self.head, receipt)
        self._log.append(line(receipt, head))
        self.head = head
        self.receipts[receipt.key] = receipt

    def sync(self) -> None:
        """Make every receipt so far survive a power cut."""
        self._log.sync()

    def write(self, name: str, data: dict[str, Any]) -> Path:
        """Write one JSON document of the run, replaced as a whole; no receipt is younger."""
        self.sync()
        path = self.folder / name
        if path.name == attestation.NAME:
            return attestation.write(path, data, _unwritten)
        return documents.write(path, data, *SHAPES[name.partition("/")[0]], refuse=_unwritten)

    def close(self) -> None:
        """Sync and release the folder."""
        self._log.close()

    def _refuse_strangers(self) -> None:
        names = sorted(path.name for path in self.folder.iterdir() if path.suffix != ".draft")
        if "settings.json" in names:
            if RECEIPTS not in names:
                raise documents.damaged(f"{self.folder / RECEIPTS}: no such file")
        elif names and (names != [RECEIPTS] or (self.folder / RECEIPTS).stat().st_size):
            raise RunError(
                f"{self.folder}: not a run folder (it holds {names[0]!r} and no settings.json);"
                " name a new folder with --run-dir"
            )

    def _lock(self) -> None:
        if not self._log.lock(wait=False):
            raise RunError(
                f"{self.folder}: another process is writing this run; wait for it or name another"
                " --run-dir"
            )

    def _refuse_others(self, settings: dict[str, Any]) -> None:
        """Refuse a run of other settings, and one of which a document cannot be read."""
        before = self._before.settings.model_dump()
        now = json.loads(json.dumps(settings))
        changed = sorted(key for key in before if before[key] != now.get(key))
        if changed:
            key = "harness" if "harness" in changed else changed[0]  # another version explains all
            raise RunError(
                f"{self.folder}: this run was made with other settings; {key!r} was"
                f" {before[key]!r:.120} and is {now.get(key)!r:.120}. Name a new folder with"
                " --run-dir"
            )
        self._before.check(whole=False)

    def _read_back(self) -> dict[tuple[str, str, str, int], Receipt]:
        """The receipts so far; what a killed run left of a last line is judged again."""
        path = self._log.path
        chained = parse(self._log.read(), path)
        fault = broken_link(chained, self.head)
        if fault is not None:
            raise RunError(
                f"{path}:{fault}: this receipt or one before it was edited, dropped or moved"
            )
        self.head = chained[-1][1] if chained else self.head
        return {receipt.key: receipt for receipt, _ in chained}


def _unwritten(text: str) -> RunError:
    return RunError(f"{text}: the run is resumed")
