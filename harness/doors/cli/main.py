"""``harness``: the command line. Heavy libraries are imported by the command that needs them, so
that --help is instant.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

import click

from harness import __version__
from harness.doors.cli.audit import audit_command
from harness.doors.console import progress
from harness.errors import HarnessError, boundary
from harness.pages.tables import columns, number

USAGE = 4  # 0 to 3 are verdicts, so a command that could not run says 4


class Group(click.Group):
    """Prints a :class:`HarnessError` in one message and keeps exit codes 0 to 3 for verdicts."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command; see :class:`Group`."""
        try:
            with boundary():
                value = super().main(*args, **{**kwargs, "standalone_mode": False})
        except click.ClickException as error:
            error.show()
            sys.exit(USAGE)
        except click.Abort:
            click.echo("interrupted", err=True)
            sys.exit(130)
        except HarnessError as error:
            click.echo(f"harness: {error}", err=True)
            sys.exit(USAGE)
        except SystemExit:  # click's, with 1, where the reader of the output has gone
            sys.exit(USAGE)
        except Exception:  # not the verdict that exit code 1 is
            traceback.print_exc()
            sys.exit(USAGE)
        sys.exit(value if isinstance(value, int) else 0)


library_option = click.option(
    "--library", metavar="FILE", help="library.yaml or its folder (default: the nearest upwards)."
)
train_data_option = click.option(
    "--train-data",
    metavar="FILE|DIR",
    type=click.Path(exists=True),
    help="What the adapter was trained on (JSONL).",
)
sandbox_option = click.option(
    "--sandbox",
    type=click.Choice(["auto", "docker", "bubblewrap", "landlock", "seatbelt"]),
    default="auto",
    show_default=True,
    help="Where untrusted code runs; auto takes the strongest that works here.",
)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """A release gate for model adapters.

    Exit codes of `gate`: 0 SHIP, 1 NO-SHIP, 2 INCONCLUSIVE, 3 VOID. 4: a command could not run.
    """


@main.command("gate")
@click.option("--adapter", required=True, metavar="NAME", help="Adapter of library.yaml to gate.")
@click.option("--base", metavar="NAME|DIR", help="Base to gate on instead of the adapter's own.")
@library_option
@sandbox_option
@train_data_option
@click.option(
    "--run-dir",
    metavar="DIR",
    help="Folder of the run; an interrupted run of the same gate is resumed.",
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    help="Measure a seeded sample of N prompts per suite.",
)
@click.option(
    "--register",
    is_flag=True,
    help="Write the registration of the gate ahead of it, and ask nothing.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but the verdict.")
def gate_command(quiet: bool, register: bool, **chosen: Any) -> int:
    """Gate one adapter, as `pytest suites/ --adapter NAME` does, with the verdict as exit code."""
    from harness.gate.session import Options, gate_adapter, register_adapter

    if register:
        click.echo(register_adapter(Options(**chosen), None if quiet else progress()))
        return 0
    verdict, folder = gate_adapter(Options(**chosen), None if quiet else progress())
    click.secho(verdict.name, bold=True, fg="green" if verdict.name.exit_code == 0 else "red")
    for reason in [] if quiet else verdict.reasons:
        click.echo(f"{reason.verdict:<12} {reason.about}: {reason.text}")
    if not quiet:
        click.echo(f"scorecard: {folder / 'scorecard.html'}")
    return verdict.name.exit_code


@main.command("preflight")
@click.argument("adapter", metavar="NAME")
@click.option("--base", metavar="NAME|DIR", help="Base to check on instead of the adapter's own.")
@library_option
@train_data_option
@click.option(
    "--verify",
    is_flag=True,
    help="Read every byte of the base again, whatever its files' times say.",
)
@click.option(
    "--server", metavar="URL", help="Ask this running server too whether it serves the adapter."
)
@click.option("--server-model", metavar="NAME", help="The field `model` of requests to --server.")
def preflight_command(
    verify: bool, server: str | None, server_model: str | None, **chosen: Any
) -> int:
    """Check the adapter NAME before anything is scored: identity, tensors, effect, recipe, corpus,
    contamination.

    Exit codes: 0 it may be scored, 1 a rule of its training forbids to ship it, 3 scoring it would
    say nothing.
    """
    from harness.gate.session import GateSession, Options

    with GateSession(Options(**chosen)) as session:
        found = session.check(verify)
        if server is not None:
            session.check_served(server, server_model)
        rows = [("base", found.base_digest), ("adapter", found.adapter_digest)]
        rows.append(("trained on", found.trained_on_base or "not recorded"))
        rows.append(("tensors", f"{found.tensors} of {found.tensors_expected}"))
        rows.append(("update", number(found.update, "of the largest changed weight")))
        rows.append(("effect", number(found.effect, "nats per token, KL(base || adapter)")))
        rows.append(
            (
                "training data",
                found.training["data_digest"] or "not named, so not checked (--train-data)",
            )
        )
        rows.append(("not checked", ", ".join(found.training["not_checked"]) or "nothing"))
    click.echo(columns(rows))
    for fault in [*found.faults, *found.notices]:
        click.echo(f"{fault.severity:<6} {fault.code}: {fault.text}")
    severities = {fault.severity for fault in found.faults}
    return 3 if "void" in severities else 1 if "block" in severities else 0


