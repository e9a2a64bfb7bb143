"""GLSL ES 3.00 fragment shaders (WebGL 2): parsed, type-checked and executed by a small
interpreter, no GPU."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping

from tree_sitter import Node

from harness import Answer, Case, Judgement, failed, passed, unverified, verifier

from ._code import errors, line, parse, source, text, walk
from ._glsl_eval import Shader, is_precision, top_level
from ._glsl_types import TYPES, GlslError, UnsupportedError, Value
from ._words import words

PACKAGES = ["tree-sitter", "tree-sitter-glsl", "markdown-it-py"]
VERSION = re.compile(r"[ \t]*#[ \t]*version[ \t]+300[ \t]+es[ \t]*")
WEBGL1 = words(
    "gl_FragColor gl_FragData texture2D textureCube texture2DLod varying attribute gl_FragDepthEXT"
)
C_ONLY = words(
    "pointer_expression goto_statement string_literal char_literal cast_expression"
    " sizeof_expression"
)
# Valid GLSL that the grammar, which grew out of C, cannot read; the words dropped do not change the
# meaning
GAPS = re.compile(r"(?<=\bconst )(?:lowp|mediump|highp)(?= )|\bconst(?= in )")
SAMPLES = 16
TOLERANCE = 1e-4


@verifier("glsl.parses", version=2, facet="pocket-shaders", packages=PACKAGES)
def parses(_case: Case, answer: Answer) -> Judgement:
    """A complete GLSL ES 3.00 fragment shader that a compiler would take, with one vec4 output."""
    root = _root(answer)
    if isinstance(root, Judgement):
        return root
    for node in walk(root):
        if node.type in C_ONLY:
            return failed("not-glsl", f"line {line(node)}: {node.type.replace('_', ' ')}")
        if node.child_count == 0 and text(node) in WEBGL1:
            return failed("webgl-1", f"line {line(node)}: {text(node)} is gone in GLSL ES 3.00")
    shader = _shader(root)
    if isinstance(shader, Judgement):
        return shader
    late = _precision_fault(root)
    if late is not None:
        return late
    outputs = [(one.kind, one.name) for one in shader.globals("out")]
    if [kind for kind, _ in outputs] != ["vec4"]:
        return failed("outputs", f"outputs {outputs or 'none'}, expected one vec4")
    return passed(f"void main() writes out vec4 {outputs[0][1]}")


@verifier("glsl.uniforms", version=2, facet="pocket-shaders", packages=PACKAGES)
def uniforms(case: Case, answer: Answer) -> Judgement:
    """The uniforms asked for, and no others, are declared with their types, and each changes the
    colour."""
    shader = _program(answer)
    if isinstance(shader, Judgement):
        return shader
    wanted = {one["name"]: one["type"] for one in case.expect["uniforms"]}
    found = {one.name: one.kind for one in shader.globals("uniform")}
    if found != wanted:
        return failed("wrong-uniforms", f"declares {_shown(found)}, expected {_shown(wanted)}")
    rng = random.Random(f"uniforms/{case.prompt}")
    try:
        draws = [_draw(shader, rng, _spread(number)) for number in range(SAMPLES)]
        for name in wanted:
            fresh = _draw(shader, rng, 1.0)
            if all(
                _close(shader.run(one), shader.run({**one, name: fresh[name]})) for one in draws
            ):
                return failed("unused-uniform", f"the colour is the same for any value of {name}")
    except GlslError as error:
        return failed("no-colour", str(error))
    except UnsupportedError as error:
        return unverified("unsupported", str(error))
    return passed(f"{_shown(wanted)} change the colour")


@verifier("glsl.color", version=2, facet="pocket-shaders", packages=PACKAGES)
def color(case: Case, answer: Answer) -> Judgement:
    """Run on random inputs, the shader gives the colour asked for."""
    shader = _program(answer)
    if isinstance(shader, Judgement):
        return shader
    declared = "".join(f"uniform {one['type']} {one['name']};\n" for one in case.expect["uniforms"])
    body = (
        f"{declared}out vec4 expected_color;\nvoid main() {{ expected_color ="
        f" {case.expect['color']}; }}\n"
    )
    root = parse(body, "tree_sitter_glsl")
    if isinstance(root, Judgement):
        return unverified("bad-case", root.evidence)
    reference = Shader(root)
    kinds = {one.name: one.kind for one in shader.globals("uniform")}
    for one in reference.globals("uniform"):
        if kinds.get(one.name) != one.kind:
            return failed(
                "missing-uniform", f"no uniform {one.kind} {one.name} to compute the colour from"
            )
    rng = random.Random(f"color/{case.prompt}")
    try:
        for number in range(SAMPLES):
            inputs = _draw(shader, rng, _spread(number))
            got, wanted = (
                shader.run(inputs),
                reference.run({**inputs, **_draw(reference, rng, 1.0), **inputs}),
            )
            if not _close(got, wanted):
                shown = (
                    f"{_numbers(got)}, expected {_numbers(wanted)} for {_inputs(inputs, reference)}"
                )
                return failed("wrong-colour", shown)
    except GlslError as error:
        return failed("no-colour", str(error))
    except UnsupportedError as error:
        return unverified("unsupported", str(error))
    return passed(f"{SAMPLES} draws of the uniforms give {case.expect['color']}")


def _root(answer: Answer) -> Node | Judgement:
    """The tree of the shader below its version line."""
    code = source(answer, "glsl")
    if isinstance(code, Judgement):
        return code
    first, _, rest = code.partition("\n")
    if not VERSION.fullmatch(first):
        return failed("version", f"the first line is {first[:60]!r}, expected '#version 300 es'")
    blanked = GAPS.sub(lambda match: " " * len(match[0]), rest)
    root = parse("\n" + blanked, "tree_sitter_glsl")
    if isinstance(root, Judgement):
        return root
    known = {node.children[3].id for node in walk(root) if is_precision(node)}
    wrong = errors(root, known)
    if wrong:
        return failed("syntax", "; ".join(wrong[:3]))
    for node in walk(root):
        if node.child_count == 0 and node.type != "comment" and not text(node).isascii():
            return failed("not-ascii", f"line {line(node)}: {text(node)[:40]!r}")
        before = node.prev_named_sibling.type if node.prev_named_sibling is not None else ""
        if node.type == "type_qualifier" and before in ("primitive_type", "type_identifier"):
            return failed("syntax", f"line {line(node)}: {text(node)} behind a type, as in C")
    return root


def _shader(root: Node) -> Shader | Judgement:
    try:
        return Shader(root)
    except GlslError as error:
        return failed("compile", str(error))
    except UnsupportedError as error:
        return unverified("unsupported", str(error))


def _program(answer: Answer) -> Shader | Judgement:
    """A shader that can be run: it compiles and has one vec4 output."""
    root = _root(answer)
    shader = root if isinstance(root, Judgement) else _shader(root)
    if isinstance(shader, Shader) and [one.kind for one in shader.globals("out")] != ["vec4"]:
        return failed("outputs", "the shader has no single vec4 output")
    return shader


def _precision_fault(root: Node) -> Judgement | None:
    """A fragment shader has no default precision for float: it must be stated before the first
    use."""
    for node in top_level(root):
        if is_precision(node):
            if text(node.children[2]) == "float":
                return None
        elif node.type in ("declaration", "function_definition"):
            return failed(
                "no-precision", f"line {line(node)}: no default precision for float before it"
            )
    return failed("no-precision", "no default precision for float")


def _spread(number: int) -> float:
    """How wide the inputs of one sample lie: mostly colours, some far outside of 0 to 1."""
    return (1.0, 1.0, 2.0, 10.0)[number % 4]


def _draw(shader: Shader, rng: random.Random, width: float) -> dict[str, Value]:
    """Random inputs; negative ones too where ``width`` is above 1, so that a clamp shows."""
    inputs: dict[str, Value] = {"gl_FragCoord": tuple(rng.uniform(0.5, 500.0) for _ in range(4))}
    for one in shader.globals("uniform") + shader.globals("in"):
        base, size = TYPES[one.kind]
        low = 0.0 if width == 1.0 else -width
        if base == "float":
            inputs[one.name] = tuple(rng.uniform(low, width) for _ in range(size))
        else:
            inputs[one.name] = tuple(
                rng.randint(0, 1) if base == "bool" else rng.randint(0, 9) for _ in range(size)
            )
    return inputs


def _close(got: Value, wanted: Value) -> bool:
    pairs = zip(got, wanted, strict=True)
    return all(
        math.isfinite(a) and math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-6) for a, b in pairs
    )


def _numbers(value: Value) -> str:
    return "(" + ", ".join(f"{part:.4g}" for part in value) + ")"


def _inputs(inputs: Mapping[str, Value], reference: Shader) -> str:
    return ", ".join(
        f"{one.name} = {_numbers(inputs[one.name])}" for one in reference.globals("uniform")
    )


def _shown(kinds: Mapping[str, str]) -> str:
    return ", ".join(f"{kind} {name}" for name, kind in kinds.items()) or "no uniforms"
