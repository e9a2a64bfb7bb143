"""What is asked of a running server, and of the embedded engine to know what is to be expected."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

from harness.content.served import Fields
from harness.engines.base import Ask, Decoding
from harness.engines.elsewhere.markers import FIXED
from harness.engines.elsewhere.residents import Process, Residents, Said, running
from harness.errors import EngineError
from harness.subjects.base import Bench, Numbers
from harness.subjects.kinds.served import schedule
from harness.subjects.kinds.served.numbers import telling
from harness.subjects.kinds.served.spec import BASE, Spec, Step, fields, unknowns

DEV = 2  # dev prompts of each suite among the probes
AFTER = 12  # requests after something was done to the server
Asked = Sequence[tuple[str, int]]  #: who, and which probe
T = TypeVar("T")


def probes(bench: Bench) -> list[Ask]:
    """What is asked, greedily: the entry's own probes, or fixed ones and dev prompts."""
    own: Spec = bench.own
    said: list[tuple[str, Literal["chat", "completion"], str | None]]
    said = [(text, own.mode, None) for text in own.probes or FIXED]
    if not own.probes:
        dev = [(each, case) for each in bench.suites.values() for case in each.dev[:DEV]]
        said += [(s.form.text(c.prompt), s.form.mode, s.spec.system) for s, c in dev]
    decoding = Decoding(own.tokens)
    return [Ask(text, mode, system, decoding, 0, "") for text, mode, system in said]


def truth(bench: Bench, cases: Sequence[str]) -> Iterator[tuple[str, Numbers]]:
    """What each one's weights answer here, alone in a process."""
    engine, asks = bench.engine(), probes(bench)
    prompts = [engine.encode(ask.prompt, ask.mode, ask.system) for ask in asks]
    engine.settle(tokens=max(map(len, prompts)) + bench.own.tokens)
    for who in cases:
        engine.mount(None if who == BASE else bench.folders[who])
        found = dict(engine.generate(prompts, asks[0].decoding))
        yield who, {"said": [found[at].text for at in range(len(asks))]}
    engine.mount(None)


def asked(bench: Bench, cases: Sequence[str]) -> Iterator[tuple[str, Numbers]]:
    """Case by case what the server said, as rows of who was asked, which probe, status, text, what
    the server stated, how often; nothing of a schedule where no probe tells its adapters apart."""
    own, root = bench.own, bench.entry.root
    with running(own.start, root, own.endpoint) as process:
        session = Session(bench, process)
        for case in cases if any(case != schedule.SOLO for case in cases) else cases[:1]:
            if case == schedule.SOLO:
                yield case, session.solo
            elif session.ready:
                yield case, session.case(case)