@main.command("library")
@library_option
def library_command(library: str | None) -> None:
    """Print the adapters of library.yaml with their status, facets and suites."""
    from harness.content import library as libraries
    from harness.content import workspace

    found = workspace.find(library)
    listed = libraries.load(found)
    rows = [("adapter", "status", "base", "facets", "owes")]
    for name, a in listed.adapters.items():
        rows.append((name, a.status, a.base, ", ".join(a.facets), ", ".join(a.suites)))
    click.echo(f"{found.library}")
    click.echo(columns(rows))


main.add_command(library_option(sandbox_option(audit_command)))


@main.command("report")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="Default: RUN/scorecard-rechecked.html."
)
@library_option
def report_command(run: Path, out: Path | None, library: str | None) -> int:
    """Recheck RUN and write a page of it; exit code 1: something differs, and the page says so."""
    from harness.content import workspace
    from harness.gate.recheck import report

    page, found = report(run, workspace.find(library).folder("reports"), out)
    click.echo(f"{page}\n{run}: {found.sentence}")
    return 1 if found.differences else 0


@main.command("recheck")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--adapter",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder to release: must be what was judged.",
)
def recheck_command(run: Path, adapter: Path | None) -> int:
    """Recompute every number and the verdict of RUN from its receipts; no model and no workspace is
    needed.

    Exit codes: 0 everything is as the receipts say (whatever the verdict), 1 something differs.
    """
    from harness.gate.recheck import recheck

    found = recheck(run, adapter)
    click.echo("\n".join([*found.differences, f"{run}: {found.sentence}"]))
    return 1 if found.differences else 0


@main.command("humaneval")
@click.argument("samples", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@sandbox_option
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Judges at once (default: one a core).",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: SAMPLES_results.jsonl."
)
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def humaneval_command(
    samples: Path, sandbox: str, workers: int | None, out: Path | None, quiet: bool
) -> int:
    """Judge HumanEval SAMPLES (lines of task_id and completion or solution) and print pass@k.

    A run that was stopped goes on where it stopped. Exit codes: 0 every sample was judged, 2 some
    are unverified.
    """
    from harness.datasets.samples import score

    found = score(samples, sandbox=sandbox, workers=workers, results_file=out, progress=not quiet)
    click.echo("\n".join(found.lines()))
    return 2 if found.outcomes.get("unverified") else 0


@main.group("sandbox")
def sandbox_group() -> None:
    """The places where untrusted code runs on this machine."""


@sandbox_group.command("check")
def sandbox_check_command() -> int:
    """Try to break out of every sandbox and over its limits; exit code 1 when none holds."""
    from harness.sandbox import NAMES
    from harness.sandbox.selfcheck import full_check, table

    checks = [full_check(name) for name in NAMES[1:]]
    click.echo(columns(table(checks)))
    for check in checks:
        click.echo(
            f"{check.backend}:"
            f" {check.description if check.available else f'not available: {check.why_not}'}"
        )
    chosen = next((check.backend for check in checks if check.available), None)
    click.echo(
        f"auto takes {chosen}"
        if chosen
        else "auto takes none: answers of a model are not run on this machine"
    )
    return 0 if chosen else 1


@sandbox_group.command("build")
@click.option(
    "--base",
    metavar="IMAGE",
    help="Local image with a python3 of 3.11 or newer (default: FROM scratch).",
)
def sandbox_build_command(base: str | None) -> None:
    """Build the image of the docker sandbox, from this machine's own interpreter or from --base;
    nothing is pulled.
    """
    from harness.sandbox.backends.docker import build_image

    click.echo(build_image(base))


@main.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
def init_command(folder: Path) -> None:
    """Copy the shipped workspace (library, suites, verifiers, audits, pocket factory) into
    FOLDER.
    """
    from harness.content import workspace

    names = workspace.initialise(folder)
    click.echo(
        f"{folder}: {', '.join(names)}\nnext: cd {folder} && pytest suites/ --adapter gamedev"
    )
