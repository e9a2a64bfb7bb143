"""The Python program in an answer: the text of it that defines a function, in whatever shape a
model wrote it.

What compiles and defines the function is taken as it is. Else the last block that defines it, with
the other blocks that it needs; else the longest run of lines that compiles and defines it; else the
text or block that is its body. Nothing is added to what was written but the prompt before it and
the indentation that a body has lost. Whether something compiles is asked of this interpreter, which
runs none of it, and asked so often at most that no text takes long."""

from __future__ import annotations

import ast
import builtins
import dis
import re
import warnings
from dataclasses import dataclass
from functools import cached_property
from textwrap import dedent, indent
from types import CodeType

from harness.judging.markdown import Extract, blocks, spoken

LONGEST = 30_000  #: characters that are searched; what is longer is taken as it is
TRIES = 40  #: compilations for one answer
MOST = 12  #: blocks at its end, and places of the function, that are looked at
#: where the turn of the model ends; what follows is another's
_TURN = re.compile(
    r"<\|(?:im_end|im_start|endoftext|end_of_text|eot_id|eom_id|end|EOT|user|system)\|>"
    r"|<｜end▁of▁sentence｜>|</s>|<eos>|<end_of_turn>|\[/?INST\]"
)
_WORD = re.compile(r"\n*[^\W\d]\w*[ \t]*\n")  # a heading, or the tag of a lost fence
_CODE = re.compile(r"(?:import|from|def|class|async|if|try|with|for)\b|@|\w+\s*(?::[^=]*)?=")
_STORES, _LOADS = ("STORE_NAME", "STORE_GLOBAL"), ("LOAD_NAME", "LOAD_GLOBAL")
_INDENTED = re.compile(r"\s*^[ \t]+(?:import|from|def|class|async|@)", re.MULTILINE)
_RETURNS = re.compile(r"\b(?:return|yield)\b")
_BLOCK_ABOVE = re.compile(r"[ \t>]*(?:class|def|async|if|elif|else|try|except|finally)\b.*:")


@dataclass(frozen=True)
class _Piece:
    """A text that compiles, and the names that it binds as a module and looks up outside of it."""

    text: str
    code: CodeType

    @cached_property
    def binds(self) -> dict[str, int]:
        """Each name with the line on which it is last bound."""
        stores = (at for at in dis.get_instructions(self.code) if at.opname in _STORES)
        return {at.argval: at.positions.lineno or 0 for at in stores if at.positions}

    @property
    def wants(self) -> set[str]:
        """Names that are looked up in it and that nothing in it binds."""
        found: set[str] = set()
        waiting = [self.code]
        while waiting:
            code = waiting.pop()
            found |= {at.argval for at in dis.get_instructions(code) if at.opname in _LOADS}
            waiting += [one for one in code.co_consts if isinstance(one, CodeType)]
        return found - set(self.binds) - set(vars(builtins))

    def writes(self, function: str) -> bool:
        """Whether it says what the function does: no sketch with ``pass`` for a body, and no
        import of it into a test."""
        for node in ast.walk(ast.parse(self.text)):
            match node:
                case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
                    if name == function and not all(map(_idle, node.body)):
                        return True
                case ast.Name(name, ast.Store()) if name == function:
                    return True
        return False


