"""What Unity's and C#'s documentation say, as tables: namespaces, obsolete members, messages.

Sources: docs.unity3d.com Scripting API of 2022.3 and 6000.0 (obsolete members, messages and their
parameters), the upgrade guides to 2023.1 and Unity 6, and Microsoft's list of C# language versions;
Unity 2021.2 to 6.x compile C# 9."""

from __future__ import annotations

from ._words import words

CSHARP = 9
#: nodes of the grammar that a later version of C# brought
NEWER = {
    "file_scoped_namespace_declaration": (10, "a file-scoped namespace"),
    "raw_string_literal": (11, "a raw string"),
    "list_pattern": (11, "a list pattern"),
    "collection_expression": (12, "a collection expression"),
}

_SPACES = {
    "UnityEngine": "MonoBehaviour ScriptableObject GameObject Transform Vector2 Vector3 Vector4"
    " Quaternion Mathf Time Debug Rigidbody Rigidbody2D Collider Collider2D Input KeyCode Camera"
    " SerializeField Header Tooltip Range RequireComponent CreateAssetMenu Animator AudioSource"
    " AudioClip Physics Physics2D Color Sprite SpriteRenderer Resources PlayerPrefs"
    " WaitForSeconds CharacterController LayerMask RaycastHit ParticleSystem Coroutine Cursor",
    "System": "Action Func Serializable DateTime TimeSpan Math EventArgs EventHandler IDisposable"
    " ArgumentNullException InvalidOperationException StringComparison Exception Predicate"
    " NonSerialized Enum BitConverter OperationCanceledException",
    "System.Collections": "IEnumerator",
    "System.Collections.Generic": "List Dictionary HashSet Queue Stack IEnumerable IReadOnlyList"
    " IReadOnlyDictionary KeyValuePair LinkedList SortedList IList IDictionary Comparer",
    "System.Linq": "Enumerable",
    "System.IO": "File Path Directory FileStream BinaryWriter BinaryReader StreamReader",
    "System.Text": "StringBuilder Encoding",
    "System.Threading": "CancellationToken CancellationTokenSource",
    "System.Threading.Tasks": "Task",
    "UnityEngine.Pool": "ObjectPool IObjectPool LinkedPool ListPool GenericPool DictionaryPool"
    " HashSetPool CollectionPool PooledObject",
    "UnityEngine.Events": "UnityEvent UnityAction",
    "UnityEngine.SceneManagement": "SceneManager LoadSceneMode Scene",
    "UnityEngine.InputSystem": "InputAction InputActionReference Keyboard Gamepad Mouse InputValue"
    " PlayerInput InputActionAsset InputActionMap InputSystem Touchscreen",
    "UnityEngine.AI": "NavMeshAgent NavMesh NavMeshHit NavMeshPath",
    "UnityEngine.Networking": "UnityWebRequest DownloadHandlerBuffer UploadHandlerRaw"
    " UnityWebRequestTexture",
    "UnityEngine.Audio": "AudioMixer AudioMixerGroup AudioMixerSnapshot",
    "UnityEngine.Playables": "PlayableDirector",
    "UnityEngine.Tilemaps": "Tilemap TileBase Tile",
    "UnityEngine.EventSystems": "IPointerClickHandler IPointerEnterHandler IPointerExitHandler"
    " IBeginDragHandler IDragHandler IEndDragHandler IDropHandler PointerEventData EventSystem"
    " IPointerDownHandler IPointerUpHandler",
    "UnityEngine.UI UnityEngine.UIElements": "Button Slider Toggle Image ScrollView",
    "UnityEngine.UI": "CanvasScaler GraphicRaycaster LayoutGroup RawImage",
    "UnityEngine.UIElements": "UIDocument VisualElement VisualTreeAsset",
    "TMPro": "TMP_Text TextMeshProUGUI TextMeshPro TMP_InputField TMP_Dropdown",
    "Unity.Collections": "NativeArray NativeList NativeHashMap Allocator NativeQueue ReadOnly",
    "Unity.Jobs UnityEngine.Jobs": "IJob IJobParallelFor JobHandle IJobFor",
    "UnityEngine.Jobs": "IJobParallelForTransform TransformAccess TransformAccessArray",
    "Unity.Burst": "BurstCompile",
    "Unity.Mathematics": "float3 float2 float4 quaternion int2 int3",
    "Unity.Netcode": "NetworkBehaviour NetworkVariable NetworkObject",
    "Unity.Cinemachine Cinemachine": "CinemachineCamera CinemachineVirtualCamera",
    "UnityEditor": "Editor EditorWindow MenuItem CustomEditor PropertyDrawer EditorGUILayout"
    " SerializedProperty AssetDatabase CustomPropertyDrawer EditorApplication",
}
#: where a type lives that needs a ``using``; the first of several is the usual one
NAMESPACE = {name: spaces.split() for spaces, names in _SPACES.items() for name in names.split()}
LINQ = words(
    "Where Select SelectMany OrderBy OrderByDescending ThenBy FirstOrDefault LastOrDefault"
    " ToArray ToList ToDictionary GroupBy Distinct Aggregate OfType SingleOrDefault"
)

