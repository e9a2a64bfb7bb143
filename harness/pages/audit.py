"""What an audit shows: lines for a terminal, a page, JUnit XML and JSON - all from the
certificates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from harness import files
from harness.audit.answering import excusable
from harness.audit.certificate import Certificate, State
from harness.audit.questions import FALSE_FAIL
from harness.content.fixtures import MADE
from harness.pages import tables
from harness.pages.html import filled, visible
from harness.pages.tables import share

if TYPE_CHECKING:
    from harness.audit.workspace import Audited


def details(c: Certificate) -> Iterator[str]:
    """Everything an author wants to know about one verifier, and what to write next."""
    yield f"{c.verifier} v{c.version}: {c.state}" + (
        f" until {c.expires}" if c.state is State.VALID else ""
    )
    for check in checks(c):
        yield f"  {check.name:<16} {check.text}"
        yield from (f"    {visible(line)}" for line in check.wrong[:5])
        if len(check.wrong) > 5:
            yield f"    and {len(check.wrong) - 5} more"
    yield from (f"  note: {visible(note)}" for note in c.notes)
    yield from (f"  waived: {operator}: {reason}" for operator, reason in c.waived.items())
    asked = {operator for question in c.questions for operator in question.operators}
    left = {s.operator: s for s in reversed(c.survivors) if s.operator not in asked}
    if left:
        yield "  survivors: mutants that pass though most like them fail; is each still right?"
    for survivor in left.values():
        yield f"    {survivor.operator} of {survivor.of}"
        yield from (f"      {visible(line)}" for line in survivor.diff.splitlines()[:8])
    diffs = {str(question): question.diff for question in c.questions}
    for line in c.missing:
        yield f"  next: {line}"
        yield from (f"      {visible(row)}" for row in diffs.get(line, "").splitlines()[:8])
    if c.questions:
        name = c.questions[0].name
        yield f"  next: harness audit {c.verifier} --answer, or --answer {name}=deadly,"
        yield f"        or --answer '{name}=waive: REASON'"
    for name in excusable(c)[:1]:
        yield f"  next: where it is right to pass one of these: --answer '{name}=waive: REASON'"
    if not c.missing and c.state is State.VALID:
        yield "  next: nothing is missing"


class Check:
    """One thing an audit looked at: its name, a sentence with the numbers, and what was wrong."""

    def __init__(self, name: str, text: str, wrong: Sequence[str] = ()) -> None:
        self.name, self.text, self.wrong = name, text, list(wrong)


def checks(c: Certificate) -> list[Check]:
    """The checks of an audit in the order of a reader's questions."""
    absurd = [name for name in c.false_passes if name.startswith(MADE)]
    known = [name for name in c.false_passes if not name.startswith(MADE)]
    scored = c.mutants.get("killed", 0) + c.mutants.get("survived", 0)
    aside = ", ".join(
        f"{n} {name}" for name, n in c.mutants.items() if name not in ("killed", "survived") and n
    )
    mutants = (
        f"{c.mutants.get('killed', 0)} of {scored} killed ({share(c.mutation_score)}, at least"
        f" {share(c.mutation_bound)})"
    )
    parts = "".join(f"; {part}: {wrong} of {n}" for part, (wrong, n) in c.parts.items())
    worst = min(
        c.operators, key=lambda name: c.operators[name][0] / c.operators[name][1], default=""
    )
    if worst:
        killed, made = c.operators[worst]
        mutants += f", worst operator {worst} {killed} of {made}"
    return [
        Check(
            "known good",
            f"{len(c.false_fails)} of {c.good} refused; worth {c.effective_good},"
            f" at most {share(c.false_fail_bound)}",
            c.false_fails,
        ),
        Check(
            "known bad",
            f"{len(known)} of {c.bad} passed; worth {c.effective_known}, with those made"
            f" {c.effective_bad} of {c.kinds} kinds, at most {share(c.false_pass_bound)}{parts}",
            known,
        ),
        Check(
            "tasks",
            f"{c.tasks_failed} of {c.tasks} with a bad answer passed, at most"
            f" {share(c.task_bound)}",
        ),
        Check("degenerate", f"{len(absurd)} of {c.degenerate} passed; none may", absurd),
        Check(
            "variants",
            f"{len(c.flips)} of {c.variants} flipped; worth {c.effective_variants},"
            f" at most {share(c.flip_bound)}",
            c.flips,
        ),
        Check(
            "contract",
            f"{c.runs} runs, other surroundings, bombs: {'broken' if c.faults else 'kept'}",
            c.faults,
        ),
        Check("mutants", mutants + (f"; set aside: {aside}" if aside else "")),
        Check("cost", f"{c.calls} calls, {1000 * c.seconds:.2g} ms each"),
    ]


