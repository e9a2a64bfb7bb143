"""An observer put in the way of everything that the verifiers of this process do."""

from __future__ import annotations

import builtins
import importlib
import importlib.machinery
import importlib.util
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, ItemsView, Iterator, KeysView, Sequence, ValuesView
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from harness.content.case import Case
from harness.judging.answer import Answer
from harness.judging.observed import origins
from harness.judging.observed.observer import Observer
from harness.judging.observed.origins import Origin
from harness.judging.verifier import Verifier

#: whose imports note something, where one is being noted
NOTING = (*origins.STANDARD, f"{origins.HARNESS}{os.sep}", "<frozen")
OF_A_COPY = {ItemsView.__iter__.__code__, ValuesView.__iter__.__code__}


class _Place:
    """The one observer of this process, and whether packages that a verifier does not declare are
    out of its reach."""

    seen: Observer | None = None
    closed = False


def observe(notes: Path) -> None:
    """Note from now on, for good, what the verifiers of this process do."""
    seen = _Place.seen = Observer(notes)
    imports = Imports(seen)
    sys.addaudithook(seen.heard)
    setattr(builtins, "__import__", imports.importing(builtins.__import__))  # noqa: B010
    setattr(importlib, "__import__", imports.importing(importlib.__import__))  # noqa: B010
    importlib.import_module = imports.importing_module(importlib.import_module)
    importlib.util.find_spec = imports.finding(importlib.util.find_spec)
    sqlite3.connect = sqlite3.dbapi2.connect = seen.connecting(sqlite3.connect)
    os.environ.__class__ = _Environment


def close_packages() -> None:
    """Keep the verifiers of this process from packages that they do not declare, for good."""
    _Place.closed = True


@contextmanager
def asked(verifier: Verifier, case: Case, answer: Answer) -> Iterator[None]:
    """For as long as ``verifier`` judges, acts are its own."""
    if _Place.seen is None:
        yield
        return
    _Place.seen.begin(verifier, case, answer)
    try:
        yield
    finally:
        _Place.seen.verifier = None


class Imports:
    """What stands in the way of imports, to note them."""

    def __init__(self, seen: Observer) -> None:
        self._seen = seen
        self._known: set[Any] = set()
        self._own = threading.local()

    def importing(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """``__import__`` that notes what is imported, also a second time."""

        def __import__(
            name: str,
            globals: Any = None,
            locals: Any = None,
            fromlist: Sequence[str] | None = (),
            level: int = 0,
        ) -> Any:
            asking = globals.get("__name__") if globals else None
            key = (asking, name, tuple(fromlist or ()), level, self._seen.by)
            frame = sys._getframe(1)
            noting = self._noting and frame.f_code.co_filename.startswith(NOTING)
            if key in self._known or noting:
                return real(name, globals, locals, fromlist, level)
            with self._notes():
                self._must_be_in_reach(name if level == 0 else "", frame)
            found = self._tried(
                "" if level else name, frame, lambda: real(name, globals, locals, fromlist, level)
            )
            base = found.__name__ if fromlist else name
            with self._notes():
                self._imported([base, *(f"{base}.{one}" for one in fromlist or ())], frame)
            self._known.add(key)
            return found

        return __import__

    def importing_module(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """``importlib.import_module`` that does the same."""

        def import_module(name: str, package: str | None = None) -> Any:
            frame = sys._getframe(1)
            with self._notes():
                self._must_be_in_reach(name, frame)
            found = self._tried("" if package else name, frame, lambda: real(name, package))
            with self._notes():
                self._imported([found.__name__], frame)
            return found

        return import_module

    @property
    def _noting(self) -> bool:
        return getattr(self._own, "noting", False)

    @contextmanager
    def _notes(self) -> Iterator[None]:
        """What this thread imports meanwhile, it imports to note something: the standard library of
        some versions imports inside of functions."""
        before, self._own.noting = self._noting, True
        try:
            yield
        finally:
            self._own.noting = before

    def _tried(self, name: str, frame: FrameType, load: Callable[[], Any]) -> Any:
        try:
            return load()
        except ModuleNotFoundError:
            top = name.partition(".")[0]
            if top and top not in sys.stdlib_module_names:
                importer, at = origins.of(frame.f_code.co_filename)
                if importer is Origin.PACKAGE:
                    self._seen.put("absent", at, top)
                else:
                    self._seen.note("absent", top, frame)
            raise

    def _imported(self, names: Sequence[str], frame: FrameType) -> None:
        parts = names[0].split(".")
        above = [".".join(parts[:n]) for n in range(1, len(parts))]
        importer, at = origins.of(frame.f_code.co_filename)
        for name in (*above, *names):
            file = getattr(sys.modules.get(name), "__file__", None)
            origin, place = origins.of(file or "")
            if origin is Origin.PACKAGE and importer is Origin.PACKAGE:
                self._seen.put("module", at, place)  # the long way up the stack says no more
            elif origin in (Origin.OWN, Origin.PACKAGE):
                self._seen.note("module", place, frame)

    def finding(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """``importlib.util.find_spec`` that does not find what is out of reach."""

        def find_spec(name: str, package: str | None = None) -> Any:
            frame = sys._getframe(1)
            return None if self._out_of_reach(name, frame) else real(name, package)

        return find_spec

    def _must_be_in_reach(self, name: str, frame: FrameType) -> None:
        if self._out_of_reach(name, frame):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def _out_of_reach(self, name: str, frame: FrameType) -> bool:
        """Whether a verifier's own code asks for a package that the verifier does not declare."""
        top, verifier = name.partition(".")[0], self._seen.verifier
        if not _Place.closed or verifier is None or not top:
            return False
        source = self._seen.source(frame)
        if source is None or origins.of(source)[0] is not Origin.OWN:
            return False
        spec = importlib.machinery.PathFinder.find_spec(top)
        package = spec is not None and origins.of(spec.origin or "")[0] is Origin.PACKAGE
        return package and not origins.declared(top, verifier.packages)


class _Environment(os._Environ):  # type: ignore[type-arg]
    """The environment, which notes the variables that are read; a copy of all of it reads none."""

    _copied: tuple[CodeType, int] | None = None

    def keys(self) -> KeysView[Any]:
        frame = sys._getframe(1)
        _Environment._copied = (frame.f_code, frame.f_lasti)
        return super().keys()

    def __getitem__(self, key: Any) -> Any:
        frame: FrameType | None = sys._getframe(1)
        if frame and (frame.f_code, frame.f_lasti) != self._copied:
            while frame and frame.f_code.co_filename in origins.MAPPINGS:
                if frame.f_code in OF_A_COPY:
                    return super().__getitem__(key)
                frame = frame.f_back
            if frame and _Place.seen and not origins.standard(frame.f_code.co_filename):
                _Place.seen.note("env", str(key), frame)
        return super().__getitem__(key)
