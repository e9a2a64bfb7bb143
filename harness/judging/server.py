"""A chat server that speaks OpenAI's protocol, identified as far as it lets itself be."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.content.workspace import cache_folder
from harness.digests import file_digest, folder_digest
from harness.judging.replies import SCHEMA, Reply
from harness.network import Client

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
        self._client = Client(
            endpoint.url, endpoint.key_variable, endpoint.timeout, endpoint.parallel
        )
        self._files: tuple[float, list[str]] = (-FRESH, [])

    def ask(self, messages: list[dict[str, str]]) -> Reply:
        """One chat completion. Raises :class:`Unreachable`, or ``ValueError`` for what is none."""
        body = {"model": self._at.model, "messages": messages, "stream": False}
        body |= dict(self._at.options)
        if self._format is None:
            with self._detecting:
                if self._format is None:
                    return self._detect(body)
        return Reply.of(self._client.demanded("/chat/completions", body | FORMATS[self._format]))

    def _detect(self, body: dict[str, Any]) -> Reply:
        """Ask in the strictest format that the server has, and remember which that is."""
        for name in FORMATS:
            status, data = self._client.call("POST", "/chat/completions", body | FORMATS[name])
            if status not in UNKNOWN:
                break
        reply = Reply.of(self._client.accepted(status, data))
        self._format = name
        return reply

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
        status, data = self._client.call("GET", "/api/tags")  # Ollama alone has it
        models = data.get("models") if status == 200 and isinstance(data, dict) else None
        for one in models if isinstance(models, list) else []:
            if one.get("name") in (self._at.model, f"{self._at.model}:latest"):
                yield f"digest sha256:{one.get('digest')}"
