"""What is reached on the server alone: conditions that ask for authority, and who calls whom."""

from __future__ import annotations

from tree_sitter import Node

from ._code import text, walk
from ._unreal_api import kinds
from ._unreal_flow import LEAVES, Flow, arguments, called, function_node, last_name
from ._unreal_model import Member, declared
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
    " PostGameplayEffectExecute CopyProperties OverrideWith PreReplication PostLoad SetupGameState"
)
_CHECKS = words("check checkf ensure ensureMsgf verify verifyf checkSlow ensureAlways")


def rpc(one: Member | None) -> str:
    """``Server``, ``Client`` or ``NetMulticast``; empty for a function that is called here."""
    return next((n for n in sorted(RPC) if one is not None and n in one.specifiers), "")


class Authority:
    """Who decides, in an answer."""

    def __init__(self, flow: Flow) -> None:
        self.flow, self.project = flow, flow.project

    def kind(self, one: Member) -> str:
        found = self.project.member(one.owner, one.name.removesuffix("_Implementation"))
        return rpc(found) if one.name.endswith("_Implementation") else ""

    def guarded(self, node: Node, one: Member, seen: tuple[int, ...] = ()) -> bool:
        """Whether a place is reached on the server alone."""
        return self._here(node) or self._safe(one, seen)

    def _safe(self, one: Member, seen: tuple[int, ...]) -> bool:
        if one.node.id in seen:
            return True
        if one.name == one.owner or one.name in _SAFE or self.kind(one) == "Server":
            return True
        if one.name.startswith("OnRep_") and not seen:
            return True  # it puts right on the client what the server sent
        if "server" in kinds(self.project, one.owner):
            return True
        if self.kind(one) or "BlueprintCallable" in self._specifiers(one):
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
            elif at.type == "binary_expression":
                left = at.child_by_field_name("left")
                both = text(at.child_by_field_name("operator")) == "&&"
                if inner != left and both and self.implies(left, True):
                    return True
            elif at.type in ("compound_statement", "case_statement"):
                before = [one for one in at.children if one.end_byte <= inner.start_byte]
                if any(self._leaves(one) for one in before):
                    return True
            inner = at
            at = at.parent
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


def _initial(node: Node) -> Node | None:
    """What the local variable of a name began with."""
    home = function_node(node)
    for one in walk(home) if home else ():
        if one.type == "init_declarator" and text(declared(one)) == text(node):
            return one.child_by_field_name("value")
    return None
