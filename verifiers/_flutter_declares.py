"""The types that a prompt names, with bases and members, and the parts that Flutter calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tree_sitter import Node

from harness import Judgement, failed

from ._code import text, walk
from ._flutter_tree import Class, Member, Script
from ._flutter_uses import plain, uses, where
from ._words import words

#: what ``base: Widget`` stands for
WIDGET = words(
    "StatelessWidget StatefulWidget InheritedWidget InheritedNotifier InheritedModel ConsumerWidget"
    " ConsumerStatefulWidget HookWidget AnimatedWidget ImplicitlyAnimatedWidget PreferredSizeWidget"
    " LeafRenderObjectWidget SingleChildRenderObjectWidget MultiChildRenderObjectWidget"
)
_TICKERS = words("SingleTickerProviderStateMixin TickerProviderStateMixin")


def _list(given: Any) -> list[str]:
    return [given] if isinstance(given, str) else list(given or ())


def wanted_class(script: Script, row: dict[str, Any]) -> Class | Judgement:
    """The class that a row of ``types`` asks for."""
    name, bases = row.get("name"), _list(row.get("base"))
    if name is not None:
        return script.by_name.get(name) or failed("missing", f"no type {name}")
    found = [c for c in script.classes if _has_base(script, c, bases)]
    return found[0] if found else failed("missing", f"no type that is a {' or '.join(bases)}")


def _has_base(script: Script, one: Class, bases: list[str]) -> bool:
    above = [b for each in script.lineage(one) for b in each.bases]
    have = {*above, *(b.partition("<")[0] for b in above)}
    return any(plain(b) in have or (b == "Widget" and have & WIDGET) for b in bases)


def missing(script: Script, row: dict[str, Any]) -> Iterator[Judgement]:
    """What the class of a row has not."""
    one = wanted_class(script, row)
    if isinstance(one, Judgement):
        yield one
        return
    if row.get("base") and not _has_base(script, one, _list(row["base"])):
        yield failed("base", where(one.node, f"{one.name} is no {' or '.join(_list(row['base']))}"))
    if row.get("kind") and row["kind"] != one.kind:
        yield failed("kind", where(one.node, f"{one.name} is a {one.kind}, not a {row['kind']}"))
    for base in (*_list(row.get("mixins")), *_list(row.get("implements"))):
        if not any(_has_base(script, c, [base]) for c in script.family(one.name)):
            yield failed("base", where(one.node, f"{one.name} has no {base}"))
    head = text(one.node).partition("{")[0].split()
    for modifier in _list(row.get("modifiers")):
        if modifier not in head:
            yield failed("modifier", where(one.node, f"{one.name} is not {modifier}"))
    values = [
        text(n.child_by_field_name("name")) for n in walk(one.node) if n.type == "enum_constant"
    ]
    for value in _list(row.get("values")):
        if value not in values:
            yield failed("member", where(one.node, f"{one.name} has no value {value}"))
    for member in row.get("members", ()):
        yield from _member(script, one, member)


def _member(script: Script, one: Class, row: dict[str, Any]) -> Iterator[Judgement]:
    names = _list(row["name"])
    family = [m for c in [*script.lineage(one), *script.family(one.name)] for m in c.members]
    found = [m for m in family if m.name in names and _kind(m, row.get("kind"))]
    if not found:
        yield failed(
            "member",
            where(one.node, f"{one.name} has no {row.get('kind', '')} {' or '.join(names)}"),
        )
        return
    faults = [list(_unlike(m, row)) for m in found]
    yield from min(faults, key=len)


def _kind(member: Member, kind: str | None) -> bool:
    ways = {"getter": ("getter", "field"), "setter": ("setter", "field"), None: (member.kind,)}
    return member.kind in ways.get(kind, (str(kind),))


def _unlike(member: Member, row: dict[str, Any]) -> Iterator[Judgement]:
    types = [plain(t) for t in _list(row.get("type"))]
    if types and plain(member.type) not in types:
        yield failed(
            "member", where(member.node, f"{member.name} is {member.type or 'open'}, not {types}")
        )
    parameters = [n for n in walk(member.node) if n.type == "formal_parameter"]
    have = [_parameter(n) for n in parameters]
    for name in _list(row.get("named")):
        if name not in [h[1] for h in have]:
            yield failed("member", where(member.node, f"{member.name} has no parameter {name}"))
    if "parameters" in row and [plain(p) for p in row["parameters"]] != [h[0] for h in have]:
        yield failed("member", where(member.node, f"{member.name} takes {[h[0] for h in have]}"))
    written = text(
        member.node.parent.parent if member.kind == "field" and member.node.parent else member.node
    )
    for modifier in _list(row.get("modifiers")):
        if modifier not in written.split() and not (modifier == "async" and member.is_async):
            yield failed("member", where(member.node, f"{member.name} is not {modifier}"))
    if (
        member.body is not None
        and member.kind == "method"
        and not any(n.is_named for n in _inside(member.body))
    ):
        yield failed("empty", where(member.node, f"{member.name} does nothing"))


def _inside(body: Node) -> list[Node]:
    block = next((c for c in body.children if c.type == "block"), None)
    return [c for c in (block or body).named_children if c.type != "comment"]


def _parameter(node: Node) -> tuple[str, str]:
    names = [n for n in walk(node) if n.type == "identifier"]
    name = text(names[-1]) if names else ""
    return plain(text(node).removesuffix(name)), name


def shape(script: Script) -> Iterator[Judgement]:
    """What Flutter calls of every class is there, as it calls it."""
    for one in script.classes:
        yield from _widget(script, one)
        if one.is_state:
            yield from _state(script, one)
        if one.extends == "CustomPainter":
            yield from _needs(one, ("paint", "void"), ("shouldRepaint", "bool"))
        if one.extends == "InheritedWidget":
            yield from _needs(one, ("updateShouldNotify", "bool"))
        for member in one.members:
            for use in member.uses if member.body else ():
                if use.name in ("UnimplementedError", "UnsupportedError_"):
                    yield failed("unfinished", where(use.node, f"{member.name} is not written"))


def _needs(one: Class, *wanted: tuple[str, str]) -> Iterator[Judgement]:
    for name, kind in wanted:
        found = one.methods.get(name)
        if found is None or found.body is None:
            yield failed("shape", where(one.node, f"{one.name} has no {name}"))
        elif found.type.partition("<")[0] != kind:
            yield failed(
                "shape", where(found.node, f"{name} gives {found.type or 'nothing'}, not {kind}")
            )


def _widget(script: Script, one: Class) -> Iterator[Judgement]:
    if one.extends == "StatelessWidget":
        yield from _needs(one, ("build", "Widget"))
        yield from _context(one)
    if one.extends in ("StatelessWidget", "StatefulWidget", "InheritedWidget"):
        for field in one.fields.values():
            above = field.node.parent.parent if field.node.parent else None
            if not any(
                text(c) in ("final", "const", "static") for c in (above.children if above else ())
            ):
                yield failed("shape", where(field.node, f"{one.name}.{field.name} is not final"))
    if one.extends == "StatefulWidget":
        made = one.methods.get("createState")
        if made is None or made.body is None:
            yield failed("shape", where(one.node, f"{one.name} has no createState"))
            return
        names = [u.name for u in uses(made.body) if u.args is not None]
        states = [c for c in script.classes if c.name in names]
        if not states or not any(f"<{one.name}" in b for c in states for b in c.bases):
            yield failed(
                "shape", where(made.node, f"createState makes no State<{one.name}> of this answer")
            )


def _context(one: Class) -> Iterator[Judgement]:
    build = one.methods.get("build")
    if build is not None and "BuildContext" not in text(build.node):
        yield failed("shape", where(build.node, "build takes a BuildContext"))


def _state(script: Script, one: Class) -> Iterator[Judgement]:
    yield from _needs(one, ("build", "Widget"))
    yield from _context(one)
    kept = "AutomaticKeepAliveClientMixin" in {b.partition("<")[0] for b in one.bases}
    build = one.methods.get("build")
    if kept and build and "super.build(" not in text(build.body):
        yield failed("shape", where(build.node, "keep-alive needs super.build(context)"))
    for name in ("initState", "dispose", "didChangeDependencies", "didUpdateWidget"):
        found = one.methods.get(name)
        if found is not None and found.type not in ("void", "Future<void>"):
            yield failed(
                "shape", where(found.node, f"{name} gives {found.type or 'nothing'}, not void")
            )
        if (
            found is not None
            and name != "didUpdateWidget"
            and "()" not in "".join(text(found.node).split())
        ):
            yield failed("shape", where(found.node, f"{name} takes no parameter"))
    mixins = {b.partition("<")[0] for c in script.lineage(one) for b in c.bases}
    tickers = [u for u in one.uses if u.args is not None and "vsync:this" in u.arguments]
    if tickers and not mixins & _TICKERS:
        yield failed("ticker", where(tickers[0].node, f"{one.name} is no TickerProvider"))
    if (
        len([u for u in tickers if u.name == "AnimationController"]) > 1
        and "TickerProviderStateMixin" not in mixins
    ):
        yield failed(
            "ticker", where(tickers[1].node, "a second controller needs TickerProviderStateMixin")
        )
