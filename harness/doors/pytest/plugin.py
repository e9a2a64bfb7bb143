"""The pytest plug-in: ``pytest suites/ --adapter gamedev``. Silent, and almost free, in every other
session.

Its options begin with ``--gate-``, so that they are nobody else's. The short spellings of the
command line are added last, when every plug-in and every first conftest has named its own options,
and only in a session that gates: what anybody else calls ``--adapter`` or ``--limit`` stays theirs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.doors.options import DEV, OPTIONS, SANDBOXES

if TYPE_CHECKING:
    from harness.doors.pytest.gate import GatePlugin

GATE = "--gate-"
_RUNS = pytest.StashKey[bool]()  #: whether items run, and are not only listed
_ENDED = (
    pytest.ExitCode.OK,
    pytest.ExitCode.TESTS_FAILED,
    pytest.ExitCode.NO_TESTS_COLLECTED,
)  # any other exit code says already that the session is no gate


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "gate a model adapter (harness); --adapter, ... where nobody else has these names"
    parser.getgroup("harness", about)
    for name in OPTIONS:
        _add(parser, name, GATE)
    parser.getgroup("harness").addoption(f"{GATE}dev", action="store_true", help=DEV)


def _add(parser: pytest.Parser, name: str, prefix: str) -> None:
    metavar, text = OPTIONS[name]
    settings: dict[str, Any] = {"metavar": metavar, "help": text}
    if name == "sandbox":
        settings |= {"choices": SANDBOXES, "default": "auto"}
    if name == "limit":
        settings["type"] = int
    if name == "suite":
        settings |= {"action": "append", "default": []}
    dest = "gate_" + name.replace("-", "_")
    parser.getgroup("harness").addoption(prefix + name, dest=dest, **settings)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, object, object]:
    """Add the short spellings that nobody else has."""
    seen = early_config.known_args_namespace
    values = _values(_free(parser, args), args)  # and look for no conftest in these
    seen.file_or_dir = [one for one in seen.file_or_dir if one not in values]
    result = yield
    for name in _free(parser, args):
        _add(parser, name, "--")
    return result


def _free(parser: pytest.Parser, args: list[str]) -> list[str]:
    """The short spellings among ``args`` that nobody has named so far, if this session gates."""
    found, unknown = parser.parse_known_and_unknown_args(args)
    flags = [flag.partition("=")[0] for flag in unknown]
    gates = "--adapter" in flags or found.gate_adapter is not None
    return [name for name in OPTIONS if gates and f"--{name}" in flags]


def _values(names: list[str], args: list[str]) -> set[str]:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in names:
        parser.add_argument(f"--{name}", nargs="?")
    return set(vars(parser.parse_known_args(args)[0]).values())


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Show dev prompts instead of running a session."""
    if not config.getoption("gate_dev", False):
        return None
    from harness.doors.pytest.gate import show_dev

    return show_dev(config)


def pytest_configure(config: pytest.Config) -> None:
    gates = config.getoption("gate_adapter", None) is not None
    if gates and not config.getoption("gate_dev", False):
        from harness.doors.pytest.gate import GatePlugin

        config.pluginmanager.register(GatePlugin(config), "harness-gate")


def pytest_runtestloop(session: pytest.Session) -> None:
    session.config.stash[_RUNS] = not session.config.option.collectonly


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A session that was asked for a verdict and made none has failed, whatever else passed."""
    config = session.config
    adapter = config.getoption("gate_adapter", None)
    gate: GatePlugin | None = config.pluginmanager.get_plugin("harness-gate")
    made = gate is not None and gate.verdict is not None
    if adapter is None or made or not config.stash.get(_RUNS, False) or exitstatus not in _ENDED:
        return
    session.exitstatus = pytest.ExitCode.TESTS_FAILED
    why = "none of the suites that it owes ran; name suites/, and leave out -k, -m or --deselect"
    if exitstatus == pytest.ExitCode.TESTS_FAILED:
        why = "what went wrong stands above"
    from harness.pages.tables import one_line

    text = f"harness: --adapter {adapter}: no verdict was made, so this session failed: {why}"
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        print(one_line(text), file=sys.__stderr__)
    else:
        reporter.ensure_newline()
        reporter.write_line(one_line(text), red=True)


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if path.name != "audits":
        return None
    from harness.doors.pytest import audit as pytest_audit

    return pytest_audit.collect(path, parent)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    plugin: GatePlugin | None = parent.config.pluginmanager.get_plugin("harness-gate")
    return (
        plugin.collect(file_path, parent)
        if plugin is not None and file_path.suffix == ".yaml"
        else None
    )


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    asked = [Path(str(arg).partition("::")[0]) for arg in config.args]
    if config.getoption("gate_adapter", None) is None and any(_is_suites(path) for path in asked):
        terminalreporter.write_line(
            "harness: suites are measured for an adapter; add --adapter NAME (see: harness"
            " library), or --gate-adapter NAME where --adapter is another plug-in's option"
        )


def _is_suites(path: Path) -> bool:
    return path.name == "suites" and (path.parent / "library.yaml").is_file()
