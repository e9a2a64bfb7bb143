"""The terminal: progress of long work."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.gate.progress import Progress

EVERY = 30.0  # seconds between two lines of one part in a log


class Lines:
    """Writes progress: with ``live`` one line that is written over, else a line when a part ends
    and now and then before.

    ``write`` takes text as it is; ``clock`` gives seconds.
    """

    def __init__(
        self, write: Callable[[str], None], live: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write, self._live, self._clock = write, live, clock
        self._label, self._shown = "", clock()

    def __call__(self, label: str, done: int, total: int, note: str = "") -> None:
        """Show one step."""
        line = f"{label} {done}/{total}" + (f"  {note}" if note else "")
        if self._live:
            self._write(f"\r\x1b[K{line}" + ("\r\x1b[K" if done == total else ""))
            return
        now = self._clock()
        if label != self._label:
            self._label, self._shown = label, now
        if done == total or now - self._shown >= EVERY:
            self._shown = now
            self._write(line + "\n")


def progress() -> Progress:
    """One live line on a terminal; in a log, a line when a part is done and now and then before."""
    return Lines(lambda text: click.echo(text, err=True, nl=False), sys.stderr.isatty())