_PARTICLES = words(
    "startColor startSize startSpeed startLifetime startRotation gravityModifier emissionRate"
    " enableEmission playbackSpeed loop maxParticles simulationSpace"
)
#: members that a version made obsolete or removed: (since, instead)
_BODY = {
    "velocity": ((6000, 0), "linearVelocity"),
    "drag": ((6000, 0), "linearDamping"),
    "angularDrag": ((6000, 0), "angularDamping"),
}
MEMBERS = {
    "Rigidbody": {
        **_BODY,
    },
    "Rigidbody2D": {**_BODY, "isKinematic": ((6000, 0), "bodyType")},
    "Application": {
        "LoadLevel": ((5, 3), "SceneManager.LoadScene"),
        "LoadLevelAsync": ((5, 3), "SceneManager.LoadSceneAsync"),
        "LoadLevelAdditive": ((5, 3), "SceneManager.LoadScene"),
        "loadedLevel": ((5, 3), "SceneManager.GetActiveScene"),
        "loadedLevelName": ((5, 3), "SceneManager.GetActiveScene"),
        "levelCount": ((5, 3), "SceneManager.sceneCountInBuildSettings"),
        "CaptureScreenshot": ((2017, 1), "ScreenCapture.CaptureScreenshot"),
        "RegisterLogCallback": ((5, 0), "Application.logMessageReceived"),
        "isPlayer": ((5, 0), "isPlaying"),
    },
    "Random": {"seed": ((5, 4), "InitState"), "RandomRange": ((5, 0), "Range")},
    "Screen": {
        "lockCursor": ((5, 0), "Cursor.lockState"),
        "showCursor": ((5, 0), "Cursor.visible"),
    },
    "SceneManager": {"UnloadScene": ((5, 5), "UnloadSceneAsync")},
    "Physics": {"autoSimulation": ((2022, 3), "simulationMode")},
    "Physics2D": {"autoSimulation": ((2020, 1), "simulationMode")},
    "NavMeshAgent": {"Stop": ((5, 6), "isStopped"), "Resume": ((5, 6), "isStopped")},
    "ParticleSystem": dict.fromkeys(_PARTICLES, ((5, 5), "the main and emission modules")),
    "UnityWebRequest": {
        "isNetworkError": ((2020, 2), "result"),
        "isHttpError": ((2020, 2), "result"),
        "isError": ((2017, 1), "result"),
        "Send": ((2017, 2), "SendWebRequest"),
    },
    "Texture2D": {"Resize": ((2021, 2), "Reinitialize")},
    "GameObject": {
        "active": ((4, 0), "SetActive"),
        "SetActiveRecursively": ((4, 0), "SetActive"),
        "rigidbody": ((5, 0), "GetComponent"),
        "renderer": ((5, 0), "GetComponent"),
        "collider": ((5, 0), "GetComponent"),
    },
    "Transform": {"FindChild": ((5, 6), "Find")},
    "Light": {"shadowConstantSize": ((5, 0), "shadowBias")},
}  # fmt: skip
#: functions and types that are obsolete whatever they are called on
NAMES = {
    "FindObjectOfType": ((2023, 1), "FindFirstObjectByType or FindAnyObjectByType"),
    "FindObjectsOfType": ((2023, 1), "FindObjectsByType"),
    "FindSceneObjectsOfType": ((5, 0), "FindObjectsByType"),
    "FindObjectsOfTypeAll": ((5, 0), "Resources.FindObjectsOfTypeAll"),
    "PhysicMaterial": ((6000, 0), "PhysicsMaterial"),
    "PhysicMaterialCombine": ((6000, 0), "PhysicsMaterialCombine"),
    "WWW": ((2018, 3), "UnityWebRequest"),
    "GUIText": ((2019, 3), "UI text"),
    "GUITexture": ((2019, 3), "UI image"),
    "MovieTexture": ((2019, 3), "VideoPlayer"),
    "ProceduralMaterial": ((2018, 1), "nothing"),
    "NetworkView": ((5, 1), "Netcode for GameObjects"),
    "RPC": ((5, 1), "Netcode for GameObjects"),
    "UxmlFactory": ((2023, 2), "[UxmlElement]"),
    "UxmlTraits": ((2023, 2), "[UxmlAttribute]"),
    "OnLevelWasLoaded": ((5, 4), "SceneManager.sceneLoaded"),
    "ParticleAnimator": ((5, 4), "ParticleSystem"),
    "ParticleEmitter": ((5, 4), "ParticleSystem"),
}
#: what a version brought, and has not been there before
_SINCE_6 = dict.fromkeys(
    words("linearVelocity linearVelocityX linearVelocityY linearDamping angularDamping"), (6000, 0)
)
SINCE = {
    "Rigidbody": _SINCE_6,
    "Rigidbody2D": _SINCE_6,
    "": {
        "PhysicsMaterial": (6000, 0),
        "Awaitable": (2023, 1),
        "FindFirstObjectByType": (2021, 3),
        "FindAnyObjectByType": (2021, 3),
        "FindObjectsByType": (2021, 3),
        "destroyCancellationToken": (2022, 2),
        "UxmlElement": (2023, 2),
        "CinemachineCamera": (2022, 3),
    },
}  # fmt: skip

