"""From an answer to SPIR-V: the shader of the answer, compiled by glslang in the sandbox.

What a compile says is remembered by its text, since all criteria ask for the same, and what is to
be asked next is compiled along, since the start of a sandbox costs more than glslang does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness import Answer, Case, Judgement, failed, unverified
from harness.languages import named
from harness.sandbox import Sandbox

from ._code import parse, source, text, walk
from ._shaders_spirv import Module, UnsupportedError
from ._words import words

STAGES = {"fragment": "frag", "vertex": "vert", "compute": "comp"}
COMPILER = "glslangValidator"
#: intrinsics of shader model 3; glslang still reads them, no compiler of shader model 6 does
LEGACY = words(
    "tex1D tex1Dbias tex1Dgrad tex1Dlod tex1Dproj tex2D tex2Dbias tex2Dgrad tex2Dlod tex2Dproj"
    " tex3D tex3Dbias tex3Dgrad tex3Dlod tex3Dproj texCUBE texCUBEbias texCUBEgrad texCUBElod"
    " texCUBEproj"
)
LEGACY_TYPES = words(
    "sampler1D sampler2D sampler3D samplerCUBE sampler sampler_state texture technique"
)
PRECISION = "precision highp float;\nprecision highp int;\n"
REMEMBERED = 4096  # texts; one takes some kilobytes
AHEAD = 24  # texts that one start of the sandbox compiles
SECONDS = 3  # of processor time for one text


@dataclass(frozen=True)
class Order:
    """What is to be run: a line of the shell in a folder with the text, and its twins in versions
    that have a way to SPIR-V. Its exit code is 9 where only the way to SPIR-V failed."""

    line: str
    text: str
    twin: str = ""
    other: str = ""


@dataclass(frozen=True)
class Compiled:
    """A binary, or why there is none; ``able`` says whether the compiler could tell."""

    binary: bytes = b""
    log: str = ""
    able: bool = True


_known: dict[Order, Compiled] = {}
_coming: list[tuple[Case, Answer]] = []


def ahead(asked: Sequence[tuple[Case, Answer]]) -> None:
    """What will be asked for next: it is compiled together, since a start costs most."""
    _coming[:] = asked


def built(case: Case, answer: Answer, sandbox: Sandbox) -> Module | Judgement:
    """The module of the answer's one shader, or the judgement that there is none."""
    order = _ordered(case, answer)
    return order if isinstance(order, Judgement) else _module(_found(order, sandbox))


def reference(case: Case, sandbox: Sandbox) -> Module | Judgement:
    """The module of the prompt's own shader, which is no answer as it stands."""
    expect, code = case.expect, str(case.expect["reference"])
    if expect.get("language") == "hlsl":
        expect = {**expect, "entry": "Reference"}
    else:
        stated = expect.get("version", "300 es")
        version = stated if isinstance(stated, str) else stated[0]
        precision = PRECISION if version.endswith("es") else ""
        code = f"#version {version}\n{precision}{code}"
    return _module(_found(_order(code, expect), sandbox))


def _module(found: Compiled) -> Module | Judgement:
    if not found.binary:
        return (failed if found.able else unverified)("compile", found.log)
    try:
        return _read(found.binary)
    except (UnsupportedError, LookupError) as error:
        return unverified("unsupported", f"its SPIR-V: {error}")


@lru_cache(64)
def _read(binary: bytes) -> Module:
    return Module(binary)


def _found(order: Order, sandbox: Sandbox) -> Compiled:
    if order not in _known:
        if len(_known) > REMEMBERED:
            _known.clear()
        together = dict.fromkeys([order, *_next()])
        new = [one for one in together if one not in _known][:AHEAD]
        _known.update(_compiled(new, sandbox))
    if order not in _known:  # one of the others kept it from its end
        _known.update(_compiled([order], sandbox))
    return _known.get(order, Compiled(log="the compiler came to no end", able=False))


def _next() -> list[Order]:
    """The orders of what is asked next, as many as one start compiles; an answer that cannot be
    read is left to its own asking."""
    found: dict[Order, None] = {}
    while _coming and len(found) < AHEAD - 1:
        with suppress(Exception):
            order = _ordered(*_coming.pop(0))
            found |= {order: None} if isinstance(order, Order) and order not in _known else {}
    return [*found]


def _compiled(orders: Sequence[Order], sandbox: Sandbox) -> dict[Order, Compiled]:
    """What the compiler says of each, in one run of it."""
    files: dict[str, bytes | str] = {}
    lines = []
    for number, order in enumerate(orders):
        texts = (("a", order.text), ("b", order.twin), ("c", order.other))
        files |= {f"{number}.{end}": text for end, text in texts if text}
        line = order.line.replace("@", str(number))
        lines.append(f"(ulimit -t {SECONDS}; {line}) > {number}.log 2>&1; echo $? > {number}.rc")
    limits = sandbox.with_limits(wall=40.0, cpu=min(60, SECONDS * (1 + len(orders))))
    wanted = ["*.log", "*.rc", "*.spv"]
    done = sandbox.command(["sh", "-c", "\n".join(lines)], files, wanted, limits=limits)
    if done.reason == "start":
        said = done.stderr.decode(errors="replace")
        return {one: Compiled(log=f"no shell: {said}", able=False) for one in orders}
    read = [(one, _said(done.files, str(number))) for number, one in enumerate(orders)]
    return {order: said for order, said in read if said is not None}


