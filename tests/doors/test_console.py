"""The terminal: whole lines in a log, a bar on a terminal, and nothing that a text does itself."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys

import pytest
import yaml
from click.testing import CliRunner
from conftest import POCKET

from harness.doors.cli.main import main
from harness.doors.console import EVERY, FRAME, Steps, Terminal

HOSTILE = (
    "[bold]x[/bold] [link=http://evil]y[/link] :smile: \x1b[31mred\x1b[2K\rgone\u202egpj\udc80"
)
LITERAL = (
    "[bold]x[/bold] [link=http://evil]y[/link] :smile: "
    "\\u001b[31mred\\u001b[2K\\u000dgone\\u202egpj\\udc80"
)


class Clock:
    """Seconds that a test moves on."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Tty(io.StringIO):
    """A terminal that keeps what was written."""

    def isatty(self):
        return True


@pytest.fixture
def tty(monkeypatch):
    """A terminal of 80 columns with colours."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    return Tty()


def seen(text):
    """What a reader sees of a terminal's text: without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_a_log_has_a_line_for_each_part_and_one_now_and_then():
    clock, log = Clock(), io.StringIO()
    steps = Steps(Terminal(file=log), clock=clock)
    for done in range(101):
        steps("audit", done, 100)
        clock.now += EVERY / 40
    steps("humaneval base", 164, 164, "445 tok/s")
    assert log.getvalue().splitlines() == [
        "audit 40/100  1.3/s, 0:45 left",
        "audit 80/100  1.3/s, 0:15 left",
        "audit 100/100  1.3/s",
        "humaneval base 164/164  445 tok/s",
    ]


def test_a_resumed_part_is_paced_by_what_this_run_did():
    clock, log = Clock(), io.StringIO()
    steps = Steps(Terminal(file=log), clock=clock)
    steps("judged", 800, 1000)
    clock.now += EVERY
    steps("judged", 860, 1000)
    assert log.getvalue() == "judged 860/1000  2.0/s, 1:10 left\n"


def test_a_terminal_has_a_bar_that_is_wiped_and_the_same_line_at_the_end(tty):
    clock = Clock()
    steps = Steps(Terminal(file=tty), clock=clock)
    steps("audit", 0, 4)
    clock.now += FRAME / 2
    steps("audit", 1, 4)  # too soon for another picture
    clock.now += FRAME
    steps("audit", 2, 4, "[bold]half[/bold] " + "of a long note " * 6)
    drawn = seen(tty.getvalue())
    assert ("audit ━" in drawn, "1/4" in drawn, " 2/4" in drawn) == (True, False, True)
    assert "[bold]half[/bold]" in drawn
    assert drawn.count("note") == 6  # of a narrow terminal too, nothing is cut
    steps("audit", 4, 4, "done")
    assert tty.getvalue().endswith("\x1b[2Kaudit 4/4  done\n")
    assert tty.getvalue().count("\x1b[?25l") == tty.getvalue().count("\x1b[?25h") == 1


def test_a_bar_is_wiped_when_its_part_is_left(tty):
    steps = Steps(Terminal(file=tty))
    steps("audit", 1, 4)
    assert "1/4" in tty.getvalue()
    steps.close()
    assert tty.getvalue().endswith("\x1b[1A\x1b[2K")
    assert "\x1b[?25h" in tty.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_text_is_printed_as_it_is(tty, terminal):
    out = Terminal(file=tty if terminal else io.StringIO())
    out.say(HOSTILE, "red")
    out.rows([("VOID", HOSTILE), ("[red]VOID[/red]", "clean")])
    Steps(out)(HOSTILE, 1, 1, HOSTILE)
    text = seen(out.file.getvalue())
    whole = re.sub(r"\s+", "", text)
    assert whole.count(re.sub(r"\s+", "", LITERAL)) == 4
    assert "[red]VOID[/red]" in whole
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)


def test_a_line_end_in_a_cell_forges_no_other_line():
    out = Terminal(file=io.StringIO())
    out.rows([("VOID", "all is zero\nSHIP  humaneval: held")])
    assert out.file.getvalue().splitlines() == [r"VOID  all is zero\nSHIP  humaneval: held"]


