"""The pytest plug-in: ``pytest suites/ --adapter gamedev``. Silent, and almost free, in every other
session.

Its options begin with ``--gate-``, so that they are nobody else's. The short spellings of the
command line are added last, when every plug-in and every first conftest has named its own options,
and only in a session that gates: what anybody else calls ``--adapter`` or ``--limit`` stays theirs.
"""

from __future__ import annotations

import argparse
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.doors.pytest.gate import GatePlugin

GATE = "--gate-"
OPTIONS: dict[str, dict[str, Any]] = {
    "adapter": {
        "metavar": "NAME",
        "help": "adapter of library.yaml to gate; the suites it owes are collected",
    },
    "base": {"metavar": "NAME|DIR", "help": "base to gate on instead of the adapter's own"},
    "library": {
        "metavar": "FILE",
        "help": "library.yaml, or its folder (default: the nearest one upwards)",
    },
    "sandbox": {
        "default": "auto",
        "choices": ("auto", "docker", "bubblewrap", "landlock", "seatbelt"),
        "help": "where untrusted code runs (default: auto, the strongest that works here)",
    },
    "train-data": {
        "metavar": "FILE|DIR",
        "help": "what the adapter was trained on (JSONL), to be checked",
    },
    "run-dir": {
        "metavar": "DIR",
        "help": "folder of the run; an interrupted run of the same gate is resumed",
    },
    "limit": {
        "metavar": "N",
        "type": int,
        "help": "measure a seeded sample of N prompts per suite; decides nothing",
    },
}


def pytest_addoption(parser: pytest.Parser) -> None:
    about = (
        "gate a model adapter (harness); --adapter NAME, and in a session with it --base, ... do as"
        " well, unless another plug-in or a conftest has an option of that name"
    )
    group = parser.getgroup("harness", about)
    for name, attributes in OPTIONS.items():
        group.addoption(GATE + name, **attributes)


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
        dest = {"dest": "gate_" + name.replace("-", "_")}
        parser.getgroup("harness").addoption(f"--{name}", **OPTIONS[name] | dest)
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


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("gate_adapter", None):
        from harness.doors.pytest.gate import GatePlugin

        config.pluginmanager.register(GatePlugin(config), "harness-gate")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix == ".yaml" and file_path.parent.parent.name == "audits":
        from harness.doors.pytest import audit as pytest_audit

        return pytest_audit.collect(file_path, parent)
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
