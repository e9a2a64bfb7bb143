"""Training data read strictly, and the facts that rules are held against."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.content.rules import Rule
from harness.digests import file_digest
from harness.judging.answer import Answer
from harness.languages import named
from harness.subjects.training import records
from harness.subjects.training.contamination import near_duplicates
from harness.subjects.training.rules import Fact

OURS = ({"messages"}, {"prompt", "completion"}, {"text"})  # the forms that mlx-lm trains on
NEAR = 0.8  # Jaccard similarity from which a record of one split repeats one of another
MARKERS = re.compile(r"^\s*(?:#|//|--|%|\*|/\*|').*$", re.MULTILINE)

#: ``(token ids, index of the first token of the answer)`` of one row, as the training sees it
Render = Callable[[Mapping[str, Any]], tuple[Sequence[int], int]]


@dataclass(frozen=True)
class Record:
    """One training row: where it stands, what it asks and answers, and its source if it says so."""

    split: str
    place: str
    row: Mapping[str, Any]
    prompt: str
    answer: str
    source: str | None

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.prompt}\n{self.answer}" if self.prompt else self.answer


@dataclass(frozen=True)
class Corpus:
    """The records of a training, its faulty lines, and the digest of its bytes; the files that
    were not read, and the texts, by place, of records that are none."""

    records: list[Record]
    bad_lines: list[str]
    bad_records: list[str]
    digest: str
    unread: list[str]
    others: list[tuple[str, str]]

    def split(self, name: str) -> list[Record]:
        """The records of one split."""
        return [record for record in self.records if record.split == name]


def read(path: Path) -> Corpus:
    """Read a file of training data, or a folder of them; raises :class:`WorkspaceError` if there
    is none, or one that cannot be opened."""
    data, unread = records.files(path)
    found, bad_lines, bad_records, digest = [], [], [], hashlib.sha256()
    others: list[tuple[str, str]] = []
    for file in data:
        digest.update(bytes.fromhex(file_digest(file)))
        rows = list(records.rows(file))
        if not rows:
            unread.append(file)
        for place, raw in rows:
            try:
                row = _strict(raw) if isinstance(raw, bytes) else _an_object(raw)
            except ValueError as error:
                bad_lines.append(f"{place}: {error}")
                continue
            try:
                asked, answer = records.parts(row)
            except ValueError as error:
                bad_records.append(f"{place}: {error}")
                others += [(place, text) for text in records.strings(row)]
                continue
            found.append(Record(records.split(file), place, row, asked, answer, _source(row)))
    names = [file.name for file in unread]
    text = "sha256:" + digest.hexdigest()
    return Corpus(found, bad_lines, bad_records, text, names, others)


def facts(
    corpus: Corpus, recipe: Mapping[str, Fact], render: Render | None, eos: Iterable[int] = ()
) -> dict[str, Fact]:
    """Facts of the corpus by name (``corpus.``); those that need token ids only with ``render``."""
    train = corpus.split("train")
    seen = Counter(record.text for record in train)
    again = [record.place for record in train if seen[record.text] > 1]
    repeated = sum(seen.values()) - len(seen)
    found = {
        "corpus.rows": Fact(len(train)),
        "corpus.bad_lines": _count(corpus.bad_lines),
        "corpus.bad_records": _count(corpus.bad_records),
        "corpus.duplicate_share": Fact(repeated / len(train) if train else 0.0, tuple(again)),
    }
    if held := [record for record in corpus.records if record.split != "train"]:
        found["corpus.leaked"] = _count(_leaks(train, held))
        sources = {record.source for record in train} - {None}
        found["corpus.leaked_sources"] = _count(
            [f"{r.place}: source {r.source}" for r in held if r.source in sources]
        )
    iters, batch = (recipe.get(f"recipe.{key}") for key in ("iters", "batch_size"))
    if iters and batch and train:
        seen_rows = float(iters.value) * float(batch.value)
        text = f"{iters.value} iterations of {batch.value} over {len(train)} records"
        found["corpus.epochs"] = Fact(seen_rows / len(train), (text,))
    if render is not None:
        length = recipe.get("recipe.max_seq_length")
        found |= _token_facts(train, int(length.value) if length else 2048, render, set(eos))
    return found


def forbidden(corpus: Corpus, rules: Iterable[Rule], exempt: Iterable[str]) -> dict[str, Fact]:
    """The records that hold what a ``forbid`` rule forbids, by the rule's id; exempt rules are left
    out."""
    wanted = [rule for rule in rules if rule.forbid is not None and rule.id not in set(exempt)]
    places: dict[str, list[str]] = {rule.id: [] for rule in wanted}
    for record in corpus.records:
        codes = [
            (named(language), bare(code, language)) for language, code in _codes(record.answer)
        ]
        for rule in wanted:
            forbid = rule.forbid
            assert forbid is not None
            texts = [record.text] if forbid.within == "record" else [
                code for language, code in codes
                if forbid.language is None or named(forbid.language) == language
            ]  # fmt: skip
            if any(forbid.compiled.search(text) for text in texts):
                places[rule.id].append(record.place)
    return {id: _count(held) for id, held in places.items()}


def bare(code: str, language: str) -> str:
    """``code`` without comments and the insides of strings, so that a comment may name what is
    forbidden."""
    from pygments import lexers, token, util

    try:
        # startinline: PHP without its opening tag
        lexer = lexers.get_lexer_by_name(language, stripnl=False, startinline=True)
    except util.ClassNotFound:
        return MARKERS.sub("", code)
    kept = []
    for kind, text in lexer.get_tokens(code):
        if kind in token.Comment and kind not in token.Comment.Preproc:
            text = "\n" * text.count("\n")
        elif kind in token.String:
            text = re.sub(r"""[^"'\n]""", "", text)
        kept.append(text)
    return "".join(kept)


