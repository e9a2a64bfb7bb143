"""The plug-in's options are nobody else's: a project that has one of the same name starts, and
gates."""

from __future__ import annotations

from importlib import import_module

import pytest

NAMES = ["adapter", "base", "library", "sandbox", "train-data", "run-dir", "limit"]
ALONE = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
QUIET = ("--collect-only", "-q", *ALONE)
GODOT, JAVA = "suites/mini/godot.yaml::elite", "suites/mini/java.yaml::held"


@pytest.fixture(autouse=True, scope="module")
def loaded() -> None:
    """Sessions in this process forget what they import, and numpy cannot be imported twice."""
    import_module("harness.doors.pytest.gate")


@pytest.fixture
def plant(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Give options to a project's conftest, or to a plug-in loaded before or after ours."""

    def planted(where: str, *names: str) -> list[str]:
        lines = [f"    parser.addoption('--{name}', default='none')" for name in names]
        source = "\n".join(["def pytest_addoption(parser):", *lines])
        pytester.makepyfile(**{where: source})
        pytester.syspathinsert()
        if where == "later":
            monkeypatch.setenv("PYTEST_PLUGINS", "later")
        return ["-p", "earlier"] if where == "earlier" else []

    return planted


@pytest.mark.parametrize("where", ["conftest", "earlier", "later"])
def test_a_project_with_options_of_the_same_names_starts_and_has_them(pytester, plant, where):
    args = plant(where, *NAMES)
    pytester.makepyfile(
        test_own=f"""\
        import pytest
        @pytest.mark.parametrize("name", {NAMES})
        def test_one(request, name): assert request.config.getoption("--" + name) == "mine"
        """
    )
    own = [part for name in NAMES for part in (f"--{name}", "mine")]
    found = pytester.runpytest_inprocess(*ALONE, *args, *own, "test_own.py")
    found.assert_outcomes(passed=len(NAMES))
    found.stdout.no_fnmatch_line("*harness:*")


def test_without_an_adapter_the_short_spellings_do_not_exist(pytester):
    pytester.makepyfile("def test_one(): pass")
    found = pytester.runpytest_inprocess(*ALONE, "--limit", "3")
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    found.stderr.fnmatch_lines(["*unrecognized arguments: --limit*"])


@pytest.mark.parametrize(
    "args",
    [
        ("--adapter", "gamedev", "--limit", "3"),
        ("--limit=3", "--adapter=gamedev"),
        ("--gate-adapter", "gamedev", "--gate-limit", "3"),
        ("--gate-adapter=gamedev", "--limit", "3"),
        ("@arguments",),
    ],
)
def test_both_spellings_gate(pytester, workspace, args):
    (workspace / "arguments").write_text("--adapter\ngamedev\n--limit\n3\n")
    found = pytester.runpytest_inprocess("suites", "--collect-only", *ALONE, *args)
    found.stdout.fnmatch_lines(["harness: adapter gamedev on base pocket, *, 3 prompts of each"])


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("where", ["conftest", "earlier", "later"])
def test_where_adapter_is_anothers_ours_steps_back_and_says_how_to_go_on(pytester, plant, where):
    args = plant(where, "adapter")
    found = pytester.runpytest_inprocess("suites", *args, *QUIET, "--adapter", "gamedev")
    assert found.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    found.stdout.fnmatch_lines(["harness: *--gate-adapter NAME where --adapter is another*"])
    found = pytester.runpytest_inprocess("suites", *args, *QUIET, "--gate-adapter", "gamedev")
    found.stdout.fnmatch_lines([GODOT, JAVA])


@pytest.mark.usefixtures("workspace")
def test_what_another_calls_limit_stays_theirs_in_a_gate(pytester, plant):
    plant("conftest", "limit")
    args = ("suites", "--collect-only", *ALONE, "--adapter", "gamedev")
    found = pytester.runpytest_inprocess(*args, "--limit", "3")
    found.stdout.no_fnmatch_line("*prompts of each*")
    found = pytester.runpytest_inprocess(*args, "--limit", "3", "--gate-limit", "4")
    found.stdout.fnmatch_lines(["*, 4 prompts of each"])


def test_no_conftest_is_looked_for_in_the_values(pytester, workspace):
    (workspace / "gamedev").mkdir()
    (workspace / "gamedev" / "conftest.py").write_text("raise SystemError('not yours to load')")
    found = pytester.runpytest_inprocess("suites", *QUIET, "--adapter", "gamedev")
    found.stdout.fnmatch_lines([GODOT, JAVA])


@pytest.mark.usefixtures("workspace")
def test_options_from_the_configuration_file_gate_too(pytester):
    pytester.makeini("[pytest]\naddopts = --adapter gamedev")
    found = pytester.runpytest_inprocess("suites", *QUIET)
    found.stdout.fnmatch_lines([GODOT, JAVA])


def test_an_unrelated_session_loads_nothing_heavy(pytester):
    pytester.makepyfile("""\
import sys
def test_one():
    heavy = {"rich", "pydantic", "yaml", "click", "jinja2", "scipy", "numpy", "mlx", "docker"}
    assert "harness.doors.pytest.plugin" in sys.modules
    assert not heavy & set(sys.modules)
    assert not [name for name in sys.modules if name.startswith("harness.gate")]
""")
    pytester.runpytest_subprocess("-p", "no:anyio").assert_outcomes(passed=1)
