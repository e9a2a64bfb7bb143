"""What a model wrote, read as Markdown: the code blocks of an answer, and its plain text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING

from harness.languages import named, tag

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

MARKDOWN = 200_000  #: characters that are read as Markdown; a longer text has no blocks
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
    when untagged), and its text."""

    language: str
    code: str
    closed: bool


@dataclass(frozen=True)
class Extract:
    """Code taken from an answer, and the rule by which it was chosen, for the receipt; where a
    function was asked for, the ``line`` on which it is last defined, from 1."""

    code: str
    rule: str
    line: int = 0


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
        not ``closed``. A text of more than ``MARKDOWN`` characters has none."""
        found = []
        # with a line end after the last line, a block has as many line ends as lines
        text = self.text + "\n" if len(self.text) <= MARKDOWN else ""
        for token in _commonmark().parse(text):
            if token.type == "fence" and token.map:
                first, end = token.map
                closed = end - first == token.content.count("\n") + 2
                found.append(Block(tag(token.info), token.content, closed))
        return tuple(found)

    def extract(self, language: str, *, defines: str = "", after: str = "") -> Extract | None:
        """The last complete block tagged as ``language`` or one of its aliases (``js``, ``node``),
        else the last complete untagged block, else ``None``.

        A block of another language, an unclosed block, or code outside of a fence is not taken for
        ``language``, nor what the model thought before it answered. The block is taken whole, with
        its imports, helpers and decorators. Where the name of the function is known that the code
        ``defines``, Python is taken as :func:`harness.judging.program.program` says, behind the
        prompt that it is to come ``after``."""
        if defines:
            from harness.judging.program import program

            found = program(self.text, defines, after)
            self._taken.append(found.rule if found else f"nothing defines {defines}")
            return found
        blocks = Answer(spoken(self.text)).blocks
        for rule, wanted in ((f"last {language} block", language), ("last untagged block", "")):
            for block in reversed(blocks):
                if block.closed and named(block.language) == named(wanted):
                    self._taken.append(rule)
                    return Extract(block.code, rule)
        self._taken.append(f"no {language} block to take")
        return None

    def code(self, language: str, *, defines: str = "") -> str | None:
        """The code of :meth:`extract`."""
        found = self.extract(language, defines=defines)
        return found.code if found else None


def spoken(text: str) -> str:
    """What is said in an answer without what was thought before: a draft is no answer."""
    return _THOUGHT.sub("", _THINKING.sub("", text), count=1)


@cache
def _commonmark() -> MarkdownIt:
    """The parser of blocks, made once: that takes longer than to read an answer."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").disable("inline")
