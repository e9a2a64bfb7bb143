"""The facet of Unreal: subtle faults of headers and sources, each beside its honest twin."""

import pytest
from conftest import ROOT

from harness import Answer, Case, Outcome
from harness.judging.discovery import discover

pytest.importorskip("tree_sitter_cpp", reason="pip install 'adapter-release-gate[gamedev]'")

VERIFIERS = {
    id: one for id, one in discover(ROOT / "verifiers").verifiers.items() if one.facet == "unreal"
}
EXPECT = {"types": [{"name": "AProbe", "base": "AActor"}], "uses": [{"any": ["AProbe"]}]}
HEADER = '#pragma once\n#include "CoreMinimal.h"\n#include "GameFramework/Actor.h"\n'
GENERATED = '#include "Probe.generated.h"\n'
SOURCE = '#include "Probe.h"\n#include "Net/UnrealNetwork.h"\n'
SHARED = (
    "UPROPERTY(Replicated) int32 Points = 0;\n"
    "virtual void GetLifetimeReplicatedProps(TArray<FLifetimeProperty>& Out) const override;\n"
)
LISTED = (
    "AProbe::AProbe() { bReplicates = true; }\n"
    "void AProbe::GetLifetimeReplicatedProps(TArray<FLifetimeProperty>& Out) const\n"
    "{ Super::GetLifetimeReplicatedProps(Out); DOREPLIFETIME(AProbe, Points); }\n"
)


def failures(answer, **expect):
    """The criteria that refuse an answer, with their reasons."""
    case = Case("probe", "Write `AProbe`.", {**EXPECT, **expect})
    told = {id: one.function(case, Answer(answer)) for id, one in VERIFIERS.items()}
    assert not [id for id, each in told.items() if each.outcome is Outcome.UNVERIFIED]
    return {id: each.reason for id, each in told.items() if each.outcome is Outcome.FAIL}


def actor(inside, source="", before=""):
    head = f"{HEADER}{GENERATED}{before}UCLASS()\nclass MY_API AProbe : public AActor\n{{\n"
    return f"```cpp\n{head}GENERATED_BODY()\npublic:\n{inside}\n}};\n{SOURCE}{source}\n```"


def shared(body, declared="void Add();", head="void AProbe::Add()"):
    return actor(f"AProbe();\n{SHARED}{declared}", f"{LISTED}{head}\n{{\n{body}\n}}")


RPC = "AProbe();\nUFUNCTION({0}) void ServerGo(int32 Steps);"
MADE = "AProbe::AProbe() { bReplicates = true; }\n"
DELEGATE = "DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FHit, int32, Points);\n"
HIT = "UPROPERTY(BlueprintAssignable) FHit OnHit;\nvoid Go() {{ OnHit.Broadcast({}); }}"
CHECKED = "\nbool AProbe::ServerGo_Validate(int32 Steps) { return Steps < 9; }"
BOUND = "void Go() { OnDestroyed.AddDynamic(this, &AProbe::Gone); }\n"
BEGIN = "virtual void BeginPlay() override {{ {} Destroy(); }}"
NEW = "void Go() {{ NewObject<USceneComponent>(this){}; }}"
USED = "void Go(const FHitResult& Hit) {{ Use(Hit.{}); }}"
PRIVATE = "private: UPROPERTY(BlueprintReadWrite{}) int32 Points;"
SERVER = "const bool bServer = GetNetMode() {} NM_Client;\nif (bServer) {{ Points = 2; }}"
STAY = "void AProbe::Stay() { Destroy(); }"
GONE = "void AProbe::ServerGo_Implementation(int32 Steps) { Destroy(); }"
# (criterion, reason, what is wrong, its honest twin)
PAIRS = [
    (
        "parses",
        "generated",
        actor("").replace(GENERATED, "").replace("once\n", f"once\n{GENERATED}"),
        actor(""),
    ),
    ("parses", "undefined", actor("void Go(); void Stay();", STAY), actor("void Stay();", STAY)),
    (
        "parses",
        "undeclared",
        actor("", "void AProbe::Go() { Destroy(); }"),
        actor("void Go();", "void AProbe::Go() { Destroy(); }"),
    ),
    (
        "parses",
        "override",
        actor("virtual void Tick() override {}"),
        actor("virtual void Tick(float Delta) override { Super::Tick(Delta); }"),
    ),
    (
        "parses",
        "delegate",
        actor(HIT.format("1, 2"), before=DELEGATE),
        actor(HIT.format("1"), before=DELEGATE),
    ),
    (
        "parses",
        "macro",
        actor(PRIVATE.format("")),
        actor(PRIVATE.format(', meta = (AllowPrivateAccess = "true")')),
    ),
    (
        "replicates",
        "no-authority",
        shared("if (!HasAuthority() && Points < 5) Points++;"),
        shared("if (HasAuthority() && Points < 5) Points++;"),
    ),
    (
        "replicates",
        "no-authority",
        shared("if (!HasAuthority()) { Destroy(); }\nPoints++;"),
        shared("if (!HasAuthority()) { return; }\nPoints++;"),
    ),
    ("replicates", "no-authority", shared(SERVER.format("==")), shared(SERVER.format("!="))),
    (
        "replicates",
        "not-registered",
        shared("Destroy();").replace(
            "DOREPLIFETIME(AProbe, Points);", "/* DOREPLIFETIME(AProbe, Points); */"
        ),
        shared("Destroy();"),
    ),
    (
        "replicates",
        "not-replicated",
        shared("Destroy();").replace("bReplicates = true;", "bReplicates_ = true;"),
        shared("Destroy();"),
    ),
    (
        "replicates",
        "remote",
        actor(RPC.format("Server, Reliable, WithValidation"), MADE + GONE),
        actor(RPC.format("Server, Reliable, WithValidation"), MADE + GONE + CHECKED),
    ),
    (
        "replicates",
        "remote",
        actor(RPC.format("Server"), MADE + GONE),
        actor(RPC.format("server, reliable"), MADE + GONE),
    ),
    (
        "lifetime",
        "untracked",
        actor("TMap<FName, AActor*> Seen;"),
        actor("UPROPERTY() TMap<FName, TObjectPtr<AActor>> Seen;"),
    ),
    (
        "lifetime",
        "untracked",
        actor("TObjectPtr<AActor> Target;"),
        actor("TWeakObjectPtr<AActor> Target;"),
    ),
    ("lifetime", "no-super", actor(BEGIN.format("")), actor(BEGIN.format("Super::BeginPlay();"))),
    (
        "lifetime",
        "handler",
        actor(BOUND + "void Gone(AActor* Other) {}"),
        actor(BOUND + "UFUNCTION() void Gone(AActor* Other) {}"),
    ),
    ("lifetime", "unregistered", actor(NEW.format("")), actor(NEW.format("->RegisterComponent()"))),
    ("current", "obsolete", actor(USED.format("Actor")), actor(USED.format("GetActor()"))),
    ("current", "alien", actor("void Go() { FVector3 Up; }"), actor("void Go() { FVector Up; }")),
]


