"""A machine that runs a SPIR-V module on many lanes at once: pixels, vertices or invocations.

Each lane has a place in the code of its own. Of all places the first in the module's order runs
next, for all lanes that stand there: since blocks stand in order of dominance, what parts at a
branch meets again where it should."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._shaders_memory import EndlessError, Frame, Mask, Memory, Pointer
from ._shaders_ops import BINARY, Bits, f, i
from ._shaders_special import SPECIAL
from ._shaders_spirv import (
    OUTPUT,
    POISON,
    PRIVATE,
    WORKGROUP,
    Function,
    Instruction,
    Module,
    UnsupportedError,
)
from ._shaders_step import Step

STEPS = 150_000  # operations, each for all lanes: seconds of work, and far more than a pixel needs
DEEP = 32


class Machine:
    """One run: ``lanes`` in rows of ``width`` (for derivatives), in ``groups`` of a size."""

    def __init__(self, module: Module, lanes: int, width: int = 1, group: int = 0) -> None:
        self.module, self.lanes, self.width = module, lanes, width
        self.group = group or lanes
        self.alive: Mask = np.ones(lanes, bool)
        self.discarded: Mask = np.zeros(lanes, bool)
        self.steps = 0
        self.faults: set[str] = set()
        self.values: dict[int, Any] = dict(module.constants)
        self.memories: dict[int, Memory] = {}
        every = np.arange(lanes)
        for one in module.globals.values():
            if one.storage in (OUTPUT, PRIVATE, WORKGROUP):
                rows = every // self.group if one.storage == WORKGROUP else every
                self.bind(one.id, self._fresh(one.type, one.initial, int(rows.max()) + 1), rows)

    def bind(self, id: int, data: Bits, rows: NDArray[np.int64] | None = None) -> None:
        """Give a variable its slots; one row is shared by all lanes."""
        lanes = np.arange(self.lanes) if len(data) == self.lanes else np.zeros(self.lanes, int)
        self.memories[id] = Memory(data, lanes if rows is None else rows)
        self.values[id] = Pointer(self.memories[id], 0, self.module.globals[id].type)

    def offer(self, id: int, texture: object) -> None:
        """Give a variable its texture or sampler."""
        self.values[id] = texture

    def run(self) -> None:
        """Run the entry point; raises :class:`EndlessError`, :class:`UnsupportedError`."""
        with np.errstate(all="ignore"):
            self.call(self.module.functions[self.module.entry], [], self.alive.copy(), 0)

    def _fresh(self, type: int, initial: int, rows: int) -> Bits:
        slots = self.module.types[type].slots
        if initial:
            return np.repeat(self.module.constants[initial], rows, axis=0)
        return np.full((rows, slots), POISON, np.uint32)

    def call(self, function: Function, given: Sequence[Any], mask: Mask, depth: int) -> Any:
        """Run a function for the lanes of ``mask``; what it returns, if it does."""
        if depth > DEEP:
            raise EndlessError("functions call each other without end")
        values = dict(zip(function.params, given, strict=True))
        place = {label: number for number, label in enumerate(function.labels)}
        pc = np.where(mask, 0, len(function.blocks))
        before = np.zeros(self.lanes, np.int64)
        kind = self.module.types[function.type]
        result = None if kind.kind == "void" else self._fresh(function.type, 0, self.lanes)
        frame = Frame(values, place, pc, before, result, depth)
        while (number := int(frame.pc.min())) < len(function.blocks):
            self._block(function, number, frame)
        return frame.result

    def _block(self, function: Function, number: int, frame: Frame) -> None:
        here: Mask = frame.pc == number
        for one in function.blocks[number]:
            self.steps += 1
            if self.steps > STEPS:
                raise EndlessError(f"not at its end after {STEPS} operations")
            if one.id == 0:
                self._act(one, here, frame)
            else:
                self._set(frame, one.id, self._value(one, here, frame), here)
            if one.op == 57:
                here = here & self.alive
                frame.pc[~self.alive] = len(function.blocks)
        frame.before[here] = function.labels[number]

    def _set(self, frame: Frame, id: int, value: Any, here: Mask) -> None:
        old = frame.values.get(id)
        if isinstance(value, np.ndarray) and old is not None and not here.all():
            value = np.where(here[:, None], value, old)
        frame.values[id] = value

    def get(self, id: int, frame: Frame) -> Any:
        """The value of an id: of this call, or of the module."""
        found = frame.values.get(id)
        return self.values.get(id) if found is None else found

    def _act(self, one: Instruction, here: Mask, frame: Frame) -> None:
        end = len(frame.place)
        if one.op == 62:
            self.store(self.get(one.args[0], frame), self.get(one.args[1], frame), here)
        elif one.op == 63:
            source = self.get(one.args[1], frame)
            self.store(self.get(one.args[0], frame), self.load(source, here), here)
        elif one.op == 249:
            frame.pc[here] = frame.place[one.args[0]]
        elif one.op == 250:
            yes = np.broadcast_to(self.get(one.args[0], frame)[:, 0] != 0, here.shape)
            frame.pc[here & yes] = frame.place[one.args[1]]
            frame.pc[here & ~yes] = frame.place[one.args[2]]
        elif one.op == 251:
            self._switch(one, here, frame)
        elif one.op in (252, 4416, 5380):
            self.discarded |= here
            if one.op != 5380:
                self.alive &= ~here
                frame.pc[here] = end
        elif one.op in (253, 254, 255):
            if one.op == 254:
                frame.result = np.where(here[:, None], self.get(one.args[0], frame), frame.result)
            frame.pc[here] = end
        elif one.op == 99:
            texture, at, value = (self.get(id, frame) for id in one.args[:3])
            texture.write(i(at), f(value), here)
        elif one.op not in (224, 225):
            raise UnsupportedError(f"operation {one.op}")

    def _switch(self, one: Instruction, here: Mask, frame: Frame) -> None:
        value = np.broadcast_to(self.get(one.args[0], frame)[:, 0], here.shape)
        left = here.copy()
        for case, label in zip(one.args[2::2], one.args[3::2], strict=True):
            taken = left & (value == np.uint32(case))
            frame.pc[taken] = frame.place[label]
            left &= ~taken
        frame.pc[left] = frame.place[one.args[1]]

    def _value(self, one: Instruction, here: Mask, frame: Frame) -> Any:
        simple = BINARY.get(one.op)
        if simple is not None:
            return simple(*[self.get(id, frame) for id in one.args])
        special = SPECIAL.get(one.op)
        if special is None:
            raise UnsupportedError(f"operation {one.op}")
        return special(Step(self, one, here, frame))

    def load(self, pointer: Any, here: Mask) -> Any:
        """What a pointer points to; opaque things stand for themselves."""
        if not isinstance(pointer, Pointer):
            return pointer
        data, rows = pointer.memory.data, pointer.memory.rows
        slots = self.module.types[pointer.type].slots
        if isinstance(pointer.offset, int):
            found = data[:, pointer.offset : pointer.offset + slots]
            return found.copy() if len(data) in (1, self.lanes) else found[rows]
        columns = self._inside(pointer.offset, slots, data.shape[1], here)
        return data[rows[:, None], columns]

    def store(self, pointer: Pointer, value: Any, here: Mask) -> None:
        """Write a value where a pointer points to, for the lanes that are here."""
        data, rows = pointer.memory.data, pointer.memory.rows
        slots = self.module.types[pointer.type].slots
        if isinstance(pointer.offset, int) and len(data) == self.lanes:
            place = slice(pointer.offset, pointer.offset + slots)
            data[here, place] = np.broadcast_to(value, (self.lanes, slots))[here]
            return
        columns = self._inside(pointer.offset, slots, data.shape[1], here)
        given = np.broadcast_to(value, (self.lanes, slots))
        data[rows[here][:, None], columns[here]] = given[here]

    def _inside(self, offset: Any, slots: int, size: int, here: Mask) -> NDArray[np.int64]:
        first = np.broadcast_to(np.asarray(offset), here.shape)
        if size < slots:
            raise UnsupportedError("a buffer that holds nothing")
        if ((first < 0) | (first > size - slots))[here].any():
            self.faults.add("an index out of bounds")
        columns = np.clip(first, 0, size - slots)[:, None] + np.arange(slots)
        return np.asarray(columns, np.int64)

    def across(self, value: Bits, here: Mask, down: bool) -> NDArray[np.float32]:
        """The difference to the neighbour in each square of two by two pixels."""
        whole = np.broadcast_to(f(value), (self.lanes, value.shape[1]))
        grid = whole.reshape(-1, self.width, value.shape[1])
        there = (here | ~self.alive).reshape(-1, self.width)
        first = (slice(0, None, 2), slice(None)) if down else (slice(None), slice(0, None, 2))
        second = (slice(1, None, 2), slice(None)) if down else (slice(None), slice(1, None, 2))
        apart = grid[second] - grid[first]
        apart = np.where((there[first] & there[second])[..., None], apart, f(np.full(1, POISON)))
        return np.repeat(apart, 2, axis=0 if down else 1).reshape(whole.shape)
