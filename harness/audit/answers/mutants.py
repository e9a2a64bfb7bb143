"""Mutants: a known-good answer with one thing wrong.

An operator is *deadly* when what it makes is bad for every verifier that demands anything: nothing
of the answer is left. All others may miss what a verifier looks at, so their survivors are findings
for its author, not errors - unless the author names the operator in ``deadly``. Operators come from
Jia & Harman 2011 and from faults models make.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.audit.answers.degenerates import leaves
from harness.audit.answers.lexing import Snippet, Token, snippet
from harness.content.case import Case

FLIPS = {
    "comparison-flipped": {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="},
    "arithmetic-flipped": {"+": "-", "-": "+", "*": "/", "/": "*"},
    "logic-flipped": {"and": "or", "or": "and", "&&": "||", "||": "&&", "not": "", "!": ""},
    "truth-flipped": {"true": "false", "false": "true", "True": "False", "False": "True"},
}
HOMOGLYPHS = str.maketrans("aceiopxyABCEHIKMOPTX", "асеіорхуАВСЕНІКМОРТХ")
NEGATABLE = re.compile(r"\b(is|are|was|were|has|have|can|will|does|do|must|should)\b")
FILLER = "There are many things to say about this. " * 20
SENTENCE = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class Good:
    """A known-good answer, read once for all operators; ``code`` is ``None`` for prose."""

    name: str
    case: Case
    text: str
    code: Snippet | None
    others: tuple[tuple[Case, str], ...]  # goods of tasks that agree with this one in nothing

    @property
    def wanted(self) -> list[str]:
        """What the case asks for by name and the answer holds, longest first."""
        body = self.code.code if self.code else self.text
        found = {
            word for word in leaves(self.case.expect) if len(word) > 1 and _whole(word).search(body)
        }
        return sorted(found, key=lambda word: (-len(word), word))


def good(
    name: str, case: Case, text: str, others: Sequence[tuple[Case, str]], *, completion: bool
) -> Good:
    """Read a known-good answer. ``others`` are all goods; those whose case agrees with this one in
    no point are kept.
    """
    foreign = tuple((other, answer) for other, answer in others if _disjoint(case, other))
    return Good(name, case, text, snippet(text, completion=completion), foreign)


def mutate(one: Good, rng: random.Random) -> Iterator[tuple[str, str]]:
    """``(operator, text)`` of every mutant of a good that differs from it; ``rng`` chooses among
    equal places.
    """
    seen = {one.text}
    for operator, make in OPERATORS.items():
        for text in make(one, rng):
            if text not in seen:
                seen.add(text)
                yield operator, text


def _emptied(one: Good, _rng: random.Random) -> Iterator[str]:
    if one.code and one.code.fenced:
        yield one.code.holding("\n")


def _commented(one: Good, _rng: random.Random) -> Iterator[str]:
    if one.code and one.code.mark:
        lines = one.code.code.splitlines()
        yield one.code.holding("".join(f"{one.code.mark} {line}\n" for line in lines))


def _cut(one: Good, _rng: random.Random) -> Iterator[str]:
    for share in (0.25, 0.5, 0.75):
        if one.code:
            lines = one.code.code.splitlines(keepends=True)
            yield one.code.holding("".join(lines[: max(1, round(len(lines) * share))]))
        else:
            words = one.text.split(" ")
            yield " ".join(words[: max(1, round(len(words) * share))])


def _cut_in_fence(one: Good, _rng: random.Random) -> Iterator[str]:
    if one.code and one.code.fenced:
        yield one.code.before + one.code.code[: len(one.code.code) // 2]


def _line_removed(one: Good, rng: random.Random) -> Iterator[str]:
    lines = _parts(one)
    for number in rng.sample(range(len(lines)), min(3, len(lines))) if len(lines) > 1 else []:
        yield _rebuilt(one, [*lines[:number], *lines[number + 1 :]])


def _lines_swapped(one: Good, rng: random.Random) -> Iterator[str]:
    lines = _parts(one)
    if len(lines) > 2:
        at = rng.randrange(len(lines) - 1)
        yield _rebuilt(one, [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]])


def _shuffled(one: Good, rng: random.Random) -> Iterator[str]:
    lines = _parts(one)
    if len(lines) > 2:
        yield _rebuilt(one, rng.sample(lines, len(lines)))


def _looped(one: Good, _rng: random.Random) -> Iterator[str]:
    lines = _parts(one)
    yield _rebuilt(one, [*lines, *[lines[-1]] * 50] if lines else [])


def _doubled(one: Good, _rng: random.Random) -> Iterator[str]:
    yield _rebuilt(one, _parts(one) * 2)


def _wrong_tag(one: Good, _rng: random.Random) -> Iterator[str]:
    if one.code and one.code.fenced and one.code.language:
        other = "cobol" if one.code.language != "cobol" else "python"
        head, fence, tail = one.code.before.rpartition("```")
        yield (
            f"{head}{fence}{other}\n{one.code.code}{one.code.after}"
            if fence and tail.endswith("\n")
            else one.text
        )


def _flip(operator: str) -> Callable[[Good, random.Random], Iterator[str]]:
    table = FLIPS[operator]

    def make(one: Good, rng: random.Random) -> Iterator[str]:
        places = (
            [
                i
                for i, t in enumerate(one.code.tokens)
                if t.kind in ("sign", "word") and t.text in table
            ]
            if one.code
            else []
        )
        for at in rng.sample(places, min(2, len(places))):
            assert one.code is not None
            yield _with(one.code, at, table[one.code.tokens[at].text])

    return make


def _off_by_one(one: Good, rng: random.Random) -> Iterator[str]:
    pieces = (
        one.code.tokens
        if one.code
        else [
            Token("number", t) if t.isdigit() else Token("", t)
            for t in re.split(r"(\d+)", one.text)
        ]
    )
    places = [
        i for i, token in enumerate(pieces) if token.kind == "number" and token.text.isdigit()
    ]
    for at in rng.sample(places, min(2, len(places))):
        changed = "".join(str(int(t.text) + 1) if i == at else t.text for i, t in enumerate(pieces))
        yield one.code.holding(changed) if one.code else changed


def _return_removed(one: Good, rng: random.Random) -> Iterator[str]:
    lines = one.code.code.splitlines(keepends=True) if one.code else []
    places = [i for i, line in enumerate(lines) if re.match(r"\s*return\b\s*\S", line)]
    for at in rng.sample(places, min(2, len(places))):
        indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        end = ";\n" if lines[at].rstrip().endswith(";") else "\n"
        yield _rebuilt(one, [*lines[:at], f"{indent}return{end}", *lines[at + 1 :]])


def _wanted_renamed(one: Good, _rng: random.Random) -> Iterator[str]:
    for word in one.wanted[:3]:
        yield _replaced(
            one, word, word[:-1] + ("8" if word[-1].isdigit() and word[-1] != "8" else "z")
        )


def _wanted_swapped(one: Good, _rng: random.Random) -> Iterator[str]:
    words = one.wanted[:2]
    if len(words) == 2:
        held = _replaced(one, words[0], "\0")
        yield re.sub(_whole(words[1]), words[0], held).replace("\0", words[1])


def _homoglyph(one: Good, _rng: random.Random) -> Iterator[str]:
    for word in one.wanted[:2]:
        yield _replaced(one, word, word.translate(HOMOGLYPHS))


def _zero_width(one: Good, _rng: random.Random) -> Iterator[str]:
    for word in one.wanted[:2]:
        yield _replaced(one, word, f"{word[:1]}\u200d{word[1:]}")


def _right_to_left(one: Good, _rng: random.Random) -> Iterator[str]:
    for word in one.wanted[:1]:
        yield _replaced(one, word, f"\u202e{word[::-1]}\u202c")


def _full_width(one: Good, _rng: random.Random) -> Iterator[str]:
    digits = {ord("0") + n: 0xFF10 + n for n in range(10)}
    yield (
        one.code.holding(one.code.code.translate(digits))
        if one.code
        else one.text.translate(digits)
    )


def _negated(one: Good, _rng: random.Random) -> Iterator[str]:
    if one.code is None:
        found = NEGATABLE.search(one.text)
        yield (
            NEGATABLE.sub(r"\1 not", one.text, count=1)
            if found
            else f"It is not true that {one.text}"
        )


def _contradicted(one: Good, _rng: random.Random) -> Iterator[str]:
    if one.code is None:
        yield f"{one.text} No, that is wrong."


def _buried(one: Good, _rng: random.Random) -> Iterator[str]:
    if one.code is None:
        yield f"{FILLER} {one.text} {FILLER}"


def _other_task(one: Good, rng: random.Random) -> Iterator[str]:
    if one.others:
        yield rng.choice(one.others)[1]


Operator = Callable[[Good, random.Random], Iterator[str]]
DEADLY = {"code-emptied", "code-commented"}
OPERATORS: dict[str, Operator] = {
    "code-emptied": _emptied,
    "code-commented": _commented,
    "cut": _cut,
    "cut-in-fence": _cut_in_fence,
    "line-removed": _line_removed,
    "lines-swapped": _lines_swapped,
    "shuffled": _shuffled,
    "looped": _looped,
    "doubled": _doubled,
    "wrong-tag": _wrong_tag,
    **{name: _flip(name) for name in FLIPS},
    "off-by-one": _off_by_one,
    "return-removed": _return_removed,
    "wanted-renamed": _wanted_renamed,
    "wanted-swapped": _wanted_swapped,
    "homoglyph": _homoglyph,
    "zero-width": _zero_width,
    "right-to-left": _right_to_left,
    "full-width-digits": _full_width,
    "negated": _negated,
    "contradicted": _contradicted,
    "buried": _buried,
    "other-task": _other_task,
}


def _parts(one: Good) -> list[str]:
    """The lines of the code, or the sentences of prose."""
    return one.code.code.splitlines(keepends=True) if one.code else SENTENCE.split(one.text)


def _rebuilt(one: Good, parts: list[str]) -> str:
    return one.code.holding("".join(parts)) if one.code else " ".join(parts)


def _with(code: Snippet, at: int, text: str) -> str:
    return code.holding(
        "".join(text if i == at else token.text for i, token in enumerate(code.tokens))
    )


def _replaced(one: Good, word: str, by: str) -> str:
    """The answer with every whole ``word`` of its code, or of its prose, replaced."""
    body = one.code.code if one.code else one.text
    changed = _whole(word).sub(lambda _match: by, body)
    return one.code.holding(changed) if one.code else changed


def _whole(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")


def _disjoint(one: Case, other: Case) -> bool:
    """Whether two cases ask for different things in every point that both name, and name at least
    one.
    """
    shared = set(one.expect) & set(other.expect)
    return bool(shared) and all(one.expect[key] != other.expect[key] for key in shared)
