"""What public scorers pass: each is installed into an environment of its own, audited with honest
fixtures made for it, and put into one table.

    python benchmarks/public_verifiers.py --environment DIR --write docs/audited.md

The scorers, how each is called and what it says of itself stand in ``public_verifiers.yaml``. A
good is the right answer in the form that the scorer asks for. A bad is an answer that is wrong by
the words of the task: its family says how, and the table shows one of each family that passed."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

START = "from harness.doors.cli.main import main; main()"
HERE = Path(__file__).parent
ROOT = HERE.parent
CAPITALS = re.findall(
    r"\w+",
    "Paris Rome Berlin Madrid Lisbon Vienna Prague Warsaw Athens Dublin Oslo Helsinki Cairo Tunis"
    " Nairobi Lima Bogota Quito Havana Ottawa Tokyo Seoul Hanoi Manila Jakarta Tehran Ankara Riga"
    " Sofia Zagreb",
)
THINGS = ("train", "ferry", "library", "museum", "market")
HOURS = ("seven", "eight", "nine", "ten", "eleven", "noon")


def tasks(kind: str) -> list[tuple[str, str, dict[str, str]]]:
    """Prompt, right answer and wrong answers by family of thirty tasks."""
    if kind == "number":
        pairs = [(n + 11, n * 3 + 4) for n in range(30)]
        return [
            (f"Ann has {a} nuts and finds {b} more. How many has she?", str(a + b), _numbers(a + b))
            for a, b in pairs
        ]
    if kind == "word":
        others = CAPITALS[7:] + CAPITALS[:7]
        return [
            (f"Which city is meant? It is number {n + 1} of the list.", one, _words(one, other))
            for n, (one, other) in enumerate(zip(CAPITALS, others, strict=True))
        ]
    pairs = [(thing, hour) for thing in THINGS for hour in HOURS]
    if kind == "sentence":
        return [
            (
                f"When does the {thing} close, and what opens then?",
                f"The {thing} closes at {hour} and the gate opens after it.",
                _sentences(thing, hour),
            )
            for thing, hour in pairs
        ]
    return [
        (f"Think, then answer: does the {thing} close at {hour}?", f"The {thing} is open.", {})
        for thing, hour in pairs
    ]


def _numbers(right: int) -> dict[str, str]:
    return {
        "another number": str(right + 7),
        "sign turned": f"-{right}",
        "digit appended": f"{right}0",
        "digit put before": f"1{right}",
        "decimals added": f"{right}.5",
        "near by one percent": str(round(right * 1.01 + 0.5)),
        "two answers": f"{right} or {right + 7}",
        "two answers, the right one last": f"{right + 7} or {right}",
        "negated": f"not {right}",
        "as a share": f"{right}%",
    }


def _words(right: str, other: str) -> dict[str, str]:
    return {
        "another answer": other,
        "negated": f"not {right}",
        "two answers": f"{right} or {other}",
        "word continued": f"{right}ville",
        "word within another": f"Al{right.lower()}",
        "denied": f"{right} is wrong, {other} is right",
    }


def _sentences(thing: str, hour: str) -> dict[str, str]:
    said = f"The {thing} closes at {hour} and the gate opens after it."
    later = HOURS[(HOURS.index(hour) + 2) % len(HOURS)]
    return {
        "negated": said.replace("closes", "never closes"),
        "another hour": said.replace(hour, later),
        "order turned": f"The gate opens at {hour} and the {thing} closes after it.",
        "opposite": said.replace("closes", "opens").replace("gate opens", "gate closes"),
    }


#: absurd answers that hold the right value, which is no fault of who looks for a value
PLANTED = {"names-what-is-wanted", "keyword-stuffing", "keywords-in-a-fence", "rubric-copy"}
#: wrong in form, whatever is said in it
FORMS = {
    "tag never closed": "<think>\nSo.\nIt is settled.",
    "closed twice": "<think>\nSo.\n</think>\n</think>\nIt is settled.",
    "nothing behind it": "<think>\nSo.\n</think>",
    "nothing within": "<think></think>It is settled.",
    "words before it": "Well. <think>\nSo.\n</think>\nIt is settled.",
}


def filled(value: Any, x: str) -> Any:
    """``value`` with every ``{x}`` filled in."""
    if isinstance(value, dict):
        return {key: filled(one, x) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, x) for one in value]
    return value.format(x=x) if isinstance(value, str) else value


def fixtures(scorer: dict[str, Any], id: str) -> dict[str, Any]:
    """Known answers of one scorer: a good of each task, a bad of each task and family."""
    good, bad = [], []
    for number, (prompt, right, wrong) in enumerate(tasks(scorer["task"])):
        expect = filled(scorer.get("expect", {}), right)
        if "answer" not in expect and "solution" not in expect:
            expect["gold"] = filled(scorer.get("gold", "{x}"), right)
        case = {"prompt": prompt, "expect": expect}
        answer = scorer["answer"]
        good.append({"name": f"right {number}", "case": case, "answer": answer.format(x=right)})
        made = {family: answer.format(x=x) for family, x in wrong.items()} or {
            family: f"{text} ({number})" if text.endswith(".") else text
            for family, text in FORMS.items()
        }
        bad += [
            {"name": f"{family} {number}", "case": case, "answer": text, "why": family}
            for family, text in made.items()
        ]
    return {"verifier": id, "good": good, "bad": bad}


def audit(scorer: dict[str, Any], python: Path, places: dict[str, str]) -> dict[str, Any]:
    """What the audit found: the certificate as data, or the error."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        name = scorer.get("wrap", "").format_map(Places(places))
        if "glue" in scorer:
            function = re.findall(r"^def (\w+)", scorer["glue"], re.MULTILINE)[-1]
            name = f"glue.py:{function}"
            (place / "glue.py").write_text(scorer["glue"], encoding="utf-8")
        (place / "library.yaml").write_text("", encoding="utf-8")
        (place / "verifiers").mkdir()
        command = [str(python), "-c", START, "audit", "--json"]
        command += ["--wrap", name, "--package", scorer["package"]]
        for option in ("as", "threshold", "key"):
            if option in scorer:
                command += [f"--{option}", str(scorer[option])]
        tail = name.rpartition(":")[2].partition("(")[0]
        id = "wrapped." + re.sub(r"\W", "_", tail if "/" not in tail else Path(name).stem)
        folder = place / "audits" / id
        folder.mkdir(parents=True)
        (folder / "fixtures.yaml").write_text(json.dumps(fixtures(scorer, id)), encoding="utf-8")
        environment = {**os.environ, "HARNESS_CACHE": scratch}
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
        told = json.loads(done.stdout) if done.stdout else {"error": done.stderr.strip()}
        if "error" in told:
            return {"error": told["error"][-400:]}
        found: dict[str, Any] = told["certificates"][0]
        return found | {"fixtures": fixtures(scorer, id)}


