"""The code of an answer, cut into tokens well enough to change it: one small lexer for every
language.

Comments and strings are told from code, no more. What a changed text means is left to the
verifiers.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache, cached_property

from harness.judging.answer import ALIASES, Answer

_STYLES = {
    "#": "python gdscript bash sh yaml toml perl ruby r julia dockerfile make elixir",
    "//": "glsl hlsl java c cpp csharp javascript typescript dart kotlin swift go rust scala",
    "--": "sql lua haskell ada",
}
_CANONICAL = {alias: name for name, aliases in ALIASES.items() for alias in aliases} | {
    "c++": "cpp", "c#": "csharp", "cs": "csharp", "js": "javascript", "ts": "typescript",
    "rs": "rust", "shell": "bash"
}  # fmt: skip
# Languages of which the lexer finds every comment, string and number, so that layout may be changed
# without harm
KNOWN = {"python", "gdscript", "glsl", "hlsl", "java", "c", "cpp"}
COMMENT = {language: mark for mark, names in _STYLES.items() for language in names.split()}
_BLOCK = {"#": "", "//": r"/\*[\s\S]*?\*/|", "--": ""}


@dataclass(frozen=True)
class Token:
    """A piece of code: ``comment``, ``string``, ``word``, ``number``, ``space`` or ``sign``."""

    kind: str
    text: str


@dataclass(frozen=True)
class Snippet:
    """The code of an answer with what stands before and after it; ``language`` is empty when it is
    not known.
    """

    before: str
    code: str
    after: str
    language: str

    def holding(self, code: str) -> str:
        """The answer with other code in this place."""
        return self.before + code + self.after

    @property
    def fenced(self) -> bool:
        """Whether the code stands in a Markdown fence rather than being the whole answer."""
        return bool(self.before)

    @property
    def mark(self) -> str:
        """What begins a comment to the end of the line; empty when the language is not known."""
        return COMMENT.get(self.language, "")

    @cached_property
    def tokens(self) -> list[Token]:
        """Every token; joined they are the code again."""
        return tokens(self.code, self.mark)


def snippet(text: str, *, completion: bool = False) -> Snippet | None:
    """The last complete fenced block of an answer; the whole answer as Python when it is a
    ``completion`` without one.
    """
    for block in reversed(Answer(text).blocks):
        at = text.rfind(block.code)
        if block.closed and block.code.strip() and at > 0:
            language = _CANONICAL.get(block.language, block.language)
            return Snippet(text[:at], block.code, text[at + len(block.code) :], language)
    return Snippet("", text, "", "python") if completion and text.strip() else None


def tokens(code: str, mark: str) -> list[Token]:
    """``code`` as tokens; ``mark`` begins a comment to the end of the line."""
    return [Token(match.lastgroup or "sign", match[0]) for match in _lexer(mark).finditer(code)]


def meaning(code: str, language: str) -> object:
    """What two codes share when only layout and comments differ: Python's tree, else tokens and the
    indentation of lines.
    """
    if language == "python":
        try:
            return ast.dump(ast.parse(code))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass
    found, rows = tokens(code, COMMENT.get(language, "")), []
    for line in "".join(token.text for token in found if token.kind != "comment").splitlines():
        if line.strip():
            indent = len(line) - len(line.lstrip()) if COMMENT.get(language) == "#" else 0
            rows.append((indent, tuple(t.text for t in tokens(line, "") if t.kind != "space")))
    return (
        tuple(rows)
        if COMMENT.get(language) == "#"
        else tuple(text for _, row in rows for text in row)
    )


@cache
def _lexer(mark: str) -> re.Pattern[str]:
    comment = f"{_BLOCK[mark]}{re.escape(mark)}[^\n]*" if mark else r"(?!)"
    return re.compile(
        rf"(?P<comment>{comment})"
        r"|(?P<string>\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')"
        r"|(?P<word>[^\W\d]\w*)|(?P<number>\d(?:[\w.]|(?<=[eE])[+-])*)|(?P<space>\s+)"
        r"|(?P<sign>==|!=|<=|>=|->|&&|\|\||[\s\S])"
    )
