"""``pytest audits/``: one item for each verifier, which passes when its certificate is VALID."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError, VerifierError, boundary


class Refused(Exception):
    """The certificate is not VALID; the message says why, and what to write next."""


class AuditItem(pytest.Item):
    """One verifier."""

    def runtest(self) -> None:
        """Audit all collected verifiers of the workspace with the first item; fail unless this one
        is VALID."""
        from harness.pages.audit import details

        with boundary():
            held = _certificates(self.session, self.path.parent.parent)
        if self.name not in held:
            raise VerifierError(
                f"no verifier {self.name!r}, though {self.path.parent} holds its fixtures"
            )
        certificate = held[self.name]
        self.user_properties.append(("certificate", certificate.digest))
        if certificate.state != "VALID":
            raise Refused("\n".join(details(certificate)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What the audit found; a traceback only for a fault of the harness."""
        from harness.doors.console import plain

        return (
            plain(str(excinfo.value))
            if isinstance(excinfo.value, (Refused, HarnessError))
            else super().repr_failure(excinfo, style)
        )

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """How the item is named in reports."""
        return self.path, None, self.name


class AuditFile(pytest.File):
    """The first fixture file of a verifier stands for its folder."""

    def collect(self) -> Iterator[AuditItem]:
        """One item, named like the folder."""
        yield AuditItem.from_parent(self, name=self.path.parent.name)


def collect(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A collector for ``audits/<verifier>/<first>.yaml`` of a workspace, when the command line
    names ``audits``."""
    audits = path.parent.parent
    if path.parent.name.startswith("_") or not (audits.parent / "library.yaml").is_file():
        return None
    asked = [Path(str(arg).partition("::")[0]).resolve() for arg in parent.config.args]
    if not any(audits == one or audits in one.parents for one in asked):
        return None
    return (
        AuditFile.from_parent(parent, path=path)
        if path == min(path.parent.glob("*.yaml"))
        else None
    )


def _certificates(session: pytest.Session, audits: Path) -> dict[str, Any]:
    """The certificates of every collected verifier of one workspace, made once a session."""
    from harness.audit.workspace import audit_workspace
    from harness.judging import discovery

    kept: dict[Path, dict[str, Any]] = session.config.stash.setdefault(_HELD, {})
    if audits not in kept:
        there = discovery.discover(audits.parent / "verifiers").verifiers
        items = [
            item
            for item in session.items
            if isinstance(item, AuditItem) and item.path.parent.parent == audits
        ]
        names = [item.name for item in items if item.name in there]
        found = (
            audit_workspace(str(audits.parent), names, session.config.getoption("gate_sandbox"))
            if names
            else None
        )
        kept[audits] = {c.verifier: c for c in found.certificates} if found else {}
    return kept[audits]


_HELD = pytest.StashKey[dict[Path, dict[str, Any]]]()
