"""A fused model: what rounding left of the update, what it says, and whether it had better be kept
mounted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import ROOT
from tiny_model import make_adapter, make_base

from harness import selfscore
from harness.content import library, workspace
from harness.digests import folder_digest
from harness.engines.mlx import MlxEngine
from harness.subjects.base import Bench, Evidence, Owed
from harness.subjects.kinds import find
from harness.subjects.kinds.fused import Spec
from harness.subjects.kinds.fused.checkpoint import Checkpoint
from harness.subjects.kinds.fused.faults import of_folder
from harness.subjects.kinds.fused.kept import Update, kept
from harness.subjects.kinds.fused.reasons import decide

GROUP, SIDE, RANK = 64, 512, 8


def matrix(folder: Path, bits: int, size: float) -> tuple[Checkpoint, Checkpoint, Update]:
    """A base of one random matrix in so few bits, an update of that relative size, and the two
    fused as mlx-lm does: dequantised, added, quantised again."""
    import mlx.core as mx

    mx.random.seed(0)
    form = {"group_size": GROUP, "bits": bits}

    def saved(name: str, weight: mx.array) -> mx.array:
        (folder / name).mkdir(parents=True)
        packed, scales, biases = mx.quantize(weight, **form)
        parts = {"x.weight": packed, "x.scales": scales, "x.biases": biases}
        mx.save_safetensors(str(folder / name / "model.safetensors"), parts)
        (folder / name / "config.json").write_text(json.dumps({"quantization": form}))
        return mx.dequantize(packed, scales, biases, **form)

    weight = saved("base", mx.random.normal((SIDE, SIDE)))
    a, b = mx.random.normal((SIDE, RANK)), mx.random.normal((RANK, SIDE))
    scale = float(size * mx.linalg.norm(weight) / mx.linalg.norm(a @ b))
    (folder / "soul").mkdir()
    tensors = {"x.lora_a": a, "x.lora_b": b}
    mx.save_safetensors(str(folder / "soul" / "adapters.safetensors"), tensors)
    said = {"fine_tune_type": "lora", "lora_parameters": {"rank": RANK, "scale": scale}}
    (folder / "soul" / "adapter_config.json").write_text(json.dumps(said))
    saved("fused", weight + scale * (a @ b).T)
    return Checkpoint(folder / "base"), Checkpoint(folder / "fused"), Update(folder / "soul")


#: the method's S2: by bits, the share that is left of an update of 1, 3, 10 and 30 % of the weight
REFERENCE = {3: (None, 0.06, 0.20, 0.94), 4: (None, 0.12, 0.80, 1.0), 6: (0.22, 0.92, 1.0, 1.0)}
REFERENCE[8] = (0.98, 1.0, 1.0, 1.0)


@pytest.mark.parametrize("bits", REFERENCE)
def test_what_rounding_leaves_is_what_the_method_measured(tmp_path, bits):
    for size, left in zip((0.01, 0.03, 0.1, 0.3), REFERENCE[bits], strict=True):
        if left is not None:
            found = kept(*matrix(tmp_path / str(size), bits, size), "x")
            assert found["kept"] == pytest.approx(left, abs=0.1), (bits, size)
            assert not found["same"]


def evidence(share: float = 1.0, worst: float = 0.9, moved: float = 0.02, **more) -> Evidence:
    shares = {"a": share, "b": share, "c": min(share, worst)}
    layers = {name: {"kept": one, "drift": 0.1, "same": False} for name, one in shares.items()}
    said = {"mounted": 0.1, "fused": 0.1 * moved, "alike": 31, "tokens": 32}
    measured = {"kept": layers, "moved": {"s 1": said, "s 2": said}}
    return Evidence(Spec(adapter="soul"), {}, measured, {}, {}, **more)


def answers(fused: list[str], adapter: list[str] | None = None) -> dict:
    """A facet of 200 prompts that the mounted adapter all passes."""
    arms = {"mounted": ["pass"] * 200, "fused": fused, "adapter": adapter or fused}
    return {"s": {arm: {str(n): [one] for n, one in enumerate(r)} for arm, r in arms.items()}}


BROKEN = ["fail"] * 40 + ["pass"] * 160
FACET = {"s": {"role": "facet", "facet": "soul"}}


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({}, "fuse-kept", "hold 1.000 of the update (median of 3 matrices; worst 0.900, c)"),
        ({"share": 0.78, "worst": 0.41}, "fuse-lost", "hold 0.780 of the update"),
        ({"worst": 0.41}, "fuse-lost", "worst 0.410, c"),
        ({"moved": 0.57}, "fuse-lost", "0.57 of what the adapter moves the base away"),
    ],
)
def test_keep_it_mounted_is_a_verdict_with_its_number(changed, code, said):
    _, [reason] = decide(evidence(**changed))
    assert reason.code == code
    assert said in reason.text
    assert ("keep the adapter mounted" in reason.text) is (code == "fuse-lost")


def test_weights_alone_decide_at_the_preflight():
    layers = evidence(0.08).measured["kept"]
    _, [reason] = decide(Evidence(Spec(adapter="soul"), {}, {"kept": layers}, {}, {}))
    assert reason.code == "fuse-lost"
    layers = evidence().measured["kept"]
    assert decide(Evidence(Spec(adapter="soul"), {}, {"kept": layers}, {}, {}))[1] == []


def test_answers_decide_beside_weights():
    def codes(outcomes: dict) -> list[str]:
        made = evidence()
        seen = Evidence(made.own, {}, made.measured, FACET, outcomes, groups={"s": {}})
        return [reason.code for reason in decide(seen)[1]]

    assert codes(answers(["pass"] * 200)) == ["fuse-kept"]
    assert codes(answers(BROKEN)) == ["fuse-gap"]
    assert codes(answers(["fail"] * 5 + ["pass"] * 195)) == ["fuse-gap"]
    assert codes(answers(["pass"] * 200, BROKEN)) == ["soul-lost"]
    nothing = {"a": {"kept": 0.0, "drift": 1.0, "same": True}}
    assert [
        r.code for r in decide(Evidence(Spec(adapter="soul"), {}, {"kept": nothing}, {}, {}))[1]
    ] == ["fuse-nothing"]


def test_five_arms_and_the_base_stands_first():
    place = workspace.find(ROOT)
    listed = library.load(place)
    entry = library.resolve(place, listed, "gamedev-fused")
    digests = {"base": "b", "adapter": "f", "soul": "s", "thin": "t"}
    bench = Bench(entry, {}, {}, digests, lambda: pytest.fail("nothing is loaded"))
    kind = find("fused")
    asked = kind.arms(Owed("s", "guard", bench, again=True))
    told = {arm.id: (arm.weights, arm.mount) for arm in asked}
    assert asked[0].id == "base"
    assert told == {
        "base": ("b", None), "adapter": ("f", "t"), "fused": ("f", None), "mounted": ("b", "s"),
        "thin-alone": ("b", "t"), "again": ("b", None),
    }  # fmt: skip
    compared = [(c.id, c.first, c.second) for c in kind.contrasts(Owed("s", "guard", bench), asked)]
    assert compared[0] == ("guard", "adapter", "base")
    assert compared[-1] == ("fuse", "fused", "mounted")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    base = make_base(tmp_path / "base")
    fused = make_base(tmp_path / "fused", seed=1)
    return base, fused, make_adapter(tmp_path / "soul", base, trained_on_base=folder_digest(base))


def test_a_folder_at_fault_is_named_before_it_is_loaded(folders):
    base, fused, soul = folders

    def codes() -> list[str]:
        read = (Checkpoint(base), Checkpoint(fused), Update(soul))
        return [fault.code for fault in of_folder(*read, base)]

    assert codes() == []
    config = json.loads((fused / "config.json").read_text())
    said = json.dumps({**config, "quantization": {"bits": 4, "group_size": 64}})
    (fused / "config.json").write_text(said)
    assert codes() == ["fused-config"]
    (fused / "config.json").write_text(json.dumps(config))
    tokenizer = (fused / "tokenizer.json").read_text()
    (fused / "tokenizer.json").unlink()
    assert codes() == ["fused-incomplete"]
    (fused / "tokenizer.json").write_text(tokenizer.replace('"Ġ', '"#'))
    assert "fused-tokenizer" in codes()


def test_one_engine_stands_on_one_model_and_comes_back(folders):
    base, fused, soul = folders
    engine, alone = MlxEngine(base), MlxEngine(fused)
    rows = [[1, 2, 3, 4]]
    before = engine.log_probabilities(rows)[0]
    identity = engine.identity
    engine.stand(fused)
    assert (engine.log_probabilities(rows)[0] == alone.log_probabilities(rows)[0]).all()
    engine.stand()
    engine.mount(soul)
    engine.mount(None)
    assert (engine.log_probabilities(rows)[0] == before).all()
    assert engine.identity == identity


def test_three_bits_are_caught_and_eight_are_not():
    [plant] = [one for one in find("fused").plants() if one.number == "F2.1"]
    [found] = selfscore.tried([plant])
    assert found.word == "caught", found.said
