"""What is wrong with a pool before anything is asked: an adapter that is not there, a router that
is of another kind or another encoder than is said, examples that it is tested on."""

from __future__ import annotations

from collections.abc import Iterator

from harness.subjects.base import Bench, Fault
from harness.subjects.kinds.pool import routing
from harness.subjects.kinds.pool.spec import FITTED, MEMBER, Pool
from harness.subjects.kinds.stream.pools import unfit
from harness.subjects.training.contamination import SIMILAR, near_duplicates

FEW = 2  # examples of a component: fewer, and its spread is the floor's


def examined(bench: Bench) -> Iterator[Fault]:
    """Every fault, the adapters' first."""
    own: Pool = bench.own
    gone = [name for name in own.adapters if MEMBER.format(name) not in bench.folders]
    for name in gone:
        folder = bench.entry.folder(own.adapters[name])
        text = f"{name}: no such folder: {folder}; whoever serves the pool answers its requests"
        yield Fault("pool-missing", f"{text} with {own.fallback} and says nothing")
    if gone:
        return
    yield from unfit(bench, MEMBER.format(""))
    router = routing.of(bench)
    digest = bench.digests.get("encoder", f"hashed-ngrams {own.router.encoder.width}")
    told = {"library.yaml": own.router.encoder.digest}
    if own.router.kind in FITTED:
        told |= {str(bench.folders.get("state")): router.state.encoder}
        yield from _of_state(router)
    for where, said in told.items():
        if said is not None and said != digest:
            text = f"{where} names the encoder {said}, which was frozen; what there is is {digest}"
            yield Fault("pool-encoder", f"{text}: every vector means something else now")
    yield from _tested_on(bench, router)


def _of_state(router: routing.Router) -> Iterator[Fault]:
    own, state = router.own, router.state
    if router.unlike:
        text = f"declared is {own.router.kind}, which needs {', '.join(router.needs)}; the state"
        has = ", ".join(state.arrays) or "no array"
        yield Fault("pool-state", f"{text} says {state.kind!r} and has {has}")
    if state.per != "request":
        text = f"it decides for each {state.per}; what is reported and judged is one adapter for"
        yield Fault("pool-per-token", f"{text} each request")
    for name, many in zip(state.adapters, state.arrays.get("counts", ()), strict=False):
        if many < FEW:
            text = f"a component of {name} was fitted on {int(many)} example, and is that example"
            yield Fault("pool-thin", text, "block")


def _tested_on(bench: Bench, router: routing.Router) -> Iterator[Fault]:
    """Whether a prompt that is asked stands among the examples, or nearly."""
    cases = [(id, case) for id, each in bench.suites.items() for case in each.cases]
    asked, known = [case.prompt for _, case in cases], [one.prompt for one in router.examples]
    alike = sorted({at for at, _, _ in near_duplicates(asked, known, SIMILAR)})
    alike += [n for n, text in enumerate(asked) if text in set(known) and n not in alike]
    if alike:
        suite, case = cases[alike[0]]
        text = f"{len(alike)} of {len(asked)} prompts stand among the examples of the router, or"
        text = f"{text} nearly, first {suite} {case.id}: what it does with those it was told"
        yield Fault("pool-leak", f"{text}; take them out of {bench.folders['examples']}")
