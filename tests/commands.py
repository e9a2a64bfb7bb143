"""Every command of the command line, by the words that a user types."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from harness.doors.cli.main import main

WIDTH = 80  # columns of the narrowest terminal that help is written for


def commands(
    group: click.Command = main, typed: str = "harness"
) -> Iterator[tuple[str, click.Command]]:
    """``("harness gate", ...)`` and so on, groups included, in the order of the help."""
    yield typed, group
    if isinstance(group, click.Group):
        for name in group.list_commands(click.Context(group)):
            yield from commands(group.commands[name], f"{typed} {name}")


def help_of(typed: str, command: click.Command, width: int = WIDTH) -> str:
    """What ``--help`` prints."""
    settings = {"help_option_names": ["-h", "--help"]}
    context = click.Context(command, info_name=typed, terminal_width=width, **settings)
    return command.get_help(context)


def wide(printed: str, columns: int = WIDTH) -> list[str]:
    """The lines that are wider than the terminal, but for a command to be copied, and for a word
    without a space, as a path is: beside that the line has its columns."""
    found = []
    for line in printed.splitlines():
        longest = max(re.findall(r"`[^`]*`\S*|\S+", line), key=len, default="")
        copied = re.match(r"(next: |  )(git add|cd|harness) ", line)
        broken = len(line) - len(longest) + 1 <= columns and len(longest) > columns // 2
        if len(line) > columns and not copied and not broken:
            found.append(line)
    return found


COMMANDS = dict(commands())
LEAVES = {typed: one for typed, one in COMMANDS.items() if not isinstance(one, click.Group)}
