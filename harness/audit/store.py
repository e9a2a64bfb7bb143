"""Certificates kept on this machine, each bound to everything that was at work in its audit."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness import digests, files
from harness.audit.bound import binding
from harness.audit.certificate import Certificate, State
from harness.content.workspace import cache_folder
from harness.digests import canonical_digest
from harness.errors import HarnessError
from harness.judging.verifier import Verifier


def stored(verifier: Verifier, known: dict[str, Any]) -> Certificate | None:
    """The certificate kept for a verifier of which so much is ``known``, if everything that was
    seen in its audit is the same today; an unreadable or expired one counts as none."""
    for path in sorted(_folder().glob(_name(verifier.id, f"{_key(known)}-*"))):
        try:
            data = files.read_json(path)
            found = Certificate.from_json(data["certificate"])
            sealed = data["seal"] == seal(data["certificate"])
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
            if kept_there["seal"] != seal(last):
                return f"{text}; {path} has a seal that no audit on this machine made"
            now = known | binding.today(last["binding"], binding.root_of(verifier))
            differ = binding.differences(last["binding"], now)
            version = last["binding"]["harness"].partition(" ")[0]
            because = f"{', '.join(differ)} changed since" if differ else "it is over:"
            return f"{text}; {because} the one of {last['created']} by harness {version}"
    return text


def store(certificate: Certificate) -> None:
    """Keep a certificate for later gates on this machine; a refused one is not kept."""
    if certificate.state is not State.REFUSED:
        data = certificate.to_json()
        path = _path(certificate.verifier, certificate.binding)
        files.write_json(path, {"certificate": data, "seal": seal(data)})


def seal(certificate: dict[str, Any]) -> str:
    """What an audit on this machine puts on a certificate: :func:`harness.digests.seal` by the key
    of the cache folder."""
    return digests.seal(cache_folder(), certificate)


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
