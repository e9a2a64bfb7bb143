"""Languages of code: what their fences are called and how they comment, from the table in
``languages.toml``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_TAG = re.compile(r"(?:\{(?:#\S+\s+)?\.?)?(?:lang(?:uage)?-)?([^\s{}:,;=]+)")


@dataclass(frozen=True)
class Language:
    """One language, by its canonical name. Of one that the table does not have, nothing is
    ``known`` but its tag; the keys of the table say what the other fields mean."""

    name: str
    known: bool = False
    line: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    quotes: str = "\"'"
    tags: tuple[str, ...] = ()
    indented: bool = False
    lexed: bool = False
    local: str = ""

    @property
    def comments(self) -> bool:
        """Whether anything can be a comment in it, as far as is known."""
        return bool(self.line or self.block)

    def comment(self, text: str) -> str:
        """One line of text as a comment; the bare text where there are no comments."""
        open, close = (self.block or (" ",))[0].split(" ")
        return f"{self.line[0]} {text}" if self.line else f"{open} {text} {close}".strip()

    def in_lines(self, code: str) -> list[str]:
        """``code`` with every line commented out, once for each mark."""
        head, body = self._within(code)
        return [
            head + "".join(f"{mark} {line}\n" for line in body.splitlines()) for mark in self.line
        ]

    def in_blocks(self, code: str) -> list[str]:
        """``code`` in a comment of several lines, once for each pair of marks; marks that stand in
        it are broken, so that none ends the comment."""
        head, body = self._within(code)
        found = []
        for open, close in (pair.split(" ") for pair in self.block):
            inner = body.rstrip("\n")
            for mark in (open, close):
                inner = inner.replace(mark, f"{mark[0]} {mark[1:]}" if mark[1:] else "")
            found.append(f"{head}{open}\n{inner}\n{close}\n")
        return found

    def ends_outside(self, code: str) -> bool:
        """Whether what is written behind ``code`` is text and no code, as behind PHP's ``?>``."""
        return bool(self.tags) and code.rfind(self.tags[-1]) > code.rfind(self.tags[0])

    def _within(self, code: str) -> tuple[str, str]:
        """What opens the code, and the code without the tags that would end or begin it."""
        body = code
        for tag in self.tags:
            body = body.replace(tag, "")
        return ("" if body == code else f"{self.tags[0]}\n"), body


def tag(info: str) -> str:
    """The language that the info string of a fence names, in lower case: ``js`` of ``JS
    title="x"``, ``python`` of ``{.python}`` and of ``python:main.py``."""
    text = info.strip().lower()
    found = _TAG.match(text)
    return found[1] if found else text


def named(name: str) -> Language:
    """The language with this name or alias, or that an info string names."""
    wanted = tag(name)
    return _table().get(wanted) or Language(wanted)


def every() -> list[Language]:
    """Every language of the table."""
    return list(dict.fromkeys(_table().values()))


@cache
def _table() -> dict[str, Language]:
    """Every name and alias with its language, read when the first is asked for."""
    import tomllib

    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    found: dict[str, Language] = {}
    for family in tomllib.loads(text)["family"]:
        shared: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in family.items()
            if key != "languages"
        }
        for names in family["languages"]:
            canonical, *aliases = names.split(" ")
            language = Language(canonical, known=True, **shared)
            found |= dict.fromkeys([canonical, *aliases], language)
    return found
