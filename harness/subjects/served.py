"""Whether a running server answers with the adapter: one that ignores it answers as the base, with
status 200.

``mlx_lm.server`` started with an adapter serves the bare base to a request that names the base's
folder as its model, and ignores the field ``adapters`` of a request that names none."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.engines.base import Decoding
from harness.errors import EngineError
from harness.subjects.base import Fault

if TYPE_CHECKING:
    from harness.engines.base import WhiteBox

TOKENS = 16  # of each probe answer
QUANTISED = (8, 4)  # bits of a base that servers hold in place of 16
TIMEOUT = 120.0  # seconds; a server may load the model on its first request


@dataclass(frozen=True)
class Server:
    """A running server: its address, and the field ``model`` of requests as its users send it."""

    url: str
    model: str | None = None

    def __str__(self) -> str:
        return f"{self.url} (model {self.model!r})" if self.model else self.url


def check(
    engine: WhiteBox,
    adapter: Path,
    server: Server,
    prompts: Sequence[str],
    others: Mapping[str, Path] | None = None,
    quantised: Callable[[int], WhiteBox] | None = None,
) -> list[Fault]:
    """Compare the server's greedy answers with base and adapter where the two differ; leaves the
    bare base mounted.

    What is neither is looked for among ``others``, adapters by name, and in the base ``quantised``
    to so many bits. Raises :class:`EngineError` when the server cannot be asked, or when the
    prompts cannot tell base and adapter apart."""
    base, adapted = _answers(engine, None, prompts), _answers(engine, adapter, prompts)
    telling = [n for n in range(len(prompts)) if not _same(base[n], adapted[n])]
    if not telling:
        raise EngineError(
            f"base and adapter answer all {len(prompts)} probe prompts alike; the server cannot be"
            " told apart"
        )
    said = {n: _complete(server.url, server.model, prompts[n]) for n in telling}
    mine = [n for n in telling if _same(adapted[n], said[n])]
    bare = [n for n in telling if n not in mine and _same(base[n], said[n])]
    many, asked = len(telling), f"{server} answers"
    if bare:
        text = (
            f"{asked} {len(bare)} of {many} probe prompts as the bare base: its users do not get"
            " the adapter"
        )
        return [Fault("served-base", text)]
    if len(mine) == many:
        return []

    def as_well(answers: Sequence[str]) -> bool:
        """Whether these answers are the server's more often than the adapter's are."""
        also = [n for n in telling if _same(answers[n], said[n])]
        return len(also) > len(mine) and len(also) >= many / 2

    for name, path in (others or {}).items():
        with suppress(EngineError):  # what cannot be mounted is not served
            if as_well(_answers(engine, path, prompts)):
                text = f"{asked} as adapter {name!r} of the library does, not as this one"
                return [Fault("served-another", text)]
    for bits in QUANTISED if quantised else ():
        assert quantised is not None
        if as_well(_answers(quantised(bits), adapter, prompts)):
            text = f"{asked} as the adapter does on the base quantised to {bits} bits: judge that"
            return [Fault("served-quantised", text)]
    left = many - len(mine)
    text = f"{asked} {left} of {many} probe prompts as neither base nor adapter does here"
    return [Fault("served-other", text, "warn" if mine else "void")]


def _answers(engine: WhiteBox, adapter: Path | None, prompts: Sequence[str]) -> list[str]:
    """Greedy answers of what is mounted for it; leaves the bare base mounted."""
    engine.mount(adapter)
    ids = [engine.encode(prompt, "completion") for prompt in prompts]
    found = dict(engine.generate(ids, Decoding(TOKENS)))
    engine.mount(None)
    return [found[number].text for number in range(len(prompts))]


def _same(expected: str, served: str) -> bool:
    """Equal up to white space at both ends, which servers strip, and to half a character at the
    end."""
    a, b = (text.strip().rstrip("\ufffd").rstrip() for text in (expected, served))
    return (
        a == b
        or (len(b) >= len(a) / 2 and a.startswith(b))
        or (len(a) >= len(b) / 2 and b.startswith(a))
    )


def _complete(url: str, model: str | None, prompt: str) -> str:
    body: dict[str, Any] = {"prompt": prompt, "max_tokens": TOKENS, "temperature": 0.0}
    if model is not None:
        body["model"] = model
    address = f"{url.rstrip('/')}/v1/completions"
    if not address.startswith(("http://", "https://")):
        raise EngineError(f"{url}: found no http address; expected one like http://127.0.0.1:8080")
    request = urllib.request.Request(
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            return str(json.load(response)["choices"][0]["text"])
    except (OSError, ValueError, LookupError, TypeError, urllib.error.URLError) as error:
        raise EngineError(f"{address}: cannot be asked: {type(error).__name__}: {error}") from None
