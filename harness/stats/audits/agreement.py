"""How far raters - people, or repeats of a judge - agree beyond chance."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Literal, TypeVar

from harness.stats.values import Undefined, count, real

Level = Literal["nominal", "ordinal", "interval", "ratio"]
Rating = TypeVar("Rating", bound=Hashable)


def cohens_kappa(table: Sequence[Sequence[int]]) -> float | Undefined:
    """Cohen's kappa of two raters, ``(p_o - p_e) / (1 - p_e)``; ``table[i][j]`` items got i from
    one, j from the other.

    Undefined for no items, or where both used a single category. Raises ``ValueError`` on a table
    that is not square. Source: Cohen 1960; equals statsmodels ``cohens_kappa``."""
    rows = _counts(table, square=True)
    total = sum(map(sum, rows))
    if not total:
        return Undefined("no rated items")
    columns = [sum(column) for column in zip(*rows, strict=True)]
    expected = math.fsum(
        sum(row) / total * column / total for row, column in zip(rows, columns, strict=True)
    )
    if expected == 1:
        return Undefined("both raters used one category only: chance agreement is 1")
    return (sum(row[index] for index, row in enumerate(rows)) / total - expected) / (1 - expected)


def class_agreement(table: Sequence[Sequence[int]]) -> list[float | Undefined]:
    """Specific agreement on each category, ``2 n_ii / (row_i + column_i)``: print it beside kappa
    for skewed classes.

    Undefined for a category that nobody used. Raises ``ValueError`` as :func:`cohens_kappa`.
    Source: Cicchetti & Feinstein 1990."""
    rows = _counts(table, square=True)
    used = [
        sum(row) + sum(column) for row, column in zip(rows, zip(*rows, strict=True), strict=True)
    ]
    return [
        2 * rows[i][i] / many if many else Undefined("nobody used this category")
        for i, many in enumerate(used)
    ]


def fleiss_kappa(table: Sequence[Sequence[int]]) -> float | Undefined:
    """Fleiss' kappa; ``table[i][j]`` raters gave item i category j, and every item has the same
    number of raters.

    Undefined for fewer than two raters or a single category. Raises ``ValueError`` on unequal
    numbers of raters. Source: Fleiss 1971; equals statsmodels ``fleiss_kappa``."""
    rows = _counts(table)
    raters = sum(rows[0])
    if any(sum(row) != raters for row in rows):
        raise ValueError("table: expected the same number of raters for every item")
    if raters < 2:
        return Undefined("fewer than two raters")
    shares = [sum(column) / (raters * len(rows)) for column in zip(*rows, strict=True)]
    expected = math.fsum(share * share for share in shares)
    if expected == 1:
        return Undefined("one category only: chance agreement is 1")
    seen = math.fsum(sum(cell * (cell - 1) for cell in row) for row in rows) / (
        raters * (raters - 1) * len(rows)
    )
    return (seen - expected) / (1 - expected)


def krippendorff_alpha(
    ratings: Sequence[Sequence[float | str | None]], level: Level = "nominal"
) -> float | Undefined:
    """Krippendorff's alpha; ``ratings[r][u]`` is what rater r gave unit u, ``None`` where missing.

    ``1 - observed / expected disagreement`` over all pairs within units. Undefined without a unit
    rated twice, or without variation. Raises ``ValueError`` on ragged rows, another level, or
    non-numbers where it is not nominal. Source: Krippendorff 2011, "Computing Krippendorff's
    alpha-reliability"."""
    if level not in ("nominal", "ordinal", "interval", "ratio"):
        raise ValueError(f"level = {level!r}: expected nominal, ordinal, interval or ratio")
    if len({len(row) for row in ratings}) != 1:
        raise ValueError("ratings: expected one row per rater, all over the same units")
    units = [
        [value for value in column if value is not None] for column in zip(*ratings, strict=True)
    ]
    units = [unit for unit in units if len(unit) > 1]
    total = Counter(value for unit in units for value in unit)
    if not units:
        return Undefined("no unit has two ratings")
    if len(total) == 1:
        return Undefined("every rating is the same: there is nothing to agree on")
    distance = _distances(total, level)
    n = sum(total.values())
    seen = math.fsum(_pairs(Counter(unit), distance) / (len(unit) - 1) for unit in units)
    return 1 - (n - 1) * seen / _pairs(total, distance)


Pair = tuple[float | str, float | str]


def _pairs(counts: Counter[float | str], distance: dict[Pair, float]) -> float:
    """Summed disagreement over all ordered pairs of ratings."""
    return math.fsum(
        counts[a] * counts[b] * distance[a, b] for a in counts for b in counts if a != b
    )


def _distances(total: Counter[float | str], level: Level) -> dict[Pair, float]:
    """Squared difference between any two values that occur."""
    if level == "nominal":
        return {(a, b): float(a != b) for a in total for b in total}
    numbers = {value: real("rating", value) for value in total}
    if level == "interval":
        return {(a, b): (numbers[a] - numbers[b]) ** 2 for a in total for b in total}
    if level == "ratio":
        if min(numbers.values()) < 0:
            raise ValueError("ratings: expected no negative number on a ratio scale")
        return {
            (a, b): ((numbers[a] - numbers[b]) / (numbers[a] + numbers[b] or 1)) ** 2
            for a in total
            for b in total
        }
    ranks, below = {}, 0.0  # ordinal: how many ratings lie between the two, each end counted half
    for value in sorted(total, key=numbers.__getitem__):
        ranks[value] = below + total[value] / 2
        below += total[value]
    return {(a, b): (ranks[a] - ranks[b]) ** 2 for a in total for b in total}


def _counts(table: Sequence[Sequence[int]], *, square: bool = False) -> list[list[int]]:
    rows = [
        [count(f"table[{i}][{j}]", cell) for j, cell in enumerate(row)]
        for i, row in enumerate(table)
    ]
    if (
        not rows
        or not rows[0]
        or any(len(row) != (len(rows) if square else len(rows[0])) for row in rows)
    ):
        raise ValueError(
            f"table: expected {'a square table' if square else 'rows of equal length'}, at least"
            " one row"
        )
    return rows
