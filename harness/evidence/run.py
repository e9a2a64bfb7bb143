"""The run folder, opened for writing by one process at a time."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.errors import RunError
from harness.evidence.receipts import Receipt, broken_link, link, parse


class Run:
    """One run folder, opened for writing by one process at a time.

    A folder that already holds a run is resumed if its settings are the same; :class:`RunError`
    otherwise. ``genesis`` is the digest that the chain of receipts starts from, and ``head`` the
    one it has reached.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], genesis: str = "") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._refuse_foreign(settings)
        self._file = (folder / "receipts.jsonl").open(
            "a+b", buffering=0
        )  # what is written is with the system
        self._lock()
        self._write("settings.json", settings)
        self.head = genesis
        self.receipts = self._read_back()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def add(self, receipt: Receipt) -> None:
        """Append one receipt; raises :class:`RunError` when the disk does not take it."""
        head = link(self.head, receipt)
        row = asdict(receipt) | {"chain": head}
        self._put(
            (json.dumps(row, sort_keys=True) + "\n").encode()
        )  # ASCII: an answer may hold half a surrogate pair
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
        """Write a whole line or fail; what a full disk took of it is torn off when the run is
        resumed.
        """
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
                f"{self.folder}: another process is writing this run; wait for it or name another"
                " --run-dir"
            ) from None

    def _refuse_foreign(self, settings: dict[str, Any]) -> None:
        path = self.folder / "settings.json"
        if not path.exists():
            strangers = sorted(p.name for p in self.folder.iterdir())
            if strangers:
                raise RunError(
                    f"{self.folder}: not a run folder (it holds {strangers[0]!r}); name a new"
                    " folder with --run-dir"
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
                f"{self.folder}: this run was made with other settings; {changed[0]!r} was"
                f" {before.get(changed[0])!r:.120} and is {now.get(changed[0])!r:.120}. Name a new"
                " folder with --run-dir"
            )

    def _read_back(self) -> dict[tuple[str, str, str, int], Receipt]:
        self._file.seek(0)
        raw = self._file.readall()
        whole = raw[: raw.rfind(b"\n") + 1]
        if len(whole) != len(raw):  # the process died while it wrote this line
            self._file.truncate(len(whole))
        path = self.folder / "receipts.jsonl"
        chained = parse(whole.decode(), path)
        fault = broken_link(chained, self.head)
        if fault is not None:
            raise RunError(
                f"{path}:{fault}: this receipt or one before it was edited, dropped or moved"
            )
        self.head = chained[-1][1] if chained else self.head
        return {receipt.key: receipt for receipt, _ in chained}


def _full(path: Path, error: OSError) -> RunError:
    text = f"{path}: cannot be written: {error.strerror}"
    return RunError(f"{text}. Make room and run the same command again: the run is resumed")
