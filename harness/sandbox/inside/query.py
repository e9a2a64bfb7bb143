"""The program that a sandbox loads to ask SQLite: a fresh database in memory, statements, tables.

What the statements say is hostile; this text is the harness's, and it returns plain data."""

from __future__ import annotations

import sqlite3
from typing import Any

MOST_ROWS = 10_000


def ask(schema: str, rows: dict[str, list[Any]], statements: list[str]) -> list[Any]:
    """``["tables", [[columns, rows], ...]]``, one for each statement, else ``[reason, text]``."""
    base = sqlite3.connect(":memory:", isolation_level=None)
    base.executescript(f"PRAGMA temp_store = MEMORY; {schema}")
    for table, values in rows.items():
        name = table.replace('"', '""')
        for row in values:
            marks = ", ".join("?" * len(row))
            base.execute(f'INSERT INTO "{name}" VALUES ({marks})', row)
    tables = []
    for number, statement in enumerate(statements, 1):
        try:
            cursor = base.execute(statement)
            found = cursor.fetchmany(MOST_ROWS + 1)
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
            # ValueError: half characters and NUL, which no text of a statement has
            return ["sql", f"statement {number}: {type(error).__name__}: {error}"]
        if len(found) > MOST_ROWS:
            return ["output", f"statement {number}: more than {MOST_ROWS} rows"]
        columns = [column[0] for column in cursor.description or ()]
        tables.append([columns, [list(row) for row in found]])
    return ["tables", tables]
