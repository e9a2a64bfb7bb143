"""What a class made for itself is released when it ends, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness import Judgement, failed

from ._code import text, walk
from ._flutter_reach import CLOSURES, entries, reach, runs, uses_now
from ._flutter_tree import Class, Member, Script
from ._flutter_uses import Use, uses, where
from ._words import words

_DISPOSE = words(
    "TextEditingController AnimationController ScrollController"
    " PageController TabController FocusNode"
    " FocusScopeNode TransformationController ValueNotifier ChangeNotifier SearchController Ticker"
    " FixedExtentScrollController DraggableScrollableController UndoHistoryController"
    " VideoPlayerController CameraController AudioPlayer"
    " TapGestureRecognizer LongPressGestureRecognizer PanGestureRecognizer WidgetStatesController"
    " AppLifecycleListener CarouselController"
)
#: what ends a thing of a type
RELEASES = dict.fromkeys(_DISPOSE, ("dispose",)) | {
    "Timer": ("cancel",),
    "StreamSubscription": ("cancel",),
    "StreamController": ("close",),
    "OverlayEntry": ("remove", "dispose"),
}
_GROWING = ("Timer", "StreamSubscription", "OverlayEntry")


def owned_faults(script: Script) -> Iterator[Judgement]:
    """The faults of every class that owns what has to end."""
    kinds = RELEASES | {
        c.name: ("dispose",)
        for c in script.classes
        if {b.partition("<")[0] for each in script.lineage(c) for b in each.bases}
        & {"ChangeNotifier", "ValueNotifier"}
    }
    for one in script.classes:
        if one.kind not in ("class", "mixin"):
            continue
        teardown = reach(script, [one], entries(script, [one], ["teardown"]))
        for name, (kind, node) in sorted(_owned(one, kinds).items()):
            if one.kind == "class" and not _released(teardown, name, kinds[kind]):
                told = " or ".join(f"{name}.{how}()" for how in kinds[kind])
                yield failed("not-released", where(node, f"{kind} {name}: no {told} when it ends"))
        yield from _order(one)
        yield from _borrowed(one, teardown)
        yield from _again(one)
        yield from _listeners(one, teardown, kinds)
    yield from _dropped(script)


def _owned(one: Class, kinds: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, Node]]:
    """The fields that the class fills with what has to end: type and place by name."""
    found: dict[str, tuple[str, Node]] = {}
    if one.extends in ("StatelessWidget", "StatefulWidget", "InheritedWidget"):
        return found
    for name, field in one.fields.items():
        values = field.node.named_children[1:]
        kind = next((k for v in values if (k := _makes(v, kinds))), "")
        if kind and not _is_static(field):
            found[name] = (kind, field.node)
    for node in walk(one.node):
        if node.type == "assignment_expression":
            left = node.child_by_field_name("left")
            names = [u.name for u in uses(left)] if left else []
            rights = node.children_by_field_name("right")
            kind = next((k for right in rights if (k := _makes(right, kinds))), "")
            if kind and names and names[-1] in one.fields and not _is_static(one.fields[names[-1]]):
                found[names[-1]] = (kind, node)
    return found


def _is_static(field: Member) -> bool:
    above = field.node.parent.parent if field.node.parent else None
    return above is not None and any(c.type == "static" for c in above.children)


def _makes(node: Node, kinds: dict[str, tuple[str, ...]]) -> str:
    """What has to end, that an expression makes: a constructor's class, or a subscription."""
    holder = node.parent if node.type in ("identifier", "selector") else node
    if holder is None:
        return ""
    inside = uses(holder)
    if any(one.root in ("List", "Map") and one.name in ("generate", "filled") for one in inside):
        return next((one.name for one in inside if one.args is not None and one.name in kinds), "")
    found = uses_now(holder) if node.type != "selector" else uses_now(node)
    for use in found:
        if use.args is not None and use.on in kinds and use.name[:1].islower():
            return use.on if use.name in ("periodic", "broadcast", "fromValue", "unbounded") else ""
        if use.args is not None and use.name in kinds and not _argument(use, holder):
            return use.name
    named = {
        text(n)
        for n in walk(holder)
        if n.type == "identifier" and n.parent in (holder, *_selectors(holder))
    }
    return "StreamSubscription" if "listen" in named else ""


def _selectors(node: Node) -> list[Node]:
    """The chain directly below a node."""
    found = [c for c in node.children if c.type == "selector"]
    return found + [d for c in found for d in c.children]


def _argument(use: Use, top: Node) -> bool:
    """Whether a use is an argument of a call below ``top``, so that another may own it."""
    at = use.node.parent
    while at is not None and at != top:
        if at.type == "arguments":
            return True
        at = at.parent
    return False


def _released(teardown: list[Member], name: str, ways: tuple[str, ...]) -> bool:
    for member in teardown:
        if member.body is None:
            continue
        for use in uses(member.body):
            if use.root in (name, "this") and use.name in ways and name in (use.on, use.root):
                return True
        if any(_each(node, name, ways) for node in walk(member.body)):
            return True
    return False


def _each(node: Node, name: str, ways: tuple[str, ...]) -> bool:
    """Whether a loop over ``name`` releases what it holds; a name that is kept first counts."""
    if node.type == "for_statement" or (
        node.type == "expression_statement" and "forEach" in text(node)
    ):
        names = {u.name for u in uses(node)}
        return name in names and bool(names & set(ways))
    return False


