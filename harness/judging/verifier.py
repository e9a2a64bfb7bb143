"""The verifier contract: a pure function of one case and one answer that returns a judgement.

    from harness import Answer, Case, Judgement, failed, passed, verifier

    @verifier("godot.parses", version=1, facet="godot", packages=["gdtoolkit"])
    def parses(case: Case, answer: Answer) -> Judgement:
        '''The answer holds GDScript that Godot 4's grammar accepts.'''
        code = answer.code("gdscript")
        if code is None:
            return failed("no-code", "the answer has no GDScript block")
        ...
        return passed(f"{len(code.splitlines())} lines parse")

A verifier must demand something positive: no code to complain about is a failure, not a pass.
Whatever is not a ``Judgement`` - a bool, ``None``, NaN, an exception - counts as ``unverified``,
and so does a verifier that changes its input. It gets a copy of the case whose mapping is
read-only, and no network: what it needs, it declares."""

from __future__ import annotations

import copy
import enum
import functools
import hashlib
import inspect
import shutil
import subprocess
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.content.case import Case
from harness.errors import VerifierError
from harness.judging.answer import Answer
from harness.sandbox import brought

MOST_SPANS = 20  # of one judgement, that are kept
Span = tuple[int, int]


class Kind(enum.StrEnum):
    """How a verifier finds out: by reading the answer, by running it in a sandbox, or by asking a
    language model."""

    PROGRAM = "program"
    EXECUTED = "executed"
    LLM = "llm"


#: how much a verifier sees of an answer: it is run, a compiler takes it, its tree is asked, its
#: text is read, a language model is asked; what sees less is a criterion of its own name
LEVELS = ("executed", "compiled", "parsed", "read", "asked")
_USUAL = {Kind.EXECUTED: "executed", Kind.PROGRAM: "read", Kind.LLM: "asked"}


class Outcome(enum.StrEnum):
    """What a verifier found; only ``PASS`` counts, and ``UNVERIFIED`` is never hidden."""

    PASS = "pass"
    FAIL = "fail"
    UNVERIFIED = "unverified"


@dataclass(frozen=True)
class Judgement:
    """One outcome with a short reason code (``no-code``, ``syntax``) and evidence for a reader.

    ``spans`` are where in the answer's text that evidence stands, each ``(start, end)`` in
    characters; they are shown and decide nothing, and what lies outside of the text is left out.
    ``rule`` says how code was taken from the answer (:attr:`harness.judging.answer.Answer.rule`);
    the harness fills it in."""

    outcome: Outcome
    reason: str
    evidence: str = ""
    rule: str = ""
    spans: tuple[Span, ...] = ()


def passed(evidence: str = "", spans: Iterable[Span] = ()) -> Judgement:
    """The answer meets the criterion."""
    return Judgement(Outcome.PASS, "ok", evidence, spans=tuple(spans))


def failed(reason: str, evidence: str = "", spans: Iterable[Span] = ()) -> Judgement:
    """The answer does not meet the criterion; ``reason`` is a short code."""
    return Judgement(Outcome.FAIL, reason, evidence, spans=tuple(spans))


def unverified(reason: str, evidence: str = "", spans: Iterable[Span] = ()) -> Judgement:
    """The verifier cannot tell: a tool is missing, or the answer uses what it does not
    understand."""
    return Judgement(Outcome.UNVERIFIED, reason, evidence, spans=tuple(spans))


