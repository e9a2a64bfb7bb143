"""The root of an image with programs: packages of Debian, fetched from its archive by the apt of
this machine with lists of their own, and unpacked. Nothing is installed here, and no registry is
asked."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote

from harness.errors import SandboxError

NUMBER, RELEASE, ARCHIVE = 13, "trixie", "http://deb.debian.org/debian"
KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
#: packages that are not called like the program that they bring
PACKAGES = {"glslangValidator": "glslang-tools", "sh": "dash"}
ALWAYS = ("base-files", "libc-bin")  # the links of a merged /usr, and what finds libraries
UNREAD = ("doc", "info", "lintian", "locale", "man")  # below usr/share


def packages(programs: Iterable[str]) -> list[str]:
    """The packages of Debian that bring ``programs``."""
    return sorted({PACKAGES.get(name, name) for name in programs})


def unpack(programs: Sequence[str], root: Path) -> dict[str, str]:
    """Unpack ``programs`` and all that they need into the new folder ``root``; by program what
    identifies it: its package's version, and a digest of those of all packages.

    Raises :class:`SandboxError` where this machine has no apt, the archive cannot be reached, or it
    has no such program."""
    lacking = [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]
    if not KEYS.is_file():
        lacking.append(f"{KEYS} (debian-archive-keyring)")
    if lacking:
        raise SandboxError(
            f"an image with programs is made of Debian's packages, and {', '.join(lacking)} is not"
            " here: run it on Debian or Ubuntu"
        )
    fetched = _fetched([*ALWAYS, *packages(programs)], root.with_name(f"{root.name}.apt"))
    root.mkdir()
    for package in fetched:
        _ran(["dpkg-deb", "--extract", str(package), str(root)])
    for name in UNREAD:
        shutil.rmtree(root / "usr" / "share" / name, ignore_errors=True)
    there = {path.name for path in (root / "usr" / "bin").iterdir()}
    absent = sorted({*programs} - there)
    if absent:
        raise SandboxError(f"no package of {packages(absent)} brings /usr/bin/{absent[0]}")
    versions = dict(unquote(path.name).split("_")[:2] for path in fetched)
    digest = hashlib.sha256(repr(sorted(versions.items())).encode()).hexdigest()[:12]
    named = {name: PACKAGES.get(name, name) for name in programs}
    return {
        program: f"Debian {NUMBER} {package} {versions[package]} ({digest})"
        for program, package in named.items()
    }


def _fetched(wanted: Sequence[str], folder: Path) -> list[Path]:
    """The packages ``wanted`` with what they depend on, as files below ``folder``."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    sources, installed = folder / "sources.list", folder / "status"
    sources.write_text(f"deb [signed-by={KEYS}] {_archive()} {RELEASE} main\n", encoding="utf-8")
    installed.touch()
    settings = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": folder / "lists",
        "Dir::State::Status": installed,
        "Dir::Cache": folder / "cache",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "true",
    }
    apt = ["apt-get", "-qq", "-y", *(f"-o{name}={value}" for name, value in settings.items())]
    _ran([*apt, "update"])
    _ran([*apt, "--download-only", "install", *wanted])
    return sorted((folder / "cache" / "archives").glob("*.deb"))


def _archive() -> str:
    """The archive that this machine takes Debian from, else Debian's own."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Label: Debian"]
    return next(iter(_ran(asked).split()), ARCHIVE)


def _ran(command: Sequence[str]) -> str:
    """What a program of this machine writes. Raises :class:`SandboxError` with its last line."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise SandboxError(f"{command[0]} {command[-1]} failed: {''.join(said)}")
    return done.stdout
