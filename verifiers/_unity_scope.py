"""What the names of a C# script stand for: locals, members, and the types that can be read off."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from ._code import text, walk
from ._unity_script import TYPES, Script, Type, Variable, declared, parameters, plain
from ._words import words

MEMBERS = words(
    "method_declaration constructor_declaration destructor_declaration property_declaration"
    " indexer_declaration field_declaration event_field_declaration event_declaration"
    " operator_declaration conversion_operator_declaration"
)
NAMED = words(
    "declaration_expression declaration_pattern recursive_pattern var_pattern from_clause"
)
WRAPPERS = words("ObjectPool IObjectPool LinkedPool List IReadOnlyList IList Queue Stack HashSet")
GENERIC_CALLS = words(
    "GetComponent GetComponentInChildren GetComponentInParent AddComponent FindFirstObjectByType"
    " FindAnyObjectByType FindObjectOfType CreateInstance GetOrAddComponent Load"
)
TAKES = words("Get Dequeue Pop First FirstOrDefault Peek Last")
OWN = {"transform": "Transform", "gameObject": "GameObject"}
#: what members of Unity's own types are
KNOWN = {
    "attachedRigidbody": "Rigidbody", "rigidbody": "Rigidbody", "otherRigidbody": "Rigidbody2D",
    "transform": "Transform", "gameObject": "GameObject", "collider": "Collider",
}  # fmt: skip


class Scope:
    """The names of a script, read once."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._locals: dict[int, dict[str, Variable]] = {}
        self._owners = {node.id: one for one in script.types for node in one.nodes}

    def owner(self, node: Node) -> Type | None:
        """The type in whose body a node stands."""
        at: Node | None = node.parent
        while at is not None:
            if at.id in self._owners:
                return self._owners[at.id]
            at = at.parent
        return None

    def outer(self, one: Type) -> list[Type]:
        """A type, the ones around it, and what they derive from."""
        found, at = [], one
        while at is not None:
            found += self.script.lineage(at)
            above = self.owner(at.nodes[0])
            if above is None:
                break
            at = above
        return found

    def locals(self, member: Node) -> dict[str, Variable]:
        """What a member declares within itself, its parameters included."""
        if member.id not in self._locals:
            self._locals[member.id] = dict(_within(member))
        return self._locals[member.id]

    def find(self, node: Node, name: str) -> Variable | None:
        """The local, parameter, field or property that ``name`` stands for at ``node``."""
        member = member_of(node)
        found = self.locals(member).get(name) if member else None
        return found or self.field(node, name)

    def field(self, node: Node, name: str) -> Variable | None:
        """The field or property of the type around ``node``."""
        own = self.owner(node)
        for one in self.outer(own) if own else ():
            if name in one.variables:
                return one.variables[name]
        return None

    def type_of(self, node: Node | None, depth: int = 0) -> str:
        """The type of an expression as far as it can be read off; empty where it cannot."""
        if node is None or depth > 8:
            return ""
        kind = node.type
        if kind in ("parenthesized_expression", "postfix_unary_expression", "await_expression"):
            return self.type_of(node.named_children[0], depth + 1) if node.named_children else ""
        if kind in ("cast_expression", "object_creation_expression"):
            return plain(text(node.child_by_field_name("type")))
        if kind == "as_expression":
            return plain(text(node.child_by_field_name("right")))
        if kind == "identifier":
            found = self.find(node, text(node))
            return self._of_variable(found, depth) if found else OWN.get(text(node), "")
        if kind == "element_access_expression":
            return element(self.type_of(node.child_by_field_name("expression"), depth + 1))
        if kind in ("member_access_expression", "conditional_access_expression"):
            return self._of_member(node, depth)
        if kind == "invocation_expression":
            return self._of_call(node, depth)
        return ""

    def _of_variable(self, found: Variable | None, depth: int) -> str:
        if found is None or found.type not in ("var", ""):
            return found.type if found else ""
        given = self.type_of(found.value, depth + 1)
        return element(given) if found.node.type == "foreach_statement" else given

    def _of_member(self, node: Node, depth: int) -> str:
        target, name = target_and_name(node)
        if target is None:
            return self._of_variable(self.field(node, name), depth)
        above = self.type_of(target, depth + 1)
        if above in self.script.by_name:
            own = self.script.by_name[above]
            for one in self.script.lineage(own):
                if name in one.variables:
                    return one.variables[name].type
        flat = above.endswith("2D") and KNOWN.get(name) in ("Rigidbody", "Collider")
        return KNOWN.get(name, "") + ("2D" if flat else "")

    def _of_call(self, node: Node, depth: int) -> str:
        function = node.child_by_field_name("function")
        arguments = [a.named_children[-1] for a in arguments_of(node) if a.named_children]
        target, name = target_and_name(function)
        generic = generics(function)
        if name in GENERIC_CALLS and len(generic) == 1:
            return generic[0]
        if name == "Instantiate":
            return generic[0] if generic else self.type_of(next(iter(arguments), None), depth + 1)
        if name in TAKES and target is not None:
            return element(self.type_of(target, depth + 1))
        own = self.owner(node)
        above = self.type_of(target, depth + 1) if target is not None else ""
        holder = self.script.by_name.get(above) if target is not None else own
        for one in self.outer(holder) if holder else ():
            for method in one.methods.get(name, ()):
                return plain(text(method.child_by_field_name("returns")))
        return ""


def element(given: str) -> str:
    """What a collection or a pool of this type holds."""
    if given.endswith("[]"):
        return given[:-2]
    head, _, rest = given.partition("<")
    return plain(rest[:-1]) if head in WRAPPERS and rest.endswith(">") else ""


