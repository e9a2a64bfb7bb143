"""What the compiler and the header tool would say of an answer, as far as a tree shows it."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness import Judgement, failed

from ._code import text, walk
from ._unreal_api import BRINGS, HEADER, ONLY, ONLY_OVERRIDE, VIRTUAL, kinds
from ._unreal_authority import rpc
from ._unreal_flow import arguments, called, generics, last_name, target, written
from ._unreal_model import Member, Project, Type, plain, where
from ._words import words

_MACROS = {"UCLASS": "class", "USTRUCT": "struct", "UENUM": "enum", "UINTERFACE": "class"}
_SHOWN = words("BlueprintReadOnly BlueprintReadWrite")
_NOT_SHOWN = words(
    "double* float* int32* std::string std::vector size_t unsigned char short long char*"
)
_GIVEN = words("BlueprintImplementableEvent BlueprintNativeEvent")


def header_faults(project: Project) -> Iterator[Judgement]:
    """Includes, macros and the names of types as the header tool wants them."""
    for one in project.types:
        twin = one.name.startswith("I") and f"U{one.name[1:]}" in project.by_name
        if one.macro is None and one.generated and not twin:
            yield failed("macro", f"{one.name} has {one.generated} and no UCLASS or USTRUCT")
        if one.macro is None:
            yield from _undecorated(project, one)
            continue
        if _MACROS.get(one.macro.name, one.kind) != one.kind:
            yield failed("macro", f"{one.macro.name} before a {one.kind}")
        if one.kind != "enum" and not one.generated:
            yield failed("macro", f"{one.name} has no GENERATED_BODY()")
        yield from _included(one)
        yield from _named(project, one)
        for member in one.members:
            yield from _reflected(member)
        yield from _twice(one)
    for name in sorted({m.name for f in project.files for m in f.macros if "GENERATED" in m.name}):
        if name not in ("GENERATED_BODY", "GENERATED_UCLASS_BODY", "GENERATED_USTRUCT_BODY",
                        "GENERATED_UINTERFACE_BODY", "GENERATED_IINTERFACE_BODY"):  # fmt: skip
            yield failed("macro", f"there is no {name}")


def _undecorated(project: Project, one: Type) -> Iterator[Judgement]:
    for member in one.members:
        if member.macro and member.macro.name in ("UPROPERTY", "UFUNCTION"):
            if not (one.name.startswith("I") and one.generated):
                yield failed("macro", f"{member.name}: {member.macro.name} outside of a UCLASS")
            return
    if kinds(project, one.name) and one.kind == "class" and one.bases:
        yield failed("macro", f"{one.name} has no UCLASS()")


def _included(one: Type) -> Iterator[Judgement]:
    before = [each for each in one.file.includes if each[1] < one.node.start_byte]
    places = [at for at, (path, _) in enumerate(before) if path.endswith(".generated.h")]
    if not places:
        yield failed("generated", f"no .generated.h is included before {one.name}")
        return
    begins = before[places[-1]][1]
    later = [path for path, at in before if at > begins]
    if later:
        yield failed("generated", f"{later[0]} is included after {before[places[-1]][0]}")


def _named(project: Project, one: Type) -> Iterator[Judgement]:
    known = kinds(project, one.name)
    first = {"enum": "E", "struct": "F"}.get(one.kind, "A" if "actor" in known else "U")
    if (one.kind != "class" or known) and one.name[:1] != first:
        yield failed("prefix", f"{one.name}: a {one.kind} of its kind begins with {first}")
    if one.kind == "enum" and "BlueprintType" in one.macro.specifiers if one.macro else False:
        base = text(one.node.child_by_field_name("base")) or " ".join(one.bases)
        if "uint8" not in base and "class" in text(one.node)[:12]:
            yield failed("macro", f"{one.name}: an enum for Blueprints is a uint8")


def _twice(one: Type) -> Iterator[Judgement]:
    body = one.node.child_by_field_name("body")
    plainly = [m for m in one.members if m.node.parent == body and m.kind == "property"]
    names = [m.name for m in plainly]
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield failed("twice", f"{one.name}::{name} is declared twice")


def _reflected(member: Member) -> Iterator[Judgement]:
    if member.macro is None:
        return
    given, access = member.specifiers, member.access
    if member.macro.name == "UFUNCTION" and member.kind != "function":
        yield failed("macro", f"UFUNCTION before the property {member.name}")
    if member.macro.name == "UPROPERTY" and member.kind == "function":
        yield failed("macro", f"UPROPERTY before the function {member.name}")
    if member.macro.name == "UPROPERTY":
        if _SHOWN & given.keys() and access == "private" and "AllowPrivateAccess" not in given:
            yield failed("macro", f"{member.name} is private and shown to Blueprints")
        if given.keys() >= _SHOWN or {"EditAnywhere", "VisibleAnywhere"} <= given.keys():
            yield failed("macro", f"{member.name} has specifiers that exclude each other")
        if plain(member.type) in _NOT_SHOWN or "std::" in member.type:
            yield failed("macro", f"{member.name}: {member.type} is no type of a UPROPERTY")
        if "static" in member.words or plain(member.type).endswith("&"):
            yield failed("macro", f"{member.name}: a UPROPERTY is neither static nor a reference")
    if "BlueprintPure" in given and member.type == "void" and not _hands_out(member):
        yield failed("macro", f"{member.name} is pure and returns nothing")
    if _GIVEN & given.keys() and access == "private":
        yield failed("macro", f"{member.name}: an event for Blueprints may not be private")


def _hands_out(member: Member) -> bool:
    return any(kind.endswith("&") and "const" not in kind for kind, _ in member.parameters)


def undefined_faults(project: Project) -> Iterator[Judgement]:
    """Functions that are declared and not defined."""
    for one in project.types:
        for member in one.members:
            if member.kind == "function" and member.body is None:
                yield from _undefined(project, one, member)


def link_faults(project: Project) -> Iterator[Judgement]:
    """Functions that are declared and not defined, or defined and not declared."""
    yield from undefined_faults(project)
    for function in project.functions:
        home = project.by_name.get(function.owner)
        if home is None or home.own(function.name) or function.name in (home.name, f"~{home.name}"):
            continue
        stem = function.name.removesuffix("_Implementation").removesuffix("_Validate")
        declared_ = home.own(stem) if stem != function.name else None
        events = declared_ is not None and (
            rpc(declared_) or "BlueprintNativeEvent" in declared_.specifiers
        )
        if not events and function.name != "GetLifetimeReplicatedProps":
            yield failed("undeclared", f"{home.name} declares no {function.name}")
    for function in project.functions:
        home = project.by_name.get(function.owner)
        member = home.own(function.name) if home else None
        if home and member and member.body is None and not _fits(home, member, function):
            yield failed("undeclared", f"{function.name} has another signature than declared")


def _fits(home: Type, member: Member, function: Member) -> bool:
    named = [one for one in home.members if one.name == member.name]
    return _signature(function) in [_signature(one) for one in named]


def _signature(one: Member) -> tuple[str, ...]:
    """What a function returns and takes, without the scopes of nested types."""
    kinds = (one.type, *(kind for kind, _ in one.parameters))
    return tuple(plain(kind).removeprefix("constexpr").rpartition("::")[2] for kind in kinds)


def _undefined(project: Project, one: Type, member: Member) -> Iterator[Judgement]:
    given, tail = member.specifiers, text(member.node).rstrip("; \n")
    if rpc(member) or "BlueprintImplementableEvent" in given or "BlueprintNativeEvent" in given:
        native = "BlueprintNativeEvent" in given and one.name[:1] != "I"
        if native and not project.defined(one.name, f"{member.name}_Implementation"):
            yield failed("undefined", f"{member.name}_Implementation is missing")
        return
    pure = {"0", "default", "delete"} & {tail.rpartition("=")[2].strip()}
    begin, end = member.node.start_byte, member.node.end_byte
    unreal = any(m.name == "PURE_VIRTUAL" and begin < m.start < end for m in one.file.macros)
    bodied = any(m.body is not None for m in one.members if m.name == member.name)
    defined = bodied or project.defined(one.name, member.name)
    if not (defined or pure or unreal):
        yield failed("undefined", f"{one.name}::{member.name} is declared and never defined")


def base_faults(project: Project) -> Iterator[Judgement]:
    """Members and overrides that the base class does not have."""
    for one in project.types:
        known = kinds(project, one.name)
        for member in one.members:
            if member.kind != "function" or not known:
                continue
            wanted, instead = ONLY_OVERRIDE.get(member.name, ("", ""))
            overrides = "override" in member.words
            ticks = member.name == "Tick" and "subsystem" in known
            if wanted and overrides and not ticks and not {wanted, "unknown"} & known:
                yield failed("override", f"{one.name} has no {member.name}: {instead}")
            count, given = VIRTUAL.get(member.name, (None, ""))
            fits = count in (None, len(member.parameters)) and given in ("", member.type)
            if overrides and not fits:
                yield failed("override", f"{member.name} has another signature in the engine")
            lists = overrides and member.name == "GetLifetimeReplicatedProps"
            if lists and "const" not in text(member.node).rpartition(")")[2]:
                yield failed("override", "GetLifetimeReplicatedProps is const")
    for function in project.functions:
        known = kinds(project, function.owner)
        for node in walk(function.node) if known else ():
            name = _bare(node)
            wanted, instead = ONLY.get(name, ("", ""))
            own = project.member(function.owner, name) or function.owner not in project.by_name
            if wanted and wanted not in known and not own:
                yield failed("no-member", where(node, f"{name}: {instead}"))


def _bare(node: Node) -> str:
    """The name that is called or written without a target."""
    wrote = written(node)
    if wrote is not None:
        aim = wrote[0]
        while aim.type == "field_expression":
            aim = aim.child_by_field_name("argument") or aim
            if aim.type == "this":
                return ""
        return text(aim) if aim.type == "identifier" else ""
    function = node.child_by_field_name("function")
    return text(function) if function is not None and function.type == "identifier" else ""


def include_faults(project: Project) -> Iterator[Judgement]:
    """Headers of base classes and of components that are made, or that no include brings."""
    paths = {path for file in project.files for path, _ in file.includes}
    brought = {one for path in paths for one in BRINGS.get(path, "").split()}
    unknown = [
        p for p in paths if p not in HEADER.values() and "/" not in p and _foreign(project, p)
    ]
    if not paths or "*" in brought or unknown:
        return
    used = {base for one in project.types for base in one.bases[:1] if one.macro}
    for function in project.functions:
        for node in walk(function.node):
            if called(node) in ("CreateDefaultSubobject", "NewObject"):
                used |= generics(node)
            scope = (
                node.child_by_field_name("scope") if node.type == "qualified_identifier" else None
            )
            if scope is not None and text(scope).startswith(("UGameplay", "UKismet")):
                used.add(text(scope))
    character = "GameFramework/Character.h" in paths
    for name in sorted(used):
        path = HEADER.get(name[1:])
        with_it = character and name[1:] in ("CapsuleComponent", "SkeletalMeshComponent")
        if path and path not in paths and name[1:] not in brought and not with_it:
            yield failed("no-include", f"{name} needs {path}")


def _foreign(project: Project, path: str) -> bool:
    """Whether a header is one of the project that the answer does not show."""
    stem = path.removesuffix(".h")
    own = {one.name[1:] for one in project.types} | {one.name for one in project.types}
    return stem not in own and not path.endswith(".generated.h") and stem not in (
        "CoreMinimal", "EngineUtils", "EnhancedInputComponent", "EnhancedInputSubsystems",
        "InputActionValue", "InputAction", "InputMappingContext", "TimerManager",
        "DrawDebugHelpers", "NativeGameplayTags", "GameplayTagContainer", "CollisionQueryParams",
        "AbilitySystemComponent", "AttributeSet", "NiagaraFunctionLibrary", "NavigationSystem",
        "NiagaraComponent", "CoreTypes", "Logging/LogMacros", "GameplayEffectExtension",
    )  # fmt: skip


def delegate_faults(project: Project) -> Iterator[Judgement]:
    """Delegates that are broadcast or bound with other parameters than they have."""
    for name, (macro, given) in project.delegates.items():
        counts = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"]
        tail = macro.rpartition("_")[2]
        count = counts.index(tail.removesuffix("Params").removesuffix("Param")) if (
            "Param" in macro and tail.removesuffix("Params").removesuffix("Param") in counts
        ) else 0  # fmt: skip
        if len(given) != count:
            yield failed("delegate", f"{name}: {macro} is given {len(given)} types")
        if "DYNAMIC" in macro and name[:1] != "F":
            yield failed("prefix", f"{name}: a delegate's name begins with F")
    for function in project.functions:
        for node in walk(function.node):
            if called(node) in ("Broadcast", "ExecuteIfBound", "Execute"):
                told = _delegate(project, last_name(target(node)))
                if told is not None and len(arguments(node)) != len(told):
                    yield failed("delegate", where(node, f"{len(told)} values are handed over"))
    for one in project.types:
        for member in one.members:
            macro, _ = project.delegates.get(plain(member.type), ("", []))
            dynamic = "DYNAMIC_MULTICAST" in macro
            if "BlueprintAssignable" in member.specifiers and macro and not dynamic:
                yield failed("delegate", f"{member.name}: {macro} is not dynamic and multicast")


def _delegate(project: Project, name: str) -> list[str] | None:
    for kind in sorted(project.variables.get(name, ())):
        if plain(kind) in project.delegates:
            return project.delegates[plain(kind)][1]
    return None
