"""The means a shader uses, read off the operations of its SPIR-V.

A prompt may ask for some (``uses``) and forbid others (``avoids``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._shaders_spirv import WORKGROUP, Module

#: operations by the name that prompts use; SPIR-V specification 1.6, section 3.52
OPERATIONS: dict[str, tuple[int, ...]] = {
    "atomic": tuple(range(227, 243)),
    "barrier": (224,),
    "branch": (247, 251),
    "derivative": tuple(range(207, 216)),
    "discard": (252, 4416, 5380),
    "fetch": (95,),
    "function": (57,),
    "gather": (96, 97),
    "image-load": (98,),
    "image-store": (99,),
    "loop": (246,),
    "lod": (88, 90, 92, 94),
    "matrix": (144, 145, 146),
    "sample": tuple(range(87, 95)),
    "size": (103, 104),
}
#: instructions of GLSL.std.450 by the name of the function that they stand for
FUNCTIONS = {
    "acos": 17,
    "asin": 16,
    "atan": 18,
    "atan2": 25,
    "clamp": 43,
    "cos": 14,
    "cross": 68,
    "distance": 67,
    "exp": 27,
    "exp2": 29,
    "floor": 8,
    "fract": 10,
    "inverse": 34,
    "inversesqrt": 32,
    "length": 66,
    "log": 28,
    "max": 40,
    "min": 37,
    "mix": 46,
    "normalize": 69,
    "pow": 26,
    "reflect": 71,
    "refract": 72,
    "sin": 13,
    "smoothstep": 49,
    "sqrt": 31,
    "step": 48,
    "tan": 15,
}


def uses(module: Module, expect: Mapping[str, Any]) -> str:
    """What is asked for and not used, or forbidden and used; empty when all is well."""
    missing = [name for name in expect.get("uses", []) if not _used(module, name)]
    if missing:
        return f"uses no {', no '.join(missing)}"
    banned = [name for name in expect.get("avoids", []) if _used(module, name)]
    size = expect.get("local_size")
    if size is not None and list(module.local_size) != list(size):
        return f"groups of {list(module.local_size)}, expected {list(size)}"
    return f"uses {', '.join(banned)}, which is not wanted" if banned else ""


def _used(module: Module, name: str) -> bool:
    if name == "shared":
        return any(one.storage == WORKGROUP for one in module.globals.values())
    if name == "dot":
        return (148, 0) in module.used
    if name in FUNCTIONS:
        return (12, FUNCTIONS[name]) in module.used
    return any((one, 0) in module.used for one in OPERATIONS[name])
