"""The facet FACET: replace this example by what its answers must do."""

from __future__ import annotations

from harness import Answer, Case, Judgement, failed, passed, verifier
from harness.sandbox import Sandbox


@verifier("FACET.CRITERION", version=1, facet="FACET", sandbox=True)
def judge(case: Case, answer: Answer, sandbox: Sandbox) -> Judgement:
    """The Python program makes of each hidden input file the output that is expected."""
    code = answer.code("python")
    if code is None:
        return failed("no-code", "the answer has no complete Python block")
    limits = sandbox.with_limits(wall=2.0, cpu=1)
    for given, wanted in case.expect["files"]:
        # another program than `python` is declared in executables=
        command = ["python", "answer.py", "in.txt", "out.txt"]
        files = {"answer.py": code, "in.txt": given}
        ran = sandbox.command(command, files, wanted=["out.txt"], limits=limits)
        if not ran.ok:
            return failed(ran.reason, ran.stderr.decode(errors="replace")[-200:])
        if ran.files.get("out.txt", b"").decode(errors="replace") != wanted:
            return failed("wrong-file", f"{given!r:.80} gave {ran.files!r:.80}")
    return passed(f"{len(case.expect['files'])} files")
