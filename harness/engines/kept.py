"""The generation cache: answers by content, so that gating the next adapter pays nothing for the
base.

A key is the digest of everything that decides an answer: weights, adapter, tokenizer and template
(by the base's digest), token ids, decoding, library versions, device. Names never enter. SQLite in
WAL mode serves several processes at once.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.engines.base import Decoding, Generation


def key(
    identity: dict[str, Any],
    base: str,
    adapter: str | None,
    ids: Sequence[int],
    decoding: Decoding,
    seed: int | None = None,
) -> str:
    """The cache key of one answer; ``base`` and ``adapter`` are digests, ``seed`` is that of a
    drawn answer.
    """
    content = [identity, base, adapter, list(ids), asdict(decoding), seed]
    return hashlib.sha256(
        json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


class Cache:
    """Answers by key in ``answers.sqlite`` below ``folder``, shared by any number of processes.

    A cache that fails (a full disk, a damaged file) costs time and nothing else: ``broken`` says
    what it said, and from then on it holds nothing.
    """

    def __init__(self, folder: Path) -> None:
        self.broken: str | None = None
        path = folder / "answers.sqlite"
        try:
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
        except sqlite3.Error as error:
            self.broken = f"{type(error).__name__}: {error}"
            self._db = sqlite3.connect(":memory:")
        with suppress(sqlite3.Error):  # refused while another process is just doing the same
            self._db.execute("PRAGMA journal_mode=WAL")
        self._run(
            "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, text TEXT, tokens INTEGER,"
            " finish TEXT)"
        )

    def get(self, key: str) -> Generation | None:
        """The stored answer, or ``None``."""
        rows = self._run("SELECT text, tokens, finish FROM answers WHERE key = ?", key)
        return Generation(*rows[0]) if rows else None

    def put(self, key: str, answer: Generation) -> None:
        """Store an answer; the first one stays."""
        self._run(
            "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?)",
            key,
            answer.text,
            answer.tokens,
            answer.finish,
        )

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _run(self, statement: str, *values: Any) -> list[Any]:
        if self.broken is not None:
            return []
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            self.broken = f"{type(error).__name__}: {error}"
            return []
