"""Replication: what is registered, what is called over the network, and who may write."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness import Judgement, failed

from ._code import text, walk
from ._unreal_api import kinds
from ._unreal_authority import Authority, rpc
from ._unreal_flow import Flow, arguments, called, function_node, last_name, written
from ._unreal_model import Member, Type, declared, plain, where
from ._words import words

_SPAWNS = words("SpawnActor SpawnActorDeferred SpawnActorAbsolute BeginDeferredActorSpawnFromClass")
_CHANGES = words(
    "Add AddUnique Emplace Remove RemoveAt RemoveAll RemoveSwap RemoveAtSwap RemoveSingle Empty"
    " Reset Insert Append Pop Push SetNum Init AddDefaulted"
)
_ALREADY = words("pawn state game player info controller")


def replicated(one: Member) -> bool:
    """Whether a property is replicated."""
    return bool({"Replicated", "ReplicatedUsing"} & one.specifiers.keys())


class Network:
    """The network code of an answer."""

    def __init__(self, flow: Flow) -> None:
        self.project, self.authority = flow.project, Authority(flow)
        self.shared = {
            m.name: one for one in self.project.types for m in one.members if replicated(m)
        }
        self.remote = {m.name: m for one in self.project.types for m in one.members if rpc(m)}

    def faults(self, *, asked: bool, whole: bool) -> Iterator[Judgement]:
        """What keeps state from being replicated, and calls from arriving."""
        if asked and not self.shared and not self.remote:
            yield failed("not-replicated", "nothing is replicated, nothing is called remotely")
        for one in self.project.types:
            shared = [m for m in one.members if replicated(m)]
            if shared and one.kind == "class":
                yield from self._registered(one, shared, whole)
            for member in shared:
                yield from self._notified(one, member)
            for member in one.members:
                if rpc(member):
                    yield from self._remote(one, member)
        yield from self._lists()
        yield from self._writes()
        yield from self._calls(asked)

    def _registered(self, one: Type, shared: list[Member], whole: bool) -> Iterator[Judgement]:
        made = self.project.defined(one.name, "GetLifetimeReplicatedProps")
        if made is None:
            yield failed("not-registered", f"{one.name} has no GetLifetimeReplicatedProps")
            return
        names = {text(a) for n in walk(made.node) if _listing(n) for a in arguments(n)[1:2]}
        for member in shared:
            if member.name not in names:
                yield failed("not-registered", f"no DOREPLIFETIME for {member.name}")
        included = {path for file in self.project.files for path, _ in file.includes}
        if not {p for p in included if p.startswith("Net/UnrealNetwork") or p == "UnrealNetwork.h"}:
            yield failed("not-registered", "DOREPLIFETIME needs Net/UnrealNetwork.h")
        given = kinds(self.project, one.name)
        if whole and given & {"actor", "component"} and not given & _ALREADY:
            yield from self._enabled(one, "component" in given)

    def _enabled(self, one: Type, component: bool) -> Iterator[Judgement]:
        wanted = words("SetIsReplicatedByDefault SetIsReplicated") if component else words(
            "SetReplicates bReplicates"
        )  # fmt: skip
        for function in self.project.functions:
            for node in walk(function.node):
                wrote = written(node)
                name = called(node) or (last_name(wrote[0]) if wrote else "")
                given = [text(one) for one in (*arguments(node), *(wrote or ())) if one]
                if name in wanted and "false" not in given:
                    return
        yield failed("not-replicated", f"{one.name}: {' or '.join(sorted(wanted))} is missing")

    def _notified(self, one: Type, member: Member) -> Iterator[Judgement]:
        name = member.specifiers.get("ReplicatedUsing")
        if name is None:
            return
        handler = self.project.member(one.name, name)
        if handler is None or handler.kind != "function":
            yield failed("no-notify", f"ReplicatedUsing names {name!r}, which is not declared")
        elif handler.macro is None or handler.macro.name != "UFUNCTION":
            yield failed("no-notify", f"{name} is no UFUNCTION")
        elif len(handler.parameters) > 1 or (
            handler.parameters and plain(handler.parameters[0][0]) != plain(member.type)
        ):
            yield failed("no-notify", f"{name} takes nothing or the old {member.type}")

    def _remote(self, one: Type, member: Member) -> Iterator[Judgement]:
        given, name = member.specifiers, member.name
        if not {"Reliable", "Unreliable"} & given.keys():
            yield failed("remote", f"{name} is neither Reliable nor Unreliable")
        if member.type != "void":
            yield failed("remote", f"{name} returns {member.type}; a remote call returns nothing")
        if self.project.defined(one.name, name):
            yield failed("remote", f"{name} is defined by the header tool: {name}_Implementation")
        if not self.project.defined(one.name, f"{name}_Implementation"):
            yield failed("remote", f"{name}_Implementation is missing")
        checked = self.project.defined(one.name, f"{name}_Validate")
        if ("WithValidation" in given) != (checked is not None):
            yield failed("remote", f"{name}: WithValidation and {name}_Validate belong together")
        for part in ("_Implementation", "_Validate"):
            other = self.project.defined(one.name, name + part)
            if other and [plain(t) for t, _ in other.parameters] != [
                plain(t) for t, _ in member.parameters
            ]:
                yield failed("remote", f"{other.name} has other parameters than {name}")

    def _lists(self) -> Iterator[Judgement]:
        for one in self.project.functions:
            for node in walk(one.node):
                if not _listing(node):
                    continue
                names = [text(a) for a in arguments(node)]
                member = self.project.member(one.owner, names[1]) if len(names) > 1 else None
                known = [*self.project.lineage(one.owner), "ThisClass"]
                if names and names[0] not in known:
                    yield failed("not-registered", where(node, f"{names[0]} is not {one.owner}"))
                if member is not None and not replicated(member):
                    yield failed("not-registered", where(node, f"{names[1]} is not Replicated"))

    def _writes(self) -> Iterator[Judgement]:
        for one in self.project.functions:
            for node in walk(one.node):
                name = self._written(one, node)
                if name and not self.authority.guarded(node, one) and not self._predicted(one):
                    yield failed("no-authority", where(node, f"{name} is written on clients too"))

    def _written(self, one: Member, node: Node) -> str:
        """The replicated property that a node writes to, by its name."""
        wrote = written(node)
        aim = wrote[0] if wrote else None
        if aim is None and called(node) in _CHANGES:
            function = node.child_by_field_name("function")
            aim = function.child_by_field_name("argument") if function else None
        while aim is not None and aim.type == "subscript_expression":
            aim = aim.child_by_field_name("argument")
        names = [last_name(aim)] if aim is not None else []
        if aim is not None and aim.type == "field_expression":
            names.append(last_name(aim.child_by_field_name("argument")))
        for name in names:
            owner = self.shared.get(name)
            bare = aim is not None and aim.type == "identifier"
            if owner and not (bare and (_local(node, name) or not self._of(one, owner))):
                return name
        return ""

    def _of(self, one: Member, owner: Type) -> bool:
        return not one.owner or owner.name in self.project.lineage(one.owner)

    def _predicted(self, one: Member) -> bool:
        """Whether a function tells the server what it has done here already."""
        names = {called(node) for node in walk(one.node)}
        return any(rpc(self.remote.get(name)) == "Server" for name in names)

    def _calls(self, asked: bool) -> Iterator[Judgement]:
        networked = asked or self.shared or self.remote
        for one in self.project.functions:
            cosmetic = one.name.startswith("OnRep_") or self.authority.kind(one) in (
                "Client",
                "NetMulticast",
            )
            for node in walk(one.node):
                name = called(node)
                kind = rpc(self.remote.get(name))
                if kind in ("Client", "NetMulticast") and not self.authority.guarded(node, one):
                    yield failed("no-authority", where(node, f"{name} is called on clients too"))
                if (
                    name in _SPAWNS
                    and networked
                    and not cosmetic
                    and not self.authority.guarded(node, one)
                ):
                    yield failed("no-authority", where(node, "clients spawn their own"))


def _listing(node: Node) -> bool:
    return called(node).startswith("DOREPLIFETIME")


def _local(node: Node, name: str) -> bool:
    """Whether a name is declared in the function that a node stands in."""
    home = function_node(node)
    for one in walk(home) if home else ():
        names = {text(declared(d)) for d in one.children_by_field_name("declarator")}
        if one.type in ("declaration", "parameter_declaration", "for_range_loop") and name in names:
            return True
    return False
