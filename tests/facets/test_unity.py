"""The facet of Unity: subtle faults of scripts, each beside its honest twin."""

import json
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from harness import Answer, Case, Outcome
from harness.judging.discovery import discover

pytest.importorskip("tree_sitter_c_sharp", reason="pip install 'adapter-release-gate[gamedev]'")

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "suites" / "gamedev" / "unity"
VERIFIERS = {
    id: one for id, one in discover(ROOT / "verifiers").verifiers.items() if one.facet == "unity"
}
EXPECT = {"types": [{"name": "Probe", "base": "MonoBehaviour"}], "uses": [{"any": ["Probe"]}]}
HEAD = "using System;\nusing System.Collections;\nusing UnityEngine;\nusing UnityEngine.Pool;\n"


def failures(answer, **expect):
    """The criteria that refuse an answer, with their reasons."""
    case = Case("probe", "Write `Probe`.", {**EXPECT, **expect})
    told = {id: one.function(case, Answer(answer)) for id, one in VERIFIERS.items()}
    assert not [id for id, each in told.items() if each.outcome is Outcome.UNVERIFIED]
    return {id: each.reason for id, each in told.items() if each.outcome is Outcome.FAIL}


def script(body):
    return f"```csharp\n{HEAD}\npublic class Probe : MonoBehaviour\n{{\n{body}\n}}\n```"


BODY = "[SerializeField] private Rigidbody body;\n"
SHOT = (
    BODY + "[SerializeField] private Rigidbody prefab;\nfloat next;\nvoid Update() {{\n"
    "if (Time.time < next) return;\nnext = Time.time + 1f;\n"
    "var shot = Instantiate(prefab); {} = transform.forward * 9f; }}"
)
# (criterion, reason, what is wrong, its honest twin)
PAIRS = [
    ("parses", "undeclared", "void Awake() { print(spede * 2f); }", "void Awake() { print(2f); }"),
    (
        "parses", "undeclared",
        "void Awake() { print(Mathf.Abs(spede * time)); } float time;",
        "void Awake() { print(Mathf.Abs(speed * time)); } float time, speed;",
    ),
    ("parses", "no-using", "public Transform[] All() => null; List<int> a;", "int[] a;"),
    ("parses", "return", "int Sum(int a) { print(a); }", "int Sum(int a) { return a; }"),
    (
        "parses", "newer-csharp",
        "[SerializeField] int[] a = [1, 2];",
        "[SerializeField] int[] a = { 1, 2 };",
    ),
    (
        "declares", "message",
        "void OnTriggerEnter(Collision other) { print(other); }",
        "void OnTriggerEnter(Collider other) { print(other); }",
    ),
    (
        "declares", "inspector",
        "[SerializeField] public int Hp { get; set; }",
        "[field: SerializeField] public int Hp { get; private set; }",
    ),
    (
        "current", "obsolete",
        ("void FixedUpdate() { var hull = GetComponentInParent<Rigidbody>(); }\n"
        "void OnCollisionEnter(Collision c) { print(c.rigidbody.velocity); }"),
        ("void OnCollisionEnter(Collision c) { print(c.rigidbody.linearVelocity); }\n"
         "void Start() { print(agent.velocity); }\n"
        "public UnityEngine.AI.NavMeshAgent agent;"),
    ),
    (
        "frame", "edge-input",
        BODY + "bool jump;\nvoid Update() { jump = Input.GetKeyDown(KeyCode.Space); }\n"
        "void FixedUpdate() { if (jump) body.AddForce(Vector3.up, ForceMode.Impulse); }",
        BODY + "bool jump;\nvoid Update() { jump |= Input.GetKeyDown(KeyCode.Space); }\n"
        "void FixedUpdate() { if (jump) body.AddForce(Vector3.up, ForceMode.Impulse);\n"
        "jump = false; }",
    ),
    (
        "frame", "physics-step",
        BODY + "void Update() { Push(); }\nvoid Push() => body.AddForce(Vector3.up);",
        BODY + "void FixedUpdate() { Push(); }\nvoid Push() => body.AddForce(Vector3.up);",
    ),
    (
        "frame", "physics-step",
        SHOT.format("body.linearVelocity"),
        SHOT.format("shot.linearVelocity"),
    ),
    (
        "parses", "return",
        BODY + "bool Has() { try { return body; } catch (Exception e) { print(e); } }",
        BODY + "bool Has() { try { return body; } catch (Exception) { return false; } }",
    ),
    (
        "parses", "return",
        "int Of(int a) { switch (a) { case 1: return 2; default: break; } }",
        ("int Of(int a) { switch (a) { case 1: while (true) { if (a++ > 9) return a; }"
        " default: throw new Exception(); } }"),
    ),
    (
        "frame", "time-twice",
        BODY + "void FixedUpdate() { body.linearVelocity = Vector3.up * 3f * Time.deltaTime; }",
        BODY + "void FixedUpdate() { body.linearVelocity += Vector3.up * 3f * Time.deltaTime; }",
    ),
    (
        "frame", "lookup",
        "void Update() { var view = Camera.main; print(view); }",
        "Camera view;\nvoid Update() { if (view == null) view = Camera.main; print(view); }",
    ),
    (
        "frame", "frame-rate",
        "void Update() { transform.Rotate(Vector3.up * 2f); }",
        "void Update() { transform.Rotate(Vector3.up * (2f * Time.deltaTime)); }",
    ),
    (
        "lifetime", "not-started",
        "void Start() { Blink(); }\nIEnumerator Blink() { yield return null; }",
        "void Start() { StartCoroutine(Blink()); }\nIEnumerator Blink() { yield return null; }",
    ),
    (
        "lifetime", "handler",
        ("public static event Action Rang;\nvoid OnEnable() => Other.Rang += () => print(1);\n"
        "void OnDisable() => Other.Rang -= () => print(1);"),
        ("void OnEnable() => Other.Rang += Hear;\nvoid OnDisable() => Other.Rang -= Hear;\n"
        "void Hear() => print(1);"),
    ),
    (
        "lifetime", "null-check",
        "[SerializeField] AudioSource voice;\nvoid Say() => voice?.Play();",
        "public event Action Said;\nvoid Say() => Said?.Invoke();",
    ),
    (
        "lifetime", "twice",
        ("public IObjectPool<Probe> pool; float dieAt;\n"
         "void Update() { if (Time.time > dieAt) Back(); }\n"
        "void OnTriggerEnter(Collider other) { Back(); }\nvoid Back() { pool.Release(this); }"),
        ("public IObjectPool<Probe> pool; float dieAt; bool back;\n"
        "void Update() { if (Time.time > dieAt) Back(); }\n"
         "void OnTriggerEnter(Collider other) { Back(); }\n"
        "void Back() { if (back) return; back = true; pool.Release(this); }"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("criterion", "reason", "bad", "good"), PAIRS)
def test_a_subtle_fault_is_refused_by_its_criterion_and_its_twin_by_none(
    criterion, reason, bad, good
):
    assert failures(script(bad)).get(f"unity.{criterion}") == reason
    assert failures(script(good)) == {}


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Add a Rigidbody and call it Probe.",
        "```cpp\nclass Probe : public MonoBehaviour { };\n```",
        "```csharp\n// class Probe : MonoBehaviour { }\n```",
        "```csharp\nvar probe = \"class Probe : MonoBehaviour { }\";\n```",
        script("")[:-4],
        script("").replace("Probe", "Other"),
    ],
)  # fmt: skip
def test_an_answer_without_the_type_in_a_whole_csharp_block_passes_nothing(answer):
    assert failures(answer).keys() == VERIFIERS.keys()


