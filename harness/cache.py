"""The generation cache: answers by content, so that gating the next adapter pays nothing for the base.

A key is the digest of everything that decides an answer: weights, adapter, tokenizer and template (by the base's digest),
token ids, decoding, library versions, device. Names never enter. SQLite in WAL mode serves several processes at once.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.engines import Decoding, Generation


def key(identity: dict[str, Any], base: str, adapter: str | None, ids: Sequence[int], decoding: Decoding) -> str:
    """The cache key of one answer; ``base`` and ``adapter`` are digests."""
    content = [identity, base, adapter, list(ids), asdict(decoding)]
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Cache:
    """Answers by key in ``answers.sqlite`` below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "answers.sqlite", timeout=30, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, text TEXT, tokens INTEGER, finish TEXT)"
        )

    def get(self, key: str) -> Generation | None:
        """The stored answer, or ``None``."""
        row = self._db.execute("SELECT text, tokens, finish FROM answers WHERE key = ?", (key,)).fetchone()
        return Generation(*row) if row else None

    def put(self, key: str, answer: Generation) -> None:
        """Store an answer; the first one stays."""
        self._db.execute(
            "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?)", (key, answer.text, answer.tokens, answer.finish)
        )

    def close(self) -> None:
        """Close the database."""
        self._db.close()
