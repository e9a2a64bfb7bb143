"""The pytest plug-in: ``pytest suites/ --adapter gamedev``. Silent, and almost free, in every other
session.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.doors.pytest.gate import GatePlugin


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("harness", "gate a model adapter (harness)")
    group.addoption(
        "--adapter",
        metavar="NAME",
        help="adapter of library.yaml to gate; the suites it owes are collected",
    )
    group.addoption(
        "--base", metavar="NAME|DIR", help="base to gate on instead of the adapter's own"
    )
    group.addoption(
        "--library",
        metavar="FILE",
        help="library.yaml, or its folder (default: the nearest one upwards)",
    )
    group.addoption(
        "--sandbox",
        default="auto",
        choices=("auto", "docker", "bubblewrap", "landlock", "seatbelt"),
        help="where untrusted code runs (default: auto, the strongest that works here)",
    )
    group.addoption(
        "--train-data",
        metavar="FILE|DIR",
        help="what the adapter was trained on (JSONL), to be checked",
    )
    group.addoption(
        "--run-dir",
        metavar="DIR",
        help="folder of the run; an interrupted run of the same gate is resumed",
    )
    group.addoption(
        "--limit",
        metavar="N",
        type=int,
        help="measure a seeded sample of N prompts per suite; decides nothing",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("adapter", None):
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
    if config.getoption("adapter", None) is None and any(_is_suites(path) for path in asked):
        terminalreporter.write_line(
            "harness: suites are measured for an adapter; add --adapter NAME (see: harness library)"
        )


def _is_suites(path: Path) -> bool:
    return path.name == "suites" and (path.parent / "library.yaml").is_file()