def _codes(answer: str) -> list[tuple[str, str]]:
    """``(language, code)`` of every fenced block, or all of an answer that has none and reads like
    code."""
    blocks = Answer(answer).blocks
    if blocks:
        return [(named(block.language).name, block.code) for block in blocks]
    lines = [line for line in answer.splitlines() if line.strip()]
    like_code = sum(line[0].isspace() or line.rstrip()[-1] in "{}();:,[]" for line in lines)
    return [("", answer)] if like_code >= len(lines) / 2 else []


def from_base(records: Sequence[Record], answers: Sequence[str]) -> Fact:
    """Share of ``records`` whose gold repeats what the base answers to the same prompt."""
    same = [
        record.place
        for record, answer in zip(records, answers, strict=True)
        if record.answer.strip() == answer.strip()
        or any(near_duplicates([record.answer], [answer], NEAR))
    ]
    return Fact(len(same) / len(records) if records else 0.0, tuple(same))


def _leaks(train: Sequence[Record], held: Sequence[Record]) -> list[str]:
    exact = {record.text: record.place for record in train}
    found = {n: exact[r.text] for n, r in enumerate(held) if r.text in exact}
    for number, other, _ in near_duplicates([r.text for r in held], [r.text for r in train], NEAR):
        found.setdefault(number, train[other].place)
    return [f"{held[number].place} is in {place}" for number, place in sorted(found.items())]


def _token_facts(
    train: Sequence[Record], length: int, render: Render, eos: set[int]
) -> dict[str, Fact]:
    empty, cut, endless, refused = [], [], [], []
    for record in train:
        if not any(form <= record.row.keys() for form in OURS):
            continue  # the form of another trainer, which has its own template
        try:
            ids, start = render(record.row)
        except (
            Exception
        ) as error:  # a template is a program of the base's author: it may do anything
            refused.append(f"{record.place}: {type(error).__name__}: {error}")
            continue
        if start >= min(len(ids), length):
            empty.append(f"{record.place}: {start} tokens of prompt, {length} in all")
        elif len(ids) > length:
            cut.append(record.place)
        elif not eos & set(ids[-3:]):  # templates add a line break after the end token
            endless.append(record.place)
    return {
        "corpus.without_answer": _count(empty),
        "corpus.cut_share": Fact(len(cut) / len(train) if train else 0.0, tuple(cut)),
        "corpus.without_eos": _count(endless),
        "corpus.not_rendered": _count(refused),
    }


def _strict(raw: bytes) -> Mapping[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError("a key is given twice")
        return dict(pairs)

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    try:
        row = json.loads(raw.decode("utf-8"), object_pairs_hook=once, parse_constant=refuse)
    except json.JSONDecodeError as error:
        glued = "; two records on one line" if error.msg == "Extra data" else ""
        raise ValueError(
            f"not one JSON object: {error.msg} (column {error.colno}){glued}"
        ) from None
    return _an_object(row)


def _an_object(row: Any) -> Mapping[str, Any]:
    if not isinstance(row, Mapping):
        raise ValueError(f"found {type(row).__name__}, expected an object")
    return row


def _source(row: Mapping[str, Any]) -> str | None:
    return next((str(row[key]) for key in ("source", "group", "url") if row.get(key)), None)


def _count(places: Sequence[str]) -> Fact:
    return Fact(len(places), tuple(places))


def passages(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """``(place, text)`` of everything that training may have shown: each record as a whole, and
    every text in it, whatever its form."""
    for record in corpus.records:
        texts = [record.text, record.prompt, *records.strings(record.row)]
        yield from ((record.place, text) for text in dict.fromkeys(texts) if text)
    yield from corpus.others
