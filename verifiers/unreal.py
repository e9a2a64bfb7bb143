"""Unreal's C++, judged on the tree of tree-sitter's grammar with the macros of the header tool read
beside it: neither the engine nor its headers are at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from tree_sitter import Node

from harness import Answer, Case, Judgement, failed, passed, verifier

from ._code import text, walk
from ._unreal_api import ALIEN, ALIEN_OF, GONE, NEW_INPUT, OLD_INPUT, PRIVATE, SINCE
from ._unreal_declares import type_faults
from ._unreal_flow import Flow, arguments, called, generics, last_name, target
from ._unreal_header import (
    base_faults,
    delegate_faults,
    header_faults,
    include_faults,
    link_faults,
    undefined_faults,
)
from ._unreal_lifetime import handler_faults, making_faults, pointer_faults, super_faults
from ._unreal_model import Project, plain, where
from ._unreal_network import Network
from ._unreal_patterns import found
from ._unreal_reading import project
from ._words import words

unreal = partial(
    verifier,
    version=1,
    facet="unreal",
    packages=["tree-sitter", "tree-sitter-cpp", "markdown-it-py"],
    level="parsed",
)
NAMES = words("identifier field_identifier type_identifier namespace_identifier")


def _read(case: Case, answer: Answer) -> Project | Judgement:
    """The files of an answer, which hold the types that the case asks for."""
    files = project(case, answer)
    if isinstance(files, Judgement):
        return files
    for row in case.expect["types"]:
        for fault in type_faults(files, row, whole=False):
            return fault
    if not case.expect.get("fragment") and all(one.body_inside for one in files.functions):
        for fault in undefined_faults(files):
            return failed("no-source", fault.evidence)
    return files


def _verdict(files: Project, faults: Iterable[Judgement]) -> Judgement:
    for fault in faults:
        return fault
    names = ", ".join(one.name for one in files.types) or "functions"
    return passed(f"{names}: {len(files.functions)} functions in {len(files.files)} blocks")


@unreal("unreal.parses")
def parses(case: Case, answer: Answer) -> Judgement:
    """The types asked for are C++ that Unreal's header tool and the compiler could take, as far as
    a tree shows it."""
    files = _read(case, answer)
    if isinstance(files, Judgement):
        return files
    fragment = case.expect.get("fragment", False)
    checks = [base_faults(files), delegate_faults(files)]
    if not fragment:
        checks = [header_faults(files), link_faults(files), *checks, include_faults(files)]
    return _verdict(files, (fault for check in checks for fault in check))


@unreal("unreal.declares")
def declares(case: Case, answer: Answer) -> Judgement:
    """The types have the bases, specifiers and members asked for, and functions do something."""
    files = _read(case, answer)
    if isinstance(files, Judgement):
        return files
    rows = [type_faults(files, row, whole=True) for row in case.expect["types"]]
    return _verdict(files, (fault for check in rows for fault in check))


@unreal("unreal.calls")
def calls(case: Case, answer: Answer) -> Judgement:
    """What the prompt asks for is done, in the functions where it belongs, and what it forbids is
    not."""
    files = _read(case, answer)
    if isinstance(files, Judgement):
        return files
    return _verdict(files, _called(files, case))


def _called(files: Project, case: Case) -> Iterator[Judgement]:
    flow = Flow(files)
    network = Network(flow)
    for row in case.expect["uses"]:
        nodes = found(files, _where(flow, row), row["any"])
        shown = f"{' or '.join(row['any'])} {_moment(row)}"
        if not nodes:
            yield failed("not-done", f"no {shown}")
        if row.get("authority"):
            home = {one.node.id: one for one in files.functions}
            for node in nodes:
                at: Node | None = node
                while at is not None and at.id not in home:
                    at = at.parent
                if at is not None and not network.authority.guarded(node, home[at.id]):
                    yield failed("no-authority", where(node, f"{text(node)[:60]} on clients too"))
        if nodes and "before" in row:
            later = found(files, _where(flow, row), row["before"])
            if not later or later[-1].start_byte < nodes[0].start_byte:
                yield failed("order", where(nodes[0], f"{shown} not before {row['before']}"))
    for row in case.expect.get("avoids", ()):
        for node in found(files, _where(flow, row), row["any"]):
            yield failed("forbidden", where(node, f"{text(node)[:60]} {_moment(row)}"))


def _where(flow: Flow, row: dict[str, Any]) -> list[Node]:
    """The nodes that a row of ``uses`` or ``avoids`` speaks of."""
    within, names = row.get("in"), row.get("from")
    if names is not None:
        wanted = [names] if isinstance(names, str) else list(names)
        starts = [one.node for one in flow.reached(wanted, within)]
    elif within is None:
        starts = [file.root for file in flow.project.files]
    else:
        starts = [one.node for one in flow.project.functions if one.owner == within]
        starts += [one.node for one in flow.project.types if one.name == within]
    return [node for start in starts for node in walk(start)]


def _moment(row: dict[str, Any]) -> str:
    return " ".join(f"{key} {row[key]}" for key in ("in", "from") if key in row) or "anywhere"


@unreal("unreal.replicates")
def replicates(case: Case, answer: Answer) -> Judgement:
    """What is replicated is registered, remote calls are whole, and the server alone decides."""
    files = _read(case, answer)
    if isinstance(files, Judgement):
        return files
    asked, whole = case.expect.get("network", False), not case.expect.get("fragment", False)
    return _verdict(files, Network(Flow(files)).faults(asked=asked, whole=whole))


@unreal("unreal.lifetime")
def lifetime(case: Case, answer: Answer) -> Judgement:
    """Objects are made as Unreal makes them, kept where the garbage collector sees them, and the
    engine's functions are extended and not replaced."""
    files = _read(case, answer)
    if isinstance(files, Judgement):
        return files
    checks = (pointer_faults(files), making_faults(files), super_faults(files),
              handler_faults(files))  # fmt: skip
    return _verdict(files, (fault for check in checks for fault in check))


