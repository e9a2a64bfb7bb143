"""The ledger of looks: how often a held-out set was asked, because the fifth revision that is tried
on the same prompts is more likely to pass by luck than the first."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from harness import files
from harness.content import strict
from harness.digests import canonical_digest
from harness.errors import RunError
from harness.evidence import documents
from harness.evidence.registration import Registration

GENESIS = "sha256:" + "0" * 64


class Look(strict.Model):
    """One line: an adapter's bytes and rules that were tried under its name on these prompts."""

    prompts: str
    adapter: str
    subject: str
    rules: str


class Ledger:
    """The looks at held-out sets, one JSON line each in ``path``, each line chained to the one
    before it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._looks: list[Look] = []
        self._head = GENESIS
        if os.path.lexists(path):
            self._read()

    def look(self, registration: Registration) -> int:
        """The number of this look (from 1): adapters' bytes and rules that were tried under this
        name on these prompts."""
        return max(self._number(mine) for mine in _looks(registration))

    def record(self, registration: Registration) -> None:
        """Append this look unless it stands there already; synced, so that a killed run cannot
        unsee its prompts."""
        files.make_folder(self._path.parent)
        with files.Log(self._path) as log:
            log.lock(wait=True)  # gates of several adapters may start at once
            self._read()
            for mine in _looks(registration):
                if mine not in self._looks:
                    self._looks.append(mine)
                    self._head = _link(self._head, mine)
                    row = mine.model_dump() | {"format": documents.FORMAT, "chain": self._head}
                    log.append(json.dumps(row, sort_keys=True))
            log.sync()

    def _number(self, mine: Look) -> int:
        same = [r for r in self._looks if (r.prompts, r.adapter) == (mine.prompts, mine.adapter)]
        return same.index(mine) + 1 if mine in same else len(same) + 1

    def _read(self) -> None:
        self._looks, self._head = [], GENESIS
        data = files.read_lines(self._path, _refuse)
        for line, row in files.json_lines(data, self._path, _refuse):
            found = documents.content(row, f"{self._path}:{line}", _refuse)
            stated = documents.taken(found, documents.Chain, self._path, line, _refuse)
            look = documents.parse(found, Look, self._path, line, _refuse)
            self._looks.append(look)
            self._head = _link(self._head, look)
            if stated.chain != self._head:
                raise _refuse(
                    f"{self._path}:{line}: this look or one before it was edited or removed"
                )


def _looks(registration: Registration) -> Iterator[Look]:
    for plan in registration.plans.values():
        yield Look(
            prompts=plan.prompts,
            adapter=registration.adapter,
            subject=registration.adapter_digest,
            rules=registration.rules,
        )


def _link(head: str, look: Look) -> str:
    return canonical_digest([head, look.model_dump()])


def _refuse(text: str) -> RunError:
    return RunError(
        f"{text}; put the ledger back (without it looks are counted anew: docs/versions.md)"
    )
