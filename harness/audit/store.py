"""Certificates kept on this machine, each bound to every byte that could change it."""

from __future__ import annotations

import hmac
import platform
import re
import secrets
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from harness import __version__, files
from harness.audit.certificate import Certificate, State
from harness.content.workspace import cache_folder
from harness.digests import canonical_digest, file_digest
from harness.errors import HarnessError
from harness.judging.discovery import PACKAGE
from harness.judging.verifier import Verifier

#: folders of the package whose bytes change nothing that an audit finds
UNBOUND = ("doors", "pages", "workspace_content")


def binding(verifier: Verifier, fixtures_digest: str, sandbox: str | None) -> dict[str, Any]:
    """Everything a certificate depends on: any byte changed gives another binding, and the audit is
    run again."""
    return {
        "source": {name: file_digest(path) for name, path in sources(verifier).items()},
        "settings": canonical_digest(dict(verifier.settings)),
        "harness": f"{__version__} {_harness_digest()}",
        "fixtures": fixtures_digest,
        "tools": verifier.tools(),
        "sandbox": sandbox if verifier.sandbox else None,
        "python": platform.python_version(),
        "platform": f"{platform.system()}-{platform.machine()}",
    }


def sources(verifier: Verifier) -> dict[str, Path]:
    """The files that decide what a verifier says, by name.

    In a workspace: its own file, every file of its folder that is not another verifier module, and
    those modules that it imports. From an installed package: every file of that package."""
    own = verifier.path
    module = getattr(verifier.function, "__module__", "")
    if module.partition(".")[0] != PACKAGE:
        top = sys.modules.get(module.partition(".")[0])
        roots = [Path(root) for root in getattr(top, "__path__", [])]
        files = [path for root in roots for path in root.rglob("*")] or [own]
        return {
            path.as_posix(): path
            for path in sorted(files)
            if path.is_file() and "__pycache__" not in path.parts
        }
    imported = set(
        re.findall(
            rf"\b{PACKAGE}(?:\.|\s+import\s+)(\w+)|from\s+\.(\w+)", own.read_text(encoding="utf-8")
        )
    )
    named = {name for pair in imported for name in pair}
    found = {}
    for path in sorted(own.parent.rglob("*")):
        other = (
            path.parent == own.parent
            and path.suffix == ".py"
            and not path.name.startswith("_")
            and path != own
        )
        if path.is_file() and "__pycache__" not in path.parts and (not other or path.stem in named):
            found[path.relative_to(own.parent).as_posix()] = path
    return found


def stored(verifier: str, bound: dict[str, Any]) -> Certificate | None:
    """The certificate kept for exactly this binding, or ``None``; an unreadable or expired one
    counts as none."""
    try:
        data = files.read_json(_path(verifier, bound))
        found = Certificate.from_json(data["certificate"])
        sealed = data["seal"] == seal(data["certificate"])
    except (HarnessError, ValueError, KeyError, TypeError):
        return None
    return found if sealed and found.binding == bound and found.state is not State.EXPIRED else None


def changed(verifier: str, bound: dict[str, Any]) -> str:
    """Why no certificate is kept for this binding, by the last one that was kept for another."""
    text = "no certificate for its present bytes"
    kept = _path(verifier, bound).parent.glob(_name(verifier, "*"))
    for path in sorted(kept, key=lambda path: -path.stat().st_mtime):
        with suppress(HarnessError, LookupError, TypeError, AttributeError):
            kept_there = files.read_json(path)
            last = kept_there["certificate"]
            if kept_there["seal"] != seal(last):
                return f"{text}; {path} has a seal that no audit on this machine made"
            differ = [key for key in bound if last["binding"].get(key) != bound[key]]
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
    """What an audit on this machine puts on a certificate: a keyed digest. The key lies in the
    cache folder, so that it keeps out what was made by hand or elsewhere, not its owner."""
    path = cache_folder() / "seal.key"
    if not path.exists():
        files.replace(path, secrets.token_hex(32))
        path.chmod(0o600)
    key = files.read_text(path).encode()
    return hmac.new(key, canonical_digest(certificate).encode(), "sha256").hexdigest()


def _path(verifier: str, bound: dict[str, Any]) -> Path:
    key = canonical_digest(bound).removeprefix("sha256:")[:24]
    return cache_folder() / "certificates" / _name(verifier, key)


def _name(verifier: str, key: str) -> str:
    return f"{re.sub(r'[^a-z0-9._-]', '_', verifier.lower())}-{key}.json"


@cache
def _harness_digest() -> str:
    """The harness's own files, but for those that only show and the content that it ships."""
    root = Path(__file__).parent.parent
    files = {path.relative_to(root): path for path in sorted(root.rglob("*")) if path.is_file()}
    bound = {
        name.as_posix(): file_digest(path)
        for name, path in files.items()
        if name.parts[0] not in UNBOUND and "__pycache__" not in name.parts
    }
    return canonical_digest(bound)
