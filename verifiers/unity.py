"""Unity scripts in C#, judged on the tree of tree-sitter's grammar: no compiler for Unity's C# and
none of its assemblies is at hand, so types are read off as far as a script shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from tree_sitter import Node

from harness import Answer, Case, Judgement, failed, passed, verifier

from ._code import text, walk
from ._unity_api import CSHARP, MEMBERS, MESSAGES_GONE, MOMENTS, NAMES, SINCE
from ._unity_declares import inspector, messages, missing, wanted_type
from ._unity_flow import Flow
from ._unity_frame import input_faults, physics_faults
from ._unity_lifetime import await_faults, call_faults, handler_faults, null_faults, owned_faults
from ._unity_members import copied, doubles, members, returns, unassigned
from ._unity_names import newer, odd_types, strange, twice, undeclared, unimported
from ._unity_pace import allocation_faults, blocking_faults, lookup_faults, tag_faults, time_faults
from ._unity_patterns import first
from ._unity_pool import Pool
from ._unity_scope import Scope, last_name, target_and_name
from ._unity_script import Script, Type, script, where
from ._words import words

unity = partial(
    verifier, version=1, facet="unity", level="parsed",
    packages=["tree-sitter", "tree-sitter-c-sharp", "markdown-it-py"],
)  # fmt: skip
LEGACY = words("Input")
SYSTEM = words(
    "InputAction InputActionReference Keyboard Gamepad Mouse InputValue PlayerInput InputSystem"
    " InputActionAsset InputActionMap"
)


class Read:
    """A script with the types that the case names, read for one judgement."""

    def __init__(self, files: Script, types: list[Type]) -> None:
        self.script, self.types = files, types
        self.scope = Scope(files)
        self.flow = Flow(self.scope)

    @property
    def nodes(self) -> Iterator[Node]:
        """Every node of every file."""
        return (node for root in self.script.roots for node in walk(root))

    def verdict(self, faults: Iterable[Judgement]) -> Judgement:
        """The first fault, or a pass that says what was read."""
        for fault in faults:
            return fault
        names = ", ".join(one.name for one in self.types)
        return passed(f"{names}: {len(self.script.types)} types in {len(self.script.roots)} files")


def _read(case: Case, answer: Answer) -> Read | Judgement:
    """The script of an answer, which holds the types that the case asks for."""
    files = script(case, answer)
    if isinstance(files, Judgement):
        return files
    types = []
    for row in case.expect["types"]:
        found = wanted_type(files, row)
        if isinstance(found, Judgement):
            return found
        types.append(found)
    return Read(files, types)


@unity("unity.parses")
def parses(case: Case, answer: Answer) -> Judgement:
    """The types asked for are C# that Unity's compiler could take, by the grammar and by what one
    can tell without types."""
    read = _read(case, answer)
    if isinstance(read, Judgement):
        return read
    files, known = read.script, case.expect.get("csharp", CSHARP)
    checks = (strange(files), newer(files, known), twice(files), returns(files),
              unimported(files), undeclared(files, read.scope),
              odd_types(files, read.scope),
              members(files, read.scope), copied(files, read.scope), doubles(files),
              unassigned(files))  # fmt: skip
    return read.verdict(fault for check in checks for fault in check)


@unity("unity.declares")
def declares(case: Case, answer: Answer) -> Judgement:
    """The types have the bases, attributes and members asked for, and messages that Unity calls."""
    read = _read(case, answer)
    if isinstance(read, Judgement):
        return read
    rows = [missing(read.script, row) for row in case.expect["types"]]
    checks = (*rows, messages(read.script), inspector(read.script, read.scope))
    return read.verdict(fault for check in checks for fault in check)


@unity("unity.calls")
def calls(case: Case, answer: Answer) -> Judgement:
    """What the prompt asks for is done, in the methods where it belongs, and what it forbids is
    not."""
    read = _read(case, answer)
    if isinstance(read, Judgement):
        return read
    return read.verdict(_called(read, case))


def _called(read: Read, case: Case) -> Iterator[Judgement]:
    for wanted in case.expect["uses"]:
        found = first(read.scope, _where(read, wanted, wide=True), wanted["any"])
        shown = " or ".join(wanted["any"])
        if found is None:
            yield failed("not-done", f"no {shown} {_moment(wanted)}")
        elif "before" in wanted:
            later = first(read.scope, _where(read, wanted, wide=True), wanted["before"])
            if later is None or later.start_byte < found.start_byte:
                yield failed("order", where(found, f"{shown} not before {wanted['before']}"))
    for forbidden in case.expect.get("avoids", ()):
        found = first(read.scope, _where(read, forbidden, wide=False), forbidden["any"])
        if found is not None:
            yield failed("forbidden", where(found, f"{text(found)[:60]} {_moment(forbidden)}"))


def _where(read: Read, row: dict[str, object], *, wide: bool) -> list[Node]:
    """The nodes that a row of ``uses`` or ``avoids`` speaks of."""
    within = row.get("in")
    types = [one for one in read.script.types if within in (None, one.name)]
    names = row.get("from")
    if names is None and within is None:
        return list(read.nodes)
    if names is None:
        return [node for one in types for n in one.nodes for node in walk(n)]
    wanted = [names] if isinstance(names, str) else list(names)  # type: ignore[call-overload]
    moments = {n for name in wanted for n in MOMENTS.get(name, {name})}
    return read.flow.nodes(read.flow.entries(moments, types), far=True, later=wide)


def _moment(row: dict[str, object]) -> str:
    parts = [f"{key} {row[key]}" for key in ("in", "from") if key in row]
    return " ".join(parts) or "anywhere"


@unity("unity.current")
def current(case: Case, answer: Answer) -> Judgement:
    """The types asked for use the API that the stated version of Unity has, and the input system
    that was asked for."""
    read = _read(case, answer)
    if isinstance(read, Judgement):
        return read
    return read.verdict(_dated(read, case.expect.get("input", "any")))


def _dated(read: Read, asked: str) -> Iterator[Judgement]:
    version = read.script.version
    own = {n for t in read.script.types for n in t.methods} - MESSAGES_GONE
    for node in read.nodes:
        if node.type == "identifier":
            name = text(node)
            since, instead = NAMES.get(name, ((9999, 0), ""))
            brought = SINCE[""].get(name, (0, 0))
            if version >= since and name not in own | set(read.script.by_name):
                yield failed("obsolete", where(node, f"{name}: {instead}"))
            if version < brought:
                yield failed("not-yet", where(node, f"{name} came with {brought}"))
            holder = node.parent or node
            accessed = holder.type == "member_access_expression"
            root = accessed and node.start_byte == holder.start_byte
            if asked == "system" and name in LEGACY and root:
                yield failed("other-input", where(node, "the Input System was asked for"))
            if asked == "legacy" and name in SYSTEM:
                yield failed("other-input", where(node, "the Input Manager was asked for"))
        if node.type in ("member_access_expression", "conditional_access_expression"):
            yield from _member(read, node)


def _member(read: Read, node: Node) -> Iterator[Judgement]:
    target, name = target_and_name(node)
    if target is None:
        return
    given = read.scope.type_of(target)
    if not given and read.scope.find(target, last_name(target)) is None:
        given = last_name(target)
    since, instead = MEMBERS.get(given, {}).get(name, ((9999, 0), ""))
    if read.script.version >= since and given not in read.script.by_name:
        yield failed("obsolete", where(node, f"{given}.{name}: {instead}"))
    if read.script.version < SINCE.get(given, {}).get(name, (0, 0)):
        yield failed("not-yet", where(node, f"{given}.{name} came later"))


@unity("unity.frame")
def frame(case: Case, answer: Answer) -> Judgement:
    """Physics is written in the physics step, presses are read in the frame, motion goes by the
    second, and no frame repeats a search."""
    read = _read(case, answer)
    if isinstance(read, Judgement):
        return read
    flow, scope = read.flow, read.scope
    free = case.expect.get("allocation_free", [])
    moments = sorted({n for name in free for n in MOMENTS.get(name, {name})})
    checks = (input_faults(flow), physics_faults(flow, scope), time_faults(flow, scope),
              lookup_faults(flow, scope), blocking_faults(flow, scope), tag_faults(flow),
              allocation_faults(flow, scope, moments))  # fmt: skip
    return read.verdict(fault for check in checks for fault in check)


@unity("unity.lifetime")
def lifetime(case: Case, answer: Answer) -> Judgement:
    """What is started is ended: handlers, coroutines, memory; pooled objects come back once."""
    read = _read(case, answer)
    if isinstance(read, Judgement):
        return read
    files, flow, scope = read.script, read.flow, read.scope
    pool = Pool(flow, scope)
    checks = [call_faults(files, scope), null_faults(files, scope), handler_faults(flow, scope),
              owned_faults(flow), await_faults(files)]  # fmt: skip
    if case.expect.get("pool"):
        checks += [pool.missing(), pool.made_and_destroyed()]
    if case.expect.get("pool") or pool.built_in():
        checks += [pool.twice()]
    return read.verdict(fault for check in checks for fault in check)
