"""What a verifier may not do beside judging is seen however it does it, and refuses it by name; its
twin does the same thing rightly and is certified."""

import os
import pathlib
import subprocess
import sys

import pytest
from auditing import audited, write
from conftest import ROOT
from sums import source, sums

from harness.audit.certificate import State, redacted
from harness.judging.observed import origins, placed
from harness.judging.observed.observer import Observer

RUNS = "compiles text of the answer outside of a sandbox"
SQL = "runs SQL of the answer outside of a sandbox"
STARTS = "starts a program on text of the answer outside of a sandbox"
WRITES = "writes to a file that the answer names"
NETWORK = "uses the network (127.0.0.1"
TRIES = "try:\n    {}\nexcept OSError:\n    pass"

#: what must be named -> plants: name -> (imports, what it does, what it declares)
PLANTS = {
    RUNS: {
        "evaluates": ("os", "eval(answer.text)", ""),
        "executes": ("os", "exec(f'found = 1\\n{answer.text}\\n')", ""),
        "compiles": ("os", "compile(answer.text, 'answer', 'eval')", ""),
        "compiles_a_tree": ("ast", "compile(ast.parse(answer.text, mode='eval'), 'a', 'eval')", ""),
        "forks": (
            "os",
            "if not (n := os.fork()):\n    eval(answer.text)\n    os._exit(0)\nos.waitpid(n, 0)",
            "",
        ),
        "imports_it": (
            "runpy, tempfile, pathlib",
            (
                "with tempfile.TemporaryDirectory() as folder:\n"
                "    path = pathlib.Path(folder, 'candidate.py')\n"
                "    path.write_text(f'value = {answer.text}')\n"
                "    runpy.run_path(path)"
            ),
            "",
        ),
    },
    SQL: {
        "queries": ("sqlite3", "sqlite3.connect(':memory:').execute('select ' + answer.text)", "")
    },
    STARTS: {
        "argument": (
            "subprocess, sys",
            "subprocess.run([sys.executable, '-S', '-c', f'print({answer.text})'])",
            "",
        ),
        "input": (
            "subprocess",
            "subprocess.run(['cat'], input=answer.text, text=True, stdout=-3)",
            "executables=['cat']",
        ),
        "pipe": (
            "subprocess",
            "subprocess.Popen(['cat'], stdin=-1, stdout=-3).communicate(answer.text.encode())",
            "executables=['cat']",
        ),
        "file": (
            "subprocess, tempfile, pathlib",
            (
                "with tempfile.TemporaryDirectory() as folder:\n"
                "    path = pathlib.Path(folder, 'candidate')\n"
                "    path.write_text(answer.text)\n"
                "    subprocess.run(['cat', path], stdout=-3)"
            ),
            "executables=['cat']",
        ),
        "shell": ("os", "os.system(f'echo {answer.text} > /dev/null')", "executables=['echo']"),
    },
    WRITES: {
        "names": (
            "tempfile, pathlib",
            (
                "with tempfile.TemporaryDirectory() as folder:\n"
                "    pathlib.Path(folder, answer.text.strip()).write_text('')"
            ),
            "",
        )
    },
    NETWORK: {
        "url": (
            "urllib.request",
            TRIES.format("urllib.request.urlopen('http://127.0.0.1:9', timeout=1)"),
            "",
        ),
        "connects": ("socket", TRIES.format("socket.create_connection(('127.0.0.1', 9), 1)"), ""),
        "resolves": ("socket", TRIES.format("socket.getaddrinfo('127.0.0.1', 9)"), ""),
        "datagram": (
            "socket",
            TRIES.format(
                "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('127.0.0.1', 9))"
            ),
            "",
        ),
        "loop": (
            "asyncio",
            TRIES.format("asyncio.run(asyncio.open_connection('127.0.0.1', 9))"),
            "",
        ),
        "thread": (
            "socket; from concurrent.futures import ThreadPoolExecutor",
            (
                "with ThreadPoolExecutor() as pool:\n"
                "    pool.submit(socket.getaddrinfo, '127.0.0.1', 9).exception()"
            ),
            "",
        ),
    },
    "imports lark, which it does not declare": {
        "on_top": ("lark", "lark.Token('A', '')", ""),
        "late": ("importlib", "importlib.import_module('lark')", ""),
    },
    "packages that it does not declare": {
        "asks_for_one": (
            "importlib.util",
            "if importlib.util.find_spec('lark') is None: return failed('no-lark')",
            "",
        ),
        "makes_do": ("json", "try: import lark\nexcept ImportError: return failed('no-lark')", ""),
    },
    "starts true, which it does not declare": {
        "program": ("subprocess", "subprocess.run(['true'])", ""),
        "by_shell": ("os", "os.system('true')", ""),
    },
    "outside of the workspace": {
        "reads": ("pathlib", "pathlib.Path({outside!r}).read_text()", ""),
        "imports": ("sys; sys.path.append({folder!r})", "import outside_rule", ""),
    },
    "by ctypes, where nothing is seen": {"library": ("ctypes", "ctypes.CDLL(None)", "")},
}
TWINS = {
    "reads_the_tree": ("ast", "ast.parse(answer.text); ast.literal_eval('1')", ""),
    "only_a_tree": ("ast", "compile(answer.text, 'a', 'eval', ast.PyCF_ONLY_AST)", ""),
    "makes_a_class": (
        "collections",
        (
            "names = [f'n{n}' for n in answer.text.strip().split('+')]\n"
            "collections.namedtuple('Numbers', names)(*names)"
        ),
        "",
    ),
    "own_text": (
        "os",
        "assert eval('case.expect[\"value\"]') == eval(str(case.expect['value']))",
        "",
    ),
    "templates": (
        "jinja2",
        "assert jinja2.Template('{{ a }}').render(a=answer.text) == answer.text",
        "",
    ),
    "looks_up": ("sqlite3", "sqlite3.connect(':memory:').execute('select ?', (answer.text,))", ""),
    "declared_program": ("subprocess", "subprocess.run(['true'])", "executables=['true']"),
    "own_file": (
        "tempfile, pathlib",
        (
            "with tempfile.TemporaryDirectory() as folder:\n"
            "    path = pathlib.Path(folder, 'answer')\n"
            "    path.write_text(answer.text)\n"
            "    assert path.read_text() == answer.text"
        ),
        "",
    ),
    "no_network": ("socket, urllib.parse", "socket.socketpair()[0].close()", ""),
    "declared_package": ("lark", "lark.Token('A', '')", "packages=['lark']"),
    "of_the_harness": ("yaml", "yaml.safe_load(answer.text)", ""),
    "inside": ("pathlib", "pathlib.Path(__file__).read_text()", ""),
    "whole_environment": ("os", "dict(os.environ), os.environ.copy(), [*os.environ.items()]", ""),
}


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    folder = tmp_path_factory.mktemp("acts")
    write(folder / "outside" / "outside_rule.py", "")
    outside = {
        "outside": str(folder / "outside" / "outside_rule.py"),
        "folder": str(folder / "outside"),
    }
    every = {name: said for plants in PLANTS.values() for name, said in plants.items()} | TWINS
    sources = {
        name: source(name, acts, imports, needs).format(**outside)
        if "{outside" in acts + imports or "{folder" in acts + imports
        else source(name, acts, imports, needs)
        for name, (imports, acts, needs) in every.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(folder / "cache"))
        patch.setattr(sys, "path", [*sys.path])
        found = audited(sums(folder / "workspace", sources))
    sys.modules.pop("outside_rule", None)
    return {id.removeprefix("sums."): one for id, one in found.items()}


