"""Audit the verifiers of a workspace, outside of any gate."""

from __future__ import annotations

from harness import discovery, workspace
from harness.audit.auditor import Progress, certify
from harness.audit.certificate import Certificate
from harness.audit.witness import Witness
from harness.errors import VerifierError
from harness.strict import nearest
from harness.verifier import Verifier


def audit_workspace(
    library: str | None, names: list[str], sandbox: str = "auto", progress: Progress | None = None
) -> dict[str, Certificate]:
    """Certificates of the verifiers called ``names``, or of all; raises :class:`VerifierError` for one that is not there."""
    place = workspace.find(library)
    found = discovery.discover(place.folder("verifiers"))
    chosen = [_named(found, name) for name in names] or list(found.verifiers.values())
    if found.broken and not names:
        raise VerifierError("\n".join(found.broken))
    folder = place.folder("verifiers")
    opened = resolve_sandbox(chosen, sandbox)[0]
    witness = Witness(folder, discovery.digest(folder), opened)
    return certify(chosen, place.folder("audits"), witness, opened, progress)


def resolve_sandbox(verifiers: list[Verifier], name: str) -> tuple[str | None, str]:
    """``(name, description)`` of the sandbox the judges shall open, probed here; ``(None, ...)`` when none is needed.

    Raises :class:`harness.errors.SandboxError` when none works: code is never run unguarded.
    """
    if not any(verifier.sandbox for verifier in verifiers):
        return None, "none needed"
    from harness.sandbox import open_sandbox

    with open_sandbox(name) as opened:
        return opened.name, opened.description


def _named(found: discovery.Found, name: str) -> Verifier:
    if name not in found.verifiers:
        broken = "".join(f"\n{line}" for line in found.broken)
        raise VerifierError(f"no verifier {name!r}{nearest(name, list(found.verifiers))}{broken}")
    return found.verifiers[name]
