"""One gate from library to verdict: prepare, measure each suite on both arms, conclude.

Everything a user can get wrong is checked before the run folder exists. A faulty subject or verifier is evidence: the
run folder is made, nothing is judged, and the verdict is VOID with the reasons.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import discovery, gate, library, receipts, scorecard, suite, workspace
from harness.audit.auditor import certify
from harness.audit.workspace import resolve_sandbox
from harness.engines import Decoding, Generation
from harness.errors import VerifierError, WorkspaceError
from harness.judging import Judges, Pending
from harness.progress import Pace, Progress, silent
from harness.receipts import ARMS, Finding, Receipt, Run
from harness.strict import nearest
from harness.suite import Suite
from harness.verifier import Case, Verifier

if TYPE_CHECKING:
    from harness.engines.mlx import MlxEngine
    from harness.subject import Preflight

PROBE_PROMPTS = 4  # per suite, for the effect of the adapter


@dataclass(frozen=True)
class Options:
    """What a user asks for; every front end fills this in."""

    adapter: str
    base: str | None = None
    library: str | None = None
    sandbox: str = "auto"
    run_dir: str | None = None
    limit: int | None = None
    train_data: str | None = None


@dataclass(frozen=True)
class Asked:
    """One answer on its way to a receipt."""

    case: Case
    arm: str
    answer: Generation
    pending: Pending
    began: float


class GateSession:
    """A gate on one adapter. ``with GateSession(options) as gate: ...``; raises :class:`HarnessError` for user errors."""

    def __init__(self, options: Options, progress: Progress | None = None) -> None:
        self.options = options
        self._progress = progress or silent
        self._pace = Pace()
        self._stack = ExitStack()
        self.workspace = workspace.find(options.library)
        self.library = library.load(self.workspace)
        self.entry = library.resolve(self.workspace, self.library, options.adapter, options.base)
        root = self.workspace.folder("suites")
        self.suites = {s.id: s for s in (suite.load(f, root) for f in suite.owed(self.entry.adapter.suites, root))}
        self.cached = dict.fromkeys(ARMS, 0)
        self.answered = dict.fromkeys(ARMS, 0)
        self.invalid: list[gate.Reason] = []

    def __enter__(self) -> GateSession:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def prepare(self) -> None:
        """Verifiers, sandbox, judges, audits, base, preflight; then the run folder. Raises :class:`HarnessError`."""
        needed = self._needed()
        self.sandbox, self.sandbox_description = resolve_sandbox(list(needed.values()), self.options.sandbox)
        folder = self.workspace.folder("verifiers")
        self._judges = self._stack.enter_context(Judges(folder, self.sandbox))
        audits = self.workspace.folder("audits")
        self.certificates = certify(needed.values(), audits, self._judges, self.sandbox, self._progress)
        self._engine = self._load_engine()
        self.preflight = self._preflight(self._engine)
        self.invalid = gate.validity(self.preflight, self.certificates, list(needed))
        self._cache = self._open_cache()
        self.run = Run(self._run_folder(), self._settings())
        self._stack.callback(self.run.close)
        for id, certificate in self.certificates.items():
            self.run.write(f"certificates/{id}.json", certificate.to_json())
        self.run.write("preflight.json", asdict(self.preflight))
        self.run.write("training.json", self.training.to_json())

    def check(self, verify: bool = False) -> Preflight:
        """The preflight alone, without verifiers, sandbox and run folder; ``verify`` reads every byte of the base again.

        Raises :class:`HarnessError`.
        """
        self._engine = self._load_engine()
        self.preflight = self._preflight(self._engine, verify)
        return self.preflight

    def check_served(self, url: str, model: str | None) -> None:
        """After :meth:`check`: whether a running server answers with the adapter. Raises :class:`EngineError`."""
        from harness import served

        prompts = [case.prompt for each in self.suites.values() for case in each.cases[:PROBE_PROMPTS]]
        if not self.preflight.faults:
            self.preflight.add(served.check(self._engine, self.entry.path, url, model, prompts))

    def measure(self, suite_id: str) -> scorecard.SuiteScore | None:
        """Answer and judge every prompt of a suite on base and base+adapter; ``None`` when nothing may be judged."""
        if self.invalid:
            return None
        found = self.suites[suite_id]
        decoding = Decoding(found.spec.max_tokens, tuple(found.spec.stop))
        cases = self._chosen(found)
        waiting: deque[Asked] = deque()
        for arm in ARMS:
            todo = [case for case in cases if (suite_id, arm, case.id) not in self.run.receipts]
            if todo:
                self._answer(found, arm, todo, decoding, waiting)
        self._settle(found, waiting, wait=True)
        self.run.sync()
        return self.score(suite_id)

    def score(self, suite_id: str) -> scorecard.SuiteScore | None:
        """The numbers of a suite from the receipts so far, without the prompts that the training data shows."""
        return self._score(suite_id, self.training.flagged(suite_id))

    def _score(self, suite_id: str, left_out: set[str]) -> scorecard.SuiteScore | None:
        found = self.suites[suite_id]
        found = replace(found, cases=tuple(case for case in found.cases if case.id not in left_out))
        mine = [r for r in self.run.receipts.values() if r.suite == suite_id and r.case not in left_out]
        return scorecard.score(found, scorecard.table(mine), self.library.gate.alpha)

    def conclude(self) -> gate.Verdict:
        """Decide, and write scorecard.json, verdict.json and scorecard.html into the run folder."""
        from harness import report
        from harness.subject import changed

        scores = {id: self.score(id) for id in self.suites}
        if not self.invalid:
            self.invalid = gate.subject_reasons(changed(self.entry, self.preflight, workspace.cache_folder()))
        verdict = gate.decide(self.invalid, scores, self.entry.adapter.facets, self.library.gate)
        card = {
            "suites": [score.to_json() for score in scores.values() if score is not None],
            "with_flagged": [
                whole.to_json()
                for id in self.suites
                if self.training.flagged(id) and (whole := self._score(id, set())) is not None
            ],
            "not_measured": [id for id, score in scores.items() if score is None],
            "answers": {arm: {"answered": self.answered[arm], "from_cache": self.cached[arm]} for arm in ARMS},
            "receipts": len(self.run.receipts),
            "receipts_digest": receipts.receipts_digest(self.run.receipts.values()),
        }
        self.run.write("scorecard.json", card)
        self.run.write("verdict.json", verdict.to_json() | {"adapter": self.entry.name, "base": self.entry.base_name})
        self.run.sync()
        report.render(self.run.folder, self.workspace.folder("reports"))
        return verdict

    def _needed(self) -> dict[str, Verifier]:
        """The verifiers that the owed suites name; an unknown one is an error of the suite that names it."""
        found = discovery.discover(self.workspace.folder("verifiers"))
        needed: dict[str, Verifier] = {}
        for each in self.suites.values():
            for criterion in each.spec.criteria:
                if criterion.verifier not in found.verifiers:
                    if found.broken:
                        raise VerifierError("\n".join(found.broken))
                    hint = nearest(criterion.verifier, list(found.verifiers))
                    raise WorkspaceError(
                        f"{each.path}: criterion {criterion.id!r}: no verifier {criterion.verifier!r}{hint}"
                    )
                needed[criterion.verifier] = found.verifiers[criterion.verifier]
        return needed

    def _load_engine(self) -> MlxEngine:
        from harness.engines.mlx import MlxEngine

        return MlxEngine(self.entry.base_path)

    def _preflight(self, engine: MlxEngine, verify: bool = False) -> Preflight:
        """Identity, tensors and effect of the adapter, then its training."""
        from harness import subject, training

        prompts = encode(self.suites.values(), engine)
        probe = [prompts[each.id, case.id] for each in self.suites.values() for case in each.cases[:PROBE_PROMPTS]]
        policy = self.library.gate
        found = subject.preflight(
            self.entry, engine, probe, policy.min_effect, None if verify else workspace.cache_folder()
        )
        data = Path(self.options.train_data) if self.options.train_data else None
        self.training = training.examine(self.entry, list(self.suites.values()), engine, policy, data)
        found.add(self.training.faults)
        return found

    def _open_cache(self) -> Any:
        from harness.cache import Cache

        cache = Cache(workspace.cache_folder())
        self._stack.callback(cache.close)
        return cache

    def _run_folder(self) -> Path:
        if self.options.run_dir:
            return Path(self.options.run_dir)
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        folder = self.workspace.runs / f"{self.entry.name}-{stamp}"
        number = 1
        while folder.exists():
            number += 1
            folder = folder.with_name(f"{self.entry.name}-{stamp}-{number}")
        return folder

    def _settings(self) -> dict[str, Any]:
        """What makes two runs the same run; a resumed run must have all of it equal."""
        from harness import __version__

        return {
            "adapter": {
                "name": self.entry.name,
                "digest": self.preflight.adapter_digest,
                "status": self.entry.adapter.status,
            },
            "base": {"name": self.entry.base_name, "digest": self.preflight.base_digest},
            "suites": {id: each.digest for id, each in self.suites.items()},
            "certificates": {id: held.digest for id, held in sorted(self.certificates.items())},
            "training": {"rules": self.training.rules_digest, "data": self.training.data_digest},
            "policy": self.library.gate.model_dump(),
            "engine": self._engine.identity,
            "decoding": "greedy",
            "sandbox": self.sandbox,
            "sandbox_description": self.sandbox_description,
            "limit": self.options.limit,
            "harness": __version__,
        }

    def _chosen(self, found: Suite) -> list[Case]:
        """The cases to measure: all, or a seeded sample (the first few of a benchmark are no sample) in suite order."""
        if self.options.limit is None or self.options.limit >= len(found.cases):
            return list(found.cases)
        kept = set(random.Random(found.digest).sample(range(len(found.cases)), self.options.limit))
        return [case for number, case in enumerate(found.cases) if number in kept]

    def _answer(self, found: Suite, arm: str, todo: Sequence[Case], decoding: Decoding, waiting: deque[Asked]) -> None:
        """Get the answers of one arm, hand each to the judges as soon as it is there, and queue them in order."""
        self._engine.mount(self.entry.path if arm == "adapter" else None)
        verifiers = [criterion.verifier for criterion in found.spec.criteria]
        ready: dict[int, Asked] = {}
        given, self._pace = 0, Pace()
        for number, answer in self._generations(found, arm, todo, decoding):
            pending = self._judges.judge(verifiers, todo[number], answer.text)
            ready[number] = Asked(todo[number], arm, answer, pending, time.monotonic())
            while given in ready:
                waiting.append(ready.pop(given))
                given += 1
            self._settle(found, waiting, wait=False)
            self._progress(f"{found.id} {arm}", given, len(todo), self._pace.note(given, len(todo)))

    def _generations(
        self, found: Suite, arm: str, todo: Sequence[Case], decoding: Decoding
    ) -> Iterable[tuple[int, Generation]]:
        from harness.cache import key

        ids = [self._engine.encode(case.prompt, found.spec.mode, found.spec.system) for case in todo]
        adapter = self.preflight.adapter_digest if arm == "adapter" else None
        keys = [key(self._engine.identity, self.preflight.base_digest, adapter, row, decoding) for row in ids]
        missing = []
        for number, name in enumerate(keys):
            known = self._cache.get(name)
            self.answered[arm] += 1
            if known is None:
                missing.append(number)
            else:
                self.cached[arm] += 1
                yield number, known
        for at, answer in self._engine.generate([ids[number] for number in missing], decoding):
            self._cache.put(keys[missing[at]], answer)
            self._pace.generated(answer.tokens)
            yield missing[at], answer

    def _settle(self, found: Suite, waiting: deque[Asked], *, wait: bool) -> None:
        """Write the receipts of judged answers, in order."""
        while waiting and (wait or waiting[0].pending.done()):
            asked = waiting.popleft()
            findings = [
                Finding(criterion.id, criterion.verifier, judged.outcome.value, judged.reason, judged.evidence[:2000])
                for criterion, judged in zip(found.spec.criteria, asked.pending.result(), strict=True)
            ]
            subject = self.preflight.adapter_digest if asked.arm == "adapter" else self.preflight.base_digest
            self.run.add(
                Receipt(
                    suite=found.id,
                    case=asked.case.id,
                    arm=asked.arm,
                    subject=subject,
                    prompt=asked.case.prompt,
                    answer=asked.answer.text,
                    tokens=asked.answer.tokens,
                    finish=asked.answer.finish,
                    findings=findings,
                    outcome=receipts.overall(findings),
                    seconds=round(time.monotonic() - asked.began, 4),
                )
            )
            self._pace.judged(receipts.overall(findings))


def encode(suites: Iterable[Suite], engine: MlxEngine) -> dict[tuple[str, str], list[int]]:
    """Token ids of every prompt by suite and case; raises :class:`WorkspaceError` for one that leaves no room to answer."""
    ids = {}
    for each in suites:
        for case in each.cases:
            row = engine.encode(case.prompt, each.spec.mode, each.spec.system)
            if len(row) >= engine.context:
                raise WorkspaceError(
                    f"{each.path}: prompt {case.id!r} has {len(row)} tokens, and the base's context is {engine.context}; "
                    "shorten the prompt, or gate on a base with a longer context"
                )
            ids[each.id, case.id] = row
    return ids


def gate_adapter(options: Options, progress: Progress | None = None) -> tuple[gate.Verdict, Path]:
    """Run a whole gate; ``(verdict, run folder)``. Raises :class:`HarnessError`."""
    with GateSession(options, progress) as session:
        session.prepare()
        for id in session.suites:
            session.measure(id)
        return session.conclude(), session.run.folder
