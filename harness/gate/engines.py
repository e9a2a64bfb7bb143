"""Which engine answers for an adapter, and what one that is out of sight has to show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from harness.content.case import Case
from harness.content.library import Entry
from harness.content.policy import Policy
from harness.content.suite import Suite
from harness.engines.base import Answering, Watched, WhiteBox, read_config
from harness.engines.decoding import ends
from harness.engines.elsewhere.endpoint import Endpoint
from harness.engines.elsewhere.markers import FIXED
from harness.engines.elsewhere.replay import Replay
from harness.gate import planning
from harness.subjects.base import Arm, Fault

Load = Callable[[Entry], Answering]
MARKERS = 6  # dev prompts of each suite


def load_engine(entry: Entry) -> Answering:
    """What answers for ``entry``: recorded answers, the server that the library names, or the
    embedded engine on its base; raises :class:`HarnessError`."""
    if entry.answers is not None:
        return Replay(entry.answers)
    served = entry.adapter.engine
    return Endpoint(served, entry.base_path) if served else embedded(entry)


def embedded(entry: Entry) -> WhiteBox:
    """The embedded engine on the base of ``entry``; raises :class:`EngineError`."""
    from harness.engines.mlx import MlxEngine

    return MlxEngine(entry.base_path, dtype=entry.base.dtype)


def quantised(base: Path, bits: int) -> WhiteBox:
    """The embedded engine on ``base`` as a server may hold it; raises :class:`EngineError`."""
    from harness.engines.mlx import MlxEngine

    return MlxEngine(base, bits)


def tokenizer(engine: Answering, base: Path) -> Any:
    """That of the engine, or of the folder of the base that it is said to answer with; ``None``
    where there is none."""
    if isinstance(engine, WhiteBox) or not engine.identity.get("declared"):
        return getattr(engine, "tokenizer", None)
    from mlx_lm.utils import load_tokenizer

    config = read_config(base / "config.json")
    try:
        return load_tokenizer(base, eos_token_ids=ends.tokens(config))
    except Exception:  # what a foreign folder does to the library; nothing is answered with it
        return None


def proven(engine: Answering, suites: Iterable[Suite], policy: Policy) -> list[Fault]:
    """What an engine out of sight shows against itself, asked the suites' dev prompts in their
    form, and fixed ones in that of a suite that has none."""
    if not isinstance(engine, Watched):
        return []
    arm = Arm(id="marker", weights="")
    fixed = [Case(f"marker {number}", text, {}) for number, text in enumerate(FIXED)]
    shown = [(each, case) for each in suites for case in (each.dev[:MARKERS] or fixed)]
    asks = [planning.ask(policy, each, arm, case, 0, None) for each, case in shown]
    return [Fault(code, text) for code, text in engine.begin(asks)]
