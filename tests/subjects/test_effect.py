"""How far an adapter moves its base: nothing, more than training does, or what rounding does."""

import mlx.core as mx
import numpy as np
import pytest
from scipy import special
from tiny_model import make_adapter, make_base
from tiny_subject import PROBE

from harness.engines.mlx import MlxEngine
from harness.subjects import effect


class Swayed:
    """A base that is sure of one token, and of another with an adapter; ``shift`` nats apart."""

    def __init__(self, shift):
        self.shift, self.mounted = shift, None

    def mount(self, adapter):
        self.mounted = adapter

    def shake(self):
        """A base whose numbers are exact."""
        self.mounted = None

    def log_probabilities(self, probe, _last=None):
        odds = mx.array([[self.shift, 0.0] if self.mounted is None else [0.0, self.shift]])
        return [odds - mx.logsumexp(odds, axis=-1, keepdims=True) for _ in probe]


@pytest.mark.parametrize(("shift", "codes"), [(1.0, []), (9.0, ["effect-strong"])])
def test_an_effect_of_several_nats_is_warned_of(adapter, shift, codes):
    found, warned = effect.probe(Swayed(shift), adapter, [[1], [2]], 1e-4)
    assert (found > effect.STRONG) is bool(codes)
    assert [(fault.code, fault.severity) for fault in warned] == [(code, "warn") for code in codes]


@pytest.mark.parametrize(("first", "second"), [(-1e-6, 2e-6), (0.3, -0.4), (9.0, -150.0)])
def test_what_is_moved_is_the_divergence_also_where_it_is_next_to_nothing(first, second):
    """sum p (p - q) in float32 is off by 1e-7, which is more than most of what rounding moves."""
    logits = np.array([[first, 0.5, -0.25], [second, 0.5, -0.25]])
    exact = logits - special.logsumexp(logits, axis=1, keepdims=True)
    expected = float((np.exp(exact[0]) * (exact[0] - exact[1])).sum())
    p, q = (mx.array(row[None].astype(np.float32)) for row in exact)
    found = effect.moved([p], [q])
    assert found.nats == pytest.approx(expected, rel=0.1)
    assert found.changed == (first > 0.5)


def test_what_rounding_moves_is_measured_on_the_base_and_in_its_type(base, engine, tmp_path):
    """In bfloat16 an adapter of 1e-5 nats moves 20 times as much by rounding: over a fixed limit of
    1e-4 it had an effect, and in float32, where it is seen, none."""
    probe = [engine.encode(text, "completion") for text in PROBE]
    coarse = MlxEngine(make_base(tmp_path / "coarse", dtype="bfloat16"), dtype="as-stored")
    few = MlxEngine(base, bits=4)
    told = {}
    for scale in (0.002, 0.01, 0.02, 0.2):
        weak = make_adapter(tmp_path / str(scale), base, scale=scale)
        boxes = {"float32": engine, "4 bits": few, "bfloat16": coarse}
        found = {name: effect.probe(box, weak, probe, 0.0) for name, box in boxes.items()}
        told[scale] = {name: [f.code for f in faults] for name, (_, faults) in found.items()}
        if scale == 0.002:
            assert found["float32"][0] < 2e-5 < 1e-4 < found["bfloat16"][0]
    fine = {"float32": [], "4 bits": []}
    assert told[0.002] == {key: ["effect-small"] for key in fine} | {"bfloat16": ["no-effect"]}
    assert told[0.01] == fine | {"bfloat16": ["no-effect"]}
    assert told[0.02] == fine | {"bfloat16": ["effect-in-rounding"]}
    assert told[0.2] == fine | {"bfloat16": []}
    [asked] = effect.probe(engine, tmp_path / "0.01", probe, 1e-3)[1]
    assert (asked.code, "under gate.min_effect, 0.001" in asked.text) == ("no-effect", True)


def test_what_rounding_moves_leaves_the_base_as_it_was(engine):
    ids = [[5, 6, 7]]
    engine.mount(None)
    [bare] = engine.log_probabilities(ids)
    engine.shake()
    assert not mx.array_equal(engine.log_probabilities(ids)[0], bare)
    engine.mount(None)
    assert mx.array_equal(engine.log_probabilities(ids)[0], bare)
