"""What commands share: documented exit codes, and options that mean the same everywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from harness.doors.options import OPTIONS, SANDBOXES

if TYPE_CHECKING:
    from harness.gate.finished.recheck import Rechecked

FC = TypeVar("FC", bound=Callable[..., Any] | click.Command)

COULD_NOT_RUN, INTERRUPTED = 4, 130

#: of every command; 0 to 3 are verdicts, states and findings
COMMON = {
    COULD_NOT_RUN: "Could not run, or crashed: a wrong option or file, a missing tool.",
    INTERRUPTED: "Interrupted.",
}


class Command(click.Command):
    """A command whose exit codes are part of its help; what it returns is its exit code. Each can
    say what it says as JSON, which it is told by ``as_json``."""

    def __init__(self, *args: Any, codes: dict[int, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.codes = codes or {0: "Done."}
        self.params.append(
            click.Option(["--json", "as_json"], is_flag=True, help="Print JSON and nothing else.")
        )

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002  (the name is click's)
        """The first sentence of the help, never cut."""
        return super().get_short_help_str(1000)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The exit codes, below the options."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), text) for code, text in (self.codes | COMMON).items()])


def _adapters(ctx: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem]:
    """The adapters of the library, for a shell that completes ``--adapter``."""
    from harness.content import library, workspace
    from harness.errors import HarnessError

    try:
        listed = library.load(workspace.find(ctx.params.get("library")))
    except HarnessError:
        return []
    return [CompletionItem(name) for name in listed.adapters if name.startswith(typed)]


def user() -> str:
    """The name of who runs this."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


def option(name: str, more: str = "", **settings: Any) -> Callable[[FC], FC]:
    """An option of a gate as click takes it; ``more`` is what this command has to say of it."""
    metavar, text = OPTIONS[name]
    return click.option(f"--{name}", metavar=metavar, help=text + more, **settings)


html_option = click.option(
    "--html",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write a page of what was found.",
)


verbose_option = click.option(
    "-v", "--verbose", is_flag=True, help="Print every reason with its statistics."
)


def tell(data: Any) -> None:
    """Print plain data as a line of JSON."""
    click.echo(json.dumps(data, default=str))


def told(as_json: bool, text: str, **data: Any) -> None:
    """Print a sentence, or as JSON the data in it."""
    from harness.doors.console import Terminal

    if as_json:
        tell(data)
    else:
        Terminal().say(text)


def say_against(run: Path, against: Sequence[str], sentence: str) -> None:
    """Print what stands against a run, and what it comes to."""
    from harness.doors.console import Terminal

    out = Terminal()
    for text in against:
        out.say(text)
    out.say(f"{run}: {sentence}")


def say_rechecked(run: Path, found: Rechecked, verbose: bool) -> None:
    """Print what a rechecked run comes to: its summary where all agrees, else what differs."""
    from harness.doors.console import STYLES, Terminal
    from harness.pages.brief import Brief
    from harness.pages.view import View

    if not found.differences and found.card is not None and found.decision is not None:
        out, told = Terminal(), Brief(View(found.folder, found.card, found.decision))
        out.say(told.title, STYLES[told.verdict])
        out.summary(told, verbose)
    say_against(run, found.differences, found.sentence)


adapter_option = option("adapter", required=True, shell_complete=_adapters)
adapters_option = option(
    "adapter",
    " Repeat it to gate several: each gets its own run and verdict.",
    multiple=True,
    shell_complete=_adapters,
)
base_option = option("base")
suite_option = option("suite", multiple=True)
library_option = option("library")
sandbox_option = option("sandbox", type=click.Choice(SANDBOXES), default="auto")
train_data_option = option("train-data", type=click.Path(exists=True))