def _said(files: Mapping[str, bytes], name: str) -> Compiled | None:
    code = files.get(f"{name}.rc", b"").strip()
    if not code:
        return None
    said = files.get(f"{name}.log", b"").decode(errors="replace")
    for end in ("a", "b", "c"):  # its place among those that are compiled along says nothing
        said = said.replace(f" {name}.{end}:", " line ").replace(f"{name}.{end}\n", "")
    lines = [one for one in said.splitlines() if one.startswith("ERROR")]
    log = "; ".join(lines[:3]) or f"the compiler ended with {code.decode()}: {said[:200]}"
    if code != b"0":
        return Compiled(log=log, able=code not in (b"9", b"126", b"127"))
    return Compiled(files.get(f"{name}.spv", b""), log)


def _ordered(case: Case, answer: Answer) -> Order | Judgement:
    """The order for the answer's one shader, or the judgement that there is none to compile."""
    language = str(case.expect.get("language", "glsl"))
    code = _source(answer, language, str(case.expect.get("entry", "main")))
    if isinstance(code, Judgement):
        return code
    wrong = _hlsl(code) if language == "hlsl" else _version(code, case.expect)
    return wrong or _order(code, case.expect)


def _order(code: str, expect: Mapping[str, Any]) -> Order:
    stage = STAGES[str(expect.get("stage", "fragment"))]
    to = f"-S {stage} -o @.spv"
    if expect.get("language") == "hlsl":
        entry = str(expect.get("entry", "main"))
        options = f"-D -V --target-env vulkan1.1 -e {entry} -fhlsl_functionality1 --aml --amb"
        return Order(f"{COMPILER} {options} {to} @.a", code)
    if expect.get("vulkan"):
        return Order(f"{COMPILER} -V --target-env vulkan1.2 {to} @.a", code)
    # OpenGL has loose uniforms, which SPIR-V has not; ES 3.00 gets there as 3.30, in which what it
    # can say means the same and which glslang begins in half the time of ES 3.10, or else as that
    check, make = f"{COMPILER} -l -S {stage} @.a || exit 1", f"{COMPILER} -V -R --aml --amb {to}"
    if _stated(code) != "300 es":
        return Order(f"{check}; {make} @.a || exit 9", code)
    line = f"{check}; {make} @.b || {make} @.c || exit 9"
    return Order(line, code, *[code.replace("300 es", one, 1) for one in ("330", "310 es")])


def _source(answer: Answer, language: str, entry: str) -> str | Judgement:
    tagged, bare = (
        [one for one in answer.blocks if one.closed and named(one.language) == named(tag)]
        for tag in (language, "")
    )
    shaders = tagged + [one for one in bare if _whole(one.code, language, entry)]
    if len(shaders) > 1:
        return failed("several-shaders", f"{len(shaders)} {language} shaders, expected one")
    return source(answer, language)


def _whole(code: str, language: str, entry: str) -> bool:
    """Whether a block that names no language holds a shader, not a call or an output."""
    if language == "glsl":
        return bool(_stated(code))
    root = parse(code, "tree_sitter_hlsl")
    found = [] if isinstance(root, Judgement) else list(walk(root))
    named_so = [one.child_by_field_name("declarator") for one in found if "function" in one.type]
    return entry in [text(one) for one in named_so]


def _stated(code: str) -> str:
    """What the version line says, without the word core, which is the default."""
    for line in code.splitlines():
        parts = line.replace("#", "# ", 1).split()
        if parts[:2] == ["#", "version"]:
            return " ".join(part for part in parts[2:] if part != "core")
    return ""


def _version(code: str, expect: Mapping[str, Any]) -> Judgement | None:
    wanted = expect.get("version", "300 es")
    allowed = [wanted] if isinstance(wanted, str) else list(wanted)
    stated = _stated(code)
    if stated in [one.removesuffix(" core") for one in allowed]:
        return None
    return failed("version", f"#version {stated or 'missing'}, expected {' or '.join(allowed)}")


def _hlsl(code: str) -> Judgement | None:
    """What only shader model 3 and its effect files had."""
    root = parse(code, "tree_sitter_hlsl")
    if isinstance(root, Judgement):
        return root
    for node in walk(root):
        parent = node.parent.type if node.parent is not None else ""
        called = parent == "call_expression" and text(node) in LEGACY
        typed = node.type == "type_identifier" and text(node) in LEGACY_TYPES
        if called or typed:
            where = f"line {node.start_point.row + 1}: {text(node)}"
            return failed("shader-model-3", f"{where} is gone since shader model 4")
    return None
