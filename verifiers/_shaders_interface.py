"""What a module takes and gives, by the names that prompts use, and the bits of given values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._shaders_ops import Bits
from ._shaders_spirv import (
    BUFFER_BLOCK,
    BUILTIN,
    BUILTINS,
    INPUT,
    OUTPUT,
    PUSH,
    STORAGE,
    UNIFORM,
    UNIFORM_CONSTANT,
    Global,
    Mode,
    Module,
)

#: HLSL's names of types, as GLSL writes them
_BASES = {"float": "", "half": "", "int": "i", "uint": "u", "bool": "b", "min16float": ""}
#: what the machine fills in by itself, by HLSL's name
SYSTEM = {
    "SV_POSITION0": "gl_FragCoord",
    "SV_TARGET": "SV_TARGET0",
    "SV_DEPTH0": "gl_FragDepth",
    "SV_VERTEXID0": "gl_VertexID",
    "SV_INSTANCEID0": "gl_InstanceID",
}


class CaseError(Exception):
    """What the prompt's ``expect`` says cannot be given to a shader of this interface."""


@dataclass(frozen=True)
class Place:
    """A named value: slots of a variable; ``builtin`` where the machine or the rasteriser knows,
    ``used`` where some function has to do with it."""

    mode: Mode
    name: str
    shown: str
    variable: int
    offset: int
    type: int
    builtin: bool
    used: bool


def places(module: Module, hlsl: bool) -> list[Place]:
    """Everything that the module declares towards the outside."""
    found: list[Place] = []
    for one in module.globals.values():
        found += _declared(module, one, hlsl)
    return found


def _declared(module: Module, one: Global, hlsl: bool) -> Iterator[Place]:
    kind, named = module.types[one.type], module.names.get(one.id, "")
    used = (one.id, -1) in module.touched
    if one.storage in (INPUT, OUTPUT):
        mode: Mode = "in" if one.storage == INPUT else "out"
        builtin = module.decorations[one.id].get(BUILTIN)
        semantic = module.semantics.get(one.id, "")
        if builtin is not None:
            name = _system(semantic, builtin, mode)
            yield Place(mode, name, module.shown(one.type), one.id, 0, one.type, True, used)
        elif kind.kind == "struct":
            yield from _members(module, one, mode)
        else:
            name = canonical(semantic) if hlsl and semantic else named
            yield Place(mode, name, module.shown(one.type), one.id, 0, one.type, False, used)
    elif one.storage == UNIFORM_CONSTANT:
        mode = "buffer" if "image" in module.shown(one.type) else "uniform"
        yield Place(mode, named, module.shown(one.type), one.id, 0, one.type, False, used)
    elif one.storage in (UNIFORM, PUSH, STORAGE):
        writable = one.storage == STORAGE or BUFFER_BLOCK in module.decorations[one.type]
        yield from _members(module, one, "buffer" if writable else "uniform")


def _members(module: Module, one: Global, mode: Mode) -> Iterator[Place]:
    offset, kind = 0, module.types[one.type]
    for number, type in enumerate(kind.members):
        name = module.members.get((one.type, number), "")
        builtin = module.member_builtins.get((one.type, number))
        if builtin is not None:
            name = BUILTINS.get(builtin, f"builtin {builtin}")
        if name.startswith("@"):  # HLSL's structured buffers: the one member has no name of its own
            name = module.names.get(one.id, "")
        shown = module.shown(type)
        used = bool({(one.id, -1), (one.id, number)} & module.touched)
        yield Place(mode, name, shown, one.id, offset, type, builtin is not None, used)
        offset += module.types[type].slots


def _system(semantic: str, builtin: int, mode: Mode) -> str:
    if mode == "out" and semantic.upper().startswith("SV_POSITION"):
        return "gl_Position"
    return BUILTINS.get(builtin, f"builtin {builtin}")


def canonical(semantic: str) -> str:
    """A semantic in capitals and with its number: ``TEXCOORD`` is ``TEXCOORD0``."""
    name = semantic.upper()
    return name if name[-1:].isdigit() else f"{name}0"


def outputs(expect: Mapping[str, Any]) -> Mapping[str, str]:
    """The outputs asked for: unless said, one colour or the position."""
    default = {"*": "vec4"}
    if expect.get("language") == "hlsl":
        default = {"SV_Target": "float4"}
    if expect.get("stage") == "vertex":
        default = {"gl_Position": "vec4"}
    found = expect.get("outputs", {} if expect.get("stage") == "compute" else default)
    return dict(found)


def dimension(shown: str) -> str:
    """``2D`` of ``sampler2D``, ``usampler2D``, ``image2D``; empty for what is no texture."""
    for stem in ("image", "sampler", "texture"):
        before, found, rest = shown.partition(stem)
        if found and before in ("", "i", "u"):
            return rest.removesuffix("Shadow")
    return ""


