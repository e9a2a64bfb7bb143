"""The facet FACET: replace this example by what its answers must do."""

from __future__ import annotations

from harness import Answer, Case, Judgement, failed, passed, verifier
from harness.sandbox import Sandbox
from harness.sandbox.inside.frames import ProtocolError
from harness.sandbox.limits import CandidateError, TaskError


@verifier("FACET.CRITERION", version=1, facet="FACET", sandbox=True)
def judge(case: Case, answer: Answer, sandbox: Sandbox) -> Judgement:
    """The Python function asked for returns what the hidden tests expect."""
    code = answer.code("python")
    if code is None:
        return failed("no-code", "the answer has no complete Python block")
    try:
        with sandbox.task(sandbox.with_limits(wall=2.0, cpu=1)) as task:
            task.load(code, case.expect["function"])
            for arguments, wanted in case.expect["tests"]:  # they stay out here, and so does ==
                found = task.call(arguments)
                if type(found) is not type(wanted) or found != wanted:
                    return failed("wrong-answer", f"{arguments} gave {found!r:.80}")
    except (CandidateError, TaskError) as error:
        return failed(error.reason, error.evidence)
    except ProtocolError as error:
        return failed("protocol", str(error))
    return passed(f"{len(case.expect['tests'])} tests")
