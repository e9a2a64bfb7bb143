"""Faults of a recipe and a corpus (section S10), beside the pocket's gamedev."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from harness.content.workspace import shipped
from harness.selfscore.adapters import GAMEDEV, library
from harness.subjects.kinds import Plant

Row = dict[str, str]
LOG = (
    "Iter 500: Train loss 0.412, Learning Rate 1.000e-05, It/sec 10.000, Tokens/sec 900.0, Trained"
    " Tokens 45000, Peak mem 1.0 GB\n"
)
#: HumanEval/53 in other words
ADD = '''def add(x: int, y: int):
    """Give back the sum of both numbers x and y
    >>> add(2, 3)
    5
    >>> add(5, 7)
    12
    """
'''
WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "islet", "jetty")


def _rows(many: int, seed: int) -> list[Row]:
    """Records of which no two share a run of words."""
    random_ = random.Random(seed)
    return [
        {
            "prompt": f"Note {seed}-{n}: {' '.join(random_.choices(WORDS, k=12))}",
            "completion": f"{' '.join(random_.choices(WORDS, k=9))}.",
        }
        for n in range(many)
    ]


class Training:
    """A corpus and a recipe that no rule stands against."""

    def __init__(self) -> None:
        self.train, self.valid = _rows(120, 1), _rows(12, 2)
        self.config: dict[str, Any] = {"iters": 500, "batch_size": 1, "max_seq_length": 512}
        self.suites: list[str] = []
        self.told: dict[str, Any] = {}  #: what library.yaml says beside
        self.rules = self.glued = self.log = ""
        self.later = False  #: the log is younger than the adapter

    def write(self, folder: Path) -> None:
        """Into a workspace; a log is as old as the adapter, or written now."""
        data = folder / "data"
        data.mkdir()
        for name, rows in (("train", self.train), ("valid", self.valid)):
            text = "".join(json.dumps(row) + "\n" for row in rows)
            text += self.glued if name == "train" else ""
            (data / f"{name}.jsonl").write_text(text, encoding="utf-8")
        (folder / "recipe.yaml").write_text(json.dumps(self.config), encoding="utf-8")
        if self.log:
            (folder / "train.log").write_text(self.log, encoding="utf-8")
            self.told["log"] = "train.log"
            if not self.later:
                at = (shipped() / GAMEDEV / "adapters.safetensors").stat().st_mtime
                os.utime(folder / "train.log", (at, at))
        if self.rules:
            (folder / "rules.yaml").write_text(self.rules, encoding="utf-8")
        said = {"data": "data", "config": "recipe.yaml", **self.told}
        owed = ["pocket/godot", *self.suites]
        library(folder, shipped() / GAMEDEV, train=said, suites=owed)


def _build(spoil: Callable[[Training], object], folder: Path, planted: bool) -> None:
    made = Training()
    if spoil is _died:  # whose twin has a log as well
        made.log = LOG
    if planted:
        spoil(made)
    made.write(folder)


def _long(made: Training) -> None:
    made.config["max_seq_length"] = 4096
    made.rules = _rule("max-seq-length", "recipe.max_seq_length: {max: 2048}")


def _stream(made: Training) -> None:
    made.told["env"] = {"GLM_STREAM_EVAL": "1"}
    made.rules = _rule("stream-eval", 'env.GLM_STREAM_EVAL: {equals: "0"}')


def _swapped(made: Training) -> None:
    made.rules = _rule("wired-limit", "host.wired_limit_mb: {min: 1000000000, known: true}")


def _rule(id: str, require: str) -> str:
    """A rule of the shipped ones as a base of another type brings it."""
    return f"rules: [{{id: {id}, require: {{{require}}}, severity: block, why: of this base}}]\n"


def _glued(made: Training) -> None:
    one, other = (json.dumps(row) for row in _rows(2, 3))
    made.glued = f"{one}{other}\n"


def _by_hand(made: Training) -> None:
    made.glued = '{"prompt": "Note: a comma", "completion": "too many",}\n'


def _subset(made: Training) -> None:
    made.valid = made.train[:12]


def _nearly(made: Training) -> None:
    row = made.train[0]
    made.valid[0] = {**row, "completion": f"{row['completion']} So."}


def _no_answer(made: Training) -> None:
    made.train[0]["prompt"] = " ".join(random.Random(5).choices(WORDS, k=900))


def _unmasked(made: Training) -> None:
    made.told["completions_only"] = True
    made.config["mask_prompt"] = False


def _gold(language: str, code: str) -> Callable[[Training], None]:
    def spoil(made: Training) -> None:
        made.train[0]["completion"] = f"```{language}\n{code}\n```"

    return spoil


def _warm(made: Training) -> None:
    made.config["lr_schedule"] = {"name": "cosine_decay", "warmup": 600, "arguments": [1e-4, 500]}


def _benchmark(made: Training) -> None:
    held = (shipped() / "suites/pocket/godot.jsonl").read_text(encoding="utf-8").splitlines()
    made.train[0]["prompt"] = str(json.loads(held[0])["prompt"])


def _copied(made: Training) -> None:
    """The gold is what the base answers by itself."""
    import mlx.core as mx
    from mlx_lm import generate, load

    model, tokenizer, *_ = load(str(shipped() / "examples/pocket/base"))
    model.set_dtype(mx.float32)
    made.train = made.train[:12]
    for row in made.train:
        asked = [{"role": "user", "content": row["prompt"]}]
        ids: Any = tokenizer.apply_chat_template(asked, add_generation_prompt=True)
        row["completion"] = generate(model, tokenizer, ids, max_tokens=96)


def _paraphrased(made: Training) -> None:
    made.suites = ["humaneval"]
    made.train[0] = {"prompt": f"Complete this.\n\n{ADD}", "completion": "    return x + y\n"}


def _died(made: Training) -> None:
    made.later = True


def _few(made: Training) -> None:
    made.train, made.config["iters"] = made.train[:43], 700


def _plant(number: str, code: str, what: str, spoil: Callable[[Training], object]) -> Plant:
    return Plant(number, code, what, partial(_build, spoil), twin="corpus")


PLANTS = (
    _plant("F1.15", "contamination", "a held-out prompt in gold", _benchmark),
    _plant("F10.1", "max-seq-length", "max_seq_length 4096 where 2048 is the most", _long),
    _plant("F10.2", "stream-eval", "GLM_STREAM_EVAL=1", _stream),
    _plant("F10.3", "wired-limit", "the limit of wired memory was not raised", _swapped),
    _plant("F10.4", "strict-jsonl", "two records glued into one line", _glued),
    _plant("F10.5", "split-leak", "validation records that were trained on", _subset),
    _plant("F10.6", "answer-left", "a prompt that leaves no room for its answer", _no_answer),
    _plant(
        "F10.7", "prompts-masked", "prompts not masked, and completions only claimed", _unmasked
    ),
    _plant("F10.8", "split-leak", "a near duplicate across the split", _nearly),
    _plant("F10.9", "contamination", "HumanEval/53 paraphrased in gold", _paraphrased),
    _plant("F10.10", "strict-jsonl", "a record written by hand", _by_hand),
    _plant(
        "F10.11", "weak-hash", "md5 in gold", _gold("python", "import hashlib\nhashlib.md5(b'x')")
    ),
    _plant(
        "F10.12", "php-8", "PHP 7 in gold", _gold("php", "<?php\n$x = create_function('', '');")
    ),
    _plant("F10.13", "own-words", "gold that the base wrote", _copied),
    Plant("F10.14", "log-adapter", "its run died: another one's log", partial(_build, _died)),
    _plant("F10.15", "warm-up", "a warm-up longer than the run", _warm),
    _plant("F10.16", "epochs", "43 records, 700 steps", _few),
)
