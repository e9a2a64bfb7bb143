"""The facet shaders: each subtle fault beside the honest shader that it was made from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

import pytest
from conftest import ROOT

from harness import Answer, Case
from harness.audit.surroundings import Exploding
from harness.judging.discovery import discover
from harness.sandbox import Limits, open_sandbox
from harness.sandbox.offers import Finished
from harness.sandbox.tools import readable

pytest.importorskip("tree_sitter_hlsl", reason="pip install 'harness[gamedev]'")
pytestmark = pytest.mark.skipif(
    shutil.which("glslangValidator") is None, reason="apt-get install glslang-tools"
)
SUITE = ROOT / "suites" / "gamedev" / "shaders"
CRITERIA = ("compiles", "interface", "defined", "renders")
ALL = dict.fromkeys(CRITERIA, "pass")
BROKEN = dict.fromkeys(CRITERIA, "fail")

GLOW = {
    "inputs": {"uv": "vec2"},
    "uniforms": {"aspect": "float", "tint": "vec3"},
    "reference": (
        "in vec2 uv; uniform float aspect; uniform vec3 tint; out vec4 o; void main() {"
        " float d = length((uv - 0.5) * vec2(aspect, 1.0)); o = vec4(tint * exp(-4.0 * d), 1.0); }"
    ),
    "runs": [
        {"size": [32, 16], "uniforms": {"aspect": 2, "tint": [1, 0.5, 0.2]}},
        {"uniforms": {"aspect": 1, "tint": {"from": [0.2, 0.2, 0.2], "to": [1, 1, 1]}}},
    ],
}
HONEST = """#version 300 es
precision highp float;
in vec2 uv;
uniform float aspect;
uniform vec3 tint;
out vec4 color;

