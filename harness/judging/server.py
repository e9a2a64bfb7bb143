"""A chat server that speaks OpenAI's protocol: asked with patience, and identified as far as it
lets itself be.

What is busy, down or cut off is asked again, later and later or when ``Retry-After`` says so. What
is refused is not, and the server's own words are the error."""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from harness.content.workspace import cache_folder
from harness.digests import file_digest, folder_digest
from harness.judging.replies import SCHEMA, Reply

if TYPE_CHECKING:
    from urllib3 import PoolManager

RETRIES = 5
BACKOFF = 1.0  # seconds; doubled from the second retry on: 0, 2, 4, 8, 16
LONGEST_WAIT = 60  # seconds that Retry-After may ask for
CONNECT = 10.0  # seconds
MOST = 1 << 20  # bytes of a reply that are read
BUSY = (408, 425, 429, 500, 502, 503, 504)  # asked again
FORMATS: dict[str, dict[str, Any]] = {
    "json_schema": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA},
        }
    },
    "json_object": {"response_format": {"type": "json_object"}},
    "none": {},
}
UNKNOWN = (400, 415, 422, 500, 501)  # how servers refuse a format that they do not have
NAMELESS = ("", "fp_ollama")  # fingerprints that every model of a server has
FRESH = 60.0  # seconds for which a look at the server's identity holds


class Unreachable(Exception):
    """The server gave no chat completion; the message says what it or the network did."""


@dataclass(frozen=True)
class Endpoint:
    """Where a model is asked and how: ``options`` go into the body as they are, ``format`` is a key
    of ``FORMATS`` or ``detect``, ``weights`` the files that the server loads, if they are here."""

    url: str
    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    format: str = "detect"
    key_variable: str = ""
    weights: Path | None = None
    declared: bool = False
    timeout: float = 100.0
    parallel: int = 4


class Server:
    """The server of an endpoint; several threads may ask it at once."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._at = endpoint
        self._format = None if endpoint.format == "detect" else endpoint.format
        self._detecting = threading.Lock()
        self._down = False
        self._files: tuple[float, list[str]] = (-FRESH, [])

    def ask(self, messages: list[dict[str, str]]) -> Reply:
        """One chat completion. Raises :class:`Unreachable`, or ``ValueError`` for what is none."""
        body = {"model": self._at.model, "messages": messages, "stream": False}
        body |= dict(self._at.options)
        if self._format is None:
            with self._detecting:
                if self._format is None:
                    return self._detect(body)
        return self._reply(*self._call("POST", "/chat/completions", body | FORMATS[self._format]))

    def _detect(self, body: dict[str, Any]) -> Reply:
        """Ask in the strictest format that the server has, and remember which that is."""
        for name in FORMATS:
            status, data = self._call("POST", "/chat/completions", body | FORMATS[name])
            if status not in UNKNOWN:
                break
        reply = self._reply(status, data)
        self._format = name
        return reply

    def _reply(self, status: int, data: Any) -> Reply:
        if status >= 300:
            text = data if isinstance(data, str) else json.dumps(data)
            raise self._unreachable(f"HTTP {status}: {' '.join(text.split())}")
        return Reply.of(data)

    def names(self, fingerprint: str | None) -> str:
        """What identifies the model that gave this fingerprint: the digest of its weights here, the
        server's digest of it, the fingerprint; ``declared`` where there is none of them."""
        if self._at.declared:
            return "declared"
        seen, found = self._files
        if time.monotonic() - seen > FRESH:
            found = list(self._digests())
            self._files = (time.monotonic(), found)
        named = [] if fingerprint in (None, *NAMELESS) else [f"fingerprint {fingerprint}"]
        return ", ".join([*found, *named]) or "declared"

    def identity(self) -> str:
        """The same, from a question that is asked to see the fingerprint. Raises
        :class:`Unreachable`, ``ValueError``."""
        if self._at.declared:
            return "declared"
        hello = 'Reply with this JSON object: {"reason": "none", "verdict": "fail"}'
        return self.names(self.ask([{"role": "user", "content": hello}]).fingerprint)

    def _digests(self) -> Iterable[str]:
        path = self._at.weights
        if path is not None and path.is_dir():
            yield f"weights {folder_digest(path, cache_folder())}"
        elif path is not None:
            yield f"weights sha256:{file_digest(path)}"
        status, data = self._call("GET", "/api/tags")  # Ollama alone has it
        models = data.get("models") if status == 200 and isinstance(data, dict) else None
        for one in models if isinstance(models, list) else []:
            if one.get("name") in (self._at.model, f"{self._at.model}:latest"):
                yield f"digest sha256:{one.get('digest')}"

    @cached_property
    def _pool(self) -> PoolManager:
        import urllib3

        parts = urlsplit(self._at.url)
        proxy = urllib.request.getproxies().get(parts.scheme)
        if proxy and not urllib.request.proxy_bypass(parts.netloc):
            return urllib3.ProxyManager(proxy, maxsize=self._at.parallel)
        return urllib3.PoolManager(maxsize=self._at.parallel)

    def _call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and body of one request, read as JSON where it is that. Raises
        :class:`Unreachable` when nothing answers."""
        from urllib3.exceptions import HTTPError

        try:
            status, raw = self._exchange(method, path, body)
        except HTTPError as error:
            self._down = True
            raise self._unreachable(f"{type(error).__name__}: {error}") from None
        if body is not None:
            self._down = status in BUSY and status != 429
        try:
            return status, json.loads(raw)
        except (ValueError, RecursionError):
            return status, raw.decode(errors="replace")

    def _exchange(self, method: str, path: str, body: Any) -> tuple[int, bytes]:
        from urllib3.exceptions import HTTPError
        from urllib3.util import Retry, Timeout

        retries = Retry(
            total=0 if self._down or body is None else RETRIES,  # what is down was waited for once
            read=2,
            status_forcelist=BUSY,
            allowed_methods=None,
            backoff_factor=BACKOFF,
            retry_after_max=LONGEST_WAIT,
            raise_on_status=False,
        )
        url = self._at.url.rstrip("/")
        while True:
            response = self._pool.request(
                method,
                (url if body is not None else url.removesuffix("/v1")) + path,
                json=body,
                headers=self._headers(),
                retries=retries,
                redirect=False,  # a pinned endpoint does not send the judge elsewhere
                timeout=Timeout(CONNECT, read=self._at.timeout),
                preload_content=False,
            )
            try:
                found = response.read(MOST, decode_content=True)
                if len(found) < MOST:
                    response.release_conn()
                return response.status, found
            except HTTPError as error:  # cut off in the middle
                retries = (response.retries or retries).increment(method, url, error=error)
                retries.sleep()

    def _headers(self) -> dict[str, str]:
        key = self._key()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _unreachable(self, text: str) -> Unreachable:
        """The error with these words; a server that quotes the key does not spread it."""
        key = self._key()
        return Unreachable((text.replace(key, "***") if key else text)[:400])

    def _key(self) -> str:
        return os.environ.get(self._at.key_variable, "").strip()
