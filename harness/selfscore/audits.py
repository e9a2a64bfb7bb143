"""Faults of verifiers (section S0): careless ones, each put before the audit with a few known
answers that say nothing of its fault."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

from harness import files
from harness.audit.certificate import Certificate
from harness.audit.workspace import audit_workspace
from harness.content.fixtures import MADE
from harness.selfscore import careless
from harness.subjects.kinds import Plant

SOUND = "sentence.sound"
NOT_PASSED = re.compile(r": (?:fail|unverified) \(([\w-]+)\)")
COLOURS = ("red", "green", "grey", "black", "white", "pink", "brown", "amber", "blue", "teal")
THINGS = (
    "door", "lamp", "gate", "roof", "boat", "cart", "ramp", "tent", "kettle", "ladder",
    "stove", "swing", "bench", "crate", "drum", "fence", "hinge", "jar", "kite", "latch",
)  # fmt: skip
SLOW = ("endless-loop", "endless-output", "slow-but-right")  # answers of a second each
FEW, ENOUGH = 9, 30  # goods of what is refused on any, and of what has to be VALID


def sentences(many: int, skip: int = 0) -> list[dict[str, Any]]:
    """Cases of the first task of :mod:`harness.selfscore.careless`."""
    pairs = [(thing, colour) for colour in COLOURS for thing in THINGS]
    return [
        {
            "prompt": f"Say that the {thing} is {colour}.",
            "expect": {"thing": thing, "colour": colour},
        }
        for thing, colour in pairs[skip : skip + many]
    ]


def right(prompt: str) -> str:
    """The sentence that is asked for."""
    return f"The {prompt.strip().removeprefix('Say that the ')}"


SENTENCES = [
    {"name": case["prompt"], "case": case, "answer": right(case["prompt"])}
    for case in sentences(ENOUGH)
]
FUNCTIONS = [
    {
        "name": f"plus-{n}",
        "case": {"prompt": f"def plus_{n}(x):\n", "expect": {"function": f"plus_{n}", "number": n}},
        "answer": f"```python\ndef plus_{n}(x):\n    return x + {n}\n```",
    }
    for n in range(2, 6)
]


def known(id: str) -> dict[str, Any]:
    """The fixtures of a careless verifier, or of its twin."""
    if id.startswith("sentence"):
        spoil = [_spoil("says-the-opposite", " is ", " is not ")]
        spoil += [_spoil("says-more", "The ", "The very ")]
        return {"verifier": id, "good": SENTENCES[: ENOUGH if id == SOUND else FEW], "spoil": spoil}
    found = {"verifier": id, "spoil": [_spoil("subtracts", " + ", " - ")]}
    if id.startswith("run"):
        again = {**FUNCTIONS[0], "name": "adds-a-float"}
        again["answer"] = str(again["answer"]).replace("+ 2", "+ 2.0")
        waive = dict.fromkeys(SLOW, "a second each")
        return {**found, "good": FUNCTIONS[:1], "equivalent": [again], "waive": waive}
    sorry = _spoil("gives-up", "return", "sorry = md5(x)\n    return 0 *")
    waive = {"behaviour": "the code is read and not run"}
    return {**found, "good": FUNCTIONS, "spoil": [*found["spoil"], sorry], "waive": waive}


def workspace(folder: Path, id: str) -> Path:
    """A workspace of the careless verifiers, with the known answers of one; that one's file."""
    (folder / "library.yaml").write_text("bases: {}\nadapters: {}\n", encoding="utf-8")
    source = Path(careless.__file__).read_text(encoding="utf-8")
    place = files.make_folder(folder / "verifiers") / "careless.py"
    place.write_text(source, encoding="utf-8")
    at = files.make_folder(folder / "audits" / id) / "fixtures.yaml"
    at.write_text(json.dumps(known(id)), encoding="utf-8")
    return place


def said(held: Certificate) -> set[str]:
    """What a certificate names: the operators and fixtures that its verifier was wrong about, the
    reasons of goods that did not pass, what it depends on, and what it does that it may not."""
    wrong = [*held.false_passes, *held.false_fails, *held.flips]
    names = {
        name.removeprefix(MADE).removeprefix("variant:").partition(" of ")[0] for name in wrong
    }
    reasons = {found[1] for note in held.notes if (found := NOT_PASSED.search(note))}
    depends = {name for name, (changed, _) in held.surroundings.items() if changed}
    return names | reasons | depends | {fault.partition(f" {MADE}")[0] for fault in held.faults}


