"""The gate as a pytest session: one item per facet and per guard, and a session that fails unless
the verdict is SHIP."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.content.suite import suite_id
from harness.doors.console import Steps, Terminal, plain, step_summary, steps
from harness.doors.pytest.found import Properties, Rejected, Void, report_verdict, shown_path
from harness.errors import HarnessError, boundary
from harness.evidence.folder import RunFolder
from harness.evidence.run import Run
from harness.gate.conclude import conclude, so_far
from harness.gate.measure import measure, open_run
from harness.gate.prepare import Options, Prepared, look_up, prepare
from harness.gate.progress import silent
from harness.gate.session import dev_lines
from harness.pages.brief import brief, cells, level_of
from harness.pages.tables import one_line
from harness.verdict import Name, Reason, Verdict


class SuiteItem(pytest.Item):
    """One facet or guard of the adapter."""

    def __init__(self, *, gate: GatePlugin, suite: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gate, self.suite = gate, suite
        spec = gate.wanted.suites[suite].spec
        self.add_marker(spec.role)
        self.add_marker(spec.facet.replace("-", "_"))

    def setup(self) -> None:
        """Prepare the gate once; what makes the evidence void is an error of every item."""
        with self.gate.shown():
            invalid = self.gate.prepare().invalid
        if invalid:
            raise Void(invalid, self.gate.verbose)

    def runtest(self) -> None:
        """Measure the suite, and fail unless the reason that it is given supports SHIP."""
        there = [item.suite for item in self.session.items if isinstance(item, SuiteItem)]
        with self.gate.shown(), boundary():
            reason, properties = self.gate.reason(self.suite, there)
        self.user_properties += properties
        limited = self.gate.wanted.options.limit is not None and reason.code == "incomplete"
        if reason.code == "not-measured":  # the run ended before it
            pytest.skip(reason.text)
        if reason.verdict is not Name.SHIP and not limited:
            raise Rejected([reason], self.gate.verbose)

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
        role = gate.wanted.suites[id].spec.role
        yield SuiteItem.from_parent(
            self, name="held" if role == "guard" else "elite", gate=gate, suite=id
        )


def spread(config: pytest.Config) -> bool:
    """Whether pytest-xdist hands items to other processes, or this is one of those."""
    return getattr(config.option, "dist", "no") != "no" or hasattr(config, "workerinput")


class GatePlugin:
    """Holds the one gate of a pytest session."""

    def __init__(self, config: pytest.Config) -> None:
        if getattr(config.option, "numprocesses", None) or spread(config):
            raise pytest.UsageError(
                "--adapter cannot be combined with -n, --dist or --tx: one process holds the model"
                " and makes the verdict; leave them out"
            )
        options = options_of(config)
        self._steps = Steps(Terminal(file=sys.__stderr__), self._uncaptured)
        self.verbose = config.option.verbose > 0
        loud = config.option.verbose >= 0 and sys.__stderr__ is not None
        self._progress = self._step if loud else silent
        try:
            with boundary():
                self.wanted = look_up(options)
        except HarnessError as error:
            raise pytest.UsageError(f"harness: {plain(str(error))}") from None
        self.config = config
        self.root = self.wanted.workspace.folder("suites")
        self.verdict: Verdict | None = None
        self._owed = {each.path.resolve() for each in self.wanted.suites.values()}
        self._stack = ExitStack()
        self._gate: tuple[Prepared, Run] | None = None
        self._measured: set[str] = set()
        for each in self.wanted.suites.values():
            config.addinivalue_line(
                "markers", f"{each.spec.facet.replace('-', '_')}: facet of a suite"
            )
        for role in ("facet", "guard"):
            config.addinivalue_line("markers", f"{role}: role of a suite")

    def collect(self, path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """A collector for ``path`` if the adapter owes that suite."""
        return SuiteFile.from_parent(parent, path=path) if path.resolve() in self._owed else None

    def prepare(self) -> Prepared:
        """Prepare the gate before the first item; a user's mistake ends the session with one
        message."""
        if self._gate is None:
            with self._or_exit():
                prepared = self._stack.enter_context(prepare(self.wanted, self._progress))
                self._gate = prepared, self._stack.enter_context(open_run(prepared))
        assert self._gate is not None
        return self._gate[0]

    def reason(self, suite: str, there: Sequence[str]) -> tuple[Reason, Properties]:
        """The reason of a suite with its numbers, once it and those whose claims are tested with
        its own are measured, as far as they are ``there``."""
        assert self._gate is not None
        prepared, run = self._gate
        families = {c.family for c in prepared.registration.plans[suite].contrasts} - {""}
        together = {id for name in families for id in prepared.registration.family(name)}
        for id in [suite, *(id for id in there if id in together)]:
            if id not in self._measured:
                self._measured.add(id)
                measure(prepared, run, id, self._progress)
        judged = so_far(prepared, run)
        reason, score = judged.reasons[suite], judged.scores[suite]
        found = [("verdict", str(reason.verdict)), ("code", reason.code), ("reason", reason.text)]
        if score is not None:
            asked, level = score.plan.headline, level_of(prepared.registration.alpha)
            found += cells(score.to_json(), asked, level).items()
        return reason, found

    @contextmanager
    def _or_exit(self) -> Iterator[None]:
        """End the session with one message for a user's mistake, or what the system refuses."""
        try:
            with boundary():
                yield
        except HarnessError as error:
            pytest.exit(f"harness: {plain(str(error))}", returncode=pytest.ExitCode.USAGE_ERROR)

    def pytest_report_header(self) -> list[str]:
        entry, limit = self.wanted.entry, self.wanted.options.limit
        part = f", {limit} prompts of each" if limit else ""
        owed = ", ".join(self.wanted.suites)
        text = f"harness: adapter {entry.name} on base {entry.base_name}, owes {owed}{part}"
        return [one_line(text)]

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Conclude behind the last item; the verdict is counted as one."""
        session.testscollected += any(isinstance(item, SuiteItem) for item in session.items)
        result = yield
        with self._or_exit():
            self._conclude()
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        with self._or_exit(), self._stack:
            self._conclude()  # where something ended the loop
            made = self.verdict is not None and self.verdict.name is not Name.SHIP
            if made and exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _conclude(self) -> None:
        if self._gate is not None and self.verdict is None:
            self.verdict = conclude(*self._gate)
            report_verdict(self.config, *self._gate, self.verdict, self.verbose)
            step_summary(self._gate[1].folder)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.verdict is None or self._gate is None:
            return
        prepared, run = self._gate
        good, told = self.verdict.name is Name.SHIP, brief(RunFolder(run.folder))
        terminalreporter.section(one_line(told.title), green=good, red=not good, bold=True)
        text, kept = io.StringIO(), prepared.kept
        out = Terminal(file=text)
        out.say(prepared.registration.look_text)
        out.summary(told, self.verbose)
        if kept.answered:
            parts = [f"{arm} {kept.from_cache[arm]} of {n}" for arm, n in kept.answered.items()]
            out.say(f"answers from the cache: {', '.join(parts)}")
        out.say(f"scorecard: {shown_path(run.folder / 'scorecard.html')}", whole=True)
        if prepared.ledger.recorded:
            out.say(f"next: git add {shown_path(prepared.ledger.recorded)}", whole=True)
        for line in text.getvalue().splitlines():
            terminalreporter.write_line(line)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Work with progress; no bar is left behind."""
        try:
            yield
        finally:
            self._steps.close()

    def _step(self, label: str, done: int, total: int, note: str = "") -> None:
        self._steps(f"  {label}", done, total, note)

    @contextmanager
    def _uncaptured(self) -> Iterator[None]:
        """Below what the reporter has written, and not into the captured output of an item."""
        plugin: Callable[[str], Any] = self.config.pluginmanager.get_plugin
        with plugin("capturemanager").global_and_fixture_disabled():
            plugin("terminalreporter").ensure_newline()
            yield


