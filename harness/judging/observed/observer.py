"""What a judge process sees of the verifiers that it loads and asks: the files, packages,
variables, programs and networks that their code uses, and text of an answer that it runs.

Files, programs, sockets and compiled text are seen by an audit hook, imports and variables by what
stands in their way here. An act is put down to the nearest file on the stack that is neither the
standard library's nor the harness's, if a verifier's code is below it. Notes are lines of JSON in a
file that only grows: a process that is killed, or a copy that forks off, has noted what it did."""

from __future__ import annotations

import ast
import collections
import dataclasses
import importlib.util
import json
import os
import shlex
import socket
import subprocess
import symtable
import sys
import typing
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from harness.judging.observed import origins
from harness.judging.observed.excerpts import Excerpts
from harness.judging.observed.origins import Origin
from harness.judging.verifier import Kind

SHELLS = ("sh", "bash", "dash", "zsh")
LOADS = "<frozen importlib"
MOST = 12  # texts that are written down of one thing that a verifier does with them
NETWORKS = (socket.AF_INET, socket.AF_INET6)
#: they compile the text of names that they have checked, or compile nothing
CAREFUL = {module.__file__ for module in (collections, dataclasses, symtable, typing)}


class Observer:
    """Notes what is done, each act once."""

    def __init__(self, notes: Path) -> None:
        self._out = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._known: set[Any] = set()
        self._excerpts: Excerpts | None = None
        self._written: list[str] = []
        self._told: Counter[tuple[str, str, str]] = Counter()
        self.verifier: Any = None
        opens: dict[str, Callable[[Any, FrameType], None]] = {
            "open": self._opened,
            "os.listdir": self._listed,
            "os.scandir": self._listed,
            "compile": self._compiled,
            "subprocess.Popen": self._started,
            "os.posix_spawn": lambda args, frame: self._starts(args[0], args[1], frame),
            "os.exec": lambda args, frame: self._starts(args[0], args[1], frame),
            "os.spawn": lambda args, frame: self._starts(args[1], args[2], frame),
            "os.system": lambda args, frame: self._starts("sh", ["sh", "-c", args[0]], frame),
            "sqlite3.connect": self._database,
            "ctypes.dlopen": lambda args, frame: self.note("library", str(args[0]), frame),
        }
        connects = ("socket.connect", "socket.sendto", "socket.sendmsg")
        asks = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
        self._acts = opens | dict.fromkeys(connects, self._connected)
        self._acts |= dict.fromkeys(asks, lambda args, frame: self._network(str(args[0]), frame))

    def begin(self, verifier: Any, case: Any, answer: Any) -> None:
        """What follows is done by ``verifier`` for this answer."""
        self.verifier, self._written = verifier, []
        text = answer.text if verifier.kind is Kind.PROGRAM and _readable(answer) else None
        self._excerpts = None if text is None else Excerpts(case, text)

    def heard(self, event: str, args: Any) -> None:
        """The audit hook; what is wrong with it may change nothing that it hears of."""
        act = self._acts.get(event)
        if act is not None:
            with suppress(Exception):
                act(args, sys._getframe(1))

    @property
    def by(self) -> str:
        """The id of the verifier that judges; empty while they are loaded."""
        return self.verifier.id if self.verifier else ""

    def note(self, kind: str, what: str, frame: FrameType) -> None:
        """Write down one act of the code at ``frame``, unless it is known."""
        at = self.source(frame)
        if at is not None:
            self.put(kind, at, what)

    def put(self, kind: str, at: str, what: str) -> None:
        """Write down one act of ``at``, unless it is known."""
        row = [kind, self.by, at, what]
        if at != what and tuple(row) not in self._known:
            self._known.add(tuple(row))
            self._write(row)

    def _write(self, row: list[str]) -> None:
        os.write(self._out, (json.dumps(row) + "\n").encode())

    def source(self, frame: FrameType | None) -> str | None:
        """Whose act it is: the nearest file that counts, if verifiers' code is on the stack, or is
        all that this thread does; ``None`` for an act of the harness or of nobody."""
        nearest: str | None = None
        while frame is not None:
            origin, place = origins.of(frame.f_code.co_filename)
            if origin is Origin.OWN:
                return nearest or place
            if nearest is None and origin is Origin.QUIET:
                return None
            if origin is Origin.HARNESS:
                return nearest if nearest and _loads_package(frame) else None
            if nearest is None and origin is Origin.PACKAGE:
                nearest = place
            frame = frame.f_back
        return nearest or (str(self.verifier.path) if self.verifier else None)

    # Files and what is compiled.

    def _opened(self, args: Any, frame: FrameType) -> None:
        path, mode, flags = args
        if not isinstance(path, (str, bytes)):
            return
        name = os.fsdecode(path)
        changing = os.O_WRONLY | os.O_RDWR | os.O_CREAT
        writes = bool(set(mode or "") & set("wax+") or (flags or 0) & changing)
        if name.endswith(".pyc"):
            with suppress(ValueError):
                name = importlib.util.source_from_cache(name)
        place, loads = origins.absolute(name), frame.f_code.co_filename.startswith(LOADS)
        origin = origins.of(place)[0]
        if writes or origin is Origin.OWN or (origin is Origin.PACKAGE and not loads):
            self.note("write" if writes else "read", place, frame)
        if writes and self._excerpts is not None:
            self._written.append(place)
            self._text("write", "\n".join(Path(name).parts), frame)

    def _listed(self, args: Any, frame: FrameType) -> None:
        if isinstance(args[0], str) and not frame.f_code.co_filename.startswith(LOADS):
            self.note("list", origins.absolute(args[0]), frame)

    def _compiled(self, args: Any, frame: FrameType) -> None:
        source, name = args
        code = frame.f_code
        tree = code is ast.parse.__code__ or "PyCF_ONLY_AST" in code.co_names
        tree = tree or ast.PyCF_ONLY_AST in code.co_consts
        if self._excerpts is None or code.co_filename in CAREFUL or tree:
            return
        if isinstance(source, ast.AST):
            source = ast.unparse(source)
        text = source.decode(errors="replace") if isinstance(source, bytes) else str(source)
        bound = origins.of(name)[0] is not Origin.OWN if isinstance(name, str) else False
        self._text("compile", text, frame, name if bound else Path(str(name)).name)

    def _text(self, how: str, text: str, frame: FrameType, key: str = "") -> None:
        """Write down a text that something is done with, if pieces of the answer stand in it."""
        told = (self.by, how, key)
        few = self._told[told] < MOST
        found = self._excerpts.shared(how, text) if few and self._excerpts else None
        at = self.source(frame) if found else None
        if found and at is not None:
            self._told[told] += 1
            self._write([f"text:{how}", self.by, at, key, *found])

    # Programs, databases, networks.

    def _started(self, args: Any, frame: FrameType) -> None:
        program, argv = args[:2]
        words = [argv] if isinstance(argv, (str, bytes)) else list(argv)
        fed = _fed(frame)
        if fed is None and self._excerpts is not None:
            self.note("fed", os.fsdecode(program or words[0]), frame)
        self._starts(program, words, frame, fed or "")

    def _starts(self, program: Any, argv: Sequence[Any], frame: FrameType, fed: str = "") -> None:
        words = [os.fsdecode(word) for word in argv]
        name = os.fsdecode(program if program is not None else words[0])
        if Path(name).name in SHELLS and words[1:2] == ["-c"]:
            name = next(iter(shlex.split(words[2])), name)
        self.note("program", name, frame)
        if self._excerpts is not None:
            given = [_content(path) for path in self._written[-8:]]
            self._text("start", "\n".join([*words[1:], fed, *given]), frame, name)

    def _database(self, args: Any, frame: FrameType) -> None:
        name = os.fsdecode(args[0]).removeprefix("file:").partition("?")[0]
        if name and not name.startswith(":"):
            self.note("read", origins.absolute(name), frame)

    def connecting(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """``sqlite3.connect`` whose connections tell what they execute."""

        def connect(*args: Any, **kwargs: Any) -> Any:
            found = real(*args, **kwargs)
            if self.source(sys._getframe(1)) is not None:
                found.set_trace_callback(lambda said: self._text("sql", said, sys._getframe(1)))
            return found

        return connect

    def _connected(self, args: Any, frame: FrameType) -> None:
        link, address = args
        if link.family in NETWORKS:
            self._network(str(address[0]), frame)

    def _network(self, address: str, frame: FrameType) -> None:
        self.note("network", address, frame)


def _readable(answer: Any) -> bool:
    try:
        return isinstance(answer.text, str)
    except Exception:  # one that explodes
        return False


def _loads_package(frame: FrameType) -> bool:
    """Whether the harness loads or asks a verifier there."""
    return frame.f_code.co_filename.endswith(("discovery.py", "verifier.py"))


def _content(path: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - by the name that was opened
            return file.read(1 << 20).decode(errors="replace")
    except OSError:
        return ""


def _fed(frame: FrameType | None) -> str | None:
    """What a program gets to read from its standard input; ``None`` where that cannot be seen."""
    stdin: Any = None
    while frame is not None:
        if frame.f_code is subprocess.Popen.__init__.__code__:
            stdin = frame.f_locals["stdin"]
        elif frame.f_code is subprocess.run.__code__ and frame.f_locals["input"] is not None:
            given = frame.f_locals["input"]
            return given.decode(errors="replace") if isinstance(given, bytes) else str(given)
        frame = frame.f_back
    return "" if stdin in (None, subprocess.DEVNULL) else None
