"""Values between the trusted side and a candidate: plain data only, bounded in every direction.

JSON tells ``1`` from ``1.0`` and keeps floats
exact; what it lacks is a one-key object: ``{"t": [...]}`` tuple, ``{"d": [[k, v], ...]}`` dict,
``{"s": [...]}`` set, ``{"f": [...]}`` frozenset, ``{"b": hex}`` bytes, ``{"a": hex}`` bytearray,
``{"c": [re, im]}`` complex, ``{"q": [p, q]}`` Fraction, ``{"n": text}`` Decimal and ``{"o": [type,
truth, items]}`` for any other object. A value decodes to exact built-in types or to
:class:`Opaque`; nothing the other side sends is ever executed, imported or unpickled.

Both sides load this module: inside the sandbox it runs without the harness, on the standard
library."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import Any

from harness.sandbox.inside.frames import MAX_DIGITS, MAX_FRAME, EncodeError, ProtocolError

MAX_DEPTH = 100  #: containers inside one another
MAX_NODES = 100_000  #: values in one message, whatever its bytes
#: set members and dict keys in one message: equal hashes make a C call quadratic
MAX_HASHED = 2_000
MAX_NAME = 80  #: characters of a type name


class Opaque:
    """An object that cannot cross, seen from the trusted side: its truth and its items, taken where
    it lives.

    It equals nothing but itself, so ``candidate(x) == expected`` is false. ``tuple(candidate(x))``
    works when the object was iterable and short enough."""

    __slots__ = ("_items", "_truth", "type_name")

    def __init__(self, type_name: str, truth: bool, items: list[Any] | None) -> None:
        self.type_name = type_name
        self._truth = truth
        self._items = items

    def __bool__(self) -> bool:
        return self._truth

    def __iter__(self) -> Iterator[Any]:
        if self._items is None:
            raise TypeError(f"{self.type_name!r} object is not iterable")
        return iter(self._items)

    def __repr__(self) -> str:
        return f"<{self.type_name} object>"


class _Encoder:
    """One message's worth of budget while values are turned into JSON data."""

    def __init__(self) -> None:
        self.nodes = MAX_NODES
        self.room = MAX_FRAME
        self.hashed = MAX_HASHED

    def value(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if value is None or kind is bool or kind is float:
            self.spend(8)
            return value
        if kind is str:
            self.spend(len(value))
            return value
        if kind is int:
            # no int is longer in digits than in bits / 3
            if value.bit_length() > 3 * MAX_DIGITS:
                raise EncodeError("an int of more digits than the limit")
            self.spend(8 + value.bit_length() // 3)
            return value
        if depth > MAX_DEPTH:
            raise EncodeError(f"deeper than {MAX_DEPTH}")
        if kind is list:
            return self.many(value, depth)
        if kind is tuple:
            return {"t": self.many(value, depth)}
        return self.other(value, kind, depth)

    def spend(self, room: int) -> None:
        self.nodes -= 1
        self.room -= room
        if self.nodes < 0 or self.room < 0:
            raise EncodeError("more data than one message holds")

    def many(self, values: Any, depth: int) -> list[Any]:
        self.spend(2)
        value, depth = self.value, depth + 1
        return [value(item, depth) for item in values]

    def keys(self, count: int) -> None:
        self.hashed -= count
        if self.hashed < 0:
            raise EncodeError(f"more than {MAX_HASHED} keys")

    def other(self, value: Any, kind: type, depth: int) -> Any:
        """Less common types; a subclass is read through its built-in base, so that no override is
        asked."""
        if issubclass(kind, str):
            return self.value(str.__str__(value), depth)
        if issubclass(kind, int):
            return self.value(int.__int__(value), depth)
        if issubclass(kind, float):
            return self.value(float.__float__(value), depth)
        if issubclass(kind, list):
            return self.many(list.__iter__(value), depth)
        if issubclass(kind, tuple):
            return {"t": self.many(tuple.__iter__(value), depth)}
        if issubclass(kind, dict):
            self.keys(dict.__len__(value))
            return {"d": [self.many(pair, depth) for pair in dict.items(value)]}
        if issubclass(kind, set):
            self.keys(set.__len__(value))
            return {"s": self.many(set.__iter__(value), depth)}
        if issubclass(kind, frozenset):
            self.keys(frozenset.__len__(value))
            return {"f": self.many(frozenset.__iter__(value), depth)}
        if issubclass(kind, (bytes, bytearray)):
            data = bytes(memoryview(value))
            self.spend(2 * len(data))
            return {"b" if issubclass(kind, bytes) else "a": data.hex()}
        if issubclass(kind, complex):
            return {"c": [complex.real.__get__(value), complex.imag.__get__(value)]}
        generic = getattr(sys.modules.get("numpy"), "generic", None)
        if isinstance(generic, type) and issubclass(kind, generic):
            return self.value(value.item(), depth + 1)
        if kind is Fraction:
            return {"q": [self.value(value.numerator, depth), self.value(value.denominator, depth)]}
        if kind is Decimal:
            return {"n": str(value)}
        return {"o": self.opaque(value, kind, depth)}

    def opaque(self, value: Any, kind: type, depth: int) -> list[Any]:
        self.spend(MAX_NAME)
        try:
            truth = bool(value)
        except Exception:
            truth = True
        try:
            items = self.many(list(islice(iter(value), MAX_NODES)), depth)
        except Exception:  # not iterable, endless, or raising: it has no items then
            items = None
        return [type_name(kind), truth, items]


def encode(value: Any) -> Any:
    """JSON data for one value. Raises :class:`EncodeError` over a bound; a hostile object may raise
    what it likes."""
    return _Encoder().value(value, 0)


def encode_or_opaque(value: Any) -> Any:
    """Like :func:`encode`, but a value that cannot cross becomes an opaque one without items."""
    try:
        return encode(value)
    except (EncodeError, RecursionError):
        return {"o": [type_name(type(value)), True, None]}


def type_name(kind: type) -> str:
    """The name of a type as a short exact ``str``."""
    name = str.__str__(type.__dict__["__name__"].__get__(kind))[:MAX_NAME]
    return name if name.isprintable() else "?"


class _Decoder:
    """One message's worth of budget while JSON data is turned into values."""

    def __init__(self) -> None:
        self.nodes = MAX_NODES
        self.hashed = MAX_HASHED

    def value(self, data: Any, depth: int) -> Any:
        kind = type(data)
        self.nodes -= 1
        if self.nodes < 0 or depth > MAX_DEPTH:
            raise ProtocolError("a value over the bounds of a message")
        if kind is list:
            depth += 1
            return [self.value(item, depth) for item in data]
        if kind is not dict:
            return data  # None, bool, int, float or str: json makes no other type
        if len(data) != 1:
            raise ProtocolError("an object that is not a tagged value")
        ((tag, body),) = data.items()
        decode = _TAGS.get(tag)
        if decode is None:
            raise ProtocolError("an unknown tag")
        return decode(self, body, depth + 1)

    def many(self, body: Any, depth: int) -> list[Any]:
        if type(body) is not list:
            raise ProtocolError("a container without a list of items")
        return [self.value(item, depth) for item in body]

    def hashable(self, body: Any, depth: int) -> list[Any]:
        items = self.many(body, depth)
        self.hashed -= len(items)
        if self.hashed < 0:
            raise ProtocolError(f"more than {MAX_HASHED} keys")
        return items

    def dict(self, body: Any, depth: int) -> dict[Any, Any]:
        pairs = self.hashable(body, depth)
        if any(type(pair) is not list or len(pair) != 2 for pair in pairs):
            raise ProtocolError("a dict that is not a list of pairs")
        return dict(pairs)

    def bytes(self, body: Any, _depth: int) -> bytes:
        return bytes.fromhex(_checked(body, str))

    def complex(self, body: Any, _depth: int) -> complex:
        real, imag = _checked(body, list)
        return complex(_checked(real, float), _checked(imag, float))

    def fraction(self, body: Any, _depth: int) -> Fraction:
        top, bottom = _checked(body, list)
        return Fraction(_checked(top, int), _checked(bottom, int))

    def decimal(self, body: Any, _depth: int) -> Decimal:
        if len(_checked(body, str)) > 100:
            raise ProtocolError("a long Decimal")
        number = Decimal(body)
        # arithmetic with a huge exponent would write out its zeros
        if number.is_finite() and abs(number.adjusted()) > 400:
            raise ProtocolError("a Decimal with a huge exponent")
        return number

    def opaque(self, body: Any, depth: int) -> Opaque:
        name, truth, items = _checked(body, list)
        if len(_checked(name, str)) > MAX_NAME or not name.isprintable():
            raise ProtocolError("a type name that cannot be shown")
        return Opaque(
            name, _checked(truth, bool), None if items is None else self.many(items, depth)
        )


_TAGS: dict[str, Any] = {
    "t": lambda decoder, body, depth: tuple(decoder.many(body, depth)),
    "d": _Decoder.dict,
    "s": lambda decoder, body, depth: set(decoder.hashable(body, depth)),
    "f": lambda decoder, body, depth: frozenset(decoder.hashable(body, depth)),
    "b": _Decoder.bytes,
    "a": lambda decoder, body, depth: bytearray(decoder.bytes(body, depth)),
    "c": _Decoder.complex,
    "q": _Decoder.fraction,
    "n": _Decoder.decimal,
    "o": _Decoder.opaque,
}


def _checked(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ProtocolError(f"a {type(value).__name__} where a {kind.__name__} belongs")
    return value


def decode(data: Any) -> Any:
    """The value that :func:`encode` wrote as ``data``, with exact types.

    Raises :class:`ProtocolError` for anything else and never another error: an unhashable key, a
    zero denominator and hex that is none are protocol errors too."""
    try:
        return _Decoder().value(data, 0)
    except (TypeError, ValueError, ArithmeticError, RecursionError, MemoryError) as error:
        raise ProtocolError(f"not a value: {type(error).__name__}") from None