_NONE = (
    "Awake Start Update FixedUpdate LateUpdate OnEnable OnDisable OnDestroy OnGUI Reset OnValidate"
    " OnBecameVisible OnBecameInvisible OnDrawGizmos OnDrawGizmosSelected OnApplicationQuit"
    " OnMouseDown OnMouseUp OnMouseEnter OnMouseExit OnMouseOver OnMouseDrag OnMouseUpAsButton"
    " OnAnimatorMove OnTransformChildrenChanged OnTransformParentChanged OnParticleTrigger"
    " OnParticleSystemStopped OnPreRender OnPostRender OnPreCull OnWillRenderObject OnRenderObject"
)
#: the messages of a MonoBehaviour and the type of what each is given; empty for nothing
MESSAGES = {
    **dict.fromkeys(_NONE.split(), ""),
    **dict.fromkeys(["OnCollisionEnter", "OnCollisionStay", "OnCollisionExit"], "Collision"),
    **dict.fromkeys(["OnTriggerEnter", "OnTriggerStay", "OnTriggerExit"], "Collider"),
    **dict.fromkeys(
        ["OnCollisionEnter2D", "OnCollisionStay2D", "OnCollisionExit2D"], "Collision2D"
    ),
    **dict.fromkeys(["OnTriggerEnter2D", "OnTriggerStay2D", "OnTriggerExit2D"], "Collider2D"),
    "OnControllerColliderHit": "ControllerColliderHit",
    "OnParticleCollision": "GameObject",
    "OnJointBreak": "float",
    "OnAnimatorIK": "int",
    "OnApplicationFocus": "bool",
    "OnApplicationPause": "bool",
}
MESSAGES_GONE = words("OnLevelWasLoaded")
FRAME = words("Update LateUpdate FixedUpdate OnGUI OnTriggerStay OnCollisionStay OnMouseOver"
              " OnTriggerStay2D OnCollisionStay2D OnAnimatorMove OnRenderObject")  # fmt: skip
