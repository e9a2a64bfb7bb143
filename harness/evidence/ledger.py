"""The ledger of looks: how often held-out prompts were seen, because the fifth revision that is
tried on the same prompts is more likely to pass by luck than the first.

One file a look, in a folder beside the library that is committed with it. A look is named by the
digest of its content and names the looks that were there before it: branches merge without a
conflict, and what is edited or taken away is missed."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from harness import files
from harness.content import strict
from harness.digests import canonical_digest
from harness.errors import HarnessError, RunError, SystemRefused, boundary
from harness.evidence import documents

REMEDY = "put the ledger back as it was committed (docs/looks.md)"


class Seen(strict.Model):
    """What was seen of one suite: the short digests of its prompts (:func:`short`)."""

    role: Literal["facet", "guard"]
    prompts: list[str] = Field(min_length=1)


class Look(strict.Model):
    """One time that an adapter's answers to held-out prompts were seen.

    ``rules`` is the digest of all that they were judged by, other prompts and expectations
    included, and ``level`` the alpha that it was tested at; ``parents`` are the names of the last
    looks before it."""

    base: str
    lineage: str
    adapter: str
    rules: str
    level: float
    suites: dict[str, Seen]
    day: str
    harness: str
    parents: list[str] = []

    @property
    def name(self) -> str:
        """The digest of its content, which is the name of its file."""
        return canonical_digest(self.model_dump())[7:39]

    @property
    def prompts(self) -> set[str]:
        """All that it saw, in whichever suite."""
        return {prompt for seen in self.suites.values() for prompt in seen.prompts}

    def repeats(self, other: Look) -> bool:
        """Whether both are of the same bytes by the same rules, which are one look."""
        mine, theirs = ((one.base, one.adapter, one.rules) for one in (self, other))
        return mine == theirs

    def saw(self, suite: str, seen: Seen) -> bool:
        """Whether it counts against a suite: it saw one of its prompts; or this very guard, whose
        prompts are public and cannot be refreshed."""
        guard = suite in self.suites and self.suites[suite].role == seen.role == "guard"
        return guard or not self.prompts.isdisjoint(seen.prompts)


class Standing(strict.Model):
    """What the ledger held when a gate was registered: its ``last`` looks (all others are ancestors
    of these), the ``lineages`` on this base with this one, whether this one is ``new`` there, and
    the alpha that its looks at these prompts have spent.

    ``faults`` say what of it is missing or was edited; ``spent`` are the suites whose pool holds
    too few prompts that the lineage has not seen."""

    last: list[str] = []
    lineages: int = 1
    new: bool = True
    alpha: float = 0.0
    faults: list[str] = []
    spent: list[str] = []


@dataclass(frozen=True)
class Before:
    """The ``looks`` that were there before one, by name."""

    mine: Look
    looks: Mapping[str, Look]

    @property
    def lineages(self) -> set[str]:
        """The lineages that were tried on the same base."""
        return {look.lineage for look in self.looks.values() if look.base == self.mine.base}

    @property
    def counted(self) -> list[Look]:
        """Those of this lineage on this base; bytes that another lineage released bring its looks
        with them."""
        mine, looks = self.mine, list(self.looks.values())
        names = {mine.lineage} | {look.lineage for look in looks if look.adapter == mine.adapter}
        return [look for look in looks if look.base == mine.base and look.lineage in names]

    @property
    def number(self) -> int:
        """Which look this is at the suite that was seen most often, from 1."""
        return 1 + max(map(len, self._levels()))

    def _levels(self) -> Iterator[list[float]]:
        """For each suite the levels of the looks that count against it."""
        for suite, seen in self.mine.suites.items():
            saw = [one for one in self.counted if one.saw(suite, seen)]
            yield list({(one.adapter, one.rules): one.level for one in saw}.values())

    @property
    def seen(self) -> set[str]:
        """Every prompt of which this lineage's answers were seen, on any base."""
        mine = self.mine.lineage
        looks = [*self.counted, *(one for one in self.looks.values() if one.lineage == mine)]
        return {prompt for look in looks for prompt in look.prompts}

    def standing(self, faults: Sequence[str] = (), spent: Sequence[str] = ()) -> Standing:
        """The state of the ledger, for a registration."""
        followed = {parent for look in self.looks.values() for parent in look.parents}
        names = self.lineages
        return Standing(
            last=sorted(self.looks.keys() - followed),
            lineages=len(names | {self.mine.lineage}),
            new=self.mine.lineage not in names,
            alpha=max(map(sum, self._levels())),
            faults=list(faults),
            spent=list(spent),
        )


