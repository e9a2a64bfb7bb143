"""Certificates kept on this machine, each bound to everything that was at work in its audit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness import digests, files
from harness.audit.bound import binding
from harness.audit.certificate import Certificate, State
from harness.content import fixtures
from harness.content.policy import Proof
from harness.content.workspace import cache_folder
from harness.digests import canonical_digest
from harness.errors import HarnessError
from harness.judging.verifier import Verifier


def look(
    verifier: Verifier, audits: Path, sandbox: str | None, proof: Proof
) -> tuple[Certificate | None, dict[str, Any]]:
    """The certificate kept for a verifier as it is today, and what is known of it. Fixtures whose
    files an audit on this machine has read, byte for byte, are not read again."""
    digest = _digest(verifier.id, audits) or fixtures.read(audits, verifier.id).digest
    known = binding.known(verifier, digest, sandbox) | {"proof": asdict(proof)}
    return stored(verifier, known), known


def _digest(verifier: str, audits: Path) -> str | None:
    """The digest of a verifier's fixtures by the certificate that says what was read of them."""
    for path in sorted(_folder().glob(_name(verifier, "*"))):
        with suppress(HarnessError, LookupError, TypeError, AttributeError):
            data = files.read_json(path)
            same = bool(data["files"]) and fixtures.as_read(audits, verifier, data["files"])
            if same and data["seal"] == seal(data["certificate"], data["files"]):
                return str(data["certificate"]["binding"]["fixtures"])
    return None


def stored(verifier: Verifier, known: dict[str, Any]) -> Certificate | None:
    """The certificate kept for a verifier of which so much is ``known``, if everything that was
    seen in its audit is the same today; an unreadable or expired one counts as none."""
    for path in sorted(_folder().glob(_name(verifier.id, f"{_key(known)}-*"))):
        try:
            data = files.read_json(path)
            found = Certificate.from_json(data["certificate"])
            sealed = data["seal"] == seal(data["certificate"], data["files"])
            now = known | binding.today(found.binding, binding.root_of(verifier))
        except (HarnessError, ValueError, KeyError, TypeError):
            continue
        if sealed and found.binding == now and found.state is not State.EXPIRED:
            return found
    return None


def changed(verifier: Verifier, known: dict[str, Any]) -> str:
    """Why no certificate is kept for what is there today, by the last one that was kept."""
    text = "no certificate for its present bytes"
    kept = _folder().glob(_name(verifier.id, "*"))
    for path in sorted(kept, key=lambda path: -path.stat().st_mtime):
        with suppress(HarnessError, LookupError, TypeError, AttributeError):
            kept_there = files.read_json(path)
            last = kept_there["certificate"]
            if kept_there["seal"] != seal(last, kept_there["files"]):
                return f"{text}; {path} has a seal that no audit on this machine made"
            now = known | binding.today(last["binding"], binding.root_of(verifier))
            differ = binding.differences(last["binding"], now)
            version = last["binding"]["harness"].partition(" ")[0]
            because = f"{', '.join(differ)} changed since" if differ else "it is over:"
            return f"{text}; {because} the one of {last['created']} by harness {version}"
    return text


def store(certificate: Certificate, read: Mapping[str, str] | None = None) -> None:
    """Keep a certificate for later gates on this machine, with the files that were ``read`` for it
    (:attr:`harness.content.fixtures.Known.files`); a refused one is not kept."""
    if certificate.state is not State.REFUSED:
        data = certificate.to_json()
        path = _path(certificate.verifier, certificate.binding)
        named = dict(read or {})
        files.write_json(path, {"certificate": data, "files": named, "seal": seal(data, named)})


def seal(certificate: dict[str, Any], read: Mapping[str, str]) -> str:
    """What an audit on this machine puts on a certificate and the files that were read for it:
    :func:`harness.digests.seal` by the key of the cache folder."""
    return digests.seal(cache_folder(), [certificate, read])


def remember_sandbox(asked: str, opened: str) -> None:
    """Keep which sandbox was opened where ``asked`` (``auto``) was asked for."""
    if last_sandbox(asked) != opened:
        files.write_json(cache_folder() / "sandbox.json", _sandboxes() | {asked: opened})


def last_sandbox(asked: str) -> str | None:
    """The sandbox that was opened the last time, on this machine."""
    return _sandboxes().get(asked)


def _sandboxes() -> dict[str, str]:
    try:
        return dict(files.read_json(cache_folder() / "sandbox.json"))
    except (HarnessError, ValueError, TypeError):
        return {}


def _path(verifier: str, bound: dict[str, Any]) -> Path:
    seen = {part: bound[part] for part in binding.SEEN if part in bound}
    known = {key: value for key, value in bound.items() if key not in seen}
    return _folder() / _name(verifier, f"{_key(known)}-{_key(seen)}")


def _folder() -> Path:
    return cache_folder() / "certificates"


def _key(bound: dict[str, Any]) -> str:
    return canonical_digest(bound).removeprefix("sha256:")[:24]


def _name(verifier: str, key: str) -> str:
    return f"{re.sub(r'[^a-z0-9._-]', '_', verifier.lower())}-{key}.json"
