"""Hidden steps on a C++ answer, run in the sandbox; no expected value ever goes in there.

    ran = cpp(code, [[Line("Counter c(2)"), Line("c.add(3)", VALUE)]], sandbox)
    if isinstance(ran, Judgement):  # it was not built, or there is no compiler
        return ran
    ran.replies[0][1]               # ["value", 5]

A scenario is a list of lines that run one after the other in a process of its own; all are built
into one program with address and undefined behaviour sanitizers. What comes of a line is one of

    ["value", value]      an expression, as JSON has it: a map is a mapping, a pair, a tuple or a
                          range a list, an empty optional or pointer None, a char a text
    ["compare", [a, b], [sign]]
                          an expression whose outermost operator compares: both sides, to be
                          compared outside, so that no operator of the answer decides (``value``
                          where both are of a class that cannot be sent; one such side alone
                          counts as ``raise``)
    ["many", [value...]]  an expression with ``names``: its value for each of ``rows``
    ["raise", [type, base...], text]
    ["done", None]        a statement
    ["lost", why]         nothing, as the process had ended: ``sanitizer``, ``crash``,
                          ``early-exit``, ``timeout``

Values come on a channel of their own under a word that the program gets when it starts, so
that whatever the answer prints counts for nothing; names of the runtime are a digest of the
program; a ``main`` of the answer is not run. What was run is kept by content for this process:
every criterion of a facet gets the same ``Ran`` for the same code and scenarios."""

from __future__ import annotations

import hashlib
import json
import secrets
import signal
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import Judgement, failed, unverified
from harness.sandbox import Limits, Sandbox

HERE = Path(__file__).parent
#: what a line is: a statement, an expression, an expression whose value is not sent
RUN, VALUE, CALL = "run", "value", "call"
SECONDS = 5.0  #: of processor time of one scenario
COMPILER = "g++"  #: to be declared by the verifier: ``executables=[COMPILER]``
#: without /proc the address sanitizer cannot find the stack that an exception unwinds, and takes
#: what is written there later for a fault: arrays on the stack are left to the other one
_SANITIZED = (
    "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
    " --param=asan-stack=0"
)
FLAGS = ["-O0", "-pipe", "-w", "-D_GLIBCXX_ASSERTIONS", *_SANITIZED.split()]
#: the address sanitizer reserves terabytes and uses little: it bounds itself what is used
LIMITS = Limits(wall=100.0, cpu=30, memory=1 << 46, processes=32, output_bytes=4 << 20)
SIGNS = ("==", "!=", "<", "<=", ">", ">=")
MOST_KEPT = 400
LATE = 1000  #: no code of a process: it was ended by the wall
_kept: dict[str, Ran | Judgement] = {}


@dataclass(frozen=True)
class Line:
    """One line of a scenario: C++ text, what it is, and the ``names`` that it is run for with each
    of ``rows`` (numbers, truths, texts)."""

    code: str
    wanted: str = RUN
    names: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()


@dataclass(frozen=True)
class Ran:
    """What came of every line of every scenario, and what the program wrote to standard error."""

    replies: list[list[list[Any]]]
    said: str = ""

    @property
    def report(self) -> str:
        """What a sanitizer found, or how the program complained, in one line."""
        lines = [line for line in self.said.splitlines() if "WARNING" not in line]
        wrong = [one for one in lines if "ERROR: " in one or "runtime error:" in one]
        return (wrong or [one for one in lines if one.strip("=")] or [""])[0][:300]

    @property
    def lost(self) -> str:
        """How the first scenario that did not run to its end was lost; empty where all did."""
        ends = (replies[-1] for replies in self.replies if replies)
        return next((str(end[1]) for end in ends if end[0] == "lost"), "")


def cpp(
    code: str,
    scenarios: Sequence[Sequence[Line]],
    sandbox: Sandbox,
    *,
    standard: str = "c++17",
    seconds: float = SECONDS,
) -> Ran | Judgement:
    """What came of ``scenarios`` on the C++ ``code``, a whole translation unit but for ``main``.

    A judgement where nothing could be run: ``does-not-compile``, with the compiler's first words,
    fails; what is about this machine is unverified."""
    text = _program(code, scenarios)
    key = f"{hashlib.sha256(text.encode(errors='replace')).hexdigest()} {standard} {seconds}"
    if key not in _kept:
        found = _run(text, scenarios, sandbox, [f"-std={standard}", *FLAGS], seconds)
        if isinstance(found, Judgement) and found.reason != "does-not-compile":
            return found  # of the machine: another time it may be there
        while len(_kept) >= MOST_KEPT:
            _kept.pop(next(iter(_kept)))
        _kept[key] = found
    return _kept[key]


