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

A verifier must demand something positive: no code to complain about is a failure, not a pass. Whatever is not a
``Judgement`` - a bool, ``None``, an exception - counts as ``unverified``.
"""

from __future__ import annotations

import enum
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from harness.answer import Answer
from harness.errors import VerifierError


class Outcome(enum.StrEnum):
    """What a verifier found; only ``PASS`` counts, and ``UNVERIFIED`` is never hidden."""

    PASS = "pass"
    FAIL = "fail"
    UNVERIFIED = "unverified"


@dataclass(frozen=True)
class Judgement:
    """One outcome with a short reason code (``no-code``, ``syntax``) and evidence for a reader."""

    outcome: Outcome
    reason: str
    evidence: str = ""


def passed(evidence: str = "") -> Judgement:
    """The answer meets the criterion."""
    return Judgement(Outcome.PASS, "ok", evidence)


def failed(reason: str, evidence: str = "") -> Judgement:
    """The answer does not meet the criterion; ``reason`` is a short code."""
    return Judgement(Outcome.FAIL, reason, evidence)


def unverified(reason: str, evidence: str = "") -> Judgement:
    """The verifier cannot tell: a tool is missing, or the answer uses what it does not understand."""
    return Judgement(Outcome.UNVERIFIED, reason, evidence)


@dataclass(frozen=True)
class Case:
    """One held-out prompt: its id, its text and ``expect``, what the criteria need to know about it."""

    id: str
    prompt: str
    expect: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verifier:
    """A verifier function with what the harness must know to audit and to trust it.

    ``packages`` are the distributions whose versions its certificate is bound to; with ``sandbox`` the function takes
    a third argument, the :class:`harness.sandbox.Sandbox` that runs untrusted code for it.
    """

    id: str
    version: int
    facet: str
    function: Callable[..., Judgement]
    packages: tuple[str, ...] = ()
    sandbox: bool = False

    @property
    def path(self) -> Path:
        """The file that defines the verifier."""
        return Path(self.function.__code__.co_filename)

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]

    def tools(self) -> dict[str, str]:
        """Versions of the packages it needs; ``missing`` where one is not installed."""
        return {name: _version(name) for name in self.packages}

    def judge(self, case: Case, answer: Answer, sandbox: Any = None) -> Judgement:
        """Call the function and accept nothing but a ``Judgement``; never raises for what a verifier does."""
        missing = [name for name, version in self.tools().items() if version == "missing"]
        if missing:
            return unverified("tool-missing", f"not installed: {', '.join(missing)}")
        try:
            found = self.function(case, answer, sandbox) if self.sandbox else self.function(case, answer)
        except Exception:  # a verifier that raises has judged nothing; the reader sees where
            return unverified("raised", traceback.format_exc(limit=-3))
        if type(found) is not Judgement or not isinstance(found.outcome, Outcome):
            return unverified("not-a-judgement", f"returned {found!r:.200}, expected harness.Judgement")
        return found


def verifier(
    id: str, *, version: int, facet: str, packages: Sequence[str] = (), sandbox: bool = False
) -> Callable[[Callable[..., Judgement]], Verifier]:
    """Turn a function into a :class:`Verifier`. ``id`` is ``facet.criterion``; raise ``version`` with every change."""
    if not all(part.isidentifier() for part in id.split(".")) or "." not in id:
        raise VerifierError(f"verifier id {id!r}: expected FACET.CRITERION, for example 'godot.parses'")
    return lambda function: Verifier(id, version, facet, function, tuple(packages), sandbox)


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "missing"
