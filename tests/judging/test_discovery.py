"""Verifiers are found in the files of a workspace and in installed packages, and a broken file is
named."""

import os
import sys
import threading
from types import SimpleNamespace

from auditing import write

from harness import Answer, Case
from harness.audit.bound.seen import homes
from harness.judging.discovery import DISTRIBUTION, digest, discover, files
from harness.judging.workers import Judges

ONE = """\
from harness import passed, verifier
from harness_verifiers._help import WORD


@verifier("a.b", version=1, facet="a")
def b(case, answer):
    return passed(WORD)
"""


def test_an_edited_helper_is_read_again_even_within_the_same_second(tmp_path):
    write(tmp_path / "a.py", ONE)
    for word in ("one", "two"):
        write(tmp_path / "_help.py", f"WORD = {word!r}\n")
        os.utime(tmp_path / "_help.py", (1, 1))
        found = discover(tmp_path).verifiers["a.b"]
        assert found.judge(Case("x", ""), Answer("")).evidence == word
    assert not list(tmp_path.rglob("*.pyc"))


def test_only_the_files_of_those_that_judge_are_loaded(tmp_path):
    folder, told = tmp_path / "verifiers", tmp_path / "loaded"
    write(folder / "_help.py", "WORD = 'x'\n")
    write(folder / "a.py", ONE)
    write(folder / "c.py", f"open({str(told)!r}, 'a').write('c')\n" + ONE.replace("a.b", "c.d"))
    write(folder / "e.py", "from harness_verifiers._made import made\n")
    write(folder / "_made.py", ONE.replace("a.b", "e.f").replace("def b(", "def made("))
    found = discover(folder).verifiers
    assert ([*found], told.read_text()) == (["a.b", "c.d", "e.f"], "c")
    only = files(folder, [found["a.b"]])
    assert only == {"a.py"}
    assert files(folder, [found["a.b"], found["e.f"]]) == set(), "a helper defines it: load all"
    assert list(discover(folder, only).verifiers) == ["a.b"]
    with Judges(folder, None, workers=1, only=only) as judges:
        said = judges.judge(["a.b", "c.d"], Case("x", ""), "").result()
        assert judges.digest == digest(folder)
    assert [one.reason for one in said] == ["ok", "verifier-changed"]
    assert told.read_text() == "c", "not once more"
    with Judges(folder, None, workers=1) as judges:
        [said] = judges.judge(["c.d"], Case("x", ""), "").result()
    assert (said.reason, told.read_text()) == ("ok", "cc")


def test_two_threads_that_discover_load_each_its_own_folder(tmp_path):
    """The first waits in the middle for as long as the second needs, were it not to wait too."""
    begun, done, words = threading.Event(), threading.Event(), {}
    sys.modules["waits"] = SimpleNamespace(here=lambda: begun.set() or done.wait(0.2))
    for name in ("one", "two"):
        write(tmp_path / name / "_help.py", f"WORD = {name!r}\n")
        write(tmp_path / name / "a.py", ONE)
    write(tmp_path / "one/a.py", f"import waits\nwaits.here()\n{ONE}")

    def load(name):
        judge = discover(tmp_path / name).verifiers["a.b"].judge
        words[name] = judge(Case("x", ""), Answer("")).evidence

    first = threading.Thread(target=load, args=["one"])
    first.start()
    begun.wait()
    load("two")
    done.set()
    first.join()
    del sys.modules["waits"]
    assert words == {"one": "one", "two": "two"}


def test_a_broken_plugin_is_named_and_takes_no_other_down(tmp_path):
    write(tmp_path / "_help.py", "WORD = 'x'\n")
    write(tmp_path / "a.py", ONE)
    write(tmp_path / "broken.py", "import sys\n\n1 / 0\n")
    write(tmp_path / "leaves.py", "import sys\nsys.exit(3)\n")
    write(tmp_path / "torn.py", "def f(:\n")
    write(tmp_path / "twice.py", ONE)
    found = discover(tmp_path)
    assert list(found.verifiers) == ["a.b"]
    for text in (
        f"{tmp_path}/broken.py:3",
        f"{tmp_path}/leaves.py:2",
        f"{tmp_path}/torn.py:1",
        "already defined by",
    ):
        assert any(text in line for line in found.broken), found.broken


def test_a_verifier_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lark", None)
    write(tmp_path / "extra.py", "import os\n\nimport lark\n")
    write(tmp_path / "other.py", "from no_such_package.parts import whole\n")
    write(tmp_path / "typo.py", "from ._helpers import word\n")
    extra, other, typo = discover(tmp_path).broken
    assert extra == (
        f"{tmp_path}/extra.py:3: needs lark, which is not installed: pip install"
        f" '{DISTRIBUTION}[pocket]'"
    )
    assert other.endswith(
        "needs no_such_package, which is not installed: pip install no_such_package"
    )
    assert typo.endswith("No module named 'harness_verifiers._helpers'")
    monkeypatch.delitem(sys.modules, "lark")
    assert len(discover(tmp_path).broken) == 2


def test_an_installed_package_may_bring_verifiers(tmp_path, monkeypatch):
    write(
        tmp_path / "acme_gates.py",
        ONE.replace("from harness_verifiers._help import WORD", "WORD = 'installed'"),
    )
    write(tmp_path / "acme-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    write(
        tmp_path / "acme-1.dist-info/entry_points.txt",
        "[harness.verifiers]\nall = acme_gates\none = acme_gates:b\nno = acme_gates:c\n",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "verifiers").mkdir()
    found = discover(tmp_path / "verifiers")
    assert found.verifiers["a.b"].judge(Case("x", ""), Answer("")).evidence == "installed"
    assert [line for line in found.broken if "acme_gates:c" in line or "no attribute 'c'" in line]
    assert homes(found.verifiers["a.b"]) == [str(tmp_path / "acme_gates.py")]
