"""One step of the machine, as operations see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._shaders_memory import Frame, Mask
from ._shaders_spirv import Instruction

if TYPE_CHECKING:
    from ._shaders_run import Machine


@dataclass(frozen=True)
class Step:
    """One instruction that a machine comes to with the lanes that are here."""

    m: Machine
    one: Instruction
    here: Mask
    frame: Frame

    def of(self, id: int) -> Any:
        """The value of an id."""
        return self.m.get(id, self.frame)

    def get(self, number: int) -> Any:
        """The value of an operand."""
        return self.of(self.one.args[number])


Special = Callable[[Step], Any]
BIAS, LOD, GRAD, OFFSETS = 1, 2, 4, (8, 16, 32)  # image operands
