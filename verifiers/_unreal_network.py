"""Replication: what is registered, what is called over the network, and who may write."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness import Judgement, failed

from ._code import text, walk
from ._unreal_api import kinds
from ._unreal_flow import LEAVES, Flow, arguments, called, function_node, last_name, written
from ._unreal_model import Member, Project, Type, declared, plain, where
from ._words import words

RPC = words("Server Client NetMulticast")
_YES = words(
    "HasAuthority K2_HasAuthority ActorHasAuthority IsServer GetAuthGameMode IsNetAuthority"
    " HasAuthorityOrPredictionKey IsRunningDedicatedServer IsOwnerActorAuthoritative"
)
_SERVER = words("ROLE_Authority NM_DedicatedServer NM_ListenServer NM_Standalone")
#: called by the engine on the server alone, or before anything is replicated
_SAFE = words(
    "PossessedBy UnPossessed OnPossess OnUnPossess PostLogin Logout RestartPlayer"
    " HandleStartingNewPlayer HandleMatchHasStarted HandleMatchHasEnded InitGameState"
    " PostInitializeComponents InitializeComponent OnConstruction PostInitProperties"
    " CopyProperties OverrideWith PreReplication PostLoad SetupGameState"
)
_CHECKS = words("check checkf ensure ensureMsgf verify verifyf checkSlow ensureAlways")
_SPAWNS = words("SpawnActor SpawnActorDeferred SpawnActorAbsolute BeginDeferredActorSpawnFromClass")
_CHANGES = words(
    "Add AddUnique Emplace Remove RemoveAt RemoveAll RemoveSwap RemoveAtSwap RemoveSingle Empty"
    " Reset Insert Append Pop Push SetNum Init AddDefaulted"
)
_ALREADY = words("pawn state game player info controller")


def replicated(one: Member) -> bool:
    """Whether a property is replicated."""
    return bool({"Replicated", "ReplicatedUsing"} & one.specifiers.keys())


def rpc(one: Member | None) -> str:
    """``Server``, ``Client`` or ``NetMulticast``; empty for a function that is called here."""
    return next((n for n in sorted(RPC) if one is not None and n in one.specifiers), "")


class Network:
    """The network code of an answer."""

    def __init__(self, flow: Flow) -> None:
        self.flow, self.project = flow, flow.project
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
                name = called(node) or (last_name(w[0]) if (w := written(node)) else "")
                if name in wanted:
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
                if name and not self.guarded(node, one) and not self._predicted(one):
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
            cosmetic = one.name.startswith("OnRep_") or self._kind(one) in ("Client", "NetMulticast")
            for node in walk(one.node):
                name = called(node)
                kind = rpc(self.remote.get(name))
                if kind in ("Client", "NetMulticast") and not self.guarded(node, one):
                    yield failed("no-authority", where(node, f"{name} is called on clients too"))
                if name in _SPAWNS and networked and not cosmetic and not self.guarded(node, one):
                    yield failed("no-authority", where(node, "clients spawn their own"))

    def _kind(self, one: Member) -> str:
        found = self.project.member(one.owner, one.name.removesuffix("_Implementation"))
        return rpc(found) if one.name.endswith("_Implementation") else ""

    def guarded(self, node: Node, one: Member, seen: tuple[int, ...] = ()) -> bool:
        """Whether a place is reached on the server alone."""
        return self._here(node) or self._safe(one, seen)

    def _safe(self, one: Member, seen: tuple[int, ...]) -> bool:
        if one.node.id in seen:
            return True
        if one.name == one.owner or one.name in _SAFE or self._kind(one) == "Server":
            return True
        if one.name.startswith("OnRep_") and not seen:
            return True  # it puts right on the client what the server sent
        if "mode" in kinds(self.project, one.owner):
            return True
        if self._kind(one) or "BlueprintCallable" in self._specifiers(one):
            return False
        found = list(self.flow.references(one))
        for node in found:
            home = function_node(node)
            at = next((f for f in self.project.functions if home and f.node.id == home.id), None)
            if at is None or not self.guarded(node, at, (*seen, one.node.id)):
                return False
        return bool(found)

    def _specifiers(self, one: Member) -> dict[str, str]:
        found = self.project.member(one.owner, one.name)
        return found.specifiers if found else {}

    def _here(self, node: Node) -> bool:
        at, inner = node.parent, node
        while at is not None and at.type != "function_definition":
            if at.type == "if_statement":
                test = at.child_by_field_name("condition")
                then = at.child_by_field_name("consequence")
                if inner == then and self.implies(test, True):
                    return True
                other = at.child_by_field_name("alternative")
                if inner == other and self.implies(test, False):
                    return True
            elif at.type == "conditional_expression" or at.type == "binary_expression":
                left = at.child_by_field_name("left")
                if inner != left and text(at.child_by_field_name("operator")) == "&&":
                    if self.implies(left, True):
                        return True
            elif at.type in ("compound_statement", "case_statement"):
                if any(self._leaves(c) for c in at.children if c.end_byte <= inner.start_byte):
                    return True
            at, inner = at.parent, at
        return False

    def _leaves(self, node: Node) -> bool:
        """Whether a statement lets only the server go on."""
        if node.type == "expression_statement" and node.named_children:
            call = node.named_children[0]
            given = arguments(call)
            return called(call) in _CHECKS and bool(given) and self.implies(given[0], True)
        if node.type != "if_statement" or node.child_by_field_name("alternative"):
            return False
        then = node.child_by_field_name("consequence")
        if then is not None and then.type == "compound_statement":
            then = then.named_children[-1] if then.named_children else None
        gone = then is not None and then.type in LEAVES
        return gone and self.implies(node.child_by_field_name("condition"), False)

    def implies(self, test: Node | None, truth: bool, depth: int = 0) -> bool:
        """Whether a condition that is ``truth`` means that this is the server."""
        if test is None or depth > 9:
            return False
        if test.type in ("condition_clause", "parenthesized_expression", "declaration"):
            inner = test.child_by_field_name("value") or test.named_children[-1]
            return self.implies(inner, truth, depth + 1)
        if test.type == "init_declarator":
            return self.implies(test.child_by_field_name("value"), truth, depth + 1)
        operator = text(test.child_by_field_name("operator"))
        if test.type == "unary_expression" and operator == "!":
            return self.implies(test.child_by_field_name("argument"), not truth, depth + 1)
        if test.type == "binary_expression":
            return self._compared(test, operator, truth, depth)
        if test.type == "call_expression":
            name = called(test)
            if name in _CHECKS | {"IsValid", "LIKELY", "UNLIKELY"} and arguments(test):
                return self.implies(arguments(test)[0], truth, depth + 1)
            if name == "IsNetMode":
                server = not {"NM_Client"} & {text(a) for a in arguments(test)}
                return truth is server
            own = name in self.flow.by_name
            return truth and (self._answers(name, depth) if own else name in _YES)
        if test.type == "identifier":
            value = _initial(test)
            return value is not None and self.implies(value, truth, depth + 1)
        return False

    def _compared(self, test: Node, operator: str, truth: bool, depth: int) -> bool:
        left, right = test.child_by_field_name("left"), test.child_by_field_name("right")
        if operator in ("&&", "||"):
            sides = [self.implies(one, truth, depth + 1) for one in (left, right)]
            return any(sides) if truth == (operator == "&&") else all(sides)
        names = {last_name(left), last_name(right)}
        if names & _SERVER:
            return truth == (operator in ("==", ">="))
        if "NM_Client" in names:
            return truth == (operator in ("!=", "<"))
        if names & {"nullptr", "NULL", "false"}:
            inner = left if last_name(right) in ("nullptr", "NULL", "false") else right
            return self.implies(inner, truth == (operator == "!="), depth + 1)
        return False

    def _answers(self, name: str, depth: int) -> bool:
        """Whether a function of the answer is true on the server alone."""
        for one in self.flow.by_name.get(name, ()):
            given = [n for n in walk(one.node) if n.type == "return_statement"]
            if len(given) == 1 and given[0].named_children:
                return self.implies(given[0].named_children[0], True, depth + 1)
        return False


def _listing(node: Node) -> bool:
    return called(node).startswith("DOREPLIFETIME")


def _local(node: Node, name: str) -> bool:
    """Whether a name is declared in the function that a node stands in."""
    home = function_node(node)
    for one in walk(home) if home else ():
        if one.type in ("declaration", "parameter_declaration", "for_range_loop"):
            if name in {text(declared(d)) for d in one.children_by_field_name("declarator")}:
                return True
    return False


def _initial(node: Node) -> Node | None:
    """What the local variable of a name began with."""
    home = function_node(node)
    for one in walk(home) if home else ():
        if one.type == "init_declarator" and text(declared(one)) == text(node):
            return one.child_by_field_name("value")
    return None
