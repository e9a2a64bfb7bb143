"""Questions to the tree of a Java file: its types, members and modifiers, and what its names stand
for."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness import Answer, Judgement, failed, unverified

from ._code import errors, parse, source, text, walk
from ._words import words

TYPES = words(
    "class_declaration interface_declaration enum_declaration record_declaration"
    " annotation_type_declaration"
)
# What jakarta.persistence.* brings: its annotations and the enumerations used in them (Jakarta
# Persistence 3.2)
PERSISTENCE = words(
    "Access AssociationOverride AssociationOverrides AttributeOverride AttributeOverrides Basic"
    " Cacheable",
    "CheckConstraint CollectionTable Column ColumnResult ConstructorResult Convert Converter"
    " Converts",
    "DiscriminatorColumn DiscriminatorValue ElementCollection Embeddable Embedded EmbeddedId"
    " Entity",
    "EntityListeners EntityResult Enumerated EnumeratedValue ExcludeDefaultListeners"
    " ExcludeSuperclassListeners",
    "FieldResult ForeignKey GeneratedValue Id IdClass Index Inheritance JoinColumn JoinColumns"
    " JoinTable Lob",
    "ManyToMany ManyToOne MapKey MapKeyClass MapKeyColumn MapKeyEnumerated MapKeyJoinColumn"
    " MapKeyJoinColumns",
    "MapKeyTemporal MappedSuperclass MapsId NamedAttributeNode NamedEntityGraph NamedEntityGraphs",
    "NamedNativeQueries NamedNativeQuery NamedQueries NamedQuery NamedStoredProcedureQueries",
    "NamedStoredProcedureQuery NamedSubgraph OneToMany OneToOne OrderBy OrderColumn"
    " PersistenceContext",
    "PersistenceContexts PersistenceProperty PersistenceUnit PersistenceUnits PostLoad PostPersist"
    " PostRemove",
    "PostUpdate PrePersist PreRemove PreUpdate PrimaryKeyJoinColumn PrimaryKeyJoinColumns"
    " QueryHint",
    "SecondaryTable SecondaryTables SequenceGenerator SequenceGenerators SqlResultSetMapping"
    " SqlResultSetMappings",
    "StoredProcedureParameter Table TableGenerator TableGenerators Temporal Transient"
    " UniqueConstraint Version",
    "AccessType CascadeType ConstraintMode DiscriminatorType EnumType FetchType GenerationType"
    " InheritanceType",
    "TemporalType",
)


def tree(answer: Answer) -> Node | Judgement:
    """The tree of the Java block, or the judgement that there is none without syntax errors."""
    code = source(answer, "java")
    if isinstance(code, Judgement):
        return code
    root = parse(code, "tree_sitter_java")
    if isinstance(root, Judgement):
        return root
    if root.has_error:
        shown = errors(root)[:3]
        numbers = [int(one.partition(":")[0].removeprefix("line ")) for one in shown]
        return failed("syntax", "; ".join(shown), answer.lines(code, *numbers))
    if any(r"\u" in text(node) for node in walk(root) if node.child_count == 0):
        return unverified(
            "unicode-escape", "Java reads \\u escapes before it parses; this verifier does not"
        )
    return root


def types(root: Node) -> list[Node]:
    """The top-level types of a file."""
    return [node for node in root.children if node.type in TYPES]


def top_class(root: Node, name: str) -> Node | Judgement:
    """The top-level class of this name."""
    for node in types(root):
        if node.type == "class_declaration" and text(node.child_by_field_name("name")) == name:
            return node
    return failed("no-such-class", f"no top-level class {name}")


def members(node: Node, *kinds: str) -> list[Node]:
    """The direct members of a type that are of these kinds."""
    body = node.child_by_field_name("body")
    return [child for child in (body.children if body else []) if child.type in kinds]


def _modifier_nodes(node: Node) -> list[Node]:
    return [word for child in node.children if child.type == "modifiers" for word in child.children]


def modifiers(node: Node) -> set[str]:
    """The modifier words of a declaration."""
    return {word.type for word in _modifier_nodes(node)}


def declared(node: Node) -> list[tuple[str, str]]:
    """``(type, name)`` of every variable in a field declaration; ``String a[]`` has the type
    ``String[]``."""
    kind = "".join(text(node.child_by_field_name("type")).split()).removeprefix("java.lang.")
    return [
        (kind + text(one.child_by_field_name("dimensions")), text(one.child_by_field_name("name")))
        for one in node.children_by_field_name("declarator")
    ]


def imports(root: Node) -> Iterator[tuple[str, bool, Node]]:
    """``(name, static, node)`` per import; a wildcard keeps its ``.*``."""
    for node in root.children:
        if node.type == "import_declaration":
            words = [
                text(child)
                for child in node.children
                if child.type in ("scoped_identifier", "identifier")
            ]
            star = any(child.type == "asterisk" for child in node.children)
            static = any(child.type == "static" for child in node.children)
            yield "".join("".join(words).split()) + (".*" if star else ""), static, node


def resolve(root: Node, name: str) -> str | None:
    """The full name a simple type name stands for by the imports, or ``None``."""
    if "." in name:
        return name
    names = [found for found, static, _ in imports(root) if not static]
    exact = [found for found in names if found.rpartition(".")[2] == name]
    if exact:
        return exact[0]
    if any(text(node.child_by_field_name("name")) == name for node in types(root)):
        return name  # a type of the file hides what a wildcard would bring
    if "jakarta.persistence.*" in names and name in PERSISTENCE:
        return f"jakarta.persistence.{name}"
    return None


def annotated(root: Node, node: Node) -> set[str | None]:
    """The full names of the annotations on a declaration; ``None`` for one without an import."""
    return {
        resolve(root, text(word.child_by_field_name("name")))
        for word in _modifier_nodes(node)
        if word.type in ("annotation", "marker_annotation")
    }