def _spoil(name: str, old: str, new: str) -> dict[str, str]:
    return {"name": name, "replace": old, "by": new, "why": "it is not what was asked for"}


def _certificate(folder: Path, id: str, *, check: bool = False) -> Certificate:
    [held] = audit_workspace(str(folder), [id], check=check).certificates
    return held


def _audited(id: str, twin: str, folder: Path, planted: bool) -> set[str]:
    workspace(folder, id if planted else twin)
    return said(_certificate(folder, id if planted else twin))


def _trained_on(folder: Path, planted: bool) -> set[str]:
    """A known answer stands in the gold of a training."""
    workspace(folder, SOUND)
    rows = [SENTENCES[0]["answer"] if planted else "The boat is blue.", "The roof is black."]
    gold = files.make_folder(folder / "gold") / "train.jsonl"
    text = "".join(json.dumps({"completion": row}) + "\n" for row in rows)
    gold.write_text(text, encoding="utf-8")
    leaks = audit_workspace(str(folder), [SOUND], check=True, gold=[gold]).leaks
    return {line.removeprefix(f"{gold}: ").partition("; ")[0] for line in leaks}


def _edited(folder: Path, planted: bool) -> set[str]:
    """A verifier passes more than it did in its audit."""
    source = workspace(folder, SOUND)
    _certificate(folder, SOUND)
    if planted:
        text = source.read_text(encoding="utf-8")
        source.write_text(text.replace("given == wanted", "wanted in given"), encoding="utf-8")
    notes = _certificate(folder, SOUND, check=True).notes
    because = [note.partition("; ")[2].partition(" changed since")[0] for note in notes]
    return {f"{name} changed" for one in because for name in one.split(", ")}


def _plant(
    number: str, code: str, what: str, id: str, twin: str = SOUND, *, slow: bool = False
) -> Plant:
    return Plant(number, code, what, partial(_audited, id, twin), slow=slow, twin=twin)


READ, TOOL, WORDS = "function.sound", "sentence.with_tool", "function.words"
PLANTS = (
    _plant("F0.1", "empty", "a gate that has nothing to complain of", "sentence.stub"),
    _plant(
        "F0.2", "says-the-opposite", "without its linter it passes whatever is shown",
        "sentence.skipped", TOOL,
    ),
    _plant(
        "F0.2", "tool-missing", "the same, and it declares the linter", "sentence.declared", TOOL
    ),
    _plant(
        "F0.3", "programs on PATH that it does not declare", "a program not on PATH, and all pass",
        "sentence.no_path", TOOL, slow=True,
    ),
    _plant("F0.4", "exit-zero", "who leaves with 0 has passed", "run.exit_code", READ, slow=True),
    _plant(
        "F0.5", "forges-the-result", "the result stands in a list that a candidate can reach",
        "run.result_list", READ, slow=True,
    ),
    _plant(
        "F0.6", "equal-to-everything", "the candidate's object says what it is equal to",
        "run.asserted", READ, slow=True,
    ),
    _plant(
        "F0.7", "does-not-compile", "a library is missing, and right answers fail",
        "sentence.no_library", TOOL,
    ),
    _plant(
        "F0.8", "comment-holds-the-forbidden", "sorry inside of another word",
        "function.substring", WORDS,
    ),
    _plant(
        "F0.9", "comment-names-the-forbidden", "md5( in a comment", "function.in_comment", WORDS
    ),
    _plant(
        "F0.10", "says-the-opposite", "a judge's verdict by how it begins",
        "sentence.startswith", "sentence.verdict",
    ),
    _plant(
        "F0.11", "does not end on", "an expression that takes for ever",
        "sentence.regex", "sentence.linear", slow=True,
    ),
    Plant(
        "F0.12", f"holds the good fixture {SENTENCES[0]['name']!r} of {SOUND}",
        "a known answer in the gold of a training", _trained_on,
    ),
    Plant("F0.13", "verifiers/careless.py changed", "a verifier edited after its audit", _edited),
    _plant(
        "F0.14", "adds-a-float", "3.0 is not 3", "run.strict_number", READ, slow=True
    ),
)  # fmt: skip