def _order(one: Class) -> Iterator[Judgement]:
    """The State's own parts are called, dispose's last."""
    for name in ("initState", "dispose", "didChangeDependencies", "didUpdateWidget", "deactivate"):
        method = one.methods.get(name)
        needs = one.is_state or (
            name == "dispose" and {"ChangeNotifier", "ValueNotifier"} & set(one.bases)
        )
        if not method or not method.body or not needs:
            continue
        calls = [
            n for n in walk(method.body) if n.type == "super" and f"super.{name}(" in text(n.parent)
        ]
        if not calls:
            yield failed("no-super", where(method.node, f"{name} does not call super.{name}"))
        elif name == "dispose":
            for use in method.uses:
                late = use.node.start_byte > calls[0].end_byte and use.root != "super"
                if (
                    late
                    and use.name
                    in ("dispose", "cancel", "close", "removeListener", "removeObserver")
                    and use.root
                ):
                    yield failed(
                        "order", where(use.node, f"{use.root}.{use.name} after super.dispose()")
                    )


def _borrowed(one: Class, teardown: list[Member]) -> Iterator[Judgement]:
    """What the widget was given is not ended here."""
    for member in teardown:
        for use in uses(member.body) if member.body and one.is_state else ():
            ends = use.root == "widget" != use.on and use.name in ("dispose", "close")
            if ends and not _within(use.node, "if_statement"):
                yield failed(
                    "not-owned", where(use.node, f"{use.on} belongs to the widget's owner")
                )


def _within(node: Node, kind: str) -> bool:
    """Whether a node of that kind holds ``node`` in the body of its function."""
    above = node.parent
    while above is not None and above.type not in ("function_body", kind):
        above = above.parent
    return above is not None and above.type == kind


def _again(one: Class) -> Iterator[Judgement]:
    """A timer, a subscription or an overlay that may be there is ended before another takes its
    place."""
    for member in one.members:
        if (
            member.body is None
            or member.name in ("initState", one.name)
            or member.kind == "constructor"
        ):
            continue
        for node in walk(member.body):
            if node.type != "assignment_expression" or "??=" in [c.type for c in node.children]:
                continue
            left = node.child_by_field_name("left")
            name = text(left)
            rights = node.children_by_field_name("right")
            kind = next((k for r in rights if (k := _makes(r, RELEASES))), "")
            if kind not in _GROWING or name not in one.fields:
                continue
            if not _ended_before(one, member, name, node) and not _only_start(one, member, name):
                yield failed(
                    "piles-up", where(node, f"{name} is replaced and the one before goes on")
                )


def _ended_before(one: Class, member: Member, name: str, at: Node) -> bool:
    before = (
        [u for u in uses(member.body) if u.node.end_byte <= at.start_byte] if member.body else []
    )
    if any(u.root == name for u in before):
        return True
    called = [one.methods[u.name] for u in before if u.name in one.methods and u.args is not None]
    return any(u.root == name for m in called if m.body for u in m.uses)


def _only_start(one: Class, member: Member, name: str) -> bool:
    """Whether whoever calls a method is initState, or has ended what is there before."""
    calls = [(m, u) for m in one.members if m.body for u in m.uses if u.name == member.name]
    return bool(calls) and all(
        m.name == "initState"
        or any(u.root == name and u.node.start_byte < call.node.start_byte for u in m.uses)
        for m, call in calls
    )


def _listeners(
    one: Class, teardown: list[Member], kinds: dict[str, tuple[str, ...]]
) -> Iterator[Judgement]:
    """Listeners on what outlives the class come off again."""
    if not one.is_state:
        return
    owned = set(_owned(one, kinds))
    ended = [u for m in teardown if m.body for u in m.uses]
    for use in one.uses:
        observes = use.name == "addObserver" and use.args is not None
        if observes and not any(u.name == "removeObserver" for u in ended):
            yield failed("not-released", where(use.node, "an observer that is never removed"))
        if use.name in ("addListener", "addStatusListener") and use.args is not None:
            what = use.arguments[:1]
            outlives = use.root not in owned and (
                use.root == "widget"
                or use.root in one.fields
                or (use.root[:1].isupper() and use.root not in kinds)
            )
            removed = [u for u in ended if u.name == use.name.replace("add", "remove")]
            if outlives and not any(u.arguments[:1] == what for u in removed):
                yield failed("not-released", where(use.node, f"a listener on {use.root} stays"))


def _dropped(script: Script) -> Iterator[Judgement]:
    """Subscriptions and periodic timers that nobody keeps; controllers made by every build."""
    for one in script.classes:
        if not (one.is_state or one.extends in ("StatelessWidget", "ChangeNotifier")):
            continue
        for node in walk(one.node):
            if node.type == "expression_statement" and not any(
                c.type == "assignment_expression" for c in node.children
            ):
                yield from _lost(node)
        for member in runs([one], entries(script, [one], ["build"])):
            building = uses_now(member.body, building=True) if member.body else []
            for use in building:
                if (
                    use.args is not None
                    and use.name in _DISPOSE
                    and not _within(use.node, "assignment_expression")
                ):
                    yield failed("not-released", where(use.node, f"every build makes a {use.name}"))


def _lost(statement: Node) -> Iterator[Judgement]:
    for use in uses_now(statement):
        if use.args is None or any(c.type == "await_expression" for c in walk(statement)):
            continue
        lost = (use.name == "listen" and use.on) or (use.name == "periodic" and use.on == "Timer")
        if use.name == "Timer" and "mounted" not in text(statement):
            lost = "setState" in text(statement) or "context" in text(statement)
        own = [n for n in walk(use.args) if n.type in CLOSURES and ".cancel()" in text(n)]
        if lost and not own and use.root != "ref":
            yield failed(
                "not-released", where(use.node, f"nobody keeps what {use.name} gives, to end it")
            )
