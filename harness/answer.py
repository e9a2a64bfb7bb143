"""What a model wrote, read as Markdown: the code blocks of an answer, and its plain text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

ALIASES = {
    "gdscript": {"gdscript", "gd", "godot"},
    "glsl": {"glsl", "frag", "vert", "shader", "glslx"},
    "java": {"java"},
    "python": {"python", "py", "python3"},
}


@dataclass(frozen=True)
class Block:
    """One fenced code block: its language tag in lower case (empty when untagged) and its text."""

    language: str
    code: str
    closed: bool


@dataclass(frozen=True)
class Answer:
    """The text a model wrote, exactly; nothing of it is trusted."""

    text: str

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Every fenced code block in order, as CommonMark reads them; a fence cut off at the end is not ``closed``."""
        from markdown_it import MarkdownIt

        lines = self.text.splitlines()
        found = []
        for token in MarkdownIt("commonmark").parse(self.text):
            if token.type == "fence" and token.map:
                last = lines[token.map[1] - 1].strip() if token.map[1] <= len(lines) else ""
                closed = token.map[1] - token.map[0] > 1 and set(last) == set(token.markup[:1]) and len(last) >= 3
                found.append(Block(token.info.strip().split(" ")[0].lower(), token.content, closed))
        return tuple(found)

    def code(self, language: str) -> str | None:
        """The last complete block tagged as ``language``, else the last complete untagged block, else ``None``.

        A block of another language, an unclosed block, or code outside of a fence is not taken for ``language``.
        """
        names = ALIASES.get(language, {language})
        for wanted in (names, {""}):
            for block in reversed(self.blocks):
                if block.closed and block.language in wanted:
                    return block.code
        return None
