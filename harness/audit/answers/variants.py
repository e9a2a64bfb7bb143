"""Variants: a known-good answer written another way. A verifier that changes its mind on one does
not judge the answer."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from harness.audit.answers.lexing import PLAIN, Token, meaning, tokens
from harness.audit.answers.mutants import Good

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# a name that is more than a local one: of a member, a function, an argument, or in braces, where
# it may be a key
FIXED = r"(?:[.$]|->|::)\s*{0}\b|\b{0}\s*\(|\b{0}\s*=[^=][^\n]*\)|\{{[^{{}};]*\b{0}\b[^{{}};]*\}}"


def variants(one: Good, forbidden: Sequence[str]) -> Iterator[tuple[str, str]]:
    """``(operator, text)`` of every variant that differs from the good.

    ``forbidden`` are words that known-bad code holds and known-good code does not: naming one in a
    comment, or inside of a longer name, does no harm."""
    for operator, make in OPERATORS.items():
        text = make(one, forbidden)
        if text is not None and text != one.text:
            yield operator, text


def forbidden_words(goods: Sequence[Good], bads: Sequence[Good], most: int = 12) -> list[str]:
    """Words of known-bad code that no known-good code holds and no case asks for, the commonest
    first."""
    codes = [one.code.code for one in goods if one.code]
    known = {t.text for code in codes for t in tokens(code, PLAIN) if t.kind == "word"}
    asked = set(re.findall(r"\w+", " ".join(_asked(one) for one in (*goods, *bads))))
    read = [{t.text for t in one.code.tokens if t.kind == "word"} for one in bads if one.code]
    counts = Counter(word for words in read for word in words - known - asked if word.isascii())
    return sorted(counts, key=lambda word: (-counts[word], word))[:most]


def _asked(one: Good) -> str:
    """Everything that the case says."""
    return f"{one.case.prompt} {json.dumps(dict(one.case.expect), default=str)}"


def _around(one: Good, before: str, after: str) -> str | None:
    """The code with words around it."""
    return f"{before}{one.text}{after}" if one.code and one.code.fenced else None


def _trailing_space(one: Good, _forbidden: Sequence[str]) -> str | None:
    if one.code is None:
        return one.text.rstrip() + " "
    if not one.code.language.lexed or "\\\n" in one.code.code:
        return None
    if any(token.kind == "string" and "\n" in token.text for token in one.code.tokens):
        return None
    lines = [f"{line} " if line.strip() else line for line in one.code.code.splitlines()]
    return one.code.holding("".join(f"{line}\n" for line in lines))


def _comments_removed(one: Good, _forbidden: Sequence[str]) -> str | None:
    if one.code is None or not one.code.language.lexed:
        return None
    code = "".join(token.text for token in one.code.tokens if token.kind != "comment")
    same = meaning(code, one.code.language) == meaning(one.code.code, one.code.language)
    return one.code.holding(code) if same else None


def _number_format(one: Good, _forbidden: Sequence[str]) -> str | None:
    if one.code is None or not one.code.language.lexed:
        return None
    return one.code.holding(
        "".join(re.sub(r"^\d+\.\d+$", r"\g<0>0", t.text) for t in one.code.tokens)
    )


def _renamed(one: Good, _forbidden: Sequence[str]) -> str | None:
    """One local name changed everywhere, where that is known to be sound."""
    code = one.code
    if code is None:
        return None
    bound = re.compile(code.language.local or r"(?!)()", re.MULTILINE)
    names = (
        _python_locals(code.code) if code.language.name == "python" else bound.findall(code.code)
    )
    rest = bound.sub("", code.code)
    inside = " ".join(token.text for token in code.tokens if token.kind == "string")
    for name in names:
        if re.search(rf"\b{name}\b", _asked(one) + inside) or re.search(FIXED.format(name), rest):
            continue
        return code.holding(
            "".join(f"{name}_again" if t == Token("word", name) else t.text for t in code.tokens)
        )
    return None


def _key_order(one: Good, _forbidden: Sequence[str]) -> str | None:
    body = one.code.code if one.code and one.code.fenced else one.text
    try:
        value = json.loads(body)
    except ValueError:
        return None
    text = json.dumps(_reversed(value), indent=3, ensure_ascii=False)
    return one.code.holding(text + "\n") if one.code and one.code.fenced else text


OPERATORS: dict[str, Callable[[Good, Sequence[str]], str | None]] = {
    "tilde-fence": lambda one, _: _fences(one, "~~~"),
    "longer-fence": lambda one, _: _fences(one, "````"),
    "preamble": lambda one, _: _around(one, "Here is the code:\n\n", ""),
    "afterword": lambda one, _: _around(one, "", "\n\nLet me know if you have questions."),
    "crlf": lambda one, _: one.text.replace("\r\n", "\n").replace("\n", "\r\n"),
    "ends-with-newlines": lambda one, _: one.text.rstrip("\n") + "\n\n",
    "starts-with-newline": lambda one, _: "\n" + one.text,
    "trailing-space": _trailing_space,
    "comment-added": lambda one, _: _commented(one, ["as asked"]),
    "comment-names-the-forbidden": lambda one, words: _commented(
        one, [f"no {' '.join(f'{word}(' for word in words)} here"] if words else []
    ),
    "comment-holds-the-forbidden": lambda one, words: _commented(
        one, [f"not_{word}" for word in words]
    ),
    "comments-removed": _comments_removed,
    "number-format": _number_format,
    "local-renamed": _renamed,
    "bullet-style": lambda one, _: None if one.code else re.sub("(?m)^- ", "* ", one.text),
    "key-order": _key_order,
}


def _fences(one: Good, mark: str) -> str | None:
    if one.code is None or not one.code.fenced or "````" in one.text or "~~~" in one.text:
        return None
    return re.sub(r"^```(?=[^`\n]*$)", mark, one.text, flags=re.MULTILINE)


def _commented(one: Good, words: Sequence[str]) -> str | None:
    """A comment of these words on a line of its own at the end of the code."""
    code = one.code
    if (
        not words
        or code is None
        or not code.language.comments
        or code.language.ends_outside(code.code)
    ):
        return None
    end = "" if code.code.endswith("\n") else "\n"
    return code.holding(f"{code.code}{end}{code.language.comment(' '.join(words))}\n")


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return [_reversed(inner) for inner in value] if isinstance(value, list) else value


def _python_locals(code: str) -> list[str]:
    """Names that functions assign and that are nothing else: no parameter, attribute, import,
    global or definition."""
    for text in (code, f"def f():\n{code}"):
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        nodes = list(ast.walk(tree))
        functions = [node for node in nodes if isinstance(node, FUNCTIONS)]
        inside = {id(node) for function in functions for node in ast.walk(function)}
        names = [node for node in nodes if isinstance(node, ast.Name)]
        stored = [node for node in names if isinstance(node.ctx, ast.Store)]
        taken = {node.id for node in stored if id(node) not in inside or node.id.startswith("_")}
        for node in nodes:
            if isinstance(node, (ast.arg, ast.keyword)):
                taken.add(node.arg or "")
            elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                taken.add(node.name)
            elif isinstance(node, (ast.Global, ast.Nonlocal)):
                taken.update(node.names)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                taken.update(alias.asname or alias.name for alias in node.names)
        dynamic = {node.id for node in names} & {"locals", "eval", "exec", "vars", "globals"}
        return [] if dynamic else sorted({name.id for name in stored} - taken)
    return []
