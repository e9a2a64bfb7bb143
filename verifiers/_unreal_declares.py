"""Whether the types and members that a prompt asks for are there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness import Judgement, failed

from ._code import text, walk
from ._unreal_model import Member, Project, Type, plain

#: a specifier that another one includes
_STRONGER = {
    "Replicated": ("ReplicatedUsing",),
    "BlueprintReadOnly": ("BlueprintReadWrite",),
    "BlueprintCallable": ("BlueprintPure",),
}


def type_faults(files: Project, row: dict[str, Any], *, whole: bool) -> Iterator[Judgement]:
    """What is missing of a row of ``types``; without ``whole`` only the type itself."""
    found = [one for one in files.types if _fits(files, one, row)]
    if not found and "kind" not in row and row.get("name") in {f.owner for f in files.functions}:
        made = Type(row["name"], "class", files.files[0].root, None, files.files[0], [])
        made.members = [f for f in files.functions if f.owner == row["name"]]
        found = [made]
    if not found:
        names = ", ".join(one.name for one in files.types) or "none"
        yield failed("no-type", f"{row.get('name') or row.get('base')} is missing, found {names}")
        return
    if whole:
        faults = [list(_missing(files, one, row)) for one in found]
        yield from min(faults, key=len)


def _fits(files: Project, one: Type, row: dict[str, Any]) -> bool:
    if "name" in row and one.name not in _several(row["name"]):
        return False
    if "kind" in row and one.kind != row["kind"]:
        return False
    return "name" in row or row.get("base") in files.lineage(one.name)[1:] or "base" not in row


def _several(given: str | list[str]) -> list[str]:
    return [given] if isinstance(given, str) else given


def _missing(files: Project, one: Type, row: dict[str, Any]) -> Iterator[Judgement]:
    if "base" in row and row["base"] not in files.lineage(one.name)[1:] and one.node.parent:
        yield failed("base", f"{one.name} is no {row['base']}")
    for name in row.get("implements", ()):
        if name not in one.bases:
            yield failed("base", f"{one.name} does not implement {name}")
    given = one.macro.specifiers if one.macro else {}
    for wanted in row.get("specifiers", ()):
        if not _has(given, wanted):
            yield failed("specifier", f"{one.name} has no {wanted}")
    if "api" in row and not _exported(one, row["api"]):
        yield failed("api", f"{one.name} is not declared with {row['api']}")
    values = [text(n.child_by_field_name("name")) for n in walk(one.node) if n.type == "enumerator"]
    for value in row.get("values", ()):
        if value not in values:
            yield failed("value", f"{one.name} has no {value}")
    for wanted in row.get("members", ()):
        members = [m for t in files.lineage(one.name) if t in files.by_name
                   for m in files.by_name[t].members] or one.members  # fmt: skip
        reasons = [_lacks(files, m, wanted) for m in members]
        if "" not in reasons:
            name = wanted.get("name", "no member is what was asked for")
            told = [r for m, r in zip(members, reasons, strict=True) if m.name in _several(name)]
            yield failed("member", f"{one.name}: {name}: {told[0] if told else wanted}")


def _exported(one: Type, api: str) -> bool:
    return any(
        m.name == api and one.node.start_byte <= m.start < one.node.end_byte
        for m in one.file.macros
    )


def _lacks(files: Project, member: Member, wanted: dict[str, Any]) -> str:
    """What a member lacks of a row; empty for nothing."""
    if "name" in wanted and member.name not in _several(wanted["name"]):
        return "another name"
    found = {member.kind} | ({"delegate"} if plain(member.type) in files.delegates else set())
    if wanted.get("kind", member.kind) not in found:
        return f"it is a {member.kind}"
    if "type" in wanted:
        types = {plain(one) for one in _several(wanted["type"])}
        if plain(member.type) not in types | {f"{one}*" for one in types if "*" in member.type}:
            return f"its type is {member.type}"
    if "parameters" in wanted:
        takes = [plain(kind) for kind, _ in member.parameters]
        if takes != [plain(one) for one in wanted["parameters"]]:
            return f"it takes {takes}"
    for one in wanted.get("specifiers", ()):
        if not _has(member.specifiers, one):
            return f"no {one}"
    if lost := set(wanted.get("modifiers", ())) - member.words - {member.access}:
        return f"not {min(lost)}"
    if "delegate" in wanted:
        macro, given = files.delegates.get(plain(member.type), ("", None))
        if given is None or [plain(t) for t in given] != [plain(t) for t in wanted["delegate"]]:
            return f"{macro or member.type} does not hand over {wanted['delegate']}"
    return "" if member.kind != "function" or _does(files, member) else "it does nothing"


def _has(given: dict[str, str], wanted: str) -> bool:
    key, _, value = (part.strip() for part in wanted.partition("="))
    low = {name.lower(): said.replace(" ", "") for name, said in given.items()}
    names = {one.lower() for one in (key, *_STRONGER.get(key, ()))} & low.keys()
    return bool(names) and (not value or low.get(key.lower()) == value.strip('"'))


def _does(files: Project, member: Member) -> bool:
    """Whether a function has statements, where its body is in the answer."""
    ends = ("", "_Implementation")
    found = [files.defined(member.owner, member.name + end) for end in ends]
    bodies = [one.body for one in found if one is not None and one.body is not None]
    return not bodies or any(
        [c for c in body.named_children if c.type != "comment"] for body in bodies
    )
