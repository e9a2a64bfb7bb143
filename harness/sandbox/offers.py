"""What verifiers ask of a sandbox in one line each: a call of a Python function, a command with its
files, statements of SQL. Nothing of it raises for what an answer does: each says how it ended."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.sandbox.inside import collect, query
from harness.sandbox.inside.frames import EncodeError, ProtocolError
from harness.sandbox.limits import CandidateError, Limits, Result, TaskError
from harness.sandbox.task import Task


@dataclass(frozen=True)
class Called:
    """What a function returned, or why it did not: ``reason`` is ``ok`` or a short code such as
    ``syntax``, ``missing``, ``exception``, ``timeout``, ``memory``, ``early-exit``."""

    value: Any = None
    reason: str = "ok"
    evidence: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.reason == "ok"


@dataclass(frozen=True)
class Table:
    """What one statement returned; without columns where it returns nothing."""

    columns: list[str]
    rows: list[list[Any]]


@dataclass(frozen=True)
class Finished(Result):
    """How a command ended, and the files it left that were wanted, by relative path. A command of
    hostile code may have named and filled them as it liked."""

    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.reason == "exit" and self.code == 0


class Offers(ABC):
    """The part of :class:`harness.sandbox.base.Sandbox` that verifiers use."""

    limits: Limits
    programs: bool = False  #: whether those of this machine are none of its own

    @property
    @abstractmethod
    def python(self) -> str:
        """The path of the Python interpreter inside."""

    @abstractmethod
    def task(self, limits: Limits | None = None) -> AbstractContextManager[Task]:
        """A fresh process for one candidate."""

    @abstractmethod
    def run(
        self,
        argv: Sequence[str],
        files: Mapping[str, bytes | str] | None = None,
        limits: Limits | None = None,
    ) -> Result:
        """Run a program in an empty private folder."""

    def call(
        self, source: str, entry: str, arguments: Sequence[Any] = (), limits: Limits | None = None
    ) -> Called:
        """What the function ``entry`` of the Python program ``source`` returns for plain data, in a
        process of its own; what is no plain data comes back as an object that equals nothing."""
        try:
            with self.task(limits) as task:
                task.load(source, entry)
                return Called(task.call(arguments))
        except (CandidateError, TaskError) as error:
            if type(error) not in (CandidateError, TaskError):  # one of them is about the machine
                raise
            return Called(None, error.reason, error.evidence)
        except EncodeError as error:
            return Called(None, "too-long", str(error))
        except ProtocolError as error:
            return Called(None, "protocol", str(error))

    def sql(
        self,
        statements: Sequence[str],
        schema: str = "",
        rows: Mapping[str, Sequence[Sequence[Any]]] | None = None,
        limits: Limits | None = None,
    ) -> Called:
        """Run ``statements``, one in each text, on a fresh SQLite database of ``schema`` (trusted
        statements) that holds ``rows`` by table; ``value`` is a :class:`Table` for each.

        ``reason`` is ``sql`` for a statement that SQLite refuses, and ``output`` for one of too
        many rows."""
        filled = {name: [list(row) for row in table] for name, table in (rows or {}).items()}
        said = self.call(_text(query), "ask", [schema, filled, list(statements)], limits)
        if not said.ok:
            return said
        if type(said.value) is not list:  # more than a message holds
            return Called(None, "output", "too much to return")
        kind, value = said.value
        if kind != "tables":
            return Called(None, kind, value)
        return Called([Table(columns, found) for columns, found in value])

    def command(
        self,
        argv: Sequence[str],
        files: Mapping[str, bytes | str] | None = None,
        wanted: Sequence[str] = (),
        stdin: bytes | str = b"",
        limits: Limits | None = None,
    ) -> Finished:
        """Run a program on ``files`` (relative path to content) in an empty private folder and
        bring back the ``wanted`` ones (patterns such as ``out/*.txt``) with what it wrote.

        ``python`` is the interpreter inside; any other program is one that the verifier declares as
        executable. ``reason`` is ``start`` where it cannot be started. Raises
        :class:`harness.errors.SandboxError` as :meth:`run`."""
        limits = limits or self.limits
        here = None if self.programs else shutil.which(argv[0])
        program = self.python if argv[0] == "python" else here or argv[0]
        mark = f"\n{secrets.token_hex(16)}"
        order = [mark, str(limits.output_bytes), *wanted, "--", program, *argv[1:]]
        given = {**(files or {}), **({collect.STDIN: stdin} if stdin else {})}
        # the files come in two digits a byte, behind what the command writes itself
        room = replace(limits, output_bytes=3 * limits.output_bytes + (1 << 16))
        ran = self.run([self.python, "-S", "-B", "-c", _text(collect), *order], given, room)
        return _finished(ran, mark.encode(), limits.output_bytes)


def _finished(ran: Result, mark: bytes, most: int) -> Finished:
    """What a command wrote, apart from what was reported of it behind ``mark``."""
    wrote, report = ran.stdout, b""
    if ran.reason == "exit" and mark in ran.stdout:  # else it may be forged, and time went on
        wrote, _, report = ran.stdout.rpartition(mark)
    found: dict[str, bytes] = {}
    how: dict[str, Any] = {"code": None, "reason": ran.reason, "stderr": ran.stderr[:most]}
    try:
        how["reason"], ended, *lines = report.decode("ascii").strip("\n").split("\n")
        if how["reason"] == "start":
            how["stderr"] = bytes.fromhex(ended)
        elif int(ended) < 0:
            how["reason"] = "timeout" if int(ended) == -signal.SIGXCPU else "signal"
        elif len(wrote) > most:
            how["reason"] = "output"
        elif how["reason"] == "exit":
            how["code"] = int(ended)
            named = [[bytes.fromhex(part) for part in line.split(" ")] for line in lines]
            found = {os.fsdecode(name): content for name, content in named}
    except ValueError:  # it was ended before, or what it left running wrote there as well
        how["reason"], how["code"] = "signal" if ran.reason == "exit" else ran.reason, None
    return Finished(**{**vars(ran), **how, "stdout": wrote[:most]}, files=found)


def _text(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text(encoding="utf-8")
