"""What else is in a batch changes no answer, or is said: each planted fault stands beside its clean
twin."""

from __future__ import annotations

import platform
import warnings
from contextlib import nullcontext
from itertools import islice
from types import SimpleNamespace

import mlx.core as mx
import pytest
from conftest import POCKET
from mlx_lm.generate import generate_step
from mlx_lm.utils import load
from tiny_model import architectures, make_adapter, make_base

from harness.engines import blas, mixed
from harness.engines.base import Ask, Decoding, Generation
from harness.engines.decoding import attention, exponentials, numerics, sizing, ways
from harness.engines.decoding.numerics import BatchNotice
from harness.engines.kept import Cache, Kept
from harness.engines.mlx import MlxEngine
from harness.errors import EngineError

OWN = mx.fast.scaled_dot_product_attention

TEXTS = [
    "def add(a, b):",
    "x",
    "The quick brown fox jumps over the lazy dog",
    "signal hit(",
    "func",
]
FALLS = {
    "llama": ("together", ""),
    "lfm2": ("together", ""),  # reads the padding right
    "mamba": ("prompts alone", "padding in mlx-lm's batch moves log-probabilities by"),
    "rwkv7": ("prompts alone", "prompts are read one at a time, and answered together"),
    "nemotron_h": ("prompts alone", "rounding moves them by"),
    "gemma2": ("alone", "padding in mlx-lm's batch fails ("),
    "llama4": ("step", "by mlx-lm's generate_step"),
}


def told(engine: MlxEngine, asked: str = "fast") -> str:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        engine.settle(asked)
    return "".join(str(one.message) for one in said if one.category is BatchNotice)


@pytest.mark.parametrize("kind", FALLS)
def test_a_base_whose_batches_answer_otherwise_is_answered_in_a_way_that_does_not(kind, tmp_path):
    shared = {"num_key_value_heads": 2} if kind == "gemma2" else {}  # with 4 of 4 heads none are
    base = make_base(tmp_path / "base", config=architectures()[kind] | shared)
    engine, (way, notice) = MlxEngine(base), FALLS[kind]
    said = told(engine)
    assert (engine.identity["way"], notice in said, bool(said)) == (way, True, bool(notice))
    prompts = [engine.encode(text, "completion") for text in TEXTS * 2]
    answers, ends = dict(engine.generate(prompts, Decoding(8))), engine.tokenizer.eos_token_ids
    model, tokenizer = load(str(base))
    for number, ids in enumerate(prompts[: len(TEXTS)]):
        tokens = [int(t) for t, _ in generate_step(mx.array(ids), model, max_tokens=8)]
        end = next((n for n, token in enumerate(tokens) if token in ends), len(tokens))
        assert answers[number].text == tokenizer.decode(tokens[:end])
        assert answers[number] == answers[number + len(TEXTS)]


@pytest.fixture(scope="module")
def pocket() -> MlxEngine:
    return MlxEngine(POCKET / "base")


def bits(engine: MlxEngine, prompts: list[list[int]], rows: int = 8) -> list[list[mx.array]]:
    """The log-probabilities behind each token of a steady batch."""
    batch = ways.opened("steady", engine._model, (), rows)
    found = {uid: [] for uid in batch.insert(prompts, [3] * len(prompts))}
    while any(len(row) < 3 for row in found.values()):
        for one in batch.next_generated():
            found[one.uid].append(one.logprobs)
    return list(found.values())


def alike(one: list[mx.array], other: list[mx.array]) -> bool:
    return all(mx.array_equal(a, b).item() for a, b in zip(one, other, strict=True))


def test_exact_answers_are_the_same_to_the_bit_in_any_company(pocket, monkeypatch):
    ids = pocket.encode("def add(a, b):\n    return a + b\n" * 40, "completion")
    row, long, short = ids[:380], ids[1:] + ids[:200], ids[:7]
    [alone] = bits(pocket, [row])
    company = bits(pocket, [short] * 9 + [long, row, short])
    assert alike(company[10], alone)
    assert alike(company[0], company[11])
    monkeypatch.setattr(attention, "in_blocks", nullcontext)
    assert not alike(bits(pocket, [long, row])[1], bits(pocket, [row])[0]), "what it is for"


