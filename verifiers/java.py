"""Jakarta Persistence entities in Java, judged on the tree-sitter tree: nothing is compiled."""

from __future__ import annotations

from tree_sitter import Node

from harness import Answer, Case, Judgement, failed, passed, unverified, verifier

from ._code import line, text, walk
from ._java import (
    PERSISTENCE,
    annotated,
    declared,
    imports,
    members,
    modifiers,
    resolve,
    top_class,
    tree,
    types,
)
from ._javac import faults
from ._words import words

PACKAGES = ["tree-sitter", "tree-sitter-java", "markdown-it-py"]
LANG = {"Override", "Deprecated", "SuppressWarnings", "FunctionalInterface", "SafeVarargs"}
STRATEGIES = {"AUTO", "IDENTITY", "SEQUENCE", "TABLE", "UUID"}
JDK = {
    **dict.fromkeys(
        words("List ArrayList Set HashSet Map HashMap Collection UUID Date Objects Optional"),
        "java.util",
    ),
    **dict.fromkeys(
        words("LocalDate LocalDateTime LocalTime Instant OffsetDateTime ZonedDateTime"), "java.time"
    ),
    **dict.fromkeys(words("BigDecimal BigInteger"), "java.math"),
    "Serializable": "java.io",
}
ID_TYPES = {"Long", "long", "Integer", "int", "Short", "short", "UUID", "java.util.UUID"}
UUID_TYPES = {"String", "UUID", "java.util.UUID"}


@verifier("java.parses", version=1, facet="pocket-java", packages=PACKAGES, level="parsed")
def parses(_case: Case, answer: Answer) -> Judgement:
    """The Java parses as one file: package, imports, types, with one top-level public class."""
    root = tree(answer)
    if isinstance(root, Judgement):
        return root
    for problem in faults(root):
        return problem
    public = [node for node in types(root) if "public" in modifiers(node)]
    if len(public) != 1 or public[0].type != "class_declaration":
        return failed(
            "public-class", f"{len(public)} public top-level types, expected one public class"
        )
    return passed(
        f"public class {text(public[0].child_by_field_name('name'))} on line {line(public[0])}"
    )


@verifier("java.entity", version=2, facet="pocket-java", packages=PACKAGES, level="parsed")
def entity(case: Case, answer: Answer) -> Judgement:
    """The class asked for is a Jakarta Persistence entity with a generated id; every annotation is
    imported."""
    root = tree(answer)
    if isinstance(root, Judgement):
        return root
    found = top_class(root, case.expect["entity"])
    if isinstance(found, Judgement):
        return found
    if found.child_by_field_name("superclass") is not None:
        return unverified(
            "superclass", f"line {line(found)}: what the class inherits is not in the answer"
        )
    imported = _imports(root) or _jdk_imports(root)
    if imported is not None:
        return imported
    if "jakarta.persistence.Entity" not in annotated(root, found):
        return failed(
            "not-an-entity", f"line {line(found)}: the class has no jakarta.persistence.Entity"
        )
    wrong = _constructible(found) or _generated_id(root, found, case.expect["field"]["name"])
    if wrong is not None:
        return wrong
    return passed(f"entity with a generated id, line {line(found)}")


@verifier("java.field", version=1, facet="pocket-java", packages=PACKAGES, level="parsed")
def field(case: Case, answer: Answer) -> Judgement:
    """The entity has the private field asked for and a public getter that returns it; no field is
    public."""
    root = tree(answer)
    if isinstance(root, Judgement):
        return root
    found = top_class(root, case.expect["entity"])
    if isinstance(found, Judgement):
        return found
    kind, name, getter = (
        case.expect["field"]["type"],
        case.expect["field"]["name"],
        case.expect["getter"],
    )
    for node in members(found, "field_declaration"):
        if "public" in modifiers(node) and not {"static", "final"} <= modifiers(node):
            return failed("public-field", f"line {line(node)}: {text(node)[:80]}")
    wrong = _field_fault(root, found, kind, name) or _getter_fault(found, kind, name, getter)
    return wrong or passed(f"private {kind} {name} and {getter}()")


def _imports(root: Node) -> Judgement | None:
    """Why the imports do not cover the annotations of the file."""
    for name, _, node in imports(root):
        if name.startswith("javax.persistence"):
            return failed(
                "javax", f"line {line(node)}: javax.persistence was replaced by jakarta.persistence"
            )
    others = [name for name, static, _ in imports(root) if name.endswith(".*") and not static]
    statics = {name.rpartition(".")[2] for name, static, _ in imports(root) if static}
    for node in walk(root):
        if node.type in ("annotation", "marker_annotation"):
            name = text(node.child_by_field_name("name"))
            if name.startswith("javax.persistence"):
                return failed("javax", f"line {line(node)}: @{name}")
            full = resolve(root, name)
            if full is None and name not in LANG and set(others) <= {"jakarta.persistence.*"}:
                return failed("not-imported", f"line {line(node)}: @{name} has no import")
            if (
                full
                and full.startswith("jakarta.persistence.")
                and full.rpartition(".")[2] not in PERSISTENCE
            ):
                return failed("no-such-annotation", f"line {line(node)}: there is no {full}")
            fault = _strategy_fault(root, node, statics)
            if fault:
                return fault
    return None


def _jdk_imports(root: Node) -> Judgement | None:
    """Whether a class of the JDK outside of java.lang is used without an import."""
    names = [name for name, static, _ in imports(root) if not static]
    for node in walk(root):
        called = (
            node.type == "identifier"
            and node.parent is not None
            and node.parent.type == "method_invocation"
        )
        package = JDK.get(text(node)) if called or node.type == "type_identifier" else None
        qualified = node.parent is not None and node.parent.type == "scoped_type_identifier"
        if (
            package
            and not qualified
            and not {f"{package}.{text(node)}", f"{package}.*"} & set(names)
        ):
            return failed("not-imported", f"line {line(node)}: {text(node)} has no import")
    return None