def test_what_is_used_is_looked_for_where_it_is_reached_from_and_never_in_a_comment():
    uses = [{"any": ["SetActive(false)"], "from": "contact"}]
    reached = (
        "void OnTriggerEnter(Collider c) => Hide();\nvoid Hide() => gameObject.SetActive(false);"
    )
    apart = reached.replace("=> Hide()", "=> print(c)")
    shown = reached.replace("SetActive(false)", "SetActive(true)")
    comment = reached.replace("gameObject", "print(1); // gameObject")
    assert failures(script(reached), uses=uses) == {}
    for bad in (apart, shown, comment):
        assert failures(script(bad), uses=uses) == {"unity.calls": "not-done"}


def test_what_is_forbidden_is_found_through_calls_and_not_in_what_is_handed_over():
    avoids = [{"any": ["Instantiate()"], "from": "frame"}]
    made = "public GameObject g;\nvoid Update() => Make();\nGameObject Make() => Instantiate(g);"
    given = made.replace("=> Make();", "=> print(1);\nFunc<GameObject> Maker => Make;")
    assert failures(script(made), avoids=avoids) == {"unity.calls": "forbidden"}
    assert failures(script(given), avoids=avoids) == {}


def test_the_version_decides_in_both_directions():
    old, new = (script(BODY + f"void FixedUpdate() {{ body.{name} = Vector3.up; }}") for name in
                ("velocity", "linearVelocity"))  # fmt: skip
    assert failures(old) == {"unity.current": "obsolete"}
    assert failures(old, version="2022.3") == failures(new) == {}
    assert failures(new, version="2022.3") == {"unity.current": "not-yet"}


def test_the_prompts_are_many_and_unlike_each_other_and_those_of_the_audit():
    files = [(SUITE / name).read_text().splitlines() for name in ("prompts.jsonl", "dev.jsonl")]
    held, dev = ([json.loads(line) for line in lines] for lines in files)
    goods = yaml.safe_load((ROOT / "audits/_unity/goods.yaml").read_text())["good"]
    texts = {one["prompt"] for one in (*held, *dev)} | {one["case"]["prompt"] for one in goods}
    grams = [{text[i : i + 5] for i in range(len(text) - 4)} for text in sorted(texts)]
    assert len(held) >= 40
    assert max(len(a & b) / len(a | b) for a, b in combinations(grams, 2)) < 0.5