RENDERED = words("Update LateUpdate OnGUI")
CONTACT = frozenset(name for name in MESSAGES if name.startswith(("OnCollision", "OnTrigger")))
STARTUP = words("Awake OnEnable Start")
TEARDOWN = words("OnDisable OnDestroy Dispose OnApplicationQuit")
#: what ``from`` may call a moment by
MOMENTS = {
    "frame": RENDERED,
    "physics": words("FixedUpdate") | CONTACT,
    "contact": CONTACT,
    "startup": STARTUP,
    "teardown": TEARDOWN,
}

POOLS = words("ObjectPool IObjectPool LinkedPool")
BODIES = words("Rigidbody Rigidbody2D")
#: types whose ``== null`` also says that the object was destroyed
OBJECTS = words(
    "GameObject Transform RectTransform Component MonoBehaviour Rigidbody Rigidbody2D Collider"
    " Collider2D BoxCollider SphereCollider CapsuleCollider Animator AudioSource Camera Light"
    " Renderer SpriteRenderer MeshRenderer ParticleSystem NavMeshAgent CharacterController Canvas"
    " CanvasGroup TMP_Text TextMeshProUGUI Button Slider Image Text AudioClip Material Sprite"
    " Texture2D ScriptableObject LineRenderer TrailRenderer PlayerInput UIDocument AudioListener"
)
EDGES = words(
    "GetKeyDown GetKeyUp GetButtonDown GetButtonUp GetMouseButtonDown GetMouseButtonUp"
    " wasPressedThisFrame wasReleasedThisFrame WasPressedThisFrame WasReleasedThisFrame"
    " WasPerformedThisFrame triggered"
)
LOOKUPS = words(
    "Find FindWithTag FindGameObjectWithTag FindGameObjectsWithTag FindFirstObjectByType"
    " FindAnyObjectByType FindObjectsByType FindObjectOfType FindObjectsOfType GetComponent"
    " GetComponentInChildren GetComponentInParent GetComponents GetComponentsInChildren"
    " TryGetComponent Load LoadAll"
)
FORCES = words("AddForce AddRelativeForce AddTorque AddRelativeTorque AddForceAtPosition"
               " AddExplosionForce")  # fmt: skip
WRITES = FORCES | words("MovePosition MoveRotation")
MOVES = words(
    "linearVelocity velocity linearVelocityX linearVelocityY angularVelocity position rotation"
)
ALLOCATES = words(
    "RaycastAll OverlapSphere OverlapBox OverlapCapsule SphereCastAll BoxCastAll OverlapCircleAll"
    " OverlapBoxAll CircleCastAll GetComponentsInChildren GetComponents FindGameObjectsWithTag"
    " FindObjectsByType ToString Concat Format Join Split Substring GetRayIntersectionAll"
)
STRUCTS = words(
    "Vector2 Vector3 Vector4 Quaternion Color Color32 Ray Ray2D Bounds Rect Vector2Int Vector3Int"
    " Matrix4x4 Plane RaycastHit ContactFilter2D Span ReadOnlySpan float2 float3 float4 int2 int3"
    " quaternion RaycastCommand QueryParameters TimeSpan DateTime Pose RectInt BoundsInt"
)
