"""The engine answers what the library would answer one prompt at a time, and a swap leaves nothing
behind."""

import math
import warnings
from collections import Counter

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten
from mlx_lm.generate import generate_step
from mlx_lm.sample_utils import make_logits_processors
from mlx_lm.utils import load
from tiny_model import edit_config, make_adapter, make_base

from harness.engines import mixed
from harness.engines.base import Decoding
from harness.engines.mlx import MlxEngine
from harness.errors import EngineError

PROMPTS = [
    "def add(a, b):\n    ",
    "x",
    "Write a function that adds two numbers and returns",
    "class Shape:\n    def area(self)",
    "func _ready() -> void:\n\temit",
    "The quick brown",
    "signal hit(",
    "return",
    "extends Node2D\n",
    " \n",
]
KINDS = {
    "all layers": {},
    "two layers": {"num_layers": 2},
    "attention only": {"keys": ["self_attn.q_proj", "self_attn.v_proj"]},
    "with embedding": {"keys": ["self_attn.q_proj", "model.embed_tokens"]},
    "dora": {"kind": "dora"},
    "dropout": {"dropout": 0.5},
    "full": {"kind": "full"},
}


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="session")
def adapter(base):
    return make_adapter(base.parent / "adapter", base)


@pytest.fixture(scope="session")
def engine(base):
    return MlxEngine(base)


def logits(engine, text="def add(a, b):"):
    return engine.log_probabilities([engine.encode(text, "completion")])[0]


def alone(model, tokenizer, ids, most, processors=()):
    """Greedy token ids by the library's own single-prompt loop, without the end token."""
    found = []
    asked = {"max_tokens": most, "logits_processors": list(processors)}
    for token, _ in generate_step(mx.array(ids), model, **asked):
        if int(token) in tokenizer.eos_token_ids:
            break
        found.append(int(token))
    return found


@pytest.mark.parametrize("mounted", [False, True], ids=["base", "adapter"])
def test_batched_answers_equal_answers_one_at_a_time(engine, base, adapter, mounted):
    engine.mount(adapter if mounted else None)
    prompts = [engine.encode(text, "completion") for text in PROMPTS * 4]  # more than one batch
    batched = dict(engine.generate(prompts, Decoding(24)))
    model, tokenizer = load(str(base), adapter_path=str(adapter) if mounted else None)
    for index, ids in enumerate(prompts):
        expected = alone(model, tokenizer, ids, 24)
        assert batched[index].text == tokenizer.decode(expected), PROMPTS[index % len(PROMPTS)]
        assert batched[index].tokens == len(expected)


def test_the_first_batch_is_answered_first_and_the_longest_of_the_others_next(engine):
    engine.mount(None)
    engine.settle(batch=2)
    prompts = [[5] * n for n in (3, 2, 4, 5, 6, 7, 8)]
    told = [number for number, _ in engine.generate(prompts, Decoding(1))]
    assert (told[:2], told[2:]) == ([0, 1], [6, 5, 4, 3, 2])


@pytest.mark.parametrize("way", ["together", "steady", "alone", "step"])
def test_a_repetition_penalty_is_the_librarys_in_every_way(engine, base, monkeypatch, way):
    engine.mount(None)
    engine.settle()
    prompts = [engine.encode(text, "completion") for text in PROMPTS]
    plain = dict(engine.generate(prompts, Decoding(40)))
    monkeypatch.setattr(engine.batches, "way", way)
    penalised = dict(engine.generate(prompts, Decoding(40, repetition_penalty=1.5)))
    model, tokenizer = load(str(base))
    for index, ids in enumerate(prompts):
        expected = alone(model, tokenizer, ids, 40, make_logits_processors(None, 1.5))
        assert penalised[index].text == tokenizer.decode(expected), PROMPTS[index]
    assert penalised != plain


@pytest.mark.parametrize("kind", KINDS)
def test_swapping_to_an_adapter_equals_a_fresh_load_and_leaves_nothing(
    base, tmp_path, engine, adapter, kind
):
    other = make_adapter(tmp_path / "other", base, seed=3, **KINDS[kind])
    engine.mount(None)
    bare = logits(engine)
    engine.mount(adapter)
    engine.mount(other)
    model, tokenizer = load(str(base), adapter_path=str(other))
    fresh = model(mx.array([tokenizer.encode("def add(a, b):")]))[0]
    assert mx.array_equal(logits(engine), fresh - mx.logsumexp(fresh, axis=-1, keepdims=True))
    assert not mx.array_equal(logits(engine), bare)
    engine.mount(None)
    assert mx.array_equal(logits(engine), bare)


def test_a_refused_adapter_leaves_the_bare_base(base, tmp_path, engine):
    engine.mount(None)
    bare = logits(engine)
    other = make_adapter(tmp_path / "other", base)
    edit_config(other, lora_parameters={"rank": 8})
    with pytest.raises(EngineError, match=r"mlx-lm refuses it: .*\n.*shape"):
        engine.mount(other)
    assert mx.array_equal(logits(engine), bare)


def test_a_drawn_answer_depends_on_its_seed_and_on_nothing_else_in_the_batch(engine):
    engine.mount(None)
    prompts = [engine.encode(text, "completion") for text in PROMPTS * 4]
    warm = Decoding(24, temperature=1.5)
    together = dict(engine.generate(prompts, warm, range(40)))
    for number in (0, 7, 23):
        [(_, alone)] = engine.generate([prompts[number]], warm, [number])
        assert alone == together[number]
    assert len({together[n].text for n in range(0, 40, len(PROMPTS))}) == 4, (
        "four seeds, one prompt"
    )
    cold = dict(engine.generate(prompts, Decoding(24, temperature=1e-4), range(40)))
    assert cold == dict(engine.generate(prompts, Decoding(24)))


