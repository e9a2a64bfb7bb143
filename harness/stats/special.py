"""The functions of ``scipy.special``, which is loaded when the first of them is asked for: loading
takes longer than all that a look at kept certificates does."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """The function of that name; raises ``AttributeError`` where scipy has none."""
    if name.startswith("__"):
        raise AttributeError(name)
    from scipy import special

    return getattr(special, name)
