"""Values, operators, constructors and built-in functions of GLSL ES 3.00, for scalars and vectors.

A value is a tuple of Python numbers, one per component; ``None`` is a component nobody has written
yet. Types are the names of the language: ``float``, ``vec3``, ``ivec2``, ``bool``."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from ._words import words

Value = tuple[Any, ...]
Function = Callable[..., Value]

PREFIX = {"float": "vec", "int": "ivec", "uint": "uvec", "bool": "bvec"}
TYPES = {base: (base, 1) for base in PREFIX} | {
    f"{p}{n}": (b, n) for b, p in PREFIX.items() for n in (2, 3, 4)
}
SWIZZLES = ("xyzw", "rgba", "stpq")
# What the language has and this interpreter does not
BEYOND_TYPES = {f"mat{n}{m}" for n in "234" for m in ("", "x2", "x3", "x4")} | {
    f"{p}sampler{s}"
    for p in ("", "i", "u")
    for s in ("2D", "3D", "Cube", "2DArray", "2DShadow", "CubeShadow")
}
BEYOND = (
    words(
        "texture textureLod textureProj textureGrad textureOffset texelFetch textureSize dFdx dFdy"
        " fwidth",
        "matrixCompMult outerProduct transpose determinant inverse modf floatBitsToInt"
        " floatBitsToUint intBitsToFloat",
        "uintBitsToFloat packSnorm2x16 packUnorm2x16 packHalf2x16 unpackSnorm2x16 unpackUnorm2x16"
        " unpackHalf2x16",
        "faceforward refract",
    )
    | BEYOND_TYPES
)


class GlslError(Exception):
    """The shader does not compile, or reads a value it never wrote; the message names the line."""


class UnsupportedError(Exception):
    """The shader uses a part of the language that this interpreter does not know."""


def vector(base: str, size: int) -> str:
    """The type with ``size`` components of ``base``."""
    return base if size == 1 else f"{PREFIX[base]}{size}"


def _float(function: Callable[..., float]) -> Callable[..., float]:
    """``function`` that answers NaN or infinity, as a GPU may, where Python raises."""

    def safe(*values: float) -> float:
        try:
            return float(function(*values))
        except (ValueError, ZeroDivisionError):
            return math.nan
        except OverflowError:
            return math.inf

    return safe


def _wrap(value: int, base: str) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if base == "int" and value >> 31 else value


def _divide(a: float, b: float) -> float:
    if b == 0:
        return (
            math.nan
            if a == 0 or math.isnan(a)
            else math.copysign(math.inf, a) * math.copysign(1.0, b)
        )
    return a / b


def _truncated(a: int, b: int) -> int:
    return 0 if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip


def spread(values: Sequence[Value], size: int) -> list[Value]:
    """Scalars repeated to ``size`` components."""
    return [value * size if len(value) == 1 else value for value in values]


def binary(sign: str, left: str, right: str) -> tuple[str, Function]:
    """Type and meaning of ``left sign right``; raises :class:`GlslError` where the language has no
    such operator."""
    wrong = GlslError(f"no operator {left} {sign} {right}")
    (base, n), (other, m) = TYPES[left], TYPES[right]
    if sign in ("&&", "||"):
        if left != "bool" or right != "bool":
            raise wrong
        return "bool", (
            (lambda a, b: (a[0] and b[0],)) if sign == "&&" else (lambda a, b: (a[0] or b[0],))
        )
    if base != other:
        raise wrong
    if sign in ("==", "!="):
        if n != m:
            raise wrong
        return "bool", lambda a, b: ((a == b) == (sign == "=="),)
    if sign in _ORDER:
        if n != 1 or m != 1 or base == "bool":
            raise wrong
        return "bool", lambda a, b: (_ORDER[sign](a[0], b[0]),)
    if sign not in "+-*/%":
        raise UnsupportedError(f"the operator {sign}")
    if base == "bool" or (n != m and 1 not in (n, m)) or (sign == "%" and base == "float"):
        raise wrong
    size = max(n, m)
    return vector(base, size), _componentwise(_scalar(sign, base), size)


def _scalar(sign: str, base: str) -> Callable[[Any, Any], Any]:
    if base == "float":
        return _float(_ARITHMETIC.get(sign, _divide))
    plain = (
        _ARITHMETIC.get(sign) or {"/": _truncated, "%": lambda a, b: a - b * _truncated(a, b)}[sign]
    )
    return lambda a, b: _wrap(plain(a, b), base)


def _componentwise(one: Callable[..., Any], size: int) -> Function:
    return lambda *values: tuple(one(*parts) for parts in zip(*spread(values, size), strict=True))


def constructor(kind: str, arguments: Sequence[str]) -> Function:
    """Meaning of ``kind(arguments)``, such as ``vec4(vec3, float)``; raises :class:`GlslError` if
    it has none."""
    base, size = TYPES[kind]
    sizes = [TYPES[argument][1] for argument in arguments]
    convert = {"float": float, "int": int, "uint": int, "bool": bool}[base]

    def build(*values: Value) -> Value:
        parts = [part for value in values for part in value]
        parts = parts * size if len(parts) == 1 else parts[:size]
        if base in ("int", "uint"):
            return tuple(_wrap(int(part) if math.isfinite(part) else 0, base) for part in parts)
        return tuple(convert(part) for part in parts)

    if not sizes or (sum(sizes) < size and sizes != [1]):
        raise GlslError(f"{kind}({', '.join(arguments)}): not enough components")
    if sum(sizes[:-1]) >= size:
        raise GlslError(f"{kind}({', '.join(arguments)}): too many arguments")
    return build


def _smoothstep(low: float, high: float, x: float) -> float:
    t = min(max(_divide(x - low, high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


def _length(a: Value) -> float:
    return math.sqrt(sum(x * x for x in a))


def _normalize(a: Value) -> Value:
    return tuple(_divide(x, _length(a)) for x in a)


def _cross(a: Value, b: Value) -> Value:
    return (a[1] * b[2] - b[1] * a[2], a[2] * b[0] - b[2] * a[0], a[0] * b[1] - b[0] * a[1])


def _dot(a: Value, b: Value) -> float:
    return float(sum(x * y for x, y in zip(a, b, strict=True)))


def _reflect(a: Value, n: Value) -> Value:
    return tuple(x - 2.0 * _dot(n, a) * y for x, y in zip(a, n, strict=True))


def _power(x: float, y: float) -> float:
    return math.nan if x < 0 or (x == 0 and y <= 0) else math.pow(x, y)  # undefined in the language


# g: float or vec2-4, all g of a call alike; f: float; each string is one overload
_PER_COMPONENT: dict[str, tuple[str, Callable[..., float]]] = {
    "radians": ("g", math.radians), "degrees": ("g", math.degrees), "sin": ("g", math.sin),
    "cos": ("g", math.cos),
    "tan": ("g", math.tan), "asin": ("g", math.asin), "acos": ("g", math.acos), "sinh": ("g",
    math.sinh),
    "cosh": ("g", math.cosh), "tanh": ("g", math.tanh), "asinh": ("g", math.asinh), "acosh": ("g",
    math.acosh),
    "atanh": ("g", math.atanh), "exp": ("g", math.exp), "log": ("g", math.log), "exp2": ("g",
    lambda x: 2.0**x),
    "log2": ("g", math.log2), "sqrt": ("g", math.sqrt), "inversesqrt": ("g",
    lambda x: 1.0 / math.sqrt(x)),
    "abs": ("g", abs), "sign": ("g", lambda x: float((x > 0) - (x < 0))), "floor": ("g",
    math.floor),
    "ceil": ("g", math.ceil), "trunc": ("g", math.trunc), "round": ("g", round), "roundEven": ("g",
    round),
    "fract": ("g", lambda x: x - math.floor(x)), "mod": ("gg gf", lambda x,
    y: x - y * math.floor(x / y)),
    "atan": ("g gg", lambda y, x=None: math.atan(y) if x is None else math.atan2(y, x)),
    "pow": ("gg", _power),
    "min": ("gg gf", min), "max": ("gg gf", max), "clamp": ("ggg gff", lambda x, a, b: min(max(x,
    a), b)),
    "mix": ("ggg ggf", lambda a, b, k: a * (1.0 - k) + b * k), "step": ("gg fg", lambda e,
    x: 0.0 if x < e else 1.0),
    "smoothstep": ("ggg ffg", _smoothstep),
}  # fmt: skip
_WHOLE: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "length": ("g", "f", _length), "dot": ("gg", "f", _dot), "normalize": ("g", "g", _normalize),
    "distance": ("gg", "f", lambda a, b: _length(tuple(x - y for x, y in zip(a, b, strict=True)))),
    "cross": ("333", "g", _cross), "reflect": ("gg", "g", _reflect),
}  # fmt: skip
_RELATIONS = {
    "lessThan": operator.lt, "lessThanEqual": operator.le, "greaterThan": operator.gt,
    "greaterThanEqual": operator.ge, "equal": operator.eq, "notEqual": operator.ne,
}  # fmt: skip
_LOGIC = {"any": any, "all": all}
BUILTINS = {*_PER_COMPONENT, *_WHOLE, *_RELATIONS, *_LOGIC, "not", "isnan", "isinf"}


def builtin(name: str, arguments: Sequence[str]) -> tuple[str, Function]:
    """Type and meaning of a built-in function for these argument types; :class:`GlslError` if no
    overload fits."""
    wrong = GlslError(f"no {name}({', '.join(arguments)})")
    kinds = [TYPES[argument] for argument in arguments]
    bases = {base for base, _ in kinds}
    sizes = {size for _, size in kinds}
    if name in _RELATIONS or name in _LOGIC or name in ("not", "isnan", "isinf"):
        return _logic(name, kinds, wrong)
    if bases != {"float"}:
        if (
            bases
            and "float" not in bases | {"bool"}
            and name in ("abs", "sign", "min", "max", "clamp")
        ):
            raise UnsupportedError(f"{name} of integers")
        if name == "mix" and len(kinds) == 3 and kinds[2][0] == "bool":
            raise UnsupportedError("mix by booleans")
        raise wrong
    if name in _PER_COMPONENT:
        overloads, function = _PER_COMPONENT[name]
        if not any(_fits(pattern, [size for _, size in kinds]) for pattern in overloads.split()):
            raise wrong
        return vector("float", max(sizes)), _componentwise(_float(function), max(sizes))
    pattern, result, whole = _WHOLE[name]
    if pattern == "333":
        if [size for _, size in kinds] != [3, 3]:
            raise wrong
    elif not _fits(pattern, [size for _, size in kinds]):
        raise wrong
    if result == "f":
        return "float", lambda *values: (_float(whole)(*values),)
    return vector("float", max(sizes)), whole


def _fits(pattern: str, sizes: Sequence[int]) -> bool:
    if len(pattern) != len(sizes):
        return False
    general = {size for letter, size in zip(pattern, sizes, strict=True) if letter == "g"}
    return len(general) == 1 and all(
        size == 1 for letter, size in zip(pattern, sizes, strict=True) if letter == "f"
    )


def _logic(name: str, kinds: Sequence[tuple[str, int]], wrong: GlslError) -> tuple[str, Function]:
    if name in _RELATIONS and len(kinds) == 2 and kinds[0] == kinds[1] and kinds[0][1] > 1:
        return vector("bool", kinds[0][1]), _componentwise(_RELATIONS[name], kinds[0][1])
    if name in _LOGIC and len(kinds) == 1 and kinds[0][0] == "bool" and kinds[0][1] > 1:
        return "bool", lambda a: (_LOGIC[name](a),)
    if name == "not" and len(kinds) == 1 and kinds[0][0] == "bool" and kinds[0][1] > 1:
        return vector("bool", kinds[0][1]), lambda a: tuple(not x for x in a)
    if name in ("isnan", "isinf") and len(kinds) == 1 and kinds[0][0] == "float":
        test = math.isnan if name == "isnan" else math.isinf
        return vector("bool", kinds[0][1]), lambda a: tuple(test(x) for x in a)
    raise wrong
