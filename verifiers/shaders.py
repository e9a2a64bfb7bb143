"""Shaders: GLSL and HLSL, compiled by glslang and run on pixels, vertices or invocations.

A shader never runs on a machine's GPU or processor: a machine of our own computes what its SPIR-V
says, so that a picture is the same everywhere and nothing of the answer gets out. That machine and
numpy are loaded with the first answer: whoever looks at kept certificates judges none."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness import Answer, Case, Judgement, failed, passed, unverified, verifier
from harness.judging.verifier import Verifier
from harness.sandbox import Sandbox

if TYPE_CHECKING:
    from ._shaders_scene import Outcome
    from ._shaders_spirv import Mode, Module

    Judge = Callable[[Module, Case, Sandbox], Judgement]

PACKAGES = ["numpy", "tree-sitter", "tree-sitter-hlsl", "markdown-it-py"]
TOOLS = ["glslangValidator", "sh"]
MODES: tuple[tuple[str, Mode], ...] = (
    ("inputs", "in"),
    ("outputs", "out"),
    ("uniforms", "uniform"),
    ("buffers", "buffer"),
)


class _Criterion:
    """A criterion of compiled shaders: ``judge`` says what it makes of the answer's module."""

    def __init__(self, judge: Judge) -> None:
        self.judge, self.__doc__ = judge, judge.__doc__

    def begin(self, asked: Sequence[tuple[Case, Answer]], _sitting: str | None) -> None:
        """Know what will be asked next, and compile it together."""
        from ._shaders_compile import ahead

        ahead(asked)

    def __call__(self, case: Case, answer: Answer, sandbox: Sandbox) -> Judgement:
        from ._shaders_compile import built

        module = built(case, answer, sandbox)
        return module if isinstance(module, Judgement) else self.judge(module, case, sandbox)


def _criterion(name: str, level: str = "executed") -> Callable[[Judge], Verifier]:
    made = verifier(
        f"shaders.{name}",
        version=1,
        facet="shaders",
        packages=PACKAGES,
        executables=TOOLS,
        sandbox=True,
        level=level,
    )
    return lambda judge: made(_Criterion(judge))


@_criterion("compiles", "compiled")
def compiles(module: Module, case: Case, _sandbox: Sandbox) -> Judgement:
    """One complete shader that the compiler takes for the language, version and stage asked for."""
    stage = case.expect.get("stage", "fragment")
    return passed(f"a {stage} shader with {len(module.functions)} functions")


@_criterion("interface", "compiled")
def interface(module: Module, case: Case, _sandbox: Sandbox) -> Judgement:
    """Exactly the inputs, outputs, uniforms and buffers asked for, and the means asked for."""
    from ._shaders_uses import uses

    wrong = _interface(module, case.expect) or uses(module, case.expect)
    return failed("interface", wrong) if wrong else passed(_shown(case.expect))


@_criterion("defined")
def defined(module: Module, case: Case, sandbox: Sandbox) -> Judgement:
    """In every run of the prompt each output is written everywhere, with finite numbers."""
    from ._shaders_judge import undefined

    return _each(module, case, sandbox, lambda found, _: undefined(found))


@_criterion("renders")
def renders(module: Module, case: Case, sandbox: Sandbox) -> Judgement:
    """Run on the prompt's inputs, the shader gives the pixels, positions or values expected."""
    from ._shaders_compile import reference
    from ._shaders_judge import Check, expects
    from ._shaders_scene import performed

    model = reference(case, sandbox) if "reference" in case.expect else None
    if isinstance(model, Judgement):
        return unverified("bad-case", f"the reference of the prompt: {model.evidence}")
    if model is None and not any(expects(run) for run in case.expect["runs"]):
        return unverified("bad-case", "no run of the prompt expects anything")
    seen: dict[str, Outcome] = {}

    def check(found: Outcome, run: Mapping[str, Any]) -> str:
        wanted = performed(model, run, case.expect) if model else None
        said = Check(found, run, case.expect, module, seen).difference(wanted)
        seen[str(run.get("name", len(seen)))] = found
        return said

    return _each(module, case, sandbox, check)


def _each(
    module: Module, case: Case, sandbox: Sandbox, check: Callable[[Outcome, Mapping[str, Any]], str]
) -> Judgement:
    """Perform every run of the prompt until ``check`` finds something wrong with one."""
    from ._shaders_interface import CaseError
    from ._shaders_memory import EndlessError
    from ._shaders_scene import drawn, performed
    from ._shaders_spirv import UnsupportedError

    wrong = _interface(module, case.expect)
    if wrong:
        return failed("interface", wrong)
    rng = random.Random(f"{sandbox.secret.hex()}/{case.prompt}")
    runs = [drawn(run, rng) for run in case.expect["runs"]]
    gone = True
    try:
        for number, run in enumerate(runs, 1):
            found = performed(module, run, case.expect)
            gone = gone and bool(found.discarded.all())
            said = check(found, run)
            if said:
                return failed("wrong-result", f"run {run.get('name', number)}: {said}")
    except EndlessError as error:
        return failed("never-ends", str(error))
    except UnsupportedError as error:
        return unverified("unsupported", str(error))
    except CaseError as error:
        return unverified("bad-case", str(error))
    return failed("all-discarded") if gone else passed(f"{len(runs)} runs")


def _interface(module: Module, expect: Mapping[str, Any]) -> str:
    """What of the interface is not as the prompt says; empty when all is."""
    from ._shaders_interface import bound, left_over, outputs, places

    hlsl = expect.get("language") == "hlsl"
    declared = places(module, hlsl)
    asked = {**expect, "outputs": outputs(expect)}
    for key, mode in MODES:
        found = bound(declared, asked.get(key, {}), mode, hlsl)
        if isinstance(found, str):
            return found
        extra = left_over(declared, found, mode, expect.get("optional", {}))
        if extra:
            return f"{mode} {extra[0]}, which nobody sets or reads"
    return ""


def _shown(expect: Mapping[str, Any]) -> str:
    names = [name for key, _ in MODES for name in expect.get(key, {})]
    return (
        f"{', '.join(names) or 'one output'}; {', '.join(expect.get('uses', [])) or 'by any means'}"
    )