def options_of(config: pytest.Config) -> Options:
    """The gate that a command line asks for."""
    get = config.getoption
    if get("gate_limit") is not None and get("gate_limit") < 1:
        raise pytest.UsageError(
            f"--limit {get('gate_limit')}: expected a number of prompts, 1 or more"
        )
    given = [str(arg).partition("=")[0] for arg in config.invocation_params.args]
    if sum(one in ("--adapter", "--gate-adapter") for one in given) > 1:
        raise pytest.UsageError(
            "--adapter: found several, expected one, as a session has one verdict; `harness gate"
            " --adapter A --adapter B` gates several"
        )
    names = ("adapter", "base", "library", "sandbox", "run_dir", "limit", "train_data", "replay")
    paths = tuple(str(arg).partition("::")[0] for arg in config.args)
    return Options(
        **{name: get(f"gate_{name}") for name in names}, suite=tuple(get("gate_suite")), paths=paths
    )


def show_dev(config: pytest.Config) -> int:
    """Print what the dev prompts of an adapter show; no session, no verdict."""
    if config.getoption("gate_adapter") is None:
        raise pytest.UsageError("--gate-dev needs an adapter: add --adapter NAME")
    out = Terminal()
    try:
        with boundary(), steps(config.option.verbose < 0) as progress:
            for line in dev_lines(options_of(config), progress):
                out.say(line)
    except HarnessError as error:
        raise pytest.UsageError(f"harness: {plain(str(error))}") from None
    return pytest.ExitCode.OK
