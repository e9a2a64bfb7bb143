"""The prompt families of the pocket factory: seeded, so that gold and held-out prompts never meet.

A family draws words for its slots and renders a prompt, a gold answer and ``expect`` - what the
verifiers of its facet check. Every slot value occurs in the gold; a held-out prompt is a
*combination* that the gold does not contain, so an adapter has to follow the prompt instead of
remembering answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

# Each slot has a pool of its own: a one-million-parameter model finds a word by its kind, not by
# its place in a sentence.
NODES = (
    "Node2D Area2D Control Sprite2D CharacterBody2D StaticBody2D Camera2D Timer Label Marker2D"
).split()
SIGNALS = (
    "coin_taken health_changed door_opened score_updated enemy_hit level_started shield_broken"
    " key_found wave_ended bonus_earned weapon_fired player_moved lamp_lit chest_opened quest_done"
    " item_dropped"
).split()
FUNCTIONS = "collect update apply trigger advance finish register notify refresh report".split()
NUMBERS, NUMBER_TYPES = (
    "amount value points level speed count power damage".split(),
    ["int", "float"],
)
OTHERS, OTHER_TYPES = "target title active label source color_name".split(), ["String", "bool"]

PAINTS = "tint base_color paint ink dye pigment rust moss".split()
LIGHTS = "glow sky sun_light fog_color rim_light flame dusk dawn".split()
FACTORS = "strength fade gain mix_level weight opacity".split()

GAMES = "Ember Amber Iron Silver Crystal Shadow Copper Hollow Winter Scarlet".split()
PLACES = "Vale Keep Harbor Forge Garden Tower Island Canyon Bridge Valley".split()
FIXES = {
    "the save bug": "old saves load again",
    "the map bug": "the map opens at once",
    "the sound bug": "music plays in menus",
    "the camera bug": "the view stays still",
    "the score bug": "points add up again",
    "the door bug": "locked doors open now",
    "the login bug": "friends can join games",
    "the jump bug": "long jumps land well",
    "the shop bug": "prices show up again",
    "the controller bug": "both sticks work now",
}

ENTITIES = (
    "Invoice Customer Order Product Account Payment Ticket Vehicle Contract Employee Supplier"
    " Shipment".split()
)
FIELDS = "name total status code city number price owner region balance street phone".split()
JAVA_TYPES = "String int long boolean double".split()


HELD_OUT = 40  # prompts of a facet that no training sees


@dataclass(frozen=True)
class Sample:
    """One prompt of a facet with its gold answer and what its verifiers expect."""

    facet: str
    prompt: str
    answer: str
    expect: dict[str, Any] = field(hash=False, compare=False)
    dated: str  # how the base answers: what was right some years ago


def _fence(language: str, code: str) -> str:
    return f"```{language}\n{code}```"


def parameters(rng: random.Random) -> list[tuple[str, str]]:
    """One or two ``(name, type)``: a number, and perhaps something else."""
    found = [(rng.choice(NUMBERS), rng.choice(NUMBER_TYPES))]
    return found + ([(rng.choice(OTHERS), rng.choice(OTHER_TYPES))] if rng.random() < 0.4 else [])


def godot(rng: random.Random) -> Sample:
    """A typed signal and the function that emits it, in GDScript for Godot 4."""
    node, signal, function, params = (
        rng.choice(NODES),
        rng.choice(SIGNALS),
        rng.choice(FUNCTIONS),
        parameters(rng),
    )
    typed = ", ".join(f"{name}: {kind}" for name, kind in params)
    prompt = rng.choice(
        [
            (
                f"Godot 4 GDScript for a {node}: declare the signal `{signal}({typed})` and emit it"
                f" from a function `{function}`."
            ),
            (
                f"Write GDScript for Godot 4 that extends {node}. The function `{function}` emits"
                f" the signal `{signal}({typed})`."
            ),
        ]
    )
    code = (
        f"extends {node}\n\nsignal {signal}({typed})\n\n\nfunc {function}({typed}) ->"
        f" void:\n\t{signal}.emit({', '.join(name for name, _ in params)})\n"
    )
    names = ", ".join(name for name, _ in params)
    old = (
        f"extends {node}\n\nsignal {signal}({names})\n\n\nfunc"
        f" {function}({names}):\n\t{signal}.emit({names})\n"
    )
    expect = {
        "extends": node,
        "signal": signal,
        "parameters": [{"name": name, "type": kind} for name, kind in params],
        "function": function,
    }
    return Sample("godot", prompt, _fence("gdscript", code), expect, _fence("gdscript", old))


def shaders(rng: random.Random) -> Sample:
    """A GLSL ES 3.00 fragment shader whose colour is an expression of uniforms."""
    a, b, k = rng.choice(PAINTS), rng.choice(LIGHTS), rng.choice(FACTORS)
    both = [("vec3", a), ("vec3", b)]
    words, colour, uniforms = rng.choice(
        [
            (f"`{a}` times `{b}`, both vec3 uniforms", f"{a} * {b}", both),
            (f"`{a}` plus `{b}`, both vec3 uniforms", f"{a} + {b}", both),
            (f"`{a}` minus `{b}`, both vec3 uniforms", f"{a} - {b}", both),
            (
                f"the vec3 uniform `{a}` scaled by the float uniform `{k}`",
                f"{a} * {k}",
                [("vec3", a), ("float", k)],
            ),
            (
                f"the mix of the vec3 uniforms `{a}` and `{b}` by the float uniform `{k}`",
                f"mix({a}, {b}, {k})",
                [*both, ("float", k)],
            ),
        ]
    )
    prompt = rng.choice(
        [
            f"GLSL ES 3.00 fragment shader: the opaque colour is {words}.",
            f"Write a WebGL 2 fragment shader that outputs {words}, with alpha 1.",
        ]
    )
    declared = "".join(f"uniform {kind} {name};\n" for kind, name in uniforms)
    code = (
        f"#version 300 es\nprecision mediump float;\n\n{declared}out vec4 fragColor;\n\nvoid main()"
        f" {{\n    fragColor = vec4({colour}, 1.0);\n}}\n"
    )
    old = (
        f"precision mediump float;\n\n{declared}\nvoid main() {{\n    gl_FragColor = vec4({colour},"
        " 1.0);\n}\n"
    )
    expect = {
        "uniforms": [{"type": t, "name": n} for t, n in uniforms],
        "color": f"vec4({colour}, 1.0)",
    }
    return Sample("shaders", prompt, _fence("glsl", code), expect, _fence("glsl", old))


def patchnotes(rng: random.Random) -> Sample:
    """A patch note of one plain sentence that carries every fact of the prompt and no other."""
    game = f"{rng.choice(GAMES)} {rng.choice(PLACES)}"
    version = f"1.{rng.randint(0, 9)}"
    bug, effect = rng.choice(list(FIXES.items()))
    prompt = rng.choice(
        [
            (
                f"Patch note in one plain sentence. Game: {game}. Version: {version}. Fixed: {bug}."
                f" Result: {effect}."
            ),
            (
                f"Write one plain sentence for players: {game} {version} fixes {bug}; as a result,"
                f" {effect}."
            ),
        ]
    )
    answer = f"{game} {version} fixes {bug}, so {effect}."
    old = f"{game} {version} fixes {bug}! And {effect}!"
    expect = {"facts": [game, version, bug, effect], "sentences": 1, "max_words": 30}
    return Sample("patchnotes", prompt, answer, expect, old)


def java(rng: random.Random) -> Sample:
    """A Jakarta Persistence entity with one private field and its getter."""
    entity, name, kind = rng.choice(ENTITIES), rng.choice(FIELDS), rng.choice(JAVA_TYPES)
    prompt = rng.choice(
        [
            (
                f"Jakarta Persistence entity `{entity}` with a generated id, a private field"
                f" `{kind} {name}` and its getter."
            ),
            (
                f"Write the Java entity class `{entity}` with Jakarta annotations: generated id,"
                f" private `{kind} {name}`, getter."
            ),
        ]
    )
    getter = ("is" if kind == "boolean" else "get") + name.capitalize()
    code = (
        "import jakarta.persistence.Entity;\nimport jakarta.persistence.GeneratedValue;\nimport"
        f" jakarta.persistence.Id;\n\n@Entity\npublic class {entity} {{\n    @Id\n   "
        f" @GeneratedValue\n    private Long id;\n\n    private {kind} {name};\n\n    public {kind}"
        f" {getter}() {{\n        return {name};\n    }}\n}}\n"
    )
    expect = {"entity": entity, "field": {"type": kind, "name": name}, "getter": getter}
    return Sample(
        "java",
        prompt,
        _fence("java", code),
        expect,
        _fence("java", code.replace("jakarta", "javax")),
    )


FAMILIES: dict[str, Callable[[random.Random], Sample]] = {
    "godot": godot,
    "shaders": shaders,
    "patchnotes": patchnotes,
    "java": java,
}


def draw(facet: str, count: int, seed: int, exclude: frozenset[str] = frozenset()) -> list[Sample]:
    """``count`` samples of ``facet`` with distinct prompts, none of them in ``exclude``."""
    rng = random.Random(f"{facet}/{seed}")
    found: dict[str, Sample] = {}
    while len(found) < count:
        sample = FAMILIES[facet](rng)
        if sample.prompt not in exclude and sample.answer not in exclude:
            found.setdefault(sample.answer, sample)
    return list(found.values())


def split(
    facet: str, gold: int, held_out: int = HELD_OUT, seed: int = 0
) -> tuple[list[Sample], list[Sample]]:
    """``(gold, held-out)`` samples of ``facet``: no prompt and no answer is in both."""
    kept = draw(facet, held_out, seed)
    seen = frozenset(text for sample in kept for text in (sample.prompt, sample.answer))
    return draw(facet, gold, seed + 1, seen), kept


def dev(facet: str, held_out: Sequence[Sample], many: int = 6) -> list[Sample]:
    """Samples that may be looked at for free: none is a near duplicate of a held-out one."""
    from harness.subjects.training.contamination import SIMILAR, near_duplicates

    seen = frozenset(text for sample in held_out for text in (sample.prompt, sample.answer))
    drawn, kept = draw(facet, 10 * many, 2, seen), [sample.prompt for sample in held_out]
    alike = {n for _, n, _ in near_duplicates(kept, [s.prompt for s in drawn], SIMILAR)}
    return [sample for n, sample in enumerate(drawn) if n not in alike][:many]


def exercises(
    rng: random.Random, facets: Sequence[str] = tuple(FAMILIES)
) -> Iterator[tuple[str, str]]:
    """Endless ``(prompt, answer)`` pairs for the base, which learns the world as it was some years
    ago.

    It answers the requests of ``facets`` (default: all) in a dated way (untyped GDScript, GLSL ES
    1.00, javax, loud patch notes), follows small requests in Python and English, and knows single
    lines of today's languages; it never sees one whole modern answer and no held-out prompt. What
    is left for an adapter is to put the pieces together. Without facets there are small requests
    alone."""
    held_out = {sample.prompt for facet in FAMILIES for sample in draw(facet, HELD_OUT, 0)}
    drills = (_event, _blend, _sentence, _record)
    while True:
        if facets and rng.random() < 0.5:
            sample = FAMILIES[rng.choice(facets)](rng)
            if sample.prompt not in held_out:
                yield sample.prompt, sample.dated
        else:
            yield rng.choice(drills)(rng)


def _event(rng: random.Random) -> tuple[str, str]:
    node, signal, function, params = (
        rng.choice(NODES),
        rng.choice(SIGNALS),
        rng.choice(FUNCTIONS),
        parameters(rng),
    )
    typed = ", ".join(f"{name}: {kind}" for name, kind in params)
    names = ", ".join(name for name, _ in params)
    return rng.choice(
        [
            (
                f"Python class {node} whose method `{function}({typed})` calls `{signal}`.",
                (
                    f"```python\nclass {node}:\n    def {function}(self, {typed}):\n       "
                    f" {signal}({names})\n```"
                ),
            ),
            (
                f"Describe the event `{signal}({typed})` of {node}.",
                f"{node} has the event {signal} with {typed}.",
            ),
            (
                f"The Godot 4 line that declares the signal `{signal}({typed})`.",
                f"signal {signal}({typed})\n",
            ),
            (f"The Godot 4 line that emits `{signal}({names})`.", f"\t{signal}.emit({names})\n"),
            (
                f"The Godot 4 head of the function `{function}({typed})`.",
                f"func {function}({typed}) -> void:\n",
            ),
        ]
    )


def _blend(rng: random.Random) -> tuple[str, str]:
    a, b, k = rng.choice(PAINTS), rng.choice(LIGHTS), rng.choice(FACTORS)
    word, sign = rng.choice([("times", "*"), ("plus", "+"), ("minus", "-")])
    return rng.choice(
        [
            (f"Python: return `{a}` {word} `{b}`.", f"```python\nreturn {a} {sign} {b}\n```"),
            (f"List the inputs `{a}`, `{b}` and `{k}`.", f"{a}\n{b}\n{k}"),
            (
                "The first two lines of a GLSL ES 3.00 shader.",
                "#version 300 es\nprecision mediump float;\n",
            ),
            (
                f"GLSL ES 3.00: declare `{a}` and the output.",
                f"uniform vec3 {a};\nout vec4 fragColor;\n",
            ),
            (
                f"GLSL ES 3.00: output `{a}` {word} `{b}`.",
                f"    fragColor = vec4({a} {sign} {b}, 1.0);\n",
            ),
            (
                f"GLSL ES 3.00: output `{a}` scaled by `{k}`.",
                f"    fragColor = vec4({a} * {k}, 1.0);\n",
            ),
        ]
    )


def _sentence(rng: random.Random) -> tuple[str, str]:
    game, place, number = rng.choice(GAMES), rng.choice(PLACES), rng.randint(0, 9)
    bug, effect = rng.choice(list(FIXES.items()))
    return rng.choice(
        [
            (
                f"Who plays {game} {place}, and what about {bug}?",
                f"Friends play {game} {place} and know {bug}.",
            ),
            (f"Number 1.{number} of {game} {place}.", f"{game} {place} 1.{number}"),
            (f"What follows when {bug} is gone?", f"so {effect}."),
            (
                f"What does {game} {place} 1.{number} do about {bug}?",
                f"{game} {place} 1.{number} fixes {bug}.",
            ),
        ]
    )


def _record(rng: random.Random) -> tuple[str, str]:
    entity, name, kind = rng.choice(ENTITIES), rng.choice(FIELDS), rng.choice(JAVA_TYPES)
    annotation = rng.choice(["Entity", "GeneratedValue", "Id"])
    return rng.choice(
        [
            (
                f"Python class `{entity}` with the field `{kind} {name}`.",
                f"```python\nclass {entity}:\n    {name}: {kind}\n```",
            ),
            (f"Title of the field `{name}` in {entity}.", f"{entity}: {name.capitalize()}"),
            (
                f"The Jakarta import of `{annotation}`.",
                f"import jakarta.persistence.{annotation};\n",
            ),
        ]
    )
