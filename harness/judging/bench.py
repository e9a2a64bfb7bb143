"""What a judge process runs: the verifiers of a folder, with a warm sandbox, one answer after
another; and what it is asked and says."""

from __future__ import annotations

import json
import os
import pickle
import resource
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.content.case import Case
from harness.judging.answer import Answer
from harness.judging.discovery import digest, discover, leave_caches_alone
from harness.judging.observed.placed import asked, observe
from harness.judging.verifier import Judgement, Kind, Outcome, Verifier, unverified
from harness.sandbox import cores, open_sandbox, runtime
from harness.sandbox.tools import readable

if TYPE_CHECKING:
    from harness.sandbox.base import Sandbox


START = 60.0  # seconds for the child to load the verifiers, and for a sandbox to open
LIMITS = {Kind.PROGRAM: 10.0, Kind.EXECUTED: 20.0, Kind.LLM: 40.0}  # CPU seconds for one judgement
PATIENCE = 6  # times as long by the wall: a machine may be busy, a verifier may wait for a reply
MEMORY = 4 << 30  # bytes of data of a child, or this process would be the largest to be killed


@dataclass(frozen=True)
class Ask:
    """One judgement to make, within ``limit`` seconds of CPU time or that of the verifier's
    kind; a ``drill`` makes it of many, each within that limit."""

    verifier: str
    case: Case
    answer: Answer
    limit: float | None = None
    drill: Callable[[Callable[[Case, Answer], Judgement]], Judgement] | None = field(
        default=None, kw_only=True
    )


@dataclass(frozen=True)
class Told:
    """What the verifier said, the seconds it took, and those of processor time that the answer's
    own code used in the sandbox."""

    judgement: Judgement
    seconds: float
    cpu: float = 0.0

    @property
    def outcome(self) -> Outcome:
        """The outcome of the judgement."""
        return self.judgement.outcome

    @property
    def asked(self) -> bool:
        """Whether the verifier was asked at all."""
        return self.judgement.reason != "not-asked"

    @property
    def hung(self) -> bool:
        """Whether the verifier overran its limit or ended the process; one that fails a candidate
        for its time-out has judged."""
        lost = self.judgement.reason in ("timeout", "judge-died")
        return lost and self.outcome is Outcome.UNVERIFIED


@dataclass(frozen=True)
class Setup:
    """All that a child is told once: which verifiers, in which sandbox, and what holds for it.

    ``folder`` has the ``digest`` of :func:`harness.judging.discovery.digest` when judging begins,
    and of its files those of the names ``only`` are loaded, all where there are none;
    ``sandbox`` names one that was probed, or is ``None`` when no verifier needs one.
    ``environment`` is added to this process's own, and ``enter`` called before a verifier loads.
    What the verifiers do is noted in the file ``notes``. ``secret`` seeds what a verifier draws:
    that of the run, none for an audit, whose answers are no adversary's."""

    folder: Path
    digest: str
    sandbox: str | None
    environment: tuple[tuple[str, str], ...] = ()
    enter: Callable[[], None] | None = None
    notes: Path | None = None
    core: int | None = None  #: the only one to run on
    runtime: runtime.Runtime | None = None  #: found once, not by every child
    secret: bytes = b""
    limits: dict[Kind, float] = field(default_factory=lambda: dict(LIMITS))
    only: frozenset[str] = frozenset()


