"""A server that speaks JSON over HTTP, asked with patience.

What is busy, down or cut off is asked again, later and later or when ``Retry-After`` says so. What
is refused is not, and the server's own words are the error."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from urllib3 import PoolManager

RETRIES = 5
BACKOFF = 1.0  # seconds; doubled from the second retry on: 0, 2, 4, 8, 16
LONGEST_WAIT = 60  # seconds that Retry-After may ask for
CONNECT = 10.0  # seconds
BUSY = (408, 425, 429, 500, 502, 503, 504)  # asked again


class Unreachable(Exception):
    """The server gave no answer; the message says what it or the network did."""


@dataclass(frozen=True)
class Reply:
    """What came back of one request; ``data`` is read as JSON where it is that."""

    status: int
    data: Any
    headers: Mapping[str, str]


class Client:
    """The server below ``url``; several threads may ask it at once.

    The key, if it wants one, is in the environment variable ``key_variable``. ``timeout`` is in
    seconds for one answer, of which at most so many bytes as ``most`` are read."""

    def __init__(
        self, url: str, key_variable: str, timeout: float, parallel: int, most: int = 1 << 20
    ) -> None:
        self._url, self._key_variable = url.rstrip("/"), key_variable
        self._timeout, self._parallel, self._most = timeout, parallel, most
        self._down = False

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and body of one request (:meth:`reply`)."""
        found = self.reply(method, path, body)
        return found.status, found.data

    def reply(self, method: str, path: str, body: Any = None) -> Reply:
        """The reply to one request; without a ``body`` above ``/v1``, which is asked once. Raises
        :class:`Unreachable` when nothing answers."""
        from urllib3.exceptions import HTTPError

        try:
            status, raw, headers = self._exchange(method, path, body)
        except HTTPError as error:
            self._down = True
            raise self.unreachable(f"{type(error).__name__}: {error}") from None
        if body is not None:
            self._down = status in BUSY and status != 429
        try:
            return Reply(status, json.loads(raw), headers)
        except (ValueError, RecursionError):
            return Reply(status, raw.decode(errors="replace"), headers)

    def demanded(self, path: str, body: Any) -> Any:
        """The body of a request that is answered; raises :class:`Unreachable` where it is
        refused."""
        return self.accepted(*self.call("POST", path, body))

    def accepted(self, status: int, data: Any) -> Any:
        """``data``, unless the status says that the request was refused."""
        if status >= 300:
            text = data if isinstance(data, str) else json.dumps(data)
            raise self.unreachable(f"HTTP {status}: {' '.join(text.split())}")
        return data

    def unreachable(self, text: str) -> Unreachable:
        """The error with these words; a server that quotes the key does not spread it."""
        key = self._key()
        return Unreachable((text.replace(key, "***") if key else text)[:400])

    @cached_property
    def _pool(self) -> PoolManager:
        import urllib3

        parts = urlsplit(self._url)
        proxy = urllib.request.getproxies().get(parts.scheme)
        if proxy and not urllib.request.proxy_bypass(parts.netloc):
            return urllib3.ProxyManager(proxy, maxsize=self._parallel)
        return urllib3.PoolManager(maxsize=self._parallel)

    def _exchange(self, method: str, path: str, body: Any) -> tuple[int, bytes, Mapping[str, str]]:
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
        url = self._url
        while True:
            response = self._pool.request(
                method,
                (url if body is not None else url.removesuffix("/v1")) + path,
                json=body,
                headers=self._headers(),
                retries=retries,
                redirect=False,  # a pinned endpoint does not send who asks elsewhere
                timeout=Timeout(CONNECT, read=self._timeout),
                preload_content=False,
            )
            try:
                found = response.read(self._most, decode_content=True)
                if len(found) < self._most:
                    response.release_conn()
                return response.status, found, response.headers
            except HTTPError as error:  # cut off in the middle
                retries = (response.retries or retries).increment(method, url, error=error)
                retries.sleep()

    def _headers(self) -> dict[str, str]:
        key = self._key()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _key(self) -> str:
        return os.environ.get(self._key_variable, "").strip()
