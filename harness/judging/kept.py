"""What a language model said, kept on this machine for a day: an audit that was interrupted, or run
again with more fixtures, asks only what it has not asked.

A reply is found again only for the same question to the same model with the same options, in the
same sitting (the surroundings that an audit judges in), asked for as often. The database fails
without consequence: what is not kept is asked."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from harness.content.workspace import cache_folder
from harness.digests import canonical_digest
from harness.judging.replies import Reply

KEPT = 20 * 3600.0  # seconds
MOST = 200_000  # replies

TABLES = """
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS replies (
  key TEXT PRIMARY KEY, identity TEXT, at REAL, text TEXT, finish TEXT, model TEXT, fingerprint TEXT
);
CREATE TABLE IF NOT EXISTS judges (about TEXT PRIMARY KEY, identity TEXT);
"""


class KeptReplies:
    """Replies of the judge that the digest ``about`` stands for, in one ``sitting``."""

    def __init__(self, about: str, sitting: str) -> None:
        self._about, self._sitting = about, sitting

    def expect(self, identity: str) -> None:
        """Say which model answers from now on."""
        self._run("INSERT OR REPLACE INTO judges VALUES (?, ?)", self._about, identity)

    def expected(self) -> str | None:
        """The model that was said to answer; ``None`` where none was."""
        rows = self._run("SELECT identity FROM judges WHERE about = ?", self._about)
        return rows[0][0] if rows else None

    def get(self, name: str, identity: str | None) -> Reply | None:
        """The reply kept under ``name``, if this model gave it today."""
        columns = "text, finish, model, fingerprint"
        rows = self._run(
            f"SELECT {columns} FROM replies WHERE key = ? AND identity = ? AND abs(at - ?) < ?",
            self._key(name),
            identity,
            time.time(),
            KEPT,
        )
        return Reply(*rows[0]) if rows else None

    def put(self, name: str, identity: str, reply: Reply) -> None:
        """Keep a reply."""
        said = (reply.text, reply.finish, reply.model, reply.fingerprint)
        row = (self._key(name), identity, time.time(), *said)
        self._run("INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?, ?, ?, ?)", *row)
        self._run("DELETE FROM replies WHERE rowid <= (SELECT max(rowid) FROM replies) - ?", MOST)

    def _key(self, name: str) -> str:
        return canonical_digest([self._about, self._sitting, name])

    def _run(self, statement: str, *values: Any) -> Sequence[Any]:
        try:
            with closing(sqlite3.connect(cache_folder() / "judge.sqlite", timeout=30)) as db, db:
                db.executescript(TABLES)
                return db.execute(statement, values).fetchall()
        except (sqlite3.Error, OSError, ValueError):  # ValueError: text that is no UTF-8
            return []
