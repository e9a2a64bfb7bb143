"""The terminal: lines, tables and the progress of long work.

Text is printed as it is: no markup is read from it, and characters that could act on the terminal
are spelt out. Colours and bars are for a terminal; a pipe gets whole lines of plain text."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.gate.progress import Progress, left, silent
from harness.pages.html import next_step, visible
from harness.verdict import Verdict

EVERY = 30.0  # seconds between two lines of one part in a log
FRAME = 0.1  # seconds between two pictures of a bar
LOG_WIDTH = 100_000  # columns of what is no terminal, so that nothing is cut or wrapped

NO_RECEIPT = "no receipt"  #: of what is said to be shipped
#: words that mean the same wherever they stand alone
STYLES = {
    "SHIP": "bold green", "VALID": "bold green", "yes": "green", "shipped": "green",
    "NO-SHIP": "bold red", "REFUSED": "bold red", "NO": "bold red", "block": "red",
    "INCONCLUSIVE": "bold yellow", "PROVISIONAL": "bold yellow", "EXPIRED": "bold yellow",
    NO_RECEIPT: "bold red", "VOID": "bold magenta", "void": "magenta", "warn": "yellow",
}  # fmt: skip


def plain(text: str) -> str:
    """Text whose control and direction characters are spelt out, line ends aside."""
    return str(visible(text))


def one_line(text: str) -> str:
    """Text for one line: its line ends are spelt out too, so that none can forge another line."""
    return plain(text).replace("\n", "\\n")


def told(verdict: Verdict) -> list[tuple[str, str]]:
    """The rows of a verdict: each reason, and below those that decide what to do, said once."""
    rows, said = [], {""}
    for reason in verdict.reasons:
        rows.append((f"{reason.verdict:<12}", f"{reason.about}: {reason.text}"))
        step = next_step(reason)
        if reason.verdict is verdict.name and step not in said:
            said.add(step)
            rows.append((" " * 12, f"next: {step}"))
    return rows


class Terminal(Console):
    """Standard output, or with ``err`` standard error, or ``file``."""

    def __init__(self, *, err: bool = False, file: TextIO | None = None) -> None:
        stream = file or (sys.stderr if err else sys.stdout)
        tty = stream is not None and stream.isatty()
        super().__init__(
            file=file,
            stderr=err,
            width=None if tty else LOG_WIDTH,
            markup=False,
            emoji=False,
            highlight=False,
        )
        self.live = tty and not self.is_dumb_terminal

    def say(self, text: str, style: str | None = None) -> None:
        """Print text of one or several lines."""
        self.print(Text(plain(text), style or ""), soft_wrap=True)

    def rows(self, rows: Sequence[Sequence[str]], gap: int = 2) -> None:
        """Print rows of cells as aligned columns; a narrow terminal wraps within them."""
        grid = Table.grid(padding=(0, gap, 0, 0))
        for _ in rows[0]:
            grid.add_column(overflow="fold")
        for row in rows:
            grid.add_row(*(Text(one_line(cell), STYLES.get(cell.strip(), "")) for cell in row))
        with self.capture() as held:
            self.print(grid, crop=False)
        for line in held.get().splitlines():
            self.out(line.rstrip(), highlight=False)

    def on_broken_pipe(self) -> None:
        """Go on in silence: whoever read the output is gone, and the exit code still says it."""
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, self.file.fileno())
        os.close(devnull)


class Steps:
    """The progress of long work, as :class:`harness.gate.progress.Progress` is told it.

    A line when a part ends and, in a log, now and then before; on a terminal a bar in between.
    Without a note the pace is counted here. Everything is written within ``around()``; ``clock``
    gives seconds. No thread draws, since the processes that judge are forked from this one."""

    def __init__(
        self,
        out: Terminal,
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out, self._around, self._clock = out, around, clock
        self._part, self._first, self._began, self._shown = "", 0, 0.0, 0.0
        self._bar: Live | None = None

    def __call__(self, label: str, done: int, total: int, note: str = "") -> None:
        """Show one step, or a sentence."""
        if not total:
            self.close()
            with self._around():
                self._out.say(label)
            return
        now = self._clock()
        if label != self._part:
            self.close()
            self._part, self._first, self._began = label, done, now
            self._shown = -math.inf if self._out.live else now
        if done < total and now - self._shown < (FRAME if self._out.live else EVERY):
            return
        self._shown = now
        note = note or self._pace(now - self._began, done, total)
        if done < total and self._out.live:
            self._draw(label, done, total, note)
            return
        ended = done == total
        if ended:
            self.close()
        with self._around():
            self._out.say(f"{label} {done}/{total}" + (f"  {note}" if note else ""))

    def close(self) -> None:
        """Wipe the bar of a part that did not come to its end."""
        self._part = ""
        if self._bar is not None:
            with self._around():
                self._bar.stop()
            self._bar = None

    def _pace(self, passed: float, done: int, total: int) -> str:
        made = done - self._first
        if passed < 1 or made <= 0:  # nothing to wait for
            return ""
        rate = f"{made / passed:.{1 if made >= passed else 2}f}/s"
        return ", ".join(filter(None, (rate, left(passed, made, total - self._first))))

    def _draw(self, label: str, done: int, total: int, note: str) -> None:
        row = Table.grid(padding=(0, 1), expand=True)
        row.add_column(no_wrap=True)
        row.add_column(ratio=1)
        row.add_column(no_wrap=True)
        row.add_row(Text(one_line(label)), ProgressBar(total, done), Text(f"{done}/{total}"))
        with self._around():
            if self._bar is None:
                self._bar = Live(
                    console=self._out,
                    auto_refresh=False,
                    transient=True,
                    redirect_stdout=False,
                    redirect_stderr=False,
                )
                self._bar.start()
            self._bar.update(Group(row, Text(one_line(note), "dim")), refresh=True)


@contextmanager
def steps(quiet: bool = False) -> Iterator[Progress]:
    """The progress of a command on standard error; none when ``quiet``."""
    shown = None if quiet else Steps(Terminal(err=True))
    try:
        yield shown or silent
    finally:
        if shown is not None:
            shown.close()
