"""What is measured of a router: for every prompt who is to answer it, and what becomes of that when
the prompt is put otherwise, when labels are shuffled, and when adapters come or go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.content import strict
from harness.content.case import Case
from harness.content.suite import Suite
from harness.errors import WorkspaceError
from harness.subjects.base import Bench, Numbers
from harness.subjects.kinds.pool import routing
from harness.subjects.kinds.pool.routing import Router
from harness.subjects.kinds.pool.spec import PROBES, ROUTE

#: the same request in other words, which no router may mind
PUT = ("Please help me with this. {}", "{}\n\nThank you!", "I need the following: {}")


class Probe(strict.Model):
    """A line of ``probes``: a prompt, and who may answer it (``base`` among them). A ``kind`` of
    its own (``ood``, ``adversarial``, ...) is counted by itself."""

    prompt: str
    to: list[str]
    kind: str = "probe"


class Logged(strict.Model):
    """A line of ``log``: who answered a request of a suite, in the order of its tokens."""

    suite: str
    case: str
    adapters: list[str]


def owed(bench: Bench) -> dict[str, list[str]]:
    """Every prompt of every suite, and every line of the probes."""
    asked = [f"{id} {case.id}" for id, each in bench.suites.items() for case in each.cases]
    lines = [str(number) for number, _ in _probes(bench)]
    return {ROUTE: asked} | ({PROBES: lines} if lines else {})


def measured(bench: Bench, what: str, cases: Sequence[str]) -> Iterator[tuple[str, Numbers]]:
    """Of each case what the router does with it; those of a suite are looked at together."""
    router, wanted = routing.of(bench), set(cases)
    if what == PROBES:
        found = [(str(number), probe) for number, probe in _probes(bench)]
        chosen = router.chooses([probe.prompt for _, probe in found])
        for (number, probe), one in zip(found, chosen, strict=True):
            if number in wanted:
                yield number, {"adapter": one.name, **probe.model_dump(exclude={"prompt"})}
        return
    for case, numbers in _routed(bench, router):
        if case in wanted:
            yield case, numbers


def _routed(bench: Bench, router: Router) -> Iterator[tuple[str, Numbers]]:
    own = router.own
    keys = [(id, case.id) for id, each in bench.suites.items() for case in each.cases]
    prompts = [case.prompt for each in bench.suites.values() for case in each.cases]
    chosen = router.chooses(prompts)

    def names(texts: Sequence[str]) -> list[str]:
        return [one.name for one in router.chooses(texts)]

    beyond = {id for id, each in bench.suites.items() if each.spec.role == "guard"}
    beyond = beyond if own.ood is None else set(own.ood)
    columns: dict[str, Sequence[Any]] = {
        "ood": [suite in beyond for suite, _ in keys],
        "adapter": [one.name for one in chosen],
        "p": [one.p for one in chosen],
        "again": names(prompts),
        "plain": names([_plain(s, case) for s in bench.suites.values() for case in s.cases]),
        "put": list(zip(*(names([form.format(p) for p in prompts]) for form in PUT), strict=True)),
        "shuffled": router.shuffled(prompts, chosen),
        "noise": router.noisy(prompts),
    }
    if own.router.function is not None and own.router.kind != "function":
        columns["declared"] = [one.name for one in router.declared(prompts)]
    if own.router.kind == "arrow":
        columns["signed"] = [one.name for one in router.arrow(prompts, signed=True)]
    log = _log(bench.folders["log"]) if "log" in bench.folders else {}
    fewer = {name: router.without(name, prompts, chosen) for name in own.adapters}
    columns["without"] = [
        dict(zip(fewer, row, strict=True)) for row in zip(*fewer.values(), strict=True)
    ]
    for at, (suite, case) in enumerate(keys):
        row = {key: _listed(column[at]) for key, column in columns.items()}
        yield f"{suite} {case}", {**row, "logged": log.get((suite, case))}


def _plain(suite: Suite, case: Case) -> str:
    """A prompt without the names that only an evaluation has, and with a space behind it: nobody
    who reads the request sees a difference."""
    names = sorted((case.id, suite.id, suite.spec.facet), key=len, reverse=True)
    return re.sub("|".join(map(re.escape, names)), "", case.prompt).strip() + " "


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _probes(bench: Bench) -> list[tuple[int, Probe]]:
    """The probes by line; raises :class:`WorkspaceError` for one of a name that nobody has."""
    path = bench.folders.get("probes")
    rows = strict.read_jsonl(path) if path is not None else ()
    known = bench.own.names
    found = [
        (number, strict.check(row, Probe, path or Path(), line=number)) for number, row in rows
    ]
    for number, probe in found:
        if strange := [name for name in probe.to if name not in known]:
            text = f"{path}:{number}: key 'to': found {strange[0]!r}; expected an adapter of the"
            raise WorkspaceError(f"{text} pool{strict.nearest(strange[0], known)}")
    return found


def _log(path: Path) -> Mapping[tuple[str, str], list[str]]:
    rows = [strict.check(row, Logged, path, line=n) for n, row in strict.read_jsonl(path)]
    return {(row.suite, row.case): row.adapters for row in rows}
