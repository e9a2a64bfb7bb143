"""Several adapters in one command: each leaves the run that it leaves when it is gated alone."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from conftest import receipts, write_workspace
from spoken_gate import Speaker, card, head, workspace_of_sums

from harness.digests import folder_digest
from harness.engines.base import Ask, Generation
from harness.engines.mixed import MixedNotice
from harness.errors import EngineError, WorkspaceError
from harness.evidence.folder import RunFolder
from harness.gate.finished import recheck
from harness.gate.prepare import Options, Prepared
from harness.gate.session import run_gate
from harness.gate.together import Ended, run_gates

pytestmark = pytest.mark.usefixtures("no_answers")
NAMES = ["adder", "loser", "pinned", "odd", "again"]


class Batch(Speaker):
    """A speaker that knows which adapters it was asked for at once, and may be interrupted."""

    def __init__(self, root: Path, ends: int | None = None) -> None:
        super().__init__(set(), prompted=False)
        lost = folder_digest(root / "loser")
        self.fails = {lost: {f"{i}+120" for i in range(0, 120, 2)}}
        self.root, self.ends, self.loaded = root, ends, 0
        self.batches: list[set[str | None]] = []
        self.refused: str | None = None  #: the digest of an adapter that no batch can answer
        self.begun: list[set[str]] = []  #: the runs whose base had answered, at each batch

    def load(self, _: object) -> Batch:
        self.loaded += 1
        return self

    def answer(self, asks: Sequence[Ask]) -> Iterator[tuple[int, Generation]]:
        if asks:
            self.batches.append({ask.adapter for ask in asks})
            self.begun.append({p.parent.name for p in self.root.glob("runs/*/churn.json")})
        if self.refused and self.refused in {ask.adapter for ask in asks}:
            raise EngineError("no answer is a number")
        if self.refused and len({ask.adapter for ask in asks}) == 2:
            raise RuntimeError("[malloc] Unable to allocate 68719476736 bytes.")
        for one in super().answer(asks):
            if self.asked == self.ends:
                raise KeyboardInterrupt
            yield one


def asked(root: Path, *names: str, **more: int) -> list[Options]:
    return [Options(name, library=str(root), run_dir=str(root / "runs"), **more) for name in names]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of one that ships, one that lost the guard, one that is void, one that cannot be
    read, and another release of the first."""
    root = workspace_of_sums(tmp_path_factory.mktemp("several") / "made")
    listed = yaml.safe_load((root / "library.yaml").read_text())
    first = listed["adapters"]["adder"]
    for name in NAMES[1:]:
        shutil.copytree(root / "adapter", root / name)
        (root / name / "adapters.safetensors").write_text(name)
        listed["adapters"][name] = first | {"path": name}
    listed["adapters"]["pinned"]["digest"] = "sha256:" + "0" * 64
    listed["adapters"]["again"]["lineage"] = "adder"
    (root / "odd" / "adapter_config.json").write_text("[]")
    (root / "library.yaml").write_text(yaml.safe_dump(listed))
    return root


@pytest.fixture
def several(made: Path, tmp_path: Path) -> Path:
    """The workspace, in which no gate was run."""
    return shutil.copytree(made, tmp_path / "several")


