"""The codec: honest values cross unchanged, hostile bytes raise one error and stay within
bounds."""

import json
import math
import time
from collections import Counter, OrderedDict, namedtuple
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.sandbox.inside import codec, frames
from harness.sandbox.inside.codec import Opaque
from harness.sandbox.inside.frames import EncodeError, ProtocolError

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.complex_numbers()
    | st.fractions()
    | st.decimals(min_value=-(10**9), max_value=10**9)
)
hashables = st.recursive(
    scalars, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=6
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(hashables, inner, max_size=4)
        | st.sets(hashables, max_size=4)
    ),
    max_leaves=20,
)
json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*"tdsfbacqno", "x"]), inner, max_size=2)
    ),
    max_leaves=30,
)


def same(one: object, other: object) -> bool:
    """Equal with the same exact types all the way down; NaN is like NaN and -0.0 unlike 0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        both_nan = math.isnan(one) and math.isnan(other)
        return both_nan or (one, math.copysign(1, one)) == (other, math.copysign(1, other))
    if isinstance(one, complex):
        return same(one.real, other.real) and same(one.imag, other.imag)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, Decimal):
        return str(one) == str(other)
    if isinstance(one, (set, frozenset)):
        return len(one) == len(other) and all(any(same(a, b) for b in other) for a in one)
    return one == other


def cross(value: object) -> object:
    frame = frames.pack(codec.encode(value))
    assert frames.frame_length(frame[:4]) == len(frame) - 4
    return codec.decode(frames.unpack(frame[4:]))


@given(values)
def test_every_plain_value_crosses_with_its_exact_type(value):
    assert same(cross(value), value)


@pytest.mark.parametrize(
    "value", [float("inf"), float("-inf"), -0.0, 5e-324, 0.1, 2**64, -(2**200), "\ud800", ""]
)
def test_edges_cross(value):
    assert same(cross(value), value)


@given(st.binary(max_size=2000))
def test_arbitrary_bytes_raise_the_protocol_error_only(data):
    with suppress(ProtocolError):
        codec.decode(frames.unpack(data))


@given(json_data)
def test_arbitrary_messages_decode_or_raise_the_protocol_error(data):
    try:
        value = codec.decode(data)
    except ProtocolError:
        return
    assert_exact(value)


def assert_exact(value: object) -> None:
    plain = (
        type(None),
        bool,
        int,
        float,
        str,
        bytes,
        bytearray,
        complex,
        Fraction,
        Decimal,
        Opaque,
    )
    if type(value) in (list, tuple, set, frozenset):
        for item in value:
            assert_exact(item)
    elif type(value) is dict:
        for pair in value.items():
            assert_exact(pair)
    else:
        assert type(value) in plain


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"[" * 5_000 + b"]" * 5_000,
        b"9" * 900_000,
        b'{"s":[' + b",".join(b"%d" % (n * ((1 << 61) - 1)) for n in range(40_000)) + b"]}",
        b'{"d":[' + b",".join(b"[%d,0]" % n for n in range(40_000)) + b"]}",
        b"[" + b",".join([b'{"s":[1,2,3]}'] * 5_000) + b"]",
        b"[" + b",".join([b"[]"] * 300_000) + b"]",
        b'{"q":[1,0]}',
        b'{"q":[true,2]}',
        b'{"n":"1E+99999"}',
        b'{"n":"' + b"9" * 500 + b'"}',
        b'{"n":"x"}',
        b'{"b":"zz"}',
        b'{"c":[1,2]}',
        b'{"c":[1.0]}',
        b'{"s":[[]]}',
        b'{"d":[[1,2,3]]}',
        b'{"d":[{"t":[1,2]}]}',
        b'{"o":["x",1,null]}',
        b'{"o":["' + b"x" * 200 + b'",true,null]}',
        b'{"t":1}',
        b'{"t":[],"s":[]}',
        b"{}",
        b'{"zz":1}',
        b"",
        b"\xff\xfe",
        b"nul",
        "[é]".encode(),
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_over_a_bound_or_malformed_is_a_protocol_error_and_quick(body):
    began = time.monotonic()
    with pytest.raises(ProtocolError):
        codec.decode(frames.unpack(body))
    assert time.monotonic() - began < 5


def test_a_frame_over_the_bound_is_refused_by_its_header():
    with pytest.raises(ProtocolError, match="4294967295 bytes"):
        frames.frame_length(b"\xff\xff\xff\xff")
    with pytest.raises(ProtocolError):
        frames.unpack(b" " * (codec.MAX_FRAME + 1))


def test_a_subclass_is_read_through_its_base_and_no_override_is_asked():
    class Liar(str):
        def __eq__(self, other):
            return True

        def __str__(self):
            raise AssertionError("asked")

        __len__ = __iter__ = __str__
        __hash__ = str.__hash__

    class List(list):
        def __iter__(self):
            raise AssertionError("asked")

        __len__ = __iter__

    class Int(int):
        __int__ = __index__ = __str__ = __repr__ = lambda _: 7

    pair = namedtuple("pair", "a b")
    assert same(cross(Liar("x")), "x")
    assert same(cross(List([1])), [1])
    assert same(cross(Int(3)), 3)
    assert same(cross(pair(1, 2)), (1, 2))
    assert same(cross(Counter("aab")), {"a": 2, "b": 1})
    assert same(cross(OrderedDict(a=1)), {"a": 1})


def test_an_object_is_opaque_equals_nothing_and_keeps_truth_and_items():
    class Equal:
        def __eq__(self, other):
            return True

        __hash__ = None

    thing = cross(Equal())
    assert type(thing) is Opaque
    assert thing.type_name == "Equal"
    assert thing != 1
    assert thing != thing.type_name
    assert thing
    with pytest.raises(TypeError):
        iter(thing)
    assert tuple(cross(x for x in (1, 2))) == (1, 2)
    assert not cross(type("Empty", (), {"__bool__": lambda _: False})())


@pytest.mark.parametrize(
    "kind", ["endless", "deep", "itself", "big", "text", "keys", "digits", "shared"]
)
def test_what_is_too_much_cannot_be_encoded_and_becomes_opaque(kind):
    def deep():
        nested = []
        for _ in range(100_000):
            nested = [nested]
        return nested

    def itself():
        found = []
        found.append(found)
        return found

    def endless():
        while True:
            yield 0

    block = ["x" * 1000] * 100
    value = {
        "endless": endless,
        "deep": deep,
        "itself": itself,
        "big": lambda: [0] * 1_000_000,
        "text": lambda: "x" * 2_000_000,
        "keys": lambda: set(range(10_000)),
        "digits": lambda: 10**5000,
        "shared": lambda: [[block] * 100] * 100,
    }[kind]()
    if kind == "endless":
        assert codec.encode(value)["o"][2] is None
        return
    with pytest.raises((EncodeError, RecursionError)):
        codec.encode(value)
    assert type(codec.decode(codec.encode_or_opaque(value))) is Opaque


@settings(max_examples=30)
@given(st.binary(min_size=1, max_size=200))
def test_a_damaged_frame_is_an_error_or_another_value_but_never_a_crash(noise):
    frame = bytearray(frames.pack(codec.encode([{"a": (1, 2.5, {3})}, b"x", Fraction(1, 3)])))[4:]
    for index, byte in enumerate(noise):
        frame[(index * 7 + byte) % len(frame)] = byte
    with suppress(ProtocolError):
        codec.decode(frames.unpack(bytes(frame)))


def test_the_wire_is_ascii_json():
    assert json.loads(frames.pack(codec.encode({"é": (1,)}))[4:]) == {"d": [["é", {"t": [1]}]]}


def test_a_type_name_that_would_confuse_a_terminal_does_not_cross():
    assert codec.type_name(type("\x1b[2J", (), {})) == "?"
    with pytest.raises(ProtocolError):
        codec.decode({"o": ["\x1b[2J", True, None]})