class Session:
    """A server that was asked alone for each of its adapters, and is asked on."""

    def __init__(self, bench: Bench, process: Process | None) -> None:
        self._own: Spec = bench.own
        self._root, self._process = bench.entry.root, process
        self._asks, self._who = probes(bench), fields(self._own)
        first = next(iter(self._own.adapters.values()))
        self._server = Residents(self._own, bench.folders["base"], first, self._own.header)
        times = list[float]()
        readings = {who: [self._alone(who, times) for _ in range(2)] for who in self._who}
        said = {
            who: [one if one == two else None for one, two in zip(*both, strict=True)]
            for who, both in readings.items()
        }
        self.solo: Numbers = {"said": said, "ms": sorted(times)}
        self._markers = telling(said)

    @property
    def ready(self) -> bool:
        """Whether everyone has a probe that nobody else answers so."""
        return all(self._markers.values())

    def case(self, name: str) -> Numbers:
        """The numbers of one case but the first."""
        if name == schedule.UNKNOWN:
            return {"rows": [self._refusal(each) for each in unknowns(self._own)]}
        if name == schedule.RELOAD:
            return self._reloaded()
        if name == schedule.UNLOAD:
            return self._unloaded()
        if name == schedule.RESTART:
            return self._restarted()
        plan = schedule.requests(self._own, name, self._markers)
        together = name.partition(" ")[0] in schedule.TOGETHER
        return {"among": len({who for who, _ in plan}), **self._rows(plan, together)}

    def _alone(self, who: str, times: list[float]) -> list[str]:
        found = [self._server.answered(ask, self._who[who]) for ask in self._asks]
        times += [_ms(one) for one in found]
        if refused := next((one for one in found if one.status >= 300), None):
            text = f"`served.adapters.{who}`" if who != BASE else "`served.base`"
            raise EngineError(
                f"{self._own.endpoint}: HTTP {refused.status} to the fields of {text} in"
                f" library.yaml: {refused.text}; name what the server holds"
            )
        return [one.text for one in found]

    def _say(self, plan: Asked, together: bool = False) -> list[Said]:
        def one(each: tuple[str, int]) -> Said:
            return self._server.answered(self._asks[each[1]], self._who[each[0]])

        with ThreadPoolExecutor(self._own.parallel if together else 1) as threads:
            return list(threads.map(one, plan))

    def _rows(self, plan: Asked, together: bool = False) -> Numbers:
        """What was said, alike replies as one row, and the milliseconds of each."""
        said = self._say(plan, together)
        pairs = zip(plan, said, strict=True)
        many = Counter((*who, one.status, one.text, one.stated) for who, one in pairs)
        return {"rows": [[*row, n] for row, n in many.items()], "ms": sorted(map(_ms, said))}

    def _in_order(self, who: str, telling: str = "") -> list[list[Any]]:
        """A few requests to one, each a row of its own; by the probes of another on demand."""
        known = self._markers[telling or who]
        plan = [(who, known[n % len(known)]) for n in range(AFTER)]
        found = zip(plan, self._say(plan), strict=True)
        return [[*one, said.status, said.text, said.stated, 1] for one, said in found]

    def _refusal(self, said: Fields) -> list[Any]:
        """Of fields that nobody has, status and text; alone in what may be answered by an error."""
        probe = self._markers[next(iter(self._own.adapters))][0]
        found = self._server.said(self._asks[probe], said)
        return [json.dumps(said, sort_keys=True), probe, found.status, found.text]

    def _reloaded(self) -> Numbers:
        """What answers to a name before, after and behind other weights under it. The same prompts
        were asked before, so that a stale prefix would show."""
        how = self._own.reload
        assert how is not None
        before = self._in_order(how.adapter, how.becomes)
        self._do(how.do)
        after = self._in_order(how.adapter, how.becomes)
        self._do(how.back)
        back = self._in_order(how.adapter) if how.back else []
        return {"before": before, "after": after, "back": back}

    def _unloaded(self) -> Numbers:
        """All are asked while one adapter is unloaded, that one again, then all while it is
        loaded."""
        how = self._own.unload
        assert how is not None
        everyone = [*self._who] * 2
        flight, _ = self._during(everyone, lambda: self._do(how.do))
        gone = self._in_order(how.adapter)
        loading, _ = self._during(everyone, lambda: self._do(how.back))
        back = self._in_order(how.adapter) if how.back else []
        return {"flight": flight + (loading if how.back else []), "gone": gone, "back": back}

    def _restarted(self) -> Numbers:
        """The server is killed while all are asked, and begun again."""
        process, first = self._process, (BASE, self._markers[BASE][0])
        assert process is not None
        began = time.perf_counter()

        def again() -> float:
            process.kill()
            process.begin()
            self._say([first])
            return round(1000 * (time.perf_counter() - began), 2)

        flight, lasted = self._during([*self._who] * 2, again)
        rows = [row for who in self._who for row in self._in_order(who)]
        return {"flight": flight, "rows": rows, "ms": [lasted]}

    def _during(self, whos: Sequence[str], what: Callable[[], T]) -> tuple[list[list[Any]], T]:
        """What those are answered who asked while ``what`` is done, and what came of that."""
        plan = [(who, self._markers[who][0]) for who in whos]

        def one(each: tuple[str, int]) -> list[Any]:
            try:
                said = self._server.said(self._asks[each[1]], self._who[each[0]])
            except EngineError as error:  # nothing came back: it was cut off
                return [*each, 503, str(error)[:80], None, 1]
            return [*each, said.status, said.text, said.stated, 1]

        with ThreadPoolExecutor(self._own.parallel) as threads:
            waiting = [threads.submit(one, each) for each in plan]
            done = what()
            return [each.result() for each in waiting], done

    def _do(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if step.post:
                self._server.post(step.post, step.body)
                continue
            done = subprocess.run(step.run, cwd=self._root, capture_output=True, text=True)
            if done.returncode:
                said = (done.stderr or done.stdout).strip().rpartition("\n")[2][:200]
                raise EngineError(f"`{' '.join(step.run)}` ended with {done.returncode}: {said}")


def _ms(said: Said) -> float:
    return round(1000 * said.seconds, 2)
