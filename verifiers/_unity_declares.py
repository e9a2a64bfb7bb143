"""Whether the types of a script are those that were asked for, as Unity sees them: members,
messages with their parameters, what the inspector can show."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tree_sitter import Node

from harness import Judgement, failed

from ._code import text, walk
from ._unity_api import MESSAGES
from ._unity_scope import Scope
from ._unity_script import Script, Type, attributes, modifiers, name_of, parameters, plain, where
from ._words import words

LOWER = {name.lower(): name for name in MESSAGES}
COROUTINES = words("IEnumerator void Task Awaitable")
UNSEEN = ("Dictionary<", "HashSet<", "Queue<", "Stack<", "Func<", "Action<", "Tuple<", "(")
Wanted = Mapping[str, Any]


def wanted_type(script: Script, wanted: Wanted) -> Type | Judgement:
    """The type of the answer that a row of ``types`` asks for."""
    name, base = wanted.get("name"), wanted.get("base")
    if name is not None:
        found = script.by_name.get(name)
        if found is None:
            return failed("no-such-type", f"no type {name}, but {', '.join(script.by_name)}")
        return found
    for one in script.types:
        if base is None or derives(script, one, base):
            return one
    return failed("no-such-type", f"no type derives from {base}")


def derives(script: Script, one: Type, base: str) -> bool:
    """Whether a type has a base or an interface, its own bases of the answer included."""
    above = [name for each in script.lineage(one) for name in each.bases]
    open_too = {name.partition("<")[0] for name in above}
    return plain(base) in above or plain(base) in open_too


def missing(script: Script, wanted: Wanted) -> Iterator[Judgement]:
    """What a row of ``types`` asks for and the type has not."""
    one = wanted_type(script, wanted)
    if isinstance(one, Judgement):
        yield one
        return
    kind = wanted.get("kind", one.kind)
    if one.kind != kind:
        yield failed("other-kind", f"{one.name} is a {one.kind}, expected a {kind}")
    for base in (*([wanted["base"]] if "base" in wanted else []), *wanted.get("implements", ())):
        if not derives(script, one, base):
            yield failed("other-base", f"{one.name} does not derive from {base}")
    held = set().union(*(modifiers(node) for node in one.nodes))
    for word in wanted.get("modifiers", ()):
        if word not in held:
            yield failed("modifier", f"{one.name} is not {word}")
    lineage = script.lineage(one)
    own = [attributes(node) for each in lineage for node in each.nodes]
    for attribute in wanted.get("attributes", ()):
        if not any(_attribute(found, attribute) for found in own):
            yield failed("no-attribute", f"{one.name} has no [{attribute}]")
    for member in wanted.get("members", ()):
        faults = [list(_wrong(each, member)) for each in _named(lineage, member)]
        if not faults:
            yield failed("no-member", f"{one.name} has no {_shown(member)}")
        elif all(faults):
            yield failed("other-member", f"{one.name}: {faults[0][0]}")


def _attribute(found: Mapping[str, str], wanted: str) -> bool:
    """``Name`` or ``Name(argument, ...)``: each argument stands in the attribute."""
    name, _, rest = "".join(wanted.split()).partition("(")
    if name not in found:
        return False
    given = found[name]
    parts = [part for part in rest.removesuffix(")").split(",") if part]
    return all(part in given or f"typeof({part})" in given for part in parts)


def _shown(member: Wanted) -> str:
    names = member["name"] if isinstance(member["name"], list) else [member["name"]]
    return f"{member.get('kind', 'member')} {' or '.join(names)}"


def _named(lineage: list[Type], member: Wanted) -> list[Node]:
    names = [member["name"]] if isinstance(member["name"], str) else member["name"]
    found = []
    for one in lineage:
        for name in names:
            found += one.methods.get(name, [])
            if name in one.variables:
                found.append(one.variables[name].node)
    return found


def _wrong(node: Node, wanted: Wanted) -> Iterator[str]:
    """What is not as asked for in one declaration of a name."""
    kind = node.type.partition("_")[0]
    variable = node.named_children[-1] if node.type.endswith("field_declaration") else node
    name = name_of(node) or text(variable)
    kind = {"parameter": "property"}.get(kind, kind)
    if wanted.get("kind", kind) != kind:
        yield f"{name} is a {kind}, expected a {wanted['kind']}"
    given = plain(
        text(variable.child_by_field_name("returns") or variable.child_by_field_name("type"))
    )
    kinds = wanted.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and given not in [plain(one) for one in kinds]:
        yield f"{name} is of type {given}, expected {' or '.join(kinds)}"
    if "parameters" in wanted:
        found = [v.type for _, v in parameters(node.child_by_field_name("parameters"))]
        if found != [plain(one) for one in wanted["parameters"]]:
            yield f"{name} takes ({', '.join(found)}), expected {wanted['parameters']}"
    held, marks = modifiers(node), attributes(node)
    for word in wanted.get("modifiers", ()):
        if word not in held:
            yield f"{name} is not {word}"
    for attribute in wanted.get("attributes", ()):
        if not _attribute(marks, attribute):
            yield f"{name} has no [{attribute}]"
    public = "public" in held and not held & {"static", "readonly", "const"}
    shown = "SerializeField" in marks or "SerializeReference" in marks
    if wanted.get("serialized") and not (shown or (public and kind == "field")):
        yield f"{name} is not shown in the inspector"
    if kind == "method" and _empty(node):
        yield f"{name} does nothing"


def _empty(method: Node) -> bool:
    body = method.child_by_field_name("body")
    inner = [c for c in body.named_children if c.type != "comment"] if body else []
    return body is not None and not inner and not modifiers(method) & {"abstract", "virtual"}


def messages(script: Script) -> Iterator[Judgement]:
    """Methods that are meant for Unity, and that Unity would not call."""
    nodes = (n for root in script.roots for n in walk(root))
    used = Counter(text(n).strip('"') for n in nodes if n.type in ("identifier", "string_literal"))
    for one in script.types:
        if script.root_base(one) != "MonoBehaviour":
            continue
        flat = {v.type for v in one.variables.values()}
        for name, method in ((n, m) for n, found in one.methods.items() for m in found):
            message = LOWER.get(name.lower())
            close = difflib.get_close_matches(name, MESSAGES, 1, 0.88) if message is None else []
            hidden = not modifiers(method) & {"public", "protected", "internal", "override"}
            if close and hidden and not attributes(method) and used[name] == 1:
                yield failed("message", where(method, f"Unity calls {close[0]}, nobody {name}"))
            if message is None or "override" in modifiers(method):
                continue
            if name != message:
                yield failed("message", where(method, f"Unity calls {message}, not {name}"))
            given = [v.type for _, v in parameters(method.child_by_field_name("parameters"))]
            if given not in ([MESSAGES[message]], []) and message != "Reset":
                takes = MESSAGES[message] or "nothing"
                yield failed("message", where(method, f"{name} takes {takes}, not {given}"))
            returned = plain(text(method.child_by_field_name("returns")))
            if returned not in COROUTINES or "static" in modifiers(method):
                yield failed("message", where(method, f"{name} returns {returned} or is static"))
            ends = name.startswith(("OnTrigger", "OnCollision")) and name.endswith("2D")
            solid = name.startswith(("OnTrigger", "OnCollision")) and not ends
            if (ends and "Rigidbody" in flat and "Rigidbody2D" not in flat) or (
                solid and "Rigidbody2D" in flat and "Rigidbody" not in flat
            ):
                yield failed("message", where(method, f"{name} is of the other physics"))


def inspector(script: Script, scope: Scope) -> Iterator[Judgement]:
    """``SerializeField`` where it does nothing, or does not compile."""
    for one in script.types:
        for member in one.members:
            if "SerializeField" not in attributes(member):
                continue
            held = modifiers(member)
            given = plain(text(member.named_children[-1].child_by_field_name("type")))
            target = next((t for t in walk(member) if t.type == "attribute_target_specifier"), None)
            if member.type == "property_declaration" and target is None:
                yield failed("inspector", where(member, "SerializeField stands on a property"))
            if held & {"static", "const", "readonly"}:
                yield failed("inspector", where(member, "Unity serializes no such field"))
            known = scope.script.by_name.get(given)
            if given.startswith(UNSEEN) or (known is not None and known.kind == "interface"):
                yield failed("inspector", where(member, f"Unity serializes no {given}"))
    for node in (n for root in script.roots for n in walk(root)):
        if node.type == "identifier" and text(node) == "NotImplementedException":
            yield failed("not-written", where(node, "it is left to be implemented"))
