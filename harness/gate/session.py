"""One gate from library to verdict: prepare, measure each suite on both arms, conclude.

Everything a user can get wrong is checked before the run folder exists. A faulty subject or
verifier is evidence: the run folder is made, nothing is judged, and the verdict is VOID with the
reasons.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.audit.auditor import certify
from harness.audit.workspace import resolve_sandbox
from harness.content import library, suite, workspace
from harness.content.case import Case
from harness.content.strict import nearest
from harness.content.suite import Suite
from harness.deciding import feasible, scorecard
from harness.deciding import judge as gate
from harness.deciding.degeneration import sign
from harness.engines.base import Decoding, Generation
from harness.errors import VerifierError, WorkspaceError
from harness.evidence import ledger, receipts, registration
from harness.evidence.receipts import AGAIN, ARMS, CANON, SENTINEL, Finding, Receipt
from harness.evidence.run import Run
from harness.gate import planning, sentinels
from harness.gate.progress import Pace, Progress, silent
from harness.judging import discovery
from harness.judging.verifier import Verifier
from harness.judging.workers import Judges, Pending
from harness.verdict import Reason, Verdict

if TYPE_CHECKING:
    from harness.engines.mlx import MlxEngine
    from harness.subjects.base import Preflight

PROBE_PROMPTS = 4  # per suite, for the effect of the adapter
LOST_EVERY = 16  # adapter's answers of a guard between two looks at whether it is lost


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


Question = tuple[Case, int]  #: a prompt, and which of its K answers


@dataclass(frozen=True)
class Asked:
    """One answer on its way to a receipt."""

    case: Case
    sample: int
    arm: str
    answer: Generation
    pending: Pending
    began: float


class GateSession:
    """A gate on one adapter. ``with GateSession(options) as gate: ...``; raises
    :class:`HarnessError` for user errors.
    """

    def __init__(self, options: Options, progress: Progress | None = None) -> None:
        self.options = options
        self._progress = progress or silent
        self._pace = Pace()
        self._stack = ExitStack()
        self.workspace = workspace.find(options.library)
        self.library = library.load(self.workspace)
        self.entry = library.resolve(self.workspace, self.library, options.adapter, options.base)
        root = self.workspace.folder("suites")
        self.suites = {
            s.id: s
            for s in (suite.load(f, root) for f in suite.owed(self.entry.adapter.suites, root))
        }
        self.cached = dict.fromkeys((*ARMS, CANON, AGAIN), 0)
        self.answered = dict.fromkeys((*ARMS, CANON, AGAIN), 0)
        self.invalid: list[Reason] = []

    def __enter__(self) -> GateSession:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def prepare(self) -> None:
        """Everything up to the registration, then the run folder. Raises :class:`HarnessError`."""
        self._plan()
        self._cache = self._open_cache()
        self.run = Run(self._run_folder(), self._settings(), self.registration.digest)
        self._stack.callback(self.run.close)
        self.registration.write(self.run.folder / "registration.json")
        if self.registered is not None:
            self.registered.write(self.run.folder / "registered.json")
        for id, certificate in self.certificates.items():
            self.run.write(f"certificates/{id}.json", certificate.to_json())
        self.run.write("preflight.json", asdict(self.preflight))
        if not self.invalid and self.options.limit is None:
            self._ledger.record(self.registration)

    def register(self) -> Path:
        """Write the registration beside the library, ahead of a run; raises :class:`WorkspaceError`
        for a hopeless plan.
        """
        self._plan()
        youdens = {
            id: scorecard.youden(plan, self.certificates)
            for id, plan in self.registration.plans.items()
        }
        hopeless = feasible.undecidable(self.registration, youdens)
        unfit = [r.text for r in self.invalid if r.code not in ("registration", "not-registered")]
        if unfit or hopeless:
            raise WorkspaceError("not registered:\n" + "\n".join(unfit + hopeless))
        self.registration.write(self._registered_path)
        return self._registered_path

    def _plan(self) -> None:
        """Verifiers, sandbox, judges, audits, base, preflight, registration."""
        needed = self._needed()
        self.sandbox, self.sandbox_description = resolve_sandbox(
            list(needed.values()), self.options.sandbox
        )
        folder = self.workspace.folder("verifiers")
        self._judges = self._stack.enter_context(Judges(folder, self.sandbox))
        audits = self.workspace.folder("audits")
        self.certificates = certify(
            needed.values(), audits, self._judges, self.sandbox, self._progress
        )
        self._engine = self._load_engine()
        self.preflight = self._preflight(self._engine)
        policy = self.library.gate
        self._known = sentinels.draw(
            needed, audits, policy.sentinels, self.preflight.adapter_digest
        )
        left_out = {id: set(cases) for id, cases in self.preflight.left_out.items()}
        plan = planning.register(
            self.entry,
            policy,
            self.suites,
            self.preflight,
            self.certificates,
            self._known,
            left_out,
        )
        self._ledger = ledger.Ledger(self.workspace.runs / "looks.jsonl")
        self.registration = plan.model_copy(update={"look": self._ledger.look(plan)})
        self._registered_path = (
            self.workspace.runs.parent / "registrations" / f"{self.entry.name}.json"
        )
        self.registered = (
            registration.read(self._registered_path) if self._registered_path.exists() else None
        )
        self.invalid = gate.validity(
            self.registration, self.preflight, self.certificates, self.registered
        )
        self._lost = False

    def check(self, verify: bool = False) -> Preflight:
        """The preflight alone, without verifiers, sandbox and run folder; ``verify`` reads every
        byte of the base again.

        Raises :class:`HarnessError`.
        """
        self._engine = self._load_engine()
        self.preflight = self._preflight(self._engine, verify)
        return self.preflight

    def check_served(self, url: str, model: str | None) -> None:
        """After :meth:`check`: whether a running server answers with the adapter. Raises
        :class:`EngineError`.
        """
        from harness.subjects import served

        prompts = [
            case.prompt for each in self.suites.values() for case in each.cases[:PROBE_PROMPTS]
        ]
        if not self.preflight.faults:
            self.preflight.add(served.check(self._engine, self.entry.path, url, model, prompts))

    def measure(self, suite_id: str) -> scorecard.SuiteScore | None:
        """Answer and judge every prompt of a suite on every arm; ``None`` when nothing may be
        judged, or no more.
        """
        if self.invalid or self._lost:
            return None
        found = self.suites[suite_id]
        self._guarded = sum(key[:2] == (suite_id, "adapter") for key in self.run.receipts)
        if self._is_lost(found):  # the run was stopped here, and is resumed
            return self.score(suite_id)
        policy = self.library.gate
        decoding = Decoding(found.spec.max_tokens, tuple(found.spec.stop), policy.temperature)
        cases = self._chosen(found)
        waiting: deque[Asked] = deque()
        arms = self.registration.plans[suite_id].arms
        for arm in (*(a for a in arms if a != "adapter"), SENTINEL, "adapter"):
            if arm == SENTINEL:
                self._show_sentinels(found)
                continue
            todo = [
                (case, sample)
                for case in self._in_order(found, arm, cases)
                for sample in range(policy.samples)
                if (suite_id, arm, case.id, sample) not in self.run.receipts
            ]
            if todo:
                self._answer(found, arm, todo, decoding, waiting)
            self._settle(found, waiting, wait=True)
        self.run.sync()
        return self.score(suite_id)

    def score(self, suite_id: str) -> scorecard.SuiteScore | None:
        """The numbers of a suite from the receipts so far."""
        return scorecard.score(
            self.registration, suite_id, self.certificates, self.run.receipts.values()
        )

    def conclude(self) -> Verdict:
        """Decide, and write scorecard.json, verdict.json, attestation.json and scorecard.html into
        the run folder.
        """
        from harness.evidence import attestation
        from harness.gate import recheck
        from harness.pages import html
        from harness.subjects.adapter import changed

        if not self.invalid:
            self.preflight.add(changed(self.entry, self.preflight, workspace.cache_folder()))
            self.invalid = gate.subject_reasons(self.preflight.faults)
            self.run.write("preflight.json", asdict(self.preflight))
        judged = gate.judge(
            self.registration, self.invalid, self.certificates, self.run.receipts.values()
        )
        answers = {
            arm: {"answered": n, "from_cache": self.cached[arm]} for arm, n in self.answered.items()
        }
        card = recheck.scorecard(self.registration, judged, len(self.run.receipts), self.run.head)
        self.run.write("scorecard.json", card | {"answers": answers})
        self.run.write("verdict.json", recheck.verdict(self.registration, judged, self.run.head))
        html.render(self.run.folder, self.workspace.folder("reports"))
        documents = attestation.documents(self.run.folder)
        self.run.write(
            "attestation.json", attestation.statement(self.registration, judged.verdict, documents)
        )
        self.run.sync()
        return judged.verdict

    def _needed(self) -> dict[str, Verifier]:
        """The verifiers that the owed suites name; an unknown one is an error of the suite that
        names it.
        """
        found = discovery.discover(self.workspace.folder("verifiers"))
        needed: dict[str, Verifier] = {}
        for each in self.suites.values():
            for criterion in each.spec.criteria:
                if criterion.verifier not in found.verifiers:
                    if found.broken:
                        raise VerifierError("\n".join(found.broken))
                    hint = nearest(criterion.verifier, list(found.verifiers))
                    raise WorkspaceError(
                        f"{each.path}: criterion {criterion.id!r}: no verifier"
                        f" {criterion.verifier!r}{hint}"
                    )
                needed[criterion.verifier] = found.verifiers[criterion.verifier]
        return needed

    def _load_engine(self) -> MlxEngine:
        from harness.engines.mlx import MlxEngine

        return MlxEngine(self.entry.base_path)

    def _preflight(self, engine: MlxEngine, verify: bool = False) -> Preflight:
        """Identity, tensors and effect of the adapter, then its training."""
        from harness.subjects import adapter
        from harness.subjects.training.examine import examine

        prompts = encode(self.suites.values(), engine)
        probe = [
            prompts[each.id, case.id]
            for each in self.suites.values()
            for case in each.cases[:PROBE_PROMPTS]
        ]
        policy = self.library.gate
        found = adapter.preflight(
            self.entry,
            engine,
            probe,
            policy.min_effect,
            None if verify else workspace.cache_folder(),
        )
        data = Path(self.options.train_data) if self.options.train_data else None
        trained = examine(self.entry, list(self.suites.values()), engine, policy, data)
        found.add(trained.faults)
        found.left_out = {id: sorted(cases) for id in self.suites if (cases := trained.flagged(id))}
        found.training = trained.to_json()
        return found

    def _open_cache(self) -> Any:
        from harness.engines.kept import Cache

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
            "training": {
                key: self.preflight.training.get(key) for key in ("rules_digest", "data_digest")
            },
            "policy": self.library.gate.model_dump(),
            "registration": self.registration.digest,
            "engine": self._engine.identity,
            "decoding": planning.decoded(self.library.gate),
            "sandbox": self.sandbox,
            "sandbox_description": self.sandbox_description,
            "limit": self.options.limit,
            "harness": __version__,
        }

    def _chosen(self, found: Suite) -> list[Case]:
        """The cases to measure: all, or a seeded sample (the first few of a benchmark are no
        sample) in suite order.
        """
        if self.options.limit is None or self.options.limit >= len(found.cases):
            return list(found.cases)
        kept = set(random.Random(found.digest).sample(range(len(found.cases)), self.options.limit))
        return [case for number, case in enumerate(found.cases) if number in kept]

    def _answer(
        self,
        found: Suite,
        arm: str,
        todo: Sequence[Question],
        decoding: Decoding,
        waiting: deque[Asked],
    ) -> None:
        """Get the answers of one arm, hand each to the judges as soon as it is there, and queue
        them in order.
        """
        self._engine.mount(self.entry.path if arm == "adapter" else None)
        verifiers = [criterion.verifier for criterion in found.spec.criteria]
        ready: dict[int, Asked] = {}
        given, self._pace = 0, Pace(samples=self.library.gate.samples)
        for number, answer in self._generations(found, arm, todo, decoding):
            case, sample = todo[number]
            pending = self._judges.judge(verifiers, case, answer.text)
            ready[number] = Asked(case, sample, arm, answer, pending, time.monotonic())
            while given in ready:
                waiting.append(ready.pop(given))
                given += 1
            self._settle(found, waiting, wait=False)
            self._progress(f"{found.id} {arm}", given, len(todo), self._pace.note(given, len(todo)))
            if self._lost:
                break

    def _generations(
        self, found: Suite, arm: str, todo: Sequence[Question], decoding: Decoding
    ) -> Iterable[tuple[int, Generation]]:
        from harness.engines.kept import key

        spec = found.spec
        system = (
            "\n\n".join(
                text for text in (spec.system, spec.canon if arm == CANON else None) if text
            )
            or None
        )
        ids = [self._engine.encode(case.prompt, spec.mode, system) for case, _ in todo]
        seeds = [
            planning.seed(self.library.gate, found.id, arm, case.id, sample)
            for case, sample in todo
        ]
        # base measured once more is kept apart from base, or it would be base's own answers read
        # back
        adapter = {"adapter": self.preflight.adapter_digest, AGAIN: AGAIN}.get(arm)
        drawn = seeds if decoding.temperature else [None] * len(seeds)
        base, engine = self.preflight.base_digest, self._engine.identity
        keys = [
            key(engine, base, adapter, row, decoding, seed)
            for row, seed in zip(ids, drawn, strict=True)
        ]
        missing = []
        for number, name in enumerate(keys):
            known = self._cache.get(name)
            self.answered[arm] += 1
            if known is None:
                missing.append(number)
            else:
                self.cached[arm] += 1
                yield number, known
        asked = [ids[number] for number in missing], decoding, [seeds[number] for number in missing]
        for at, answer in self._engine.generate(*asked):
            self._cache.put(keys[missing[at]], answer)
            self._pace.generated(answer.tokens)
            yield missing[at], answer

    def _settle(self, found: Suite, waiting: deque[Asked], *, wait: bool) -> None:
        """Write the receipts of judged answers, in order."""
        while waiting and (wait or waiting[0].pending.done()):
            asked = waiting.popleft()
            if self._lost:
                continue
            findings = [
                Finding(
                    each.id,
                    each.verifier,
                    said.outcome.value,
                    said.reason,
                    said.evidence[:2000],
                    said.rule,
                )
                for each, said in zip(found.spec.criteria, asked.pending.result(), strict=True)
            ]
            subject = (
                self.preflight.adapter_digest
                if asked.arm == "adapter"
                else self.preflight.base_digest
            )
            answer = asked.answer
            degenerate = sign(answer.text, answer.finish) if found.spec.role == "facet" else ""
            outcome = receipts.overall(findings, degenerate)
            self.run.add(
                Receipt(
                    suite=found.id,
                    case=asked.case.id,
                    arm=asked.arm,
                    sample=asked.sample,
                    subject=subject,
                    prompt=asked.case.prompt,
                    answer=answer.text,
                    tokens=answer.tokens,
                    finish=answer.finish,
                    findings=findings,
                    outcome=outcome,
                    seconds=round(time.monotonic() - asked.began, 4),
                    sampler=self.registration.plans[found.id].sampler,
                    sign=degenerate,
                )
            )
            self._pace.judged(outcome)
            self._look_for_loss(found, asked.arm)

    def _look_for_loss(self, found: Suite, arm: str) -> None:
        if arm == "adapter":
            self._guarded += 1
            self._lost = self._is_lost(found)

    def _is_lost(self, found: Suite) -> bool:
        """Every few answers, which is the same in every run: whether this guard is lost beyond
        doubt.
        """
        if (
            found.spec.role != "guard"
            or not self.library.gate.early_stop
            or not self._guarded
            or self._guarded % LOST_EVERY
        ):
            return self._lost
        rows = self.run.receipts.values()
        return scorecard.lost(self.registration, found.id, self.certificates, rows) is not None

    def _in_order(self, found: Suite, arm: str, cases: list[Case]) -> list[Case]:
        """The adapter is asked in the registered order, base once more from the end, every other
        arm as the suite is.
        """
        if arm == AGAIN:
            return cases[::-1]
        chosen = {case.id: case for case in cases}
        registered = [id for id, _ in self.registration.plans[found.id].cases]
        return [chosen[id] for id in registered if id in chosen] if arm == "adapter" else cases

    def _show_sentinels(self, found: Suite) -> None:
        """Put known answers before the suite's verifiers, between the arms, as if they were the
        adapter's.
        """
        known = {c.verifier: self._known[c.verifier] for c in found.spec.criteria}
        digests = {id: self.certificates[id].digest for id in known}
        done = [case for _, arm, case, _ in self.run.receipts if arm == SENTINEL]
        for receipt in sentinels.judged(self._judges, known, digests, done):
            self.run.add(receipt)


def encode(suites: Iterable[Suite], engine: MlxEngine) -> dict[tuple[str, str], list[int]]:
    """Token ids of every prompt by suite and case; raises :class:`WorkspaceError` for one that
    leaves no room to answer.
    """
    ids = {}
    for each in suites:
        for case in each.cases:
            row = engine.encode(case.prompt, each.spec.mode, each.spec.system)
            if len(row) >= engine.context:
                raise WorkspaceError(
                    f"{each.path}: prompt {case.id!r} has {len(row)} tokens, and the base's context"
                    f" is {engine.context}; shorten the prompt, or gate on a base with a longer"
                    " context"
                )
            ids[each.id, case.id] = row
    return ids


def gate_adapter(options: Options, progress: Progress | None = None) -> tuple[Verdict, Path]:
    """Run a whole gate; ``(verdict, run folder)``. Raises :class:`HarnessError`."""
    with GateSession(options, progress) as session:
        session.prepare()
        for id in session.suites:
            session.measure(id)
        return session.conclude(), session.run.folder


def register_adapter(options: Options, progress: Progress | None = None) -> Path:
    """Write the registration of a gate ahead of it; the file. Raises :class:`HarnessError`."""
    with GateSession(options, progress) as session:
        return session.register()
