"""Adapters of the library behind a router that chooses one for every request.

Every adapter answers the facets, so that the utility of each for each prompt is made of receipts;
what the router chose is mounted prompt by prompt. Routers beside it are scored by lookup."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.content.library import Entry
from harness.errors import WorkspaceError
from harness.subjects.arms import ADAPTER
from harness.subjects.base import Arm, Bench, Evidence, Fault, Numbers, Owed, Preflight
from harness.subjects.kinds import Kind, Plant
from harness.subjects.kinds.pool.spec import BASE, MEMBER, PROBES, ROUTE, Pool
from harness.verdict import Reason


class PoolKind(Kind):
    """``path`` is the folder of the router."""

    name, spec, mounts, still = "pool", Pool, False, (ROUTE, PROBES)

    def parts(self, entry: Entry) -> dict[str, Path]:
        """The adapters that are there (what is not is a fault), and the files of the router.

        Raises :class:`WorkspaceError` for a sweep over lengths, which no router chooses for."""
        from harness.subjects.entering import peft

        own: Pool = entry.adapter.own
        if (sweep := entry.adapter.long) is not None and sweep.transcripts is None:
            text = "found prompts to be swept; a pool routes those of suites: sweep each adapter"
            raise WorkspaceError(f"library.yaml: adapters.{entry.name}.long: {text} by itself")
        folders = {name: entry.folder(said) for name, said in own.adapters.items()}
        found = {
            MEMBER.format(name): peft.mountable(folder, entry.base_path)
            for name, folder in folders.items()
            if folder.exists()
        }
        said = {key: getattr(own.router, key) for key in ("state", "examples")}
        said |= {"encoder": own.router.encoder.path, "probes": own.probes, "log": own.log}
        found |= {role: entry.root / path for role, path in said.items() if path is not None}
        module = (own.router.function or "").partition(":")[0]
        if module and not (entry.path / f"{module}.py").is_file():
            known = importlib.util.find_spec(module.partition(".")[0])
            if known is not None and known.origin is not None:
                found["code"] = Path(known.origin)
        return found

    def examine(self, bench: Bench, found: Preflight) -> Iterator[Fault]:  # noqa: ARG002
        """What an adapter would be refused for by itself, then the router and its examples."""
        from harness.subjects.kinds.pool.faults import examined

        return examined(bench)

    def arms(self, owed: Owed) -> list[Arm]:
        """The routed pool as what is judged; of a facet beside it every adapter by itself."""
        from harness.subjects.kinds.pool import routing

        own: Pool = owed.bench.own
        of = {name: owed.digests.get(MEMBER.format(name)) for name in own.adapters}
        suite = owed.bench.suites.get(owed.suite)
        cases = suite.cases if suite and all(of.values()) else ()
        chosen = routing.of(owed.bench).chooses([case.prompt for case in cases]) if cases else []
        routed = {
            case.id: None if one.name == BASE else of[one.name]
            for case, one in zip(cases, chosen, strict=True)
        }
        asked = [
            arm.model_copy(update={"routed": routed}) if arm.id == ADAPTER else arm
            for arm in super().arms(owed)
        ]
        if owed.role == "guard":
            return asked
        base = owed.digests["base"]
        return asked + [
            Arm(id=MEMBER.format(name), weights=base, mount=digest, order="registered")
            for name, digest in of.items()
        ]

    def owes(self, bench: Bench) -> dict[str, list[str]]:
        """Every prompt, and every line of the probes."""
        from harness.subjects.kinds.pool.decisions import owed

        return owed(bench)

    def measure(
        self, bench: Bench, what: str, cases: Sequence[str]
    ) -> Iterator[tuple[str, Numbers]]:
        """Who is to answer each, and who would under the controls; no model is needed."""
        from harness.subjects.kinds.pool.decisions import measured

        return measured(bench, what, cases)

    def reasons(self, evidence: Evidence) -> tuple[Numbers, list[Reason]]:
        """Whether routing beats the best adapter alone, and whether the router is one."""
        from harness.subjects.kinds.pool.reasons import decided

        return decided(evidence)

    def plants(self) -> Sequence[Plant]:
        """F4.1 to F4.12."""
        from harness.subjects.kinds.pool.plants import PLANTS

        return PLANTS