def plain(certificates: Sequence[Certificate], found: Audited) -> dict[str, Any]:
    """The certificates with state, bounds and digest, and what could not be loaded."""
    return {
        "certificates": [c.to_json() for c in certificates],
        "broken": found.broken,
        "leaks": found.leaks,
    }


def write_table(path: Path, certificates: Sequence[Certificate], _found: Audited) -> None:
    """The bounds of every verifier, as CSV or Markdown by the ending of ``path``."""
    tables.write(path, tables.audits(certificates), tables.audited(certificates))


def write_junit(path: Path, certificates: Sequence[Certificate], found: Audited) -> None:
    """One suite for each verifier, one case for each check; PROVISIONAL is skipped, not passed."""
    root = ElementTree.Element("testsuites", name="harness audit")
    for c in certificates:
        suite = ElementTree.SubElement(
            root, "testsuite", name=c.verifier, time=f"{c.seconds * c.calls:.3f}"
        )
        for check in checks(c)[:-2]:
            case = ElementTree.SubElement(suite, "testcase", classname=c.verifier, name=check.name)
            if check.wrong:
                ElementTree.SubElement(case, "failure", message=check.text).text = _xml(
                    "\n".join([*check.wrong, *c.notes])
                )
        case = ElementTree.SubElement(suite, "testcase", classname=c.verifier, name="certificate")
        if c.state is State.REFUSED or c.state is State.EXPIRED:
            ElementTree.SubElement(case, "failure", message=c.state).text = _xml(c.sentence())
        elif c.state is State.PROVISIONAL:
            ElementTree.SubElement(case, "skipped", message=_xml("; ".join(c.missing)))
        for kind in ("failure", "skipped"):
            suite.set(
                f"{kind}s" if kind == "failure" else kind,
                str(len(suite.findall(f"testcase/{kind}"))),
            )
        suite.set("tests", str(len(suite)))
    for line in (*found.broken, *found.leaks):
        suite = ElementTree.SubElement(root, "testsuite", name="plug-ins", tests="1", failures="1")
        case = ElementTree.SubElement(suite, "testcase", classname="plug-ins", name="loads")
        ElementTree.SubElement(case, "failure", message=_xml(line))
    files.replace(path, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def write_html(path: Path, certificates: Sequence[Certificate], found: Audited) -> None:
    """A self-contained page: states and bounds, confusion matrices, survivors with their
    differences."""
    from harness.pages.view import Checkers, weakest

    ranks = [State.REFUSED, State.EXPIRED, State.PROVISIONAL, State.VALID]
    certificates = sorted(certificates, key=lambda c: ranks.index(c.state))
    steps = {c.verifier: _steps(c) for c in certificates}
    todo = [(name, lines[0]) for name, lines in steps.items() if lines]
    states = Counter(str(c.state) for c in certificates)
    worst = [c.false_pass_bound for c in certificates]
    named: dict[str, Any] = {
        "certificates": certificates,
        "checks": {c.verifier: checks(c) for c in certificates},
        "steps": steps,
        "asked": {
            c.verifier: {name for q in c.questions for name in q.operators} for c in certificates
        },
        "found": found,
        "overall": Checkers(len(certificates), dict(states), weakest(worst)),
        "first": min(certificates, key=lambda c: c.expires, default=None),
        "next": todo[0] if todo else None,
        "limits": {"false_fail": FALSE_FAIL},
    }
    files.replace(path, filled(found.reports, "audit.html.j2", named))


def _steps(c: Certificate) -> list[str]:
    """What a verifier was wrong about, and what it lacks."""
    wrong = [(c.false_passes, "passes known-bad"), (c.false_fails, "refuses known-good")]
    said = [f"{text} {', '.join(names[:3])}" for names, text in wrong if names]
    return [*said, *c.faults, *c.missing]


def _xml(text: str) -> str:
    """Text that XML can hold: control characters and lone surrogates are spelt out."""
    return "".join(
        (
            c
            if c in "\n\t" or (c >= " " and not "\ud800" <= c <= "\udfff" and c < "\ufffe")
            else f"\\u{ord(c):04x}"
        )
        for c in text
    )
