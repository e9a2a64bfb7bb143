"""The ledger of looks: how often a held-out set was asked, because the fifth revision that is tried
on the same prompts is more likely to pass by luck than the first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.content import strict
from harness.digests import canonical_digest
from harness.errors import RunError
from harness.evidence.registration import Registration

GENESIS = "sha256:" + "0" * 64


class Ledger:
    """The looks at held-out sets, one JSON line each in ``path``, each line chained to the one
    before it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = list(self._read())

    def look(self, registration: Registration) -> int:
        """The number of this look (from 1): adapters' bytes and rules that were tried under this
        name on these prompts.
        """
        return max(self._number(registration, plan.prompts) for plan in registration.plans.values())

    def record(self, registration: Registration) -> None:
        """Append this look unless it stands there already; synced, so that a killed run cannot
        unsee its prompts.
        """
        import fcntl

        rows = [self._row(registration, plan.prompts) for plan in registration.plans.values()]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # gates of several adapters may start at once
            self._rows = list(self._read())
            known = [self._content(row) for row in self._rows]
            for row in rows:
                if row not in known:
                    row = row | {"chain": canonical_digest([self._head, row])}
                    file.write(json.dumps(row, sort_keys=True) + "\n")
                    self._rows.append(row)
            file.flush()
            os.fsync(file.fileno())

    @property
    def _head(self) -> str:
        return str(self._rows[-1]["chain"]) if self._rows else GENESIS

    def _number(self, registration: Registration, prompts: str) -> int:
        mine = self._row(registration, prompts)
        same = [
            self._content(r)
            for r in self._rows
            if (r["prompts"], r["adapter"]) == (prompts, mine["adapter"])
        ]
        return same.index(mine) + 1 if mine in same else len(same) + 1

    @staticmethod
    def _content(row: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in row.items() if key != "chain"}

    @staticmethod
    def _row(registration: Registration, prompts: str) -> dict[str, Any]:
        return {
            "prompts": prompts,
            "adapter": registration.adapter,
            "subject": registration.adapter_digest,
            "rules": registration.rules,
        }

    def _read(self) -> Iterator[dict[str, Any]]:
        head = GENESIS
        if self._path.is_file():
            for line, row in strict.read_jsonl(self._path):
                if not isinstance(row, dict) or row.get("chain") != canonical_digest(
                    [head, self._content(row)]
                ):
                    raise RunError(
                        f"{self._path}:{line}: this look or one before it was edited or removed;"
                        " put the ledger back"
                    )
                head = row["chain"]
                yield row
