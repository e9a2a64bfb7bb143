"""What may happen when: the context and setState after an await, in a build, at the start and at
the end; answers that come too late."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness import Judgement, failed

from ._code import text, walk
from ._flutter_reach import CLOSURES, entries, runs, uses_now
from ._flutter_tree import Class, Member, Script, Use, uses, where
from ._words import words

_EXITS = words(
    "return_statement break_statement continue_statement rethrow_expression throw_expression"
)
_LATER = words("then whenComplete catchError delayed microtask onError")
_SIDE = words(
    "showDialog showModalBottomSheet showBottomSheet showSnackBar"
    " pushNamed push pop forward repeat listen addListener setState"
)


class Gap:
    """One walk through the code of a function, that knows whether the widget may be gone."""

    def __init__(self, one: Class | None, params: set[str]) -> None:
        self.one, self.params = one, params
        self.faults: list[tuple[Node, str]] = []
        self.seen: set[str] = set()

    def run(self, node: Node, gone: bool) -> bool:
        """Walk through ``node``; whether the widget may be gone behind it."""
        kind = node.type
        if kind in CLOSURES:
            return gone
        if kind == "if_statement":
            return self._if(node, gone)
        if kind == "await_expression":
            for child in node.children:
                gone = self.run(child, gone)
            return True
        if kind in ("for_statement", "while_statement", "do_statement"):
            after = self._all(node, gone) or any(c.type == "await" for c in node.children)
            return self._all(node, True) if after and not gone else after
        if kind in ("logical_and_expression", "conditional_expression"):
            return self._and(node, gone)
        if kind == "try_statement":
            return self._try(node, gone)
        if kind in ("switch_statement", "switch_expression"):
            body = node.child_by_field_name("body")
            before = gone
            ends = [self.run(c, before) for c in (body.children if body else node.children)]
            return any(ends)
        if kind in ("identifier", "identifier_dollar_escaped"):
            self._use(node, gone)
            return gone
        return self._all(node, gone)

    def _all(self, node: Node, gone: bool) -> bool:
        for child in node.children:
            gone = self.run(child, gone)
        return gone

    def _if(self, node: Node, gone: bool) -> bool:
        branches = [
            c for n in ("consequence", "alternative") for c in node.children_by_field_name(n)
        ]
        condition = [c for c in node.named_children if c not in branches]
        for child in condition:
            gone = self.run(child, gone)
        asked = "".join("".join(text(c).split()) for c in condition)
        there = any(_is_mounted(c, positive=True) for c in condition)
        absent = any(_is_mounted(c, positive=False) for c in condition)
        states = []
        for number, branch in enumerate(branches):
            start = gone and not (there if number == 0 else absent)
            end = self.run(branch, start)
            if not exits(branch):
                states.append(end)
        if len(branches) < 2:
            states.append(gone and not absent)
        return any(states) if asked else gone

    def _and(self, node: Node, gone: bool) -> bool:
        for child in node.named_children:
            gone = self.run(child, gone)
            if _is_mounted(child, positive=True) or text(child) == "mounted":
                gone = False
        return gone or "await" in [c.type for c in walk(node)]

    def _try(self, node: Node, gone: bool) -> bool:
        body = node.child_by_field_name("body")
        awaits = body is not None and any(c.type == "await_expression" for c in walk(body))
        after = self.run(body, gone) if body else gone
        ends = [] if body is not None and exits(body) else [after]
        for child in node.named_children:
            if child.type == "block" and child != body:
                end = self.run(child, gone or awaits)
                ends += [] if exits(child) else [end]
            elif child.type == "finally_clause":
                end = self.run(child, gone or awaits)
                ends = [end]
        return any(ends)

    def _use(self, node: Node, gone: bool) -> None:
        name = text(node)
        if not gone or (node.parent and node.parent.type == "label"):
            return
        if (
            node.parent is not None
            and "selector" in node.parent.type
            and node.parent.type != "selector"
        ):
            return
        after = node.next_named_sibling
        if name in self.params and "mounted" not in text(after)[:9]:
            self.faults.append((node, f"{name} is used after an await without a look at mounted"))
        if (
            self.one is not None
            and self.one.is_state
            and name == "setState"
            and "setState" not in self.params
        ):
            self.faults.append((node, "setState after an await without a look at mounted"))
        helper = self.one.methods.get(name) if self.one else None
        if (
            helper
            and helper.body
            and text(after).startswith("(")
            and name not in self.seen
            and not helper.is_async
        ):
            self.seen.add(name)
            self.run(helper.body, True)


def _is_mounted(node: Node, *, positive: bool) -> bool:
    """Whether a condition can only hold while mounted, or (not ``positive``) holds once it is
    gone."""
    if node.type == "parenthesized_expression":
        return any(_is_mounted(c, positive=positive) for c in node.named_children)
    joined = "logical_and_expression" if positive else "logical_or_expression"
    if node.type == joined:
        parts = "".join(text(node).split()).split("&&" if positive else "||")
        return bool(_told(parts, positive))
    if positive and node.type in ("identifier", "selector"):
        return text(node) in ("mounted", ".mounted")
    return (
        not positive
        and "".join(text(node).split()).startswith("!")
        and text(node).endswith("mounted")
    )


def _told(parts: list[str], positive: bool) -> set[str]:
    """The parts of a condition that are a look at mounted."""
    found = {p.strip("()") for p in parts if p.strip("(!)").split(".")[-1] == "mounted"}
    return {p for p in found if p.startswith("!") is not positive}


def exits(node: Node) -> bool:
    """Whether code never goes on behind ``node``."""
    if node.type in _EXITS:
        return True
    if node.type in ("block", "expression_statement"):
        return bool(node.named_children) and exits(node.named_children[-1])
    return False


def gap_faults(script: Script) -> Iterator[Judgement]:
    """The context and setState behind an await, without a look at mounted between them."""
    for one, member in [(c, m) for c in script.classes for m in c.members] + [
        (None, m) for m in script.functions
    ]:
        bodies = [
            (n, _contexts(n, member))
            for n in walk(member.body or member.node)
            if n.type in CLOSURES
        ]
        if member.body is not None:
            bodies.append((member.body, _contexts(member.node, member)))
        for body, contexts in bodies:
            gap = Gap(one, contexts | ({"context"} if one is None or one.is_state else set()))
            for child in _code(body):
                gap.run(child, _runs_later(body))
            for node, note in gap.faults:
                yield failed("after-await", where(node, note))


def _code(body: Node) -> list[Node]:
    inner = body.child_by_field_name("body") if body.type in CLOSURES else body
    if body.type == "local_function_declaration":
        inner = next((n for n in walk(body) if n.type == "function_body"), None)
    return inner.children if inner else []


def _contexts(node: Node, member: Member) -> set[str]:
    """The names of contexts that are seen from a function."""
    found = {"context"}
    for part in (node, member.node):
        for each in walk(part):
            if each.type == "formal_parameter" and "BuildContext" in text(each):
                found.add(text(each).split()[-1])
            if (
                part is node
                and each.type == "formal_parameter"
                and text(each) in ("setState", "setDialogState")
            ):
                found.add("setState")
    return found - {"setState"} if "setState" not in found else found


def _runs_later(closure: Node) -> bool:
    """Whether a closure runs when a future ends."""
    call = closure.parent
    while call is not None and call.type not in (
        "selector",
        "argument_part",
        "expression_statement",
    ):
        call = call.parent
    if closure.type not in CLOSURES or call is None:
        return False
    if call.type == "argument_part" and call.parent is not None:
        call = call.parent
    before = call.prev_named_sibling if call.type in ("selector", "argument_part") else None
    return before is not None and text(before).lstrip("?.") in _LATER


def build_faults(script: Script) -> Iterator[Judgement]:
    """What a build must not do: change state, begin a future, show something."""
    for one in script.classes:
        for member in runs([one], entries(script, [one], ["build"])):
            building = member.name == "build" or "Widget" in member.type
            for use in uses_now(member.body, building=building) if member.body and building else ():
                side = use.name in _SIDE and use.args is not None and use.on != "ref"
                if side and (
                    use.root in one.fields
                    or use.name.startswith(("show", "set"))
                    or use.on in ("Navigator", "of")
                ):
                    yield failed(
                        "in-build", where(use.node, f"{use.name} while the widget is built")
                    )
    yield from _futures(script)


def _futures(script: Script) -> Iterator[Judgement]:
    for use in script.uses:
        if use.name not in ("FutureBuilder", "StreamBuilder") or use.args is None:
            continue
        for each in use.args.named_children:
            label = (
                text(each.named_children[0]).rstrip(": ") if each.type == "named_argument" else ""
            )
            if label in ("future", "stream"):
                calls = [
                    u
                    for u in uses(each)
                    if u.args is not None and u.name not in ("of", "watch", "read")
                ]
                local = _made_here(each)
                if (calls or local) and "??=" not in text(each):
                    yield failed(
                        "future-in-build", where(each, f"every build begins another {label}")
                    )


def _made_here(argument: Node) -> bool:
    """Whether an argument is a local variable that the same function fills by a call."""
    name = text(argument.named_children[-1])
    above = argument.parent
    while above is not None and above.type not in ("function_body", "function_expression_body"):
        above = above.parent
    for node in walk(above) if above else ():
        if (
            node.type == "initialized_variable_definition"
            and text(node.child_by_field_name("name")) == name
        ):
            return any(u.args is not None for u in uses(node))
    return False


def state_faults(script: Script) -> Iterator[Judgement]:
    """What initState, dispose and setState must not do."""
    for one in (c for c in script.classes if c.is_state):
        for name in ("initState", "dispose", "didChangeDependencies", "build"):
            method = one.methods.get(name)
            if method and method.is_async:
                yield failed("async", where(method.node, f"{name} is async"))
        for name in ("initState", "dispose"):
            for member in runs([one], entries(script, [one], [name])):
                if member.body and not member.is_async:
                    yield from _early(name, uses_now(member.body))
        for use in one.uses:
            changes = use.name == "setState" and use.args is not None and not use.on
            if changes and "async" in [n.type for n in list(walk(use.args or use.node))[:9]]:
                yield failed("async", where(use.node, "setState with an async function"))


def _early(name: str, found: list[Use]) -> Iterator[Judgement]:
    for use in found:
        looked = use.name in ("of", "sizeOf", "watch", "maybeOf") and use.arguments[:1] == [
            "context"
        ]
        shown = use.name.startswith("show") and "context" in " ".join(use.arguments)
        if looked and (name == "dispose" or use.on not in ("Navigator", "ScaffoldMessenger")):
            yield failed(
                "too-early" if name == "initState" else "too-late",
                where(use.node, f"{use.on}.{use.name}(context) in {name}"),
            )
        if shown or (name == "dispose" and use.name == "setState"):
            yield failed(
                "too-early" if name == "initState" else "too-late",
                where(use.node, f"{use.name} in {name}"),
            )


def stale_faults(script: Script) -> Iterator[Judgement]:
    """Where a slow answer may overtake a newer one, a comparison drops the old one."""
    names = {u.name for u in script.uses}
    if (
        names & {"CancelableOperation", "switchMap", "asyncExpand", "RestartableTimer"}
        or "FutureBuilder" in names
    ):
        return
    fields = {n for c in script.classes for n in (*c.fields, *c.methods)} | {
        "text",
        "widget",
        "value",
    }
    for member in [m for c in script.classes for m in c.members]:
        for body in (
            [n for n in walk(member.body) if n.type in CLOSURES] + [member.body]
            if member.body
            else ()
        ):
            if _guards(body, fields):
                return
    yield failed(
        "stale", "no answer is compared with what was asked last: an older one may overtake it"
    )


def _guards(body: Node, fields: set[str]) -> bool:
    awaits = [n for n in walk(body) if n.type == "await_expression" and "delayed" not in text(n)]
    begin = awaits[0].end_byte if awaits else (body.start_byte if _runs_later(body) else -1)
    if begin < 0:
        return False
    for node in walk(body):
        if node.start_byte >= begin and node.type in ("equality_expression", "identical"):
            found = uses(node)
            if any(u.root in fields for u in found) and "null" not in [
                text(c) for c in node.named_children
            ]:
                return True
        if node.start_byte >= begin and node.type == "identifier" and text(node) == "identical":
            return True
    return False
