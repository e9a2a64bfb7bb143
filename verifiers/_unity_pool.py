"""Whether objects that are pooled are taken out, come back once, and are neither made nor destroyed
on the way."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness import Judgement, failed

from ._code import text, walk
from ._unity_api import CONTACT, POOLS, RENDERED, STARTUP, TEARDOWN
from ._unity_flow import (
    Flow,
    Reached,
    assigned,
    body,
    called,
    conditions,
    iterators,
    names_in,
    on_the_way,
)
from ._unity_scope import Scope, last_name, member_of
from ._unity_script import LAMBDAS, Type, where
from ._words import words

STORES = words("Queue Stack List LinkedList HashSet Dictionary ConcurrentQueue ConcurrentBag")
GIVES = words("Enqueue Push Add AddLast AddFirst")
TAKES = words("Dequeue Pop TryDequeue TryPop RemoveAt RemoveLast RemoveFirst")
STATE = words("activeSelf activeInHierarchy isActiveAndEnabled enabled")
SETS = words("Remove Contains ContainsKey TryRemove CompareExchange Exchange TryGetValue")
SIZES = words("Count CountInactive CountAll CountActive Length TryDequeue TryPop capacity maxSize")
STOPS = words("StopCoroutine StopAllCoroutines CancelInvoke")
ENDING = ("OnBecameInvisible", "OnParticleSystemStopped")


class Pool:
    """The pools of a script."""

    def __init__(self, flow: Flow, scope: Scope) -> None:
        self.flow, self.scope = flow, scope
        self.nodes = [n for t in flow.script.types for m in t.members for n in walk(m)]

    def built_in(self) -> bool:
        """Whether Unity's own pool is made."""
        made = [n for n in self.nodes if "object_creation_expression" in n.type]
        heads = [text(n.child_by_field_name("type")).partition("<")[0] for n in made]
        kinds = {
            v.type.partition("<")[0] for t in self.flow.script.types for v in t.variables.values()
        }
        return any(h.rpartition(".")[2] in POOLS for h in heads) or bool(kinds & POOLS)

    def gives_back(self, node: Node) -> bool:
        """Whether a node gives an object back."""
        target, name, given = called(node)
        if node.type == "member_access_expression" and text(node).endswith(".Release"):
            handed = node.parent is not None and node.parent.type == "argument"
            holder = self.scope.type_of(node.child_by_field_name("expression"))
            return handed and holder.partition("<")[0] in POOLS
        if target is None:
            field = self.scope.field(node, name) if name else None
            own = given and text(given[0]) == "this"
            return bool(
                field is not None and own and field.type.startswith(("Action<", "UnityAction<"))
            )
        kind = self.scope.type_of(target).partition("<")[0]
        if name == "Release":
            return kind in POOLS or (not kind and len(given) == 1)
        if name == "Invoke" and given and text(given[0]) == "this":
            return kind in ("Action", "UnityAction")
        return name in GIVES and kind in STORES and self._handmade(last_name(target))

    def _handmade(self, store: str) -> bool:
        return any(called(n)[1] in TAKES and _is(called(n)[0], store) for n in self.nodes)

    def missing(self) -> Iterator[Judgement]:
        """Whether objects are taken out of a pool and given back to it."""
        names = {called(n)[1] for n in self.nodes}
        if self.built_in():
            if not {"Get"} & names or not any(map(self.gives_back, self.nodes)):
                yield failed("no-pool", "nothing is taken out of the pool, or nothing comes back")
            return
        stores = [
            v for t in self.flow.script.types for v in t.variables.values()
            if v.type.partition("<")[0] in STORES or v.type.endswith("[]")
        ]  # fmt: skip
        off = {text(n) for c in self.nodes if called(c)[1] == "SetActive" for n in called(c)[2]}
        searched = bool(names_of(self.nodes) & STATE) and {"true", "false"} <= off
        if not stores or not ((names & TAKES and (names & GIVES or "false" in off)) or searched):
            yield failed("no-pool", "no pool: nothing is kept, taken out and put back")

    def made_and_destroyed(self) -> Iterator[Judgement]:
        """Objects that are made or destroyed where the pool should serve."""
        flow = self.flow
        for one in flow.script.types:
            playing = [n for n in one.methods if n not in STARTUP | TEARDOWN]
            startup = flow.reach(flow.entries(STARTUP, [one]), far=True, later=True)
            ending = flow.reach(flow.entries(TEARDOWN, [one]), far=True, later=True)
            calm = {r.method.id for r in (*startup, *ending)}
            busy = flow.entries(RENDERED | CONTACT | iterators(one), [one])
            hot = {r.method.id for r in flow.reach(busy, far=True, later=False)}
            for reached in flow.entries(playing, [one]):
                if reached.method.id in calm - hot:
                    continue
                for node in body(reached.method, later=False):
                    name = called(node)[1]
                    if name == "Destroy" and not self._measured(reached, node):
                        yield failed(
                            "destroys-pooled", where(node, "it is destroyed, not given back")
                        )
                    made = name == "Instantiate" and not self._grows(reached, node)
                    if made and not self._factory(reached):
                        yield failed("makes-anew", where(node, "it is made anew, not taken out"))

    def _measured(self, one: Reached, node: Node) -> bool:
        return any(names_in(c) & SIZES for c in conditions(node, one.method))

    def _grows(self, one: Reached, node: Node) -> bool:
        """Whether an object is made only where the pool has none left."""
        for condition in conditions(node, one.method):
            if names_in(condition) & (SIZES | STATE) or "null" in text(condition):
                return True
        loops = [n for n in walk(one.method) if n.type in ("foreach_statement", "for_statement")]
        before = [n for n in loops if n.start_byte < node.start_byte]
        return any(n.type == "return_statement" for loop in before for n in walk(loop))

    def _factory(self, one: Reached) -> bool:
        """Whether a method is handed to a pool, or called only where the pool makes one."""
        name = text(one.method.child_by_field_name("name"))
        used = [n for n in self.nodes if n.type == "identifier" and text(n) == name]
        calls = [n for n in self.nodes if called(n)[1] == name]
        handed = len([n for n in used if n.parent and n.parent.type == "argument"])
        if handed and not calls:
            return True
        around = [(c, member_of(c)) for c in calls]
        return bool(around) and all(
            _in_lambda(c) or (m is not None and self._grows(Reached(one.owner, m), c))
            or (m is not None and text(m.child_by_field_name("name")) in STARTUP)
            for c, m in around
        )  # fmt: skip

    def twice(self) -> Iterator[Judgement]:
        """Objects that can be given back twice: on two ways, and nothing remembers the first."""
        ways: list[tuple[str, Reached, Node]] = []
        for one in self.flow.script.types:
            for kind, entry in self._entries(one):
                for reached in self.flow.reach([entry], far=True, later=False):
                    found = [n for n in body(reached.method, later=False) if self.gives_back(n)]
                    ways += [(kind, reached, node) for node in found]
        for kind, reached, node in ways:
            others = {k for k, _, _ in ways} - {kind}
            if others and not self._remembered(reached, node):
                yield failed("twice", where(node, f"it can come back twice: {kind}, {min(others)}"))

    def _entries(self, one: Type) -> Iterator[tuple[str, Reached]]:
        nodes = [n for m in one.members for n in walk(m)]
        stopped = any(called(n)[1] in STOPS for n in nodes)
        timed = iterators(one) | {
            text(p).strip('"')
            for n in nodes
            if called(n)[1] == "Invoke" and called(n)[0] is None
            for g in called(n)[2][:1]
            for p in walk(g)
            if p.type in ("identifier", "string_literal")
        }
        for entry in self.flow.entries({"Update", "FixedUpdate", "LateUpdate"}, [one]):
            yield "a frame", entry
        for entry in self.flow.entries(CONTACT, [one]):
            yield "a contact", entry
        for entry in self.flow.entries(ENDING, [one]):
            yield "the end of it", entry
        if not stopped:
            for entry in self.flow.entries(timed - {"nameof"}, [one]):
                yield "a timer", entry

    def _remembered(self, reached: Reached, node: Node) -> bool:
        """Whether a condition on the way asks what giving back changes."""
        changed = {
            last_name(left)
            for n in walk(reached.method)
            for left, sign, _ in [assigned(n)]
            if sign == "=" and left is not None
        }
        for call in reached.calls:
            member = member_of(call)
            for n in walk(member) if member is not None else ():
                left, sign, right = assigned(n)
                if sign == "=" and right is not None and text(right) in ("true", "false", "null"):
                    changed.add(last_name(left))
        mine = changed | STATE | SETS
        return any(names_in(condition) & mine for condition in on_the_way(reached, node))


def names_of(nodes: list[Node]) -> set[str]:
    """All identifiers."""
    return {text(n) for n in nodes if n.type == "identifier"}


def _is(target: Node | None, name: str) -> bool:
    return target is not None and last_name(target) == name


def _in_lambda(node: Node) -> bool:
    at = node.parent
    while at is not None and at.type not in LAMBDAS:
        at = at.parent
    return at is not None