@pytest.mark.parametrize("cores", [1, 3])
@pytest.mark.parametrize(("heads", "shared"), [(4, 4), (6, 2), (8, 1)])
def test_heads_multiplied_together_are_mlxs_own_but_for_rounding(cores, heads, shared):
    rows, keys = 13, 70  # parts of unlike size, where there are cores for them
    drawn = mx.random.normal
    q, k = drawn((rows, heads, 1, 16)), drawn((rows, shared, keys, 16))
    v, bias = drawn((rows, shared, keys, 24)), drawn((rows, heads, 1, keys))
    padded = mx.arange(keys) >= 5 * mx.arange(rows)[:, None]
    masks = [padded[:, None, None], bias, bias[0], bias[0, 0], padded[1]]
    own = [mx.fast.scaled_dot_product_attention(q, k, v, scale=0.3, mask=m) for m in masks]
    with attention.in_groups(cores):
        assert mx.fast.scaled_dot_product_attention is not OWN
        ours = [mx.fast.scaled_dot_product_attention(q, k, v, scale=0.3, mask=m) for m in masks]
    assert mx.fast.scaled_dot_product_attention is OWN
    for expected, found in zip(own, ours, strict=True):
        assert found.shape == (rows, heads, 1, 24)
        assert mx.allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_what_asks_for_more_than_heads_together_is_left_to_mlx(monkeypatch):
    monkeypatch.setattr(attention, "_whole", None)  # an error where it is called
    drawn = mx.random.normal
    k, sinks, mask = drawn((1, 2, 5, 8)), drawn((4,)), mx.ones((1, 1, 1, 5), mx.bool_)
    asked = [(1, {"mask": mask, "sinks": sinks}), (3, {"mask": "causal"}), (1, {"mask": None})]
    with attention.in_groups(2):
        for tokens, more in asked:
            q = drawn((1, 4, tokens, 8))
            mx.eval(mx.fast.scaled_dot_product_attention(q, k, k, scale=0.3, **more))
        with pytest.raises(TypeError):
            mx.fast.scaled_dot_product_attention(drawn((1, 4, 1, 8)), k, k, scale=0.3, mask=mask)


@pytest.mark.skipif(platform.machine().lower() not in exponentials.X86, reason="of an x86 CPU")
def test_powers_of_e_are_mlxs_own_exponentials_but_for_rounding(pocket, monkeypatch):
    from mlx_lm.models import llama

    by, x = mx.linspace(-120, 120, 4001), mx.random.normal((4001,))
    logits = 20 * mx.random.normal((3, 501))
    logits[:, 7] = -mx.inf  # a token that is not allowed
    own, normal = llama.swiglu(by, x), mx.logsumexp(logits, axis=-1, keepdims=True)
    before = mx.logsumexp, llama.swiglu
    with exponentials.by_powers(exponentials.gated()):
        assert (mx.logsumexp is before[0], llama.swiglu is before[1]) == (False, False)
        ours = llama.swiglu(by, x)
        summed = mx.logsumexp(logits, axis=-1, keepdims=True)
        half = llama.swiglu(by.astype(mx.float16), x.astype(mx.float16))
        broken = mx.logsumexp(mx.array([[1.0, mx.nan]]), axis=-1, keepdims=True)
        assert mx.array_equal(mx.logsumexp(logits), before[0](logits)), "left to mlx"
    assert (mx.logsumexp, llama.swiglu) == before
    assert mx.allclose(ours, own, rtol=5e-6, atol=1e-30)
    assert mx.allclose(summed, normal, rtol=1e-6)
    assert half.dtype == mx.float16
    assert mx.isnan(broken).all()
    module = SimpleNamespace()
    monkeypatch.setattr(exponentials, "gated", lambda: [module])
    told(pocket)
    assert dict(pocket.generate([[5, 6, 7]], Decoding(2)))
    assert module.swiglu is before[1], "a batch took powers, and put it back"


def test_exact_falls_down_its_ladder_where_rows_move_each_other(pocket, monkeypatch):
    assert told(pocket, "exact") == ""
    identity = pocket.identity
    assert (identity["numerics"], identity["way"], "batch" in identity) == (
        "exact",
        "steady",
        False,
    )
    monkeypatch.setattr(attention, "in_blocks", nullcontext)
    other = MlxEngine(POCKET / "base")
    assert "a batch of constant shape gives other bits beside other rows" in told(other, "exact")
    assert other.identity["way"] == "alone"
    assert told(other, "fast") == "", "rounding is no fault there"


