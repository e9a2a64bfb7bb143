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
    """One verifier; or, with a ``fault``, what stands there instead of one."""

    def __init__(self, *, fault: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fault = fault

    def runtest(self) -> None:
        """Audit all collected verifiers of the workspace with the first item; fail unless this one
        is VALID."""
        from harness.pages.audit import details

        if self.fault:
            raise VerifierError(self.fault)
        with boundary():
            certificate = _certificates(self.session, self.path.parent)[self.name]
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


class AuditFolder(pytest.Directory):
    """The fixtures of one verifier, which may have none yet."""

    def __init__(self, *, fault: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fault = fault

    def collect(self) -> Iterator[AuditItem]:
        """One item, named like the folder."""
        yield AuditItem.from_parent(self, name=self.path.name, fault=self.fault)


class Audits(pytest.Directory):
    """The folder ``audits/`` of a workspace."""

    def collect(self) -> Iterator[AuditFolder]:
        """A folder for every verifier, for fixtures without one, and for a plug-in that cannot be
        loaded."""
        from harness.judging import discovery

        found = discovery.discover(self.path.parent / "verifiers")
        folders = {
            one.name for one in self.path.iterdir() if one.is_dir() and one.name[0] not in "._"
        }
        lost = "".join(f"\n{line}" for line in found.broken)
        faults = {
            name: f"no verifier {name!r}, though {self.path / name} holds its fixtures{lost}"
            for name in folders - found.verifiers.keys()
        }
        faults |= {f"plug-in-{n}": line for n, line in enumerate(found.broken, 1)}
        for name in sorted({*found.verifiers, *faults}):
            path = self.path / name
            yield AuditFolder.from_parent(self, path=path, fault=faults.get(name, ""))


def collect(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A collector for ``audits/`` of a workspace, when the command line names it or what is in
    it."""
    asked = [Path(str(arg).partition("::")[0]).resolve() for arg in parent.config.args]
    named = any(path == one or path in one.parents for one in asked)
    there = (path.parent / "library.yaml").is_file()
    return Audits.from_parent(parent, path=path) if named and there else None


def _certificates(session: pytest.Session, audits: Path) -> dict[str, Any]:
    """The certificates of every collected verifier of one workspace, made once a session."""
    from harness.audit.workspace import audit_workspace

    kept: dict[Path, dict[str, Any]] = session.config.stash.setdefault(_HELD, {})
    if audits not in kept:
        items = [one for one in session.items if isinstance(one, AuditItem) and not one.fault]
        names = [one.name for one in items if one.path.parent == audits]
        sandbox = session.config.getoption("gate_sandbox")
        found = audit_workspace(str(audits.parent), names, sandbox)
        kept[audits] = {c.verifier: c for c in found.certificates}
    return kept[audits]


_HELD = pytest.StashKey[dict[Path, dict[str, Any]]]()
