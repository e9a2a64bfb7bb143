"""What may run in which of Unity's moments: physics in its step, presses in the frame."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness import Judgement, failed

from ._code import text, walk
from ._unity_api import BODIES, EDGES, FORCES, MOVES, RENDERED, WRITES
from ._unity_flow import Flow, Reached, assigned, body, called, edge, names_in, on_the_way
from ._unity_scope import Scope, last_name, target_and_name
from ._unity_script import Type, attributes, where

IMPULSES = ("Impulse", "VelocityChange")


def input_faults(flow: Flow) -> Iterator[Judgement]:
    """Presses that are asked for in a physics step, or forgotten before it."""
    for node in flow.nodes(flow.entries({"FixedUpdate"}), far=False, later=False):
        if node.type == "identifier" and text(node) in EDGES:
            yield failed("edge-input", where(node, f"{text(node)} in FixedUpdate misses presses"))
    for one in flow.script.types:
        frame = flow.reach(flow.entries(RENDERED, [one]), far=False, later=False)
        step = flow.nodes(flow.entries({"FixedUpdate"}, [one]), far=False, later=False)
        read = {text(n) for n in step if n.type == "identifier"}
        every = [n for m in one.members for n in walk(m)]
        for reached in frame:
            for node in body(reached.method, later=False):
                left, operator, right = assigned(node)
                if (
                    left is None
                    or right is None
                    or last_name(left) not in read & set(one.variables)
                ):
                    continue
                latched = last_name(left)
                pressed = bool(names_in(right) & EDGES)
                if operator == "=" and pressed and latched not in names_in(right):
                    yield failed("edge-input", where(node, f"{latched} is overwritten unread"))
                held = text(right) == "true" and any(map(edge, on_the_way(reached, node)))
                if (held or pressed) and not _cleared(every, latched):
                    yield failed("edge-input", where(node, f"nothing sets {latched} back"))


def _cleared(nodes: list[Node], name: str) -> bool:
    """Whether a flag is ever set to something else than a press."""
    for node in nodes:
        left, operator, right = assigned(node)
        other = right is not None and text(right) != "true" and not names_in(right) & EDGES
        if left is not None and operator == "=" and last_name(left) == name and other:
            return True
    return False


def physics_faults(flow: Flow, scope: Scope) -> Iterator[Judgement]:
    """Bodies that are moved in a rendered frame, by their transform, or twice by the time."""
    frame = flow.reach(flow.entries(RENDERED), far=False, later=False)
    for one in frame:
        for node in body(one.method, later=False):
            write = _write(scope, node)
            if write and not _pressed(one, node) and not _launched(scope, one, node):
                yield failed("physics-step", where(node, f"{write} outside of FixedUpdate"))
            if _teleports(node) and _simulated(one.owner):
                yield failed("physics-step", where(node, "the transform of a body is moved"))
    for node in (n for root in flow.script.roots for n in walk(root)):
        write = _write(scope, node)
        if not write:
            continue
        _, _, right = assigned(node)
        given = called(node)[2]
        sign = assigned(node)[1]
        product = right if sign == "=" else None
        if write in FORCES and given and not _at_once(node):
            product = given[0]
        if product is not None and write not in ("position", "rotation") and timed(product):
            yield failed("time-twice", where(node, f"{write} is scaled by the time of a frame"))


def _pressed(one: Reached, node: Node) -> bool:
    """Whether a write is done once, at a press: an impulse or a velocity that is set."""
    asked = list(on_the_way(one, node))
    if _at_once(node) and any("Time" in names_in(condition) for condition in asked):
        return True
    return (_at_once(node) or bool(assigned(node)[1])) and any(map(edge, asked))


def _launched(scope: Scope, one: Reached, node: Node) -> bool:
    """Whether a write is the first of a body that was made, or taken from a pool, just before."""
    left = assigned(node)[0]
    at = left if left is not None else called(node)[0]
    known, seen = scope.locals(one.method), set[str]()
    while at is not None:
        if any(called(n)[1] in ("Instantiate", "Get") for n in walk(at)):
            return True
        root = next((text(n) for n in walk(at) if n.type == "identifier"), "")
        if root in seen or root not in known:
            return False
        seen.add(root)
        at = known[root].value
    return False


def _write(scope: Scope, node: Node) -> str:
    """The name of what a node does to a body; empty where it does nothing."""
    target, name, _ = called(node)
    if name in WRITES and target is not None and _body(scope, target):
        return name
    left, operator, _ = assigned(node)
    if operator and left is not None and left.type == "member_access_expression":
        holder, name = target_and_name(left)
        if name in MOVES and holder is not None and _body(scope, holder):
            return name
    return ""


def _body(scope: Scope, target: Node) -> bool:
    return scope.type_of(target) in BODIES


def _at_once(node: Node) -> bool:
    """Whether a force is an impulse, which no frame repeats by itself."""
    return bool(names_in(node) & set(IMPULSES))


def timed(node: Node) -> bool:
    """Whether a product has the time of a frame as a factor."""
    if node.type == "parenthesized_expression":
        return timed(node.named_children[0])
    if node.type == "object_creation_expression":
        return False
    if node.type == "binary_expression":
        sign = text(node.child_by_field_name("operator"))
        parts = [node.child_by_field_name("left"), node.child_by_field_name("right")]
        if sign == "/":
            parts = parts[:1]
        if sign == "+":  # one that is added to what there was is a change of it
            return all(part is not None and timed(part) for part in parts)
        return sign == "*" and any(part is not None and timed(part) for part in parts)
    target, name = target_and_name(node)
    return name in ("deltaTime", "fixedDeltaTime") and target is not None and text(target) == "Time"


def _teleports(node: Node) -> bool:
    """Whether a node moves the transform of its own object."""
    target, name, _ = called(node)
    if (
        name == "Translate"
        and target is not None
        and text(target) in ("transform", "this.transform")
    ):
        return True
    left, operator, _ = assigned(node)
    return bool(operator) and left is not None and text(left) in (
        "transform.position", "this.transform.position", "transform.localPosition",
    )  # fmt: skip


def _simulated(one: Type) -> bool:
    """Whether the object of a type has a body that physics moves."""
    required = "".join(attributes(node).get("RequireComponent", "") for node in one.nodes)
    own = "Rigidbody" in required
    kinematic = any(_kinematic(n) for m in one.members for n in walk(m))
    taken = {
        last_name(left)
        for m in one.members
        for n in walk(m)
        for left, _, right in [assigned(n)]
        if left is not None and right is not None and text(right).startswith(
            ("GetComponent<Rigidbody>", "GetComponent<Rigidbody2D>"))
    }  # fmt: skip
    return not kinematic and (own or bool(taken))


def _kinematic(node: Node) -> bool:
    left, _, right = assigned(node)
    return right is not None and (
        (last_name(left) == "isKinematic" and text(right) == "true")
        or "Kinematic" in names_in(right)
    )
