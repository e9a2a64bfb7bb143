"""Frames between the trusted side and a candidate: a 4-byte big-endian length and ASCII JSON.

Both sides load this module: inside the sandbox it runs without the harness, on the standard
library."""

from __future__ import annotations

import json
import json.scanner
import struct
from typing import Any

MAX_FRAME = 1 << 20  #: bytes in one frame
MAX_DIGITS = 4_300  #: decimal digits of an int, the default of Python's own guard

_make_scanner: Any = json.scanner.make_scanner
_HEADER = struct.Struct(">I")
#: what is packed is a tree, made by :func:`harness.sandbox.inside.codec.encode`
_ENCODER = json.JSONEncoder(check_circular=False, separators=(",", ":"))


class ProtocolError(Exception):
    """The other side sent what is not a message of this protocol, or more than its bounds allow."""


class EncodeError(Exception):
    """A value is too deep, too big or too strange to cross."""


def pack(message: Any) -> bytes:
    """One frame of ``message``, already plain JSON data. Raises :class:`EncodeError` over
    ``MAX_FRAME``."""
    body = _ENCODER.encode(message).encode("ascii")
    if len(body) > MAX_FRAME:
        raise EncodeError(f"{len(body)} bytes, at most {MAX_FRAME}")
    return _HEADER.pack(len(body)) + body


def frame_length(header: bytes) -> int:
    """Length in bytes of the body after a 4-byte header. Raises :class:`ProtocolError` over
    ``MAX_FRAME``."""
    length: int = _HEADER.unpack(header)[0]
    if length > MAX_FRAME:
        raise ProtocolError(f"a frame of {length} bytes, at most {MAX_FRAME}")
    return length


def unpack(body: bytes) -> Any:
    """The JSON data of one frame body. Raises :class:`ProtocolError` for anything else, never
    another error."""
    if len(body) > MAX_FRAME:
        raise ProtocolError(f"a frame of {len(body)} bytes, at most {MAX_FRAME}")
    try:
        text = body.decode("ascii")
        message, end = _SCAN(text, 0)
    except (ValueError, StopIteration, RecursionError, MemoryError) as error:
        raise ProtocolError(f"not a message: {type(error).__name__}") from None
    if end != len(text):
        raise ProtocolError("more than one message in a frame")
    return message


def _parse_int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("too many digits")
    return int(text)


# without the regular expressions for outer white space
_SCAN = _make_scanner(json.JSONDecoder(parse_int=_parse_int))
