"""How far an adapter moves its base: nothing, more than training does, or what rounding does."""

from typing import ClassVar

import mlx.core as mx
import pytest
from tiny_model import make_adapter, make_base
from tiny_subject import PROBE

from harness.engines.mlx import MlxEngine
from harness.subjects import effect


class Swayed:
    """A base that is sure of one token, and of another with an adapter; ``shift`` nats apart."""

    identity: ClassVar = {"dtypes": ["float32"]}

    def __init__(self, shift):
        self.shift, self.mounted = shift, None

    def mount(self, adapter):
        self.mounted = adapter

    def log_probabilities(self, probe, _last=None):
        odds = mx.array([[self.shift, 0.0] if self.mounted is None else [0.0, self.shift]])
        return [odds - mx.logsumexp(odds, axis=-1, keepdims=True) for _ in probe]


@pytest.mark.parametrize(("shift", "codes"), [(1.0, []), (9.0, ["effect-strong"])])
def test_an_effect_of_several_nats_is_warned_of(adapter, shift, codes):
    found, warned = effect.probe(Swayed(shift), adapter, [[1], [2]], 1e-4)
    assert (found > effect.STRONG) is bool(codes)
    assert [(fault.code, fault.severity) for fault in warned] == [(code, "warn") for code in codes]


def test_an_effect_within_rounding_is_told_from_a_small_one(base, engine, trained, tmp_path):
    coarse = MlxEngine(make_base(tmp_path / "coarse", dtype="bfloat16"), dtype="as-stored")
    weak = make_adapter(tmp_path / "weak", base, scale=0.002)
    probe = [engine.encode(text, "completion") for text in PROBE]
    assert [f.code for f in effect.probe(coarse, weak, probe, 0.0)[1]] == ["effect-in-rounding"]
    assert effect.probe(engine, weak, probe, 0.0)[1] == [], "in float32 it can be told"
    assert effect.probe(coarse, trained, probe, 0.0)[1] == []