def compiled(
    code: str,
    sandbox: Sandbox,
    *,
    standard: str = "c++17",
    flags: Iterable[str] = ("-Wall", "-Wextra"),
) -> list[str] | Judgement:
    """What the compiler warns of in ``code`` alone, a sentence each, without running it; or the
    judgement that it does not compile."""
    said = sandbox.command(
        [COMPILER, f"-std={standard}", *flags, "-S", "-o", "/dev/null", "-x", "c++", "answer.cpp"],
        {"answer.cpp": code},
        limits=Limits(wall=60.0, cpu=30, memory=2 << 30, processes=32),
    )
    if said.reason == "start":
        return unverified("tool-missing", said.stderr.decode(errors="replace")[:300])
    lines = said.stderr.decode(errors="replace").splitlines()
    if not said.ok:
        return _refused(lines, said.reason)
    return [line for line in lines if " warning: " in line]


def _program(code: str, scenarios: Sequence[Sequence[Line]]) -> str:
    """The answer, then the runtime, then a function for each scenario, and ``main``: the answer is
    built on what it includes itself."""
    bodies = "\n".join(_function(n, lines) for n, lines in enumerate(scenarios))
    names = ", ".join(f"HIDDEN_{n}" for n in range(len(scenarios)))
    runtime = (HERE / "_hidden_runtime.hpp").read_text(encoding="utf-8")
    digest = hashlib.sha256(f"{code}\0{bodies}".encode(errors="replace")).hexdigest()[:20]
    hidden = (
        f'#line 1 "runtime"\n{runtime}\n#line 1 "scenarios"\n{bodies}\n'
        f"int main(int, char **given) {{ static void (*const all[])() = {{{names}}};"
        " return HIDDEN::run(all, given[1]); }\n"
    )
    head = f'#define main HIDDEN_main\n#line 1 "answer.cpp"\n{code}\n#undef main\n'
    name = f"h{digest}"
    return head.replace("HIDDEN_main", f"{name}_main", 1) + hidden.replace("HIDDEN", name)


def _function(number: int, lines: Sequence[Line]) -> str:
    body = "\n".join(f"  HIDDEN::step = {n};\n{_line(line)}" for n, line in enumerate(lines))
    return f"static void HIDDEN_{number}() {{\n{body}\n}}"


def _line(line: Line) -> str:
    if line.wanted == RUN:
        return f'  {line.code};\n  HIDDEN::send("done", "null");'
    if line.wanted == CALL:
        sent = f'{{ (void)({line.code}); HIDDEN::send("done", "null"); }}'
    elif line.names:
        sent = _table(line)
    elif sides := comparison(line.code):
        left, sign, right = sides
        compare = f"[](const auto &a, const auto &b) {{ return a {sign} b; }}"
        sent = f'HIDDEN::compared(({left}), ({right}), "{sign}", {compare});'
    else:
        sent = f"HIDDEN::value((({line.code}), HIDDEN::Nothing{{}}));"
    return f"  try {{ {sent} }} catch (...) {{ HIDDEN::raised(); }}"


def _table(line: Line) -> str:
    """A loop over the rows, which all have the types of the widest value in their column."""
    columns = list(zip(*line.rows, strict=True))
    kinds = [_kind(column) for column in columns]
    fields = " ".join(f"{kind} f{n};" for n, kind in enumerate(kinds))
    rows = ", ".join("{" + ", ".join(map(_literal, row)) + "}" for row in line.rows)
    given = " ".join(
        f"[[maybe_unused]] const {kind} {name} = row.f{n};"
        for n, (kind, name) in enumerate(zip(kinds, line.names, strict=True))
    )
    return (
        f"struct Row {{ {fields} }}; static const Row rows[] = {{ {rows} }}; std::string out;"
        f" for (const Row &row : rows) {{ {given} out += out.empty() ? '[' : ',';"
        f" HIDDEN::put(out, (({line.code}), HIDDEN::Nothing{{}})); }}"
        ' HIDDEN::send("many", out + "]");'
    )