class Places(dict[str, str]):
    """Names to fill in; what is in braces and no name stays."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def environment(folder: Path, install: list[list[str]]) -> Path:
    """The interpreter of an environment with the scorers and, behind them, this one's packages."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    for packages in install:
        command = [str(python), "-m", "pip", "install", "--quiet", *packages]
        subprocess.run(command, check=True)
    found = json.loads(
        _said(python, "import sysconfig, json; print(json.dumps(sysconfig.get_paths()))")
    )
    mine = [path for path in sys.path if path.endswith("-packages")]
    own = Path(found["purelib"], "harness_itself.pth")
    own.write_text("\n".join([str(ROOT), *mine]) + "\n", encoding="utf-8")
    return python


def _said(python: Path, code: str) -> str:
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True).stdout.strip()


def row(scorer: dict[str, Any], version: str, found: dict[str, Any]) -> str:
    """One scorer's line of the table."""
    head = f"| {scorer['name']} | {version} | {scorer['says']} |"
    if "error" in found:
        return f"{head} not run | {_cell(found['error'])} |"
    answers = {one["name"]: one for one in found["fixtures"]["bad"]}
    passed: dict[str, list[dict[str, Any]]] = {}
    for name in found["false_passes"]:
        if name in answers:
            passed.setdefault(answers[name]["why"], []).append(answers[name])
    families = {one["why"] for one in answers.values()}
    shown = [f"{family} ({len(ones)}/30): {_example(ones[0])}" for family, ones in passed.items()]
    made = {name.removeprefix("degenerate:") for name in found["false_passes"]} - PLANTED
    absurd = sorted(name for name in made if name not in answers and " of " not in name)
    shown += [f"absurd: {', '.join(absurd[:3])}"] if absurd else []
    refused = f"{len(found['false_fails'])}/30"
    text = "<br>".join(shown) or "none of them"
    return f"{head} {refused} | {len(passed)} of {len(families)} | {text} |"


