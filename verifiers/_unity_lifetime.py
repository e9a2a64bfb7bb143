"""Whether what begins also ends: handlers, coroutines, memory, objects that Unity destroys."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness import Judgement, failed

from ._code import text, walk
from ._unity_api import OBJECTS, STARTUP, TEARDOWN
from ._unity_flow import Flow, assigned, called, iterators
from ._unity_scope import Scope, last_name, member_of, target_and_name
from ._unity_script import LAMBDAS, Script, Type, attributes, plain, where
from ._words import words

OWNED = words(
    "NativeArray NativeList NativeHashMap NativeQueue ComputeBuffer GraphicsBuffer"
    " CancellationTokenSource TransformAccessArray NativeParallelHashMap NativeReference"
)
ENDS = words("Dispose Release Cancel")
ONE_SHOT = words("completed Completed completedTypeless")
CHECKS = words("IsCancellationRequested ThrowIfCancellationRequested")
WAITS = words("Delay WaitForSecondsAsync NextFrameAsync FixedUpdateAsync EndOfFrameAsync")


def call_faults(script: Script, scope: Scope) -> Iterator[Judgement]:
    """Calls that do not do what they look like."""
    components = {t.name: script.root_base(t) for t in script.types}
    for one in script.types:
        own = set().union(*(iterators(each) for each in script.lineage(one)))
        for node in (n for member in one.members for n in walk(member)):
            target, name, given = called(node)
            alone = node.parent is not None and node.parent.type == "expression_statement"
            if name in own and target is None and alone:
                yield failed("not-started", where(node, f"{name}() runs only by StartCoroutine"))
            by_name = name in ("Invoke", "InvokeRepeating", "StartCoroutine", "StopCoroutine")
            if by_name and target is None and given and given[0].type == "string_literal":
                wanted = text(given[0]).strip('"')
                if not any(wanted in each.methods for each in script.lineage(one)):
                    yield failed("no-such-method", where(node, f"there is no method {wanted}"))
            made = plain(text(node.child_by_field_name("type")))
            if node.type == "object_creation_expression":
                base = components.get(made, made)
                if base in ("MonoBehaviour", "ScriptableObject", "NetworkBehaviour"):
                    yield failed("constructed", where(node, f"{made} is not made by new"))
            ends = name in ("Destroy", "DestroyImmediate") and bool(given)
            if ends and scope.type_of(given[0]) == "Transform":
                yield failed("destroys", where(node, "a Transform is not destroyed by itself"))
        if script.root_base(one) in ("MonoBehaviour", "ScriptableObject"):
            for member in one.members:
                if member.type == "constructor_declaration" and "static" not in text(member)[:8]:
                    yield failed("constructed", where(member, f"Unity makes {one.name}, not new"))


def null_faults(script: Script, scope: Scope) -> Iterator[Judgement]:
    """``?.``, ``??`` and ``is null`` on objects of Unity, which see a destroyed one as alive."""
    for node in (n for root in script.roots for n in walk(root)):
        asked = None
        if node.type == "conditional_access_expression":
            asked = node.child_by_field_name("condition")
        elif (
            node.type == "binary_expression" and text(node.child_by_field_name("operator")) == "??"
        ) or (node.type == "assignment_expression" and assigned(node)[1] == "??="):
            asked = node.child_by_field_name("left")
        given = scope.type_of(asked)
        own = script.by_name.get(given)
        base = script.root_base(own) if own is not None else ""
        if given in OBJECTS or base in ("MonoBehaviour", "ScriptableObject"):
            yield failed("null-check", where(node, f"{given} may be destroyed and not null"))


def handler_faults(flow: Flow, scope: Scope) -> Iterator[Judgement]:
    """Handlers of events of others that are never taken off again."""
    for one in flow.script.types:
        if flow.script.root_base(one) not in ("MonoBehaviour", "ScriptableObject"):
            continue
        nodes = [n for member in one.members for n in walk(member)]
        ended = flow.nodes(flow.entries(TEARDOWN, [one]), far=False, later=True)
        enabled = flow.nodes(flow.entries({"OnEnable"}, [one]), far=False, later=False)
        disabled = flow.nodes(flow.entries({"OnDisable"}, [one]), far=False, later=True)
        for node in nodes:
            handler = _handler(node, one, scope)
            if not handler or _short_lived(node, one, scope):
                continue
            named = assigned(node)[2]
            lost = named is not None and named.type in LAMBDAS  # another lambda is another handler
            taken = [] if lost else [n for n in nodes if _takes_off(n, node)]
            if not taken:
                yield failed("handler", where(node, f"{handler} is never taken off again"))
            elif node in enabled and not any(n in disabled for n in taken):
                yield failed("handler", where(node, f"{handler} is added at every OnEnable"))
            elif _in_startup(node) and not any(n in ended for n in taken):
                yield failed("handler", where(node, f"{handler} is not taken off at the end"))


def _in_startup(node: Node) -> bool:
    member = member_of(node)
    return member is not None and text(member.child_by_field_name("name")) in STARTUP


def _handler(node: Node, one: Type, scope: Scope) -> str:
    """The name of the event that a handler is added to; empty for arithmetic."""
    left, operator, right = assigned(node)
    if operator != "+=" or left is None or right is None:
        return ""
    named = right.type in ("identifier", "member_access_expression")
    method = named and any(last_name(right) in t.methods for t in scope.outer(one))
    return last_name(left) if method or right.type in LAMBDAS else ""


def _takes_off(node: Node, added: Node) -> bool:
    left, operator, right = assigned(node)
    first, _, handler = assigned(added)
    return (
        operator == "-="
        and last_name(left) == last_name(first)
        and text(right).removeprefix("this.") == text(handler).removeprefix("this.")
    )


def _short_lived(node: Node, one: Type, scope: Scope) -> bool:
    """Whether the owner of an event ends with this object: a local, its own event, what it made."""
    left, _, _ = assigned(node)
    owner, name = target_and_name(left)
    if owner is None or name in ONE_SHOT:
        return True
    root = owner
    while root.type in (
        "member_access_expression",
        "element_access_expression",
        "invocation_expression",
    ):
        inner = root.child_by_field_name("expression") or root.child_by_field_name("function")
        if inner is None:
            break
        root = inner
    if root.type != "identifier":
        return False
    member = member_of(node)
    if member is not None and text(root) in scope.locals(member):
        return True
    field = one.variables.get(text(root))
    made = [field.value] if field is not None and field.value is not None else []
    for inner in (n for m in one.members for n in walk(m)):
        target, sign, right = assigned(inner)
        if sign == "=" and right is not None and last_name(target) == text(root):
            made.append(right)
    return bool(made) and all("object_creation" in value.type for value in made)


def owned_faults(flow: Flow) -> Iterator[Judgement]:
    """Memory and actions that the garbage collector does not give back, and memory that is given
    back under a job."""
    script = flow.script
    for one in script.types:
        ended = flow.nodes(flow.entries(TEARDOWN, [one]), far=False, later=False)
        calls = {called(n)[1] for n in ended}
        jobs = [v for v in one.variables.values() if v.type == "JobHandle"]
        if jobs and "Dispose" in calls and "Complete" not in calls:
            yield failed("not-completed", where(jobs[0].node, "memory is given back under a job"))
        nodes = [n for member in one.members for n in walk(member)]
        for name, variable in one.variables.items():
            head = variable.type.partition("<")[0]
            if one.kind == "struct" or variable.node.type == "parameter":
                continue
            made = [variable.value] if variable.value is not None else []
            made += [
                r for n in nodes for left, _, r in [assigned(n)] if r and last_name(left) == name
            ]
            if not any("object_creation" in value.type for value in made):
                made = []
            ends = [n for n in nodes if called(n)[1] in ENDS and _on(n, name)]
            if head in OWNED and made and not ends:
                yield failed("not-released", where(variable.node, f"{name} is never released"))
            shown = "SerializeField" in attributes(variable.node)
            on = any(called(n)[1] == "Enable" and _on(n, name) for n in nodes)
            if head == "InputAction" and (shown or made) and not on:
                yield failed("not-enabled", where(variable.node, f"{name} is never enabled"))


def _on(call: Node, name: str) -> bool:
    target, _, _ = called(call)
    return target is not None and last_name(target) == name


def await_faults(script: Script) -> Iterator[Judgement]:
    """Waiting that goes on when the object is gone."""
    for one in script.types:
        if script.root_base(one) != "MonoBehaviour":
            continue
        for node in (n for member in one.members for n in walk(member)):
            target, name, given = called(node)
            root = text(target) if target is not None else ""
            if name not in WAITS or root not in ("Task", "Awaitable"):
                continue
            member = member_of(node)
            parts = list(walk(member)) if member is not None else []
            alive = [n for n in parts if n.type == "binary_expression" and text(n)[:5] == "this "]
            asked = bool(alive) or bool({text(n) for n in parts} & CHECKS)
            token = asked or any("token" in text(argument).lower() for argument in given)
            if not token:
                yield failed("no-token", where(node, f"{name} goes on when the object is gone"))
