"""Certificates kept on this machine, each bound to every byte that could change it."""

from __future__ import annotations

import json
import platform
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from harness.audit.certificate import Certificate, State
from harness.content.workspace import cache_folder
from harness.digests import canonical_digest, file_digest
from harness.judging.discovery import PACKAGE
from harness.judging.verifier import Verifier


def binding(verifier: Verifier, fixtures_digest: str, sandbox: str | None) -> dict[str, Any]:
    """Everything a certificate depends on: any byte changed gives another binding, and the audit is
    run again.
    """
    return {
        "source": {name: file_digest(path) for name, path in sources(verifier).items()},
        "settings": canonical_digest(dict(verifier.settings)),
        "harness": _harness_digest(),
        "fixtures": fixtures_digest,
        "tools": verifier.tools(),
        "sandbox": sandbox if verifier.sandbox else None,
        "python": platform.python_version(),
        "platform": f"{platform.system()}-{platform.machine()}",
    }


def sources(verifier: Verifier) -> dict[str, Path]:
    """The files that decide what a verifier says, by name.

    In a workspace: its own file, every file of its folder that is not another verifier module, and
    those modules that it imports. From an installed package: every file of that package.
    """
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
    counts as none.
    """
    try:
        data = json.loads(_path(verifier, bound).read_text(encoding="utf-8"))
        found = Certificate.from_json(data["certificate"])
        sealed = canonical_digest(data["certificate"]) == data["seal"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if sealed and found.binding == bound and found.state is not State.EXPIRED else None


def store(certificate: Certificate) -> None:
    """Keep a certificate for later gates on this machine; a refused one is not kept."""
    if certificate.state is not State.REFUSED:
        path = _path(certificate.verifier, certificate.binding)
        path.parent.mkdir(parents=True, exist_ok=True)
        data = certificate.to_json()
        draft = path.with_suffix(".draft")
        draft.write_text(
            json.dumps({"certificate": data, "seal": canonical_digest(data)}, indent=1),
            encoding="utf-8",
        )
        draft.replace(path)


def _path(verifier: str, bound: dict[str, Any]) -> Path:
    key = canonical_digest(bound).removeprefix("sha256:")[:24]
    return (
        cache_folder()
        / "certificates"
        / f"{re.sub(r'[^a-z0-9._-]', '_', verifier.lower())}-{key}.json"
    )


@cache
def _harness_digest() -> str:
    root = Path(__file__).parent.parent
    files = sorted([*root.rglob("*.py"), root / "languages.toml"])
    sources = {p.relative_to(root).as_posix(): file_digest(p) for p in files}
    return canonical_digest(sources)
