"""A workspace of the planted verifiers, and what the tests of the audit do with it: audit, edit,
run the command."""

import json
import shutil
from pathlib import Path

from click.testing import CliRunner

from harness.audit.auditor import certify
from harness.audit.witness import Witness
from harness.doors.cli.main import main
from harness.judging.discovery import digest, discover

PLANTED = Path(__file__).parent / "data" / "planted.py"

SENTENCES = [
    (thing, colour)
    for thing in ["door", "lamp", "gate", "roof", "boat"]
    for colour in ["red", "green", "grey", "black", "white", "pink"]
]


def write(path, text):
    """Write a file and the folders it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def edit(path, old, new):
    """Replace in a file what must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def planted_workspace(folder):
    """A workspace of the planted verifiers, all with the same thirty tasks."""
    shutil.copy(PLANTED, _made(folder / "verifiers") / "planted.py")
    sentences, functions = [], []
    for thing, colour in SENTENCES:
        case = {
            "prompt": f"Say that the {thing} is {colour}.",
            "expect": {"thing": thing, "colour": colour, "history": []},
        }
        sentences.append(
            {"name": f"{thing}-{colour}", "case": case, "answer": f"The {thing} is {colour}."}
        )
    for number in range(2, 32):
        case = {
            "prompt": f"def plus_{number}(x):\n",
            "expect": {"function": f"plus_{number}", "number": number},
        }
        answer = f"```python\ndef plus_{number}(x):\n    return x + {number}\n```"
        functions.append({"name": f"plus-{number}", "case": case, "answer": answer})
    write(folder / "audits/_tasks/sentences.yaml", json.dumps({"good": sentences}))
    write(folder / "audits/_tasks/functions.yaml", json.dumps({"good": functions}))
    for id, found in discover(folder / "verifiers").verifiers.items():
        write(
            folder / "audits" / id / "fixtures.yaml",
            json.dumps(_fixtures(id, found.settings["task"], sentences, functions)),
        )
    return folder


def _fixtures(id, task, sentences, functions):
    """Fixtures of one planted verifier; those that start a process for each answer are refused on
    few."""
    if task in ("sentence", "few"):
        spoil = [
            {"name": "not", "replace": " is ", "by": " is not ", "why": "it says the opposite"},
            {"name": "blue", "replace": "The ", "by": "The very blue ", "why": "it says more"},
        ]
        goods = (
            {"include": ["../_tasks/sentences.yaml"]}
            if task == "sentence"
            else {"good": sentences[:3]}
        )
        return {"verifier": id, "spoil": spoil, **goods}
    spoil = [
        {"name": "minus", "replace": " + ", "by": " - ", "why": "it subtracts"},
        {
            "name": "sorry",
            "replace": "return",
            "by": "sorry = md5(x)\n    return 0 *",
            "why": "it gives up",
        },
    ]
    if task == "run":
        answer = "```python\ndef plus_2(x):\n    return x + 2.0\n```"
        again = {"name": "adds-a-float", "case": functions[0]["case"], "answer": answer}
        return {"verifier": id, "good": functions[:2], "equivalent": [again], "spoil": spoil}
    waive = {"behaviour": "it reads the code and does not run it"}
    return {
        "verifier": id, "include": ["../_tasks/functions.yaml"], "spoil": spoil, "waive": waive,
    }  # fmt: skip


def _made(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def audited(folder, *names, sandbox=None):
    """The certificates of a workspace: those of all its verifiers, or of these."""
    found = discover(folder / "verifiers")
    assert not found.broken
    chosen = [found.verifiers[name] for name in names] or list(found.verifiers.values())
    witness = Witness(folder / "verifiers", digest(folder / "verifiers"), sandbox)
    return certify(chosen, folder / "audits", witness, sandbox)


def harness(*arguments):
    """Exit code and output of the command."""
    found = CliRunner().invoke(main, [*map(str, arguments)])
    return found.exit_code, found.output
