"""The server that a library names for an adapter, and the cluster that work is spread over."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue, model_validator

from harness.content import strict

Fields = dict[str, JsonValue]  #: of a request, that say what is to answer


class Server(strict.Model):
    """A running server. ``endpoint`` is the URL before ``/completions``, ``base`` the fields of a
    request that its bare base is asked with (``model``, ...). A key is read from the environment
    variable ``key_variable``; so many requests are ``parallel``, and ``timeout`` is in seconds for
    one answer."""

    endpoint: str = Field(pattern=r"^https?://")
    base: Fields = Field(min_length=1)
    key_variable: str = "HARNESS_ENDPOINT_KEY"
    parallel: int = Field(default=4, gt=0, le=256)
    timeout: float = Field(default=300.0, gt=0)


class Served(Server):
    """A server that answers for an adapter and for its base; ``adapter`` are the fields that the
    adapter is asked with. Where there is a cluster, its replicas ask the servers at ``also`` in
    turn with this one: all serve the same weights."""

    adapter: Fields = Field(min_length=1)
    also: list[Annotated[str, Field(pattern=r"^https?://")]] = []

    @model_validator(mode="after")
    def _tells_apart(self) -> Served:
        if self.base == self.adapter:
            raise ValueError("base and adapter are asked with the same fields, so they are one")
        return self


class Cluster(strict.Model):
    """A Ray cluster whose hosts answer and judge. ``address`` is what ``ray.init`` takes: ``auto``
    for the cluster of this machine, ``HOST:PORT``, ``ray://HOST:PORT``, or ``local`` for one that
    is begun here for the run. So many ``replicas`` of the engine answer, with so many ``gpus``
    each, and so many ``judges`` judge; with 0 this machine does."""

    address: str = Field(min_length=1)
    replicas: int = Field(default=0, ge=0, le=256)
    gpus: float = Field(default=0.0, ge=0)
    judges: int = Field(default=0, ge=0, le=256)
