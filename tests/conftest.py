"""What tests of several modules share: a cache apart from the user's, small workspaces, the
sandboxes that work here."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harness.audit import store
from harness.content import suite
from harness.engines.blas import preload
from harness.errors import SandboxError
from harness.sandbox import NAMES, open_sandbox
from harness.sandbox.base import Sandbox
from harness.sandbox.image import build_image
from harness.sandbox.limits import Limits
from harness.sandbox.tools import readable
from harness.subjects.groups import groups

pytest_plugins = ["pytester", "browsing", "spoken_gate", "tiny_subject"]
pytest.register_assert_rewrite(
    "auditing", "stats_helpers"
)  # their assertions explain themselves as those of a test

ROOT = Path(__file__).resolve().parent.parent
POCKET = ROOT / "examples" / "pocket"
PROMPTS = 20  # of a small suite: the fewest of which the harness states a rate


#: whole files go to one worker: those that take minutes begin first, the certificates of the
#: shipped verifiers with the gate that needs all of them
LONG = (
    "test_pocket.py", "test_audit_planted.py", "test_humaneval.py", "test_session.py",
    "test_audit_careless.py", "test_plugin.py", "test_together.py", "test_audit_command.py",
    "test_cli.py", "test_stream.py",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    preload()  # before a test imports mlx
    # a shell that starts tests in the background has them ignore it, and one interrupts itself
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.option.loadscopereorder = False  # pytest-xdist would begin with the most tests


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONG)))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") is not None:
        import mlx.core as mx

        if mx.default_device().type != mx.gpu:
            pytest.skip("mlx computes on the CPU here")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep answers and certificates of the tests apart from the user's; the workers of one session
    share them, so that a shipped verifier is audited once."""
    base = tmp_path_factory.getbasetemp()
    cache = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    cache.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(cache))
        yield cache


@pytest.fixture(autouse=True)
def whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing printed is wrapped, so that a test finds a sentence in it; nor is this a step of
    GitHub's."""
    monkeypatch.setenv("COLUMNS", "1000")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


@pytest.fixture
def no_answers(
    own_cache: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test that starts without answers; certificates are shared, as they cost seconds."""
    folder = tmp_path_factory.mktemp("no-answers")
    (own_cache / "certificates").mkdir(exist_ok=True)
    store.seal({}, {})  # the key that seals them
    for name in ("certificates", "seal.key"):
        (folder / name).symlink_to(own_cache / name)
    monkeypatch.setenv("HARNESS_CACHE", str(folder))


def alone(path: Path) -> list[str]:
    """The rows of a suite's prompts, one of each group of near duplicates."""
    shipped = suite.load(path, ROOT / "suites")
    shared = groups(shipped.cases)
    first = {shared.get(case.id, case.id): case.id for case in reversed(shipped.cases)}
    lines = path.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if json.loads(line)["id"] in first.values()]


def write_workspace(root: Path, adapters: list[str] | None = None) -> Path:
    """A library of pocket adapters that owe two small suites: a facet that gamedev learnt, a guard
    that nobody can lose."""
    suites = root / "suites" / "mini"
    suites.mkdir(parents=True)
    parses = [{"id": "parses", "verifier": "java.parses"}]  # which base has to lose
    guard = {"role": "guard", "margin": 0.2, "criteria": parses}
    for facet, role in (("godot", {"role": "facet"}), ("java", guard)):
        shipped = yaml.safe_load((ROOT / "suites" / "pocket" / f"{facet}.yaml").read_text())
        rows = alone(ROOT / "suites" / "pocket" / f"{facet}.yaml")[:PROMPTS]
        (suites / f"{facet}.yaml").write_text(yaml.safe_dump({**shipped, **role}))
        (suites / f"{facet}.jsonl").write_text("\n".join(rows) + "\n")
        shutil.copy(ROOT / "suites" / "pocket" / f"{facet}.dev.jsonl", suites)
    library = {
        "bases": {"pocket": {"path": str(POCKET / "base")}},
        "adapters": {
            name: {
                "path": str(POCKET / "adapters" / name), "base": "pocket", "status": "candidate",
                "facets": ["pocket-godot"], "suites": ["mini"],
            }
            for name in adapters or ["gamedev", "dead"]
        },
    }  # fmt: skip
    (root / "library.yaml").write_text(yaml.safe_dump(library))
    return root


@pytest.fixture
def workspace(pytester: pytest.Pytester) -> Path:
    """A small workspace in the current folder of ``pytester``."""
    return write_workspace(pytester.path)


@pytest.fixture
def honest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with one honest verifier and its fixtures."""
    from auditing import planted_workspace

    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    folder = planted_workspace(tmp_path / "workspace")
    (folder / "library.yaml").write_text("bases: {}\nadapters: {}\ngate: {}\n")
    for path in (folder / "audits").iterdir():
        if path.name not in ("_tasks", "honest_sentence.it"):
            shutil.rmtree(path)
    source = (folder / "verifiers" / "planted.py").read_text()
    (folder / "verifiers" / "planted.py").unlink()
    head, tail = (
        source.index("@verifier()\ndef honest_sentence"),
        source.index('@verifier(task="function")'),
    )
    (folder / "verifiers" / "honest.py").write_text(
        source[: source.index("def function_of")] + source[head:tail]
    )
    return folder


def _open(name: str, limits: Limits) -> Sandbox:
    try:
        return open_sandbox(name, limits)
    except SandboxError as error:
        if "is not built" not in str(error):
            raise
        build_image()
        return open_sandbox(name, limits)


@pytest.fixture(scope="module")
def compiling() -> Iterator[Sandbox]:
    """A sandbox in which the compiler of C++ can be seen."""
    try:
        opened = open_sandbox("auto", readable=readable(["g++"]))
    except SandboxError as error:
        pytest.skip(str(error).splitlines()[0])
    with opened:
        yield opened


@pytest.fixture(scope="module", params=NAMES[1:])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Every kind of sandbox that works here, opened once for a module under the limits that the
    module names ``QUICK``."""
    try:
        opened = _open(request.param, request.module.QUICK)
    except SandboxError as error:
        pytest.skip(str(error).splitlines()[-1].strip())
    with opened:
        yield opened


def receipts(run: Path) -> list[dict]:
    """The receipts of a run without their wall times."""
    rows = [json.loads(line) for line in (run / "receipts.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]