class Ledger:
    """The looks in ``folder``; ``recorded`` is the file that this process added.

    What cannot be read is in no look, and said by :meth:`faults`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.recorded = folder, None
        self._read()

    recorded: Path | None

    def before(self, mine: Look, begun: Collection[str] | None = None) -> Before:
        """The looks before this one: all, or where it was made already those that were there;
        ``begun`` are the last of them for a run that was begun and has not made it."""
        again = [self._above(one.parents) for one in self._looks.values() if one.repeats(mine)]
        held = self._looks if begun is None else self._above(begun)
        return Before(mine, min(again, key=len, default=held))

    def faults(self, state: Collection[str] = ()) -> list[str]:
        """What is missing, or was edited, of the ledger; ``state`` are the last looks that a
        registration names."""
        named = {
            parent: f"{one.name}.json" for one in self._looks.values() for parent in one.parents
        }
        named |= dict.fromkeys(state, "the registration")
        missing = [
            f"{self.folder / name}.json: no such file; {by} names it as a look before it; {REMEDY}"
            for name, by in named.items()
            if name not in self._looks and name not in self._unread
        ]
        return [*self._unread.values(), *missing]

    def record(self, mine: Look) -> None:
        """Write this look unless all that it saw is written already; synced, so that a killed run
        cannot unsee its prompts.

        Raises :class:`RunError` where another gate on this lineage has begun since this one was
        registered."""
        files.make_folder(self.folder)
        with _alone(self.folder):
            self._read()
            again = [one for one in self._looks.values() if one.repeats(mine)]
            if mine.prompts <= {prompt for one in again for prompt in one.prompts}:
                return
            now, then = self.before(mine), Before(mine, self._above(mine.parents))
            if {one.name for one in now.counted} != {one.name for one in then.counted}:
                raise RunError(
                    f"{self.folder}: another look of {mine.lineage} was recorded since this gate"
                    " was registered, so this one costs more; gate again"
                )
            path = self.folder / f"{mine.name}.json"
            self.recorded = documents.write(path, mine.model_dump(), Look)

    def _above(self, names: Collection[str]) -> dict[str, Look]:
        """Looks and their ancestors, as far as they are there."""
        found: dict[str, Look] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in self._looks and name not in found:
                found[name] = self._looks[name]
                waiting += found[name].parents
        return found

    def _read(self) -> None:
        self._looks: dict[str, Look] = {}
        self._unread: dict[str, str] = {}
        with boundary(RunError, self.folder, "cannot be read"):
            held = sorted(self.folder.iterdir()) if os.path.lexists(self.folder) else []
        for path in (path for path in held if path.suffix == ".json"):
            try:
                look = documents.read(path, Look, RunError)
                if look.name != path.stem:
                    raise RunError(f"{path}: edited: its content is {look.name}")
                self._looks[look.name] = look
            except HarnessError as error:
                self._unread[path.stem] = f"{error}; {REMEDY}"


def short(prompt: str) -> str:
    """A prompt as a look names it, whatever its case and spaces are."""
    return canonical_digest(" ".join(prompt.casefold().split()))[7:19]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other gates out of the ledger: several may start at once."""
    import fcntl

    with boundary(SystemRefused, folder, "cannot be locked"):
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(handle)
