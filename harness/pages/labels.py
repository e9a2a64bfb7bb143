"""The page on which a person labels a sample of answers in a browser."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from harness import files
from harness.evidence.receipts import Receipt
from harness.pages.html import filled


def sheet(rows: Sequence[Receipt], adapter: str, head: str, reports: Path) -> str:
    """One self-contained page; it loads nothing, and only its own script may run.

    Raises :class:`WorkspaceError` for a template that asks for what is not there."""
    script = files.read_text(reports / "labels.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    values = {"rows": rows, "adapter": adapter, "head": head, "script": script}
    return filled(reports, "labels.html.j2", values | {"script_hash": f"sha256-{digest}"})