@pytest.fixture(scope="module")
def alone(made: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """Verdict and end of the chain of those that run, each gated alone."""
    root = shutil.copytree(made, tmp_path_factory.mktemp("alone") / "root")
    found, speaker = {}, Batch(root)
    speaker.identity["device"] = "of its own"  # nothing is kept of another
    for name in ("adder", "loser", "again"):
        own = Options(name, library=str(root), run_dir=str(root / "runs" / name))
        verdict, folder = run_gate(own, load=speaker.load)
        found[name] = verdict.name, head(folder)
    return found


@pytest.mark.parametrize("mix", [True, False], ids=["mixed", "in turn"])
def test_each_leaves_the_run_of_a_gate_alone_even_interrupted_and_what_fails_stops_no_other(
    several: Path, alone: dict[str, tuple[str, str]], mix: bool
):
    first = Batch(several, ends=330)
    with pytest.raises(KeyboardInterrupt):
        list(run_gates(asked(several, *NAMES), load=first.load, mix=mix))
    speaker = Batch(several)
    gates = run_gates(asked(several, *NAMES), load=speaker.load, mix=mix)
    ended = {one.adapter: one for one in gates}
    words = {name: one.word for name, one in ended.items()}
    assert words == {name: alone[name][0] for name in alone} | {
        "pinned": "VOID", "odd": "could not run"
    }  # fmt: skip
    assert "found list, expected an object" in ended["odd"].error
    assert {name: head(several / "runs" / name) for name in alone} == {
        name: chain for name, (_, chain) in alone.items()
    }
    assert all(recheck.recheck(several / "runs" / name).differences == [] for name in alone)
    assert RunFolder(several / "runs" / "again").registration.look == 2, "of one lineage"
    assert len(list((several / "looks").iterdir())) == 3

    of_base = sum(None in batch for batch in first.batches + speaker.batches)
    assert (speaker.loaded, of_base) == (1, 3), "two suites and a canon, asked once for all"
    digests = {folder_digest(several / name) for name in ("loser", "again")}
    begun, batch = next(
        row for row in zip(speaker.begun, speaker.batches, strict=True) if digests & row[1]
    )
    assert (len(batch) == 3) is mix, "all that are mounted at once"
    assert not mix or begun == {"adder", "loser", "again"}, "when all are registered"
    counted = [card(several / "runs" / name)["answers"]["adapter"] for name in alone]
    kept = sum(one["from_cache"] for one in counted)
    assert kept == 9, "only those that were kept of the interrupted command"


def test_what_cannot_be_found_or_is_named_twice_ends_the_command_before_anything(several: Path):
    speaker = Batch(several)
    for names, said in ((["adder", "nobody"], "nobody"), (["adder", "adder"], "named 2 times")):
        with pytest.raises(WorkspaceError, match=said):
            list(run_gates(asked(several, *names), load=speaker.load))
    assert (speaker.loaded, speaker.asked) == (0, 0)


def test_a_batch_that_breaks_keeps_only_the_adapter_from_running_that_broke_it(several: Path):
    """Of three the one whose answers are no numbers; the batch of the others has no memory."""
    speaker = Batch(several)
    speaker.refused = folder_digest(several / "loser")
    asks = asked(several, "adder", "loser", "again", limit=1)
    ended = {one.adapter: one for one in run_gates(asks, load=speaker.load, mix=True)}
    said = {name: one.error for name, one in ended.items() if one.verdict is None}
    assert said == {"loser": "no answer is a number"}


def test_a_base_that_is_replaced_meanwhile_is_loaded_again_and_shares_no_batch(several: Path):
    engines: list[Batch] = []

    def load(_: object) -> Batch:
        engines.append(Batch(several))
        return engines[-1]

    def begun(prepared: Prepared) -> None:
        if prepared.wanted.entry.name == "adder":
            (several / "base" / "config.json").write_text("{ }")

    asks = asked(several, "pinned", "adder", "again", limit=1)
    words = {one.adapter: one.word for one in run_gates(asks, load=load, begun=begun, mix=True)}
    assert (words["pinned"], words["adder"]) == ("VOID", "VOID")
    later = folder_digest(several / "again")
    assert [any(later in batch for batch in one.batches) for one in engines] == [False, True]


@pytest.mark.parametrize(
    ("other", "error"),
    [("loser", None), ("again", "another look of adder was recorded since this gate was regis")],
)
def test_a_run_goes_on_after_a_look_of_another_lineage_and_not_of_its_own(several, other, error):
    def gated(name: str, ends: int | None = None) -> Ended:
        [ended] = run_gates(
            [replace(asked(several, name, limit=1)[0], run_dir=str(several / "runs" / name))],
            load=Batch(several, ends).load,
        )
        return ended

    with pytest.raises(KeyboardInterrupt):
        gated("adder", ends=2)  # while base is asked
    assert gated(other).verdict is not None
    found = gated("adder")
    assert (found.verdict is None, (error or "") in found.error) == (error is not None, True)


@pytest.mark.slow
def test_two_adapters_of_the_pocket_in_one_batch_leave_the_receipts_of_two_gates(tmp_path: Path):
    """The real engine, whose batch may not fall back."""
    root, names = write_workspace(tmp_path, ["gamedev", "legacy"]), ("gamedev", "legacy")
    with warnings.catch_warnings():
        warnings.simplefilter("error", MixedNotice)
        together = list(run_gates(asked(root, *names), mix=True))
    shutil.rmtree(root / "looks")
    for answers in Path(os.environ["HARNESS_CACHE"]).glob("answers*"):
        answers.unlink()
    for one in together:
        own = Options(one.adapter, library=str(root), run_dir=str(root / one.adapter))
        verdict, folder = run_gate(own)
        assert one.folder is not None
        assert (one.word, receipts(one.folder)) == (verdict.name, receipts(folder))
