"""The prompt that is really sent: each way in which a chat template spoils it has a name, and the
template that is right has none."""

import json
import shutil

import pytest
from tiny_model import TEMPLATE, make_base

from harness.content.case import Case
from harness.content.suite import Suite, SuiteFile
from harness.engines import prompting
from harness.engines.mlx import MlxEngine
from harness.errors import EngineError, WorkspaceError
from harness.subjects import prompts


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture
def engine(base, tmp_path):
    """The base with another template, and other special tokens."""

    def load(template, **settings):
        folder = shutil.copytree(base, tmp_path / "base", dirs_exist_ok=True)
        path = folder / "tokenizer_config.json"
        said = json.loads(path.read_text()) | {"chat_template": template, **settings}
        path.write_text(json.dumps(said))
        return MlxEngine(folder)

    return load


def asked(mode="chat", prompt="Tell me.", **keys):
    spec = SuiteFile(
        facet="f", role="facet", mode=mode, prompts="s.jsonl", max_tokens=8,
        criteria=[{"id": "c", "verifier": "v"}], **keys,
    )  # fmt: skip
    return [Suite("s", None, spec, (Case("a", "Tell me.", {}), Case("b", prompt, {})))]


ONE = "{% for m in messages %}<|start|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
PHI = (
    "{% for m in messages %}{{ '<|end|>' if m['role'] == 'assistant' else '<|start|>' }}"
    "{{ m['content'] }}\n{% endfor %}{% if add_generation_prompt %}<|end|>{% endif %}"
)
TEMPLATES = {
    "right": (TEMPLATE, []),
    "an open thought": (TEMPLATE.replace("assistant\n", "assistant\n<think>\n"), ["open-think"]),
    "a closed thought": (TEMPLATE.replace("assistant\n", "assistant\n<think></think>\n"), []),
    "no beginning of an answer": (ONE.replace("<|end|>", "."), ["no-generation-prompt"]),
    "an end token at the end": (ONE.replace("<|end|>\n", "<|endoftext|>"), ["prompt-ended"]),
    "an end token that begins the answer, as Phi-3's does": (PHI, []),
    "an end token in place of a beginning": (
        TEMPLATE.replace("<|start|>assistant\n{", "<|end|>{"),
        ["prompt-ended"],
    ),
    "a clock": ("{{ strftime_now('%d %b %Y') }}" + TEMPLATE, ["clock"]),
}


@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_template_that_spoils_the_prompt_is_named(engine, kind):
    template, codes = TEMPLATES[kind]
    box = engine(template)
    assert [fault.code for fault in prompts.faults(asked(), box)] == codes


def test_a_template_that_refuses_ends_in_one_sentence(engine):
    box = engine("{{ raise_exception('never') }}")
    for system in (None, "Be brief."):
        with pytest.raises(EngineError, match="refuses the question: TemplateError: never"):
            box.encode("Tell me.", "chat", system)


def test_a_raw_prompt_is_shown_with_the_start_token_that_is_sent(engine):
    box = engine(TEMPLATE)
    box.encode = lambda prompt, mode, system=None: [1, *box.tokenizer.encode(prompt)]
    assert prompts.rendered(asked("completion"), box) == {"s": "<|start|>Tell me."}


def test_a_start_token_twice(engine):
    box = engine(TEMPLATE, bos_token="<|start|>")
    assert list(prompts.faults(asked(), box)) == []
    box = engine("<|start|>" + TEMPLATE, bos_token="<|start|>")
    assert [fault.code for fault in prompts.faults(asked(), box)] == ["double-bos"]


@pytest.mark.parametrize(
    ("prompt", "codes"), [("x<|end|>", ["prompt-ended"]), ("x<|end|>\n", []), ("<|end|>x", [])]
)
def test_a_raw_prompt_that_ends_with_an_end_token_is_named(engine, prompt, codes):
    box = engine(TEMPLATE)
    assert [f.code for f in prompts.faults(asked("completion", prompt), box)] == codes


@pytest.mark.parametrize("mode", ["chat", "completion"])
def test_a_tokenizer_that_is_larger_than_the_embedding_is_named(engine, mode):
    box = engine(TEMPLATE)
    known = max(id for text in ("Tell me.", "x") for id in box.encode(text, mode))
    for vocabulary, codes in ((known + 1, []), (known, ["ids-beyond-embedding"])):
        box.vocabulary = vocabulary
        assert [fault.code for fault in prompts.faults(asked(mode, "x"), box)] == codes


def test_a_canon_stands_before_the_prompt_where_no_system_turn_is_taken(engine):
    suites = asked(canon="Be brief.")
    shown = prompts.rendered(suites, engine(TEMPLATE))
    assert "system\nBe brief.<|end|>" in shown["s canon"]
    assert list(prompts.faults(suites, engine(TEMPLATE))) == []
    box = engine(NO_SYSTEM + TEMPLATE)
    assert prompts.rendered(suites, box)["s canon"] == prompting.chat(
        box.tokenizer, "Be brief.\n\nTell me.", tokenize=False
    )
    assert [fault.code for fault in prompts.faults(suites, box)] == ["system-before-user"]


REFUSES = "{% if 'brief' in messages[0]['content'] %}{{ raise_exception('not so') }}{% endif %}"


@pytest.mark.parametrize(
    ("template", "canon", "said"),
    [
        (TEMPLATE, "Be brief.", None),
        (REFUSES + TEMPLATE, "Be brief.", "prompt 'a' canon: .*refuses the question.*not so"),
        (TEMPLATE, "Be brief. " * 60, "prompt 'a' canon has [0-9]+ tokens, and .* context is 128"),
    ],
)
def test_what_an_arm_cannot_be_asked_is_an_error_before_the_first_answer(
    engine, template, canon, said
):
    box, suites = engine(template), asked(canon=canon)
    if said is None:
        probe, tokens = prompts.encoded(suites, box)
        ids = [box.encode("Tell me.", "chat", system) for system in (None, canon)]
        assert (probe, tokens) == ([ids[0]] * 2, len(ids[1]) + 8)
        return
    with pytest.raises(WorkspaceError, match=said):
        prompts.encoded(suites, box)


def test_the_date_of_a_template_is_the_same_every_day(engine):
    box = engine("{{ strftime_now('%Y-%m-%d') }}" + TEMPLATE)
    assert prompts.rendered(asked(), box)["s"].startswith(f"{prompting.CLOCK:%Y-%m-%d}")
    assert box.identity["clock"] == f"{prompting.CLOCK:%Y-%m-%d}"
    assert "clock" not in engine(TEMPLATE).identity


def test_what_a_template_writes_and_no_answer_may_hold(engine):
    box = engine(TEMPLATE, additional_special_tokens=["<|start|>", "<|end|>"])
    found = prompts.control_tokens(asked(), box.tokenizer)
    assert found == ["<|start|>"], "<|end|> ends answers (eos_token_id of config.json)"
    assert prompts.control_tokens(asked("completion"), box.tokenizer) == []
