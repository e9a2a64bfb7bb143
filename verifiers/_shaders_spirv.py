"""SPIR-V as a compiler wrote it, read into types, constants, variables and blocks.

Numbers of operations, decorations and built-ins are those of the SPIR-V specification 1.6, sections
2.3 and 3. Every value takes flat slots of 32 bits: a vec3 three, a mat4 sixteen, column by
column."""

from __future__ import annotations

import struct
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint32]
Mode = Literal["in", "out", "uniform", "buffer"]
#: NaN with a pattern of its own stands for a value that nobody wrote
POISON = np.uint32(0x7FC0DEAD)
MAGIC, HEADER = 0x07230203, 5
UNIFORM_CONSTANT, INPUT, UNIFORM, OUTPUT, WORKGROUP, PRIVATE, FUNCTION = range(7)
PUSH, STORAGE = 9, 12
BUFFER_BLOCK, BUILTIN, LOCATION, SEMANTIC = 3, 11, 30, 5635
BUILTINS = {
    0: "gl_Position",
    1: "gl_PointSize",
    3: "gl_ClipDistance",
    15: "gl_FragCoord",
    16: "gl_PointCoord",
    17: "gl_FrontFacing",
    22: "gl_FragDepth",
    24: "gl_NumWorkGroups",
    25: "gl_WorkGroupSize",
    26: "gl_WorkGroupID",
    27: "gl_LocalInvocationID",
    28: "gl_GlobalInvocationID",
    29: "gl_LocalInvocationIndex",
    42: "gl_VertexID",
    43: "gl_InstanceID",
}
SAMPLERS = {0: "1D", 1: "2D", 2: "3D", 3: "Cube"}


class UnsupportedError(Exception):
    """The module uses what is not read or computed here."""


@dataclass(frozen=True)
class Type:
    """One type: ``kind`` is that of its instruction; ``of`` the type it is made of, ``count`` how
    many of it (0: as many as there are), ``members`` those of a struct."""

    kind: str
    of: int = 0
    count: int = 0
    members: tuple[int, ...] = ()
    slots: int = 1
    sampler: str = ""


@dataclass(frozen=True)
class Instruction:
    """An operation with its result's type and id, 0 where it has none, and its operands."""

    op: int
    type: int
    id: int
    args: tuple[int, ...]


@dataclass
class Function:
    """A function: parameters by id, and blocks in the order of the module, which puts every block
    behind the one that dominates it."""

    type: int
    params: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    blocks: list[list[Instruction]] = field(default_factory=list)


@dataclass(frozen=True)
class Global:
    """A variable of the module, by pointer id; ``initial`` is the id of a constant or 0."""

    id: int
    type: int
    storage: int
    initial: int


