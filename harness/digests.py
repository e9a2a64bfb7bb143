"""Digests of files, and of what a loader reads of a folder: streamed, in parallel, and remembered,
so that a large base is not read for every gate.

A remembered digest holds for one inode of one size that was neither written nor renamed over since.
A file touched in the last two seconds is not remembered: its clock may not show the next write.
What is remembered is sealed by a key of the folder that remembers; a row without the seal is not
used, and said."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import time
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

#: what a loader reads of the folder of a model or an adapter: mlx-lm, transformers, PEFT, vLLM
READ = (
    *("config.json", "generation_config.json", "params.json", "*.index.json", "*.py", "*.gguf"),
    *("model*.safetensors", "consolidated*.safetensors", "pytorch_model*.bin"),
    *("tokenizer*", "vocab*", "merges.txt", "*.model", "*.tiktoken", "chat_template*", "*.jinja"),
    *("special_tokens_map.json", "added_tokens.json", "additional_chat_templates/*"),
    *("adapter_config.json", "adapters.safetensors", "adapters.npz", "adapter_model.*"),
)
NAME = "digests.sqlite"
SETTLED = 2.0  # seconds since the last change of a file before its digest is remembered


class SealNotice(UserWarning):
    """Rows of a cache were edited, or made by hand or elsewhere, and are not used."""


def file_digest(path: Path) -> str:
    """SHA-256 of one file as hex, streamed."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_files(folder: Path, memory: Path | None = None) -> dict[str, str]:
    """SHA-256 in hex by relative name of every file of ``folder`` that a loader reads, sorted:
    neither notes, licences, caches, earlier checkpoints nor the state of an optimiser.

    With ``memory`` (a folder) digests of files that have not changed are taken from there; without
    it every byte is read."""
    paths = read_by_loaders(folder)
    digests = _remembered(paths, memory) if memory else _read(paths)
    return {path.relative_to(folder).as_posix(): digests[path] for path in paths}


def read_by_loaders(folder: Path) -> list[Path]:
    """The files of the folder of a model or an adapter that some loader reads; of a folder that
    none knows, all that it shows; a file is read itself."""
    if folder.is_file():
        return [folder]
    places = [*folder.glob("*"), *folder.glob("additional_chat_templates/*")]
    shown = {path.relative_to(folder).as_posix(): path for path in places if path.is_file()}
    names = sorted(name for name in shown if not name.startswith("."))
    read = [name for name in names if any(fnmatchcase(name, pattern) for pattern in READ)]
    return [shown[name] for name in read or names]


def folder_digest(folder: Path, memory: Path | None = None) -> str:
    """``sha256:...`` over the names and bytes of :func:`folder_files`; with ``memory``, the list
    of files is remembered too."""
    files = folder_files(folder, memory)
    digest = _whole(files)
    if memory:
        with suppress(sqlite3.Error), closing(_open(memory)) as db:
            row = (digest, json.dumps(files))
            db.execute("INSERT OR REPLACE INTO folders VALUES (?, ?)", row)
    return digest


def _whole(files: dict[str, str]) -> str:
    lines = [f"{name}\0{content}\n" for name, content in files.items()]
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def differing(one: str, other: str, memory: Path | None) -> list[str] | None:
    """The files in which two folders of these digests differ; ``None`` when one of them was never
    seen here."""
    if memory is None:
        return None
    known: list[dict[str, str]] = []
    with suppress(sqlite3.Error), closing(_open(memory)) as db:
        for digest in (one, other):
            row = db.execute("SELECT files FROM folders WHERE digest = ?", (digest,)).fetchone()
            files = json.loads(row[0]) if row else {}
            known += [files] if _whole(files) == digest else []
    if len(known) < 2:
        return None
    return sorted(dict(set(known[0].items()) ^ set(known[1].items())))


def text_digest(text: str) -> str:
    """``sha256:...`` of a text in UTF-8, half a surrogate pair of a model's included."""
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _read(paths: list[Path]) -> dict[Path, str]:
    with ThreadPoolExecutor(
        min(8, os.cpu_count() or 1)
    ) as pool:  # hashing leaves the interpreter to the others
        return dict(zip(paths, pool.map(file_digest, paths), strict=True))


def _remembered(paths: list[Path], memory: Path) -> dict[Path, str]:
    """Digests by way of ``digests.sqlite``; a memory that cannot be used costs time, never a wrong
    digest."""
    before = {path: _stamp(path) for path in paths}
    known: dict[Path, str] = {}
    with suppress(sqlite3.Error, OSError), closing(_open(memory)) as db:
        for path, stamp in before.items():
            query = "SELECT digest, seal FROM sealed WHERE stamp = ?"
            row = db.execute(query, (stamp,)).fetchone()
            if row and row[1] == seal(memory, [stamp, row[0]]):
                known[path] = row[0]
            elif row:
                text = f"{memory / NAME}: the digest kept of {path} has not this cache's seal"
                warnings.warn(f"{text}; its bytes are read", SealNotice, stacklevel=2)
    fresh = _read([path for path in paths if path not in known])
    settled = [
        (before[path], digest)
        for path, digest in fresh.items()
        if time.time() - path.stat().st_ctime > SETTLED and _stamp(path) == before[path]
    ]
    with suppress(sqlite3.Error, OSError), closing(_open(memory)) as db:
        rows = [(stamp, digest, seal(memory, [stamp, digest])) for stamp, digest in settled]
        db.executemany("INSERT OR REPLACE INTO sealed VALUES (?, ?, ?)", rows)
    return known | fresh


def _open(memory: Path) -> sqlite3.Connection:
    db = sqlite3.connect(memory / NAME, timeout=30, isolation_level=None)
    db.execute("CREATE TABLE IF NOT EXISTS sealed (stamp TEXT PRIMARY KEY, digest TEXT, seal TEXT)")
    db.execute("CREATE TABLE IF NOT EXISTS folders (digest TEXT PRIMARY KEY, files TEXT)")
    return db


def stamps(paths: Iterable[Path]) -> dict[str, str]:
    """By path what tells that a file, or the link to it, was written, replaced or renamed, even if
    it was put back since."""
    return {str(path): f"{_stamp(path)} {_stamp(path, link=True)}" for path in paths}


def _stamp(path: Path, *, link: bool = False) -> str:
    """What changes with the bytes: device, inode, size, and the times of the last write and the
    last change of state."""
    try:
        at = path.stat(follow_symlinks=not link)
    except OSError:
        return "missing"
    return f"{at.st_dev}:{at.st_ino}:{at.st_size}:{at.st_mtime_ns}:{at.st_ctime_ns}"


def seal(folder: Path, data: Any) -> str:
    """A keyed digest of plain data. The key lies in ``folder``, for its user alone, and is made on
    first use: what was edited, or made by hand or elsewhere, has no seal, unless its user made it.

    Raises ``OSError`` where the key cannot be read or made."""
    path = folder / "seal.key"
    if not path.exists():
        with NamedTemporaryFile("w", dir=folder) as made:  # of mode 0600
            made.write(secrets.token_hex(32))
            made.flush()
            with suppress(FileExistsError):  # another process was first
                os.link(made.name, path)
    return hmac.new(path.read_bytes(), canonical_digest(data).encode(), "sha256").hexdigest()


def canonical_digest(data: Any) -> str:
    """``sha256:...`` of ``data`` as JSON with sorted keys and no spaces."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