def _strategy_fault(root: Node, annotation: Node, statics: set[str]) -> Judgement | None:
    """Why the ``strategy`` of a ``@GeneratedValue`` would not compile."""
    for pair in walk(annotation):
        if pair.type != "element_value_pair" or text(pair.child_by_field_name("key")) != "strategy":
            continue
        value = text(pair.child_by_field_name("value"))
        owner, _, constant = value.rpartition(".")
        if owner and resolve(root, owner) != "jakarta.persistence.GenerationType":
            return failed(
                "not-imported", f"line {line(pair)}: {owner} has no import from jakarta.persistence"
            )
        if constant not in STRATEGIES or (not owner and not statics & {constant, "*"}):
            return failed(
                "strategy", f"line {line(pair)}: {value} is no strategy of GenerationType"
            )
    return None


def _constructible(found: Node) -> Judgement | None:
    """Why a persistence provider could not create the entity: it needs a constructor without
    parameters."""
    if modifiers(found) & {"abstract", "final"}:
        return failed(
            "not-constructible", f"line {line(found)}: an entity is neither abstract nor final"
        )
    made = members(found, "constructor_declaration")
    free = [one for one in made if text(one.child_by_field_name("parameters")).strip("( )") == ""]
    if made and not any("private" not in modifiers(one) for one in free):
        return failed(
            "not-constructible", f"line {line(made[0])}: no visible constructor without parameters"
        )
    return None


def _generated_id(root: Node, found: Node, field: str) -> Judgement | None:
    """Why the class has no generated id beside the ``field`` asked for."""
    ids = [
        node
        for node in members(found, "field_declaration", "method_declaration")
        if "jakarta.persistence.Id" in annotated(root, node)
    ]
    if len(ids) != 1:
        return failed(
            "two-ids" if ids else "no-id", f"{len(ids)} members carry jakarta.persistence.Id"
        )
    node = ids[0]
    where = f"line {line(node)}"
    if node.type != "field_declaration":
        return unverified(
            "id-on-method", f"{where}: the id is annotated on a method, not on a field"
        )
    if "jakarta.persistence.GeneratedValue" not in annotated(root, node):
        return failed(
            "id-not-generated",
            f"{where}: the id is not annotated with jakarta.persistence.GeneratedValue",
        )
    if modifiers(node) & {
        "static",
        "final",
        "transient",
    } or "jakarta.persistence.Transient" in annotated(root, node):
        return failed("id-not-persistent", f"{where}: {text(node)[:80]}")
    fields = declared(node)
    if field in [name for _, name in fields]:
        return failed("id-is-the-field", f"{where}: {field} is both the id and the field asked for")
    by_uuid = "GenerationType.UUID" in text(node)
    if len(fields) != 1 or fields[0][0] not in (UUID_TYPES if by_uuid else ID_TYPES):
        return failed("id-type", f"{where}: {fields} cannot be generated")
    if fields[0][0] == "UUID" and not {"java.util.UUID", "java.util.*"} & {
        name for name, _, _ in imports(root)
    }:
        return failed("not-imported", f"{where}: UUID has no import")
    return None


def _field_fault(root: Node, found: Node, kind: str, name: str) -> Judgement | None:
    fields = [
        node
        for node in members(found, "field_declaration")
        if name in [n for _, n in declared(node)]
    ]
    if len(fields) != 1:
        return failed("no-field", f"{len(fields)} fields named {name} in the class, expected one")
    node = fields[0]
    if (kind, name) not in declared(node):
        return failed(
            "field-type", f"line {line(node)}: {text(node)[:80]!r}, expected the type {kind}"
        )
    if "private" not in modifiers(node):
        return failed("not-private", f"line {line(node)}: {text(node)[:80]!r}")
    if modifiers(node) & {
        "static",
        "final",
        "transient",
    } or "jakarta.persistence.Transient" in annotated(root, node):
        return failed("not-persistent", f"line {line(node)}: {text(node)[:80]!r} is not stored")
    return None


def _getter_fault(found: Node, kind: str, name: str, getter: str) -> Judgement | None:
    named = [
        node
        for node in members(found, "method_declaration")
        if text(node.child_by_field_name("name")) == getter
    ]
    plain = [
        node
        for node in named
        if not (p := node.child_by_field_name("parameters")) or p.named_child_count == 0
    ]
    if len(plain) != 1:
        return failed("no-getter", f"{len(plain)} methods {getter}() in the class, expected one")
    node = plain[0]
    where = f"line {line(node)}"
    if "public" not in modifiers(node) or modifiers(node) & {"static", "abstract"}:
        return failed("getter-modifiers", f"{where}: the getter is not a public instance method")
    returned = "".join(text(node.child_by_field_name("type")).split()).removeprefix("java.lang.")
    if returned != kind or node.child_by_field_name("dimensions") is not None:
        return failed("getter-type", f"{where}: returns {returned}, expected {kind}")
    statements = [child for child in _block(node) if "comment" not in child.type]
    returns = [
        child for one in statements for child in one.named_children if "comment" not in child.type
    ]
    value = "".join(text(returns[0]).split()) if len(returns) == 1 else ""
    if [child.type for child in statements] != ["return_statement"] or value not in _same(name):
        return failed("getter-body", f"{where}: the body is not 'return {name};'")
    return None


def _block(method: Node) -> list[Node]:
    body = method.child_by_field_name("body")
    return body.children[1:-1] if body else []


def _same(name: str) -> set[str]:
    return {name, f"this.{name}", f"({name})", f"(this.{name})"}