class Module:
    """A module with one entry point."""

    def __init__(self, binary: bytes) -> None:
        self.types: dict[int, Type] = {}
        self.constants: dict[int, Bits] = {}
        self.names: dict[int, str] = {}
        self.members: dict[tuple[int, int], str] = {}
        self.decorations: dict[int, dict[int, int]] = defaultdict(dict)
        self.member_builtins: dict[tuple[int, int], int] = {}
        self.semantics: dict[int, str] = {}
        self.functions: dict[int, Function] = {}
        self.result: dict[int, int] = {}
        self.used: set[tuple[int, int]] = set()  # operations, extended ones by number
        self.globals: dict[int, Global] = {}
        self.touched: set[tuple[int, int]] = set()  # variable and member, -1 for the whole
        self.local_size = (1, 1, 1)
        self.entry = 0
        self.interface: tuple[int, ...] = ()
        self._function: Function | None = None
        words = struct.unpack(f"<{len(binary) // 4}I", binary[: len(binary) // 4 * 4])
        if len(words) < HEADER or words[0] != MAGIC:
            raise UnsupportedError("not a SPIR-V module")
        at = HEADER
        while at < len(words):
            length, op = words[at] >> 16, words[at] & 0xFFFF
            if length == 0 or at + length > len(words):
                raise UnsupportedError("a SPIR-V module that is cut short")
            self._read(op, words[at + 1 : at + length])
            at += length

    def _read(self, op: int, words: tuple[int, ...]) -> None:
        if self._function is not None:
            self._body(op, words)
        elif op in _TYPES:
            self._type(op, words)
        elif 41 <= op <= 52 or op == 1:
            self._constant(op, words)
        elif op in (5, 6):
            self._name(op, words)
        elif op in (71, 72, 5632):
            self._decorate(op, words)
        elif op == 59:
            initial = words[3] if len(words) > 3 else 0
            found = Global(words[1], self.types[words[0]].of, words[2], initial)
            self.globals[words[1]] = found
        elif op == 15:
            name, rest = _text(words[2:])
            self.entry, self.interface = words[1], rest
            self.names[words[1]] = name
        elif op == 16 and words[1] == 17:
            self.local_size = (words[2], words[3], words[4])
        elif op == 54:
            self._body(op, words)

    def _body(self, op: int, words: tuple[int, ...]) -> None:
        if op == 54:
            self._function = Function(words[0])
            self.functions[words[1]] = self._function
        elif op == 56:
            self._function = None
        elif self._function is not None:
            self.used.add((op, words[3] if op == 12 else 0))
            self._touch(op, words)
            if op not in NO_RESULT and op not in (8, 246, 247, 248, 317):
                self.result[words[1]] = words[0]
            if op == 55:
                self._function.params.append(words[1])
            elif op == 248:
                self._function.labels.append(words[0])
                self._function.blocks.append([])
            elif op in (8, 317, 246, 247):  # lines and merges: reconvergence is by order
                return
            elif op in NO_RESULT:
                self._function.blocks[-1].append(Instruction(op, 0, 0, words))
            else:
                self._function.blocks[-1].append(Instruction(op, words[0], words[1], words[2:]))

    def _touch(self, op: int, words: tuple[int, ...]) -> None:
        """Note which variables, and of structs which members, an operation has to do with."""
        if op in (65, 66) and words[2] in self.globals:
            struct = self.types[self.globals[words[2]].type].kind == "struct"
            member = int(self.constants[words[3]][0, 0]) if struct else -1
            self.touched.add((words[2], member))
        elif op not in (65, 66):
            self.touched |= {(one, -1) for one in words if one in self.globals}

    def _type(self, op: int, words: tuple[int, ...]) -> None:
        kind, id, rest = _TYPES[op], words[0], words[1:]
        if kind == "int":
            found = Type("int" if rest[1] else "uint")
        elif kind in ("vector", "matrix"):
            found = Type(kind, rest[0], rest[1], slots=self.types[rest[0]].slots * rest[1])
        elif kind in ("array", "many"):
            count = int(self.constants[rest[1]][0, 0]) if kind == "array" else 0
            found = Type("array", rest[0], count, slots=self.types[rest[0]].slots * count)
        elif kind == "struct":
            found = Type(kind, members=rest, slots=sum(self.types[one].slots for one in rest))
        elif kind == "pointer":
            found = Type(kind, rest[1], rest[0])
        elif kind == "image":
            found = Type(kind, rest[0], rest[5], sampler=self._sampler(rest))
        elif kind == "sampled":
            found = Type(kind, rest[0], sampler=self.types[rest[0]].sampler)
        else:
            found = Type(kind)
        if kind in ("float", "int") and rest[0] != 32:
            raise UnsupportedError(f"numbers of {rest[0]} bits")
        self.types[id] = found

    def _sampler(self, rest: tuple[int, ...]) -> str:
        prefix = {"int": "i", "uint": "u"}.get(self.types[rest[0]].kind, "")
        dim = SAMPLERS.get(rest[1], f"dim{rest[1]}")
        return f"{prefix}|{dim}{'Array' if rest[3] else ''}{'Shadow' if rest[2] == 1 else ''}"

    def _constant(self, op: int, words: tuple[int, ...]) -> None:
        kind = self.types[words[0]]
        if op in (41, 48, 42, 49):
            value = np.array([[op in (41, 48)]], np.uint32)
        elif op in (43, 50):
            value = np.array([words[2:3]], np.uint32)
        elif op in (44, 51):
            value = np.concatenate([self.constants[one] for one in words[2:]], axis=1)
        elif op in (46, 1):
            value = np.full((1, kind.slots), POISON if op == 1 else 0, np.uint32)
        else:
            raise UnsupportedError(f"constant of operation {op}")
        self.constants[words[1]], self.result[words[1]] = value, words[0]

    def _name(self, op: int, words: tuple[int, ...]) -> None:
        if op == 5:
            self.names.setdefault(words[0], _text(words[1:])[0])
        else:
            self.members[words[0], words[1]] = _text(words[2:])[0]

    def _decorate(self, op: int, words: tuple[int, ...]) -> None:
        if op == 5632 and words[1] == SEMANTIC:
            self.semantics[words[0]] = _text(words[2:])[0]
        elif op == 71:
            self.decorations[words[0]][words[1]] = words[2] if len(words) > 2 else 1
        elif op == 72 and words[2] == BUILTIN:
            self.member_builtins[words[0], words[1]] = words[3]

    def shown(self, id: int) -> str:
        """A type as GLSL writes it."""
        one = self.types[id]
        if one.kind == "vector":
            base = self.types[one.of].kind
            return {"float": "", "int": "i", "uint": "u", "bool": "b"}[base] + f"vec{one.count}"
        if one.kind == "matrix":
            rows = self.types[one.of].count
            return f"mat{one.count}" + (f"x{rows}" if rows != one.count else "")
        if one.kind == "array":
            return f"{self.shown(one.of)}[{one.count or ''}]"
        if one.kind == "struct":
            return self.names.get(id, "struct")
        if one.kind in ("image", "sampled"):
            prefix, _, rest = one.sampler.partition("|")
            stem = "image" if one.count == 2 else "texture" if one.kind == "image" else "sampler"
            return f"{prefix}{stem}{rest}"
        return one.kind


_TYPES = {
    19: "void",
    20: "bool",
    21: "int",
    22: "float",
    23: "vector",
    24: "matrix",
    25: "image",
    26: "sampler",
    27: "sampled",
    28: "array",
    29: "many",
    30: "struct",
    32: "pointer",
    33: "function",
}
#: operations without a result: stores, branches, barriers, writes of images
NO_RESULT = frozenset((62, 63, 99, 224, 225, 228, 249, 250, 251, 252, 253, 254, 255, 4416, 5380))


def _text(words: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """A string and the words behind it."""
    raw = struct.pack(f"<{len(words)}I", *words)
    end = raw.index(b"\0")
    return raw[:end].decode(errors="replace"), words[end // 4 + 1 :]
