"""Messages and descriptors over a socket, as the fork server and its children read them.

Inside the sandbox this module runs without the harness, on the standard library."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

from harness.sandbox.inside import frames

_INT = struct.calcsize("i")
_CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


def receive(sock: socket.socket, descriptors: int = 0) -> tuple[Any, list[int]]:
    """One message and the descriptors that came with it; ``None`` at the end of the stream."""
    header, ancillary, _, _ = sock.recvmsg(4, socket.CMSG_SPACE(descriptors * _INT), _CLOSE_ON_EXEC)
    fds = [
        fd
        for _, _, data in ancillary
        for (fd,) in struct.iter_unpack("i", data[: len(data) // _INT * _INT])
    ]
    if 0 < len(header) < 4:
        header += _exactly(sock, 4 - len(header))
    if len(header) < 4:
        return None, fds
    length = frames.frame_length(header)
    body = _exactly(sock, length)
    return (frames.unpack(body) if len(body) == length else None), fds


def send(sock: socket.socket, message: Any, fds: Sequence[int] = ()) -> None:
    """Write one message, with descriptors of this process. Raises ``OSError``."""
    frame = frames.pack(message)
    if fds:
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))
        frame = frame[sock.sendmsg([frame], [rights]) :]
    sock.sendall(frame)


def _exactly(sock: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length and (part := sock.recv(length - len(data))):
        data += part
    return data


class Stream:
    """Messages on a plain descriptor, with as few system calls and objects as can be."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = b""

    def receive(self) -> Any:
        """The next message; ``None`` at the end of the stream."""
        while len(self._buffer) < 4 or len(self._buffer) < 4 + (
            length := frames.frame_length(self._buffer[:4])
        ):
            part = os.read(self._descriptor, 1 << 16)
            if not part:
                return None
            self._buffer += part
        body, self._buffer = self._buffer[4 : 4 + length], self._buffer[4 + length :]
        return frames.unpack(body)

    def send(self, message: Any) -> None:
        """Write one message. Raises :class:`frames.EncodeError` before anything is written, and
        ``OSError``."""
        frame = frames.pack(message)
        while frame:
            frame = frame[os.write(self._descriptor, frame) :]
