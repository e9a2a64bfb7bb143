"""Digests of files, and of what a loader reads of a folder: streamed, in parallel, and remembered,
so that a large base is not read for every gate.

A remembered digest holds for one inode of one size that was neither written nor renamed over since.
A file touched in the last two seconds is not remembered: its clock may not show the next write."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

#: what a loader reads of the folder of a model or an adapter: mlx-lm, transformers, PEFT, vLLM
READ = (
    *("config.json", "generation_config.json", "params.json", "*.index.json", "*.py", "*.gguf"),
    *("model*.safetensors", "consolidated*.safetensors", "pytorch_model*.bin"),
    *("tokenizer*", "vocab*", "merges.txt", "*.model", "*.tiktoken", "chat_template*", "*.jinja"),
    *("special_tokens_map.json", "added_tokens.json", "additional_chat_templates/*"),
    *("adapter_config.json", "adapters.safetensors", "adapters.npz", "adapter_model.*"),
)
SETTLED = 2.0  # seconds since the last change of a file before its digest is remembered


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
    none knows, all that it shows."""
    places = [*folder.glob("*"), *folder.glob("additional_chat_templates/*")]
    shown = {path.relative_to(folder).as_posix(): path for path in places if path.is_file()}
    names = sorted(name for name in shown if not name.startswith("."))
    read = [name for name in names if any(fnmatchcase(name, pattern) for pattern in READ)]
    return [shown[name] for name in read or names]


def folder_digest(folder: Path, memory: Path | None = None) -> str:
    """``sha256:...`` over the names and bytes of :func:`folder_files`; with ``memory``, the list
    of files is remembered too."""
    files = folder_files(folder, memory)
    whole = hashlib.sha256()
    for name, content in files.items():
        whole.update(f"{name}\0{content}\n".encode())
    digest = "sha256:" + whole.hexdigest()
    if memory:
        with suppress(sqlite3.Error), closing(_open(memory)) as db:
            row = (digest, json.dumps(files))
            db.execute("INSERT OR REPLACE INTO folders VALUES (?, ?)", row)
    return digest


def differing(one: str, other: str, memory: Path | None) -> list[str] | None:
    """The files in which two folders of these digests differ; ``None`` when one of them was never
    seen here."""
    if memory is None:
        return None
    known: list[dict[str, str]] = []
    with suppress(sqlite3.Error), closing(_open(memory)) as db:
        for digest in (one, other):
            row = db.execute("SELECT files FROM folders WHERE digest = ?", (digest,)).fetchone()
            known += [json.loads(row[0])] if row else []
    if len(known) < 2:
        return None
    return sorted(dict(set(known[0].items()) ^ set(known[1].items())))


def text_digest(text: str) -> str:
    """``sha256:...`` of a text in UTF-8."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


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
    with suppress(sqlite3.Error), closing(_open(memory)) as db:
        for path, stamp in before.items():
            row = db.execute("SELECT digest FROM files WHERE stamp = ?", (stamp,)).fetchone()
            if row:
                known[path] = row[0]
    fresh = _read([path for path in paths if path not in known])
    settled = [
        (before[path], digest)
        for path, digest in fresh.items()
        if time.time() - path.stat().st_ctime > SETTLED and _stamp(path) == before[path]
    ]
    with suppress(sqlite3.Error), closing(_open(memory)) as db:
        db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?)", settled)
    return known | fresh


def _open(memory: Path) -> sqlite3.Connection:
    db = sqlite3.connect(memory / "digests.sqlite", timeout=30, isolation_level=None)
    db.execute("CREATE TABLE IF NOT EXISTS files (stamp TEXT PRIMARY KEY, digest TEXT)")
    db.execute("CREATE TABLE IF NOT EXISTS folders (digest TEXT PRIMARY KEY, files TEXT)")
    return db


def _stamp(path: Path) -> str:
    """What changes with the bytes: device, inode, size, and the times of the last write and the
    last change of state."""
    at = path.stat()
    return f"{at.st_dev}:{at.st_ino}:{at.st_size}:{at.st_mtime_ns}:{at.st_ctime_ns}"


def canonical_digest(data: Any) -> str:
    """``sha256:...`` of ``data`` as JSON with sorted keys and no spaces."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
