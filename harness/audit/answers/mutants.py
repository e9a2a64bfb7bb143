"""Mutants: a known-good answer with one thing wrong.

An operator is *deadly* when what it makes is bad for every verifier that demands anything: nothing
of the answer is left. All others may miss what a verifier looks at, so their survivors are findings
for its author, not errors - unless the author names the operator in ``deadly``. Operators come from
Jia & Harman 2011 and from faults models make."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from harness.audit.answers.degenerates import leaves
from harness.audit.answers.lexing import Snippet, Token, snippet
from harness.content.case import Case
from harness.content.fixtures import Fixture

FLIPS = {
    "comparison-flipped": {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="},
    "arithmetic-flipped": {"+": "-", "-": "+", "*": "/", "/": "*"},
    "logic-flipped": {"and": "or", "or": "and", "&&": "||", "||": "&&", "not": "", "!": ""},
    "truth-flipped": {"true": "false", "false": "true", "True": "False", "False": "True"},
}
HOMOGLYPHS = str.maketrans("aceiopxyABCEHIKMOPTX", "асеіорхуАВСЕНІКМОРТХ")
FILLER = "There are many things to say about this. " * 20
DATA = {  # languages in which a sign is no operation
    "json", "jsonl", "csv", "tsv", "yaml", "toml", "ini", "html", "xml", "svg", "xslt", "markdown",
    "text", "http", "diff", "css", "docker", "properties", "output", "console", "vue", "svelte",
}  # fmt: skip
SENTENCE = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class Good:
    """A known answer, read once for all operators; ``code`` is ``None`` for prose."""

    name: str
    case: Case
    text: str
    code: Snippet | None
    others: tuple[str, ...] = ()  # answers to tasks that agree with this one in nothing

    @property
    def body(self) -> str:
        """Its code, or its prose."""
        return self.code.code if self.code else self.text

    def holding(self, body: str) -> str:
        """The answer with another body."""
        return self.code.holding(body) if self.code else body

    @property
    def wanted(self) -> list[str]:
        """What the case asks for by name and the answer holds, longest first."""
        words = [word for word in leaves(self.case.expect) if len(word) > 1 or word.isalpha()]
        found = {word for word in words if _whole(word).search(self.body)}
        if self.code is None:  # a number that the prompt gives is not what is asked for
            given = re.findall(r"\d[\d.,]*\d|\d", self.case.prompt)
            found -= set(given)
        return sorted(found, key=lambda word: (-len(word), word))


Operator = Callable[[Good, random.Random], Iterator[str]]


def read(fixtures: Iterable[Fixture], *, completion: bool) -> list[Good]:
    """Read known answers. A fence without a tag holds the language of the others, where they all
    have the same one."""
    known = [(one, snippet(one.answer, completion=completion)) for one in fixtures]
    languages = {code.language for _, code in known if code and code.language.known}
    found = []
    for one, code in known:
        if code and not code.tag and len(languages) == 1:
            code = replace(code, language=next(iter(languages)))
        others = tuple(other.answer for other, _ in known if _disjoint(one.case, other.case))
        found.append(Good(one.name, one.case, one.answer, code, others))
    return found


def unknown(goods: Iterable[Good]) -> list[str]:
    """The tags of fences in whose code no comment can be told; the empty one stands for no tag."""
    codes = [one.code for one in goods if one.code]
    tags = {code.tag for code in codes if not code.language.known}
    return sorted(tags - {""} if any(code.language.known for code in codes) else tags)


def mutate(one: Good, rng: random.Random) -> Iterator[tuple[str, str]]:
    """``(operator, text)`` of every mutant of a good that differs from it; ``rng`` chooses among
    equal places."""
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
    if one.code:
        yield from map(one.code.holding, one.code.language.in_lines(one.code.code))


def _block_commented(one: Good, _rng: random.Random) -> Iterator[str]:
    if one.code:
        yield from map(one.code.holding, one.code.language.in_blocks(one.code.code))


def _cut(one: Good, _rng: random.Random) -> Iterator[str]:
    pieces = one.code.code.splitlines(keepends=True) if one.code else one.text.split(" ")
    for share in (0.25, 0.5, 0.75):
        kept = pieces[: max(1, round(len(pieces) * share))]
        yield one.holding(("" if one.code else " ").join(kept))


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
    if one.code is None:
        lines = _parts(one)
        yield _rebuilt(one, [*lines, *[lines[-1]] * 50])


def _doubled(one: Good, _rng: random.Random) -> Iterator[str]:
    if one.code is None:
        yield _rebuilt(one, _parts(one) * 2)


def _wrong_tag(one: Good, _rng: random.Random) -> Iterator[str]:
    if one.code and one.code.tag:
        other = "cobol" if one.code.language.name != "cobol" else "python"
        head, fence, tail = one.code.before.rpartition("```")
        if fence and tail.endswith("\n"):
            yield f"{head}{fence}{other}\n{one.code.code}{one.code.after}"


def _flip(operator: str) -> Operator:
    table = FLIPS[operator]

    def make(one: Good, rng: random.Random) -> Iterator[str]:
        found = one.code.tokens if one.code and one.code.language.name not in DATA else []
        places = [i for i, t in enumerate(found) if t.kind in ("sign", "word") and t.text in table]
        for at in rng.sample(places, min(2, len(places))):
            yield _with(one, found, at, table[found[at].text])

    return make


def _off_by_one(one: Good, rng: random.Random) -> Iterator[str]:
    found = one.code.tokens if one.code and one.code.language.name not in DATA else []
    places = [i for i, t in enumerate(found) if t.kind == "number" and t.text.isdigit()]
    for at in rng.sample(places, min(2, len(places))):
        yield _with(one, found, at, str(int(found[at].text) + 1))


def _return_removed(one: Good, rng: random.Random) -> Iterator[str]:
    lines = one.code.code.splitlines(keepends=True) if one.code else []
    places = [i for i, line in enumerate(lines) if re.match(r"\s*return\b\s*\S", line)]
    for at in rng.sample(places, min(2, len(places))):
        indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        end = ";\n" if lines[at].rstrip().endswith(";") else "\n"
        yield _rebuilt(one, [*lines[:at], f"{indent}return{end}", *lines[at + 1 :]])


def _wanted(most: int, change: Callable[[str], str]) -> Operator:
    """Each of the first ``most`` words that are wanted, changed."""

    def make(one: Good, _rng: random.Random) -> Iterator[str]:
        for word in one.wanted[:most]:
            yield _replaced(one, word, change(word))

    return make


def _misnamed(word: str) -> str:
    return word[:-1] + ("8" if word[-1].isdigit() and word[-1] != "8" else "z")


def _wanted_swapped(one: Good, _rng: random.Random) -> Iterator[str]:
    words = one.wanted[:2]
    if len(words) == 2:
        held = _replaced(one, words[0], "\0")
        yield re.sub(_whole(words[1]), words[0], held).replace("\0", words[1])


def _full_width(one: Good, _rng: random.Random) -> Iterator[str]:
    yield one.holding(one.body.translate({ord("0") + n: 0xFF10 + n for n in range(10)}))


def _contradicted(one: Good, _rng: random.Random) -> Iterator[str]:
    if one.code is None:
        yield f"{one.text} No, that is wrong."


def _buried(one: Good, _rng: random.Random) -> Iterator[str]:
    if one.code is None:
        yield f"{FILLER} {one.text} {FILLER}"


def _other_task(one: Good, rng: random.Random) -> Iterator[str]:
    if one.others:
        yield rng.choice(one.others)


DEADLY = {"code-emptied", "code-commented", "code-block-commented"}
OPERATORS: dict[str, Operator] = {
    "code-emptied": _emptied,
    "code-commented": _commented,
    "code-block-commented": _block_commented,
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
    "wanted-renamed": _wanted(3, _misnamed),
    "wanted-swapped": _wanted_swapped,
    "homoglyph": _wanted(2, lambda word: word.translate(HOMOGLYPHS)),
    "zero-width": _wanted(2, lambda word: f"{word[:1]}\u200d{word[1:]}"),
    "right-to-left": _wanted(1, lambda word: f"\u202e{word[::-1]}\u202c"),
    "full-width-digits": _full_width,
    "contradicted": _contradicted,
    "buried": _buried,
    "other-task": _other_task,
}


def _parts(one: Good) -> list[str]:
    """The lines of the code, or the sentences of prose."""
    return one.code.code.splitlines(keepends=True) if one.code else SENTENCE.split(one.text)


def _rebuilt(one: Good, parts: list[str]) -> str:
    return one.holding(("" if one.code else " ").join(parts))


def _with(one: Good, tokens: list[Token], at: int, text: str) -> str:
    return one.holding("".join(text if i == at else t.text for i, t in enumerate(tokens)))


def _replaced(one: Good, word: str, by: str) -> str:
    """The answer with every whole ``word`` of its code, or of its prose, replaced."""
    return one.holding(_whole(word).sub(lambda _match: by, one.body))


def _whole(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")


def _disjoint(one: Case, other: Case) -> bool:
    """Whether two cases ask for different things in every point that both name, and name at least
    one."""
    shared = set(one.expect) & set(other.expect)
    return bool(shared) and all(one.expect[key] != other.expect[key] for key in shared)