@pytest.mark.parametrize(
    ("plant", "named"), [(name, named) for named, plants in PLANTS.items() for name in plants]
)
def test_what_a_verifier_may_not_do_is_seen_and_named(held, plant, named):
    found = held[plant]
    assert found.state is State.REFUSED, found.sentence()
    assert any(named in fault for fault in found.faults), found.faults


@pytest.mark.parametrize("twin", [*TWINS])
def test_what_it_may_do_refuses_nothing(held, twin):
    assert (held[twin].state, held[twin].faults) == (State.PROVISIONAL, []), held[twin].sentence()


def test_what_an_answer_held_is_not_told_of_hidden_fixtures(held):
    assert "127+315" in str(held["evaluates"].faults)
    assert "127+315" not in str(redacted(held["evaluates"]).faults)


def test_the_environment_of_a_copy_is_not_read(held):
    assert held["whole_environment"].binding["environment"] == {}


def test_what_imports_while_it_notes_an_import_does_not_note_itself(tmp_path, monkeypatch):
    notes = tmp_path / "notes"
    hook = placed.Imports(Observer(notes)).importing(__import__)
    of = origins.of.__wrapped__

    imports = compile("hook('ntpath', fromlist=('join',))", pathlib.__file__, "exec")

    def importing(file):
        exec(imports, {"hook": hook})  # as pathlib of Python 3.12.3 does
        return of(file)

    monkeypatch.setattr(origins, "of", importing)
    assert hook("json") is sys.modules["json"]
    assert hook("colorsys") is sys.modules["colorsys"]


REACHES = """
import sys
from pathlib import Path
from types import SimpleNamespace
from harness.judging.observed import placed

place = Path(sys.argv[1])
placed.observe(place / "notes")
placed.close_packages()
placed._Place.seen.verifier = SimpleNamespace(id="v.x", packages=(), path=place / "v.py")
for source in (place / "v.py").read_text().split("# next"):
    try:
        exec(compile(source, str(place / "v.py"), "exec"), {"__name__": "v"})
        print("imported")
    except ModuleNotFoundError:
        print("refused")
"""
WAYS = """
import gdtoolkit
# next
class Sly(str):
    def partition(self, sep):  # asked while the import is noted
        import gdtoolkit
        return str.partition(self, sep)
__import__(Sly("json"))
# next
import importlib
importlib.__import__("gdtoolkit")
# next
__import__("json")
"""


def test_what_is_not_declared_is_out_of_reach_also_while_an_import_is_noted(tmp_path):
    (tmp_path / "v.py").write_text(WAYS)
    command = [sys.executable, "-c", REACHES, tmp_path]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["refused", "refused", "refused", "imported"]


@pytest.mark.parametrize(
    ("uses", "named"), [("outer", ""), ("outer, inner", "imports inner, which it does not declare")]
)
def test_what_a_package_imports_is_its_own_wherever_pip_put_it(tmp_path, uses, named):
    target, site = tmp_path / "target", tmp_path / "site-packages"  # found by PYTHONPATH
    for folder, name, holds in ((target, "outer", "import inner\n"), (site, "inner", "")):
        write(folder / f"{name}.py", holds)
        write(folder / f"{name}-1.dist-info" / "RECORD", f"{name}.py,,\n")
        write(folder / f"{name}-1.dist-info" / "METADATA", f"Name: {name}\nVersion: 1\n")
    text = source("by_target", "pass", uses, "packages=['outer']")
    command = [sys.executable, "-m", "harness", "audit"]
    command += ["--library", str(sums(tmp_path / "workspace", {"by_target": text}))]
    env = {"PYTHONPATH": f"{ROOT}:{target}:{site}", "HARNESS_CACHE": str(tmp_path / "cache")}
    told = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | env
    )
    assert (named or "PROVISIONAL") in " ".join(told.stdout.split()), told.stdout + told.stderr
    assert ("does not declare" in told.stdout) is bool(named)
