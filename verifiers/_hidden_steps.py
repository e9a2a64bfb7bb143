"""The scenarios of ``expect`` put to the C++ program of an answer, and held against what came of
them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness import Answer, Judgement, failed, unverified
from harness.judging.markdown import spoken
from harness.languages import named
from harness.sandbox import Sandbox

from ._hidden import CALL, RUN, VALUE, Line, Ran, cpp
from ._hidden_py import right
from ._steps import Scenario, Step, fault, scenarios

MAX_CHARS = 40_000
HEAP = 'extern "C" unsigned long __sanitizer_get_current_allocated_bytes();'


def source(answer: Answer) -> str | Judgement:
    """The C++ of an answer as one translation unit: its blocks in their order, those of a header
    first; what includes another block has it before it already."""
    if len(answer.text) > MAX_CHARS:
        return failed("too-long", f"{len(answer.text)} characters, at most {MAX_CHARS} are read")
    blocks = Answer(spoken(answer.text)).blocks
    codes = [one.code for one in blocks if one.closed and _cpp(one.language)]
    codes = [code for code in codes if code.strip()]
    if not codes:
        return failed("no-code", "no closed C++ block with code in it")
    text = "\n".join(codes)
    if any(ord(letter) in UNSEEN for letter in text):
        return failed("invisible-character", "a character that a reader cannot see")
    lines = [line for line in text.split("\n") if not _own_include(line)]
    return "\n".join(lines) + "\n"


#: what turns or hides text
UNSEEN = {*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF}


def _cpp(tag: str) -> bool:
    return named(tag) in (named("cpp"), named("c++"), named(""))


def _own_include(line: str) -> bool:
    """An include of a file of the answer itself, or a guard that two blocks would share."""
    bare = line.replace(" ", "").replace("\t", "")
    return bare.startswith('#include"') or bare.startswith("#pragmaonce")


def outcomes(expect: Mapping[str, Any], code: str, sandbox: Sandbox) -> Ran | Judgement:
    """What came of the scenarios, and then of each of them run three times over while the heap is
    looked at; every criterion asks for the same program and shares what was run."""
    try:
        asked = scenarios(expect)
        lines = [[_line(step) for step in one.steps] for one in asked]
    except (ValueError, KeyError, TypeError) as error:
        return unverified("expect", f"{type(error).__name__}: {error}")
    again = [_again(one) for one in asked]
    return cpp(f"{code}\n{HEAP}\n", [*lines, *again], sandbox)


def _line(step: Step) -> Line:
    if not step.demand:
        return Line(step.code, RUN)
    if set(step.demand) <= {"raises", "within"}:
        return Line(step.code, CALL)
    rows = tuple(map(tuple, step.rows)) if step.names else ()
    return Line(step.code, VALUE, tuple(step.names), rows)


def _again(one: Scenario) -> list[Line]:
    """The scenario three times in blocks of its own: the heap may grow the first time alone."""
    body = "\n".join(_statement(step) for step in one.steps)
    heap = "__sanitizer_get_current_allocated_bytes()"
    loop = f"for (auto &bytes_ : heap_) {{ {{ {body} }} bytes_ = {heap}; }}"
    return [Line(f"std::size_t heap_[3] = {{}};\n{loop}"), Line("heap_[2] - heap_[1]", VALUE)]


def _statement(step: Step) -> str:
    if not step.demand:
        return f"{step.code};"
    if step.names:
        return ""
    return f"try {{ (void)({step.code}); }} catch (...) {{ }}"


def wrong(expect: Mapping[str, Any], ran: Ran, sandbox: Sandbox) -> str:
    """The first step that was not what was expected; empty where all were."""
    for one, replies in zip(scenarios(expect), ran.replies, strict=False):
        for step, reply in zip(one.steps, replies, strict=True):
            problem = fault(step, reply, right(step, sandbox))
            if problem:
                return f"{one.name}: {problem}"
    return ""


def leaking(expect: Mapping[str, Any], ran: Ran) -> str:
    """What a sanitizer had to say, or how much the heap grew; empty where nothing was."""
    asked = scenarios(expect)
    for one, replies in zip([*asked, *asked], ran.replies, strict=True):
        ends = [reply[1] for reply in replies if reply[0] == "lost"]
        if ends:
            return f"{one.name}: {ends[0]}: {ran.said[:300]}"
    for one, replies in zip(asked, ran.replies[len(asked) :], strict=True):
        if replies[-1] != ["value", 0]:
            return f"{one.name}: the heap grows by {replies[-1][1]} bytes each time"
    return ""


def asserted(defines: Sequence[str]) -> str:
    """Declarations behind the answer that compile only where it offers what ``defines`` asks for:
    ``Loop(double, int)``, ``int Loop::advance(double) const``, ``double Body::x``, ``Pool<int>``.
    Raises ``ValueError`` for a text that is none of these."""
    lines = [_assertion(one) for one in defines]
    return "\n#include <type_traits>\n#include <utility>\n" + "\n".join(lines) + "\n"


def _assertion(declared: str) -> str:
    head, given, rest = declared.strip().partition("(")
    parameters, closed, behind = rest.rpartition(")")
    if bool(given) != bool(closed):
        raise ValueError(f"{declared!r}: expected one pair of parentheses")
    kind, name = _split(head)
    owner, _, member = name.rpartition("::")
    if not kind:
        types = f", {parameters}" if parameters.strip() else ""
        said = f"std::is_constructible_v<{name}{types}>" if given else f"sizeof({name}) != 0"
        return f'static_assert({said}, "{_plain(declared)}");'
    passed = ", ".join(f"std::declval<{one}>()" for one in _types(parameters))
    const = "const " if behind.strip() == "const" else ""
    static = kind.startswith("static ")
    on = f"std::declval<{const}{owner} &>().{member}" if owner and not static else name
    used = f"{on}({passed})" if given else on
    wanted = kind.removeprefix("static ")
    same = f"std::is_same_v<std::decay_t<decltype({used})>, std::decay_t<{wanted}>>"
    return f'static_assert({same}, "{_plain(declared)}");'


def _plain(declared: str) -> str:
    return declared.replace("\\", " ").replace('"', "'")


def _split(head: str) -> tuple[str, str]:
    """The type and the name of ``std::map<int, int> Grid::cells``; no type for a constructor."""
    depth = 0
    for at in range(len(head) - 1, -1, -1):
        depth += (head[at] == ">") - (head[at] == "<")
        if depth == 0 and head[at] in " *&":
            return head[: at + 1].strip(), head[at + 1 :].strip()
    return "", head.strip()


def _types(parameters: str) -> list[str]:
    """The types of a list of parameters, split at the commas outside of brackets."""
    found, depth = [""], 0
    for letter in parameters:
        depth += (letter in "<([") - (letter in ">)]")
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [one.strip() for one in found if one.strip()]