class _Search:
    """One search for a function, with what is left of its tries."""

    def __init__(self, function: str, prompt: str) -> None:
        self.function, self.prompt, self.left = function, prompt, TRIES
        self.fault = 0  #: the line that the last try stumbled on; 0 where no line is to blame

    def compiled(self, text: str) -> _Piece | None:
        """``text`` if it compiles; else ``fault`` is set."""
        self.fault = 0
        self.left -= 1
        if self.left < 0:
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of escapes in strings
                return _Piece(text, compile(text, "<answer>", "exec", dont_inherit=True))
        except SyntaxError as error:
            self.fault = error.lineno or 0
        except Exception:  # the compiler's way to refuse depth, size, NUL, half characters
            pass
        return None

    def defining(self, text: str) -> _Piece | None:
        """``text`` if it compiles and defines the function."""
        found = self.compiled(text)
        return found if found and self.function in found.binds else None

    def taken(self, text: str, rule: str) -> Extract | None:
        """The program of ``text``: behind the prompt, or alone where it can stand only so."""
        self.left = max(self.left, 2)
        found = self.defining(self.prompt + text) or (self.prompt and self.defining(text)) or None
        return Extract(found.text, rule, found.binds[self.function]) if found else None

    def raw(self, text: str) -> Extract | None:
        """The whole text, also where all of it is indented."""
        bare = dedent(text) if _INDENTED.match(text) else ""
        return self.taken(bare if bare and self.defining(bare) else text, "raw")

    def block(self, pieces: list[_Piece], *, written: bool) -> Extract | None:
        """The last block that defines the function, with those that it needs."""
        defining = [n for n, piece in enumerate(pieces) if self.function in piece.binds]
        chosen = [n for n in defining if pieces[n].writes(self.function) or not written]
        if not chosen:
            return None
        last = chosen[-1]
        kept, wanted = {last}, pieces[last].wants
        for n in [*reversed(range(last)), *range(last + 1, len(pieces))]:
            bound = set(pieces[n].binds)
            if wanted & bound - {self.function} or (n < last and "import *" in pieces[n].text):
                kept.add(n)
                wanted = (wanted | pieces[n].wants) - bound
        text = "\n".join(pieces[n].text for n in sorted(kept))
        return self.taken(text, f"last block that defines {self.function}")

    def body(self, texts: list[str]) -> Extract | None:
        """The last text that continues the prompt; it may have lost its indentation or that of its
        first line, or have tabs for it."""
        for text in filter(_RETURNS.search, reversed(texts)):
            spaces = re.sub(r"^\s+", lambda found: found[0].expandtabs(4), text, flags=re.MULTILINE)
            for body in (f"    {text.lstrip()}", indent(dedent(text), "    "), spaces):
                found = self.taken(body, f"body of {self.function}")
                if found:
                    return found
        return None

    def lines(self, text: str, pieces: list[_Piece]) -> Extract | None:
        """The longest run of lines that defines the function or begins the text as its body; of a
        block that compiles nothing is cut out."""
        rows = text.split("\n")
        name = re.escape(self.function)
        head = re.compile(
            rf"([ \t>]*)(?:(?:async[ \t]+)?def[ \t]+{name}\b|{name}[ \t]*(?::[^=]*)?=(?!=))"
        )
        starts = [(n, found[1]) for n, row in enumerate(rows) if (found := head.match(row))]
        runs = [self._around(rows, n, prefix) for n, prefix in starts[-MOST:]]
        runs = [run for run in [self._body(rows), *runs] if run.strip()]
        runs = [run for run in runs if not any(run.rstrip() in piece.text for piece in pieces)]
        for run in sorted(runs, key=lambda run: run.count("\n"), reverse=True):
            piece = self.defining(self.prompt + run)
            if piece is None or piece.writes(self.function):
                return self.taken(run, f"longest run of lines that defines {self.function}")
        return None

    def _body(self, rows: list[str]) -> str:
        """The first lines as far as they continue the prompt."""
        first = next((row for row in rows if row.strip()), "")
        return self._shortened(rows, self.prompt) if self.prompt and first[:1].isspace() else ""

    def _around(self, rows: list[str], at: int, prefix: str) -> str:
        """The lines around the definition in line ``at`` that are quoted or indented as it is."""
        first, end = at, at + 1
        while first and _within(rows[first - 1], prefix):
            first -= 1
        while end < len(rows) and _within(rows[end], prefix):
            end += 1
        if prefix and first and _BLOCK_ABOVE.match(rows[first - 1]):
            return ""  # of a class, or of another function
        rows = [row[len(prefix) :] for row in rows[first:end]]
        at -= first
        while at and rows[at - 1].startswith("@"):
            at -= 1
        run = self._shortened(rows[at:])
        passed = -1
        for n, row in enumerate(rows[:at] if run else []):
            if n > passed and _CODE.match(row):
                longer = "\n".join([*rows[n:at], run])
                if self.compiled(longer):
                    return longer
                passed = n + self.fault - 1
        return run

    def _shortened(self, rows: list[str], before: str = "") -> str:
        """The first lines as many as compile behind ``before``."""
        while rows:
            text = "\n".join(rows)
            if self.compiled(before + text):
                return text
            rows = rows[: max(self.fault - 1 - before.count("\n"), 0)]
        return ""


def program(text: str, function: str, prompt: str = "") -> Extract | None:
    """The program of an answer that defines ``function``, whole and behind ``prompt``, with the
    rule by which it was chosen; ``None`` where nothing defines it.

    ``prompt`` is Python that the answer continues or repeats."""
    search = _Search(function, prompt)
    raw = search.raw(text) if len(text) <= LONGEST else None
    if raw and not _WORD.match(text):
        return raw
    turns = (turn for turn in _TURN.split(spoken(text)) if turn.strip())
    said = next(turns, "").replace("\r\n", "\n").replace("\r", "\n")
    if len(said) > LONGEST:
        return None
    codes = [dedent(block.code) for block in blocks(said)[-MOST:]]
    tried = [(code, search.compiled(code)) for code in codes]
    pieces = [piece for _, piece in tried if piece]
    bodies = [said, *(code for code, piece in tried if not piece)]
    return (
        search.block(pieces, written=True)
        or search.lines(said, pieces)
        or (search.body(bodies) if prompt and not raw else None)
        or search.block(pieces, written=False)
        or raw
    )


def _idle(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(ast.Constant()) | ast.Return(None | ast.Constant(None)):
            return True
        case ast.Raise(exc=ast.Name(name) | ast.Call(ast.Name(name))):
            return name == "NotImplementedError"
    return False


def _within(row: str, prefix: str) -> bool:
    return row.startswith(prefix) or not row.strip(" \t>")
