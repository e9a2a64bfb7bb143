"""Asks spread over the hosts of a cluster: replicas of the embedded engine, or of a server.

All have to be one engine. A replica of the embedded one reads the same base, is sent the adapter,
and computes alike; replicas of a server answer the same markers alike, before the run and among the
answers of each. What a replica has to know comes with every call, as it may have been lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness import __version__, cluster, files
from harness.content.library import Dtype
from harness.content.policy import Numerics
from harness.content.served import Cluster, Served
from harness.content.workspace import cache_folder
from harness.digests import folder_digest, read_by_loaders
from harness.engines.base import Ask, Generation
from harness.engines.elsewhere.endpoint import BLOCK, Endpoint
from harness.engines.elsewhere.markers import Markers, Reading
from harness.engines.mlx import MlxEngine
from harness.errors import EngineError

Numbered = list[tuple[int, Generation]]
Settled = dict[str, Any]  #: what :meth:`MlxEngine.settle` is told


class Replica:
    """The embedded engine on one host, of the base of this digest."""

    def __init__(self, base: Path, dtype: Dtype, digest: str) -> None:
        _same(base, digest)
        self._engine = MlxEngine(base, dtype=dtype)
        self._settled: Settled = {}
        self._scratch = TemporaryDirectory(prefix="harness-")

    def identity(self, settled: Settled) -> dict[str, Any]:
        """What decides its answers, once it has settled so."""
        if settled != self._settled:
            self._engine.settle(**settled)
            self._settled = settled
        import mlx.core as mx

        chip = sorted(str(mx.device_info().get(key)) for key in ("architecture", "device_name"))
        own = {"chip": chip, "harness": __version__, "over": "ray"}
        return {**self._engine.identity, **own}

    def answer(
        self,
        numbers: Sequence[int],
        asks: Sequence[Ask],
        mounted: Mapping[str, bytes],
        digest: str,
        settled: Settled,
        expected: dict[str, Any],
    ) -> Numbered:
        """Answers by ``numbers``, of the adapter of these files and this ``digest``, if any. Raises
        :class:`EngineError` where this is not the engine that was ``expected``."""
        _alike([expected, self.identity(settled)])
        folder = self._unpacked(mounted, digest) if digest else None
        told = self._engine.answer([replace(ask, mount=folder) for ask in asks])
        return [(numbers[at], given) for at, given in told]

    def _unpacked(self, mounted: Mapping[str, bytes], digest: str) -> Path:
        folder = Path(self._scratch.name) / digest
        if not folder.exists():
            for name, data in mounted.items():
                files.make_folder((folder / name).parent)
                (folder / name).write_bytes(data)
        _same(folder, digest)
        return folder


class Replicas(MlxEngine):
    """The embedded engine, looked at on this host and answering on those of a cluster; raises
    :class:`EngineError` where they do not all hold the same base, or do not compute alike."""

    def __init__(self, base: Path, at: Cluster, dtype: Dtype = "auto") -> None:
        super().__init__(base, dtype=dtype)
        make = partial(Replica, base.resolve(), dtype, folder_digest(base, cache_folder()))
        self._workers = cluster.hired(at.address, at.gpus, [make] * at.replicas)
        self._settled: Settled = {}
        self._theirs: dict[str, Any] = {}

    @property
    def identity(self) -> dict[str, Any]:
        """That of every replica."""
        if not self._theirs:
            self.settle()
        return self._theirs

    def settle(
        self, numerics: Numerics | None = None, tokens: int | None = None, batch: int | None = None
    ) -> None:
        """Let all settle, in the batch that fits on each of their hosts."""
        super().settle(numerics, tokens)
        told = {"numerics": numerics, "tokens": tokens, "batch": batch}
        wanted = self._settled | {key: value for key, value in told.items() if value is not None}
        if batch is None and tokens is not None:
            wanted.pop("batch", None)
        if self._theirs and wanted == self._settled:
            return
        found = cluster.each(self._workers, "identity", wanted)
        rows = {one["batch"] for one in found if "batch" in one}
        if len(rows) > 1:
            wanted["batch"] = min(rows)
            found = cluster.each(self._workers, "identity", wanted)
        _alike(found)
        self._settled, self._theirs = wanted, found[0]

    def answer(self, asks: Sequence[Ask]) -> Iterator[tuple[int, Generation]]:
        """``(index of the ask, answer)``, part by part as replicas finish them."""
        mounts: dict[Path | None, list[int]] = {}
        for number, ask in enumerate(asks):
            mounts.setdefault(ask.mount, []).append(number)
        rows, calls = self.identity.get("batch", BLOCK), list[tuple[Any, ...]]()
        for mount, numbers in mounts.items():
            digest = folder_digest(mount) if mount else ""
            named = (cluster.sent(_packed(mount)), digest, self._settled, self._theirs)
            fair = -(-len(numbers) // len(self._workers))
            for part in _parts(numbers, max(BLOCK, min(rows, fair))):
                calls.append((part, [asks[number] for number in part], *named))
        for given in cluster.spread(self._workers, "answer", calls):
            yield from given


class Server:
    """A server as one host asks it."""

    def __init__(self, served: Served, base: Path) -> None:
        self._engine = Endpoint(served, base)

    def readings(self, asks: Sequence[Ask]) -> list[Reading]:
        """What it answers to markers."""
        return self._engine.readings(asks)

    def answer(
        self, numbers: Sequence[int], asks: Sequence[Ask], markers: Markers | None
    ) -> tuple[Numbered, list[str]]:
        """Answers by ``numbers`` that the markers vouch for, and what speaks against the others."""
        self._engine.markers, self._engine.drift = markers, []
        told = [(numbers[at], given) for at, given in self._engine.answer(asks)]
        return told, self._engine.drift


class Servers:
    """Servers of the same weights, or one of that address on each host; an engine that is
    :class:`Watched`."""

    def __init__(self, served: Served, base: Path, at: Cluster) -> None:
        turns = [served.endpoint, *served.also]
        self._urls = [turns[number % len(turns)] for number in range(at.replicas)]
        own = [served.model_copy(update={"endpoint": url}) for url in self._urls]
        self._workers = cluster.hired(
            at.address, 0.0, [partial(Server, one, base.resolve()) for one in own]
        )
        self._first = Endpoint(served, base)
        self._markers: Markers | None = None
        self.drift: list[str] = []
        self.identity = self._first.identity | {"also": served.also, "over": "ray"}

    @property
    def declared(self) -> str:
        """Who is said to have answered."""
        others = sorted({*self._urls} - {self._urls[0]})
        return " and ".join([self._first.declared, *(f"the one at {url}" for url in others)])

    def begin(self, asks: Sequence[Ask], before: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Read the markers from the first; raises :class:`EngineError` for another that does not
        answer them as that one does."""
        first, *others = self._workers

        def read(asked: Sequence[Ask]) -> list[Reading]:
            [told] = cluster.each([first], "readings", asked)
            return list(told)

        self._markers = found = Markers(read, asks)
        self.identity["markers"] = found.identity(before.get("markers"))
        for mounted, arm in ((False, "base"), (True, "adapter")):
            told = cluster.each(others, "readings", found.asks(mounted))
            for url, now in zip(self._urls[1:], told, strict=True):
                if found.drift(mounted, now):
                    raise EngineError(
                        f"a replica of the server at {url} does not answer the markers of {arm} as"
                        f" the first at {self._urls[0]} does; serve the same weights at both"
                    )
        return found.faults

    def reads(self, ask: Ask) -> Any:
        """The prompt as it is sent."""
        return self._first.reads(ask)

    def answer(self, asks: Sequence[Ask]) -> Iterator[tuple[int, Generation]]:
        """Answers block by block; none from where a server drifted."""
        calls = [
            (part, [asks[number] for number in part], self._markers)
            for part in _parts(range(len(asks)), BLOCK)
        ]
        for given, drift in cluster.spread(self._workers, "answer", calls):
            yield from given
            self.drift += drift
            if self.drift:
                return


def _parts(numbers: Sequence[int], many: int) -> list[Sequence[int]]:
    return [numbers[at : at + many] for at in range(0, len(numbers), many)]


def _packed(folder: Path | None) -> dict[str, bytes]:
    paths = read_by_loaders(folder) if folder else []
    return {path.relative_to(folder or "").as_posix(): path.read_bytes() for path in paths}


def _same(folder: Path, digest: str) -> None:
    found = folder_digest(folder, cache_folder())
    if found != digest:
        raise EngineError(f"{folder}: found {found}; expected {digest}, which the gate has read")


def _alike(found: Sequence[dict[str, Any]]) -> None:
    """Whether replicas of these identities give the same answers; raises :class:`EngineError`."""
    for one in found[1:]:
        for key in sorted({*one, *found[0]}):
            if one.get(key) != found[0].get(key):
                raise EngineError(
                    f"replicas differ in {key}: found {one.get(key)!r} and {found[0].get(key)!r};"
                    " hosts of one cluster need the same libraries and devices"
                )