def test_adapters_are_mounted_in_turn_where_rows_may_not_share_a_batch(tmp_path):
    base = make_base(tmp_path / "base")
    engine, adapter = MlxEngine(base), make_adapter(tmp_path / "adapter", base)
    rows = [
        (owner, engine.encode(text, "completion")) for text in TEXTS for owner in (adapter, None)
    ]
    engine.settle("exact")
    found = dict(mixed.generate(engine, rows, Decoding(8)))
    assert found == dict(mixed.one_after_the_other(engine, rows, Decoding(8)))


class Hungry:
    """A model that has no memory for more than ``rows`` rows, once it is ``full``."""

    def __init__(self, model, rows: int) -> None:
        self._model, self._rows, self.full = model, rows, True

    def __call__(self, inputs, *args, **kwargs):
        if self.full and inputs.shape[0] > self._rows:
            raise RuntimeError("[malloc] Unable to allocate 68719476736 bytes.")
        return self._model(inputs, *args, **kwargs)

    def __getattr__(self, name: str):
        return getattr(self._model, name)


def test_a_batch_that_memory_does_not_hold_is_halved_and_answers_given_are_kept(tmp_path):
    engine = MlxEngine(make_base(tmp_path / "base"))
    engine.settle(batch=16)
    prompts = [engine.encode(text, "completion") for text in TEXTS * 8]
    expected = dict(engine.generate(prompts, Decoding(6)))
    batches, real = engine.batches, engine._model
    hungry = batches.model = Hungry(real, 7)  # mlx-lm lets a few more in than it was told
    with pytest.warns(BatchNotice) as said:
        assert dict(engine.generate(prompts, Decoding(6))) == expected
    assert [str(one.message) for one in said] == [
        f"memory ran out with {n} rows in a batch: it goes on with {n // 2}" for n in (16, 8)
    ]
    assert engine.identity["batch"] == 16, "what was registered stays"
    hungry.full, seen = False, list[int]()
    given = engine.generate(prompts, Decoding(6))
    seen += [number for number, _ in islice(given, 4)]
    hungry.full = True
    with pytest.warns(BatchNotice):
        rest = dict(given)
    assert rest == {number: expected[number] for number in rest}
    seen += rest
    assert sorted(seen) == list(range(len(prompts))), "each once"


def test_exact_answers_in_as_many_rows_whatever_is_free_or_says_that_memory_ran_out(
    tmp_path, monkeypatch
):
    base, said = make_base(tmp_path / "base"), {}
    for free in (10**12, 1):
        monkeypatch.setattr(sizing, "free", lambda free=free: free)
        engine = MlxEngine(base)
        for asked in ("fast", "exact"):
            engine.settle(asked, 40)
            said[free, asked] = engine.identity
    assert said[1, "exact"] == said[10**12, "exact"]
    assert [said[free, "fast"]["batch"] for free in (10**12, 1)] == [16, 1]
    prompts = [engine.encode(text, "completion") for text in TEXTS]
    remedy = "answers in no smaller batch; .* shorter answers .*`gate.numerics: fast`"
    engine.batches.model = Hungry(engine._model, 7)
    with pytest.raises(EngineError, match=remedy):
        dict(engine.generate(prompts, Decoding(6)))
    fresh = MlxEngine(base)
    fresh.batches.model = Hungry(fresh._model, 7)
    with pytest.raises(EngineError, match=remedy):
        fresh.settle("exact")


@pytest.mark.parametrize(("free", "rows"), [(10**12, 16), (120_000, 2), (1, 1)])
def test_the_batch_is_what_fits_beside_the_weights(free, rows, tmp_path, monkeypatch):
    engine = MlxEngine(make_base(tmp_path / "base"))
    monkeypatch.setattr(sizing, "free", lambda: free)
    # 4 layers, keys and values of 2 heads of 8 float32: 512 bytes a token
    assert sizing._footprint(engine._model) == (512, 0)
    assert sizing.rows(engine._model, 40, 320) == rows
    engine.settle("fast", 40)
    weights, held, left = engine.memory
    assert weights == sum(array.nbytes for array in engine._weights.values())
    assert (held, left) == (rows * sizing.row(engine._model, 40, engine.vocabulary), free)
    monkeypatch.setattr(blas, "LARGE", 1)  # every model is a large one then
    assert sizing.rows(engine._model, 40, 320) == {16: 32}.get(rows, rows)
    state = MlxEngine(make_base(tmp_path / "mamba", config=architectures()["mamba"]))
    each, once = sizing._footprint(state._model)
    assert (each, once > 0) == (0, True), "a recurrent state does not grow"


