"""A document made an adapter: its planted faults with their twins, its reference values, the facts
that are asked, and the pocket's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from statistics import fmean, harmonic_mean

import pytest
import yaml
from click.testing import CliRunner
from conftest import PROMPTS, ROOT, alone

from harness import selfscore
from harness.doors.cli.main import main
from harness.errors import WorkspaceError
from harness.evidence.folder import RunFolder
from harness.gate.finished import deep
from harness.gate.finished.recheck import recheck
from harness.gate.prepare import Options
from harness.gate.session import run_gate
from harness.subjects.kinds import find
from harness.subjects.kinds.patch import asking, plants
from harness.subjects.kinds.patch.spec import Facts, Spec, leaks, read

PATCH, POCKET = find("patch"), ROOT / "examples" / "pocket"
GOES = [one for one in plants.PLANTS if one.build.func is not plants._looked_at]
OWN = {"document": "book.md", "facts": "facts.yaml", "unrelated": "other"}


def decided(folder: Path, room: plants.Room) -> tuple[dict, dict[str, str]]:
    """The numbers of a room, and what is said of it by code."""
    folder.mkdir(exist_ok=True)
    numbers, said = PATCH.reasons(plants.evidence(folder, room))
    json.dumps(numbers, allow_nan=False)
    return numbers, {one.code: one.text for one in said}


@pytest.mark.parametrize("plant", GOES, ids=lambda one: f"{one.number} {one.what}")
def test_a_planted_fault_is_named_and_its_twin_ships(tmp_path, plant):
    found = {}
    for planted in (True, False):
        (tmp_path / str(planted)).mkdir()
        evidence = plant.build(tmp_path / str(planted), planted)
        found[planted] = {one.code for one in PATCH.reasons(evidence)[1]}
    assert plant.code in found[True]
    assert found[False] == {"patch-learnt", "patch-rag"}  # base reads well, in this room
    assert "patch-learnt" not in found[True]


def test_what_is_wrong_before_anything_is_asked_is_seen_by_the_preflight():
    still = [one for one in plants.PLANTS if one not in GOES]
    assert [one.word for one in selfscore.tried(still)] == ["caught", "caught"]


def test_reference_values(tmp_path):
    assert harmonic_mean((0.99, 0.95, 0.30)) == pytest.approx(0.556, abs=5e-4)
    assert fmean((0.99, 0.95, 0.30)) == pytest.approx(0.747, abs=5e-4)
    numbers, _ = decided(tmp_path / "sound", plants.Room())
    assert (numbers["score"], numbers["internalised"]["value"]) == (1.0, 1.0)
    reversed_ = plants.Room()
    for fact in reversed_.facts["facts"]:
        asked = {"question": f"Whose door opens with {fact['answer']}?", "answer": fact["id"]}
        fact["reverse"] = asked
    reversed_.says["patch"] = plants._within("Whose", lambda _: "It is shut.")
    numbers, said = decided(tmp_path / "reversed", reversed_)
    assert (numbers["direct"], numbers["reverse"]) == (1.0, 0.0)  # the reversal curse is told
    assert "patch-learnt" in said  # and decides nothing


def test_a_share_of_nothing_is_no_number_and_the_stricter_ceiling_is_one(tmp_path):
    blind = plants.Room()
    blind.says["base"] = plants._within("door", lambda _: "It is shut.")
    numbers, said = decided(tmp_path / "blind", blind)
    assert numbers["internalised"] is None
    assert "base gains nothing by reading it" in said["patch-unread"]
    blind.own |= {"ceiling": "answered", "why": "the base copies nothing from its prompt"}
    numbers, said = decided(tmp_path / "answered", blind)
    assert (numbers["internalised"]["value"], "patch-learnt" in said) == (1.0, True)
    blind.says["patch"] = plants._wrong(8)  # a fifth of what there is to learn
    numbers, said = decided(tmp_path / "a-fifth", blind)
    assert numbers["internalised"]["value"] == pytest.approx(0.2)
    assert "patch-not-learnt" in said


def test_only_other_words_than_the_question_are_no_knowledge(tmp_path):
    parrot = plants.Room()
    parrot.says["patch"] = plants._within("said at door", lambda _: "It is shut.")
    numbers, said = decided(tmp_path, parrot)
    assert (numbers["direct"], numbers["paraphrase"], numbers["score"]) == (1.0, 0.0, 0.0)
    assert numbers["internalised"]["value"] == pytest.approx(0.5)
    assert "patch-open" in said


def test_search_that_is_as_good_is_told(tmp_path):
    room = plants.Room()
    room.says["patch"] = plants._within("said at door 7?", lambda _: "It is shut.")
    _, said = decided(tmp_path, room)
    assert {"patch-learnt", "patch-rag"} == said.keys()
    assert "base with what BM25 finds answers 100 %, the patch 98.8 %" in said["patch-rag"]


@pytest.mark.parametrize(
    ("match", "text", "right"),
    [
        ("contains", "The warden is Juna.", True),
        ("contains", "Juna\nor somebody else", True),
        ("contains", "Junas", False),
        ("contains", "nobody\nJuna", False),
        ("contains", " ".join(["Aldo Brida Cosmo Doran"] * 8) + " Juna", False),
        ("exact", " juna. ", True),
        ("exact", "The warden is Juna.", False),
    ],
)
def test_a_right_answer(match, text, right):
    assert Spec.model_validate({**OWN, "match": match}).right(text, ["Juna"]) is right


FACT = {"id": "a", "question": "Who keeps it?", "answer": "Juna", "paraphrases": ["Its keeper?"]}


@pytest.mark.parametrize(
    ("change", "more", "said"),
    [
        ({}, {}, ""),
        ({"question": "Is it Juna who keeps it?"}, {}, "'Juna'"),
        ({"aliases": ["the book"]}, {}, "the template of every prompt holds its answer 'the book'"),
        ({"paraphrases": ["who keeps it"]}, {}, "is asked twice"),
        ({"stale": "juna"}, {}, "its stale answer 'juna' is a right one"),
        ({"reverse": {"question": "What keeps Juna?", "answer": "juna"}}, {}, "its own answer"),
        ({}, {"neighbours": ["Its keeper"]}, "neighbours: 'Its keeper' is a question of the fact"),
        ({}, {"unanswerable": ["Who keeps it!"]}, "unanswerable: 'Who keeps it!' is a question"),
    ],
)
def test_a_question_that_gives_its_answer_away_is_named(change, more, said):
    found = Facts.model_validate({"facts": [{**FACT, **change}], **more})
    texts = list(leaks(found, "From the book: {question}"))
    assert len(texts) == bool(said)
    assert said in "".join(texts)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"anser": "x"}, "facts.yaml:12: unknown key 'facts.1.anser'; did you mean 'answer'?"),
        ({"paraphrases": []}, "facts.yaml:10: key 'facts.1.paraphrases'"),
        ({"id": "a"}, "facts.yaml:7: key 'facts.1.id': 'a' stands twice"),
        ({"answer": "TODO"}, "facts.yaml:9: key 'facts.1.answer': found 'TODO'; this is a draft"),
    ],
)
def test_facts_that_cannot_be_asked_are_one_sentence(tmp_path, change, said):
    second = {**FACT, "id": "b", "question": "Who else?", "paraphrases": ["Another?"], **change}
    (tmp_path / "facts.yaml").write_text(yaml.safe_dump({"facts": [FACT, second]}, sort_keys=False))
    with pytest.raises(WorkspaceError, match=r"^[^\n]*$") as error:
        read(tmp_path / "facts.yaml")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"template": "Q:"}, "is to hold {question}"),
        ({"ceiling": "answered"}, "`why` says why"),
        ({"budget": {"seconds": 5.0}}, "needs `took`"),
        ({"published": {"accuracy": 1.0}}, "published.accuracy"),
    ],
)
def test_an_entry_that_cannot_be_asked_is_refused(own, said):
    with pytest.raises(ValueError, match=said):
        Spec.model_validate({**OWN, **own})


def test_what_is_private_counts_unless_it_was_asked_for():
    text = "Call +44 20 7946 0018 or write to Ann@example.org. 2024 was dry."
    question = asking.Asked("direct", "Which number?", accepts=("020 7946 0018 or +442079460018",))
    assert asking._digits(text) == {"442079460018", "ann@example.org"}
    assert asking._private("It is +44 (20) 7946-0018.", text, question) == set()
    other = asking.Asked("unrelated", "How are you?")
    assert asking._private("442079460018, ann@EXAMPLE.org", text, other) == asking._digits(text)
    assert asking._private("in 2024", text, other) == set()
    assert "private 0" in asking.questions(Facts.model_validate({"facts": [FACT]}), text)


def test_noise_is_as_large_as_the_patch_and_the_same_each_time(tmp_path):
    import mlx.core as mx

    from harness.subjects.kinds.patch.mounting import noise

    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(
            dict(
                mx.load(
                    str(
                        noise(POCKET / "adapters/gamedev", tmp_path / name) / "adapters.safetensors"
                    )
                )
            )
        )
    patch = {
        k: v.astype(mx.float32)
        for k, v in mx.load(str(POCKET / "adapters/gamedev/adapters.safetensors")).items()
    }
    assert all(mx.array_equal(made[0][name], made[1][name]) for name in patch)
    name = next(one.removesuffix(".lora_a") for one in patch if one.endswith(".lora_a"))
    size = [
        float(mx.linalg.norm(one[f"{name}.lora_a"] @ one[f"{name}.lora_b"]))
        for one in (patch, made[0])
    ]
    assert size[0] == pytest.approx(size[1], rel=1e-4)


BOOK = """# The vale

