"""The part of the preflight that reads the training: recipe, log and corpus against the rules, and
contamination."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.content import rules
from harness.content.library import Entry
from harness.content.policy import Policy
from harness.content.suite import Suite
from harness.engines.base import Answering, Decoding, WhiteBox, read_config
from harness.subjects.base import Fault
from harness.subjects.training import contamination, corpus, recipe
from harness.subjects.training.rules import Fact, judge

SAMPLE, SAMPLE_TOKENS = (
    16,
    96,
)  # gold prompts that the base answers, to see whether the gold is its own


@dataclass
class Training:
    """What is known of the training; ``data_digest`` is ``None`` and ``contamination`` too when no
    data was named."""

    rules_digest: str
    data_digest: str | None = None
    faults: list[Fault] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    facts: dict[str, Fact] = field(default_factory=dict)
    contamination: contamination.Contamination | None = None

    def flagged(self, suite: str) -> set[str]:
        """The ids of the cases of a suite that the training data shows."""
        return self.contamination.flagged(suite) if self.contamination else set()

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``preflight.json``; the evidence of each fact is cut to its first
        places."""
        shown = {
            name: {"value": f.value, "evidence": list(f.evidence[:20])}
            for name, f in sorted(self.facts.items())
        }
        found = self.contamination.to_json() if self.contamination else None
        return {**asdict(self), "facts": shown, "contamination": found}


def examine(
    entry: Entry, suites: Sequence[Suite], engine: Answering, policy: Policy, data: Path | None
) -> Training:
    """Check the training of ``entry``; leaves the bare base mounted. Raises :class:`WorkspaceError`
    for a missing file.

    ``data`` is a ``.jsonl`` file or a folder of them; without it, the library's, or nothing of the
    corpus is checked."""
    wanted, digest = rules.load(entry.root)
    found = Training(digest)
    box = engine if isinstance(engine, WhiteBox) else None
    base = box.config if box else read_config(entry.base_path / "config.json")
    path = entry.mount / "adapter_config.json"  # of a subject that is no adapter there is none
    config = read_config(path) if path.exists() else {}
    found.facts = recipe.facts(entry, config, base)
    train = entry.adapter.train
    if data is None and train is not None and train.data is not None:
        data = entry.root / train.data
    hits: dict[str, Fact] = {}
    read: corpus.Corpus | None = None
    if data is not None:
        read = corpus.read(data)
        found.data_digest = read.digest
        found.faults += _of_this_adapter(config, data, read)
        if box is not None:
            ends = box.tokenizer.eos_token_ids
            found.facts |= corpus.facts(read, found.facts, renderer(box), ends)
            if fact := _from_base(read.split("train"), box):
                found.facts["corpus.from_base_share"] = fact
        hits = corpus.forbidden(read, wanted, train.exempt if train else [])
        if read.records or read.others:
            passages = corpus.passages(read)
            found.contamination = contamination.scan(contamination.items(suites), passages)
            found.faults += contamination.judge(
                found.contamination, suites, policy.contamination, policy.max_flagged
            )
    unseen = _unseen(data, read)
    if unseen:
        text = f"whether the training shows held-out prompts was not checked: {unseen}"
        found.faults.append(Fault("contamination-not-checked", text, "warn"))
    judged = judge(wanted, found.facts, hits)
    found.faults += judged.faults
    found.not_checked = [*(["contamination"] if unseen else []), *judged.not_checked]
    return found


def _unseen(data: Path | None, read: corpus.Corpus | None) -> str:
    """Why contamination was not checked, or not of all data."""
    if data is None or read is None:
        return "no training data is named (--train-data, or train.data in the library)"
    if not (read.records or read.others):
        return f"{data} holds no records"
    left = [*read.unread, *(line.partition(": ")[0] for line in read.bad_lines)]
    return f"not read: {', '.join(left[:5])}" if left else ""


def _of_this_adapter(config: Mapping[str, Any], data: Path, read: corpus.Corpus) -> list[Fault]:
    """Whether the data is that of this adapter, where its config says so."""
    recorded = config.get("trained_on_data")
    if recorded is not None and recorded != read.digest:
        text = f"the adapter was trained on data {recorded}; {data} is {read.digest}"
        return [Fault("other-data", text, "block")]
    if recorded is None:
        text = (
            f"nothing ties {data} to the adapter; record trained_on_data: {read.digest} in its"
            " adapter_config.json when it is trained"
        )
        return [Fault("data-not-recorded", text, "warn")]
    return []


def renderer(engine: WhiteBox) -> corpus.Render:
    """How mlx-lm turns one row into token ids, and where its answer begins."""
    from mlx_lm.tuner.datasets import ChatDataset, CompletionsDataset, TextDataset

    chat: Any = ChatDataset([], engine.tokenizer, mask_prompt=True)
    pair: Any = CompletionsDataset([], engine.tokenizer, "prompt", "completion", mask_prompt=True)
    text: Any = TextDataset([], engine.tokenizer)

    def render(row: Mapping[str, Any]) -> tuple[Sequence[int], int]:
        form = chat if "messages" in row else pair if "prompt" in row else text
        ids, start = form.process(row)
        return ids, start

    return render


def _from_base(records: Sequence[corpus.Record], engine: WhiteBox) -> Fact | None:
    """How much of a seeded sample of the gold is the base's own answer; ``None`` where no record
    has a prompt."""
    asked = [record for record in records if record.prompt and "text" not in record.row]
    if not asked or not engine.template:
        return None
    chosen = random.Random(len(asked)).sample(asked, min(SAMPLE, len(asked)))
    ids = [engine.encode(record.prompt, "chat") for record in chosen]
    fitting = [
        n
        for n, row in enumerate(ids)
        if len(row) < engine.context and max(row, default=0) < engine.vocabulary
    ]
    engine.mount(None)
    answers = dict(engine.generate([ids[n] for n in fitting], Decoding(SAMPLE_TOKENS)))
    pairs = [(chosen[fitting[n]], answer) for n, answer in sorted(answers.items())]
    gold = [
        replace(r, answer=r.answer[: len(a.text)] if a.finish == "length" else r.answer)
        for r, a in pairs
    ]
    return corpus.from_base(gold, [answer.text for _, answer in pairs])