@pytest.mark.parametrize(("criterion", "reason", "bad", "good"), PAIRS)
def test_a_subtle_fault_is_refused_by_its_criterion_and_its_twin_by_none(
    criterion, reason, bad, good
):
    assert failures(bad).get(f"unreal.{criterion}") == reason
    assert failures(good) == {}


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Make an AActor and call it AProbe.",
        "```csharp\npublic class AProbe : AActor { }\n```",
        "```cpp\n// class AProbe : public AActor { };\n```",
        '```cpp\nconst char* Probe = "class AProbe : public AActor";\n```',
        actor("")[:-4],
        actor("").replace("AProbe", "AOther"),
    ],
)
def test_an_answer_without_the_type_in_a_whole_cpp_block_passes_nothing(answer):
    assert failures(answer).keys() == VERIFIERS.keys()


def test_a_private_helper_is_the_servers_only_while_every_caller_is():
    declared = "void Add();\nprivate: void Count();"
    count = "}\nvoid AProbe::Count() { Points++;"
    guarded = shared(f"if (HasAuthority()) {{ Count(); }}\n{count}", declared)
    leaky = shared(f"if (HasAuthority()) {{ Count(); }}\nCount();\n{count}", declared)
    assert failures(guarded) == {}
    assert failures(leaky) == {"unreal.replicates": "no-authority"}


def test_what_is_used_is_looked_for_where_it_is_reached_from_and_never_in_a_comment():
    uses = [{"any": ["Spin()"], "from": "frame"}, {"any": ["DeltaTime"], "from": "frame"}]
    tick = "virtual void Tick(float DeltaTime) override {{ Super::Tick(DeltaTime); {} }}"
    reached = actor(f"{tick.format('Turn(2 * DeltaTime);')}\nvoid Turn(float By) {{ Spin(By); }}")
    apart = reached.replace("Turn(2 * DeltaTime);", "/* Turn(2 * DeltaTime); */")
    per_frame = reached.replace("2 * DeltaTime", "2")
    assert failures(reached, uses=uses) == {}
    for bad in (apart, per_frame):
        assert failures(bad, uses=uses) == {"unreal.calls": "not-done"}


def test_the_input_and_the_version_that_were_asked_for_decide():
    old = actor('void Go(UInputComponent* In) { In->BindAxis(TEXT("Turn"), this, &AProbe::T); }')
    assert failures(old, input="enhanced") == {"unreal.current": "other-input"}
    assert failures(old, input="legacy") == {}
    paths = actor("void Go(FARFilter& Filter) { Filter.ClassNames.Add(Name); }")
    assert failures(paths) == {"unreal.current": "obsolete"}
    assert failures(paths, version="5.0") == {}
