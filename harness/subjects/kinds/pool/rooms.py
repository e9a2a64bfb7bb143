"""Rooms of made-up prompts and answers, through which real routers go: the plants of a pool that
answers decide, F4.1, F4.2, F4.3 and F4.6."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness import files
from harness.content import library, workspace
from harness.content.case import Case
from harness.content.suite import Suite, SuiteFile
from harness.subjects.base import Bench, Evidence
from harness.subjects.kinds import Kind, of
from harness.subjects.kinds.pool import encoders, mechanisms

Said = dict[str, Any]
Table = dict[str, dict[str, int]]  #: of 100 prompts of each domain, how many each adapter passes
ASKED = "What does the {} say of case number {} in the book?"
WORDS = {"law": "clause", "care": "dose", "code": "loop"}
SOUND: Table = {
    "law": {"law": 80, "care": 20, "code": 20, "base": 10},
    "care": {"law": 20, "care": 80, "code": 20, "base": 10},
    "code": {"law": 20, "care": 20, "code": 80, "base": 10},
}  # fmt: skip
EQUAL: Table = {
    "law": {"law": 70, "care": 69, "base": 5},
    "care": {"law": 10, "care": 71, "base": 5},
}
APART: Table = {**EQUAL, "law": {"law": 70, "care": 10, "base": 5}}
EACH, LOST = 100, 5  # prompts of a domain, and those of them that speak of another


def _room(table: Table, lost: int) -> dict[str, Suite]:
    """A suite for each domain of a table, ``lost`` of whose prompts speak of another, and a guard
    that speaks of none."""
    names, found = list(table), {}
    for place, domain in enumerate(names):
        other = names[(place + 1) % len(names)]
        off = {n for n in range(EACH) if lost and n % (EACH // lost) == 7}
        found[domain] = [ASKED.format(WORDS[other if n in off else domain], n) for n in range(EACH)]
    found["guard"] = [f"weather {n}" for n in range(EACH)]
    return {domain: _suite(domain, said, domain in names) for domain, said in found.items()}


def _suite(domain: str, prompts: list[str], facet: bool) -> Suite:
    spec: Any = {"facet": domain, "role": "facet" if facet else "guard", "margin": 0.1}
    spec |= {"mode": "chat", "prompts": "p", "max_tokens": 9}
    spec["criteria"] = [{"id": "c", "verifier": "v"}]
    cases = tuple(Case(f"{domain}/{n}", text, {}) for n, text in enumerate(prompts))
    return Suite(domain, Path(), SuiteFile.model_validate(spec), cases)


def evidence(folder: Path, table: Table, router: Said, lost: int = 0) -> Evidence:
    """What a gate holds of a room whose router chose: measured by the kind, answered by the
    table."""
    own = {"adapters": dict.fromkeys(table, "adapters"), "router": router}
    entry: Said = {"kind": "pool", "path": "router", "base": "room", "status": "candidate"}
    entry |= {"facets": [*table], "suites": [*table], "pool": own}
    for name in ("room", "router", "adapters"):
        files.make_folder(folder / name)
    for name in ("config", "tokenizer"):
        files.write_json(folder / "room" / f"{name}.json", {})
    listed = {"bases": {"room": {"path": "room"}}, "adapters": {"subject": entry}}
    files.write_json(folder / "library.yaml", listed)
    place = workspace.find(str(folder))
    found = library.resolve(place, library.load(place), "subject")
    kind: Kind = of(found)
    at = {"base": found.base_path, "adapter": found.path}
    for role in ("state", "examples"):
        if role in router:
            at[role] = folder / router[role]
    suites = _room(table, lost)
    bench = Bench(found, suites, at, {"base": str(folder)}, _no_model)
    measured = {w: dict(kind.measure(bench, w, cases)) for w, cases in kind.owes(bench).items()}
    outcomes: dict[str, Any] = {}
    for domain, passed in table.items():
        asked = suites[domain].cases
        names = [measured["route"][f"{domain} {case.id}"]["adapter"] for case in asked]
        arms = {f"member {name}" if name != "base" else name: [name] * EACH for name in passed}
        asking = {**arms, "adapter": names}
        outcomes[domain] = {arm: _answers(domain, who, passed) for arm, who in asking.items()}
    return Evidence(found.adapter.own, {}, measured, {}, outcomes)


def _answers(domain: str, who: list[str], passed: dict[str, int]) -> dict[str, list[str]]:
    """Of an arm that answers each prompt as somebody does."""
    outcomes = ["pass" if n < passed[name] else "fail" for n, name in enumerate(who)]
    return {f"{domain}/{n}": [said] for n, said in enumerate(outcomes)}


def _no_model() -> Any:
    raise LookupError("what a router chooses needs no model")


def by_words(table: Table, *left_out: str) -> Said:
    """A router by the words of each domain."""
    rules = {WORDS[name]: name for name in table if name not in left_out}
    return {"kind": "regex", "rules": rules}


def collapsed(folder: Path, planted: bool) -> Evidence:
    """F4.1: everything goes to one adapter."""
    rules: Said = {"kind": "regex", "rules": {"clause|dose|loop": "law"}}
    return evidence(folder, SOUND, rules if planted else by_words(SOUND))


def dead(folder: Path, planted: bool) -> Evidence:
    """F4.2: the best adapter of a facet gets nothing."""
    router = by_words(SOUND, *(["code"] if planted else []))
    return evidence(folder, SOUND, router)


def no_gain(folder: Path, planted: bool) -> Evidence:
    """F4.3: 95 % are routed right, and one adapter by itself passes more."""
    table = EQUAL if planted else APART
    return evidence(folder, table, by_words(table), LOST)


def shuffled(folder: Path, planted: bool) -> Evidence:
    """F4.6: the prototypes stand in another order than the names."""
    names = list(SOUND)
    texts = [ASKED.format(WORDS[name], n) for name in names for n in range(200, 220)]
    labels = [(name, "") for name in names for _ in range(20)]
    found = mechanisms.fitted("lorauter", encoders.hashed(tuple(texts), 512), labels)
    order = found.adapters[1:] + found.adapters[:1] if planted else found.adapters
    held = {"kind": "lorauter", "adapters": order, "near": found.near}
    held["means"] = found.arrays["means"].tolist()
    files.write_json(folder / "state.json", held)
    router = {"kind": "lorauter", "state": "state.json", "reach": 0.3}
    return evidence(folder, SOUND, router)