def test_a_resumed_run_and_kept_answers_use_the_batch_that_was_registered(tmp_path, monkeypatch):
    base, cache = make_base(tmp_path / "base"), Cache(tmp_path)
    for fits, registered, chosen in ((4, None, 4), (16, None, 4), (2, None, 2), (16, 8, 8)):
        monkeypatch.setattr(sizing, "rows", lambda *_, fits=fits: fits)
        engine = MlxEngine(base)
        Kept(engine, cache).stand("sha256:base", registered)
        assert engine.identity["batch"] == chosen
    for text in ("many", "0"):
        monkeypatch.setattr(cache, "get", lambda _, text=text: Generation(text, 0, "batch"))
        Kept(engine, cache).stand("sha256:base")
        assert engine.identity["batch"] == 8, "what is no number is unknown"
    monkeypatch.undo()
    ask = Ask("def add", "completion", None, Decoding(4), 0, "sha256:base")
    one, other = (Kept(MlxEngine(base), cache) for _ in range(2))
    for kept, stored in ((one, False), (other, True)):
        kept.stand("sha256:base")
        assert [was for _, _, was in kept.answer("base", [ask])] == [stored]
    engine = MlxEngine(base)
    one, other = Kept(engine, cache), Kept(engine, cache)
    one.stand("sha256:base", 4)
    other.stand("sha256:base", 2)
    for kept, own in ((one, 4), (other, 2), (one, 4)):
        assert kept.unknown("base", [ask]) == ([ask] if own == 2 else [])
        assert engine.identity["batch"] == own, "each of several on one engine has its own"
    cache.close()


def test_each_adapter_of_a_queue_has_the_rows_that_its_own_lengths_leave_room_for(
    tmp_path, monkeypatch
):
    engine, cache = MlxEngine(make_base(tmp_path / "base")), Cache(tmp_path)
    monkeypatch.setattr(sizing, "rows", lambda _, tokens, __: 16 if tokens < 100 else 1)
    tried, real = [], numerics.measure
    monkeypatch.setattr(numerics, "measure", lambda *args: tried.append(args[2]) or real(*args))
    queue = [Kept(engine, cache) for _ in range(3)]
    for kept, tokens, rows in zip(queue, (40, 200, 40), (16, 1, 16), strict=True):
        engine.settle("fast", tokens)
        kept.stand("sha256:base")
        assert (kept.batch, engine.identity["batch"], tried) == (rows, rows, [16])
    engine = MlxEngine(tmp_path / "base")
    for tokens in (200, 40):
        engine.settle("fast", tokens)
    assert (engine.identity["batch"], tried) == (16, [16, 1, 16]), (
        "no more than a way was tried with"
    )
    cache.close()


def test_memory_does_not_grow_with_the_answers_that_are_given(tmp_path, monkeypatch):
    engine = MlxEngine(make_base(tmp_path / "base"))
    engine.settle(batch=4)
    batches, tokenizer = engine.batches, engine.tokenizer
    batches.tokenizer = SimpleNamespace(eos_token_ids=(), decode=tokenizer.decode)
    prompts, opened, held = [engine.encode("signal hit(", "completion")] * 24, ways.opened, []

    def grown() -> float:
        before = mx.get_active_memory()  # also what other tests left
        mx.reset_peak_memory()
        peaks = [mx.get_peak_memory() - before for _ in engine.generate(prompts, Decoding(16))]
        return peaks[-1] / peaks[len(peaks) // 3]

    def hoarding(*args):
        batch = opened(*args)
        given = batch.next_generated
        batch.next_generated = lambda: held.append(given()) or held[-1]
        return batch

    assert grown() < 1.1  # a join more or less by then is 6 %
    monkeypatch.setattr(ways, "opened", hoarding)
    assert grown() > 1.2, "the test sees what is held"


def test_numbers_that_are_none_are_not_taken_for_a_broken_batch(tmp_path):
    engine = MlxEngine(make_base(tmp_path / "base"))
    engine._weights["model.norm.weight"] = mx.full((32,), mx.nan)
    assert (told(engine), engine.identity["way"]) == ("", numerics.LADDER["fast"][0])