def _kind(column: Sequence[Any]) -> str:
    if all(isinstance(one, bool) for one in column):
        return "bool"
    if all(isinstance(one, int) for one in column):
        low, high = min(column), max(column)
        if low >= -(1 << 31) and high < 1 << 31:
            return "int"
        return "unsigned long long" if high >= 1 << 63 else "long long"
    return "std::string" if any(isinstance(one, str) for one in column) else "double"


def _literal(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1 << 63:
        return f"{value}ULL"
    return json.dumps(value)


def comparison(code: str) -> tuple[str, str, str] | None:
    """The sides and the sign of an expression whose outermost operator compares; else ``None``."""
    import tree_sitter_cpp
    from tree_sitter import Language, Parser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        parser = Parser(Language(tree_sitter_cpp.language()))
    root = parser.parse(f"auto x = {code};".encode()).root_node
    declared = root.named_children[0].child_by_field_name("declarator") if root.children else None
    node = declared.child_by_field_name("value") if declared else None
    if root.has_error or node is None or node.type != "binary_expression":
        return None
    left, sign, right = (node.child_by_field_name(f) for f in ("left", "operator", "right"))
    if not (left and right and sign and sign.type in SIGNS):
        return None
    return _text(left), sign.type, _text(right)


def _text(node: Any) -> str:
    return str(node.text.decode())


def _run(
    text: str,
    scenarios: Sequence[Sequence[Line]],
    sandbox: Sandbox,
    flags: list[str],
    seconds: float,
) -> Ran | Judgement:
    word = secrets.token_hex(16)
    build = (HERE / "_hidden_build.py").read_text(encoding="utf-8")
    done = sandbox.command(
        ["python", "build.py", str(len(scenarios)), str(seconds), COMPILER, *flags],
        {"build.py": build, "all.cpp": text},
        wanted=["built.txt", "channel", "said.txt", "how.json"],
        stdin=word,
        limits=LIMITS,
    )
    wrote = {name: content.decode(errors="replace") for name, content in done.files.items()}
    lines = wrote.get("built.txt", "").splitlines()
    try:
        how = json.loads(wrote.get("how.json", ""))
    except ValueError:
        how = {}
    if "built" not in how:
        why = done.stderr.decode(errors="replace").strip()[-300:]
        if "FileNotFoundError" in why or "PermissionError" in why or done.reason == "start":
            return unverified("tool-missing", f"{COMPILER} does not start in the sandbox: {why}")
        return failed("does-not-compile", f"the compiler was ended: {done.reason} {why}")
    if not how["built"]:
        return _refused(lines, "")
    said = wrote.get("said.txt", "").strip()[:2000]
    return Ran(_replies(wrote.get("channel", ""), word, scenarios, how["ended"]), said)


def _replies(
    channel: str, word: str, scenarios: Sequence[Sequence[Line]], ended: Sequence[int]
) -> list[list[list[Any]]]:
    """What was sent under the word, by scenario and line; the first of two replies counts."""
    sent: dict[tuple[int, int], list[Any]] = {}
    for line in channel.splitlines():
        if line.startswith(f"{word} "):
            try:
                scenario, step, kind, value = json.loads(line[len(word) :])
            except (ValueError, TypeError):
                continue
            reply = [kind, *value] if kind in ("compare", "raise") else [kind, value]
            sent.setdefault((scenario, step), reply)
    found = []
    for number, (lines, code) in enumerate(zip(scenarios, ended, strict=True)):
        lost = ["lost", _why(code)]
        found.append([sent.get((number, n), lost) for n in range(len(lines))])
        if (number, -1) not in sent and not any(one[0] == "raise" for one in found[-1]):
            found[-1][-1] = lost  # it ended behind its last line, or a sanitizer ended it there
    return found


def _why(code: int) -> str:
    """Why a process did not run to its end."""
    named = {86: "sanitizer", LATE: "timeout", -signal.SIGXCPU: "timeout"}
    return named.get(code, "crash" if code < 0 else "early-exit")


def _refused(lines: Sequence[str], ended: str) -> Judgement:
    """Why there is no program: about the answer, or about a compiler that lacks a part."""
    broken = [line for line in lines if line.startswith(COMPILER) and "cannot execute" in line]
    if broken:
        return unverified("tool-missing", broken[0][:300])
    wrong = [line for line in lines if "error:" in line or "undefined reference" in line]
    said = (wrong or lines or [f"the compiler was ended: {ended}"])[0][:300]
    return failed("does-not-compile", said)