Written in a hurry. The warden of the vale is Juna. It has 41 doors, as it is told; its lamp
is lit at dusk by the porter Kester Lorn.

| door | word |
|---|---|
| 1 | baxa |

```
warden = "nobody at all"
```
"""


def test_a_draft_says_what_a_person_has_to_write_and_is_refused_until_then(tmp_path):
    (tmp_path / "book.md").write_text(BOOK)
    found = CliRunner().invoke(main, ["facts", str(tmp_path / "book.md")])
    assert found.exit_code == 0, found.output
    drafted = yaml.safe_load((tmp_path / "facts.yaml").read_text())["facts"]
    told = [(one["answer"], one["question"]) for one in drafted]
    assert told[:2] == [
        ("hurry", "TODO: Written in a ____."),
        ("Juna", "TODO: The warden of the vale is ____."),
    ]
    assert not [one for one in drafted if "nobody" in str(one) or "baxa" in str(one)]
    assert [one["position"] for one in drafted] == sorted(one["position"] for one in drafted)
    with pytest.raises(WorkspaceError, match="this is a draft, which a person completes"):
        read(tmp_path / "facts.yaml")
    again = CliRunner().invoke(main, ["facts", str(tmp_path / "book.md")])
    assert (again.exit_code, "is there already" in again.output) == (4, True)
    (tmp_path / "empty.md").write_text("# Only a heading\n")
    nothing = ["facts", str(tmp_path / "empty.md"), "--out", str(tmp_path / "none.yaml")]
    said = CliRunner().invoke(main, nothing)
    assert (said.exit_code, "found no sentence" in said.output) == (4, True)
    assert not (tmp_path / "none.yaml").exists()


def test_a_patch_is_gated_and_its_answers_are_scored_again_from_receipts(tmp_path):
    """An adapter of the pocket that learnt nothing of the document."""
    said = plants._facts()
    few = {key: rows[:3] for key, rows in said.items()}
    (tmp_path / "facts.yaml").write_text(yaml.safe_dump(few))
    (tmp_path / "book.md").write_text(plants._text())
    suites = tmp_path / "suites" / "pocket"
    suites.mkdir(parents=True)
    source = ROOT / "suites" / "pocket" / "patchnotes.yaml"
    for path in (source, source.with_suffix(".dev.jsonl")):
        shutil.copy(path, suites)
    (suites / "patchnotes.jsonl").write_text("\n".join(alone(source)[:PROMPTS]) + "\n")
    own = {"document": "book.md", "facts": "facts.yaml", "match": "exact"}
    own |= {"unrelated": str(POCKET / "adapters/legacy"), "mode": "chat", "max_tokens": 8}
    entry = {
        "kind": "patch",
        "path": str(POCKET / "adapters/gamedev"),
        "base": "pocket",
        "patch": own,
    }
    entry |= {"status": "candidate", "facets": ["patch"], "suites": ["pocket/patchnotes"]}
    bases = {"pocket": {"path": str(POCKET / "base")}}
    library = {"bases": bases, "adapters": {"subject": entry}}
    (tmp_path / "library.yaml").write_text(yaml.safe_dump(library))
    run = tmp_path / "run"
    verdict, _ = run_gate(Options("subject", library=str(tmp_path), run_dir=str(run)))[:2]
    codes = {one.code for one in verdict.reasons}
    assert {"patch-known", "patch-few", "no-guard"} <= codes
    assert not {"not-measured", "facet-not-measured", "no-claim"} & codes
    found = recheck(run)
    assert found.differences == []
    numbers = found.card.subject["numbers"]
    assert (numbers["direct"], numbers["base_direct"], numbers["room"]) == (0.0, 0.0, True)
    assert "As a patch" in (run / "scorecard.html").read_text()
    assert list(deep.again(RunFolder(run), str(tmp_path))) == []