def test_what_is_drawn_follows_the_models_probabilities(engine):
    engine.mount(None)
    ids = engine.encode("x", "completion")
    drawn = dict(engine.generate([ids] * 2000, Decoding(1, temperature=0.8), range(2000)))
    ends = engine.tokenizer.eos_token_ids
    expected = Counter()  # by text: a token that is half a character reads like any other
    for token, share in enumerate(
        mx.softmax(engine.log_probabilities([ids], last=1)[0][0] / 0.8).tolist()
    ):
        expected["" if token in ends else engine.tokenizer.decode([token])] += share
    counts = Counter(answer.text for answer in drawn.values())
    for text, share in expected.most_common(5):
        assert abs(counts[text] / 2000 - share) < 5 * math.sqrt(share * (1 - share) / 2000)


def test_a_leading_space_is_kept(engine):
    ids = engine.encode(" two  spaces", "completion")
    assert engine.batches.finish(ids, "length", ()).text == " two  spaces"


def test_a_stop_string_is_found_across_token_borders(engine):
    engine.mount(None)
    prompt = engine.encode("class Shape:", "completion")
    [(_, whole)] = engine.generate([prompt], Decoding(40))
    for start in range(4, len(whole.text) - 3):
        stop = whole.text[start : start + 3]
        if "\ufffd" not in stop:  # half a character is no text yet
            [(_, cut)] = engine.generate([prompt], Decoding(40, (stop,)))
            assert cut.finish == "stop"
            assert cut.text == whole.text[: whole.text.index(stop)]
    [(_, kept)] = engine.generate([prompt], Decoding(40, ("no such text",)))
    assert kept == whole


def test_an_answer_ends_with_the_context(engine):
    engine.mount(None)
    prompt = engine.encode("x" * 200, "completion")[:124]
    [(_, answer)] = engine.generate([prompt], Decoding(100))
    assert answer.tokens <= 4
    with pytest.raises(EngineError, match="prompt 1 has 128 tokens; the base's context is 128"):
        list(engine.generate([prompt, prompt + prompt[:4]], Decoding(100)))


@pytest.fixture(scope="session")
def others(base):
    """Adapters of another rank, scale and reach."""
    root = base.parent
    return [
        make_adapter(root / "wide", base, seed=5, rank=8, scale=0.7),
        make_adapter(root / "upper", base, seed=6, num_layers=2, scale=4.0),
    ]


def test_base_and_adapters_in_one_batch_answer_as_each_alone(engine, adapter, others):
    owners = [None, adapter, *others]
    rows = [
        (owners[n % 4], engine.encode(text, "completion")) for n, text in enumerate(PROMPTS * 6)
    ]
    decoding = Decoding(20, ("\n\n",))
    with warnings.catch_warnings():
        warnings.simplefilter("error", mixed.MixedNotice)
        together = dict(mixed.generate(engine, rows, decoding))
    assert together == dict(mixed.one_after_the_other(engine, rows, decoding))
    answers = {
        owner: together[n].text for n, (owner, _) in enumerate(rows[:20]) if n in (0, 1, 2, 3)
    }
    assert len(set(answers.values())) == 4
    bare = logits(engine)
    engine.mount(None)
    assert mx.array_equal(logits(engine), bare)


def test_what_cannot_be_mixed_is_answered_in_turn_with_a_notice(base, tmp_path, engine, adapter):
    dora = make_adapter(tmp_path / "dora", base, kind="dora")
    ids = engine.encode("class Shape:", "completion")
    rows = [(adapter, ids), (dora, ids), (None, ids)]
    with pytest.warns(mixed.MixedNotice, match="is dora, not LoRA; one adapter after the other"):
        found = dict(mixed.generate(engine, rows, Decoding(12)))
    assert found == dict(mixed.one_after_the_other(engine, rows, Decoding(12)))


def test_a_library_that_changed_is_answered_in_turn_with_a_notice(engine, adapter, monkeypatch):
    monkeypatch.setattr(mixed, "BATCHES", (("GenerationBatch", "_renamed"),))
    rows = [(owner, engine.encode("class Shape:", "completion")) for owner in (adapter, None)]
    with pytest.warns(
        mixed.MixedNotice, match=r"no GenerationBatch\._renamed .*; one adapter after the other"
    ):
        found = dict(mixed.generate(engine, rows, Decoding(12)))
    assert found == dict(mixed.one_after_the_other(engine, rows, Decoding(12)))


def test_a_cpu_computes_in_float32_unless_the_library_says_otherwise(tmp_path):
    base = make_base(tmp_path / "base", dtype="bfloat16")
    adapter = make_adapter(tmp_path / "adapter", base)
    wide, stored = MlxEngine(base), MlxEngine(base, dtype="as-stored")
    for box in (wide, stored):
        box.mount(adapter)
    assert (wide.identity["dtypes"], stored.identity["dtypes"]) == (["float32"], ["bfloat16"])
    kinds = {str(array.dtype) for _, array in tree_flatten(wide._model.parameters())}
    assert kinds == {"mlx.core.float32"}, "the adapter's too"
    few = MlxEngine(base, bits=4)
    assert few.identity["dtypes"] == ["float32", "uint32"], "quantised weights stay"
    assert few.weight(next(name for name in few._modules if "q_proj" in name)).dtype == mx.float32
