"""An answer read as Markdown: its code blocks, and what of it is said and not merely thought."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from harness.languages import tag

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

LONGEST = 200_000  #: characters that are read; a longer text has no blocks
_OPEN, _CLOSE = (
    r"(?:<think(?:ing)?>|\[think\]|◁think▷)",
    r"(?:</think(?:ing)?>|\[/think\]|◁/think▷)",
)
_THINKING = re.compile(rf"(?ims)^[ \t]*{_OPEN}.*?(?:{_CLOSE}|\Z)")
#: a prompt may have opened it
_THOUGHT = re.compile(rf"(?ims)\A.*(?:^[ \t]*{_CLOSE}|{_CLOSE}[ \t]*$)")


@dataclass(frozen=True)
class Block:
    """One fenced code block: the language its tag names, in lower case and as it was written (empty
    when untagged), its text, and the ``line`` of the answer on which that begins, from 0."""

    language: str
    code: str
    closed: bool
    line: int = 0


@dataclass(frozen=True)
class Extract:
    """Code taken from an answer, and the rule by which it was chosen, for the receipt; where a
    function was asked for, the ``line`` on which it is last defined, from 1."""

    code: str
    rule: str
    line: int = 0


def blocks(text: str) -> tuple[Block, ...]:
    """Every fenced code block in order, as CommonMark reads them; a fence cut off at the end is not
    ``closed``. A text of more than ``LONGEST`` characters has none."""
    found = []
    # with a line end after the last line, a block has as many line ends as lines
    for token in _commonmark().parse(text + "\n" if len(text) <= LONGEST else ""):
        if token.type == "fence" and token.map:
            first, end = token.map
            closed = end - first == token.content.count("\n") + 2
            found.append(Block(tag(token.info), token.content, closed, first + 1))
    return tuple(found)


def spoken(text: str) -> str:
    """What is said in an answer without what was thought before: a draft is no answer."""
    return _THOUGHT.sub("", _THINKING.sub("", text), count=1)


@cache
def _commonmark() -> MarkdownIt:
    """The parser of blocks, made once: that takes longer than to read an answer."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").disable("inline")
