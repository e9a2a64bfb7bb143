"""Answers kept by content, so that gating the next adapter pays nothing for the base.

A key is the digest of everything that decides an answer: weights, adapter, tokenizer and template
(by the base's digest), what the engine reads of the prompt, decoding, library versions, device.
Names never enter. SQLite in WAL mode serves several processes at once. Every row is sealed by a key
of the cache folder (:func:`harness.digests.seal`)."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.digests import SealNotice, canonical_digest, seal
from harness.engines.base import Answering, Ask, Generation, WhiteBox

BATCH = "batch"  # ``finish`` of a row that is no answer, but the batch that answers are kept in


class Kept:
    """An engine that is asked only what was never asked before.

    ``answered``, ``from_cache`` and ``refused`` (kept without the cache's seal, so asked again)
    count answers by the ``arm`` that they were asked for; what was given ahead is not one from the
    cache. ``batch`` is how many rows are answered together where that was registered."""

    def __init__(self, engine: Answering, cache: Cache) -> None:
        self._engine, self._cache = engine, cache
        self.batch: int | None = None
        self.answered: Counter[str] = Counter()
        self.from_cache: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._ahead: set[str] = set()

    def stand(self, base: str, registered: int | None = None) -> None:
        """Answer in the batch that a run ``registered``, else in the one in which answers of this
        ``base`` are kept, where that is free to choose and fits; raises nothing."""
        chosen = self._engine.identity.get("batch")
        if chosen is None or not isinstance(self._engine, WhiteBox):
            return
        others = {k: v for k, v in self._engine.identity.items() if k != "batch"}
        name = canonical_digest(["batch", base, others])
        known = self._cache.get(name)
        held = int(known.text) if known and known.text.isdecimal() else 0
        self.batch = registered or min(held or int(chosen), int(chosen))
        self._cache.put(name, Generation(str(self.batch), 0, BATCH))
        self._engine.settle(batch=self.batch)

    def unknown(self, arm: str, asks: Sequence[Ask]) -> list[Ask]:
        """Those of ``asks`` that were never answered."""
        keys = zip(asks, self._keys(asks), strict=True)
        return [ask for ask, name in keys if self._get(arm, name) is None]

    def hold(self, ask: Ask, answer: Generation) -> None:
        """Keep an answer that the engine gave ahead of its being asked for here."""
        [name] = self._keys([ask])
        self._ahead.add(name)
        self._cache.put(name, answer)

    def ahead(self, asks: Sequence[Ask]) -> Iterator[int]:
        """Have ``asks`` answered in as few batches as can be, to go on from; how many are given."""
        for number, (at, answer) in enumerate(self._engine.answer(asks), start=1):
            self.hold(asks[at], answer)
            yield number

    def answer(self, arm: str, asks: Sequence[Ask]) -> Iterator[tuple[int, Generation, bool]]:
        """``(index of the ask, answer, whether it was kept)``; what is kept comes first."""
        keys, missing = self._keys(asks), []
        for number, name in enumerate(keys):
            known = self._get(arm, name)
            self.answered[arm] += 1
            if known is None:
                missing.append(number)
            else:
                self.from_cache[arm] += name not in self._ahead
                yield number, known, True
        for at, answer in self._engine.answer([asks[number] for number in missing]):
            self._cache.put(keys[missing[at]], answer)
            yield missing[at], answer, False

    def _keys(self, asks: Sequence[Ask]) -> list[str]:
        """The keys of ``asks`` in the batch of this run; another may have had the engine since."""
        if self.batch is not None and isinstance(self._engine, WhiteBox):
            self._engine.settle(batch=self.batch)
        return [key(self._engine, ask) for ask in asks]

    def _get(self, arm: str, name: str) -> Generation | None:
        before = self._cache.refused
        known = self._cache.get(name)
        self.refused[arm] += self._cache.refused - before
        return known


def key(engine: Answering, ask: Ask) -> str:
    """The cache key of one answer; a greedy one does not depend on the seed."""
    seed = ask.seed if ask.decoding.temperature else None
    decoding = {key: value for key, value in asdict(ask.decoding).items() if value is not None}
    asked = [ask.weights, ask.adapter, engine.reads(ask), decoding, seed]
    text = json.dumps([engine.identity, *asked], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Cache:
    """Answers by key in ``answers.sqlite`` below ``folder``, shared by any number of processes.

    A cache that fails (a full disk, a damaged file) costs time and nothing else: ``broken`` says
    what it said, and from then on it holds nothing. ``refused`` counts the answers without its
    seal that were come upon."""

    def __init__(self, folder: Path) -> None:
        self.broken: str | None = None
        self.refused = 0
        self._folder, self._path = folder, folder / "answers.sqlite"
        try:
            self._db = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        except sqlite3.Error as error:
            self.broken = f"{type(error).__name__}: {error}"
            self._db = sqlite3.connect(":memory:")
        with suppress(sqlite3.Error):  # refused while another process is just doing the same
            self._db.execute("PRAGMA journal_mode=WAL")
        columns = "key TEXT PRIMARY KEY, text TEXT, tokens INTEGER, finish TEXT, seal TEXT"
        self._run(f"CREATE TABLE IF NOT EXISTS sealed ({columns})")

    def get(self, key: str) -> Generation | None:
        """The stored answer, or ``None``; one without the seal of this cache is said, and goes."""
        rows = self._run("SELECT key, text, tokens, finish, seal FROM sealed WHERE key = ?", key)
        if not rows:
            return None
        *row, sealed = rows[0]
        expected = self._seal(row)
        if expected is not None and sealed == expected:
            return Generation(*row[1:])
        self.refused += 1
        text = f"{self._path}: holds answers without this cache's seal; they are asked again"
        warnings.warn(text, SealNotice, stacklevel=2)
        self._run("DELETE FROM sealed WHERE key = ?", key)
        return None

    def put(self, key: str, answer: Generation) -> None:
        """Store an answer; the first one stays."""
        row = [key, answer.text, answer.tokens, answer.finish]
        self._run("INSERT OR IGNORE INTO sealed VALUES (?, ?, ?, ?, ?)", *row, self._seal(row))

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _seal(self, row: list[Any]) -> str | None:
        try:
            return seal(self._folder, row)
        except OSError as error:
            self.broken = f"{type(error).__name__}: {error}"
            return None

    def _run(self, statement: str, *values: Any) -> list[Any]:
        if self.broken is not None:
            return []
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            self.broken = f"{type(error).__name__}: {error}"
            return []
