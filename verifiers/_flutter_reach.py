"""What is reached from where: through calls, tear-offs and closures of the answer's own code."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from tree_sitter import Node

from ._flutter_tree import Class, Member, Script
from ._flutter_uses import Use, uses
from ._words import words

#: names for when a method runs, which ``from`` may give
MOMENTS = {
    "build": words("build"),
    "startup": words("initState didChangeDependencies"),
    "update": words("didUpdateWidget"),
    "teardown": words("dispose deactivate close"),
}
CLOSURES = words("function_expression local_function_declaration")
#: arguments whose closures run while the widget is built
BUILDERS = words("builder itemBuilder separatorBuilder delegateBuilder")


def entries(script: Script, classes: Iterable[Class], names: Collection[str]) -> list[Member]:
    """The members with these names, or of these moments, in the classes and outside of them."""
    wanted = {each for name in names for each in MOMENTS.get(name, {name})}
    found = [m for c in classes for m in c.members if m.name in wanted]
    if "startup" in names:
        found += [m for c in classes for m in c.members if m.kind in ("field", "constructor")]
    return found + [m for m in script.functions if m.name in wanted]


def reach(script: Script, classes: list[Class], begin: Iterable[Member]) -> list[Member]:
    """Members, and those of the same classes or of none that they lead to."""
    known = {m.name: m for m in script.functions}
    known |= {
        m.name: m for c in classes for m in c.members if m.kind not in ("field", "constructor")
    }
    found = list(begin)
    for each in found:
        for use in each.uses:
            other = known.get(use.name)
            if other and other not in found and use.on in ("", "this", "super", "widget"):
                found.append(other)
    return found


def now(node: Node, *, building: bool = False) -> Iterator[Node]:
    """The nodes below ``node`` that run when it runs: without closures, but for builders' if it is
    a build."""
    stack = [node]
    while stack:
        each = stack.pop()
        yield each
        for child in reversed(each.children):
            if child.type not in CLOSURES or (building and _builder(child)):
                stack.append(child)


def _builder(closure: Node) -> bool:
    above = closure.parent
    if above is None or above.type != "named_argument":
        return False
    label = above.named_children[0].text
    return label is not None and label.decode().rstrip(": ") in BUILDERS


def uses_now(node: Node, *, building: bool = False) -> list[Use]:
    """The uses that happen when ``node`` runs."""
    at = {n.id for n in now(node, building=building)}
    return [u for u in uses(node) if u.node.id in at]


def runs(classes: list[Class], begin: Iterable[Member]) -> list[Member]:
    """Members, and those that run with them: called, not only handed over."""
    known = {
        m.name: m for c in classes for m in c.members if m.kind not in ("field", "constructor")
    }
    found = list(begin)
    for each in found:
        building = each.name == "build" or each.type == "Widget"
        for use in uses_now(each.body, building=building) if each.body else ():
            other = known.get(use.name)
            called = use.args is not None or (other and other.kind == "getter")
            if other and called and other not in found and use.on in ("", "this"):
                found.append(other)
    return found
