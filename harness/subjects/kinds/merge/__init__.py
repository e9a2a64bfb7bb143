"""An adapter that was merged from others: is it the merge that it is said to be, and does it still
do what each of its parents did?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from harness.content import strict
from harness.content.library import Entry
from harness.content.workspace import cache_folder
from harness.errors import EngineError, WorkspaceError
from harness.subjects.base import Arm, Bench, Evidence, Fault, Numbers, Owed, Preflight
from harness.subjects.entering import peft
from harness.subjects.entering.folders import recognised
from harness.subjects.kinds import Kind, Plant
from harness.subjects.kinds.merge.spec import Merge as Spec
from harness.verdict import Reason

if TYPE_CHECKING:
    from harness.subjects.kinds.merge.recipe import Factors


class Merge(Kind):
    """A merge: each parent, the plain sum and other seeds answer the facets beside it."""

    name: ClassVar[str] = "merge"
    spec: ClassVar[type[strict.Model] | None] = Spec
    still: ClassVar[tuple[str, ...]] = ("parents", "modules")

    def parts(self, entry: Entry) -> dict[str, Path]:
        """Each parent and each other seed, in a form that can be mounted, and the plain sum of the
        parents, which is made in the cache."""
        from harness.subjects.kinds.merge.sums import summed

        own: Spec = entry.adapter.own
        parents = {name: _mountable(entry, "parents", name) for name in own.parents}
        seeds = [_mountable(entry, "seeds", name) for name in own.seeds]
        found = {f"parent-{name}": folder for name, folder in parents.items()}
        found |= {f"seed-{number}": folder for number, folder in enumerate(seeds, 2)}
        if own.method in ("linear", "svd") and own.on == "delta":
            return found
        made = summed(list(parents.values()), list(own.parents.values()), cache_folder())
        return found | {"linear": made}

    def examine(self, bench: Bench, found: Preflight) -> Iterator[Fault]:
        """Parents of another base, that cannot be read, or that do not fit together; too few
        seeds."""
        from harness.subjects.kinds.merge.examining import examined

        return examined(bench, found)

    def arms(self, owed: Owed) -> list[Arm]:
        """On a facet also each parent, the plain sum and the other seeds."""
        beside = [role for role in owed.digests if role.startswith(("parent-", "seed-", "linear"))]
        base = owed.digests["base"]
        more = [
            Arm(id=role, weights=base, mount=owed.digests[role], order="registered")
            for role in beside
        ]
        return super().arms(owed) + (more if owed.role != "guard" else [])

    def owes(self, bench: Bench) -> dict[str, list[str]]:
        """What is said of each parent, and the numbers of every matrix."""
        from harness.subjects.kinds.merge.numbers import read

        try:
            modules = [*read(bench.folders["adapter"])]
        except EngineError:  # a fault of the preflight says it
            modules = []
        return {"parents": list(bench.own.parents), "modules": modules}

    def measure(
        self, bench: Bench, what: str, cases: Sequence[str]
    ) -> Iterator[tuple[str, Numbers]]:
        """The facets of each parent; of each matrix the merge computed again."""
        if what == "parents":
            for name in cases:
                listed = bench.entry.listed.get(name)
                facets = listed.facets if listed else bench.entry.adapter.facets
                yield name, {"facets": facets, "digest": bench.digests[f"parent-{name}"]}
            return
        from harness.subjects.kinds.merge.numbers import measured, read

        names = list(bench.own.parents)
        merge, parents = (
            read(bench.folders["adapter"]),
            [read(bench.folders[f"parent-{n}"]) for n in names],
        )
        for case in cases:
            found = merge[case]()
            of = [one[case]() if case in one else _nothing(found) for one in parents]
            yield case, measured(found, of, bench.own.recipe, names)

    def reasons(self, evidence: Evidence) -> tuple[Numbers, list[Reason]]:
        """Which merge it is, and what it keeps."""
        from harness.subjects.kinds.merge.reasons import decided

        return decided(evidence)

    def plants(self) -> Sequence[Plant]:
        """F3.1 to F3.9."""
        from harness.subjects.kinds.merge.plants import plants

        return plants()


def _mountable(entry: Entry, key: str, name: str) -> Path:
    """The folder of a part, converted where it is of PEFT; raises :class:`WorkspaceError`."""
    folder = entry.folder(name)
    try:
        form = recognised(folder)
    except WorkspaceError as error:
        known = "" if name in entry.listed else strict.nearest(name, list(entry.listed))
        where = f"library.yaml: key 'adapters.{entry.name}.merge.{key}': found {name!r}"
        raise WorkspaceError(f"{where}{known}: {error}") from None
    return peft.converted(folder, entry.base_path, cache_folder()) if form == "peft" else folder


def _nothing(like: Factors) -> Factors:
    """A parent that does not change this matrix."""
    return replace(like, a=like.a * 0, b=like.b * 0)
