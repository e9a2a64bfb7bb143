"""Several adapters in one command: each is gated as if it were alone, on a base loaded once.

A gate pauses before it asks what is mounted, when its plan is registered, base has answered and its
look is in the ledger. Where the device gains by it, what all that pause are about to ask is
answered in one batch of several adapters, into the answers that each then goes on from; else one
gate follows the other."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.content.library import Entry
from harness.digests import read_by_loaders, stamps
from harness.engines.base import Answering, Ask, WhiteBox
from harness.errors import EngineError, HarnessError, WorkspaceError, boundary
from harness.gate.conclude import conclude
from harness.gate.engines import Load, load_engine
from harness.gate.measure import asked, may_ask, measure, open_run
from harness.gate.prepare import Options, Prepared, Wanted, look_up, prepare
from harness.gate.progress import Progress, named, silent
from harness.verdict import Verdict

MOST = 8  # gates at once: each has judges and a sandbox of its own
Begun = Callable[[Prepared], None]  #: is told what was prepared, before the first answer


@dataclass(frozen=True)
class Asking:
    """A gate that is about to ask what is mounted, by arm."""

    prepared: Prepared
    asks: dict[str, list[Ask]]


@dataclass(frozen=True)
class Ended:
    """How the gate of one adapter ended: with a verdict and a run folder, or by the ``error`` that
    kept it from running. ``recorded`` is the look that it added to the ledger."""

    adapter: str
    verdict: Verdict | None = None
    folder: Path | None = None
    recorded: Path | None = None
    error: str = ""

    @property
    def word(self) -> str:
        """The verdict, in a word."""
        return self.verdict.name if self.verdict else "could not run"


Steps = Generator[Asking | Ended]  #: one gate on its way; how it ended comes last


def gated(wanted: Wanted, progress: Progress, load: Load, begun: Begun) -> Steps:
    """One gate, which pauses before what is mounted is asked about a suite."""
    with prepare(wanted, progress, load) as prepared, open_run(prepared) as run:
        begun(prepared)
        for id in wanted.suites:
            if may_ask(prepared, run, progress):
                yield Asking(prepared, asked(prepared, run, id))
            measure(prepared, run, id, progress)
        verdict = conclude(prepared, run)
    yield Ended(wanted.entry.name, verdict, run.folder, prepared.ledger.recorded)


def run_gates(
    options: Sequence[Options],
    progress: Progress = silent,
    load: Load = load_engine,
    begun: Begun = lambda _: None,
    mix: bool | None = None,
) -> Iterator[Ended]:
    """Gate several adapters, base by base, and say of each how it ended as soon as it has.

    Each ``run_dir`` gets a folder of its name for each of several. ``mix`` says whether adapters of
    one base answer in one batch; by default on a GPU. What keeps one from running keeps no other.
    Raises :class:`HarnessError` where one cannot be found, before anything is asked."""
    wanted = [look_up(one) for one in options]
    names = [one.entry.name for one in wanted]
    for name in {name for name in names if names.count(name) > 1}:
        raise WorkspaceError(f"--adapter {name}: named {names.count(name)} times; name each once")
    loaded, many = _Loaded(load), len(wanted)

    def start(one: Wanted) -> Steps:
        if many == 1:
            return gated(one, progress, loaded, begun)
        label = f"{one.entry.name} ({1 + names.index(one.entry.name)} of {many})"
        return gated(_apart(one), named(label, progress), loaded, begun)

    bases: dict[tuple[Path, str], deque[Wanted]] = defaultdict(deque)
    for one in wanted:
        bases[one.entry.base_path.resolve(), one.entry.base.dtype].append(one)
    for waiting in bases.values():
        while waiting:
            yield from _go(waiting, start, partial(_mixes, mix), progress)


def _apart(wanted: Wanted) -> Wanted:
    """With a run folder of its own below the one that was named for all."""
    at = wanted.options.run_dir
    own = str(Path(at) / wanted.entry.name) if at else None
    return replace(wanted, options=replace(wanted.options, run_dir=own))


class _Loaded:
    """Gives the engine of a base that was loaded already, as long as none of its files was written
    or replaced; holds one base."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._of: object = None
        self._engine: Answering | None = None

    def __call__(self, entry: Entry) -> Answering:
        base = entry.base_path
        read = stamps(read_by_loaders(base))
        of = (base.resolve(), entry.base.dtype, entry.answers, entry.adapter.engine, read)
        if self._engine is None or of != self._of:
            self._engine = None  # before the next is in memory
            self._engine, self._of = self._load(entry), of
        if isinstance(self._engine, WhiteBox):
            self._engine.stand()  # whatever another gate has answered with
        return self._engine


def _go(
    waiting: deque[Wanted],
    start: Callable[[Wanted], Steps],
    mixes: Callable[[Prepared], bool],
    progress: Progress,
) -> Iterator[Ended]:
    """Gate the first that waits, and with it those behind it that answer in one batch with it."""
    with ExitStack() as stack:
        going: dict[str, tuple[Steps, Asking]] = {}

        def step(name: str, steps: Steps) -> Iterator[Ended]:
            going.pop(name, None)
            said = _said(name, steps)
            if isinstance(said, Ended):
                yield said
            else:
                going[name] = steps, said

        while waiting and len(going) < MOST:
            if any(not mixes(asking.prepared) for _, asking in going.values()):
                break
            one = waiting.popleft()
            steps = start(one)
            stack.callback(steps.close)
            yield from step(one.entry.name, steps)
        while going:
            if len(going) > 1:
                _ahead([asking for _, asking in going.values()], progress)
            for name, (steps, _) in list(going.items()):
                yield from step(name, steps)


def _said(name: str, steps: Steps) -> Asking | Ended:
    """What a gate says next; what keeps it from running is how it ended."""
    try:
        with boundary():
            return next(steps)
    except HarnessError as error:
        return Ended(name, error=str(error))


def _mixes(mix: bool | None, prepared: Prepared) -> bool:
    """Whether adapters are to answer in one batch on this engine."""
    found = prepared.engine.identity
    gains = found.get("device") == "gpu" and found.get("numerics") != "exact"
    return gains if mix is None else mix


def _ahead(going: Sequence[Asking], progress: Progress) -> None:
    """Have what was never answered of all these questions answered together, into what is kept.

    It goes without those of another engine or batch than the first, which are of a base that was
    replaced or of runs that go on; and it may end early: each gate asks what is left by itself,
    and is told then what is wrong with it."""
    from harness.engines import mixed
    from harness.engines.decoding.numerics import exhausted

    first = going[0].prepared
    unknown = [
        (one.prepared.kept, ask)
        for one in going
        if (one.prepared.engine, one.prepared.kept.batch) == (first.engine, first.kept.batch)
        for arm, asks in one.asks.items()
        if not any(ask.base for ask in asks)
        for ask in one.prepared.kept.unknown(arm, asks)
    ]
    given = mixed.answer(first.engine, [ask for _, ask in unknown])
    try:
        for number, (at, answer) in enumerate(given, start=1):
            kept, ask = unknown[at]
            kept.hold(ask, answer)
            progress(f"answers of {len(going)} adapters together", number, len(unknown))
    except EngineError:
        return
    except RuntimeError as error:
        if not exhausted(error):
            raise
