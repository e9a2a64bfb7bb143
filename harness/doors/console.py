"""The terminal: lines, tables and the progress of long work.

Text is printed as it is: no markup is read from it, and characters that could act on the terminal
are spelt out. Lines are broken between words where they are wider than the terminal, or than 80
columns of a pipe; a path or a command stays whole. Colours and bars are for a terminal."""

from __future__ import annotations

import math
import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.errors import HarnessError, boundary
from harness.gate.progress import Progress, left, silent
from harness.pages.html import visible
from harness.pages.tables import one_line

if TYPE_CHECKING:
    from harness.pages.brief import Brief

EVERY = 30.0  # seconds between two lines of one part in a log
FRAME = 0.1  # seconds between two pictures of a bar
NARROW = 100  # columns of a terminal below which a table of suites has no flips
QUOTED = re.compile(r"`[^`\n]{1,60}`")  # a command in a sentence

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


def wrapped(text: str, width: int) -> str:
    """Text whose lines are broken between words where they are wider; ``code`` is one word."""
    lines = []
    for line in QUOTED.sub(lambda code: code[0].replace(" ", "\0"), text).split("\n"):
        indent = " " * (len(line) - len(line.lstrip(" ")) + 2)
        lines += textwrap.wrap(
            line,
            width,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
            replace_whitespace=False,
        ) or [""]
    return "\n".join(lines).replace("\0", " ")


class Terminal(Console):
    """Standard output, or with ``err`` standard error, or ``file``."""

    def __init__(self, *, err: bool = False, file: TextIO | None = None) -> None:
        stream = file or (sys.stderr if err else sys.stdout)
        self.tty = stream is not None and stream.isatty()
        super().__init__(
            file=file,
            stderr=err,
            width=None if self.tty else shutil.get_terminal_size().columns,
            markup=False,
            emoji=False,
            highlight=False,
        )
        self.live = self.tty and not self.is_dumb_terminal

    def say(self, text: str, style: str | None = None, *, whole: bool = False) -> None:
        """Print text of one or several lines; ``whole`` ones, as commands and quotations are, as
        they stand."""
        shown = plain(text) if whole else wrapped(plain(text), self.width)
        self.print(Text(shown, style or ""), soft_wrap=True)

    def rows(self, rows: Sequence[Sequence[str]], gap: int = 2) -> None:
        """Print rows of cells as aligned columns, in which long cells are wrapped: on a terminal
        to its width, elsewhere no word is broken."""
        grid = Table.grid(padding=(0, gap, 0, 0))
        for _ in next(iter(rows), ()):
            grid.add_column(overflow="fold")
        for row in rows:
            grid.add_row(*(Text(one_line(cell), STYLES.get(cell.strip(), "")) for cell in row))
        least = 0 if self.tty else self.measure(grid).minimum
        with self.capture() as held:
            self.print(grid, crop=False, width=max(self.width, least))
        for line in held.get().splitlines():
            self.out(line.rstrip(), highlight=False)

    def summary(self, found: Brief, verbose: bool = False) -> None:
        """Print how a run ended: why, each suite, what to do next; ``verbose`` with statistics."""
        if found.lead:
            self.say(found.lead)
        deciding, others = found.reasons(verbose)
        for rows in (deciding, _table(found, self.width), others):
            if rows:
                self.rows(rows)
                self.say("")
        for name, text in found.facts:
            self.say(f"{name}: {text}")
        for step, more in found.steps:
            self.say(f"next: {step}")
            if more:
                self.say(f"  {more}", whole=more.startswith("harness "))

    def on_broken_pipe(self) -> None:
        """Go on in silence: whoever read the output is gone, and the exit code still says it."""
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, self.file.fileno())
        os.close(devnull)


def _table(found: Brief, width: int) -> list[list[str]]:
    """The suites under the names of their columns; without flips where it is narrow."""
    suites = found.suites
    shown = [name for name in suites[0] if width >= NARROW or name not in ("lost", "gained")]
    return [shown, *([suite[name] for name in shown] for suite in suites)]


def step_summary(run: Path) -> None:
    """Add the Markdown of a finished run to the summary of a step of GitHub's, where this is one;
    a summary that cannot be written changes no verdict."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with boundary(), Path(path).open("a", encoding="utf-8") as file:
                file.write((run / "scorecard.md").read_text(encoding="utf-8") + "\n")
        except HarnessError as error:
            Terminal(err=True).say(f"harness: GITHUB_STEP_SUMMARY: {error}")


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