@unreal("unreal.current")
def current(case: Case, answer: Answer) -> Judgement:
    """The API of the stated version of Unreal 5 and of no other engine, and the input system that
    was asked for."""
    files = _read(case, answer)
    if isinstance(files, Judgement):
        return files
    return _verdict(files, _dated(files, case.expect.get("input", "any")))


def _dated(files: Project, asked: str) -> Iterator[Judgement]:
    own = {m.name for one in files.types for m in one.members} | set(files.by_name)
    own |= set(files.variables)
    for macro in (m for file in files.files for m in file.macros):
        since, instead = GONE.get(macro.name, ((99, 0), ""))
        if files.version >= since:
            yield failed("obsolete", f"{macro.name}: {instead}")
    for node in (n for file in files.files for n in walk(file.root)):
        if called(node) in ALIEN_OF and generics(node):
            yield failed("alien", where(node, f"Unreal has no {called(node)}<>"))
        by_name = called(node) == "BindAction" and arguments(node)
        if asked == "enhanced" and by_name and text(by_name[0]).startswith(("TEXT(", '"')):
            yield failed("other-input", where(node, "an action by name, not an Input Action"))
        if node.type not in NAMES:
            continue
        name = text(node)
        if name not in own:
            yield from _named(files, node, name, asked)
        access = node.parent
        if node.type == "field_identifier" and access and access.type == "field_expression":
            since, instead = PRIVATE.get(name, ((99, 0), ""))
            aim = target(access)
            if files.version >= since and name not in own and aim and aim.type != "this":
                hits = "FHitResult" in instead
                given = files.variables.get(last_name(aim), set())
                structs = [one for one in given if plain(one).startswith("F")]
                if ("FHitResult" in structs) if hits else not structs:
                    yield failed("obsolete", where(node, f"{name}: {instead}"))


def _named(files: Project, node: Node, name: str, asked: str) -> Iterator[Judgement]:
    since, instead = GONE.get(name, ((99, 0), ""))
    if files.version >= since:
        yield failed("obsolete", where(node, f"{name}: {instead}"))
    if files.version < SINCE.get(name, (0, 0)):
        yield failed("not-yet", where(node, f"{name} came with {SINCE[name]}"))
    if name in ALIEN:
        yield failed("alien", where(node, f"Unreal has no {name}"))
    if asked == "enhanced" and name in OLD_INPUT:
        yield failed("other-input", where(node, "Enhanced Input was asked for"))
    if asked == "legacy" and name in NEW_INPUT:
        yield failed("other-input", where(node, "the input component of old was asked for"))
