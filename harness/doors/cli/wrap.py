"""``--wrap`` and what is said with it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

ADAPTERS = ["plain", "inspect", "trl", "trl-chat", "verl", "lm-eval", "promptfoo"]
OPTIONS = (
    click.option(
        "--wrap",
        metavar="MODULE:NAME|FILE:NAME",
        help="Audit a scorer as it is, with the fixtures in wrapped.NAME.",
    ),
    click.option(
        "--as",
        "adapter",
        type=click.Choice(ADAPTERS),
        help="The family of the scorer, where it does not show.",
    ),
    click.option(
        "--argument",
        "arguments",
        metavar="NAME=SOURCE",
        multiple=True,
        help="What a parameter of the scorer gets: answer, prompt, gold, case, expect.KEY, or one"
        " of them in [ ]. Repeatable.",
    ),
    click.option(
        "--threshold", type=float, metavar="X", help="The least score of the scorer that passes."
    ),
    click.option("--key", metavar="KEY", help="The field of the scorer's result that counts."),
    click.option(
        "--kind",
        type=click.Choice(["program", "executed", "llm"]),
        help="Whether the scorer reads, runs what it reads, or asks a model.",
    ),
    click.option(
        "--package",
        "packages",
        metavar="NAME",
        multiple=True,
        help="A distribution that the scorer needs. Repeatable.",
    ),
    click.option(
        "--executable",
        "executables",
        metavar="NAME",
        multiple=True,
        help="A program that the scorer needs. Repeatable.",
    ),
)

#: what is said of a scorer, by the names of the fields of ``Wrap``
SAID = ("adapter", "arguments", "threshold", "key", "kind", "packages", "executables")


def wrap_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of ``--wrap``, and hand it them as one value, ``wrap``."""

    @functools.wraps(command)
    def packed(wrap: str | None, **chosen: Any) -> int:
        said = {name: chosen.pop(name) for name in SAID}
        if wrap is None:
            if any(one not in (None, ()) for one in said.values()):
                raise click.UsageError("this option says something of a scorer; add --wrap")
            return command(wrap=None, **chosen)
        from harness.audit.foreign.wrapping import Wrap

        pairs = [one.partition("=") for one in said["arguments"]]
        said["arguments"] = {name: source for name, _, source in pairs}
        return command(wrap=Wrap(wrap, **said), **chosen)

    for option in reversed(OPTIONS):
        packed = option(packed)
    return packed