void main() {
    vec2 p = (uv - 0.5) * vec2(aspect, 1.0);
    float fall = exp(-4.0 * length(p));
    color = vec4(tint * fall, 1.0);
}
"""
END = "    color = vec4(tint * fall, 1.0);"
DOUBLED = {
    "language": "hlsl",
    "stage": "compute",
    "entry": "CSMain",
    "uniforms": {"Count": "uint", "Look": "Texture2D", "Smp": "SamplerState"},
    "buffers": {"Values": "RWStructuredBuffer<float>"},
    "runs": [
        {
            "uniforms": {"Count": 3, "Look": {"colour": [2, 0, 0, 1]}},
            "buffers": {"Values": [1, 2, 3, 4]},
            "is": {"Values": [2, 4, 6, 4]},
        }
    ],
}
KERNEL = """cbuffer P { uint Count; };
Texture2D<float4> Look; SamplerState Smp;
RWStructuredBuffer<float> Values;
[numthreads(4, 1, 1)]
void CSMain(uint3 id : SV_DispatchThreadID) {
    if (id.x < Count) Values[id.x] *= Look.SampleLevel(Smp, float2(0.5, 0.5), 0).r;
}
"""
SCALED = [[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]]
CORNER = {
    "stage": "vertex",
    "inputs": {"p": "vec3"},
    "uniforms": {"m": "mat4"},
    "runs": [
        {
            "inputs": {"p": [1, 2, 3]},
            "uniforms": {"m": [[1, 0, 0, 5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]]},
            "is": {"gl_Position": [6, 2, 3, 3]},
        },
        {
            "inputs": {"p": [1, 2, 3]},
            "uniforms": {"m": {"from": SCALED, "to": SCALED}},
            "is": {"gl_Position": [2, 4, 6, 1]},
        },
    ],
}
VERTEX = """#version 300 es
in vec3 p;
uniform mat4 m;
void main() { gl_Position = m * vec4(p, 1.0); }
"""

PIXELS = {
    "honest": (HONEST, ALL),
    "ignores the aspect": (HONEST.replace(" * vec2(aspect, 1.0)", ""), {**ALL, "renders": "fail"}),
    "writes the first colour expected": (
        HONEST.replace("tint * fall", "vec3(1.0, 0.5, 0.2) * fall"),
        {**ALL, "renders": "fail"},
    ),
    "knows the size of the first picture": (
        HONEST.replace("tint * fall", "(aspect == 2.0 ? tint * fall : vec3(0.5))"),
        {**ALL, "renders": "fail"},
    ),
    "returns early": (
        HONEST.replace(END, f"    if (uv.x > 0.5) return;\n{END}"),
        {**ALL, "defined": "fail", "renders": "fail"},
    ),
    "throws all away": (
        HONEST.replace(END, "    discard;"),
        {**ALL, "defined": "fail", "renders": "fail"},
    ),
    "never ends": (
        HONEST.replace(END, f"    while (fall >= 0.0) {{ fall += 0.0; }}\n{END}"),
        {**ALL, "defined": "fail", "renders": "fail"},
    ),
    "reads what nobody wrote": (
        HONEST.replace(END, f"    float more;\n    fall += more;\n{END}"),
        {**ALL, "defined": "fail", "renders": "fail"},
    ),
    "forges equality by no number": (
        HONEST.replace("tint * fall", "vec3(0.0 / (aspect - aspect))"),
        {**ALL, "defined": "fail", "renders": "fail"},
    ),
    "asks for a uniform more": (
        HONEST.replace("out vec4", "uniform float time;\nout vec4").replace("-4.0", "-time"),
        {**BROKEN, "compiles": "pass"},
    ),
    "declares a uniform that it leaves alone": (
        HONEST.replace("out vec4", "uniform float padding;\nout vec4"),
        ALL,
    ),
    "no precision": (HONEST.replace("precision highp float;\n", ""), BROKEN),
    "another version": (HONEST.replace("300 es", "310 es"), BROKEN),
    "an overridden operator": (
        HONEST.replace("void main", "bool operator==(vec4 a, vec4 b) { return true; }\nvoid main"),
        BROKEN,
    ),
}
OTHERS = {
    "honest": (DOUBLED, f"```hlsl\n{KERNEL}```", ALL),
    "writes beyond the count": (
        DOUBLED,
        f"```hlsl\n{KERNEL.replace('if (id.x < Count) ', '')}```",
        {**BROKEN, "compiles": "pass"},  # the count is gone from the interface
    ),
    "shader model 3": (
        DOUBLED,
        "```hlsl\n"
        + KERNEL.replace("Look.SampleLevel(Smp, float2(0.5, 0.5), 0)", "tex2D(Look, 0.5)")
        + "```",
        BROKEN,
    ),
    "honest vertex": (CORNER, f"```glsl\n{VERTEX}```", ALL),
    "the vector before the matrix": (
        CORNER,
        "```glsl\n" + VERTEX.replace("m * vec4(p, 1.0)", "vec4(p, 1.0) * m") + "```",
        {**ALL, "renders": "fail"},
    ),
    "of another language": (CORNER, f"```hlsl\n{VERTEX}```", BROKEN),
    "two shaders": (CORNER, f"```glsl\n{VERTEX}```\nor\n```glsl\n{VERTEX}```", BROKEN),
    "another shader behind it in a fence without a tag": (
        CORNER,
        f"```glsl\n{VERTEX}```\n```\n{VERTEX}```",
        BROKEN,
    ),
    "a call behind it in a fence without a tag": (
        CORNER,
        f"```glsl\n{VERTEX}```\n```\ngl.uniformMatrix4fv(m, false, values);\n```",
        ALL,
    ),
    "another kernel behind it in a fence without a tag": (
        DOUBLED,
        f"```hlsl\n{KERNEL}```\n```\n{KERNEL}```",
        BROKEN,
    ),
    "only prose": (CORNER, "Multiply the matrix by the position.", BROKEN),
}
ROWS = {
    **{
        f"pixels: {name}": (GLOW, f"```glsl\n{code}```", out)
        for name, (code, out) in PIXELS.items()
    },
    **OTHERS,
}


@pytest.fixture(scope="module")
def judge() -> Callable[[str], dict[str, str]]:
    """What the criteria say of a row; all shaders are compiled in two starts of one sandbox."""
    verifiers = discover(ROOT / "verifiers").verifiers
    asked = {
        name: (Case(name, "shader", expect), Answer(text))
        for name, (expect, text, _) in ROWS.items()
    }
    with open_sandbox(readable=readable(["glslangValidator", "sh"])) as sandbox:

        def said(name: str) -> dict[str, str]:
            found = {}
            for criterion in CRITERIA:
                one = verifiers[f"shaders.{criterion}"]
                unreadable = (asked[name][0], Exploding(""))  # an audit asks one among the others
                one.function.begin([unreadable, asked[name], *asked.values()], None)
                found[criterion] = str(one.judge(*asked[name], sandbox).outcome)
            return found

        yield said


@pytest.mark.parametrize("name", ROWS)
def test_a_fault_fails_the_criteria_that_it_violates_and_the_honest_twin_passes(name, judge):
    assert judge(name) == ROWS[name][2]


class _Refusing:
    """A sandbox whose compiler refuses all that it is given, and the starts of it."""

    starts = 0

    def with_limits(self, **changes: float) -> Limits:
        return Limits(**changes)

    def command(self, _argv, files, _wanted, limits: Limits) -> Finished:
        self.starts += 1
        numbers = [name.removesuffix(".a") for name in files if name.endswith(".a")]
        said = {f"{n}.{end}": text for n in numbers for end, text in (("rc", b"1"), ("log", b""))}
        return Finished("exit", 0, b"", b"", limits.wall, 0.0, said)


def test_all_that_is_known_to_come_is_compiled_in_few_starts():
    compiles, sandbox = discover(ROOT / "verifiers").verifiers["shaders.compiles"], _Refusing()
    case = Case("many", "shader", GLOW)
    asked = [
        (case, Answer(HONEST.replace("precision", f"// {n}\nprecision", 1))) for n in range(60)
    ]
    asked = [(case, Answer(f"```glsl\n{one.text}\n```")) for case, one in asked]
    compiles.function.begin(asked, None)
    assert {compiles.judge(*one, sandbox).reason for one in asked} == {"compile"}
    assert sandbox.starts == 3  # 24 at a time, not one by one behind the first 24


def test_every_prompt_fits_the_schema_and_no_reference_is_an_answer_as_it_stands():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((SUITE / "expect.schema.json").read_text(encoding="utf-8"))
    check = jsonschema.Draft202012Validator(schema)
    lines = (SUITE / "prompts.jsonl").read_text(encoding="utf-8").splitlines()
    for row in map(json.loads, lines):
        assert not list(check.iter_errors(row["expect"])), row["id"]
        reference = row["expect"].get("reference", "")
        assert "#version" not in reference
        assert row["expect"].get("entry") not in reference.replace("(", " ").split()
    assert not check.is_valid({"runs": [{"uniform": {}}]})
    assert len(lines) >= 40
