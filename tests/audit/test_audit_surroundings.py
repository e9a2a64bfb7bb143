"""What a verdict must not depend on is tried and named: days and hours, folders and variables, what
was judged before, the fixtures themselves."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from auditing import SENTENCES, audited, write

from harness.audit import auditor
from harness.audit.certificate import State
from harness.judging.discovery import discover

#: a file of its own, as every verifier of a file that reads the clock when it is loaded is tried
LOADED = """
import datetime, time

from .surrounded import passed, says, verifier

LOADED, BEGAN = datetime.datetime.now(), time.time()


@verifier("measures_from_its_start")
def passes_if_loaded_on_a_monday(case, answer):
    return passed() if LOADED.weekday() == 0 else says(case, answer.text)


@verifier()
def measures_from_its_start(case, answer):
    return says(case, answer.text) if time.time() else passed(f"{time.time() - BEGAN} s")
"""
LOOKS_UP = """
from pathlib import Path

import yaml

from .surrounded import failed, passed, verifier

FILE = Path(__file__).parents[1] / "audits" / "_tasks" / "sentences.yaml"
GOODS = [(row["case"]["prompt"], row["answer"]) for row in yaml.safe_load(FILE.read_text())["good"]]


@verifier("remembers_rightly")
def looks_up_when_loaded(case, answer):
    right = (case.prompt, answer.text.strip()) in GOODS
    return passed() if right else failed("unknown")
"""
SURROUNDED = Path(__file__).parent.parent / "data" / "surrounded.py"
# (planted verifier, what its certificate must name)
PLANTS = [
    ("passes_on_mondays", "the date ("),
    ("passes_in_the_evening", "the date ("),
    ("fails_at_the_end_of_a_month", "the date ("),
    ("passes_on_friday_nights", "the date ("),
    ("passes_if_loaded_on_a_monday", "the date"),
    ("reads_the_working_folder", "the working folder"),
    ("reads_the_home", "the user's home"),
    ("passes_in_ci", "another variable of the environment"),
    ("passes_without_a_user", "another variable of the environment"),
    ("passes_for_a_stranger_abroad", "the time zone and the working folder"),
    ("looks_the_answer_up", "the fixtures of its audit"),
    ("looks_up_when_loaded", "the fixtures of its audit"),
    ("passes_after_its_thousandth_call", "what it judged before (it changed at call 15"),
    ("remembers_by_text", "what it judged before"),
    ("remembers_by_identity", "what it judged before"),
    ("remembers_by_case", "what it judged before"),
]


@pytest.fixture(scope="module")
def surrounded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("surrounded")
    (folder / "verifiers").mkdir()
    shutil.copy(SURROUNDED, folder / "verifiers" / "surrounded.py")
    write(folder / "verifiers" / "loaded.py", LOADED)
    (folder / "home" / ".surrounded").mkdir(parents=True)
    write(folder / "pyproject.toml", "")
    goods = [
        {
            "name": f"{thing}-{colour}",
            "case": {
                "prompt": f"Say that the {thing} is {colour}.",
                "expect": {"thing": thing, "colour": colour},
            },
            "answer": f"The {thing} is {colour}.",
        }
        for thing, colour in SENTENCES[::6]
    ]
    spoil = [
        {"name": "not", "replace": " is ", "by": " is not ", "why": "it says the opposite"},
        {"name": "blue", "replace": "The ", "by": "The very blue ", "why": "it says more"},
    ]
    write(folder / "audits/_tasks/sentences.yaml", json.dumps({"good": goods}))
    write(folder / "verifiers" / "looks_up.py", LOOKS_UP)
    for id in discover(folder / "verifiers").verifiers:
        fixtures = {"verifier": id, "spoil": spoil, "include": ["../_tasks/sentences.yaml"]}
        write(folder / "audits" / id / "fixtures.yaml", json.dumps(fixtures))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HOME", str(folder / "home"))
        patch.setenv("USER", "ada")
        patch.delenv("CI", raising=False)
        patch.chdir(folder)
        # one row of judge processes, of which naming a culprit takes many
        patch.setattr(auditor, "children", lambda: 1)
        twins = dict(sys.modules["harness_verifiers.surrounded"].TWIN)
        return audited(folder), twins


@pytest.mark.parametrize(("plant", "named"), PLANTS, ids=[plant for plant, _ in PLANTS])
def test_what_depends_on_its_surroundings_is_refused_and_its_twin_certified(
    surrounded, plant, named
):
    held, twins = surrounded
    found, twin = held[f"{plant}.it"], held[f"{twins[plant]}.it"]
    assert found.state is State.REFUSED
    assert any(named in fault for fault in found.faults), found.sentence()
    changed = [name for name, (many, _) in found.surroundings.items() if many]
    for part in named.partition(" (")[0].split(" and "):
        assert any(part in name for name in changed), "it is counted where named"
    assert not any(many for many, _ in twin.surroundings.values())
    assert len(twin.surroundings) == 11
    assert twin.state is State.PROVISIONAL  # for want of fixtures
    assert (twin.false_passes, twin.false_fails, twin.flips, twin.faults) == ([], [], [], [])


def test_every_planted_verifier_is_listed(surrounded):
    assert {plant for plant, _ in PLANTS} == set(surrounded[1])
