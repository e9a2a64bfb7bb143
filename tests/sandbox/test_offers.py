"""What verifiers ask of a sandbox in one line: a call, a command with files, SQL; in every sandbox
that works here, with right answers and hostile ones."""

import re
import shutil

import pytest
from auditing import write
from conftest import ROOT

from harness import Answer, Case
from harness.errors import SandboxError
from harness.judging.discovery import discover
from harness.judging.verifier import Outcome
from harness.judging.workers import Judges
from harness.sandbox import open_sandbox
from harness.sandbox.limits import Limits
from harness.sandbox.offers import Table
from harness.sandbox.tools import readable

QUICK = Limits(wall=30.0, cpu=1, memory=512 << 20, temp_bytes=32 << 20, output_bytes=200_000)
SCHEMA = "CREATE TABLE people (name TEXT, age INTEGER);"
PEOPLE = {"people": [["Ada", 36], ["Ben", 12], ["Cleo", 45]]}


def test_a_call_returns_plain_data_and_says_why_there_is_none(sandbox):
    source = "def f(rows, by=1):\n    return {k: [v * by for v in vs] for k, vs in rows.items()}\n"
    assert sandbox.call(source, "f", [{"a": [1, 2.5]}, 2]).value == {"a": [2, 5.0]}
    reasons = {
        "def f(:": "syntax",
        "g = 1": "missing",
        "def f():\n    return 1 / 0": "exception",
        "def f():\n    raise SystemExit": "early-exit",
        "import os\nos._exit(0)": "early-exit",
        "def f():\n    while True: pass": "timeout",
    }
    assert {text: sandbox.call(text, "f").reason for text in reasons} == reasons
    same = "class S:\n    def __eq__(self, other):\n        return True\ndef f():\n    return S()"
    assert sandbox.call(same, "f").ok
    assert sandbox.call(same, "f").value != 1


def test_sql_runs_on_a_fresh_database_and_every_statement_has_its_table(sandbox):
    asked = "SELECT name, age + 1 AS next FROM people WHERE age > 20 ORDER BY age DESC"
    grown = "UPDATE people SET age = age + 1 WHERE name = 'Ben'"
    for _ in range(2):  # nothing is left of the first
        said = sandbox.sql([asked, grown, "SELECT sum(age) FROM people"], SCHEMA, PEOPLE)
        older = Table(["name", "next"], [["Cleo", 46], ["Ada", 37]])
        assert said.value == [older, Table([], []), Table(["sum(age)"], [[94]])]
    assert sandbox.sql(["SELECT x'00', NULL, 1.5"]).value[0].rows == [[b"\0", None, 1.5]]


@pytest.mark.parametrize(
    ("statement", "reason", "evidence"),
    [
        ("SELEC name FROM people", "sql", "statement 1"),
        ("SELECT 1; DROP TABLE people", "sql", "one statement at a time"),
        ("SELECT load_extension('/tmp/x')", "sql", "not authorized"),
        ("ATTACH '/etc/harness-was-here' AS x", "sql", "unable to open"),
        ("SELECT '\ud800'", "sql", "surrogates"),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT sum(i) FROM n",
         "timeout", ""),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
         "output", "more than 10000 rows"),
        ("SELECT hex(zeroblob(2000000))", "output", ""),
    ],
)  # fmt: skip
def test_hostile_sql_has_a_reason_and_no_table(sandbox, statement, reason, evidence):
    said = sandbox.sql([statement], SCHEMA, PEOPLE)
    assert (said.reason, said.value) == (reason, None)
    assert evidence in said.evidence
    assert sandbox.sql(["SELECT count(*) FROM people"], SCHEMA, PEOPLE).value[0].rows == [[3]]


def test_a_command_takes_files_and_leaves_files(sandbox):
    program = (
        "import os, sys\nos.makedirs('out/a')\n"
        "print(sys.argv[1:], open('in.txt').read(), input())\n"
        "open('out/a/x.txt', 'wb').write(b'\\0x')\nopen('out/y.bin', 'w').close()\n"
        "print('e', file=sys.stderr)\nsys.exit(3)\n"
    )
    done = sandbox.command(
        ["python", "main.py", "-v"],
        {"main.py": program, "in.txt": "text"},
        wanted=["out/**/*.txt", "*.py", "none"],
        stdin="typed\n",
    )
    assert (done.reason, done.code, done.ok) == ("exit", 3, False)
    assert done.stdout == b"['-v'] text typed\n"
    assert done.stderr == b"e\n"
    assert done.files == {"main.py": program.encode(), "out/a/x.txt": b"\0x"}


#: reports that it has ended well, and goes on
FORGES = """
import os
with open(f"/proc/{os.getppid()}/cmdline") as file:
    print(file.read().split(chr(0))[5] + "\\nexit\\n0", flush=True)
while True: pass
"""


