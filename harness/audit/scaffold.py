"""A first verifier and its first fixtures: small, honest, and PROVISIONAL until its author has
written more."""

from __future__ import annotations

from pathlib import Path

from harness import files
from harness.content import workspace
from harness.errors import WorkspaceError

TEMPLATES = Path(__file__).parent / "templates"


def scaffold(library: str | None, id: str, template: str) -> list[Path]:
    """Write ``verifiers/<facet>.py`` and ``audits/<id>/fixtures.yaml`` from a template;
    overwrites nothing.

    Raises :class:`WorkspaceError` for an id that is none, a file that is there, or a workspace
    without its own folders."""
    facet, _, criterion = id.partition(".")
    if not facet.isidentifier() or not criterion.isidentifier() or id.startswith("_"):
        raise WorkspaceError(f"--new {id!r}: expected FACET.CRITERION, for example godot.signals")
    place = workspace.find(library)
    verifiers, audits = place.root / "verifiers", place.root / "audits"
    if not verifiers.is_dir() or not audits.is_dir() or place.root == workspace.PACKAGED:
        raise WorkspaceError(
            f"{place.root} has no verifiers/ and audits/ of its own; run `harness init DIR` and"
            " work there, or make the two folders"
        )
    module = verifiers / f"{facet}.py"
    if module.exists():
        module = verifiers / f"{facet}_{criterion}.py"
    fixtures = audits / id / "fixtures.yaml"
    for path in (module, fixtures):
        if path.exists():
            raise WorkspaceError(
                f"{path} is already there; name another verifier, or edit that one"
            )
    files.make_folder(fixtures.parent)
    for path, ending in ((fixtures, "yaml"), (module, "py")):
        text = files.read_text(TEMPLATES / f"{template}.{ending}")
        files.replace(path, text.replace("FACET", facet).replace("CRITERION", criterion))
    return [module, fixtures]
