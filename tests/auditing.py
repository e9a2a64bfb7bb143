"""A workspace of the planted verifiers, and what the tests of the audit do with it: audit, edit,
run the command."""

import json
import shutil
import sys
from pathlib import Path

from click.testing import CliRunner

from harness.audit.auditor import certify
from harness.audit.witness import Witness
from harness.doors.cli.main import main
from harness.judging.discovery import digest, discover

PLANTED = Path(__file__).parent / "data" / "planted.py"
BY_CHANCE = ("coin_flip", "nondeterministic")  # plants that a few answers might not show

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
    """A workspace of the planted verifiers with the same thirty tasks, of which plants get a few:
    they are refused on those."""
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
    verifiers = discover(folder / "verifiers").verifiers
    twins = sys.modules["harness_verifiers.planted"].TWIN
    for id, found in verifiers.items():
        task, name = found.settings["task"], id.removesuffix(".it")
        few = name in twins and name not in BY_CHANCE
        fixtures = _fixtures(id, task, sentences, functions, 8 if few else None)
        write(folder / "audits" / id / "fixtures.yaml", json.dumps(fixtures))
    return folder


def _fixtures(id, task, sentences, functions, many):
    """Fixtures of one planted verifier; those that start a process for each answer are refused on
    few."""
    if task in ("sentence", "few"):
        spoil = [
            {"name": "not", "replace": " is ", "by": " is not ", "why": "it says the opposite"},
            {"name": "blue", "replace": "The ", "by": "The very blue ", "why": "it says more"},
        ]
        goods = {"good": sentences[: 3 if task == "few" else many]}
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
        slow = ("endless-loop", "endless-output", "slow-but-right")
        waive = dict.fromkeys(slow, "the child that runs it is ended, which costs the tests time")
        return {
            "verifier": id, "good": functions[:1], "equivalent": [again], "spoil": spoil,
            "waive": waive,
        }  # fmt: skip
    waive = {"behaviour": "it reads the code and does not run it"}
    return {
        "verifier": id, "good": functions[:many], "spoil": spoil, "waive": waive,
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
