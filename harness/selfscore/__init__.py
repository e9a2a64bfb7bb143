"""The harness's own score: faults of the method, planted in subjects that are sound otherwise, each
with its clean twin beside it. A check that also says it of the twin has found nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.content import kinds
from harness.errors import HarnessError
from harness.subjects.base import Evidence
from harness.subjects.kinds import Kind, Plant, find

#: how many faults each section of the method plants
SECTIONS = {
    "S0": 15, "S1": 19, "S2": 6, "S3": 9, "S4": 12, "S5": 10,
    "S6": 12, "S7": 12, "S8": 12, "S9": 9, "S10": 16,
}  # fmt: skip
PLANTED = sum(SECTIONS.values())
MOST_SAID = 8


@dataclass(frozen=True)
class Tried:
    """What became of one plant: it is ``caught``, ``missed``, or said of its ``twin`` too; ``said``
    are the codes that the planted one was given, or why it could not be looked at."""

    plant: Plant
    word: str
    said: str


def plants() -> list[Plant]:
    """Every plant that is built, by number."""
    from harness.selfscore import adapters, audits, candidates, corpora, gates, serving

    rooms = (audits, candidates, adapters, serving, gates, corpora)
    found: list[Plant] = [one for room in rooms for one in room.PLANTS]
    for name in kinds.points():
        decides = {"long": f"{kinds.ADAPTER}+long"}.get(name, name)  # a sweep is of some kind
        found += [replace(one, kind=decides) for one in find(name).plants()]
    return sorted(found, key=lambda one: _place(one.number))


def tried(chosen: Iterable[Plant]) -> Iterator[Tried]:
    """Plant each in a folder of its own, and look at it and at its twin as a user does; twins of
    one name are looked at once."""
    twins: dict[str, set[str]] = {}
    for plant in chosen:
        try:
            twin = twins.get(plant.twin) or _codes(plant, planted=False)
            if plant.twin:
                twins[plant.twin] = twin
            codes = _codes(plant, planted=True)
        except HarnessError as error:
            yield Tried(plant, "missed", str(error))
            continue
        word = "missed" if plant.code not in codes else "twin" if plant.code in twin else "caught"
        yield Tried(plant, word, _said(plant.code, codes))


def counted(found: Iterable[Tried]) -> tuple[int, int]:
    """How many of the numbers that were tried are caught, every plant of theirs, and of how
    many."""
    words: dict[str, set[str]] = {}
    for one in found:
        words.setdefault(one.plant.number, set()).add(one.word)
    return sum(said == {"caught"} for said in words.values()), len(words)


def missing(built: Sequence[Plant]) -> dict[str, list[str]]:
    """By section the numbers of which nothing is built."""
    there = {one.number for one in built}
    numbers = {
        section: [f"F{section[1:]}.{n + 1}" for n in range(many)]
        for section, many in SECTIONS.items()
    }
    lacking = {id: [one for one in each if one not in there] for id, each in numbers.items()}
    return {section: each for section, each in lacking.items() if each}


def told(numbers: Sequence[str]) -> str:
    """``F0.1-3, F0.5``: runs of numbers, as a reader wants them."""
    runs: list[list[int]] = []
    for number in numbers:
        at = _place(number)[1]
        if runs and runs[-1][1] == at - 1:
            runs[-1][1] = at
        else:
            runs.append([at, at])
    head = numbers[0].partition(".")[0] if numbers else ""
    return ", ".join(f"{head}.{a}" if a == b else f"{head}.{a}-{b}" for a, b in runs)


def _place(number: str) -> tuple[int, int]:
    section, _, at = number.removeprefix("F").partition(".")
    return int(section), int(at)


def _said(code: str, codes: set[str]) -> str:
    """All of them; of many, which an audit names, the one that counts first."""
    if len(codes) <= MOST_SAID:
        return ", ".join(sorted(codes))
    first = code if code in codes else min(codes)
    return f"{first} and {len(codes) - 1} more"


def _codes(plant: Plant, *, planted: bool) -> set[str]:
    """Every code that is said of the planted subject, or of its twin."""
    from harness.gate.prepare import Options
    from harness.gate.session import check_subject

    with TemporaryDirectory(prefix="harness-") as folder:
        place = Path(folder)
        built = plant.build(place, planted)
        if isinstance(built, Evidence):
            kind: Kind = find(plant.kind)
            return {reason.code for reason in kind.reasons(built)[1]}
        if built is not None:
            return set(built)
        found, _, reasons = check_subject(Options("subject", library=folder))
    faults = [*found.faults, *found.notices]
    return {fault.code for fault in faults} | {reason.code for reason in reasons}
