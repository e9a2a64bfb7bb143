"""What is kept on this machine: shown, cut back to a size, handed on to another machine.

Answers that are handed on carry no seal, since a seal is of one cache: whoever takes them in
vouches for them, and they are sealed anew. Any number of gates may use the cache meanwhile."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from harness import files
from harness.content import strict
from harness.engines.base import Generation
from harness.engines.kept import BATCH, Cache
from harness.errors import WorkspaceError

ANSWERS, OVERHEAD = "answers.sqlite", 300  # bytes of a row beside its text
HELD = f"sealed WHERE finish <> '{BATCH}'"  # without the rows that answers hang on
#: what the folder holds, by what a reader calls it
PARTS = {
    "answers": "answers.sqlite*",
    "certificates": "certificates/*",
    "replies of judges": "judge.sqlite*",
    "digests of files": "digests.sqlite*",
    "converted adapters": "converted/**/*",
}


class Row(strict.Model):
    """One answer as it is handed on."""

    key: str
    text: str
    tokens: int
    finish: str


class Part(NamedTuple):
    """One kind of what is kept: how many, and how many bytes on disk."""

    name: str
    many: int
    size: int


def parts(folder: Path) -> list[Part]:
    """What the cache in ``folder`` holds."""
    found = []
    for name, pattern in PARTS.items():
        held = [path for path in folder.glob(pattern) if path.is_file()]
        many = _answers(folder) if name == "answers" else len(held)
        found.append(Part(name, many, sum(path.stat().st_size for path in held)))
    return found


def prune(folder: Path, most: int) -> int:
    """Delete the oldest answers until the others hold no more than ``most`` bytes; how many."""
    total = f"SUM(LENGTH(CAST(text AS BLOB)) + {OVERHEAD}) OVER (ORDER BY rowid DESC)"
    older = f"SELECT rowid, {total} AS total FROM {HELD}"
    with _opened(folder) as db:
        gone = db.execute(
            f"DELETE FROM sealed WHERE rowid IN (SELECT rowid FROM ({older}) WHERE total > ?)",
            (most,),
        ).rowcount
        with suppress(sqlite3.Error):  # another process is reading: its pages are used again
            db.execute("VACUUM")
    return gone


def export(folder: Path, path: Path) -> int:
    """Write every answer that has this cache's seal to ``path``, a line each; how many."""
    with _opened(folder) as db:
        keys = [key for (key,) in db.execute(f"SELECT key FROM {HELD} ORDER BY rowid")]
    cache, lines = Cache(folder), []
    with closing(cache):
        for key in keys:
            if (kept := cache.get(key)) is not None:
                row = Row(key=key, text=kept.text, tokens=kept.tokens, finish=kept.finish)
                lines.append(json.dumps(row.model_dump()) + "\n")
    files.replace(path, "".join(lines))
    return len(lines)


def take_in(folder: Path, path: Path) -> int:
    """Keep the answers in ``path``, those that are here already aside; how many were new.

    Raises :class:`WorkspaceError` for a line that is no answer, before anything is kept."""
    rows = [strict.check(row, Row, path, line=line) for line, row in strict.read_jsonl(path)]
    before = _answers(folder)
    cache = Cache(folder)
    with closing(cache):
        for row in rows:
            if row.finish == BATCH:  # of another machine's memory
                continue
            cache.put(row.key, Generation(row.text, row.tokens, row.finish))
    if cache.broken:
        raise WorkspaceError(f"{folder / ANSWERS}: {cache.broken}")
    return _answers(folder) - before


def _answers(folder: Path) -> int:
    with _opened(folder) as db:
        return int(db.execute(f"SELECT COUNT(*) FROM {HELD}").fetchone()[0])


@contextmanager
def _opened(folder: Path) -> Iterator[sqlite3.Connection]:
    """The answers' database with its table; what SQLite refuses is one sentence."""
    Cache(folder).close()
    try:
        with closing(sqlite3.connect(folder / ANSWERS, timeout=30, isolation_level=None)) as db:
            yield db
    except sqlite3.Error as error:
        raise WorkspaceError(f"{folder / ANSWERS}: {error}; delete it to begin anew") from None
