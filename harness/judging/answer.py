"""What a model wrote, read as Markdown: the code blocks of an answer, and its plain text."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING

from harness.languages import named, tag

if TYPE_CHECKING:
    from markdown_it import MarkdownIt


@dataclass(frozen=True)
class Block:
    """One fenced code block: the language its tag names, in lower case and as it was written (empty
    when untagged), and its text."""

    language: str
    code: str
    closed: bool


@dataclass(frozen=True)
class Extract:
    """Code taken from an answer, and the rule by which it was chosen, for the receipt."""

    code: str
    rule: str


@dataclass(frozen=True)
class Answer:
    """The text a model wrote, exactly; nothing of it is trusted."""

    text: str
    _taken: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def rule(self) -> str:
        """The rule by which code was last taken from it, or that there was none; empty where no
        code was asked for."""
        return self._taken[-1] if self._taken else ""

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Every fenced code block in order, as CommonMark reads them; a fence cut off at the end is
        not ``closed``."""
        found = []
        # with a line end after the last line, a block has as many line ends as lines
        for token in _commonmark().parse(self.text + "\n"):
            if token.type == "fence" and token.map:
                first, end = token.map
                closed = end - first == token.content.count("\n") + 2
                found.append(Block(tag(token.info), token.content, closed))
        return tuple(found)

    def extract(self, language: str) -> Extract | None:
        """The last complete block tagged as ``language`` or one of its aliases (``js``, ``node``),
        else the last complete untagged block, else ``None``.

        A block of another language, an unclosed block, or code outside of a fence is not taken for
        ``language``. The block is taken whole, with its imports, helpers and decorators."""
        for rule, wanted in ((f"last {language} block", language), ("last untagged block", "")):
            for block in reversed(self.blocks):
                if block.closed and named(block.language) == named(wanted):
                    self._taken.append(rule)
                    return Extract(block.code, rule)
        self._taken.append(f"no {language} block to take")
        return None

    def code(self, language: str) -> str | None:
        """The code of :meth:`extract`."""
        found = self.extract(language)
        return found.code if found else None


@cache
def _commonmark() -> MarkdownIt:
    """The parser of blocks, made once: that takes longer than to read an answer."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").disable("inline")
