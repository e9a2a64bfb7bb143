"""The audit: every planted verifier is refused for what is wrong with it, and its clean twin is certified."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from harness import Answer, Case, Outcome, failed, passed, verifier
from harness.audit import certificate as certificates
from harness.audit import fixtures
from harness.audit.auditor import certify
from harness.audit.certificate import Certificate, State
from harness.audit.witness import Witness
from harness.discovery import digest, discover
from harness.errors import VerifierError, WorkspaceError
from harness.judging import Judges

PLANTED = Path(__file__).parent / "data" / "planted.py"
SENTENCES = [(thing, colour) for thing in "door lamp gate roof boat".split() for colour in "red green grey black white pink".split()]

# (planted verifier, what its certificate must name)
PLANTS = [
    ("accept_all", "passes known-bad"),
    ("reject_all", "does not pass known-good"),
    ("coin_flip", "it depends on chance"),
    ("returns_true", "not-a-judgement"),
    ("returns_none", "not-a-judgement"),
    ("returns_nan", "not-a-judgement"),
    ("returns_look_alike", "not-a-judgement"),
    ("raises", "ZeroDivisionError"),
    ("counts_failure_as_pass", "counts a failure of its own as a pass"),
    ("stub", "degenerate:empty"),
    ("violations_only", "degenerate:empty"),
    ("skip_is_pass", "passes known-bad"),
    ("python_not_on_path", "programs on PATH that it does not declare"),
    ("library_missing", "does-not-compile"),
    ("scores_exit_code", "degenerate:exit-at-once"),
    ("scores_a_list", "degenerate:forges-the-result"),
    ("asserts_beside_the_candidate", "degenerate:equal-to-everything"),
    ("strict_on_two", "adds-a-float"),
    ("substring_sorry", "variant:comment-holds-the-forbidden"),
    ("md5_in_a_comment", "variant:comment-names-the-forbidden"),
    ("verdict_by_startswith", "passes known-bad"),
    ("endless_regex", "does not end on"),
    ("keywords", "degenerate:keyword-stuffing"),
    ("nondeterministic", "it depends on chance"),
    ("order_dependent", "what it judged before"),
    ("reads_the_clock", "it depends on the date"),
    ("reads_the_time_zone", "it depends on the time zone"),
    ("reads_the_hash_seed", "not deterministic"),
    ("changes_its_input", "changed-its-input"),
]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def workspace(folder):
    """A workspace of the planted verifiers, all with the same thirty tasks."""
    shutil.copy(PLANTED, _made(folder / "verifiers") / "planted.py")
    sentences, functions = [], []
    for thing, colour in SENTENCES:
        case = {"prompt": f"Say that the {thing} is {colour}.", "expect": {"thing": thing, "colour": colour, "history": []}}
        sentences.append({"name": f"{thing}-{colour}", "case": case, "answer": f"The {thing} is {colour}."})
    for number in range(2, 32):
        case = {"prompt": f"def plus_{number}(x):\n", "expect": {"function": f"plus_{number}", "number": number}}
        answer = f"```python\ndef plus_{number}(x):\n    return x + {number}\n```"
        functions.append({"name": f"plus-{number}", "case": case, "answer": answer})
    write(folder / "audits/_tasks/sentences.yaml", json.dumps({"good": sentences}))
    write(folder / "audits/_tasks/functions.yaml", json.dumps({"good": functions}))
    for id, found in discover(folder / "verifiers").verifiers.items():
        write(folder / "audits" / id / "fixtures.yaml", json.dumps(_fixtures(id, found.settings["task"], functions)))
    return folder


def _fixtures(id, task, functions):
    if task == "sentence":
        spoil = [
            {"name": "not", "replace": " is ", "by": " is not ", "why": "it says the opposite"},
            {"name": "blue", "replace": "The ", "by": "The very blue ", "why": "it says more"},
        ]
        return {"verifier": id, "include": ["../_tasks/sentences.yaml"], "spoil": spoil}
    spoil = [
        {"name": "minus", "replace": " + ", "by": " - ", "why": "it subtracts"},
        {"name": "sorry", "replace": "return", "by": "sorry = md5(x)\n    return 0 *", "why": "it gives up"},
    ]
    if task == "run":  # running code is slow, and these are refused on little
        answer = "```python\ndef plus_2(x):\n    return x + 2.0\n```"
        again = {"name": "adds-a-float", "case": functions[0]["case"], "answer": answer}
        return {"verifier": id, "good": functions[:4], "equivalent": [again], "spoil": spoil}
    return {"verifier": id, "include": ["../_tasks/functions.yaml"], "spoil": spoil}


def _made(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def audited(folder, *names):
    found = discover(folder / "verifiers")
    assert not found.broken
    chosen = [found.verifiers[name] for name in names] or list(found.verifiers.values())
    witness = Witness(folder / "verifiers", digest(folder / "verifiers"), None)
    return certify(chosen, folder / "audits", witness, None)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("PLANT_LAST_DAY", str(time.time() + 100 * 86_400))
        folder = workspace(tmp_path_factory.mktemp("planted"))
        twins = sys.modules["harness_verifiers.planted"].TWIN
        return audited(folder), dict(twins)


@pytest.mark.parametrize(("plant", "named"), PLANTS, ids=[plant for plant, _ in PLANTS])
def test_a_planted_verifier_is_refused_and_its_twin_certified(planted, plant, named):
    held, twins = planted
    found = held[f"{plant}.it"]
    everything = [found.sentence(), *found.false_passes, *found.false_fails, *found.flips]
    assert found.state is State.REFUSED
    assert any(named in text for text in everything), found.sentence()
    twin = held[f"{twins[plant]}.it"]
    assert twin.state is State.VALID, twin.sentence()


def test_every_planted_verifier_is_listed(planted):
    assert {plant for plant, _ in PLANTS} == set(planted[1])
