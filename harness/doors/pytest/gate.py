"""The gate as a pytest session: one item per facet and per guard, and a session that fails unless
the verdict is SHIP.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.content.suite import suite_id
from harness.deciding.reasons import numbers
from harness.deciding.scorecard import SuiteScore
from harness.doors.console import Steps, Terminal, one_line, plain
from harness.errors import HarnessError
from harness.gate.session import GateSession, Options
from harness.verdict import Name, Reason, Verdict


class Finding(pytest.fail.Exception):  # type: ignore[misc, name-defined]
    """What the gate found against an item; shown as its text, without a traceback."""

    def __init__(self, reasons: Iterable[Reason]) -> None:
        super().__init__(
            "\n".join(one_line(f"{r.verdict} {r.code}: {r.text}") for r in reasons), pytrace=False
        )


class Void(Finding):
    """The evidence is not valid, so the item has nothing to measure."""


class Rejected(Finding):
    """The item was measured, and its suite does not support SHIP."""


class SuiteItem(pytest.Item):
    """One facet or guard of the adapter."""

    def __init__(self, *, gate: GatePlugin, suite: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gate, self.suite = gate, suite
        spec = gate.session.suites[suite].spec
        self.add_marker(spec.role)
        self.add_marker(spec.facet.replace("-", "_"))

    def setup(self) -> None:
        """Prepare the gate once; what makes the evidence void is an error of every item."""
        with self.gate.shown():
            self.gate.prepare()
        if self.gate.session.invalid:
            raise Void(self.gate.session.invalid)

    def runtest(self) -> None:
        """Measure the suite, and fail unless its reason supports SHIP."""
        from harness.deciding.reasons import judge_alone

        with self.gate.shown():
            score = self.gate.session.measure(self.suite)
        reasons = judge_alone(self.gate.session.registration, self.suite, score)
        self.user_properties += _properties(score)
        against = [reason for reason in reasons if reason.verdict is not Name.SHIP]
        limited = self.gate.session.options.limit is not None and all(
            r.code == "incomplete" for r in against
        )
        if against and not limited:
            raise Rejected(against)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ARG002  (the name is pytest's)
        """One message for a user's mistake; a traceback only for a fault of the harness."""
        if isinstance(excinfo.value, HarnessError):
            return plain(str(excinfo.value))
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """How the item is named in reports."""
        return self.path, None, f"{self.suite} [{self.name}]"


class SuiteFile(pytest.File):
    """A suite's YAML file."""

    def collect(self) -> Iterator[SuiteItem]:
        """One item: ``elite`` for a facet, ``held`` for a guard."""
        gate: GatePlugin = self.config.pluginmanager.get_plugin("harness-gate")  # type: ignore[assignment]
        id = suite_id(self.path, gate.root)
        role = gate.session.suites[id].spec.role
        yield SuiteItem.from_parent(
            self, name="held" if role == "guard" else "elite", gate=gate, suite=id
        )


class GatePlugin:
    """Holds the one :class:`GateSession` of a pytest session."""

    def __init__(self, config: pytest.Config) -> None:
        get = config.getoption
        if get("gate_limit") is not None and get("gate_limit") < 1:
            raise pytest.UsageError(
                f"--limit {get('gate_limit')}: expected a number of prompts, 1 or more"
            )
        if getattr(config.option, "numprocesses", None):
            raise pytest.UsageError(
                "--adapter cannot be combined with -n: one process holds the model; leave -n out"
            )
        names = ("adapter", "base", "library", "sandbox", "run_dir", "limit", "train_data")
        options = Options(**{name: get(f"gate_{name}") for name in names})
        self._steps = Steps(Terminal(file=sys.__stderr__), self._uncaptured)
        loud = config.option.verbose >= 0 and sys.__stderr__ is not None
        try:
            self.session = GateSession(options, self._progress if loud else None)
        except HarnessError as error:
            raise pytest.UsageError(f"harness: {plain(str(error))}") from None
        self.config = config
        self.root = self.session.workspace.folder("suites")
        self.verdict: Verdict | None = None
        self._owed = {each.path.resolve() for each in self.session.suites.values()}
        self._prepared = False
        self._failed: HarnessError | None = None
        for each in self.session.suites.values():
            config.addinivalue_line(
                "markers", f"{each.spec.facet.replace('-', '_')}: facet of a suite"
            )
        for role in ("facet", "guard"):
            config.addinivalue_line("markers", f"{role}: role of a suite")

    def collect(self, path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """A collector for ``path`` if the adapter owes that suite."""
        return SuiteFile.from_parent(parent, path=path) if path.resolve() in self._owed else None

    def prepare(self) -> None:
        """Prepare the gate before the first item; a user's mistake ends the session with one
        message.
        """
        if not self._prepared:
            self._prepared = True
            try:
                self.session.prepare()
            except HarnessError as error:
                self._failed = error
                pytest.exit(f"harness: {plain(str(error))}", returncode=pytest.ExitCode.USAGE_ERROR)

    def pytest_report_header(self) -> list[str]:
        entry, limit = self.session.entry, self.session.options.limit
        part = f", {limit} prompts of each" if limit else ""
        owed = ", ".join(self.session.suites)
        text = f"harness: adapter {entry.name} on base {entry.base_name}, owes {owed}{part}"
        return [one_line(text)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self._prepared and self._failed is None:
            self.verdict = self.session.conclude()
            if self.verdict.name is not Name.SHIP and exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self.session.__exit__()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.verdict is None:
            return
        write = terminalreporter.write_line
        good = self.verdict.name is Name.SHIP
        title = one_line(f"{self.verdict.name}: {self.session.entry.name}")
        terminalreporter.section(title, green=good, red=not good, bold=True)
        for reason in self.verdict.reasons:
            write(one_line(f"{reason.verdict:<12} {reason.about}: {reason.text}"))
        answers = {
            arm: f"{self.session.cached[arm]} of {n}" for arm, n in self.session.answered.items()
        }
        if any(self.session.answered.values()):
            write(f"answers from the cache: base {answers['base']}, adapter {answers['adapter']}")
        write(f"scorecard: {_shown(self.session.run.folder / 'scorecard.html')}")

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Work with progress; no bar is left behind."""
        try:
            yield
        finally:
            self._steps.close()

    def _progress(self, label: str, done: int, total: int, note: str = "") -> None:
        self._steps(f"  {label}", done, total, note)

    @contextmanager
    def _uncaptured(self) -> Iterator[None]:
        """Below what the reporter has written, and not into the captured output of an item."""
        plugin: Callable[[str], Any] = self.config.pluginmanager.get_plugin
        with plugin("capturemanager").global_and_fixture_disabled():
            plugin("terminalreporter").ensure_newline()
            yield


def _properties(score: SuiteScore | None) -> list[tuple[str, object]]:
    """What JUnit keeps of a suite."""
    return [] if score is None else [("harness", numbers(score))]


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
