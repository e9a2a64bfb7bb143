"""Messages and descriptors over a socket, as the fork server and its children read them.

Inside the sandbox this module runs without the harness, on the standard library.
"""

from __future__ import annotations

import array
import os
import socket
from typing import Any

from harness.sandbox import codec


def receive(sock: socket.socket, descriptors: int = 0) -> tuple[Any, list[int]]:
    """One message and the descriptors that came with it; ``None`` at the end of the stream."""
    room = socket.CMSG_SPACE(descriptors * array.array("i").itemsize) if descriptors else 0
    header, ancillary, _, _ = sock.recvmsg(4, room)
    fds = array.array("i")
    for _, _, data in ancillary:
        fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    header += _exactly(sock, 4 - len(header)) if header else b""
    if len(header) < 4:
        return None, list(fds)
    length = codec.frame_length(header)
    body = _exactly(sock, length)
    return (codec.unpack(body) if len(body) == length else None), list(fds)


def _exactly(sock: socket.socket, length: int) -> bytes:
    parts = []
    while length > 0 and (part := sock.recv(length)):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


class Stream:
    """Messages on a plain descriptor, with as few system calls and objects as can be."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = b""

    def receive(self) -> Any:
        """The next message; ``None`` at the end of the stream."""
        while len(self._buffer) < 4 or len(self._buffer) < 4 + (length := codec.frame_length(self._buffer[:4])):
            part = os.read(self._descriptor, 1 << 16)
            if not part:
                return None
            self._buffer += part
        body, self._buffer = self._buffer[4 : 4 + length], self._buffer[4 + length :]
        return codec.unpack(body)

    def send(self, message: Any) -> None:
        """Write one message. Raises :class:`codec.EncodeError` before anything is written, and ``OSError``."""
        frame = codec.pack(message)
        while frame:
            frame = frame[os.write(self._descriptor, frame) :]
