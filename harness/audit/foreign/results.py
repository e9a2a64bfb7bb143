"""Reading a verdict from what a scorer returned; what is none says what would make it one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from harness.judging.verifier import Judgement, failed, passed, unverified

FIELDS = ("score", "value")  # of an object


def read(found: Any, threshold: float | None, key: str | None, *, lists: bool = False) -> Judgement:
    """The judgement in a result.

    ``True`` and the empty list (of violations) pass; a number passes from ``threshold`` on; with
    ``key`` the field of a dict or an object counts, else an object's ``score`` or ``value``. With
    ``lists`` the result is a list of one; of a tuple the first counts."""
    shown = f"{found!r:.300}"
    found = _first(_plain(found), lists)
    if key is not None:
        for part in key.split("."):
            if isinstance(found, Mapping) and part in found:
                found = found[part]
            elif hasattr(found, part):
                found = getattr(found, part)
            else:
                return _none(found, f"which has no {part!r}", shown)
        found = _plain(found)
    elif not isinstance(found, (bool, int, float, list, Mapping, type(None))):
        field = next((name for name in FIELDS if hasattr(found, name)), None)
        found = found if field is None else _plain(getattr(found, field))
    if isinstance(found, bool):
        return passed(shown) if found else failed("refused", shown)
    if isinstance(found, list):
        return passed() if not found else failed("violations", shown)
    if isinstance(found, (int, float)):
        if threshold is None:
            return _none(found, "a number; say from which --threshold on it is a pass", shown)
        if math.isnan(found):
            return unverified("not-a-number", shown)
        return passed(shown) if found >= threshold else failed("below-threshold", shown)
    if isinstance(found, Mapping):
        return _none(found, f"with {', '.join(map(str, found))}; say which with --key", shown)
    return _none(found, "expected a bool, a number, a dict or a list of violations", shown)


def _plain(found: Any) -> Any:
    """A number of a numerical library as Python has it."""
    if getattr(found, "size", None) == 1 and hasattr(found, "item"):
        return found.item()
    return found


def _first(found: Any, lists: bool) -> Any:
    if lists and isinstance(found, (list, tuple)) and len(found) == 1:
        return _plain(found[0])
    if type(found) is tuple and found:
        return _plain(found[0])
    return found


def _none(found: Any, why: str, shown: str) -> Judgement:
    return unverified("not-a-verdict", f"returned {type(found).__name__}, {why}: {shown}")
