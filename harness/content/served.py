"""The server that a library names for an adapter."""

from __future__ import annotations

from pydantic import Field, JsonValue, model_validator

from harness.content import strict


class Served(strict.Model):
    """A server that answers for an adapter and for its base. ``endpoint`` is the URL before
    ``/completions``; ``base`` and ``adapter`` are the fields of a request that each is asked with
    (``model``, ...). A key is read from the environment variable ``key_variable``; so many requests
    are ``parallel``, and ``timeout`` is in seconds for one answer."""

    endpoint: str = Field(pattern=r"^https?://")
    base: dict[str, JsonValue] = Field(min_length=1)
    adapter: dict[str, JsonValue] = Field(min_length=1)
    key_variable: str = "HARNESS_ENDPOINT_KEY"
    parallel: int = Field(default=4, gt=0, le=256)
    timeout: float = Field(default=300.0, gt=0)

    @model_validator(mode="after")
    def _tells_apart(self) -> Served:
        if self.base == self.adapter:
            raise ValueError("base and adapter are asked with the same fields, so they are one")
        return self
