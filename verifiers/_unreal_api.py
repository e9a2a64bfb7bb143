"""What Unreal's documentation says, as tables: base classes, members, signatures, headers, what is
gone.

Source: the API reference and the release notes of Unreal Engine 5.0 to 5.5 (dev.epicgames.com)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._words import words

if TYPE_CHECKING:
    from ._unreal_model import Project

#: engine classes by what they are; a class is also all that stands behind the colon
_CLASSES = {
    "character pawn actor object": "ACharacter",
    "pawn actor object": "APawn ADefaultPawn ASpectatorPawn AWheeledVehiclePawn",
    "controller actor object": "AController APlayerController",
    "server controller actor object": "AAIController",
    "server mode info actor object": "AGameMode AGameModeBase",
    "state info actor object": "AGameState AGameStateBase APlayerState",
    "info actor object": "AInfo AWorldSettings",
    "game actor object": "AGameSession AHUD",
    "actor object": "AActor AStaticMeshActor ATriggerBox ATriggerVolume AVolume ALight",
    "scene component object": "USceneComponent UPrimitiveComponent UStaticMeshComponent"
    " USkeletalMeshComponent USphereComponent UBoxComponent UCapsuleComponent UCameraComponent"
    " USpringArmComponent UShapeComponent UMeshComponent UAudioComponent UWidgetComponent",
    "component object": "UActorComponent UMovementComponent UCharacterMovementComponent"
    " UProjectileMovementComponent UAbilitySystemComponent UPawnMovementComponent"
    " UInputComponent",
    "widget object": "UUserWidget",
    "subsystem object": "UGameInstanceSubsystem UWorldSubsystem UTickableWorldSubsystem"
    " ULocalPlayerSubsystem UEngineSubsystem",
    "object": "UObject UDataAsset UPrimaryDataAsset UGameInstance USaveGame UAnimInstance"
    " UBlueprintFunctionLibrary UDeveloperSettings UInterface UAnimNotify UAnimNotifyState"
    " UAttributeSet UGameplayEffect UCheatManager",
    "server object": "UBTTaskNode UBTService UBTDecorator UBTTask_BlackboardBase"
    " UBTService_BlackboardBase UEnvQueryContext",
}
CLASSES = {name: words(what) for what, names in _CLASSES.items() for name in names.split()}

#: bare calls and writes that only some bases have
ONLY = {
    "HasAuthority": ("actor", "GetOwner()->HasAuthority()"),
    "GetActorLocation": ("actor", "GetOwner()->GetActorLocation()"),
    "SetActorLocation": ("actor", "GetOwner()->SetActorLocation()"),
    "GetActorRotation": ("actor", "GetOwner()->GetActorRotation()"),
    "GetActorForwardVector": ("actor", "GetOwner()->GetActorForwardVector()"),
    "GetActorTransform": ("actor", "GetOwner()->GetActorTransform()"),
    "GetWorldTimerManager": ("actor", "GetWorld()->GetTimerManager()"),
    "SetReplicates": ("actor", "SetIsReplicatedByDefault()"),
    "bReplicates": ("actor", "SetIsReplicatedByDefault()"),
    "SetReplicateMovement": ("actor", "the owner's"),
    "PrimaryActorTick": ("actor", "PrimaryComponentTick"),
    "SetLifeSpan": ("actor", "GetOwner()->SetLifeSpan()"),
    "RootComponent": ("actor", "GetOwner()->GetRootComponent()"),
    "SetRootComponent": ("actor", "the owner's"),
    "GetLocalRole": ("actor", "GetOwnerRole()"),
    "SetIsReplicatedByDefault": ("component", "bReplicates = true"),
    "PrimaryComponentTick": ("component", "PrimaryActorTick"),
    "GetOwnerRole": ("component", "GetLocalRole()"),
    "DestroyComponent": ("component", "Destroy()"),
    "SetupAttachment": ("scene", "a scene component's"),
    "GetCharacterMovement": ("character", "that of an ACharacter"),
    "LaunchCharacter": ("character", "that of an ACharacter"),
    "GetCapsuleComponent": ("character", "that of an ACharacter"),
    "AddMovementInput": ("pawn", "that of an APawn"),
    "AddControllerYawInput": ("pawn", "that of an APawn"),
    "AddControllerPitchInput": ("pawn", "that of an APawn"),
    "IsLocallyControlled": ("pawn", "that of an APawn"),
    "AddToViewport": ("widget", "a widget's"),
}
ONLY_OVERRIDE = {
    "Tick": ("actor", "TickComponent"),
    "TickComponent": ("component", "Tick"),
    "SetupPlayerInputComponent": ("pawn", "SetupInputComponent of a controller"),
    "NativeConstruct": ("widget", "BeginPlay"),
    "PossessedBy": ("pawn", "OnPossess of a controller"),
    "OnPossess": ("controller", "PossessedBy of a pawn"),
    "PostLogin": ("mode", "that of a game mode"),
    "Landed": ("character", "that of an ACharacter"),
}
#: how many parameters the virtual functions of the engine have, and what they return
VIRTUAL = {
    "BeginPlay": (0, "void"), "Tick": (1, "void"), "TickComponent": (3, "void"),
    "EndPlay": (1, "void"), "GetLifetimeReplicatedProps": (1, "void"), "TakeDamage": (4, "float"),
    "SetupPlayerInputComponent": (1, "void"), "PossessedBy": (1, "void"), "OnPossess": (1, "void"),
    "PostInitializeComponents": (0, "void"), "NativeConstruct": (0, "void"),
    "NativeTick": (2, "void"), "NativeDestruct": (0, "void"), "OnConstruction": (1, "void"),
    "PostLogin": (1, "void"), "Logout": (1, "void"), "Landed": (1, "void"),
    "Deinitialize": (0, "void"), "NativeUpdateAnimation": (1, "void"), "UnPossessed": (0, "void"),
    "NativeInitializeAnimation": (0, "void"), "SetupInputComponent": (0, "void"),
    "Destroyed": (0, "void"), "LifeSpanExpired": (0, "void"),
}  # fmt: skip
SUPER = words(
    "BeginPlay EndPlay Tick TickComponent PostInitializeComponents GetLifetimeReplicatedProps"
    " NativeConstruct NativeDestruct NativeTick BeginDestroy OnRegister OnUnregister PossessedBy"
    " UnPossessed OnPossess OnUnPossess PostLogin Logout SetupInputComponent OnConstruction"
    " Destroyed NotifyActorBeginOverlap NotifyActorEndOverlap CopyProperties"
)
#: how many parameters the handlers of the engine's dynamic delegates have
HANDLERS = {
    "OnComponentBeginOverlap": 6, "OnComponentEndOverlap": 4, "OnComponentHit": 5,
    "OnActorBeginOverlap": 2, "OnActorEndOverlap": 2, "OnActorHit": 4, "OnTakeAnyDamage": 5,
    "OnDestroyed": 1, "OnEndPlay": 2, "OnClicked": 0, "OnProjectileStop": 1,
    "OnProjectileBounce": 2, "LandedDelegate": 1, "OnAudioFinished": 0, "OnSystemFinished": 1,
    "OnTargetPerceptionUpdated": 2, "OnPerceptionUpdated": 1, "OnSeePawn": 1,
}  # fmt: skip
_HEADERS = {
    "GameFramework/": "Actor Pawn Character Controller PlayerController GameMode GameModeBase"
    " GameState GameStateBase PlayerState HUD SaveGame SpringArmComponent"
    " ProjectileMovementComponent CharacterMovementComponent FloatingPawnMovement"
    " RotatingMovementComponent",
    "Components/": "ActorComponent SceneComponent StaticMeshComponent SkeletalMeshComponent"
    " SphereComponent BoxComponent CapsuleComponent AudioComponent PointLightComponent"
    " SpotLightComponent WidgetComponent ArrowComponent SplineComponent TimelineComponent"
    " DecalComponent TextRenderComponent",
    "Camera/": "CameraComponent",
    "": "AIController",
    "Blueprint/": "UserWidget",
    "Subsystems/": "GameInstanceSubsystem WorldSubsystem LocalPlayerSubsystem EngineSubsystem",
    "Engine/": "DataAsset GameInstance StaticMeshActor DeveloperSettings",
    "Kismet/": "BlueprintFunctionLibrary GameplayStatics KismetMathLibrary KismetSystemLibrary",
    "Animation/": "AnimInstance",
}
#: the header of a class, by its name without the first letter
HEADER = {one: f"{folder}{one}.h" for folder, all_ in _HEADERS.items() for one in all_.split()}
#: headers that bring others with them
BRINGS = {
    "GameFramework/Character.h": "Pawn Actor SceneComponent ActorComponent",
    "GameFramework/Pawn.h": "Actor SceneComponent ActorComponent",
    "AIController.h": "Controller Actor SceneComponent",
    "GameFramework/PlayerController.h": "Controller Actor SceneComponent",
    "GameFramework/GameModeBase.h": "Actor SceneComponent",
    "GameFramework/GameStateBase.h": "Actor SceneComponent",
    "GameFramework/PlayerState.h": "Actor SceneComponent",
    "GameFramework/GameMode.h": "GameModeBase",
    "GameFramework/GameState.h": "GameStateBase",
    "GameFramework/Actor.h": "ActorComponent SceneComponent",
    "Components/SceneComponent.h": "ActorComponent",
    "EngineMinimal.h": "*", "Engine.h": "*", "EngineUtils.h": "Actor",
}  # fmt: skip
#: name: (since which version, what instead)
GONE = {
    "GENERATED_UCLASS_BODY": ((5, 0), "GENERATED_BODY()"),
    "GENERATED_USTRUCT_BODY": ((5, 0), "GENERATED_BODY()"),
    "TAssetPtr": ((5, 0), "TSoftObjectPtr"),
    "TAssetSubclassOf": ((5, 0), "TSoftClassPtr"),
    "FStringAssetReference": ((5, 0), "FSoftObjectPath"),
    "FStringClassReference": ((5, 0), "FSoftClassPath"),
    "UProperty": ((5, 0), "FProperty"),
    "UFloatProperty": ((5, 0), "FFloatProperty"),
    "UObjectProperty": ((5, 0), "FObjectProperty"),
    "UStructProperty": ((5, 0), "FStructProperty"),
    "FTicker": ((5, 0), "FTSTicker"),
    "IsPendingKill": ((5, 0), "IsValid"),
    "MarkPendingKill": ((5, 0), "MarkAsGarbage"),
    "AttachTo": ((5, 0), "SetupAttachment"),
    "AttachRootComponentTo": ((5, 0), "AttachToComponent"),
    "AttachRootComponentToActor": ((5, 0), "AttachToActor"),
    "DetachFromParent": ((5, 0), "DetachFromComponent"),
    "LineTraceSingle": ((5, 0), "LineTraceSingleByChannel"),
    "LineTraceMulti": ((5, 0), "LineTraceMultiByChannel"),
    "SweepSingle": ((5, 0), "SweepSingleByChannel"),
    "OverlapMulti": ((5, 0), "OverlapMultiByChannel"),
    "UNavigationSystem": ((5, 0), "UNavigationSystemV1"),
    "GameDir": ((5, 0), "ProjectDir"),
    "GameSavedDir": ((5, 0), "ProjectSavedDir"),
    "GameContentDir": ((5, 0), "ProjectContentDir"),
    "bReplicateMovement": ((5, 0), "SetReplicateMovement"),
    "ANY_PACKAGE": ((5, 1), "nullptr"),
    "ClassNames": ((5, 1), "ClassPaths"),
    "ObjectPath": ((5, 1), "GetSoftObjectPath"),
    "Role": ((5, 0), "GetLocalRole()"),
    "RemoteRole": ((5, 0), "GetRemoteRole()"),
}
#: members that are no longer public: found where something else is asked for them
PRIVATE = {
    "Instigator": ((5, 0), "GetInstigator()"),
    "NetUpdateFrequency": ((5, 5), "SetNetUpdateFrequency()"),
    "MinNetUpdateFrequency": ((5, 5), "SetMinNetUpdateFrequency()"),
    "Actor": ((5, 0), "GetActor() of FHitResult"),
    "Component": ((5, 0), "GetComponent() of FHitResult"),
    "RelativeLocation": ((5, 0), "GetRelativeLocation()"),
    "RelativeRotation": ((5, 0), "GetRelativeRotation()"),
    "bHidden": ((5, 0), "IsHidden()"),
    "CharacterMovement": ((5, 0), "GetCharacterMovement()"),
    "CapsuleComponent": ((5, 0), "GetCapsuleComponent()"),
    "bReplicates": ((5, 0), "SetReplicates()"),
    "PlayerName": ((5, 0), "GetPlayerName()"),
    "Ping": ((5, 0), "GetPingInMilliseconds()"),
}
#: names of other engines, and names that Unreal never had
ALIEN = words(
    "MonoBehaviour GameObject Vector3 Vector2 Mathf Instantiate SerializeField"
    " Rigidbody StartCoroutine DontDestroyOnLoad Node3D Node2D"
    " PackedScene FQuaternion FVector3 FVector3D FMatrix4 UGameObject AGameObject UTransform"
    " FString8 FVec3 UMonoBehaviour"
)
#: calls that other engines have with a type in angle brackets, and Unreal has not
ALIEN_OF = words("GetComponent AddComponent GetComponentInChildren FindObjectOfType Instantiate")
SINCE = {
    "TObjectPtr": (5, 0), "UEnhancedInputComponent": (5, 0), "FInstancedStruct": (5, 0),
    "UWorldPartitionSubsystem": (5, 0), "TNonNullPtr": (5, 5), "FTSTicker": (5, 0),
    "SetNetUpdateFrequency": (5, 5),
}  # fmt: skip
OLD_INPUT = words("BindAxis BindAxisKey BindTouch BindVectorAxis GetInputAxisValue BindKey")
NEW_INPUT = words(
    "UEnhancedInputComponent UInputAction UInputMappingContext FInputActionValue ETriggerEvent"
    " UEnhancedInputLocalPlayerSubsystem AddMappingContext FInputActionInstance"
)


def kinds(project: Project, name: str) -> frozenset[str]:
    """What a class is, by its last known base: ``actor``, ``component``, ...; nothing for one of
    which nothing is known."""
    for one in project.lineage(name):
        if one in CLASSES and one not in project.by_name:
            return CLASSES[one]
    last = project.lineage(name)[-1]
    if last in project.by_name or last == name:
        return frozenset()
    if last.startswith("U") and last.endswith("Component"):
        return words("component object unknown")
    return frozenset()
