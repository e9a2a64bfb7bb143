"""Which functions of an answer reach which, and what its code calls and writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tree_sitter import Node

from ._code import text, walk
from ._unreal_model import Member, Project
from ._words import words

#: functions that the engine calls, by when it does
MOMENTS = {
    "startup": words(
        "BeginPlay PostInitializeComponents InitializeComponent OnRegister Initialize Init"
        " NativeConstruct NativeOnInitialized OnConstruction PossessedBy OnPossess OnStart"
        " SetupPlayerInputComponent SetupInputComponent OnWorldBeginPlay InitGame StartupModule"
    ),
    "frame": words("Tick TickComponent NativeTick NativeUpdateAnimation TickNode TickTask"),
    "teardown": words(
        "EndPlay Deinitialize NativeDestruct BeginDestroy OnUnregister Shutdown Destroyed"
        " UninitializeComponent UnPossessed OnUnPossess ShutdownModule OnEnd"
    ),
}
LEAVES = words("return_statement break_statement continue_statement throw_statement")


def last_name(node: Node | None) -> str:
    """The last name of an expression: ``Health`` of ``Target->Stats.Health``."""
    while node is not None:
        inner = (
            node.child_by_field_name("field")
            or node.child_by_field_name("name")
            or node.child_by_field_name("function")
            or node.child_by_field_name("argument")
        )
        if inner is None and node.type in ("parenthesized_expression", "dependent_name"):
            inner = node.named_children[-1] if node.named_children else None
        if inner is None:
            return "this" if node.type == "this" else text(node).lstrip("~")
        node = inner
    return ""


def called(node: Node) -> str:
    """The name of what a call calls; empty for anything else."""
    if node.type != "call_expression":
        return ""
    return last_name(node.child_by_field_name("function"))


def arguments(node: Node | None) -> list[Node]:
    """What a call hands over."""
    given = node.child_by_field_name("arguments") if node else None
    return [one for one in given.named_children if one.type != "comment"] if given else []


def target(node: Node) -> Node | None:
    """What stands before the last ``->``, ``.`` of a call or an access."""
    function = node.child_by_field_name("function") or node
    return function.child_by_field_name("argument") if function.type == "field_expression" else None


def generics(node: Node) -> set[str]:
    """The types in the angle brackets of a call."""
    function = node.child_by_field_name("function") or node
    if function.type == "field_expression":
        function = function.child_by_field_name("field") or function
    if function.type == "qualified_identifier":
        function = function.child_by_field_name("name") or function
    given = function.child_by_field_name("arguments")
    if given is None or given.type != "template_argument_list":
        return set()
    return {text(one).removeprefix("class ").strip() for one in given.named_children}


def written(node: Node) -> tuple[Node, Node | None] | None:
    """What an expression writes to, and the value; ``None`` for what writes nothing."""
    if node.type == "assignment_expression":
        left = node.child_by_field_name("left")
        return (left, node.child_by_field_name("right")) if left else None
    if node.type == "update_expression":
        inner = node.child_by_field_name("argument")
        return (inner, None) if inner else None
    return None


def function_node(node: Node) -> Node | None:
    """The function that a node stands in."""
    at: Node | None = node
    while at is not None and at.type != "function_definition":
        at = at.parent
    return at


class Flow:
    """What is reached from where in an answer."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.by_name: dict[str, list[Member]] = {}
        for one in project.functions:
            self.by_name.setdefault(one.name, []).append(one)

    def named(self, node: Node) -> list[Member]:
        """The functions of the answer that a name in code may mean."""
        if node.type not in ("identifier", "field_identifier"):
            return []
        name = text(node)
        found = self.by_name.get(name, []) + self.by_name.get(f"{name}_Implementation", [])
        return [one for one in found if one.name != one.owner]

    def reached(self, names: Iterable[str], within: str | None = None) -> list[Member]:
        """The functions of those names, or of those moments, and all that they lead to."""
        wanted = {n for one in names for n in MOMENTS.get(one, {one, f"{one}_Implementation"})}
        made = "construction" in wanted
        found = [
            one
            for one in self.project.functions
            if (one.name in wanted or (made and one.name == one.owner))
            and within in (None, one.owner)
        ]
        for one in found:
            for node in walk(one.node):
                found += [m for m in self.named(node) if m not in found]
        return found

    def references(self, member: Member) -> Iterator[Node]:
        """The places, outside of its own body, where code names a function."""
        name = member.name.removesuffix("_Implementation")
        for one in self.project.functions:
            for node in walk(one.node) if one.node.id != member.node.id else ():
                at_home = node.parent is not None and node.parent.type in (
                    "function_declarator", "qualified_identifier",
                )  # fmt: skip
                declares = at_home and node.start_byte < one.head_end
                if text(node) == name and not node.children and not declares:
                    yield node
