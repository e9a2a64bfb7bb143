"""What may happen when: in a build, at the start, at the end, and when an answer comes too late."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness import Judgement, failed

from ._code import text, walk
from ._flutter_gap import runs_later
from ._flutter_reach import CLOSURES, entries, runs, uses_now
from ._flutter_tree import Script
from ._flutter_uses import Use, uses, where
from ._words import words

_SIDE = words(
    "showDialog showModalBottomSheet showBottomSheet showSnackBar"
    " pushNamed push pop forward repeat listen addListener setState"
)


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
    begin = awaits[0].end_byte if awaits else (body.start_byte if runs_later(body) else -1)
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