@dataclass(frozen=True)
class Verifier:
    """A verifier function with what the harness must know to audit and to trust it.

    A certificate is bound to the versions of its ``packages`` (distributions) and ``executables``
    (programs on PATH, else those that its sandbox brings) and to its ``settings`` (thresholds, a
    judge's model and prompt). With ``sandbox`` the function takes a third argument, the
    :class:`harness.sandbox.Sandbox` that runs untrusted code for it."""

    id: str
    version: int
    facet: str
    function: Callable[..., Judgement]
    packages: tuple[str, ...] = ()
    sandbox: bool = False
    executables: tuple[str, ...] = ()
    kind: Kind = Kind.PROGRAM
    settings: Mapping[str, Any] = field(default_factory=dict)
    level: str = ""  #: one of :data:`LEVELS`

    @property
    def path(self) -> Path:
        """The file that defines the verifier."""
        function = inspect.unwrap(self.function)
        code = getattr(function, "__code__", None) or type(function).__call__.__code__
        return Path(code.co_filename)

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]

    def tools(self, sandbox: str | None = None) -> dict[str, str]:
        """Versions of the packages and programs it needs, judging in the ``sandbox`` of that name,
        ``missing`` where one is not there, and what identifies the model that it asks."""
        asked = getattr(self.function, "identity", None)
        return self._installed(sandbox) | ({"model": asked()} if asked else {})

    def brought(self, sandbox: str | None) -> Mapping[str, str]:
        """The programs that it uses of the sandbox of that name, since this machine lacks one of
        its own; none where it uses this machine's."""
        if not self.sandbox or all(map(shutil.which, self.executables)):
            return {}
        return brought(sandbox)

    def _installed(self, sandbox: str | None) -> dict[str, str]:
        inside, found = self.brought(sandbox), {name: _version(name) for name in self.packages}
        if inside:
            return found | {name: inside.get(name, "missing") for name in self.executables}
        return found | {name: _program_version(shutil.which(name)) for name in self.executables}

    def judge(self, case: Case, answer: Answer, sandbox: Any = None) -> Judgement:
        """Call the function and accept nothing but a ``Judgement``; never raises for what a
        verifier does."""
        found_here = self._installed(getattr(sandbox, "name", None))
        missing = [name for name, version in found_here.items() if version == "missing"]
        if missing:
            return unverified("tool-missing", f"not installed: {', '.join(missing)}")
        expect, expected = copy.deepcopy(dict(case.expect)), case.expect
        text = answer.text if type(answer) is Answer else None
        # neither group nor tags: known answers have none, and no audit could see what they do
        given, before = (
            Case(case.id, case.prompt, e) for e in (MappingProxyType(expect), expected)
        )
        try:
            found = (
                self.function(given, answer, sandbox)
                if self.sandbox
                else self.function(given, answer)
            )
        except (
            Exception,
            SystemExit,
        ) as error:  # a verifier that raises has judged nothing; the reader sees where
            frames = "".join(traceback.format_tb(error.__traceback__)[1:][-3:])
            return unverified("raised", f"{type(error).__name__}: {error}\n{frames}".rstrip())
        if not _is_judgement(found):
            return unverified(
                "not-a-judgement", f"returned {_shown(found)}, expected harness.Judgement"
            )
        if expect != expected or given != before or (text is not None and answer.text != text):
            return unverified(
                "changed-its-input", "the verifier changed the case or the answer that it was given"
            )
        size = len(text or "")
        inside = [(start, end) for start, end in found.spans if 0 <= start < end <= size]
        return replace(found, spans=tuple(inside[:MOST_SPANS]))


def verifier(
    id: str,
    *,
    version: int,
    facet: str,
    packages: Sequence[str] = (),
    sandbox: bool = False,
    executables: Sequence[str] = (),
    kind: Kind | str | None = None,
    settings: Mapping[str, Any] | None = None,
    level: str = "",
) -> Callable[[Callable[..., Judgement]], Verifier]:
    """Turn a function, or a class whose instances are called, into a :class:`Verifier`.

    ``id`` is ``facet.criterion``; raise ``version`` with every change. ``kind`` is ``program``
    unless the verifier runs code (``sandbox``) or says otherwise; ``level`` is one of
    :data:`LEVELS`, by default what its kind usually sees. Raises :class:`VerifierError` for an id,
    a version, a kind or a level that is none."""
    if not all(part.isidentifier() for part in id.split(".")) or "." not in id:
        raise VerifierError(
            f"verifier id {id!r}: expected FACET.CRITERION, for example 'godot.parses'"
        )
    if type(version) is not int or version < 1:
        raise VerifierError(
            f"verifier {id!r}: version {version!r}: expected a whole number, 1 or more"
        )
    if isinstance(packages, str) or isinstance(executables, str):
        raise VerifierError(
            f"verifier {id!r}: packages and executables are lists of names, not one string"
        )
    try:
        chosen = Kind(kind) if kind else Kind.EXECUTED if sandbox else Kind.PROGRAM
    except ValueError:
        raise VerifierError(
            f"verifier {id!r}: kind {kind!r}: expected one of {', '.join(Kind)}"
        ) from None
    if level and level not in LEVELS:
        raise VerifierError(
            f"verifier {id!r}: level {level!r}: expected one of {', '.join(LEVELS)}"
        )
    bound, seen = MappingProxyType(dict(settings or {})), level or _USUAL[chosen]

    def wrap(function: Callable[..., Judgement]) -> Verifier:
        called: Any = function() if inspect.isclass(function) else function
        tools = (tuple(packages), sandbox, tuple(executables))
        return Verifier(id, version, facet, called, *tools, chosen, bound, seen)

    return wrap


def _is_judgement(found: object) -> bool:
    """Whether ``found`` is a judgement with exact built-in types: a look-alike could answer ``==``
    as it likes."""
    if type(found) is not Judgement or type(found.outcome) is not Outcome:
        return False
    if type(found.spans) is not tuple or any(type(span) is not tuple for span in found.spans):
        return False
    places = all([type(at) for at in span] == [int, int] for span in found.spans)
    return places and type(found.reason) is str and type(found.evidence) is str


def _shown(found: object) -> str:
    try:
        return f"{found!r:.200}"
    except Exception:  # its repr is as foreign as the rest of it
        return f"a {type(found).__name__}"


@functools.cache
def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "missing"


@functools.cache
def _program_version(path: str | None) -> str:
    """The first line of ``PROGRAM --version``, with the digest of the file, as a version line alone
    may stay the same."""
    if path is None:
        return "missing"
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
    try:
        asked = subprocess.run(
            [path, "--version"],
            capture_output=True,
            timeout=10,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        lines = (asked.stdout or asked.stderr).decode(errors="replace").strip().splitlines()
    except (OSError, subprocess.TimeoutExpired):
        lines = []
    return f"{lines[0].strip()[:80] if lines else 'no version'} ({digest})"