def test_colour_is_for_terminals_and_for_those_who_want_it(tty, monkeypatch):
    def printed():
        stream = type(tty)()
        Terminal(file=stream).rows([("SHIP", "held")])
        return stream.getvalue()

    assert "\x1b[1;32mSHIP" in printed()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", printed())
    monkeypatch.delenv("NO_COLOR")
    log = io.StringIO()
    Terminal(file=log).rows([("SHIP", "held")])
    assert log.getvalue() == "SHIP  held\n"


def test_a_log_gets_no_bar_even_when_colours_are_forced(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    log = io.StringIO()
    steps = Steps(Terminal(file=log))
    steps("audit", 1, 4)
    steps("audit", 4, 4)
    assert seen(log.getvalue()).splitlines() == [log.getvalue().strip()]


def library(folder, name, facets):
    adapter = {"path": str(POCKET / "adapters/dead"), "base": "pocket", "status": "candidate",
               "facets": facets, "suites": ["humaneval"]}  # fmt: skip
    listed = {"bases": {"pocket": {"path": str(POCKET / "base")}}, "adapters": {name: adapter}}
    (folder / "library.yaml").write_text(yaml.safe_dump(listed))
    return folder


def test_a_pipe_gets_whole_words_in_its_columns(tmp_path):
    facets = [f"facet-number-{n}" for n in range(60)]
    found = CliRunner().invoke(
        main, ["library", "--library", str(library(tmp_path, "one", facets))], env={"COLUMNS": "80"}
    )
    path, *table = found.output.splitlines()
    assert path == str(tmp_path / "library.yaml")
    assert max(map(len, table)) <= 80
    assert re.findall(r"facet-number-\d+", found.output) == facets
    assert "…" not in found.output


@pytest.mark.parametrize("columns", [80, 120])
def test_a_sentence_is_broken_between_words_and_a_command_is_not(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    out, command = Terminal(file=io.StringIO()), "`harness report runs/one --to md`"
    sentence = f"{'some words ' * 6}{command} {'more words ' * 40}"
    path = f"/{'folder/' * 30}scorecard.html"
    out.say(f"  {sentence}\n{path}")
    out.say(sentence, whole=True)
    *lines, shown, whole = out.file.getvalue().splitlines()
    assert (shown, whole) == (path, sentence)
    assert max(map(len, lines)) <= columns
    assert " ".join(" ".join(lines).split()) == sentence.strip()
    assert sum(command in line for line in lines) == 1
    assert [line[:4].isspace() for line in lines[:2]] == [False, True]


def test_a_hostile_adapter_name_does_nothing(tmp_path):
    name = HOSTILE.replace("\udc80", "")
    found = CliRunner().invoke(main, ["library", "--library", str(library(tmp_path, name, ["f"]))])
    assert LITERAL.split("\\udc80")[0] in found.output
    found = CliRunner().invoke(
        main, ["preflight", "--adapter", name + "?", "--library", str(tmp_path)]
    )
    assert found.exit_code == 4
    assert "\x1b" not in found.output


def test_a_terminal_narrower_than_a_table_loses_nothing(tmp_path):
    """In a real terminal of 40 columns."""
    library(tmp_path, "one", [f"facet-number-{n}" for n in range(9)])
    own, other = pty.openpty()
    command = [sys.executable, "-m", "harness", "library", "--library", str(tmp_path)]
    environment = {**os.environ, "COLUMNS": "40", "TERM": "xterm-256color"}
    process = subprocess.Popen(command, stdout=other, stderr=other, stdin=other, env=environment)
    os.close(other)
    text = b""
    while True:
        try:
            text += os.read(own, 4096)
        except OSError:  # how Linux tells that the other side is closed
            break
    os.close(own)
    assert process.wait() == 0
    table = seen(text.decode()).split("library.yaml", 1)[1]
    assert max(map(len, table.splitlines())) <= 40
    letters = re.sub(r"[^a-z0-9]", "", table)
    assert all(letters.count(digit) for digit in "012345678")
    assert "…" not in table


def test_a_reader_who_leaves_does_not_change_the_exit_code(tmp_path):
    library(tmp_path, "one", ["f"])
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "harness", "library", "--library", str(tmp_path)]
    found = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (found.returncode, found.stderr) == (0, b"")
