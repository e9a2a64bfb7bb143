"""What the calls of ``basics`` are drawn with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

WORDS = (
    "a an of to at in on is be we river stone lamp apple ten cloud Otter level noon rust Oslo"
    " kettle bread seven glass tree moss"
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Drawn:
    """Drawers of the plain values of one call from ``draws``, a module or an object like
    :mod:`random`.

    Every number of items is a most, and then a least, which is 0; one call of four has up to four
    times as many, unless both are the same."""

    def __init__(self, draws: Any) -> None:
        self._draws = draws
        self._times = draws.choice((1, 1, 1, 4))

    def names(self) -> dict[str, Any]:
        """The drawers by the names that the data knows them by."""
        return {name: getattr(self, name) for name in vars(Drawn) if not name.startswith("_")}

    def num(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``."""
        return int(self._draws.randint(low, high))

    def pick(self, *choices: Any) -> Any:
        """One of the choices."""
        return self._draws.choice(choices)

    def flag(self) -> bool:
        """True or False."""
        return bool(self.num(0, 1))

    def fill(self, make: Callable[[], Any], most: int, least: int = 0) -> list[Any]:
        """A list of what ``make`` makes."""
        many = self.num(least, most if least == most else self._times * most)
        return [make() for _ in range(many)]

    def nums(self, most: int, low: int = -9, high: int = 9, least: int = 0) -> list[int]:
        """A list of whole numbers."""
        return self.fill(lambda: self.num(low, high), most, least)

    def distinct(self, most: int, low: int, high: int, least: int = 0) -> list[int]:
        """A list of different whole numbers."""
        return list(self._draws.sample(range(low, high + 1), self.num(least, most)))

    def table(self, rows: int, columns: int, low: int = 0, high: int = 9) -> list[list[int]]:
        """Exactly so many rows of exactly so many numbers."""
        return [self.nums(columns, low, high, columns) for _ in range(rows)]

    def chars(self, alphabet: str, most: int, least: int = 0) -> str:
        """A string of characters of ``alphabet``."""
        return "".join(self.fill(lambda: self.pick(*alphabet), most, least))

    def word(self, most: int = 7) -> str:
        """A string of one to ``most`` lower case letters, vowels more often than in print."""
        return self.chars(LETTERS + "aeiou" * 3, most, 1)

    def words(self, most: int, least: int = 0) -> list[str]:
        """A list of real words, which may repeat."""
        return self.fill(lambda: self.pick(*WORDS.split()), most, least)

    def text(self, most: int, least: int = 0) -> str:
        """Words with single spaces between them, some of them capitalised."""
        styles = (str, str, str.title, str.upper)
        return " ".join(self.pick(*styles)(word) for word in self.words(most, least))

    def shuffled(self, items: list[Any]) -> list[Any]:
        """The items in another order."""
        return list(self._draws.sample(items, len(items)))
