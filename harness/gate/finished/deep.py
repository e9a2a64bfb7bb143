"""``harness recheck RUN --deep``: what the kind of a subject measured, once more on the folders
themselves, and every number that comes out otherwise."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from harness.deciding.instrument.kinds import read
from harness.errors import WorkspaceError
from harness.evidence.folder import RunFolder
from harness.evidence.registration import walk
from harness.gate.engines import Load, bench, load_engine
from harness.gate.prepare import Options, as_asked, look_up
from harness.subjects import adapter, kinds

NEAR = 1e-3  # relative: another build or device sums otherwise


def again(run: RunFolder, library: str | None = None, load: Load = load_engine) -> Iterator[str]:
    """What differs from the measurements of ``run``, whose subject is looked up in ``library``; one
    of other bytes is not measured. Raises :class:`HarnessError` for what is not there, and where
    nothing was measured."""
    plan, stated = run.registration, read(run.registration, run.receipts)
    if not plan.subject.owes:
        text = f"nothing was measured of {plan.adapter} beside its answers; recheck without --deep"
        raise WorkspaceError(f"{run.path}: {text}")
    wanted = look_up(Options(plan.adapter, library=library))
    engine = load(wanted.entry)
    wanted = as_asked(wanted, engine)
    found = adapter.digested(wanted.entry)
    on, kind = bench(wanted.entry, wanted.suites, engine, found), kinds.find(plan.subject.kind)
    judged = {"base": plan.base_digest, "adapter": plan.adapter_digest, **plan.subject.parts}
    differing = [role for role, digest in judged.items() if found.digests.get(role) != digest]
    for role in differing:
        yield f"{role}: is {found.digests.get(role)}; {judged[role]} was measured"
    for what, cases in plan.subject.owes.items() if not differing else ():
        left = {*cases}
        for case, numbers in kind.measure(on, what, cases):
            left.discard(case)
            before, now = stated[what].get(case), json.loads(json.dumps(numbers))
            for at, was, is_ in walk(before or {}, now):
                close = isinstance(was, float) and isinstance(is_, float)
                timed = at.partition("[")[0].rpartition(".")[2] in kind.timed
                if not timed and not (close and math.isclose(was, is_, rel_tol=NEAR, abs_tol=1e-6)):
                    name = f"{plan.subject.kind}/{what} {case}"
                    yield f"{name}: {at}: found {was!r:.60}; measured again it is {is_!r:.60}"
        for case in sorted(left):
            yield f"{plan.subject.kind}/{what} {case}: cannot be measured again"
