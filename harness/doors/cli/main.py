"""``harness``: the command line. Heavy libraries are imported by the command that needs them, so
that --help is instant."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from io import TextIOWrapper
from itertools import takewhile
from tempfile import NamedTemporaryFile
from typing import Any, NoReturn

import click

from harness import __version__
from harness.doors.cli import (
    audit,
    compare,
    exchange,
    gate,
    judge,
    label,
    library,
    release,
    sandbox,
)
from harness.doors.cli.common import COULD_NOT_RUN, INTERRUPTED, Command, tell
from harness.errors import HarnessError, boundary


class Main(click.Group):
    """Ends every command: what is meant for a person is one message, and exit codes 0 to 3 stay
    those of verdicts."""

    command_class = Command

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command and exit; see :class:`Main`."""
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # a locale that lacks a character
        given = args[0] if args else kwargs.get("args")
        as_json = _asks_json(sys.argv[1:] if given is None else given)
        try:
            with boundary():
                value = super().main(*args, **{**kwargs, "standalone_mode": False})
        except click.ClickException as error:
            if as_json:
                _end(error.format_message())
            error.show()
            sys.exit(COULD_NOT_RUN)
        except click.Abort:
            if as_json:
                _end("interrupted", INTERRUPTED)
            click.echo("interrupted", err=True)
            sys.exit(INTERRUPTED)
        except HarnessError as error:
            from harness.doors.console import Terminal

            if as_json:
                _end(str(error))
            Terminal(err=True).say(f"harness: {error}")
            sys.exit(COULD_NOT_RUN)
        except Exception as error:
            if as_json:
                _end(_crashed(error))
            click.echo(_crashed(error), err=True)
            sys.exit(COULD_NOT_RUN)  # and not Python's own exit code 1, which is NO-SHIP
        sys.exit(value if isinstance(value, int) else 0)


def _asks_json(typed: Sequence[str]) -> bool:
    """Whether a command line asks for JSON; what stands behind ``--`` is another's."""
    return "--json" in takewhile("--".__ne__, typed)


def _end(error: str, code: int = COULD_NOT_RUN) -> NoReturn:
    """End with an error for a program."""
    tell({"error": error, "exit_code": code})
    sys.exit(code)


def _crashed(error: Exception) -> str:
    """One sentence about a fault of the harness; the traceback goes into a file that it names."""
    told = traceback.format_exc()
    said = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    try:
        with NamedTemporaryFile("w", prefix="harness-", suffix=".traceback", delete=False) as file:
            file.write(told)
    except OSError:
        return f"{told}harness: crashed: {said}"
    return f"harness: crashed: {said}; a fault of the harness, please report {file.name}"


@click.group(
    cls=Main,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="The help of each command names its exit codes.",
)
@click.version_option(__version__)
def main() -> None:
    """A release gate for model adapters."""


for command in (
    gate.gate,
    gate.preflight,
    release.recheck,
    release.report,
    release.release_check,
    release.ship,
    release.sign,
    compare.compare,
    audit.audit,
    judge.judge,
    judge.rejudge,
    label.label,
    exchange.import_,
    exchange.export,
    library.facts,
    library.library,
    library.init,
    library.doctor,
    library.cache,
    library.selfscore,
    judge.humaneval,
    sandbox.sandbox,
):
    main.add_command(command)
