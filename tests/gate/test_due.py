"""The nightly queue: what is due is gated, what was gated is left, and two queues do not meet."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import pytest
import yaml
from spoken_gate import Gate

from harness.doors.cli.main import main
from harness.errors import RunError
from harness.gate.finished.due import alone, due
from harness.gate.prepare import Options

pytestmark = pytest.mark.usefixtures("no_answers")


def edit(root: Path, change) -> None:
    path = root / "library.yaml"
    data = yaml.safe_load(path.read_text())
    change(data)
    path.write_text(yaml.safe_dump(data))


def looked(root: Path) -> tuple[list[str], list[str], list[str]]:
    found = due(Options("", library=str(root)))
    return found.due, [*found.done], [*found.broken]


def asked(root: Path, *more: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["gate", "--all", "--library", str(root), *more])
    return int(ended.value.code)


def test_a_candidate_is_due_until_a_run_says_what_today_asks(root: Path, capsys):
    shutil.copytree(root / "adapter", root / "second")
    (root / "second/adapters.safetensors").write_text("others")
    second = {"path": "second", "base": "tiny", "facets": ["sums"], "suites": ["sums", "general"]}

    def add(data):
        data["adapters"]["second"] = second | {"status": "candidate"}
        data["adapters"]["later"] = second | {"status": "queued"}
        data["adapters"]["gone"] = second | {"status": "candidate", "path": "gone"}

    edit(root, add)
    assert looked(root) == (["adder", "second"], [], ["gone"])
    Gate(root).run()
    assert looked(root) == (["second"], ["adder"], ["gone"])
    [settings] = (root / "runs").glob("*/settings.json")
    whole = settings.read_text()
    settings.write_text(json.dumps(json.loads(whole) | {"limit": 5}))
    assert looked(root)[0] == ["adder", "second"], "a part decides nothing"
    settings.write_text(whole)
    edit(root, lambda data: [data["adapters"].pop(name) for name in ("second", "gone")])
    capsys.readouterr()
    assert asked(root, "--queue") == 0
    assert "adder: gated already, " in capsys.readouterr().out
    edit(
        root,
        lambda data: data["adapters"].update(gone=second | {"status": "candidate", "path": "x"}),
    )
    assert asked(root) == 4  # nothing is asked of it, and the queue does not end in silence
    assert "adapters.gone.path" in capsys.readouterr().err
    edit(root, lambda data: data["gate"].update(alpha=0.01))
    assert looked(root)[0] == ["adder"]
    edit(root, lambda data: data["gate"].pop("alpha"))
    (root / "adapter/adapters.safetensors").write_text("another revision")
    assert looked(root)[0] == ["adder"]


def test_two_queues_on_one_machine_go_one_after_the_other():
    order: list[str] = []

    def second() -> None:
        with alone(wait=True):
            order.append("second")

    waiting = threading.Thread(target=second)
    with alone(wait=False):
        with pytest.raises(RunError, match="--queue waits for its end"), alone(wait=False):
            pass
        waiting.start()
        order.append("first")
    waiting.join(60)
    assert order == ["first", "second"]


@pytest.mark.parametrize(
    "options", [("--adapter", "adder"), ("--limit", "3"), ("--dev",), ("--run-dir", "here")]
)
def test_a_queue_takes_no_option_of_one_adapter(root: Path, capsys, options):
    assert asked(root, *options) == 4
    said = capsys.readouterr().err
    assert any(text in said for text in ("or --all", "--queue belongs to --all"))