def _example(one: dict[str, Any]) -> str:
    expect = one["case"]["expect"]
    gold = expect.get("gold", expect.get("answer", expect.get("solution")))
    return f"gold {_code(gold)}, answer {_code(one['answer'])}"


def _code(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`{text}`".replace("\n", "⏎").replace("|", "\\|")


def _cell(text: str) -> str:
    return " ".join(text.split())[:200].replace("|", "\\|")


HEAD = """\
# Public scorers, audited

What scorers that others publish pass and refuse, by `harness audit --wrap` on fixtures made for
each. Facts only: the version, the number of right answers (of 30) that were refused, the families
of wrong answers of which one passed, and of each an example that can be checked by hand. A scorer
gets its answers in the form that it asks for. Many do what they say: *includes* says that it looks
for a text anywhere, and a similarity is no verdict until somebody puts a threshold to it, as is
done here where the name says so. The table shows which wrong answers count as right when such a
scorer is the gate of a task like this one. What is not in the table was not tried.

Written on {date} with Python {python} by `python benchmarks/public_verifiers.py --write
docs/audited.md`, which with `--only PART` writes the rows of some anew and keeps the others; the
calls, thresholds and forms stand in `benchmarks/public_verifiers.yaml`.

| scorer | version | says of itself | right refused | wrong families passed | one of each |
|---|---|---|---|---|---|
"""


def page(before: str, rows: dict[str, str], said: dict[str, Any], date: str, python: str) -> str:
    """The page with ``rows`` by scorer, and those of the page ``before`` for all others."""
    kept = {line[2:].partition(" | ")[0]: line for line in before.splitlines() if line[:2] == "| "}
    names = [scorer["name"] for scorer in said["scorers"]]
    lines = [(kept | rows)[name] for name in names if name in kept | rows]
    text = HEAD.format(date=date, python=python) + "\n".join(lines) + "\n\nNot run:\n\n"
    left = {name: "prepared, and not run yet" for name in names if name not in kept | rows}
    return text + "".join(f"- {name}: {why}.\n" for name, why in (left | said["not_run"]).items())


def main() -> None:
    """Install, audit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environment", type=Path, default=ROOT / "runs" / "public-verifiers")
    parser.add_argument("--no-install", action="store_true", help="the environment is there")
    parser.add_argument("--only", default="", help="a part of a scorer's name")
    parser.add_argument("--write", type=Path, help="the page; rows that are not run are kept")
    options = parser.parse_args()
    said = yaml.safe_load((HERE / "public_verifiers.yaml").read_text(encoding="utf-8"))
    python = environment(options.environment, [] if options.no_install else said["install"])
    code = "import importlib.util as u; print(u.find_spec('lm_eval').submodule_search_locations[0])"
    places = {"lm_eval": _said(python, code)}
    rows = {}
    for scorer in said["scorers"]:
        if options.only in scorer["name"]:
            name = scorer["package"]
            version = _said(python, f"import importlib.metadata as m; print(m.version({name!r}))")
            found = row(scorer, f"{name} {version}", audit(scorer, python, places))
            rows[scorer["name"]] = found
            print(found, flush=True)
    if options.write:
        before = options.write.read_text(encoding="utf-8") if options.write.exists() else ""
        day, version = str(datetime.now(UTC).date()), sys.version.split()[0]
        options.write.write_text(page(before, rows, said, day, version), encoding="utf-8")


if __name__ == "__main__":
    main()
