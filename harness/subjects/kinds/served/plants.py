"""F5.1 to F5.10, planted in a small server that the kind asks as it asks any."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from harness.subjects.base import Bench, Evidence
from harness.subjects.kinds import Plant, find
from harness.subjects.kinds.served.fake import HEADER, SLOTS, Fake, Words, serving
from harness.subjects.kinds.served.spec import Spec

REQUESTS = 200


def spec(url: str, held: Sequence[str], **more: Any) -> Spec:
    """An entry's key for a server that holds these; the last two of several are reloaded and
    unloaded."""
    said: dict[str, Any] = {"endpoint": url, "base": {"model": "base"}, "requests": REQUESTS}
    said |= {"adapters": {name: {"model": name} for name in held}, "header": HEADER}
    if len(held) > 1:
        one, two = held[-2:]
        said["resident"] = SLOTS
        said["reload"] = {"adapter": two, "becomes": one, **_steps(two, one)}
        said["unload"] = {"adapter": one, **_steps(one)}
    return Spec.model_validate(said | more)


def _steps(name: str, weights: str | None = None) -> dict[str, Any]:
    load = {"post": "/load", "body": {"name": name, "weights": weights}}
    own = {**load, "body": {"name": name, "weights": name}}
    gone = {"post": "/unload", "body": {"name": name}}
    return {"do": [load if weights else gone], "back": [own]}


def measured(folder: Path, own: Spec) -> Evidence:
    """All that a gate would hold of the server, asked in the same way."""
    kind, engine = find("served"), Words()
    entry: Any = SimpleNamespace(name="subject", root=folder, adapter=SimpleNamespace(own=own))
    folders = {"base": folder, **{name: folder / name for name in own.adapters}}
    bench = Bench(entry, {}, folders, {}, cast(Any, lambda: engine))
    owed = kind.owes(bench).items()
    found = {what: dict(kind.measure(bench, what, cases)) for what, cases in owed}
    return Evidence(own, {}, found, {}, {})


def _asked(fault: str, held: str, folder: Path, planted: bool) -> Evidence:
    with serving(Fake(fault if planted else "", held)) as url:
        return measured(folder, spec(url, held))


def _plant(number: str, code: str, what: str, held: str = "abc") -> Plant:
    return Plant(number, code, what, partial(_asked, number, held), twin=f"served {held}")


PLANTS = (
    _plant("F5.1", "served-crosstalk", "a pin for all threads, which base does not clear"),
    _plant("F5.2", "served-untrue", "the adapter is set in another thread than answers"),
    _plant("F5.3", "served-crosstalk", "the cache of a prompt is another adapter's"),
    _plant("F5.4", "served-stale", "other weights, and the cache of the old ones"),
    _plant("F5.5", "served-unknown", "an unknown adapter is answered by base, with 200"),
    _plant("F5.6", "served-unknown", "two names in one are stacked"),
    _plant("F5.7", "served-untrue", "a lone adapter answers for base", "a"),
    _plant("F5.8", "served-crosstalk", "an evicted adapter's slot answers as its neighbour"),
    _plant("F5.9", "served-strange", "the scale of the adapter before is kept"),
    _plant("F5.10", "served-header", "the digest in a header is of the request"),
)
