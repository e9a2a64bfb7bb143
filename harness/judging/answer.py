"""What a model wrote: its plain text, the code blocks of it, and the code that is taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

from harness.judging import markdown
from harness.judging.markdown import Block, Extract
from harness.judging.program import program
from harness.languages import named

__all__ = ["Answer", "Block", "Extract"]


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
        """Every fenced code block: see :func:`harness.judging.markdown.blocks`."""
        return markdown.blocks(self.text)

    def extract(self, language: str, *, defines: str = "", after: str = "") -> Extract | None:
        """The last complete block tagged as ``language`` or one of its aliases (``js``, ``node``),
        else the last complete untagged block, else ``None``.

        A block of another language, an unclosed block, or code outside of a fence is not taken for
        ``language``, nor what the model thought before it answered. The block is taken whole, with
        its imports, helpers and decorators. Where the name of the function is known that the code
        ``defines``, Python is taken as :func:`harness.judging.program.program` says, behind the
        prompt that it is to come ``after``."""
        if defines:
            found = program(self.text, defines, after)
            self._taken.append(found.rule if found else f"nothing defines {defines}")
            return found
        blocks = markdown.blocks(markdown.spoken(self.text))
        for rule, wanted in ((f"last {language} block", language), ("last untagged block", "")):
            for block in reversed(blocks):
                if block.closed and named(block.language) == named(wanted):
                    self._taken.append(rule)
                    return Extract(block.code, rule)
        self._taken.append(f"no {language} block to take")
        return None

    def lines(self, code: str, *numbers: int) -> tuple[tuple[int, int], ...]:
        """Where these lines of ``code`` (from 1) stand in the text, as ``(start, end)`` without
        their indentation, for the ``spans`` of a judgement; none of code that does not stand there
        word for word."""
        begin, found = self._place(code), []
        rows = code.split("\n") if code and begin >= 0 else []
        for number in numbers:
            if 0 < number <= len(rows) and (row := rows[number - 1]).strip():
                above = "\n".join([*rows[: number - 1], ""])
                start = begin + len(above) + len(row) - len(row.lstrip())
                found.append((start, start + len(row.strip())))
        return tuple(found)

    def _place(self, code: str) -> int:
        """Where ``code`` stands: as a block, else anywhere, the last of several."""
        starts = [0, *accumulate(len(row) + 1 for row in self.text.split("\n"))]
        held = [starts[one.line] for one in self.blocks if one.code == code]
        held = [at for at in held if self.text.startswith(code, at)]
        return held[-1] if held else self.text.rfind(code)

    def code(self, language: str, *, defines: str = "") -> str | None:
        """The code of :meth:`extract`."""
        found = self.extract(language, defines=defines)
        return found.code if found else None
