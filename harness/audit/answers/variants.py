"""Variants: a known-good answer written another way. A verifier that changes its mind on one does
not judge the answer.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from harness.audit.answers.lexing import PLAIN, meaning, tokens
from harness.audit.answers.mutants import Good

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# a name that is more than a local one: of a member, a function, an argument, or in braces, where
# it may be a key
FIXED = r"(?:[.$]|->|::)\s*{0}\b|\b{0}\s*\(|\b{0}\s*=[^=][^\n]*\)|\{{[^{{}};]*\b{0}\b[^{{}};]*\}}"


def variants(one: Good, forbidden: Sequence[str]) -> Iterator[tuple[str, str]]:
    """``(operator, text)`` of every variant that differs from the good.

    ``forbidden`` are words that known-bad code holds and known-good code does not: naming one in a
    comment, or inside of a longer name, does no harm.
    """
    for operator, make in OPERATORS.items():
        text = make(one, forbidden)
        if text is not None and text != one.text:
            yield operator, text


def forbidden_words(goods: Sequence[Good], bads: Sequence[Good], most: int = 12) -> list[str]:
    """Words of known-bad code that no known-good code holds and no case asks for, the commonest
    first.
    """
    known = {
        token.text
        for g in goods
        if g.code
        for token in tokens(g.code.code, PLAIN)
        if token.kind == "word"
    }
    asked = {
        word
        for g in (*goods, *bads)
        for word in re.findall(
            r"\w+", f"{g.case.prompt} {json.dumps(dict(g.case.expect), default=str)}"
        )
    }
    counts: dict[str, int] = {}
    for bad in bads:
        words = (
            {token.text for token in bad.code.tokens if token.kind == "word"} if bad.code else set()
        )
        for word in words - known - asked:
            if word.isascii():
                counts[word] = counts.get(word, 0) + 1
    return sorted(counts, key=lambda word: (-counts[word], word))[:most]


def _tilde(one: Good, _forbidden: Sequence[str]) -> str | None:
    return _fences(one, "~~~")


def _longer(one: Good, _forbidden: Sequence[str]) -> str | None:
    return _fences(one, "````")


def _preamble(one: Good, _forbidden: Sequence[str]) -> str | None:
    return f"Here is the code:\n\n{one.text}" if one.code and one.code.fenced else None


def _afterword(one: Good, _forbidden: Sequence[str]) -> str | None:
    return (
        f"{one.text.rstrip()}\n\nLet me know if you have questions."
        if one.code and one.code.fenced
        else None
    )


def _crlf(one: Good, _forbidden: Sequence[str]) -> str | None:
    return one.text.replace("\r\n", "\n").replace("\n", "\r\n")


def _ends(one: Good, _forbidden: Sequence[str]) -> str | None:
    return one.text.rstrip("\n") + "\n\n"


def _starts(one: Good, _forbidden: Sequence[str]) -> str | None:
    return "\n" + one.text


def _trailing_space(one: Good, _forbidden: Sequence[str]) -> str | None:
    if one.code is None:
        return one.text.rstrip() + " "
    if not one.code.language.lexed or "\\\n" in one.code.code:
        return None
    if any(token.kind == "string" and "\n" in token.text for token in one.code.tokens):
        return None
    return one.code.holding(
        "".join(
            f"{line} \n" if line.strip() else f"{line}\n" for line in one.code.code.splitlines()
        )
    )


def _comment_added(one: Good, _forbidden: Sequence[str]) -> str | None:
    return _commented(one, "as asked")


def _comment_names(one: Good, forbidden: Sequence[str]) -> str | None:
    return (
        _commented(one, "no " + " ".join(f"{word}(" for word in forbidden) + " here")
        if forbidden
        else None
    )


def _comment_holds(one: Good, forbidden: Sequence[str]) -> str | None:
    return _commented(one, " ".join(f"not_{word}" for word in forbidden)) if forbidden else None


def _comments_removed(one: Good, _forbidden: Sequence[str]) -> str | None:
    if one.code is None or not one.code.language.lexed:
        return None
    code = "".join(token.text for token in one.code.tokens if token.kind != "comment")
    return (
        one.code.holding(code)
        if meaning(code, one.code.language) == meaning(one.code.code, one.code.language)
        else None
    )


def _number_format(one: Good, _forbidden: Sequence[str]) -> str | None:
    if one.code is None or not one.code.language.lexed:
        return None
    return one.code.holding(
        "".join(
            f"{t.text}0" if t.kind == "number" and re.fullmatch(r"\d+\.\d+", t.text) else t.text
            for t in one.code.tokens
        )
    )


def _renamed(one: Good, _forbidden: Sequence[str]) -> str | None:
    """One local name changed everywhere, where that is known to be sound."""
    code = one.code
    if code is None:
        return None
    asked = f"{one.case.prompt} {json.dumps(dict(one.case.expect), default=str)}"
    bound = re.compile(code.language.local or r"(?!)()", re.MULTILINE)
    names = (
        _python_locals(code.code) if code.language.name == "python" else bound.findall(code.code)
    )
    rest = bound.sub("", code.code)
    inside = " ".join(token.text for token in code.tokens if token.kind == "string")
    for name in names:
        if re.search(rf"\b{name}\b", asked + inside) or re.search(FIXED.format(name), rest):
            continue
        return code.holding(
            "".join(
                f"{name}_again" if t.text == name and t.kind == "word" else t.text
                for t in code.tokens
            )
        )
    return None


def _bullets(one: Good, _forbidden: Sequence[str]) -> str | None:
    return re.sub(r"^- ", "* ", one.text, flags=re.MULTILINE) if one.code is None else None


def _key_order(one: Good, _forbidden: Sequence[str]) -> str | None:
    body = one.code.code if one.code and one.code.fenced else one.text
    try:
        value = json.loads(body)
    except ValueError:
        return None
    text = json.dumps(_reversed(value), indent=3, ensure_ascii=False)
    return one.code.holding(text + "\n") if one.code and one.code.fenced else text


OPERATORS: dict[str, Callable[[Good, Sequence[str]], str | None]] = {
    "tilde-fence": _tilde,
    "longer-fence": _longer,
    "preamble": _preamble,
    "afterword": _afterword,
    "crlf": _crlf,
    "ends-with-newlines": _ends,
    "starts-with-newline": _starts,
    "trailing-space": _trailing_space,
    "comment-added": _comment_added,
    "comment-names-the-forbidden": _comment_names,
    "comment-holds-the-forbidden": _comment_holds,
    "comments-removed": _comments_removed,
    "number-format": _number_format,
    "local-renamed": _renamed,
    "bullet-style": _bullets,
    "key-order": _key_order,
}


def _fences(one: Good, mark: str) -> str | None:
    if one.code is None or not one.code.fenced or "````" in one.text or "~~~" in one.text:
        return None
    return re.sub(r"^```(?=[^`\n]*$)", mark, one.text, flags=re.MULTILINE)


def _commented(one: Good, text: str) -> str | None:
    """A comment on a line of its own at the end of the code."""
    code = one.code
    if code is None or not code.language.comments or code.language.ends_outside(code.code):
        return None
    end = "" if code.code.endswith("\n") else "\n"
    return code.holding(f"{code.code}{end}{code.language.comment(text)}\n")


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return [_reversed(inner) for inner in value] if isinstance(value, list) else value


def _python_locals(code: str) -> list[str]:
    """Names that functions assign and that are nothing else: no parameter, attribute, import,
    global or definition.
    """
    for text in (code, f"def f():\n{code}"):
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        nodes = list(ast.walk(tree))
        inside = {
            id(node)
            for function in nodes
            if isinstance(function, FUNCTIONS)
            for node in ast.walk(function)
        }
        names = [node for node in nodes if isinstance(node, ast.Name)]
        stored = {
            node.id
            for node in names
            if isinstance(node.ctx, ast.Store) and not node.id.startswith("_")
        }
        taken = {
            node.id for node in names if isinstance(node.ctx, ast.Store) and id(node) not in inside
        }
        for node in nodes:
            taken |= {node.arg} if isinstance(node, (ast.arg, ast.keyword)) and node.arg else set()
            taken |= {node.name} if isinstance(node, (*FUNCTIONS, ast.ClassDef)) else set()
            taken |= set(node.names) if isinstance(node, (ast.Global, ast.Nonlocal)) else set()
            taken |= (
                {a.asname or a.name for a in node.names}
                if isinstance(node, (ast.Import, ast.ImportFrom))
                else set()
            )
        dynamic = {node.id for node in names} & {"locals", "eval", "exec", "vars", "globals"}
        return [] if dynamic else sorted(stored - taken)
    return []