def member_of(node: Node) -> Node | None:
    """The member in which a node stands."""
    at: Node | None = node
    while at is not None and at.type not in MEMBERS:
        at = at.parent
    return at


def target_and_name(node: Node | None) -> tuple[Node | None, str]:
    """``(x, "Foo")`` of ``x.Foo``, ``x?.Foo`` and ``x.Foo<T>``; ``this`` and ``base`` are none."""
    if node is None:
        return None, ""
    if node.type == "conditional_access_expression":
        binding = [c for c in node.named_children if c.type == "member_binding_expression"]
        condition = node.child_by_field_name("condition")
        if binding:
            return condition, text(bare(binding[0].child_by_field_name("name")))
        inner = node.named_children[-1]
        return condition, target_and_name(inner)[1]
    if node.type == "member_access_expression":
        target = node.child_by_field_name("expression")
        own = target is None or target.type in ("this", "base", "this_expression", "this_keyword")
        return (None if own else target), text(bare(node.child_by_field_name("name")))
    return None, text(bare(node)) if node.type in ("identifier", "generic_name") else ""


def bare(node: Node | None) -> Node | None:
    """The identifier of a name that may be generic."""
    return node.named_children[0] if node is not None and node.type == "generic_name" else node


def generics(node: Node | None) -> list[str]:
    """The type arguments of a name."""
    for one in walk(node) if node is not None else ():
        if one.type == "type_argument_list" and one.end_byte == node.end_byte:  # type: ignore[union-attr]
            return [plain(text(child)) for child in one.named_children]
    return []


def arguments_of(node: Node) -> list[Node]:
    """The arguments of a call or a creation."""
    found = node.child_by_field_name("arguments")
    return [c for c in found.named_children if c.type == "argument"] if found else []


def last_name(node: Node | None) -> str:
    """``b`` of ``a.b``, ``b`` and ``a.b()``."""
    if node is not None and node.type == "invocation_expression":
        node = node.child_by_field_name("function")
    return target_and_name(node)[1]


def _within(member: Node) -> Iterator[tuple[str, Variable]]:
    for node in walk(member):
        kind = node.type
        if kind == "variable_declaration" and member.type not in (
            "field_declaration", "event_field_declaration",
        ):  # fmt: skip
            yield from declared(node, node)
        elif kind in ("parameter_list", "bracketed_parameter_list"):
            yield from parameters(node)
        elif kind in ("implicit_parameter", "tuple_pattern", "parenthesized_variable_designation"):
            for part in walk(node):
                if part.type in ("identifier", "implicit_parameter") and not part.named_children:
                    yield text(part), Variable(text(part), "", None, node)
        elif kind == "foreach_statement":
            left = node.child_by_field_name("left")
            given = plain(text(node.child_by_field_name("type")))
            if left is not None and left.type == "binary_expression":  # the grammar's Type<T> name
                left, given = (
                    left.child_by_field_name("right"),
                    plain(text(left).rpartition(" ")[0]),
                )
            yield text(left), Variable(text(left), given, node.child_by_field_name("right"), node)
        elif kind in NAMED or (kind == "catch_declaration"):
            name = node.child_by_field_name("name")
            given = plain(text(node.child_by_field_name("type")))
            if name is not None and not product(node):
                yield text(name), Variable(text(name), _out(node, given), None, node)
        elif kind in ("let_clause", "join_clause", "local_function_statement", "type_parameter"):
            named = node.child_by_field_name("name") or node.named_children[0]
            yield text(named), Variable(text(named), "", None, node)


def product(node: Node | None) -> bool:
    """Whether a node is ``a * b`` as an argument, which the grammar reads as a pointer."""
    given = node.child_by_field_name("type") if node is not None else None
    return given is not None and given.type == "pointer_type"


def _out(node: Node, given: str) -> str:
    """The type of ``out var x`` in a generic call is the argument of that."""
    call = node.parent.parent.parent if node.parent and node.parent.parent else None
    if given == "var" and call is not None and call.type == "invocation_expression":
        return next(iter(generics(call.child_by_field_name("function"))), "")
    return given


def inherited(script: Script, one: Type) -> frozenset[str] | None:
    """The names that a type has from its base; ``None`` where that is not known."""
    base = script.root_base(one)
    plainly = not base or (base[:1] == "I" and base[1:2].isupper())
    if plainly or base in (
        "IEquatable",
        "Attribute",
        "Exception",
        "EventArgs",
        "PropertyAttribute",
    ):
        return OBJECT
    return {"MonoBehaviour": OBJECT | COMPONENT, "ScriptableObject": OBJECT | UNITY}.get(base)


OBJECT = words("ToString GetHashCode Equals GetType MemberwiseClone ReferenceEquals nameof")
UNITY = words(
    "name hideFlags Instantiate InstantiateAsync Destroy DestroyImmediate DontDestroyOnLoad"
    " FindObjectOfType FindObjectsOfType FindAnyObjectByType FindFirstObjectByType"
    " FindObjectsByType GetInstanceID CreateInstance SetDirty"
)
COMPONENT = UNITY - {"CreateInstance", "SetDirty"} | words(
    "enabled isActiveAndEnabled gameObject transform tag useGUILayout runInEditMode"
    " destroyCancellationToken didAwake didStart print Invoke InvokeRepeating CancelInvoke"
    " IsInvoking StartCoroutine StopCoroutine StopAllCoroutines GetComponent TryGetComponent"
    " GetComponentInChildren GetComponentInParent GetComponents GetComponentsInChildren"
    " GetComponentsInParent GetComponentIndex CompareTag SendMessage SendMessageUpwards"
    " BroadcastMessage"
)
__all__ = ["TYPES", "Scope"]
