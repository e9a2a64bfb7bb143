"""The code of an answer, cut into tokens well enough to change it: one small lexer for every
language.

Comments and strings are told from code, no more. What a changed text means is left to the
verifiers."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache, cached_property

from harness.judging.answer import Answer
from harness.languages import Language, named

PLAIN = Language("")  # no comments, and strings in quotes


@dataclass(frozen=True)
class Token:
    """A piece of code: ``comment``, ``string``, ``word``, ``number``, ``space`` or ``sign``."""

    kind: str
    text: str


@dataclass(frozen=True)
class Snippet:
    """The code of an answer with what stands before and after it; ``tag`` is what its fence says,
    empty when it says nothing."""

    before: str
    code: str
    after: str
    tag: str
    language: Language

    def holding(self, code: str) -> str:
        """The answer with other code in this place."""
        return self.before + code + self.after

    @property
    def fenced(self) -> bool:
        """Whether the code stands in a Markdown fence rather than being the whole answer."""
        return bool(self.before)

    @cached_property
    def tokens(self) -> list[Token]:
        """Every token; joined they are the code again."""
        return tokens(self.code, self.language)


def snippet(text: str, *, completion: bool = False) -> Snippet | None:
    """The last complete fenced block of an answer; the whole answer as Python when it is a
    ``completion`` without one."""
    blocks = Answer(text).blocks
    for block in reversed(blocks):
        at = text.rfind(block.code)
        if block.closed and block.code.strip() and at > 0:
            after = text[at + len(block.code) :]
            return Snippet(text[:at], block.code, after, block.language, named(block.language))
    raw = completion and not any(block.closed for block in blocks) and text.strip()
    return Snippet("", text, "", "", named("python")) if raw else None


def tokens(code: str, language: Language) -> list[Token]:
    """``code`` as tokens of a language."""
    return [Token(match.lastgroup or "sign", match[0]) for match in _lexer(language).finditer(code)]


def meaning(code: str, language: Language) -> object:
    """What two codes share when only layout and comments differ: Python's tree, else tokens and the
    indentation of lines."""
    if language.name == "python":
        try:
            return ast.dump(ast.parse(code))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass
    bare = "".join(token.text for token in tokens(code, language) if token.kind != "comment")
    rows = []
    for line in filter(str.strip, bare.splitlines()):
        texts = [token.text for token in tokens(line, PLAIN) if token.kind != "space"]
        rows.append([len(line) - len(line.lstrip()), *texts] if language.indented else texts)
    return rows if language.indented else [text for row in rows for text in row]


@cache
def _lexer(language: Language) -> re.Pattern[str]:
    pairs = [map(re.escape, pair.split(" ")) for pair in language.block]
    comments = [rf"{open}[\s\S]*?{close}" for open, close in pairs]
    comments += [rf"{re.escape(mark.strip())}[^\n]*" for mark in language.line]
    strings = [
        rf"{q * 3}[\s\S]*?{q * 3}|{q}(?:\\[^\n]|[^{q}\\{'' if q == '`' else chr(10)}])*{q}"
        for q in language.quotes
    ]
    return re.compile(
        rf"(?P<comment>{'|'.join(comments) or '(?!)'})|(?P<string>{'|'.join(strings) or '(?!)'})"
        r"|(?P<word>[^\W\d]\w*)|(?P<number>\d(?:[\w.]|(?<=[eE])[+-])*)|(?P<space>\s+)"
        r"|(?P<sign>==|!=|<=|>=|->|&&|\|\||[\s\S])"
    )
