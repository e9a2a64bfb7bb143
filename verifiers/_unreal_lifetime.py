"""Who keeps objects alive, where they may be made, and what is undone when an owner ends."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from harness import Judgement, failed

from ._code import text, walk
from ._unreal_api import HANDLERS, SUPER, kinds
from ._unreal_flow import arguments, called, generics, last_name, target
from ._unreal_model import Member, Project, Type, plain, where
from ._words import words

_OBJECT = re.compile(r"(?<![\w:])[UA][A-Z]\w*[a-z]\w*\*")
_WEAK = words("TWeakObjectPtr TSoftObjectPtr TSubclassOf TSoftClassPtr TStrongObjectPtr")
_DYNAMIC = words("AddDynamic AddUniqueDynamic BindDynamic RemoveDynamic __Internal_AddDynamic")
_SMART = words("MakeShared MakeUnique MakeShareable MakeSharedPtr")
_PLACED = words("SpawnActor SpawnActorDeferred NewObject SetTimer SetTimerForNextTick")


def pointer_faults(project: Project) -> Iterator[Judgement]:
    """Objects that the garbage collector does not see."""
    for one in project.types:
        collected = one.own("AddReferencedObjects") is not None
        for member in one.members:
            tracked = member.macro is not None and member.macro.name == "UPROPERTY"
            if member.kind == "property" and not tracked and not collected:
                yield from _untracked(one, member)
            if "std::" in member.type and _OBJECT.search(plain(member.type)):
                yield failed("untracked", f"{one.name}::{member.name}: {member.type}")


def _untracked(one: Type, member: Member) -> Iterator[Judgement]:
    given = plain(member.type)
    if any(f"{name}<" in given for name in _WEAK) or "(" in text(member.node).partition("=")[0]:
        return
    if _OBJECT.search(given) or given.startswith("TScriptInterface<"):
        yield failed("untracked", f"{one.name}::{member.name} is no UPROPERTY: {member.type}")


def making_faults(project: Project) -> Iterator[Judgement]:
    """Objects made by new, or in a constructor that must not, or outside of one that must."""
    makers = _constructing(project)
    for function in project.functions:
        building = function.node.id in makers
        for node in walk(function.node):
            name = called(node)
            if node.type == "new_expression" and _is_object(text(node.child_by_field_name("type"))):
                yield failed("new", where(node, "NewObject or SpawnActor makes a UObject"))
            if name in _SMART and any(_is_object(one) for one in generics(node)):
                yield failed("new", where(node, f"{name} of a UObject"))
            if node.type == "delete_expression" and _holds_object(project, node):
                yield failed("new", where(node, "a UObject is not deleted"))
            if name.startswith("CreateDefaultSubobject") and not building:
                yield failed("subobject", where(node, f"{name} belongs into a constructor"))
            early = function.name == function.owner and _reflected(project, function)
            if name in _PLACED and early and not _inside_lambda(node, function.node):
                yield failed("constructor", where(node, f"{name} in a constructor"))
            if name == "NewObject" and not building:
                yield from _registered(function, node)


def _constructing(project: Project) -> set[int]:
    found = [one for one in project.functions if one.name == one.owner]
    for one in found:
        names = {called(node) for node in walk(one.node)}
        found += [f for f in project.functions if f.name in names and f not in found]
    return {one.node.id for one in found}


def _reflected(project: Project, one: Member) -> bool:
    home = project.by_name.get(one.owner)
    return home is None or home.macro is not None


def _inside_lambda(node: Node, end: Node) -> bool:
    at = node.parent
    while at is not None and at.id != end.id:
        if at.type == "lambda_expression":
            return True
        at = at.parent
    return False


def _is_object(name: str) -> bool:
    return bool(_OBJECT.search(f"{name}*"))


def _holds_object(project: Project, node: Node) -> bool:
    name = last_name(node.named_children[-1]) if node.named_children else ""
    return any(_is_object(plain(one).rstrip("*")) for one in project.variables.get(name, ()))


def _registered(function: Member, node: Node) -> Iterator[Judgement]:
    if any(one.endswith("Component") for one in generics(node)):
        names = {called(one) for one in walk(function.node)}
        if not names & {"RegisterComponent", "RegisterComponentWithWorld", "FinishAddComponent"}:
            yield failed("unregistered", where(node, "the component is never registered"))


def super_faults(project: Project) -> Iterator[Judgement]:
    """Overrides of the engine's functions that leave out what the engine does there."""
    for one in project.functions:
        home = project.by_name.get(one.owner)
        known = kinds(project, one.owner) if home else frozenset(["object"])
        if one.name not in SUPER or not known or (home and not _overrides(home, one.name)):
            continue
        bases = {"Super", *project.lineage(one.owner)[1:], *(home.bases if home else ())}
        calls = [n for n in walk(one.node) if called(n) == one.name]
        scopes = {
            text(f.child_by_field_name("scope"))
            for n in calls
            if (f := n.child_by_field_name("function")) and f.type == "qualified_identifier"
        }
        if not scopes & bases:
            yield failed("no-super", where(one.node, f"Super::{one.name} is not called"))


def _overrides(home: Type, name: str) -> bool:
    member = home.own(name)
    return member is None or "override" in member.words or "virtual" in member.words


def handler_faults(project: Project) -> Iterator[Judgement]:
    """Functions bound to dynamic delegates that are none of the header tool's, or do not fit."""
    for function in project.functions:
        for node in walk(function.node):
            if called(node) not in _DYNAMIC or len(arguments(node)) < 2:
                continue
            name = text(arguments(node)[1]).rpartition("::")[2].lstrip("&").strip()
            handler = project.member(function.owner, name)
            if handler is None:
                own = f"{function.owner}::" in text(arguments(node)[1])
                if own and len(project.lineage(function.owner)) > 1:
                    yield failed("handler", where(node, f"{name} is not declared"))
                continue
            if handler.macro is None or handler.macro.name != "UFUNCTION":
                yield failed("handler", where(node, f"{name} is no UFUNCTION"))
            count = _count(project, last_name(target(node)))
            if count is not None and count != len(handler.parameters):
                yield failed("handler", where(node, f"{name} takes {count} parameters"))
    yield from _timers(project)


def _count(project: Project, name: str) -> int | None:
    if name in HANDLERS:
        return HANDLERS[name]
    for kind in sorted(project.variables.get(name, ())):
        if plain(kind) in project.delegates:
            return len(project.delegates[plain(kind)][1])
    return None


def _timers(project: Project) -> Iterator[Judgement]:
    """Handlers by lambda or raw pointer that may be called when their owner is gone."""
    for function in project.functions:
        names = {called(node) for one in project.functions for node in walk(one.node)}
        for node in walk(function.node):
            name = called(node)
            if name in ("AddRaw", "BindRaw", "CreateRaw") and _reflected(project, function):
                yield failed("dangling", where(node, f"{name} of a UObject: AddUObject"))
            removed = names & {"Remove", "RemoveAll", "Clear"}
            if name == "AddLambda" and _captures_this(node) and not removed:
                yield failed("dangling", where(node, "the lambda outlives its owner"))


def _captures_this(node: Node) -> bool:
    return any(
        one.type == "lambda_capture_specifier"
        and ("this" in text(one) or "=" in text(one) or "&" in text(one))
        for one in walk(node)
    )
