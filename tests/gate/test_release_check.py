"""One predicate says whether a run allows a release: these bytes, this policy, this page, SHIP."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from run_folders import change, workspace

from harness.doors.cli.main import main
from harness.errors import WorkspaceError
from harness.evidence import attestation
from harness.gate.finished.release import release_check


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose run ships."""
    return workspace(tmp_path_factory.mktemp("release") / "clean", 0, 2)


@pytest.fixture
def place(clean: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return shutil.copytree(clean, tmp_path / "workspace")


def checked(place: Path, adapter: str = "gamedev") -> tuple[int, list[str]]:
    found = release_check(place / "run", adapter, str(place))
    return found.exit_code, found.against


def in_library(old: str, new: str) -> Callable[[Path], object]:
    def edit(place: Path) -> None:
        text = (place / "library.yaml").read_text()
        assert old in text
        (place / "library.yaml").write_text(text.replace(old, new))

    return edit


def without_page(place: Path) -> None:
    """A run whose statement was made again without the page."""
    (place / "run" / attestation.PAGE).unlink()

    def drop(statement: dict) -> None:
        rows = statement["predicate"]["configuration"]
        rows[:] = [row for row in rows if row["name"] != attestation.PAGE]

    change(place / "run" / attestation.NAME, drop)


def new_bytes(place: Path) -> None:
    (place / "adapter" / "adapters.safetensors").write_text("weights, revision 7")


def other_page(place: Path) -> None:
    with (place / "run" / attestation.PAGE).open("a") as page:
        page.write("<p>All is well.</p>")


def new_margin(place: Path) -> None:
    suite = place / "suites" / "humaneval.yaml"
    suite.write_text(suite.read_text().replace("0.05", "0.04"))


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (new_bytes, "/adapter: its bytes are sha256:"),  # F1.9: revision 6 was scored
        (in_library("sentinels: 0", "sentinels: 5"), "library.yaml: gate.sentinels is 5; the run"),
        (in_library("gate:", "gate:\n  alpha: 0.01"), "library.yaml: gate.alpha is 0.01; the run"),
        (in_library("status: candidate", "status: superseded"), "gamedev.status: is superseded"),
        (in_library("    base: pocket", "    base: pebble"), "gamedev.base: is 'pebble'; it was"),
        (in_library("suites:\n    - humaneval\n", "suites:\n"), "suite humaneval: is None;"),
        (new_margin, "suite humaneval: is sha256:"),
        (without_page, "attestation.json: the page of the run's end, scorecard.html, is not in it"),
        (other_page, "attestation.json: predicate.configuration.scorecard.html.sha256: found"),
        (lambda place: change(place / "run/verdict.json", lambda d: d.update(adapter="other")),
         "verdict.json: adapter: found 'other'"),
    ],
)  # fmt: skip
def test_what_differs_from_what_was_judged_is_not_released(place: Path, plant, said):
    if "pebble" in said:
        in_library("bases:", "bases:\n  pebble: {path: base}")(place)
    plant(place)
    code, against = checked(place)
    assert (code, said in against[0]) == (1, True), against


def test_the_same_bytes_anywhere_by_the_same_policy_may_be_released(place: Path, capsys):
    assert checked(place) == (0, [])
    copy = shutil.copytree(place / "adapter", place.parent / "download")
    (copy / "README.md").write_text("no loader reads this")
    assert checked(place, str(copy)) == (0, [])
    asked = ["release-check", str(place / "run"), "--adapter", str(copy), "--library", str(place)]
    with pytest.raises(SystemExit) as ended:
        main(asked)
    assert ended.value.code == 0
    assert capsys.readouterr().out.endswith("run: SHIP: gamedev may be released as it is\n")
    with pytest.raises(WorkspaceError, match="no such folder"):
        checked(place, str(place / "nowhere"))


def test_a_run_of_the_same_bytes_by_another_name_or_lineage_releases_nothing(place: Path):
    listed = yaml.safe_load((place / "library.yaml").read_text())
    listed["adapters"]["full"] = listed["adapters"]["gamedev"] | {"status": "candidate"}
    (place / "library.yaml").write_text(yaml.safe_dump(listed))
    assert checked(place) == (0, [])
    code, against = checked(place, "full")
    assert (code, "the run is about 'gamedev'" in against[0]) == (1, True), against
    listed["adapters"]["gamedev"]["lineage"] = "soul"
    (place / "library.yaml").write_text(yaml.safe_dump(listed))
    assert "lineage: is 'soul'; the run was a look of 'gamedev'" in checked(place)[1][0]


def test_a_run_that_does_not_ship_gives_its_verdict_whatever_else_differs(tmp_path: Path):
    place = workspace(tmp_path / "lost", 0, 30)
    code, against = checked(place)
    assert (code, len(against)) == (1, 1)
    assert against[0].startswith("NO-SHIP humaneval broken: ")
    place = workspace(tmp_path / "open", 2, 5)
    new_bytes(place)
    code, against = checked(place)
    assert code == 2
    assert [line.partition(":")[0] for line in against] == [
        "INCONCLUSIVE humaneval undecided",
        str(place / "adapter"),
    ]
