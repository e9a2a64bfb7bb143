"""Where prompts and answers end: the context, the end tokens, the start token, the ids, and logits
that are no numbers; each fault beside its clean twin."""

import json
import shutil

import mlx.core as mx
import pytest
from mlx_lm.generate import generate_step
from mlx_lm.utils import load
from tiny_model import architectures, edit_config, edit_tensors, make_adapter, make_base

from harness.engines.base import Decoding
from harness.engines.decoding import ends
from harness.engines.mixed import MixedNotice
from harness.engines.mixed import generate as mix
from harness.engines.mlx import MlxEngine
from harness.errors import EngineError

TEXT = "class Shape:"
NEVER = 99_999  # an id that no answer holds


@pytest.fixture
def changed(base, tmp_path):
    """A copy of a base with other configs (``None`` takes a key out), tokenizer or weights."""

    def change(of=base, tokenizer=(), weights=None, **files):
        folder = shutil.copytree(of, tmp_path / f"base{len(list(tmp_path.iterdir()))}")
        for name, more in {"tokenizer.json": dict(tokenizer), **files}.items():
            path = folder / (name if "." in name else f"{name}.json")
            said = (json.loads(path.read_text()) if path.exists() else {}) | more
            path.write_text(json.dumps({k: v for k, v in said.items() if v is not None}))
        if weights:
            path = folder / "model.safetensors"
            loaded = {name: mx.array(value) for name, value in mx.load(str(path)).items()}
            mx.eval(loaded)
            mx.save_safetensors(str(path), loaded | weights(loaded), metadata={"format": "mlx"})
        return folder

    return change


@pytest.fixture(scope="module")
def positions(tmp_path_factory):
    """A GPT-2, which has a table of positions, in which mlx reads beyond the end without a word."""
    return make_base(tmp_path_factory.mktemp("gpt2") / "base", config=architectures()["gpt2"])


@pytest.mark.parametrize(
    ("config", "context"),
    [
        ({"max_position_embeddings": 128}, 128),
        ({"n_positions": 64, "n_ctx": 64}, 64),
        ({"max_seq_len": 32}, 32),
        ({"seq_length": 2048, "model_max_length": 4096}, 2048),
        ({"block_size": 4, "max_position_embeddings": 4096}, 4096),
        ({"n_positions": 1024, "max_position_embeddings": 4096}, 1024),
        ({"text_config": {"max_position_embeddings": 96}}, 96),
        ({"text_config": {"max_position_embeddings": 96}, "max_position_embeddings": 8}, 96),
        ({"max_position_embeddings": None, "text_config": None}, ends.UNBOUNDED),
    ],
)
def test_the_context_is_read_by_each_of_its_names(config, context):
    assert ends.context(config) == context


@pytest.mark.parametrize("odd", ["long", 0, -1, True, [128], 1.5])
def test_a_context_that_is_none_is_said_by_name(odd):
    with pytest.raises(EngineError, match=r"key 'n_ctx': found .*; expected a whole number"):
        ends.context({"n_ctx": odd})


def test_no_answer_goes_beyond_a_table_of_positions(positions):
    engine = MlxEngine(positions)
    long = engine.encode("x" * 300, "completion")[:120]
    [(_, answer)] = engine.generate([long], Decoding(100))
    assert (engine.context, answer.tokens) == (128, 8)
    with pytest.raises(EngineError, match="prompt 0 has 128 tokens; the base's context is 128"):
        list(engine.generate([long + long[:8]], Decoding(1)))


def spoilt(weights):
    """NaN at one position, which an answer reaches after some tokens."""
    table = weights["model.wpe.weight"]
    return {"model.wpe.weight": mx.where(mx.arange(128)[:, None] == 20, float("nan"), table)}


def test_logits_that_stop_to_be_numbers_end_in_one_sentence(changed, positions):
    engine, ids = MlxEngine(changed(positions, weights=spoilt)), [5, 6, 7]
    said = r"^the bare base answers prompt 1 \(.*\) with logits that are not finite .* at token \d+"
    with pytest.raises(EngineError, match=said) as raised:
        list(engine.generate([[5], ids * 5], Decoding(60)))
    assert raised.value.prompt == 1
    assert 5 < raised.value.tokens <= 60
    [(_, short)] = engine.generate([ids], Decoding(10))
    assert (short.tokens, short.finish) == (10, "length"), "it did not get there"
    assert len(dict(MlxEngine(positions).generate([[5], ids * 5], Decoding(60)))) == 2


def nan(tensors):
    return {name: value * float("nan") for name, value in tensors.items()}


@pytest.mark.parametrize("broken", ["NaN weights", "a scale of 1e30"])
def test_an_adapter_whose_logits_are_no_numbers_is_named(engine, base, tmp_path, broken):
    adapter = make_adapter(tmp_path / "adapter", base)
    ids = engine.encode(TEXT, "completion")
    engine.mount(adapter)
    assert len(list(engine.generate([ids], Decoding(4)))) == 1
    if broken == "NaN weights":
        edit_tensors(adapter, nan)
    else:
        edit_config(adapter, lora_parameters={"scale": 1e30})
    engine.mount(adapter)
    with pytest.raises(EngineError, match=f"^{adapter}: the base with this adapter answers .* 0 "):
        list(engine.generate([ids], Decoding(4)))
    with (
        pytest.warns(MixedNotice, match="answers otherwise in a batch with others"),
        pytest.raises(EngineError, match=f"^{adapter}: the base with this adapter answers .* 1 "),
    ):
        list(mix(engine, [(None, ids), (adapter, ids)], Decoding(4)))


