"""Flutter widgets in Dart 3, judged on the tree of tree-sitter's grammar: no Dart SDK is at
hand, so types are known as far as an answer shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from tree_sitter import Node

from harness import Answer, Case, Judgement, failed, passed, verifier

from ._code import text, walk
from ._flutter_api import LABELS, MEMBERS, NAMES, OF_CALL, OWNED, SHORTHANDS, SINCE
from ._flutter_declares import missing, shape, wanted_class
from ._flutter_gap import gap_faults
from ._flutter_lifetime import owned_faults
from ._flutter_moments import build_faults, stale_faults, state_faults
from ._flutter_names import imports, null_safety, undeclared, unknown_members
from ._flutter_patterns import first
from ._flutter_reach import entries, reach
from ._flutter_tree import Script, script
from ._flutter_uses import Use, where

flutter = partial(
    verifier, version=1, facet="flutter", level="parsed",
    packages=["tree-sitter", "tree-sitter-dart", "markdown-it-py"],
)  # fmt: skip
Faults = Callable[[Script], Iterable[Judgement]]


def _judge(case: Case, answer: Answer, faults: Faults) -> Judgement:
    """The first fault of an answer that has the types asked for, or a pass that says what was
    read."""
    files = script(case, answer)
    if isinstance(files, Judgement):
        return files
    for row in case.expect.get("types", ()):
        found = wanted_class(files, row)
        if isinstance(found, Judgement):
            return found
    for name in case.expect.get("functions", ()):
        if name not in {m.name for m in files.functions if m.body}:
            return failed("missing", f"no function {name}")
    for fault in faults(files):
        return fault
    return passed(", ".join(c.name for c in files.classes) or "functions")


def _chain(*checks: Faults) -> Faults:
    return lambda files: (fault for check in checks for fault in check(files))


@flutter("flutter.parses")
def parses(case: Case, answer: Answer) -> Judgement:
    """The types asked for are Dart 3 that an analyser could take, by the grammar and by what one
    can tell without types."""
    skipped = case.expect.get("fragment")
    packages = case.expect.get("packages")

    def foreign(files: Script) -> Iterator[Judgement]:
        for one in files.imports:
            name = one.removeprefix("package:").partition("/")[0]
            own = not one.startswith("package:") or name in ("flutter", "flutter_test")
            if packages is not None and not own and name not in packages:
                yield failed("package", f"{name} was not asked for")

    checks = (foreign, undeclared, unknown_members, null_safety, *(() if skipped else (imports,)))
    return _judge(case, answer, _chain(*checks))


@flutter("flutter.declares")
def declares(case: Case, answer: Answer) -> Judgement:
    """The types have the bases and members asked for, and the parts that Flutter calls."""
    rows = case.expect.get("types", ())
    return _judge(
        case,
        answer,
        lambda files: [*(f for row in rows for f in missing(files, row)), *shape(files)],
    )


@flutter("flutter.uses")
def used(case: Case, answer: Answer) -> Judgement:
    """What the prompt asks for is done, where it belongs, and what it forbids is not."""
    return _judge(case, answer, lambda files: _rows(files, case))


def _rows(files: Script, case: Case) -> Iterator[Judgement]:
    for row in case.expect["uses"]:
        found = first(files, _where(files, row), row["any"])
        shown = " or ".join(row["any"]) + "".join(
            f" {k} {row[k]}" for k in ("in", "from") if k in row
        )
        if found is None:
            yield failed("not-done", f"no {shown}")
        elif "before" in row:
            later = first(files, _where(files, row), row["before"])
            if later is None or later.start_byte < found.start_byte:
                yield failed("order", where(found, f"{shown} not before {row['before']}"))
    for row in case.expect.get("avoids", ()):
        found = first(files, _where(files, row), row["any"])
        if found is not None:
            yield failed("forbidden", where(found, text(found)[:60]))


def _where(files: Script, row: dict[str, Any]) -> list[Node]:
    """The nodes that a row speaks of."""
    within = row.get("in")
    classes = files.classes if within is None else files.family(within)
    names = row.get("from")
    if names is None:
        return [c.node for c in classes] if within is not None else files.roots
    begin = entries(files, classes, [names] if isinstance(names, str) else list(names))
    return [part for member in reach(files, classes, begin) for part in member.parts]


@flutter("flutter.current")
def current(case: Case, answer: Answer) -> Judgement:
    """Nothing that the stated release of Flutter has deprecated, or has not brought yet."""
    return _judge(case, answer, _dated)


def _dated(files: Script) -> Iterator[Judgement]:
    own = set(files.by_name) | {m.name for c in files.classes for m in c.members}
    for root in files.roots:
        for node in walk(root):
            if node.type == "dot_shorthand" and files.version < SHORTHANDS:
                yield failed("not-yet", where(node, f"{text(node)} came with {SHORTHANDS}"))
            if node.type not in ("identifier", "type_identifier"):
                continue
            name = text(node)
            above = node.parent
            if name in own:
                continue
            if files.version < SINCE.get(name, (0, 0)):
                yield failed("not-yet", where(node, f"{name} came with {SINCE[name]}"))
            since, instead = NAMES.get(name, ((99, 0), ""))
            if above is not None and above.type == "label":
                since, instead = LABELS.get(name, ((99, 0), ""))
            if files.version >= since:
                yield failed("deprecated", where(node, f"{name}: {instead}"))
    for use in files.uses:
        yield from _member(files, use, own)


def _member(files: Script, use: Use, own: set[str]) -> Iterator[Judgement]:
    since, instead = (
        MEMBERS.get(use.name, ((99, 0), "")) if use.on and use.name not in own else ((99, 0), "")
    )
    for owner in (use.on, use.root):
        since, instead = OWNED.get((owner, use.name), (since, instead))
    if files.version >= since:
        yield failed("deprecated", where(use.node, f"{use.name}: {instead}"))
    for each in use.args.named_children if use.args else ():
        label = text(each.named_children[0]).rstrip(": ") if each.type == "named_argument" else ""
        for called in (use.name, use.on):
            since, instead = OF_CALL.get((called, label), ((99, 0), ""))
            if files.version >= since:
                yield failed("deprecated", where(each, f"{called}({label}): {instead}"))


@flutter("flutter.lifetime")
def lifetime(case: Case, answer: Answer) -> Judgement:
    """What is made is released: controllers, nodes, timers, subscriptions, listeners."""
    return _judge(case, answer, owned_faults)


@flutter("flutter.moments")
def moments(case: Case, answer: Answer) -> Judgement:
    """Nothing at the wrong moment: the context after an await, work in a build, an old answer."""
    stale = (stale_faults,) if case.expect.get("stale_guard") else ()
    return _judge(case, answer, _chain(gap_faults, build_faults, state_faults, *stale))
