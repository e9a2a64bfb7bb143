"""The kinds of subject. One is a module or a package here, or of anybody who names it by the entry
point ``harness.kinds``: it says what it needs, what is wrong with it, what answers, what is
measured beside, and what that comes to. Everything else of a gate is shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness.content import kinds, strict
from harness.content.library import Entry
from harness.subjects.arms import arms, contrasts
from harness.subjects.base import Arm, Bench, Contrast, Evidence, Fault, Numbers, Owed, Preflight
from harness.verdict import Reason


@dataclass(frozen=True)
class Plant:
    """A fault of the method's section for a kind by its ``number`` ("F2.1"), planted, and its clean
    twin beside it: caught if ``code`` is said of the one and not of the other.

    ``build`` gets an empty folder and whether to plant. It writes a workspace there, whose entry
    ``subject`` is looked at as ``harness preflight`` does; or it returns the evidence of a gate, on
    which the ``kind`` decides, or what another room of the harness said. Plants whose twins are one
    have its name in ``twin``; a ``slow`` one is left out by default."""

    number: str
    code: str
    what: str
    build: Callable[[Path, bool], Evidence | Set[str] | None]
    slow: bool = False
    twin: str = ""
    kind: str = kinds.ADAPTER


class Kind:
    """An adapter on its base; another kind is a subclass that says what it has otherwise.

    ``spec`` is the model of its key in ``library.yaml``; ``mounts`` says that its ``path`` is an
    adapter, which is copied, looked at and mounted as one; ``still`` are those of :meth:`owes`, by
    the name before a slash, that need no answer of a model, which ``harness preflight`` measures
    too; ``measures`` are facets that it measures itself, and what it shows of them is its gain;
    ``timed`` are the numbers, by their key, that are another each time."""

    name: ClassVar[str] = kinds.ADAPTER
    spec: ClassVar[type[strict.Model] | None] = None
    mounts: ClassVar[bool] = True
    still: ClassVar[tuple[str, ...]] = ()
    measures: ClassVar[tuple[str, ...]] = ()
    timed: ClassVar[tuple[str, ...]] = ()

    def parts(self, entry: Entry) -> dict[str, Path]:  # noqa: ARG002
        """The folders or files that it needs beside base and ``path``, by role.

        Raises :class:`WorkspaceError` in one sentence for what cannot be one of them; one that is
        not there is said without it."""
        return {}

    def own(self, entry: Entry) -> dict[str, Any]:
        """What the entry says by the key of its kind, as it is registered."""
        return entry.adapter.own.model_dump(mode="json") if entry.adapter.own else {}

    def examine(self, bench: Bench, found: Preflight) -> Iterator[Fault]:  # noqa: ARG002
        """What is wrong with it before anything is asked; may write numbers into ``found``."""
        return iter(())

    def arms(self, owed: Owed) -> list[Arm]:
        """What answers a suite: the bare base first; ``adapter`` is the id of what is judged."""
        digests, guard = owed.digests, owed.role == "guard"
        of = digests["base"], digests["adapter"], owed.canon
        return arms(*of, guard=guard, again=owed.again, previous=digests.get("previous"))

    def contrasts(self, owed: Owed, asked: Sequence[Arm]) -> list[Contrast]:
        """The questions about these arms, the headline first; those beside the adapter's own decide
        by :meth:`reasons` alone."""
        return contrasts(asked, owed.role, owed.margin, owed.min_gain)

    def owes(self, bench: Bench) -> dict[str, list[str]]:  # noqa: ARG002
        """What has to be measured beside answers, each with its cases; it is registered, and one
        that is missing in the end makes the run VOID. Loads no model."""
        return {}

    def measure(
        self,
        bench: Bench,  # noqa: ARG002
        what: str,  # noqa: ARG002
        cases: Sequence[str],  # noqa: ARG002
    ) -> Iterator[tuple[str, Numbers]]:
        """``(case, numbers)`` of those cases that the run does not hold yet, each a receipt as soon
        as it comes; but for those ``timed`` the same again for the same bytes."""
        return iter(())

    def reasons(self, evidence: Evidence) -> tuple[Numbers, list[Reason]]:  # noqa: ARG002
        """The numbers of its part of the scorecard, and the reasons they call for. Pure: a recheck
        calls it on documents alone, with whatever of the evidence there is."""
        return {}, []

    def plants(self) -> Sequence[Plant]:
        """Faults that it is known to find, for ``harness selfscore``."""
        return ()


def find(name: str) -> Kind:
    """The kind of that name, with its sweep where it has one; raises :class:`WorkspaceError` where
    it is not installed."""
    own, _, sweep = name.partition("+")
    found: Kind = kinds.find(own)
    if not sweep:
        return found
    return _swept(found, stored=False)


def in_place(entry: Entry) -> list[Path]:
    """The folders and files of an entry that are read where they are: all but the adapter, which is
    copied."""
    kind = of(entry)
    own = [] if kind.mounts else [entry.path]
    return [entry.base_path, *kind.parts(entry).values(), *own]


def of(entry: Entry) -> Kind:
    """The kind of an entry of the library."""
    found, sweep = find(entry.adapter.kind), entry.adapter.long
    return found if sweep is None else _swept(found, stored=sweep.transcripts is not None)


def _swept(found: Kind, *, stored: bool) -> Kind:
    """The same with its sweep, which is found as kinds are: what decides loads no engine."""
    swept: Kind = kinds.find("long").over(found, stored=stored)
    return swept
