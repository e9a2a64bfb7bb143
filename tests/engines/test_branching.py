"""One prompt is read once for all that is asked of it, and nothing else comes of that."""

import mlx.core as mx
import pytest
from tiny_model import architectures, edit_tensors, make_adapter, make_base

from harness.engines import branching, mixed
from harness.engines.base import Ask, Decoding
from harness.engines.decoding import branches
from harness.engines.decoding.ends import NotFinite
from harness.engines.mlx import MlxEngine
from harness.errors import EngineError

PROMPTS = ["def add(a, b):\n    ", "The quick brown", " \n"]
SEEDS = range(12)
#: keys and values of all tokens, other forms of them, of the last ones only, and a state
SHAPES = {"llama": True, "deepseek_v3": True, "gpt_oss": False, "mamba": False}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="module")
def adapter(base):
    return make_adapter(base.parent / "adapter", base)


@pytest.fixture(scope="module")
def engine(base):
    return MlxEngine(base)


def asks(mounts, decoding, seeds=SEEDS):
    """Every prompt to each of the mounts, drawn by every seed."""
    return [
        Ask(prompt, "completion", None, decoding, seed, "base", str(mount), mount)
        for seed in seeds
        for prompt in PROMPTS
        for mount in mounts
    ]


@pytest.mark.parametrize(("temperature", "stop"), [(1.0, ()), (0.3, ("re",))])
def test_draws_are_those_that_rows_of_their_own_give(engine, adapter, temperature, stop):
    wanted = asks([None, adapter], Decoding(12, stop, temperature))
    found = dict(branching.answer(engine, wanted))
    assert found == dict(mixed.answer(engine, wanted))
    assert {said.finish for said in found.values()} >= {"length", "stop" if stop else "eos"}
    assert len({*found.values()}) > len(PROMPTS) * 2


def test_a_prompt_is_read_once_and_draws_that_agree_are_one_row(engine, monkeypatch):
    rows, read = [], branches.Branches._read

    def counted(self, tokens):
        rows.append((len(tokens), len(tokens[0])))
        return read(self, tokens)

    monkeypatch.setattr(branches.Branches, "_read", counted)
    ids = engine.encode(PROMPTS[0], "completion")
    engine.mount(None)
    cold = branches.draws(engine.batches, ids, Decoding(6, temperature=1e-4), SEEDS)
    assert rows == [(1, len(ids)), *[(1, 1)] * (len(rows) - 1)]
    assert len({*cold}) == 1
    rows.clear()
    warm = branches.draws(engine.batches, ids, Decoding(6, temperature=1.0), SEEDS)
    assert rows[0] == (1, len(ids))
    assert 1 < rows[1][0] <= rows[-1][0] <= len({*warm})


@pytest.mark.parametrize("mounted", [False, True])
def test_losses_are_those_of_each_answer_alone(engine, adapter, mounted):
    engine.mount(adapter if mounted else None)
    prompt = engine.encode(PROMPTS[0], "completion")
    answers = [[7], [9, 8, 7, 6], [9, 8], [5, 5, 5]]
    found = branching.losses(engine, prompt, answers)
    alone = []
    for ids in answers:
        [said] = engine.log_probabilities([prompt + ids[:-1]], len(ids))
        alone.append(-sum(said[at, id].item() for at, id in enumerate(ids)))
    assert found == pytest.approx(alone, rel=1e-4)
    assert branching.losses(engine, prompt, [[7]]) == pytest.approx(alone[:1], rel=1e-4)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.filterwarnings("ignore::harness.engines.decoding.numerics.BatchNotice")
@pytest.mark.filterwarnings("ignore::harness.engines.mixed.MixedNotice")
def test_a_base_whose_rows_are_more_answers_as_ever(tmp_path, name):
    engine = MlxEngine(make_base(tmp_path / name, config=architectures()[name]))
    assert branches.fit(engine.batches.model) == SHAPES[name]
    wanted = asks([None], Decoding(6, temperature=1.0), range(6))
    assert dict(branching.answer(engine, wanted)) == dict(mixed.answer(engine, wanted))


def test_what_cannot_be_read_and_logits_that_are_no_numbers_are_said(engine, base, tmp_path):
    broken = make_adapter(tmp_path / "broken", base)
    edit_tensors(broken, lambda all_: {k: v * mx.array(mx.nan) for k, v in all_.items()})
    wanted = asks([None, broken], Decoding(4, temperature=1.0), range(2))
    with pytest.raises(NotFinite, match="broken: the base with this adapter answers prompt 1 "):
        list(branching.answer(engine, wanted))
    ids = [1] * engine.context
    with pytest.raises(EngineError, match="prompt 0 has 128 tokens; the base's context is 128"):
        branches.draws(engine.batches, ids, Decoding(4, temperature=1.0), SEEDS)
