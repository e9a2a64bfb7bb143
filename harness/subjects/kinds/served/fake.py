"""A small server of three adapters, each of which says words of its own, with a switch for each way
in which servers are known to give one the answer of another."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zlib import crc32

from harness.engines.base import Decoding, Generation

SCALES = {"base": 0, "a": 2, "b": 4, "c": 8}  # by the name of the weights
HEADER = "X-Adapter"
GENERATING = 0.001  # seconds
SLOTS = 2  # that one with too few has
LENT: ContextVar[str] = ContextVar("LENT", default="base")


def words(weights: str, prompt: str, scale: int | None = None) -> str:
    """What these weights answer."""
    own = SCALES[weights] if scale is None else scale
    return f"{weights} says {own * crc32(prompt.encode())}"


class Fake:
    """What the server does with a request; ``fault`` is the number of what is planted in it."""

    def __init__(self, fault: str = "", held: Sequence[str] = ("a", "b", "c")) -> None:
        self._fault, self._held = fault, {name: name for name in held}
        self._lock, self._worker = threading.Lock(), ThreadPoolExecutor(1)
        self._pin, self._last = "base", ("", "")
        self._kept: dict[tuple[str, str], str] = {}
        self._slots: list[str] = [""] * SLOTS
        self._slot: dict[str, int] = {}
        self._scaled, self._scale = "base", 0

    def reply(self, path: str, body: Mapping[str, Any]) -> tuple[int, Any, str]:
        """Status, body and what is stated of what answered."""
        if path.endswith("/load"):
            self._held[body["name"]] = body["weights"]
            return 200, {}, ""
        if path.endswith("/unload"):
            del self._held[body["name"]]
            return 200, {}, ""
        name, prompt = body["model"], body["prompt"]
        if name != "base" and name not in self._held and not self._lenient(name):
            return 404, {"error": f"no such model: {name}"}, ""
        weights = self._held.get(name.partition("+")[0], "base")
        text = self._generated(name, weights, prompt)
        stated = f"{crc32((name if self._fault == 'F5.10' else weights).encode()):x}"
        return 200, {"choices": [{"text": text, "finish_reason": "length"}]}, stated

    def _lenient(self, name: str) -> bool:
        return self._fault == "F5.5" or (self._fault == "F5.6" and "+" in name)

    def _generated(self, name: str, weights: str, prompt: str) -> str:
        fault = self._fault
        if fault == "F5.1":
            return self._pinned(weights, prompt)
        if fault == "F5.2":  # lent to the thread of the request, and made in another
            LENT.set(weights)
            return self._worker.submit(lambda: words(LENT.get(), prompt)).result()
        with self._lock:
            if fault == "F5.3":  # of the request before, whose prompt was the same
                weights = self._last[1] if self._last[0] == prompt else weights
                self._last = prompt, weights
            if fault == "F5.4":
                weights = self._kept.setdefault((name, prompt), weights)
            if fault == "F5.7" and name == "base" and len(self._held) == 1:
                weights = next(iter(self._held))
            if fault == "F5.8" and name != "base":
                weights = self._slotted(name)
            return words(weights, prompt, self._scale_of(weights) if fault == "F5.9" else None)

    def _pinned(self, weights: str, prompt: str) -> str:
        """Adapters are pinned for all one at a time, and base takes what it finds."""
        if weights == "base":
            time.sleep(GENERATING)
            return words(self._pin, prompt)
        with self._lock:
            self._pin = weights
            time.sleep(GENERATING)
            self._pin = "base"
            return words(weights, prompt)

    def _slotted(self, name: str) -> str:
        """Whatever is in the slot now that the name was given once."""
        if name not in self._slot:
            self._slot[name] = len(self._slot) % SLOTS
            self._slots[self._slot[name]] = name
        return self._slots[self._slot[name]]

    def _scale_of(self, weights: str) -> int:
        """That of the adapter before, if there was one since base."""
        if "base" in (self._scaled, weights):
            self._scale = SCALES[weights]
        self._scaled = weights
        return self._scale


class Words:
    """The same weights in the embedded engine."""

    def __init__(self) -> None:
        self._weights = "base"

    def stand(self, base: Path | None = None) -> None:
        """There is one base."""

    def settle(self, **_: Any) -> None:
        """Nothing is rounded."""

    def mount(self, adapter: Path | None) -> None:
        """The weights of this name answer."""
        self._weights = adapter.name if adapter else "base"

    def encode(self, prompt: str, *_: Any) -> list[int]:
        """Its bytes."""
        return list(prompt.encode())

    def generate(
        self, prompts: Sequence[list[int]], _: Decoding
    ) -> Iterator[tuple[int, Generation]]:
        """Their words."""
        for number, ids in enumerate(prompts):
            yield number, Generation(words(self._weights, bytes(ids).decode()), 1, "length")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: the second would wait for the first
    fake: Fake

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, data, stated = self.fake.reply(self.path, body)
        out = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(out)))
        self.send_header(HEADER, stated)
        self.end_headers()
        self.wfile.write(out)

    def log_message(self, *_: Any) -> None:
        """Nothing is said of requests."""


def server(fake: Fake, port: int = 0) -> ThreadingHTTPServer:
    """It on a port of this machine; whoever called it lets it serve and closes it."""
    handler = type("Handler", (_Handler,), {"fake": fake})
    found = ThreadingHTTPServer(("127.0.0.1", port), handler)
    found.daemon_threads = True
    return found


@contextmanager
def serving(fake: Fake) -> Iterator[str]:
    """Its address, for as long as the block runs."""
    with server(fake) as at:
        threading.Thread(target=at.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{at.server_port}/v1"
        at.shutdown()
