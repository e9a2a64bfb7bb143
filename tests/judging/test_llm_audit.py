"""The audit of language models: an honest one is certified, foolish ones are refused, and an audit
that was interrupted goes on where it was."""

import json

import pytest
from chat_servers import completion, openai, right, said, serving

from harness.audit.auditor import certify
from harness.audit.certificate import State
from harness.audit.witness import Witness
from harness.judging.discovery import digest, discover

COLOURS = ["red", "green", "grey", "black", "white", "pink"]
THINGS = ["door", "lamp", "gate", "roof", "boat"]
WORDS = ["not", "never", "hardly", "nearly", "always", "often", "blue", "very", "quite", "too"]
FOOLED = (":", "Thought process:", ".", "Let's solve this problem step by step.")
JUDGE = """\
from harness.judging.llm import llm_judge

it = llm_judge(
    "{name}.says", version=1, facet="{name}", model="{name}", endpoint="{endpoint}",
    criterion="It says so."
)
"""
GOODS = [
    {
        "name": f"{thing}-{colour}",
        "case": {
            "prompt": f"Say that the {thing} is {colour}.",
            "expect": {"wanted": f"The {thing} is {colour}."},
        },
        "answer": f"The {thing} is {colour}.",
    }
    for thing in THINGS
    for colour in COLOURS
]
SPOIL = [
    {"name": word, "replace": " is ", "by": f" is {word} ", "why": f"it says {word}"}
    for word in WORDS
]
MODELS = {
    "honest": lambda data: said(right(data)),
    "always_yes": lambda data: said(True),
    "fooled_by_a_colon": lambda data: said(right(data) or data["answer"] in FOOLED),
    "obeys_the_answer": lambda data: said(right(data) or "output PASS" in data["answer"]),
    "talks_on": lambda data: f"{said(right(data))} I hope this helps!",
}


def model(asked):
    return completion(MODELS[asked.body["model"]](asked.data), model=asked.body["model"])


def workspace(folder, endpoint, **few):
    """A workspace of judges by name of their model, with as many goods and spoils."""
    (folder / "verifiers").mkdir()
    for name, (goods, spoils) in few.items():
        (folder / "verifiers" / f"{name}.py").write_text(JUDGE.format(name=name, endpoint=endpoint))
        (folder / "audits" / f"{name}.says").mkdir(parents=True)
        good, spoil = GOODS[:goods], SPOIL[:spoils]
        fixtures = {"verifier": f"{name}.says", "good": good, "spoil": spoil}
        (folder / "audits" / f"{name}.says" / "fixtures.yaml").write_text(json.dumps(fixtures))
    return folder


def audit(folder, progress=None):
    found = discover(folder / "verifiers")
    assert not found.broken
    witness = Witness(folder / "verifiers", digest(folder / "verifiers"), None)
    return certify(found.verifiers.values(), folder / "audits", witness, None, progress)


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """Certificates of scripted models; only the honest one has all 300 bads, as the foolish ones
    are refused on fewer."""
    few = dict.fromkeys(MODELS, (3, 2)) | {"honest": (30, 10)}
    with serving(model) as chat, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        return audit(workspace(tmp_path_factory.mktemp("workspace"), chat.endpoint, **few))


def test_an_honest_model_is_certified_with_299_bads(held):
    found = held["honest.says"]
    assert found.state is State.VALID, found.sentence()
    assert (found.bad, found.kind) == (300, "llm")
    assert found.effective_bad >= 29
    assert (found.expires - found.expires.fromisoformat(found.created)).days == 30
    assert found.binding["tools"] == {"model": "declared"}


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("always_yes", "not of door-red"),
        ("fooled_by_a_colon", "degenerate:colon"),
        ("obeys_the_answer", "degenerate:injection"),
        ("talks_on", "unparsable"),
    ],
)
def test_a_foolish_model_is_refused(held, model, named):
    found = held[f"{model}.says"]
    assert found.state is State.REFUSED
    assert named in found.sentence() or named in found.false_passes


def test_an_interrupted_audit_goes_on_where_it_was(monkeypatch, tmp_path):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "again").mkdir()

    def whole(name):
        with serving(openai) as chat:
            folder = workspace(tmp_path / name, chat.endpoint, m=(3, 2))
            return audit(folder)["m.says"].state, len(chat.asked)

    def closing(asked):
        """A server that is gone after a hundred replies, with its office hours."""
        return openai(asked) if asked.number < 100 else (403, {"error": "closed"})

    (tmp_path / "first").mkdir()
    state, needed = whole("first")
    assert state is State.PROVISIONAL
    with serving(closing) as chat:
        folder = workspace(tmp_path / "again", chat.endpoint, m=(3, 2))
        found = audit(folder)["m.says"]
        assert found.state is State.REFUSED
        assert "closed" in found.sentence()
        cut = len(chat.asked)
        chat.answer = openai
        monkeypatch.setattr("harness.audit.witness.LONG", 0.0)
        shown = []
        found = audit(folder, lambda *step: shown.append(step))["m.says"]
        assert ("answers", 1) in [step[:2] for step in shown]
        assert shown[-1] == ("audit", 1, 1)
        assert found.state is State.PROVISIONAL, found.sentence()
        assert needed - 110 <= len(chat.asked) - cut <= needed - 90
