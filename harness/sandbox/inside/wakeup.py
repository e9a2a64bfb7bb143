"""What :mod:`asyncio` wakes itself up with, without a socket or a pipe: the kernel numbers those
with one count for the whole machine, which a candidate could read and move.

Inside the sandbox this module runs without the harness, on the standard library."""

from __future__ import annotations

import os
from typing import Any


class Half:
    """One end of a pair over an event counter: it has what an event loop asks of a socket."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._descriptor

    def setblocking(self, flag: bool) -> None:
        """As a socket's."""
        os.set_blocking(self._descriptor, flag)

    def send(self, data: bytes) -> int:
        """Wake whoever waits for the other end."""
        os.eventfd_write(self._descriptor, len(data))
        return len(data)

    def recv(self, most: int) -> bytes:
        """As many zeros as bytes were sent. Raises ``BlockingIOError`` when none were."""
        return bytes(min(os.eventfd_read(self._descriptor), most))

    def close(self) -> None:
        """As a socket's."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


def pair(*_: Any) -> tuple[Half, Half]:
    """Stands for :func:`socket.socketpair` in a candidate's process."""
    near = os.eventfd(0)
    return Half(near), Half(os.dup(near))
