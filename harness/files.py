"""Files that the house writes and reads: replaced as a whole, or grown line by line.

Durability: a file is written beside its place, synced, and then moved there, so that a reader sees
the old one or the new one and a killed process leaves no half. A line of a :class:`Log` is with
the system before the next is written; :meth:`Log.sync` makes all of them survive a power cut.
What the system refuses is one sentence, made by ``refuse``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.errors import ROOM, Refuse, SystemRefused, WorkspaceError, boundary


def read_text(path: Path, refuse: Refuse = WorkspaceError) -> str:
    """The text of a file in UTF-8."""
    return decode(read_bytes(path, refuse), str(path), refuse)


def read_bytes(path: Path, refuse: Refuse = WorkspaceError) -> bytes:
    """The bytes of a file."""
    with boundary(refuse, path, "cannot be read", remedy=""):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise refuse(f"{path}: no such file") from None


def read_lines(path: Path, refuse: Refuse = WorkspaceError) -> bytes:
    """The bytes of a file of lines, the last of which must have its end."""
    data = read_bytes(path, refuse)
    if data and not data.endswith(b"\n"):
        raise refuse(f"{path}: its last line is torn")
    return data


def decode(data: bytes, where: str, refuse: Refuse = WorkspaceError) -> str:
    """``data`` as UTF-8; ``where`` names it."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"byte 0x{data[error.start]:02x} at {error.start}"
        raise refuse(f"{where}: cannot be read: not UTF-8: {found}") from None


def parse(text: str, where: str, refuse: Refuse = WorkspaceError) -> Any:
    """The value of a JSON text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if "\n" in text else ""
        said = f"{error.msg} ({line}column {error.colno})" if text.strip() else "it is empty"
        raise refuse(f"{where}: not valid JSON: {said}") from None
    except (ValueError, RecursionError) as error:
        raise refuse(f"{where}: not valid JSON: {error}") from None


def read_json(path: Path, refuse: Refuse = WorkspaceError) -> Any:
    """The value of a JSON file."""
    return parse(read_text(path, refuse), str(path), refuse)


def read_tensor_head(path: Path, refuse: Refuse = WorkspaceError) -> dict[str, Any]:
    """The head of a file of safetensors, and no more of it: by name of a tensor its ``dtype``,
    ``shape`` and ``data_offsets`` in bytes, and texts as ``__metadata__``."""
    with boundary(refuse, path, "cannot be read", remedy=""), path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        data = file.read(min(size, path.stat().st_size))
    try:
        head = json.loads(data)
    except ValueError:
        head = None
    if isinstance(head, dict):
        head["__metadata__"] = head.get("__metadata__") or {}  # mlx writes null there
        if all(isinstance(row, dict) for row in head.values()):
            return head
    raise refuse(f"{path}: no file of safetensors: its head cannot be read")


def json_lines(
    data: bytes, path: Path, refuse: Refuse = WorkspaceError
) -> Iterator[tuple[int, Any]]:
    """``(number from 1, value)`` of every line of ``path`` that is not blank."""
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            where = f"{path}:{number}"
            yield number, parse(decode(line, where, refuse), where, refuse)


def replace(path: Path, content: str | bytes, refuse: Refuse = SystemRefused) -> Path:
    """Put ``content`` in the place of a file, whole and synced; a device or a pipe is written to.

    Text is written in UTF-8, what that cannot hold as ``?``."""
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    with boundary(refuse, path, "cannot be written"):
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return path
        place = path.resolve()  # a link stays one
        draft = place.with_name(f"{place.name}.{os.getpid()}.draft")
        try:
            with draft.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(place)
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
    return path


def make_folder(path: Path, refuse: Refuse = SystemRefused) -> Path:
    """Make a folder and those above it."""
    with boundary(refuse, path, "cannot be made"):
        path.mkdir(parents=True, exist_ok=True)
    return path


def write_json(path: Path, data: Any, refuse: Refuse = SystemRefused, *, sort: bool = True) -> Path:
    """:func:`replace` a file by ``data`` as JSON, in ASCII, which holds half a surrogate pair too;
    the folder is made."""
    make_folder(path.parent, refuse)
    return replace(path, json.dumps(data, indent=1, sort_keys=sort) + "\n", refuse)


class Log:
    """A file that grows by lines. Read it before the first :meth:`append`: what a killed writer
    left of a last line is not read, and is cut off then.

    ``remedy`` says what to do when the disk does not take a line."""

    def __init__(self, path: Path, refuse: Refuse = SystemRefused, remedy: str = ROOM) -> None:
        self.path, self._refuse, self._remedy = path, refuse, remedy
        self._torn: int | None = None
        with boundary(refuse, path, "cannot be opened"):
            self._file = path.open("a+b", buffering=0)  # what is written is with the system

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()

    def lock(self, *, wait: bool) -> bool:
        """Keep other processes out until this one closes the file; false where one is in and
        nobody waits."""
        import fcntl

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True

    def read(self) -> bytes:
        """Every whole line."""
        with boundary(self._refuse, self.path, "cannot be read", remedy=""):
            self._file.seek(0)
            data = self._file.readall()
        whole = data[: data.rfind(b"\n") + 1]
        self._torn = len(whole) if len(whole) != len(data) else None
        return whole

    def append(self, line: str) -> None:
        """Hand a whole line to the system, or fail."""
        left = line.encode() + b"\n"
        with boundary(self._refuse, self.path, "cannot be written", self._remedy):
            if self._torn is not None:
                self._file.truncate(self._torn)
                self._torn = None
            while left:
                left = left[self._file.write(left) :]

    def sync(self) -> None:
        """Make every line so far survive a power cut."""
        with boundary(self._refuse, self.path, "cannot be written", self._remedy):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Sync and close."""
        self.sync()
        self.release()

    def release(self) -> None:
        """Close, and leave to the system when the lines reach the disk."""
        self._file.close()
