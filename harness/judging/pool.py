"""Judges on the hosts of a cluster, each with a sandbox of its own, in place of those here.

What judges there has to be what was audited here: the folder of the verifiers is the same to the
byte, and what certificates are bound to is held against each host before it is asked anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from harness import cluster
from harness.content.served import Cluster
from harness.errors import EngineError
from harness.judging.bench import Ask, Told
from harness.judging.workers import Heard, Judge, Judges

Unlike = Callable[[], Iterable[str]]  #: names what is not on a host as it was in the audits


class Far:
    """One judge on the host that it is made on; raises :class:`EngineError` for a host that is
    ``unlike`` the one where the verifiers were audited."""

    def __init__(
        self, folder: Path, digest: str, sandbox: str | None, secret: bytes, unlike: Unlike
    ) -> None:
        self._judges, self._unlike = Judges(folder, sandbox, workers=1, secret=secret), unlike
        if self._judges.digest != digest:
            raise EngineError(f"{folder}: found {self._judges.digest}; expected {digest}")
        if differ := self.differing():
            raise EngineError(
                f"verifiers were audited where this is otherwise: {', '.join(differ[:5])}; make"
                " the hosts of the cluster alike"
            )

    def differing(self) -> list[str]:
        """What is not here as it was in the audits."""
        return list(self._unlike())

    def tell(self, asks: Sequence[Ask]) -> list[Told]:
        """What is said of each."""
        return self._judges.ask(asks).result()


class Pool(Judges):
    """So many judges as the library says on the hosts of its cluster, in place of ``here``."""

    def __init__(self, here: Judges, at: Cluster, unlike: Unlike) -> None:
        told = (here.folder.resolve(), here.digest, here.sandbox, here.secret, unlike)
        self._address, self._make = at.address, partial(Far, *told)
        super().__init__(here.folder, here.sandbox, at.judges, secret=here.secret)

    def _begun(self, own: Sequence[int | None]) -> list[Judge]:
        self._far = cluster.hired(self._address, 0.0, [self._make for _ in own])
        return []

    def _tell(self, asks: Sequence[Ask], heard: Heard | None = None) -> list[Told]:
        number = self._idle.get()
        try:
            told: list[Told]
            [told] = cluster.each([self._far[number]], "tell", list(asks))
        finally:
            self._idle.put(number)
        if heard is not None:
            for one in told:
                heard(one)
        return told

    def differing(self) -> list[str]:
        """What is not on a host any more as it was in the audits."""
        return sorted({one for found in cluster.each(self._far, "differing") for one in found})

    def __exit__(self, *exception: object) -> None:
        cluster.dismiss(self._far)  # whoever waits for one waits no more
        super().__exit__(*exception)
