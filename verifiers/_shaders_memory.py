"""Where the machine of :mod:`verifiers._shaders_run` keeps things: memories, pointers, frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._shaders_ops import Bits

Mask = NDArray[np.bool_]


class EndlessError(Exception):
    """The shader came to no end."""


@dataclass
class Memory:
    """The slots of one variable; ``rows`` says for each lane which row of ``data`` is its own."""

    data: Bits
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class Pointer:
    """A place in a memory: its first slot, the same for all lanes or one for each."""

    memory: Memory
    offset: Any
    type: int


@dataclass
class Frame:
    """One call: its values, where its blocks stand, where each lane is and was, how deep it is."""

    values: dict[int, Any]
    place: dict[int, int]
    pc: NDArray[np.int64]
    before: NDArray[np.int64]
    result: Any
    depth: int