@pytest.mark.parametrize(
    ("program", "reason", "code"),
    [
        ("import os\nos.kill(os.getpid(), 9)", "signal", None),
        ("while True: pass", "timeout", None),
        ("while True: print('x' * 5000)", "output", None),
        ("open('big', 'wb').truncate(10_000_000)", "output", None),
        ("import os\nos.symlink('/dev/zero', 'big')", "exit", 0),
        ("import os\nos.symlink('/etc/shadow', 'big')", "exit", 0),
        (FORGES, "timeout", None),
    ],
)
def test_a_hostile_command_has_a_reason_and_brings_no_file(sandbox, program, reason, code):
    done = sandbox.command(["python", "-c", program], wanted=["big*"])
    refused = ("exit", 1) if program == FORGES else None  # where it may not look at its parent
    assert (done.reason, done.code) in ((reason, code), refused)
    assert len(done.stdout) <= QUICK.output_bytes
    assert done.files == {}


def test_a_command_that_cannot_be_started_says_so(sandbox):
    assert sandbox.command(["no-such-program-here"]).reason == "start"


@pytest.mark.parametrize("name", ["docker", "bubblewrap", "landlock"])
def test_a_declared_program_runs_with_its_libraries_and_another_does_not(name):
    tool = shutil.which("sort")
    try:
        opened = open_sandbox(name, QUICK, readable(["sort"]))
    except SandboxError as error:
        pytest.skip(str(error).splitlines()[-1])
    with opened as sandbox:
        assert tool in readable(["sort"])
        done = sandbox.command(["sort", "-o", "out", "in"], {"in": "b\na\n"}, wanted=["out"])
        assert (done.stderr, done.files) == (b"", {"out": b"a\nb\n"})
        assert sandbox.command(["env"]).reason == "start"


SELECT = "SELECT name FROM people WHERE age > 20"
# (what is expected, a right answer, and hostile or wrong ones with what is said of them)
RUNS = {
    "runs.function": (
        {"function": "f", "calls": [[[1], 2], [[-1], 0]]},
        "```python\ndef f(x):\n    return x + 1\n```",
        {
            "```python\ndef f(x):\n    return 2\n```": "other-result",
            "```python\ndef f(x):\n    return x + 1.0\n```": "other-result",
            "```python\nimport os\nos._exit(0)\n```": "early-exit",
            "": "missing",
        },
    ),
    "runs.program": (
        {"in": "b a", "out": "a b"},
        "```python\nw = open('in.txt').read()[::-1]\nopen('out.txt', 'w').write(w)\n```",
        {
            "```python\nprint('a b')\n```": "other-file",
            "```python\nimport os\nos.kill(os.getppid(), 9)\n```": "other-file signal exit",
            "```python\n1 / 0\n```": "exit",
        },
    ),
    "runs.query": (
        {"rows": PEOPLE, "found": [["Ada"], ["Cleo"]]},
        f"```sql\n{SELECT}\n```",
        {
            "```sql\nSELECT name FROM people\n```": "other-rows",
            "```sql\nDELETE FROM people RETURNING 'Ada'\n```": "changes-the-table",
            f"```sql\nATTACH '{ROOT}/written' AS x\n```": "sql",
            "no query": "other-rows",
        },
    ),
}


@pytest.mark.parametrize("id", RUNS)
def test_the_guides_verifiers_of_what_runs_judge_rightly(id, tmp_path):
    guide = (ROOT / "docs" / "verifiers.md").read_text(encoding="utf-8")
    source = re.search(r"<!-- file: verifiers/runs.py -->\n```python\n(.*?)```", guide, re.DOTALL)
    write(tmp_path / "verifiers" / "runs.py", source[1])
    found = discover(tmp_path / "verifiers").verifiers[id]
    expect, right, wrong = RUNS[id]
    case = Case("x", "", expect)
    with open_sandbox() as sandbox:
        assert found.judge(case, Answer(right), sandbox).outcome is Outcome.PASS
        for text, reasons in wrong.items():
            said = found.judge(case, Answer(text), sandbox)
            assert said.reason in reasons.split(), (text, said)
    assert not (ROOT / "written").exists()


SORTS = """
from harness import failed, passed, verifier


@verifier("runs.sorted", version=1, facet="runs", sandbox=True, executables=["sort"])
def sorts(case, answer, sandbox):
    done = sandbox.command(["sort", "-c", "in"], {"in": answer.text})
    return passed() if done.ok else failed(done.reason, done.stderr.decode())
"""


def test_a_judge_opens_its_sandbox_with_the_programs_that_verifiers_declare(tmp_path):
    write(tmp_path / "sorts.py", SORTS)
    with open_sandbox() as opened:
        name = opened.name
    with Judges(tmp_path, name, workers=1) as judges:
        asked = [judges.judge(["runs.sorted"], Case("x", ""), text) for text in ("a\nb", "b\na")]
        said = [one.result()[0] for one in asked]
    assert [one.outcome for one in said] == [Outcome.PASS, Outcome.FAIL]
    assert "disorder" in said[1].evidence
