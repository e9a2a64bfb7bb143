"""``harness sandbox``: what guards this machine from what a model wrote."""

from __future__ import annotations

from dataclasses import asdict

import click

from harness.doors.cli.common import Command, library_option, tell, told


@click.group()
def sandbox() -> None:
    """The places where untrusted code runs on this machine."""


sandbox.command_class = Command


@sandbox.command("check", codes={0: "A sandbox holds.", 1: "None holds."})
def check(as_json: bool) -> int:
    """Try to break out of every sandbox and over its limits."""
    from harness.doors.console import Terminal
    from harness.sandbox import NAMES
    from harness.sandbox.selfcheck import full_check, table

    checks = [full_check(name) for name in NAMES[1:]]
    chosen = next((one.backend for one in checks if one.available), None)
    if as_json:
        tell({"auto": chosen, "checks": [asdict(one) for one in checks]})
        return 0 if chosen else 1
    out = Terminal()
    out.rows(table(checks))
    for one in checks:
        said = one.description if one.available else f"not available: {one.why_not}"
        out.say(f"{one.backend}: {said}")
    out.say(f"auto takes {chosen or 'none: answers of a model are not run on this machine'}")
    return 0 if chosen else 1


@sandbox.command("build", codes={0: "The image is there."})
@click.option(
    "--base",
    metavar="IMAGE",
    help="Local image with a python3 of 3.11 or newer (default: FROM scratch).",
)
@click.option(
    "--with",
    "families",
    metavar="FAMILY",
    multiple=True,
    help="A second image with the programs that the suites of FAMILY need, for a machine that lacks"
    " one: a folder of suites/, for example gamedev. Repeatable.",
)
@library_option
def build(base: str | None, families: tuple[str, ...], library: str | None, as_json: bool) -> None:
    """Build the image of the docker sandbox; nothing is pulled.

    From this machine's own interpreter, or from a local image named with --base. The programs of
    --with come from Debian's archive, by the apt of this machine."""
    from harness.sandbox.image import build_image

    wanted: list[str] = []
    if families:
        from harness.gate.newcomers.facets import programs_of

        wanted = programs_of(library, families)
    images = [build_image(base), *([build_image(programs=wanted)] if wanted else [])]
    told(as_json, "\n".join(images), image=images[0], programs=wanted, images=images)
