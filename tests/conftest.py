"""What every test shares: a cache of its own, and small workspaces around the committed pocket factory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parent.parent
POCKET = ROOT / "examples" / "pocket"
PROMPTS = 20  # of a small suite: the fewest of which the harness states a rate


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep answers and certificates of the tests apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def write_workspace(root: Path, adapters: list[str] | None = None) -> Path:
    """A library of pocket adapters that owe two small suites: a facet that gamedev learnt, a guard that nobody can lose."""
    suites = root / "suites" / "mini"
    suites.mkdir(parents=True)
    for facet, role in (("godot", {"role": "facet"}), ("java", {"role": "guard", "margin": 0.3})):
        shipped = yaml.safe_load((ROOT / "suites" / "pocket" / f"{facet}.yaml").read_text())
        rows = (ROOT / "suites" / "pocket" / f"{facet}.jsonl").read_text().splitlines()[:PROMPTS]
        (suites / f"{facet}.yaml").write_text(yaml.safe_dump({**shipped, **role}))
        (suites / f"{facet}.jsonl").write_text("\n".join(rows) + "\n")
    library = {
        "bases": {"pocket": {"path": str(POCKET / "base")}},
        "adapters": {
            name: {
                "path": str(POCKET / "adapters" / name), "base": "pocket", "status": "candidate",
                "facets": ["godot"], "suites": ["mini"],
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


def receipts(run: Path) -> list[dict]:
    """The receipts of a run without their wall times."""
    rows = [json.loads(line) for line in (run / "receipts.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]
