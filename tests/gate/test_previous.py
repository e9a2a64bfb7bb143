"""Yesterday's release answers beside base in the gate of today's."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from spoken_gate import Gate, Speaker, codes

from harness.content import library, workspace
from harness.doors.cli.main import main
from harness.evidence.folder import RunFolder
from harness.evidence.releases import Record, record
from harness.gate.finished.release import release_check
from harness.subjects.arms import PREVIOUS
from harness.verdict import Name

pytestmark = pytest.mark.usefixtures("no_answers")
LAST = {"path": "last", "base": "tiny", "status": "shipped", "lineage": "adder", "release": "1"}


class Both(Speaker):
    """An engine on which the last release knows all that the adapter may have forgotten."""

    def answer(self, asks):
        for last in (False, True):
            at = [n for n, ask in enumerate(asks) if ("previous" in str(ask.mount)) is last]
            forgot, self.breaks = self.breaks, set() if last else self.breaks
            for number, said in super().answer([asks[n] for n in at]):
                yield at[number], said
            self.breaks = forgot


@pytest.fixture
def released(root: Path) -> Path:
    """The workspace with a release before the adapter."""
    (root / "last").mkdir()
    (root / "last/adapter_config.json").write_text("{}")
    (root / "last/adapters.safetensors").write_text("weights of yesterday")
    edit(root, last=LAST | {"facets": ["sums"], "suites": ["sums", "general"]})
    return root


def edit(root: Path, **adapters: dict) -> None:
    data = yaml.safe_load((root / "library.yaml").read_text())
    data["adapters"] |= adapters
    (root / "library.yaml").write_text(yaml.safe_dump(data))


def tagged(root: Path, suite: str, tag: str) -> None:
    """Tag every other prompt of a suite, and make a guard of the tag."""
    path = root / "suites" / f"{suite}.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows[::2]:
        row["tags"] = [tag]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    library = root / "library.yaml"
    library.write_text(
        library.read_text().replace("gate:", f"gate:\n  slices: {{{suite}: {{{tag}: 0.2}}}}", 1)
    )


def gate(root: Path, breaks: set[str], **options: str) -> Gate:
    made = Gate(root, **options)
    made.speaker = Both(breaks, False)
    return made


FORGOT = {f"{n}+40" for n in range(12)}


def test_a_release_that_forgot_what_the_last_one_knew_does_not_ship(released: Path):
    verdict = gate(released, FORGOT, run_dir=str(released / "run")).run()
    assert verdict.name is Name.NO_SHIP
    assert "improved" in codes(verdict)  # over base it is a gain
    [said] = verdict.deciding
    assert (said.code, said.about, len(said.cases)) == ("worse-than-previous", "sums", 12)
    rows = RunFolder(released / "run").receipts
    arms = [row.arm for row in rows if row.suite == "general"]
    assert arms.count(PREVIOUS) == arms.count("adapter") == 120
    found = RunFolder(released / "run").registration
    assert found.previous == "last"


def test_one_that_forgot_nothing_ships_against_the_release_that_the_library_names(released: Path):
    run = str(released / "run")
    tagged(released, "general", "even")
    verdict = gate(released, set(), run_dir=run).run()
    assert verdict.name is Name.SHIP, verdict.deciding
    assert {"previous-held", "slice-held"} <= {*codes(verdict)}
    assert release_check(released / "run", "adder", str(released)).against == []
    (released / "last/adapters.safetensors").write_text("weights of the day before")
    [said] = release_check(released / "run", "adder", str(released)).against
    assert "the bytes of its last release are" in said
    edit(released, last=LAST | {"facets": ["sums"], "suites": ["sums"], "status": "superseded"})
    [said] = release_check(released / "run", "adder", str(released)).against
    assert said.endswith("its last release is none; asked was last")


def test_a_last_release_of_other_bytes_than_the_library_pins_is_no_baseline(released: Path):
    pinned = LAST | {"facets": ["sums"], "suites": ["sums"], "digest": "sha256:" + "0" * 64}
    edit(released, last=pinned)
    verdict = gate(released, set(), run_dir=str(released / "run")).run()
    assert (verdict.name, verdict.deciding[0].code) == (Name.VOID, "previous-unfit")


def test_a_last_release_of_another_base_or_other_bytes_than_were_shipped_is_no_baseline(
    released: Path,
):
    config = released / "last/adapter_config.json"
    config.write_text(json.dumps({"trained_on_base": "sha256:" + "0" * 64}))
    verdict = gate(released, set(), run_dir=str(released / "run")).run()
    assert (verdict.name, verdict.deciding[0].code) == (Name.VOID, "previous-unfit")
    assert "was trained on base sha256:000" in verdict.deciding[0].text
    config.write_text("{}")
    made = Record(
        adapter="last", adapter_digest="sha256:1", base="tiny", base_digest="sha256:b",
        run="runs/0", registration="sha256:r", receipts_digest="sha256:r", verdict=Name.SHIP,
        command=["hf"], exit_code=0, outcome="shipped", began="2026-01-01T00:00:00",
        ended="2026-01-01T00:00:01", by="ada", harness="0",
    )  # fmt: skip
    record(released / "releases", made)
    verdict = gate(released, set(), run_dir=str(released / "again")).run()
    assert (verdict.name, verdict.deciding[0].code) == (Name.VOID, "previous-unfit")
    assert "sha256:1 was released" in verdict.deciding[0].text


def test_releases_that_name_each_other_as_the_last_one_are_no_endless_search(released: Path):
    both = LAST | {"facets": ["sums"], "suites": ["sums"]}
    edit(released, last=both | {"previous": "old"}, old=both | {"previous": "last"})
    place = workspace.find(str(released))
    found = library.resolve(place, library.load(place), "last").previous
    assert found is not None
    assert (found.name, found.previous) == ("old", None)


def ended(*asked: object) -> int:
    with pytest.raises(SystemExit) as out:
        main([str(one) for one in asked])
    return int(out.value.code)


def begun(root: Path) -> Path:
    """A workspace that ``harness init`` writes around base and adapter, its facet filled in."""
    own, adapter = root / "own", (root / "adapter").rename(root / "adder")
    asked = ("--base", root / "base", "--adapter", adapter, "--facet", "sums")
    assert ended("init", own, *asked) == 0
    shutil.rmtree(own / "suites" / "sums")  # two prompts to begin with
    for name in ("verifiers", "suites", "audits"):
        shutil.copytree(root / name, own / name, dirs_exist_ok=True)
    listed = yaml.safe_load((own / "library.yaml").read_text())["adapters"]["adder"]
    edit(own, adder=listed | {"suites": ["sums", "general"]})
    policy = yaml.safe_load((root / "library.yaml").read_text())["gate"]
    library = yaml.safe_load((own / "library.yaml").read_text()) | {"gate": policy}
    (own / "library.yaml").write_text(yaml.safe_dump(library))
    return own


def test_the_owners_day_a_release_ships_and_is_what_the_next_one_is_held_against(
    root: Path, capsys: pytest.CaptureFixture[str]
):
    own = begun(root)
    assert Gate(own).run().name is Name.SHIP
    assert ended("ship", "adder", "--library", own, "--", sys.executable, "-c", "pass") == 0
    assert "status: shipped" in (own / "library.yaml").read_text()
    shutil.copytree(root / "adder", own / "two")
    (own / "two/adapters.safetensors").write_text("weights of today")
    listed = yaml.safe_load((own / "library.yaml").read_text())["adapters"]["adder"]
    edit(own, two=listed | {"path": "two", "status": "candidate", "lineage": "adder"})
    second = gate(own, FORGOT)
    second.options = replace(second.options, adapter="two")
    verdict = second.run()
    assert (verdict.name, verdict.deciding[0].code) == (Name.NO_SHIP, "worse-than-previous")
    assert "the last release (adder)" in verdict.deciding[0].text
    assert ended("ship", "two", "--library", own, "--", sys.executable, "-c", "1 / 0") == 1
    capsys.readouterr()
    assert ended("library", "--library", own) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[:3] for row in rows] == [
        ["adder", "shipped", "shipped"],
        ["two", "candidate", "base"],
    ]
    assert len(list((own / "releases").glob("*.json"))) == 1
