"""What single operations of SPIR-V compute, on all lanes at once.

A value is an array of bits, one row a lane (or one row for all of them), one column a slot.
Sources: SPIR-V specification 1.6 section 3.52, and the extended instructions of GLSL.std.450."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint32]
Array = NDArray[Any]


def f(value: Bits) -> NDArray[np.float32]:
    """The bits as floats."""
    return value.view(np.float32)


def i(value: Bits) -> NDArray[np.int32]:
    """The bits as signed integers."""
    return value.view(np.int32)


def bits(value: Array) -> Bits:
    """Floats, integers or truths as bits."""
    if value.dtype == np.bool_:
        return value.astype(np.uint32)
    if value.dtype.kind == "f":
        return np.ascontiguousarray(value, np.float32).view(np.uint32)
    return value.astype(np.int64).astype(np.uint32)


def _floats(function: Callable[..., Array]) -> Callable[..., Bits]:
    return lambda *args: bits(function(*[f(one) for one in args]))


def _signed(function: Callable[..., Array]) -> Callable[..., Bits]:
    return lambda *args: bits(function(*[i(one).astype(np.int64) for one in args]))


def _unsigned(function: Callable[..., Array]) -> Callable[..., Bits]:
    return lambda *args: bits(function(*[one.astype(np.int64) for one in args]))


def _divided(a: Array, b: Array) -> Array:
    safe = np.where(b == 0, 1, b)
    return np.asarray(np.sign(a) * np.sign(safe) * (np.abs(a) // np.abs(safe)), np.int64)


def _remainder(a: Array, b: Array) -> Array:
    return np.asarray(a - b * _divided(a, b))


def _from_float(value: Bits) -> Bits:
    return bits(np.nan_to_num(f(value).astype(np.float64), posinf=0, neginf=0).astype(np.int64))


def _shifted(a: Array, b: Array) -> Array:
    return np.where((b < 0) | (b > 31), 0, np.left_shift(a, np.clip(b, 0, 31)))


def dot(a: Array, b: Array) -> Array:
    """The scalar product of each lane, as one column."""
    return np.asarray((a * b).sum(axis=1, keepdims=True, dtype=np.float32))


def _length(a: Array) -> Array:
    return np.asarray(np.sqrt(dot(a, a)))


def _cross(a: Array, b: Array) -> Array:
    a, b = np.broadcast_arrays(a, b)
    return np.cross(a, b).astype(np.float32)


def _smoothstep(low: Array, high: Array, x: Array) -> Array:
    t = np.clip((x - low) / (high - low), np.float32(0), np.float32(1))
    return np.asarray(t * t * (3 - 2 * t))


def _refract(incident: Array, normal: Array, eta: Array) -> Array:
    facing = dot(normal, incident)
    k = 1 - eta * eta * (1 - facing * facing)
    bent = eta * incident - (eta * facing + np.sqrt(np.maximum(k, 0))) * normal
    return np.where(k < 0, np.float32(0), bent)


def _faceforward(normal: Array, incident: Array, reference: Array) -> Array:
    return np.where(dot(reference, incident) < 0, normal, -normal)


def _sign(a: Array) -> Array:
    return np.sign(a)


def matrix(value: Bits, rows: int) -> NDArray[np.float32]:
    """The slots of a matrix as (lane, column, row)."""
    return f(value).reshape(len(value), -1, rows)


def _highest(a: Array) -> Array:
    positive = np.where(a < 0, ~a, a)
    found = np.floor(np.log2(np.maximum(positive, 1))).astype(np.int64)
    return np.where(positive == 0, -1, found)


def _lowest(a: Array) -> Array:
    return np.where(a == 0, -1, np.log2(np.maximum(a & -a, 1)).astype(np.int64))


def _count(a: Array) -> Array:
    return np.array([[int(one).bit_count() for one in row] for row in a], np.int64)


def _reverse(a: Array) -> Array:
    return np.array([[int(f"{one:032b}"[::-1], 2) for one in row] for row in a], np.int64)


def _field(a: Array, offset: Array, count: Array) -> Array:
    return np.asarray((a >> offset) & ((1 << count) - 1))


def _field_signed(a: Array, offset: Array, count: Array) -> Array:
    raw = _field(a & 0xFFFFFFFF, offset, count)
    return np.where(raw >> np.maximum(count - 1, 0) & 1, raw - (1 << count), raw)


def _inserted(base: Array, insert: Array, offset: Array, count: Array) -> Array:
    mask = ((1 << count) - 1) << offset
    return np.asarray((base & ~mask) | ((insert << offset) & mask))


def _packed(kind: str, most: int, low: int) -> Callable[..., Bits]:
    """Floats in ``low``..1 as whole numbers up to ``most`` of a kind, side by side in one slot."""

    def pack(value: Bits) -> Bits:
        whole = np.round(np.clip(f(value), low, 1) * most).astype(kind)
        return np.ascontiguousarray(whole).view(np.uint32)

    return pack


def _unpacked(kind: str, most: int, low: int) -> Callable[..., Bits]:
    return lambda value: bits(
        np.clip(np.ascontiguousarray(value).view(kind).astype(np.float32) / most, low, 1)
    )


BINARY: dict[int, Callable[..., Any]] = {
    83: lambda a: a,
    113: lambda a: a,
    114: lambda a: a,
    116: _floats(lambda a: a.astype(np.float16).astype(np.float32)),
    109: _from_float,
    110: _from_float,
    111: lambda a: bits(i(a).astype(np.float32)),
    112: lambda a: bits(a.astype(np.float32)),
    124: lambda a: a,
    126: _signed(lambda a: -a),
    127: _floats(lambda a: -a),
    128: _signed(lambda a, b: a + b),
    129: _floats(lambda a, b: a + b),
    130: _signed(lambda a, b: a - b),
    131: _floats(lambda a, b: a - b),
    132: _signed(lambda a, b: a * b),
    133: _floats(lambda a, b: a * b),
    134: _unsigned(_divided),
    135: _signed(_divided),
    136: _floats(lambda a, b: a / b),
    137: _unsigned(_remainder),
    138: _signed(_remainder),
    139: _signed(lambda a, b: np.where(b == 0, 0, a % np.where(b == 0, 1, b))),
    140: _floats(np.fmod),
    141: _floats(lambda a, b: a - b * np.floor(a / b)),
    142: _floats(lambda a, b: a * b),
    143: _floats(lambda a, b: a * b),
    148: _floats(dot),
    154: lambda a: bits(a.any(axis=1, keepdims=True)),
    155: lambda a: bits(a.all(axis=1, keepdims=True)),
    156: _floats(np.isnan),
    157: _floats(np.isinf),
    164: lambda a, b: bits(a == b),
    165: lambda a, b: bits(a != b),
    166: lambda a, b: a | b,
    167: lambda a, b: a & b,
    168: lambda a: bits(a == 0),
    169: lambda c, a, b: np.where(c != 0, a, b),
    170: lambda a, b: bits(a == b),
    171: lambda a, b: bits(a != b),
    172: _unsigned(np.greater),
    173: _signed(np.greater),
    174: _unsigned(np.greater_equal),
    175: _signed(np.greater_equal),
    176: _unsigned(np.less),
    177: _signed(np.less),
    178: _unsigned(np.less_equal),
    179: _signed(np.less_equal),
    194: _unsigned(lambda a, b: a >> np.clip(b, 0, 63)),
    195: _signed(lambda a, b: a >> np.clip(b, 0, 63)),
    196: _unsigned(_shifted),
    197: lambda a, b: a | b,
    198: lambda a, b: a ^ b,
    199: lambda a, b: a & b,
    200: lambda a: ~a,
    201: _unsigned(_inserted),
    202: _signed(_field_signed),
    203: _unsigned(_field),
    204: _unsigned(_reverse),
    205: _unsigned(_count),
    400: lambda a: a,
}
_COMPARED = (np.equal, np.not_equal, np.less, np.greater, np.less_equal, np.greater_equal)
for _number, _function in enumerate(_COMPARED):
    BINARY[180 + 2 * _number] = BINARY[181 + 2 * _number] = _floats(_function)

_LIMITS: dict[int, Callable[..., Any]] = {}
for _first, _kind in ((37, _floats), (38, _unsigned), (39, _signed)):
    _LIMITS[_first] = _kind(np.minimum)
    _LIMITS[_first + 3] = _kind(np.maximum)
    _LIMITS[_first + 6] = _kind(lambda x, a, b: np.minimum(np.maximum(x, a), b))

EXTENDED: dict[int, Callable[..., Any]] = {
    1: _floats(np.round),
    2: _floats(np.round),
    3: _floats(np.trunc),
    4: _floats(np.abs),
    5: _signed(np.abs),
    6: _floats(_sign),
    7: _signed(_sign),
    8: _floats(np.floor),
    9: _floats(np.ceil),
    10: _floats(lambda a: a - np.floor(a)),
    11: _floats(np.radians),
    12: _floats(np.degrees),
    13: _floats(np.sin),
    14: _floats(np.cos),
    15: _floats(np.tan),
    16: _floats(np.arcsin),
    17: _floats(np.arccos),
    18: _floats(np.arctan),
    19: _floats(np.sinh),
    20: _floats(np.cosh),
    21: _floats(np.tanh),
    22: _floats(np.arcsinh),
    23: _floats(np.arccosh),
    24: _floats(np.arctanh),
    25: _floats(np.arctan2),
    26: _floats(lambda a, b: np.where(a < 0, np.float32(np.nan), np.power(np.abs(a), b))),
    27: _floats(np.exp),
    28: _floats(np.log),
    29: _floats(np.exp2),
    30: _floats(np.log2),
    31: _floats(np.sqrt),
    32: _floats(lambda a: 1 / np.sqrt(a)),
    **_LIMITS,
    46: _floats(lambda a, b, t: a * (1 - t) + b * t),
    48: _floats(lambda edge, x: np.where(x < edge, np.float32(0), np.float32(1))),
    49: _floats(_smoothstep),
    50: _floats(lambda a, b, c: a * b + c),
    53: lambda a, e: bits(np.ldexp(f(a), i(e))),
    54: _packed("i1", 127, -1),
    55: _packed("u1", 255, 0),
    56: _packed("i2", 32767, -1),
    57: _packed("u2", 65535, 0),
    58: lambda a: np.ascontiguousarray(f(a).astype(np.float16)).view(np.uint32),
    60: _unpacked("i2", 32767, -1),
    61: _unpacked("u2", 65535, 0),
    62: lambda a: bits(np.ascontiguousarray(a).view(np.float16).astype(np.float32)),
    63: _unpacked("i1", 127, -1),
    64: _unpacked("u1", 255, 0),
    66: _floats(_length),
    67: _floats(lambda a, b: _length(a - b)),
    68: _floats(_cross),
    69: _floats(lambda a: a / _length(a)),
    70: _floats(_faceforward),
    71: _floats(lambda a, n: a - 2 * dot(n, a) * n),
    72: _floats(_refract),
    73: _unsigned(_lowest),
    74: _signed(_highest),
    75: _unsigned(_highest),
    79: _LIMITS[37],
    80: _LIMITS[40],
    81: _LIMITS[43],
}
