"""What the statistics return, and the checks of what they are given."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import SupportsFloat, SupportsIndex


@dataclass(frozen=True)
class Interval:
    """Two limits, ``low <= high``; both are fractions for a rate or a difference of rates."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Undefined:
    """A number that does not exist for this data, with the reason; it is false, so ``found or
    default`` reads well."""

    reason: str

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True)
class Estimate:
    """A point estimate with its standard error (``None`` where the method has none) and
    interval."""

    value: float
    interval: Interval
    se: float | None = None


@dataclass(frozen=True)
class Test:
    """A test statistic and its p-value."""

    __test__ = False  # not a test case for pytest to collect

    statistic: float
    p: float


def count(name: str, value: SupportsIndex, least: int = 0) -> int:
    """``value`` as an ``int`` of at least ``least``; raises ``ValueError`` that names the
    argument."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} = {value!r}: expected a whole number") from None
    if number < least:
        raise ValueError(f"{name} = {number}: expected at least {least}")
    return number


def part(name: str, value: SupportsIndex, total: SupportsIndex) -> tuple[int, int]:
    """``value`` of ``total`` items as two ``int``; ``ValueError`` unless ``0 <= value <= total``
    and ``total >= 1``."""
    whole = count("n", total, least=1)
    number = count(name, value)
    if number > whole:
        raise ValueError(f"{name} = {number} of n = {whole}: expected no more than n")
    return number, whole


def fraction(name: str, value: SupportsFloat, *, closed: bool = False) -> float:
    """``value`` as a ``float`` strictly between 0 and 1, or with ``closed`` from 0 to 1; else
    ``ValueError``."""
    number = real(name, value)
    if not (0 <= number <= 1 if closed else 0 < number < 1):
        raise ValueError(
            f"{name} = {number!r}: expected a number"
            f" {'from 0 to 1' if closed else 'between 0 and 1'}"
        )
    return number


def real(name: str, value: SupportsFloat | str) -> float:
    """``value`` as a finite ``float``; raises ``ValueError`` that names the argument.

    Text is refused even where it reads "5": a count that arrives as text has come through the wrong
    door."""
    try:
        number = math.nan if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} = {value!r}: expected a finite number")
    return number


def reals(name: str, values: Iterable[SupportsFloat], least: int = 0) -> list[float]:
    """``values`` as a list of at least ``least`` finite floats; raises ``ValueError`` that names
    item and argument."""
    numbers = [real(f"{name}[{index}]", value) for index, value in enumerate(values)]
    if len(numbers) < least:
        raise ValueError(f"{name} has {len(numbers)} values: expected at least {least}")
    return numbers


def root(function: Callable[[float], float], low: float, high: float, tolerance: float) -> float:
    """Where a function is 0 between two numbers at which its signs differ, to ``tolerance``.

    It loads scipy.optimize, a quarter of a second that most commands need not pay. Source: Brent
    1973."""
    from scipy.optimize import brentq

    return float(brentq(function, low, high, xtol=tolerance))
