"""Operations of SPIR-V that need more than the bits of their operands: pointers, composites,
matrices, derivatives, atomics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._shaders_images import IMAGES
from ._shaders_memory import Mask, Memory, Pointer
from ._shaders_ops import EXTENDED, Bits, bits, f, i, matrix
from ._shaders_spirv import POISON, UnsupportedError
from ._shaders_step import Special, Step

if TYPE_CHECKING:
    from ._shaders_run import Machine


def _chain(s: Step) -> Any:
    pointer = s.get(0)
    if not isinstance(pointer, Pointer):
        raise UnsupportedError("an array of textures")
    offset, type = pointer.offset, pointer.type
    for id in s.one.args[1:]:
        kind, index = s.m.module.types[type], s.of(id)
        if kind.kind == "struct":
            at = int(index[0, 0])
            offset = offset + sum(s.m.module.types[each].slots for each in kind.members[:at])
            type = kind.members[at]
            continue
        type, steps = kind.of, i(index)[:, 0].astype(np.int64)
        wrong = (steps < 0) | (steps >= (kind.count or 1 << 31))
        if np.any(np.broadcast_to(wrong, s.here.shape)[s.here]):
            s.m.faults.add("an index out of bounds")
        steps = np.clip(steps, 0, (kind.count or 1 << 31) - 1)
        offset = (
            offset + (int(steps[0]) if len(steps) == 1 else steps) * s.m.module.types[type].slots
        )
    return Pointer(pointer.memory, offset, type)


def _variable(s: Step) -> Any:
    type = s.m.module.types[s.one.type].of
    data = np.full((s.m.lanes, s.m.module.types[type].slots), POISON, np.uint32)
    pointer = Pointer(Memory(data, np.arange(s.m.lanes)), 0, type)
    if s.one.args[1:]:
        s.m.store(pointer, s.get(1), s.here)
    return pointer


def _call(s: Step) -> Any:
    given = [s.of(id) for id in s.one.args[1:]]
    return s.m.call(s.m.module.functions[s.one.args[0]], given, s.here.copy(), s.frame.depth + 1)


def _phi(s: Step) -> Any:
    found: Any = None
    for id, label in zip(s.one.args[::2], s.one.args[1::2], strict=True):
        value = s.of(id)
        if value is not None:
            came = (s.frame.before == label)[:, None]
            found = value if found is None else np.where(came, value, found)
    return found


def _spread(parts: Sequence[Bits]) -> list[Bits]:
    rows = max(len(part) for part in parts)
    return [np.broadcast_to(part, (rows, part.shape[1])) for part in parts]


def _construct(s: Step) -> Any:
    return np.concatenate(_spread([s.of(id) for id in s.one.args]), axis=1)


def _part(m: Machine, type: int, indices: Sequence[int]) -> slice:
    """The slots of a part of a composite."""
    offset = 0
    for index in indices:
        kind = m.module.types[type]
        if kind.kind == "struct":
            offset += sum(m.module.types[one].slots for one in kind.members[:index])
            type = kind.members[index]
        else:
            type = kind.of
            offset += index * m.module.types[type].slots
    return slice(offset, offset + m.module.types[type].slots)


def _extract(s: Step) -> Any:
    return s.get(0)[:, _part(s.m, s.m.module.result[s.one.args[0]], s.one.args[1:])]


def _insert(s: Step) -> Any:
    part, whole = _spread([s.of(id) for id in s.one.args[:2]])
    made = whole.copy()
    made[:, _part(s.m, s.one.type, s.one.args[2:])] = part
    return made


def _shuffle(s: Step) -> Any:
    both = np.concatenate(_spread([s.of(id) for id in s.one.args[:2]]), axis=1)
    return both[:, [0 if at == 0xFFFFFFFF else at for at in s.one.args[2:]]]


def _columns(m: Machine, size: int, at: Bits, here: Mask) -> Any:
    if np.any(np.broadcast_to(at[:, 0] >= size, here.shape)[here]):
        m.faults.add("an index out of bounds")
    return np.clip(at, 0, size - 1).astype(np.int64)


def _extract_dynamic(s: Step) -> Any:
    value, at = _spread([s.of(id) for id in s.one.args])
    return np.take_along_axis(value, _columns(s.m, value.shape[1], at, s.here), axis=1)


def _insert_dynamic(s: Step) -> Any:
    value, part, at = _spread([s.of(id) for id in s.one.args])
    made = value.copy()
    np.put_along_axis(made, _columns(s.m, value.shape[1], at, s.here), part, axis=1)
    return made


def _rows(m: Machine, id: int) -> int:
    """How many rows the matrix ``id`` has."""
    return m.module.types[m.module.types[m.module.result[id]].of].count


def _vector_matrix(s: Step) -> Any:
    vector, whole = (s.of(id) for id in s.one.args)
    return bits((matrix(whole, _rows(s.m, s.one.args[1])) * f(vector)[:, None, :]).sum(axis=2))


def _matrix_vector(s: Step) -> Any:
    whole, vector = (s.of(id) for id in s.one.args)
    return bits((matrix(whole, _rows(s.m, s.one.args[0])) * f(vector)[:, :, None]).sum(axis=1))


def _matrix_matrix(s: Step) -> Any:
    left, right = (matrix(s.of(id), _rows(s.m, id)) for id in s.one.args)
    product = np.matmul(right, left)  # both transposed: columns come first
    return bits(product.reshape(len(product), -1))


def _outer(s: Step) -> Any:
    rows, columns = (f(s.of(id)) for id in s.one.args)
    product = columns[:, :, None] * rows[:, None, :]
    return bits(product.reshape(len(product), -1))


def _transposed(s: Step) -> Any:
    turned = matrix(s.get(0), _rows(s.m, s.one.args[0])).swapaxes(1, 2)
    return bits(turned.reshape(len(turned), -1))


def _extended(s: Step) -> Any:
    number, ids = s.one.args[1], s.one.args[2:]
    simple = EXTENDED.get(number)
    if simple is not None:
        return simple(*[s.of(id) for id in ids])
    if number in (33, 34):
        whole = matrix(s.of(ids[0]), _rows(s.m, ids[0])).astype(np.float64)
        if number == 33:
            return bits(np.linalg.det(whole)[:, None])
        singular = np.abs(np.linalg.det(whole)) < 1e-30
        whole = np.where(singular[:, None, None], np.eye(whole.shape[1]), whole)
        turned = np.where(singular[:, None, None], np.nan, np.linalg.inv(whole))
        return bits(turned.reshape(len(turned), -1))
    if number in (35, 36):
        value = f(s.of(ids[0]))
        integral, rest = bits(np.trunc(value)), bits(value - np.trunc(value))
        if number == 36:
            return np.concatenate([rest, integral], axis=1)
        s.m.store(s.of(ids[1]), integral, s.here)
        return rest
    if number in (51, 52):
        mantissa, exponent = np.frexp(f(s.of(ids[0])))
        if number == 52:
            return np.concatenate([bits(mantissa), bits(exponent)], axis=1)
        s.m.store(s.of(ids[1]), bits(exponent), s.here)
        return bits(mantissa)
    if number in (76, 77, 78):
        return s.m.load(s.of(ids[0]), s.here)
    raise UnsupportedError(f"extended instruction {number}")


def _derivative(s: Step) -> Any:
    value, which = s.get(0), (s.one.op - 207) % 3
    if which < 2:
        return bits(s.m.across(value, s.here, bool(which)))
    return bits(np.abs(s.m.across(value, s.here, False)) + np.abs(s.m.across(value, s.here, True)))


_ATOMIC: dict[int, Callable[[int, int], int]] = {
    229: lambda old, new: new,
    232: lambda old, new: old + 1,
    233: lambda old, new: old - 1,
    234: lambda old, new: old + new,
    235: lambda old, new: old - new,
    236: lambda old, new: min(_whole(old), _whole(new)),
    237: min,
    238: lambda old, new: max(_whole(old), _whole(new)),
    239: max,
    240: lambda old, new: old & new,
    241: lambda old, new: old | new,
    242: lambda old, new: old ^ new,
}


def _whole(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value


def _atomic(s: Step) -> Any:
    """One lane after the other, in their order."""
    pointer = s.get(0)
    compare = s.get(5) if s.one.op == 230 else None
    given = s.of(s.one.args[4 if s.one.op == 230 else 3]) if len(s.one.args) > 3 else None
    old = np.zeros((s.m.lanes, 1), np.uint32)
    for lane in np.flatnonzero(s.here):
        mask = np.zeros(s.m.lanes, bool)
        mask[lane] = True
        before = int(np.broadcast_to(s.m.load(pointer, mask), (s.m.lanes, 1))[lane, 0])
        old[lane, 0] = before
        new = 0 if given is None else int(np.broadcast_to(given, (s.m.lanes, 1))[lane, 0])
        if compare is not None:
            same = before == int(np.broadcast_to(compare, (s.m.lanes, 1))[lane, 0])
            after = new if same else before
        else:
            after = before if s.one.op == 227 else _ATOMIC[s.one.op](before, new)
        s.m.store(pointer, np.array([[after & 0xFFFFFFFF]], np.uint32), mask)
    return old


def _length(s: Step) -> Any:
    pointer = s.get(0)
    members = s.m.module.types[pointer.type].members
    before = sum(s.m.module.types[each].slots for each in members[:-1])
    each = s.m.module.types[s.m.module.types[members[-1]].of].slots
    return bits(np.array([[(pointer.memory.data.shape[1] - before) // each]]))


def _undefined(s: Step) -> Any:
    return np.full((1, s.m.module.types[s.one.type].slots), POISON, np.uint32)


SPECIAL: dict[int, Special] = {
    1: _undefined,
    12: _extended,
    57: _call,
    59: _variable,
    61: lambda s: s.m.load(s.get(0), s.here),
    65: _chain,
    66: _chain,
    68: _length,
    77: _extract_dynamic,
    78: _insert_dynamic,
    79: _shuffle,
    80: _construct,
    81: _extract,
    82: _insert,
    84: _transposed,
    **IMAGES,
    144: _vector_matrix,
    145: _matrix_vector,
    146: _matrix_matrix,
    147: _outer,
    **dict.fromkeys(range(207, 216), _derivative),
    227: _atomic,
    230: _atomic,
    **dict.fromkeys(_ATOMIC, _atomic),
    245: _phi,
}