class Bench:
    """The verifiers of a folder, loaded in this process, with one sandbox for those that run code,
    or two, where some use programs that only a sandbox has; close it."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._verifiers = discover(setup.folder, setup.only).verifiers
        self._changed = digest(setup.folder) != setup.digest
        self._sandboxes: dict[bool, Sandbox] = {}  #: that with programs of its own, and the other
        self.limits = {id: setup.limits[one.kind] for id, one in self._verifiers.items()}

    def begin(self, asks: Sequence[Ask]) -> None:
        """Let those that ask a server about these answers work ahead."""
        sitting = repr(self._setup.enter) if self._setup.enter else None
        for id in dict.fromkeys(ask.verifier for ask in asks):
            begin = getattr(getattr(self._verifiers.get(id), "function", None), "begin", None)
            if begin is not None and not self._changed:
                begin([(ask.case, ask.answer) for ask in asks if ask.verifier == id], sitting)

    def judge(self, ask: Ask) -> tuple[Judgement, float]:
        """What one verifier says, and the seconds it took; ``unverified`` when it is not the one
        that was asked for or has no sandbox."""
        verifier = self._verifiers.get(ask.verifier)
        if self._changed or verifier is None:
            why = f"{ask.verifier} is not what it was when judging began"
            return unverified("verifier-changed", why), 0.0
        try:
            sandbox = self._opened(verifier) if verifier.sandbox else None
        except Exception as error:
            return unverified("judge-failed", f"{type(error).__name__}: {error}"), 0.0
        if verifier.sandbox and sandbox is None:
            why = "the verifier needs a sandbox and none was opened"
            return unverified("no-sandbox", why), 0.0
        if ask.drill is not None:
            return ask.drill(
                lambda case, answer: self._limited(
                    verifier, Ask(ask.verifier, case, answer), sandbox
                )[0]
            ), 0.0
        return self._limited(verifier, ask, sandbox)

    def _limited(self, verifier: Verifier, ask: Ask, sandbox: Any) -> tuple[Judgement, float]:
        limit = ask.limit or self.limits[ask.verifier]
        began = time.perf_counter()
        # both end this process, even inside of a regular expression or where nobody waits any more
        signal.setitimer(signal.ITIMER_PROF, limit)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE * limit)
        with asked(verifier, ask.case, ask.answer):
            found = verifier.judge(ask.case, ask.answer, sandbox)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        return replace(found, rule=ask.answer.rule), time.perf_counter() - began

    def _opened(self, verifier: Verifier) -> Sandbox | None:
        name = self._setup.sandbox
        own = bool(verifier.brought(name))
        if own not in self._sandboxes and name is not None:
            sandboxed = [one for one in self._verifiers.values() if one.sandbox]
            declared = dict.fromkeys(tool for one in sandboxed for tool in one.executables)
            seen = () if own else readable([*declared])
            self._sandboxes[own] = open_sandbox(name, readable=seen, programs=own)
            self._sandboxes[own].secret = self._setup.secret
        return self._sandboxes.get(own)

    @property
    def cpu(self) -> float:
        """Seconds of processor time that the sandboxes have spent on answers so far."""
        return sum(one.cpu for one in self._sandboxes.values())

    def close(self) -> None:
        """Close the sandboxes that were opened."""
        for one in self._sandboxes.values():
            with suppress(Exception):
                one.close()


def main(channel: int) -> None:
    """What the child process runs: read questions from the socket ``channel``, say a line of JSON
    for each, until the other end is closed."""
    os.set_inheritable(channel, False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    ended = suppress(EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt)
    with ended, socket.socket(fileno=channel) as link, link.makefile("rb") as inbox:
        setup: Setup = pickle.load(inbox)
        _settle(setup)
        bench = Bench(setup)
        try:
            link.sendall(json.dumps(bench.limits).encode() + b"\n")
            while True:
                asks: list[Ask] = pickle.load(inbox)
                bench.begin(asks)
                for ask in asks:
                    _answer(bench, ask, link)
        finally:
            bench.close()


def _settle(setup: Setup) -> None:
    """Take the limits and the surroundings that hold for this process."""
    if setup.core is not None:
        cores.keep_to(setup.core)
    if setup.runtime is not None:
        runtime.adopt(setup.runtime)
    with suppress(ValueError, OSError):  # a lower limit holds already
        most = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, most))
    leave_caches_alone()
    if setup.notes is not None:
        observe(setup.notes)
    if setup.enter is not None:
        setup.enter()


def _answer(bench: Bench, ask: Ask, link: socket.socket) -> None:
    own, before = os.getpid(), bench.cpu
    found, seconds = bench.judge(ask)
    if os.getpid() != own:  # a copy that the verifier forked off: it has no say
        os._exit(0)
    said = [found.outcome, found.reason, found.evidence[:2000], found.rule, found.spans]
    spent = [round(seconds, 6), round(bench.cpu - before, 6)]
    link.sendall(json.dumps(said + spent).encode() + b"\n")


def judgement(said: Sequence[Any]) -> Judgement:
    """What the child said, out of its line."""
    outcome, reason, evidence, rule, spans = said
    places = tuple((start, end) for start, end in spans)
    return Judgement(Outcome(outcome), reason, evidence, rule, places)
