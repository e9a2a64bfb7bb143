"""Answer and judge every prompt of a suite on every registered arm: each answer a receipt."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.content.case import Case
from harness.content.fixtures import Fixture
from harness.content.suite import Suite
from harness.content.workspace import cache_folder
from harness.deciding import scorecard
from harness.deciding.degeneration import sign
from harness.engines.base import Ask, Generation, Watched
from harness.errors import WorkspaceError
from harness.evidence import secret
from harness.evidence.receipts import SENTINEL, Receipt, overall
from harness.evidence.run import Run
from harness.gate import baseline, measurements, planning, sentinels
from harness.gate.prepare import Prepared
from harness.gate.progress import Pace, Progress, silent
from harness.gate.sentinels import Shown
from harness.judging.workers import Pending
from harness.subjects.base import Arm

LOST_EVERY = 16  # answers of what is judged between two looks at whether a guard is lost
#: seconds of decoding and answers that tell a gate's pace: the first to end are the shortest ones
PACED, ENOUGH = 20.0, 64
Question = tuple[Case, int]  #: a prompt, and which of its K answers


def open_run(prepared: Prepared) -> Run:
    """The run folder with its documents; close it when done.

    Raises :class:`RunError` for a folder that holds another run, and :class:`WorkspaceError` for a
    plan that its prompts cannot decide; a look at a part decides nothing anyway."""
    whole = prepared.wanted.options.limit is None and not prepared.invalid
    if whole and (refused := baseline.hopeless(prepared)):
        raise WorkspaceError("not run, as nothing would be decided:\n" + "\n".join(refused))
    secret.keep(prepared.judges.secret)
    given, wanted = prepared.wanted.options.run_dir, prepared.wanted
    folder = Path(given) if given else wanted.workspace.new_run(wanted.entry.name)
    run = Run(folder, prepared.settings, prepared.registration.digest)
    prepared.registration.write(run.folder / "registration.json")
    if prepared.registered is not None:
        prepared.registered.write(run.folder / "registered.json")
    for id, certificate in prepared.certificates.items():
        run.write(f"certificates/{id}.json", certificate.to_json())
    run.write("preflight.json", asdict(prepared.preflight))
    return run


def may_ask(prepared: Prepared, run: Run, progress: Progress = silent) -> bool:
    """Whether what is mounted may be asked, once base was asked about all suites: not where nothing
    may be judged, where what answered drifted, where base's own noise leaves nothing to decide, or
    a guard ended the run. The ledger has this look then."""
    suites = prepared.wanted.suites
    if prepared.invalid or any(lost(prepared, run, id) for id in suites):
        return False
    if not prepared.estimate.planned:
        for each in suites.values():
            Measuring(prepared, run, each, progress).count()
        places, memory = (run.folder, cache_folder()), getattr(prepared.engine, "memory", None)
        for said in prepared.estimate.room(places, memory):
            progress(said, 0, 0)
    if baseline.LINK not in run.receipts:
        together(prepared, run, progress, judged=False)
        for each in suites.values():
            Measuring(prepared, run, each, progress).references()
        if isinstance(prepared.engine, Watched) and prepared.engine.drift:
            return False  # a part of base's answers says nothing of its noise
        noise = baseline.write_down(run, prepared.registration, prepared.certificates)
        for id, one in noise.suites.items():
            progress(f"{id} base twice", one.prompts, one.prompts, one.told)
    if baseline.halted(prepared, run):
        return False
    if prepared.look is not None:
        prepared.ledger.record(prepared.look)
    return True


def measure(prepared: Prepared, run: Run, suite: str, progress: Progress = silent) -> None:
    """Ask what is not in the run yet about one suite, if it :func:`may_ask`."""
    if may_ask(prepared, run, progress):
        measurements.measure(prepared, run, progress)
        if (
            prepared.registration.plans[suite].role == "facet"
        ):  # behind a guard that may end the run
            together(prepared, run, progress, judged=True)
        Measuring(prepared, run, prepared.wanted.suites[suite], progress).mounted()


def asked(prepared: Prepared, run: Run, suite: str) -> dict[str, list[Ask]]:
    """What :func:`measure` is about to ask of what is mounted, by arm."""
    plan = prepared.registration.plans[suite]
    of = Measuring(prepared, run, prepared.wanted.suites[suite], silent)
    own = {arm.id: of.asks(arm) for arm in plan.judged}
    if plan.role == "facet":
        for arm, asks in few(prepared, run, judged=True):
            own[arm] = [*dict.fromkeys([*own.get(arm, []), *asks])]
    return own


def few(prepared: Prepared, run: Run, *, judged: bool) -> Iterator[tuple[str, list[Ask]]]:
    """By arm what is not known of facets that fill no batch by themselves: of what is ``judged``,
    or of the bare base. Guards are asked in two orders and may end the run, and stay apart."""
    kept = prepared.kept
    for id, plan in prepared.registration.plans.items():
        of = Measuring(prepared, run, prepared.wanted.suites[id], silent)
        for arm in plan.arms if plan.role == "facet" else ():
            asks = of.asks(arm) if (arm in plan.judged) is judged else []
            unknown = kept.unknown(arm.id, asks) if len(asks) < (kept.batch or 0) else []
            yield arm.id, [ask for ask in unknown if not ask.base]


def together(prepared: Prepared, run: Run, progress: Progress, *, judged: bool) -> None:
    """Have what is asked of :func:`few` answered in one batch, into what is kept."""
    asks = [ask for _, each in few(prepared, run, judged=judged) for ask in each]
    for given in prepared.kept.ahead(asks):
        progress(f"facets {'adapter' if judged else 'base'}", given, len(asks), "in one batch")


def lost(prepared: Prepared, run: Run, suite: str) -> bool:
    """Whether this guard ends the run early, looked at every few answers: alike in every run."""
    plan, policy = prepared.registration.plans[suite], prepared.wanted.library.gate
    if plan.role != "guard" or not policy.early_stop or suite in policy.shown_only:
        return False
    judged = sum(key[:2] == (suite, plan.headline.first) for key in run.receipts)
    if judged == 0 or judged % LOST_EVERY:
        return False
    rows = run.receipts.values()
    found = scorecard.lost(prepared.registration, suite, prepared.certificates, rows)
    return found is not None


@dataclass(frozen=True)
class Asked:
    """One answer on its way to a receipt."""

    case: Case
    sample: int
    arm: Arm
    answer: Generation
    pending: Pending
    began: float


class Measuring:
    """One suite on its way: what was answered and waits for its judgement, and how fast it goes."""

    def __init__(self, prepared: Prepared, run: Run, suite: Suite, progress: Progress) -> None:
        self._prepared, self._run, self._suite, self._progress = prepared, run, suite, progress
        self._policy = prepared.wanted.library.gate
        self._plan = prepared.registration.plans[suite.id]
        self._waiting: deque[Asked | Shown] = deque()
        self._due: deque[tuple[int, str, Fixture]] = deque()
        self._pace = Pace(samples=self._policy.samples)
        self._lost = False

    def references(self) -> None:
        """Every arm of the bare base, whose answers may be kept."""
        for arm in self._plan.arms:
            if arm not in self._plan.judged:
                self._measure(arm)
        self._run.sync()

    def mounted(self) -> None:
        """What is judged, with the sentinels before, among and behind its answers."""
        named = [criterion.verifier for criterion in self._suite.spec.criteria]
        known = {id: self._prepared.known[id] for id in named}
        done = [case for _, arm, case, _ in self._run.receipts if arm == SENTINEL]
        answers = len(self._chosen()) * self._policy.samples
        self._due = sentinels.spread(known, done, answers)
        for arm in self._plan.judged:
            if not self._lost:
                self._measure(arm)
        self._show_sentinels(answers)
        self._settle(wait=True)
        self._run.sync()

    def asks(self, arm: Arm) -> list[Ask]:
        """What one arm was not asked yet."""
        return [self._ask(arm, case, sample) for _, (case, sample) in self._todo(arm)]

    def count(self) -> None:
        """Add what is left of this suite to the estimate."""
        for arm in self._plan.arms:
            asks = self.asks(arm)
            new = bool(asks and asks[0].base)  # another model is not loaded to count what is kept
            unknown = len(asks if new else self._prepared.kept.unknown(arm.id, asks))
            prompts = [ask.prompt for ask in asks]
            self._prepared.estimate.add(unknown, prompts, self._suite.form.max_tokens)

    def _measure(self, arm: Arm) -> None:
        """Ask one arm what it was not asked yet, and wait for the judgements."""
        if todo := self._todo(arm):
            self._answer(arm, todo)
        self._settle(wait=True)

    def _todo(self, arm: Arm) -> list[tuple[int, Question]]:
        """What one arm was not asked yet, each with its place."""
        chosen = self._chosen()
        cases = [
            case for case in planning.in_order(self._suite, self._plan, arm) if case.id in chosen
        ]
        every = [(case, sample) for case in cases for sample in range(self._policy.samples)]
        done = self._run.receipts
        return [
            (place, (c, n))
            for place, (c, n) in enumerate(every)
            if (self._suite.id, arm.id, c.id, n) not in done
        ]

    def _answer(self, arm: Arm, todo: Sequence[tuple[int, Question]]) -> None:
        """Get the answers of one arm, hand each to the judges as soon as it is there, and queue
        them in order, each behind the sentinels that are due before its place."""
        verifiers = [criterion.verifier for criterion in self._suite.spec.criteria]
        asks = [self._ask(arm, case, sample) for _, (case, sample) in todo]
        ready: dict[int, Asked] = {}
        given, new, self._pace = 0, 0, Pace(samples=self._policy.samples)
        answers = self._prepared.kept.answer(arm.id, asks)
        for many, (number, answer, kept) in enumerate(answers, start=1):
            case, sample = todo[number][1]
            self._pace.generated(0 if kept else answer.tokens)
            new += not kept
            if many == len(todo) or (self._pace.seconds > PACED and new >= ENOUGH):
                allowed = new * self._suite.form.max_tokens
                self._prepared.estimate.say(self._progress, self._pace, allowed)
            pending = self._prepared.judges.judge(verifiers, case, answer.text)
            ready[number] = Asked(case, sample, arm, answer, pending, time.monotonic())
            while given in ready:
                self._show_sentinels(todo[given][0])
                self._waiting.append(ready.pop(given))
                given += 1
            self._settle(wait=False)
            note = self._pace.note(many, len(todo))
            self._progress(f"{self._suite.id} {arm.id}", many, len(todo), note)
            if self._lost:
                break

    def _ask(self, arm: Arm, case: Case, sample: int) -> Ask:
        return planning.ask(self._policy, self._suite, arm, case, sample, self._prepared.bench)

    def _settle(self, *, wait: bool) -> None:
        """Write the receipts of judged answers, in order."""
        while self._waiting and (wait or self._waiting[0].pending.done()):
            asked = self._waiting.popleft()
            if isinstance(asked, Shown):
                self._run.add(asked.receipt())
                continue
            if self._lost:
                continue
            receipt = self._receipt(asked)
            self._run.add(receipt)
            self._pace.judged(receipt.outcome)
            if asked.arm.id == self._plan.headline.first:
                self._lost = lost(self._prepared, self._run, self._suite.id)

    def _receipt(self, asked: Asked) -> Receipt:
        criteria, answer = self._suite.spec.criteria, asked.answer
        findings = [
            sentinels.finding(each.id, each.verifier, said)
            for each, said in zip(criteria, asked.pending.result(), strict=True)
        ]
        facet = self._suite.spec.role == "facet"
        degenerate = sign(answer.text, answer.finish) if facet else ""
        return Receipt(
            suite=self._suite.id,
            case=asked.case.id,
            arm=asked.arm.id,
            sample=asked.sample,
            subject=asked.arm.subject,
            prompt=asked.case.prompt,
            answer=answer.text,
            tokens=answer.tokens,
            finish=answer.finish,
            findings=findings,
            outcome=overall(findings, degenerate),
            seconds=round(time.monotonic() - asked.began, 4),
            sampler=self._plan.sampler,
            sign=degenerate,
        )

    def _chosen(self) -> set[str]:
        """The cases to measure."""
        return {
            case.id for case in planning.chosen(self._suite, self._prepared.wanted.options.limit)
        }

    def _show_sentinels(self, place: int) -> None:
        """Queue the known answers that are due up to a place among those of what is judged, as if
        they were of it."""
        while self._due and self._due[0][0] <= place:
            _, id, known = self._due.popleft()
            pending = self._prepared.judges.judge([id], known.case, known.answer)
            digest = self._prepared.certificates[id].digest
            self._waiting.append(Shown(id, known, digest, pending, time.monotonic()))