def glsl_type(name: str) -> str:
    """A type as GLSL writes it, where HLSL's name is given: ``float3`` is ``vec3``."""
    stem, _, rest = name.partition("<")
    if stem.endswith("StructuredBuffer"):
        return f"{glsl_type(rest.removesuffix('>'))}[]"
    if name.endswith("]"):
        base, _, size = name.partition("[")
        return f"{glsl_type(base)}[{size}"
    if stem in ("SamplerState", "SamplerComparisonState"):
        return "sampler"
    if stem.startswith("RWTexture"):
        return "image" + stem.removeprefix("RWTexture").replace("CubeMap", "Cube")
    if stem.startswith("Texture"):
        return "texture" + stem.removeprefix("Texture")
    for base, prefix in _BASES.items():
        size = name.removeprefix(base)
        if name == base:
            return "float" if not prefix else base
        if name.startswith(base) and size.isdigit():
            return f"{prefix}vec{size}"
        if name.startswith(base) and len(size) == 3 and size[1] == "x" and size[::2].isdigit():
            return f"mat{size[0]}" + (f"x{size[2]}" if size[0] != size[2] else "")
    return name


def same_type(shown: str, wanted: str) -> bool:
    """Whether a declared type is the one that was asked for; a bool in a block is a uint."""
    wanted = glsl_type(wanted)
    loose = {"bool": "uint", "bvec2": "uvec2", "bvec3": "uvec3", "bvec4": "uvec4"}
    if "[" in shown and wanted == shown.partition("[")[0] + "[]":
        return True
    return wanted in (shown, "any", shown.removesuffix("Shadow")) or loose.get(wanted) == shown


def left_over(
    declared: Sequence[Place], found: Mapping[str, Place], mode: Mode, optional: Mapping[str, Any]
) -> list[str]:
    """What is used and nobody asked for; built-ins aside, but for a depth that is written."""
    taken = {one.name for one in found.values()} | set(optional)
    return [
        f"{one.shown} {one.name}"
        for one in declared
        if one.mode == mode
        and one.used
        and one.name not in taken
        and (not one.builtin or one.name == "gl_FragDepth")
    ]


def bound(
    declared: Sequence[Place], wanted: Mapping[str, str], mode: Mode, hlsl: bool
) -> dict[str, Place] | str:
    """The places of the wanted names, or what is wrong. A name that begins with * is the
    answer's to choose: it is the only place of its type that nobody else has."""
    free = {one.name: one for one in declared if one.mode == mode}
    found: dict[str, Place] = {}
    for name in sorted(wanted, key=lambda one: one.startswith("*")):
        if name.startswith("*"):
            fitting = [one for one in free.values() if same_type(one.shown, wanted[name])]
            if len(fitting) != 1 or fitting[0].builtin:
                return f"{len(fitting)} of type {wanted[name]}, expected one"
            found[name] = free.pop(fitting[0].name)
            continue
        own = _name(name, mode, hlsl)
        if own not in free:
            return f"no {mode} {wanted[name]} {name}"
        if not same_type(free[own].shown, wanted[name]):
            return f"{mode} {free[own].shown} {name}, expected {wanted[name]}"
        found[name] = free.pop(own)
    return found


def _name(name: str, mode: Mode, hlsl: bool) -> str:
    if not hlsl or mode not in ("in", "out"):
        return name
    own = canonical(name)
    if own == "SV_POSITION0" and mode == "out":
        return "gl_Position"
    return SYSTEM.get(own, own)


def packed(module: Module, type: int, value: Any, hlsl: bool) -> list[int]:
    """The slots of a value: numbers, lists, matrices as lists of rows, structs by name."""
    kind = module.types[type]
    try:
        if kind.kind == "float":
            number = np.nan if value is None else float(value)  # null: any value will do
            return [int(np.array(number, np.float32).view(np.uint32))]
        if kind.kind in ("int", "uint", "bool"):
            return [int(value) & 0xFFFFFFFF]
        if kind.kind == "struct":
            names = [module.members.get((type, n), "") for n in range(len(kind.members))]
            parts = [value[name] for name in names]
            of = list(kind.members)
        elif kind.kind == "matrix":
            parts = value if hlsl else [list(column) for column in zip(*value, strict=True)]
            of = [kind.of] * len(parts)
        else:
            parts, of = list(value), [kind.of] * len(value)
        if kind.count and len(parts) != kind.count:
            raise CaseError(f"{len(parts)} values for {module.shown(type)}")
    except (TypeError, ValueError, LookupError) as error:
        raise CaseError(f"{value!r} for {module.shown(type)}: {error}") from None
    return [
        slot
        for one, part in zip(of, parts, strict=True)
        for slot in packed(module, one, part, hlsl)
    ]


def numbers(module: Module, type: int, slots: Bits) -> NDArray[np.float64]:
    """What rows of slots say, as flat numbers in the order of :func:`packed`."""
    kind = module.types[type]
    if kind.kind in ("float", "int", "uint", "bool"):
        viewed = {"float": np.float32, "int": np.int32}.get(kind.kind, np.uint32)
        return np.ascontiguousarray(slots).view(viewed).astype(np.float64)
    members = list(kind.members)
    if not members:
        members = [kind.of] * (slots.shape[1] // module.types[kind.of].slots)
    parts, at = [], 0
    for one in members:
        size = module.types[one].slots
        parts.append(numbers(module, one, slots[:, at : at + size]))
        at += size
    return np.concatenate(parts, axis=1)
