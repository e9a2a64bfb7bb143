"""The secret of a run: it seeds what a judge draws, since a model's code may know all else.

Its digest stands in the settings before the first answer, so that nobody chooses it afterwards;
the secret itself is kept outside of the run, for a run that is resumed, and becomes
``secret.json`` when the run ends, so that whoever judges the answers again draws the same."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from harness import files
from harness.content.workspace import cache_folder
from harness.errors import RunError
from harness.evidence.folder import RunFolder


def of_run(folder: Path | None) -> bytes:
    """The secret of the run in ``folder``, or a new one. Raises :class:`RunError` for a run whose
    secret is not here."""
    run = RunFolder(folder) if folder else None
    if run is None or not run.has("settings.json"):
        return os.urandom(32)
    committed = run.settings.secret
    if run.has("secret.json"):
        found = bytes.fromhex(run.secret.secret)
    else:
        found = files.read_bytes(_kept(committed), _lost)
    if commitment(found) != committed:
        raise _lost(f"{run / 'settings.json'}: key 'secret': found {committed}, of another secret")
    return found


def commitment(secret: bytes) -> str:
    """``sha256:...`` of a secret."""
    return f"sha256:{hashlib.sha256(secret).hexdigest()}"


def keep(secret: bytes) -> None:
    """Keep a secret outside of the run, for this user alone, until it is revealed."""
    path = _kept(commitment(secret))
    if not path.exists():
        files.make_folder(path.parent).chmod(0o700)
        files.replace(path, secret)


def forget(secret: bytes) -> None:
    """Remove what :func:`keep` kept."""
    _kept(commitment(secret)).unlink(missing_ok=True)


def _kept(committed: str) -> Path:
    return cache_folder() / "secrets" / committed.removeprefix("sha256:")


def _lost(text: str) -> RunError:
    return RunError(
        f"{text}; a run is resumed where it was begun, with its secret: gate into a new folder"
    )
