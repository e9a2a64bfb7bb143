"""Which engine answers for an adapter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.content.library import Entry
from harness.engines.base import Answering, WhiteBox
from harness.engines.replay import Replay

Load = Callable[[Entry], Answering]


def load_engine(entry: Entry) -> Answering:
    """What answers for ``entry``: recorded answers, or the embedded engine on its base; raises
    :class:`HarnessError`."""
    return Replay(entry.answers) if entry.answers else embedded(entry)


def embedded(entry: Entry) -> WhiteBox:
    """The embedded engine on the base of ``entry``; raises :class:`EngineError`."""
    from harness.engines.mlx import MlxEngine

    return MlxEngine(entry.base_path, dtype=entry.base.dtype)


def quantised(base: Path, bits: int) -> WhiteBox:
    """The embedded engine on ``base`` as a server may hold it; raises :class:`EngineError`."""
    from harness.engines.mlx import MlxEngine

    return MlxEngine(base, bits)