def test_an_id_without_an_embedding_is_an_error_by_name(engine):
    engine.mount(None)
    with pytest.raises(EngineError, match=r"prompt 1 holds token id 320; .* embedding of 320 ids"):
        list(engine.generate([[319], [7, 320]], Decoding(2)))
    assert len(list(engine.generate([[319]], Decoding(2)))) == 1


class Seen:
    """A model that notes the largest token id that it reads."""

    def __init__(self, model):
        self.model, self.ids = model, []

    def __call__(self, ids, **more):
        self.ids.append(ids.max().item())
        return self.model(ids, **more)

    def __getattr__(self, name):
        return getattr(self.model, name)


def test_a_base_is_tried_with_ids_that_it_has(changed):
    """Beyond the embedding mlx reads whatever lies there."""

    def cut(weights):
        return {"model.embed_tokens.weight": weights["model.embed_tokens.weight"][:64]}

    engine = MlxEngine(changed(weights=cut, config={"vocab_size": 64}))
    engine.batches.model = seen = Seen(engine.batches.model)
    engine.settle()
    assert max(engine.encode(TEXT, "completion")) >= 64 > max(seen.ids) > 0


@pytest.fixture(scope="module")
def whole(base):
    """Greedy token ids of the base that meet no end."""
    model, tokenizer = load(str(base))
    ids = mx.array(tokenizer.encode(TEXT))
    return [int(token) for token, _ in generate_step(ids, model, max_tokens=16)]


@pytest.mark.parametrize("place", ["config", "generation_config", "text_config", "a list"])
def test_an_end_token_is_read_wherever_it_stands(changed, whole, place):
    end = next(one for one in whole[4:] if one not in (0, 2))
    own = {"config": {"eos_token_id": end}}
    files = {
        "config": own,
        "a list": {"config": {"eos_token_id": [NEVER, end]}},
        "generation_config": {"generation_config": {"eos_token_id": [end]}},
        "text_config": {"config": {"eos_token_id": None, "text_config": {"eos_token_id": end}}},
    }[place]
    engine = MlxEngine(changed(**files))
    [(_, answer)] = engine.generate([engine.encode(TEXT, "completion")], Decoding(16))
    assert (answer.finish, answer.tokens) == ("eos", whole.index(end))


def test_an_answer_that_meets_no_end_token_ends_by_its_length(changed, whole):
    engine = MlxEngine(changed(config={"eos_token_id": NEVER}))
    [(_, answer)] = engine.generate([engine.encode(TEXT, "completion")], Decoding(16))
    assert 0 not in whole, "the tokenizer's own"
    assert (answer.finish, answer.tokens) == ("length", 16)


def post(*sequence):
    """A post-processor that puts special tokens around a text, as Llama's and T5's do."""
    names = {"<|start|>": 1, "<|end|>": 2, "<|endoftext|>": 0}
    piece = [
        {"Sequence": {"id": "A", "type_id": 0}}
        if one == "$A"
        else {"SpecialToken": {"id": one, "type_id": 0}}
        for one in sequence
    ]
    special = {n: {"id": n, "ids": [id], "tokens": [n]} for n, id in names.items()}
    return {
        "post_processor": {
            "type": "TemplateProcessing", "single": piece, "pair": piece, "special_tokens": special,
        }
    }  # fmt: skip


STARTS = {"bos_token": "<|start|>"}


def test_a_completion_begins_with_one_start_token(changed, engine):
    folder = changed(tokenizer=post("<|start|>", "$A"), tokenizer_config=STARTS)
    start, bare = MlxEngine(folder), engine.encode(TEXT, "completion")
    assert start.encode(TEXT, "completion") == [1, *bare]
    assert start.encode(f"<|start|>{TEXT}", "completion") == [1, *bare]
    assert bare[0] != 1, "and a tokenizer that puts none before a text still does not"
    assert engine.encode(f"<|start|>{TEXT}", "completion") == [1, *bare]


@pytest.mark.parametrize("end", ["<|end|>", "<|endoftext|>"])
def test_no_prompt_ends_with_the_end_token_of_the_tokenizer(changed, engine, end):
    """After one the model has nothing left to write: base and adapter were both at 0 of 164, and a
    regressed adapter was shipped."""
    ended = MlxEngine(changed(tokenizer=post("<|start|>", "$A", end), tokenizer_config=STARTS))
    for mode in ("completion", "chat"):
        expected = engine.encode(TEXT, mode)
        assert ended.encode(TEXT, mode) == ([1, *expected] if mode == "completion" else expected)
    assert ended.encode(f"{TEXT}{end}", "completion")[-1] in (0, 2), "the author's own: a fault"
    planted = ended.tokenizer.encode(TEXT)
    assert planted[-1] == ended.tokenizer.convert_tokens_to_ids(end)
