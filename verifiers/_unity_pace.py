"""What every frame repeats: motion by the frame, searches, garbage, and what holds the thread."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness import Judgement, failed

from ._code import text, walk
from ._unity_api import ALLOCATES, FRAME, LINQ, LOOKUPS, RENDERED, STRUCTS
from ._unity_flow import Flow, Reached, assigned, body, called, edge, names_in, on_the_way
from ._unity_frame import timed
from ._unity_scope import Scope, last_name, member_of, target_and_name
from ._unity_script import Type, plain, where

MOUSE = ("Mouse X", "Mouse Y")


def time_faults(flow: Flow, scope: Scope) -> Iterator[Judgement]:
    """Movement by the frame instead of by the second, and a mouse that is scaled by time."""
    for one in flow.reach(flow.entries(RENDERED), far=False, later=False):
        for node in body(one.method, later=False):
            amount = _amount(node)
            if amount is not None and _per_frame(scope, one, amount):
                yield failed("frame-rate", where(node, "it moves by the frame, not by the second"))
            if node.type == "binary_expression" and timed(node) and _mouse(node):
                yield failed("frame-rate", where(node, "a mouse's way is by the frame already"))


def _mouse(node: Node) -> bool:
    axes = {text(n).strip('"') for n in walk(node) if n.type == "string_literal"}
    return bool(axes & set(MOUSE)) or {"Mouse", "current", "delta"} <= names_in(node)


def _amount(node: Node) -> Node | None:
    """By how much a node moves or turns a transform, where that is added up by the frame."""
    target, name, given = called(node)
    moves = name in ("Translate", "Rotate", "RotateAround") and target is not None and given
    if moves and last_name(target) == "transform":
        return node.child_by_field_name("arguments")
    left, operator, right = assigned(node)
    if left is None or last_name(left) not in ("position", "localPosition", "eulerAngles"):
        return None
    holder, _ = target_and_name(left)
    if holder is None or last_name(holder) != "transform":
        return None
    return right if operator in ("+=", "-=") else None


def _per_frame(scope: Scope, one: Reached, amount: Node) -> bool:
    """Whether an amount is made of constants and tuned fields alone, without time or input."""
    seen: set[str] = set()
    waiting = [amount]
    for node in waiting:
        for part in walk(node):
            if part.type == "invocation_expression" and called(part)[1] != "Normalize":
                return False
            if part.type != "identifier" or text(part) in seen:
                continue
            name = text(part)
            seen.add(name)
            if "time" in name.lower() or "delta" in name.lower():
                return False
            local = scope.locals(one.method).get(name)
            if local is not None:
                if local.value is None:
                    return False
                waiting.append(local.value)
            field = one.owner.variables.get(name)
            if local is None and field is not None and _changes(one.owner, name):
                return False
    return True


def _changes(one: Type, name: str) -> bool:
    return any(
        last_name(assigned(n)[0]) == name for m in one.members for n in walk(m) if assigned(n)[1]
    )


def lookup_faults(flow: Flow, scope: Scope) -> Iterator[Judgement]:
    """Searches that every frame repeats."""
    for one in flow.reach(flow.entries(FRAME), far=False, later=False):
        for node in body(one.method, later=False):
            name = _lookup(scope, node)
            if name and not _seldom(one, node):
                yield failed("lookup", where(node, f"{name} is looked up every frame"))
            target, call, _ = called(node)
            if call == "StartCoroutine" and target is None and not list(on_the_way(one, node)):
                yield failed("lookup", where(node, "every frame starts a coroutine"))


def _lookup(scope: Scope, node: Node) -> str:
    target, name, _ = called(node)
    if name in LOOKUPS:
        if target is None or text(target) in ("gameObject", "transform", "this.gameObject"):
            return name
        root = text(target)
        if root in ("GameObject", "Resources", "Object", "FindObjectsOfType"):
            return name
        known = scope.type_of(target)
        list_search = (name == "Find" and known != "Transform") or name.startswith("Load")
        field = scope.field(node, root) if target.type == "identifier" else None
        member = member_of(node)
        local = scope.locals(member).get(root) if member is not None else None
        return name if field is not None and local is None and not list_search else ""
    if node.type == "member_access_expression" and text(node) == "Camera.main":
        return "Camera.main"
    return ""


def _seldom(one: Reached, node: Node) -> bool:
    """Whether a search runs only where something is not there yet, or at a press."""
    for condition in on_the_way(one, node):
        asked = text(condition)
        if (
            "null" in asked
            or edge(condition)
            or asked.startswith("!")
            or "Time" in names_in(condition)
        ):
            return True
    at = node.parent
    while at is not None and at != one.method:
        if assigned(at)[1] == "??=":
            return True
        at = at.parent
    return False


def blocking_faults(flow: Flow, scope: Scope) -> Iterator[Judgement]:
    """What holds the main thread, or never ends."""
    for root in flow.script.roots:
        for node in walk(root):
            target, name, given = called(node)
            if name == "Sleep" and target is not None and text(target).endswith("Thread"):
                yield failed("blocking", where(node, "Thread.Sleep stops the game"))
            task = "Task." in text(target) or scope.type_of(target).startswith("Task")
            if name == "Wait" and not given and target is not None and task:
                yield failed("blocking", where(node, "Wait() stops the game"))
            if name == "GetResult" and "GetAwaiter" in text(node):
                yield failed("blocking", where(node, "GetResult() stops the game"))
            if node.type == "while_statement" and _endless(node):
                yield failed("blocking", where(node, "this loop never ends"))


def _endless(loop: Node) -> bool:
    condition = loop.child_by_field_name("condition")
    if condition is None:
        return False
    ends = ("yield_statement", "await_expression", "return_statement", "break_statement")
    inner = [n for n in walk(loop) if n.type in (*ends, "throw_statement")]
    if inner:
        return False
    if text(condition) == "true":
        return True
    waits = names_in(condition) & {
        "isDone",
        "isPlaying",
        "deltaTime",
        "time",
        "IsCompleted",
        "frameCount",
    }
    return bool(waits) and not any(assigned(n)[1] for n in walk(loop))


def allocation_faults(flow: Flow, scope: Scope, names: list[str]) -> Iterator[Judgement]:
    """What a moment that was to be free of garbage allocates."""
    for one in flow.reach(flow.entries(names), far=True, later=False):
        for node in body(one.method, later=False):
            _, name, given = called(node)
            made = plain(text(node.child_by_field_name("type"))).partition("<")[0]
            own = scope.script.by_name.get(made)
            value = made in STRUCTS or (own is not None and own.kind == "struct")
            if node.type == "object_creation_expression" and not value and not _thrown(node):
                yield failed("garbage", where(node, f"new {made}"))
            if node.type in ("array_creation_expression", "interpolated_string_expression"):
                yield failed("garbage", where(node, text(node)[:40]))
            if name in ALLOCATES | LINQ and not (name.startswith("GetComponents") and given):
                yield failed("garbage", where(node, f"{name} makes a new object"))
            if (
                node.type == "binary_expression"
                and any(c.type == "string_literal" for c in node.named_children)
                and text(node.child_by_field_name("operator")) == "+"
            ):
                yield failed("garbage", where(node, "texts are joined"))


def tag_faults(flow: Flow) -> Iterator[Judgement]:
    """Tags that are read to be compared: every reading makes a new text."""
    for node in (n for root in flow.script.roots for n in walk(root)):
        sides = [node.child_by_field_name("left"), node.child_by_field_name("right")]
        if node.type == "binary_expression" and any(
            c and c.type == "string_literal" for c in sides
        ):
            tags = [c for c in sides if c is not None and target_and_name(c)[1] == "tag"]
            if tags and text(node.child_by_field_name("operator")) in ("==", "!="):
                yield failed("garbage", where(node, "a tag is compared by CompareTag"))


def _thrown(node: Node) -> bool:
    return node.parent is not None and node.parent.type.startswith("throw")
