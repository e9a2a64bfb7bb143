"""Whether a running server answers with the adapter: one that ignores it answers as the base, with
status 200.

``mlx_lm.server`` started with an adapter serves the bare base to a request that names the base's
folder as its model, and ignores the field ``adapters`` of a request that names none."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.engines.base import Decoding
from harness.errors import EngineError
from harness.subjects.base import Fault

if TYPE_CHECKING:
    from harness.engines.base import WhiteBox

TOKENS = 16  # of each probe answer
TIMEOUT = 120.0  # seconds; a server may load the model on its first request


def check(
    engine: WhiteBox, adapter: Path, url: str, model: str | None, prompts: Sequence[str]
) -> list[Fault]:
    """Compare the server's greedy answers with base and adapter where the two differ; leaves the
    bare base mounted.

    ``model`` is the field of that name in the request, as the server's users send it. Raises
    :class:`EngineError` when the server cannot be asked, or when the prompts cannot tell base and
    adapter apart."""
    answers = {}
    for arm, path in (("base", None), ("adapter", adapter)):
        engine.mount(path)
        ids = [engine.encode(prompt, "completion") for prompt in prompts]
        answers[arm] = dict(engine.generate(ids, Decoding(TOKENS)))
    engine.mount(None)
    telling = [
        n for n in range(len(prompts)) if answers["base"][n].text != answers["adapter"][n].text
    ]
    if not telling:
        raise EngineError(
            f"base and adapter answer all {len(prompts)} probe prompts alike; the server cannot be"
            " told apart"
        )
    seen: Counter[str] = Counter()
    for n in telling:
        text = _complete(url, model, prompts[n])
        seen[next((arm for arm in answers if _same(answers[arm][n].text, text)), "neither")] += 1
    return list(_faults(seen, len(telling), url, model))


def _faults(seen: Counter[str], many: int, url: str, model: str | None) -> Iterator[Fault]:
    asked = f"{url} (model {model!r})" if model else url
    if seen["base"]:
        text = (
            f"{asked} answers {seen['base']} of {many} probe prompts as the bare base: its users do"
            " not get the adapter"
        )
        yield Fault("served-base", text)
    if seen["neither"]:
        text = (
            f"{asked} answers {seen['neither']} of {many} probe prompts as neither base nor adapter"
            " does here"
        )
        yield Fault("served-other", text, "warn")


def _same(expected: str, served: str) -> bool:
    """Equal up to a leading space, which the server's text loses, and to half a character at the
    end."""
    a, b = (text.removeprefix(" ").rstrip("\ufffd") for text in (expected, served))
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
