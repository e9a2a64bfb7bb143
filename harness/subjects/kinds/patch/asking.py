"""What is asked of a patch and of what it is held against, and how: free generation, each answer
beside what would be right."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import files
from harness.errors import WorkspaceError
from harness.stats.subjects.contamination import longest_match, normalised
from harness.subjects.base import Bench, Numbers
from harness.subjects.effect import PROBE_TOKENS, moved
from harness.subjects.kinds.patch import spec as facts_of
from harness.subjects.kinds.patch.mounting import mounted
from harness.subjects.kinds.patch.spec import DOCUMENT, QUESTION, Facts, Spec

if TYPE_CHECKING:
    from harness.engines.base import Decoding, WhiteBox

KNOWN, MOVED, SIZE = "known", "moved", "size"  # measured beside answers
BASE, ADAPTER, READ, RAG, OTHER = "base", "adapter", "in-context", "rag", "unrelated"
SCRAMBLED, RANDOM, BEFORE, SECOND, TOGETHER = "scrambled", "random", "previous", "second", "both"
DIRECT, PARAPHRASE, STAYS = "direct", "paraphrase", ("neighbours", "unanswerable", "unrelated")
SAMPLES = 8  # of base, that say whether it knew a fact: Gekhman et al. 2024, arXiv 2405.05904
LEAD = 12  # words of the document before what nobody may copy out of it
PASSAGE = 80  # words of the longest passage that is looked for
#: what a document holds of persons: telephone numbers, addresses of mail, numbers of accounts
PRIVATE = re.compile(r"\+?\d(?:[ ().\-/]{0,2}\d){6,}|[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


@dataclass(frozen=True)
class Asked:
    """One question: what it is for, and what would be right or out of date."""

    form: str
    prompt: str
    fact: str = ""
    accepts: tuple[str, ...] = ()
    stale: str | None = None
    position: float | None = None
    private: str | None = None

    def numbers(self) -> Numbers:
        """As a receipt has it; what is private stays out of it."""
        told = {"form": self.form, "fact": self.fact, "accepts": list(self.accepts)}
        return told | {"stale": self.stale, "position": self.position, "prompt": self.prompt}


@cache
def document(path: Path) -> str:
    """The text of a document; raises :class:`WorkspaceError` where it has none."""
    text = files.read_text(path)
    if not text.strip():
        raise WorkspaceError(f"{path}: found no text; expected the document that was patched in")
    return text


def questions(found: Facts, text: str = "") -> dict[str, Asked]:
    """Every question by case; of what is private in the document, its words before that."""
    asked = dict[str, Asked]()
    for fact in found.facts:
        told: tuple[Any, ...] = (fact.id, tuple(fact.accepts), fact.stale, fact.position)
        asked[f"{DIRECT} {fact.id}"] = Asked(DIRECT, fact.question, *told)
        for number, other in enumerate(fact.paraphrases):
            asked[f"{PARAPHRASE} {number} {fact.id}"] = Asked(PARAPHRASE, other, *told)
        for form, hop in (("reverse", fact.reverse), ("two_hop", fact.two_hop)):
            if hop is not None:
                asked[f"{form} {fact.id}"] = Asked(form, hop.question, fact.id, (hop.answer,))
    for form in STAYS:
        for number, question in enumerate(getattr(found, form)):
            asked[f"{form} {number}"] = Asked(form, question)
    for number, seen in enumerate(PRIVATE.finditer(text)):
        lead = " ".join(text[: seen.start()].split()[-LEAD:])
        if lead:
            asked[f"private {number}"] = Asked("private", lead, private=seen.group())
    return asked


def owed(own: Spec, folders: Mapping[str, Path]) -> dict[str, list[str]]:
    """Every arm with the cases that it answers, and what is measured beside."""
    found = facts_of.read(folders["facts"])
    every = questions(found, document(folders["document"]))
    about = [case for case, one in every.items() if one.form in (DIRECT, PARAPHRASE)]
    direct = [f"{DIRECT} {fact.id}" for fact in found.facts]
    owes = {BASE: list(every), ADAPTER: list(every)}
    owes |= dict.fromkeys((READ, RAG, OTHER, RANDOM), about)
    if own.scrambled is not None:
        owes[SCRAMBLED] = about
    if BEFORE in folders and (stale := [f"{DIRECT} {f.id}" for f in found.facts if f.stale]):
        owes[BEFORE] = stale
    if own.both is not None:
        second = [f"{DIRECT} {f.id}" for f in facts_of.read(folders["second facts"]).facts]
        owes |= {SECOND: second, TOGETHER: direct, f"{SECOND}/{TOGETHER}": second}
    owes |= {KNOWN: [fact.id for fact in found.facts], SIZE: [ADAPTER]}
    if stays := [case for case, one in every.items() if one.form in ("neighbours", "unrelated")]:
        owes[MOVED] = stays
    return owes


def answers(bench: Bench, arm: str, cases: Sequence[str]) -> Iterator[tuple[str, Numbers]]:
    """What an arm says to its questions, greedily; a prompt that base has no room for is not
    asked."""
    own: Spec = bench.own
    text = document(bench.folders["document"])
    of = "second facts" if arm.startswith(SECOND) else "facts"
    found = facts_of.read(bench.folders[of])
    asked = questions(found, text)
    prompts = _prompts(own, arm, [asked[case] for case in cases], text)
    read = normalised(text)
    with mounted(bench, arm) as engine:
        for at, said in _said(bench, engine, prompts):
            row = asked[cases[at]]
            answer, finish = said[0]
            told = row.numbers() | {"text": answer, "finish": finish}
            told["abstains"] = any(facts_of.holds(answer, one) for one in found.abstains)
            told["run"] = longest_match(normalised(answer), read)
            yield cases[at], told | {"copied": len(_private(answer, text, row))}


def known(bench: Bench, cases: Sequence[str]) -> Iterator[tuple[str, Numbers]]:
    """What base says to each fact's question, drawn several times."""
    own: Spec = bench.own
    facts = {fact.id: fact for fact in facts_of.read(bench.folders["facts"]).facts}
    prompts = [own.template.replace(QUESTION, facts[case].question) for case in cases]
    for at, said in _said(bench, bench.engine(), prompts, SAMPLES):
        texts = [text for text, _ in said]
        yield cases[at], {"accepts": facts[cases[at]].accepts, "texts": texts}


def how_far(bench: Bench, cases: Sequence[str]) -> Iterator[tuple[str, Numbers]]:
    """By prompt KL(base || patch), in nats per token."""
    asked = questions(facts_of.read(bench.folders["facts"]))
    engine, own = bench.engine(), bench.own
    prompts = [own.template.replace(QUESTION, asked[case].prompt) for case in cases]
    rows = [engine.encode(prompt, _mode(bench, engine)) for prompt in prompts]
    bare = engine.log_probabilities(rows, PROBE_TOKENS)
    engine.mount(bench.folders[ADAPTER])
    for case, *said in zip(cases, bare, engine.log_probabilities(rows, PROBE_TOKENS), strict=True):
        nats = moved(said[:1], said[1:]).nats
        yield case, {"nats": None if nats != nats else nats}
    engine.mount(None)


def _said(
    bench: Bench, engine: WhiteBox, prompts: Sequence[str], samples: int = 0
) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """By number of the prompt its answers with why each ended: one greedy one, or so many that are
    drawn."""
    own, mode = bench.own, _mode(bench, engine)
    decoding = _decoding(own, 1.0 if samples else 0.0)
    rows = [engine.encode(prompt, mode) for prompt in prompts]
    fits = [n for n, row in enumerate(rows) if len(row) + own.max_tokens <= engine.context]
    for number in sorted({*range(len(rows))} - {*fits}):
        yield number, [("", "no room")]
    if not fits:
        return
    engine.settle(tokens=max(len(rows[n]) for n in fits) + own.max_tokens)
    drawn = [(n, sample) for n in fits for sample in range(samples or 1)]
    seeds = [_seed(prompts[n], sample) for n, sample in drawn]
    waiting: dict[int, dict[int, tuple[str, str]]] = {n: {} for n in fits}
    for at, said in engine.generate([rows[n] for n, _ in drawn], decoding, seeds):
        number, sample = drawn[at]
        waiting[number][sample] = (said.text, said.finish)
        if len(waiting[number]) == (samples or 1):
            yield number, [one for _, one in sorted(waiting.pop(number).items())]


def _decoding(own: Spec, temperature: float) -> Decoding:
    from harness.engines.base import Decoding

    return Decoding(own.max_tokens, tuple(own.stop), temperature)


def _mode(bench: Bench, engine: WhiteBox) -> str:
    said = bench.own.mode or bench.entry.base.mode
    return said or ("chat" if engine.template else "completion")


def _seed(prompt: str, sample: int) -> int:
    name = json.dumps([prompt, sample])
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])


def _private(answer: str, text: str, row: Asked) -> set[str]:
    """What an answer copies of the document that is private, and was neither asked for nor in the
    prompt."""
    given = {*_digits(row.prompt), *(one for said in row.accepts for one in _digits(said))}
    return (_digits(answer) & _digits(text)) - given


def _digits(text: str) -> set[str]:
    """What is private in a text, in one form: digits alone, or in lower case."""
    found = (seen.group() for seen in PRIVATE.finditer(text))
    return {one.lower() if "@" in one else re.sub(r"\D", "", one) for one in found}


def _prompts(own: Spec, arm: str, asked: Sequence[Asked], text: str) -> list[str]:
    """The questions as an arm is asked them: bare, after the document, or after the passages of it
    that BM25 finds."""

    def within(read: str, question: str) -> str:
        bare = own.template.replace(QUESTION, question)
        return own.context.replace(QUESTION, bare).replace(DOCUMENT, read)

    if arm == READ:
        return [within(text.strip(), one.prompt) for one in asked]
    if arm == RAG:
        found = _retrieved(passages(text), [one.prompt for one in asked], own.passages)
        return [within(read, one.prompt) for read, one in zip(found, asked, strict=True)]
    return [
        one.prompt if one.form == "private" else own.template.replace(QUESTION, one.prompt)
        for one in asked
    ]


def passages(text: str) -> list[str]:
    """The paragraphs of a document, long ones in pieces of whole sentences."""
    found = list[str]()
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        piece = ""
        for sentence in re.split(r"(?<=[.!?])\s+", paragraph.strip()):
            if piece and len(f"{piece} {sentence}".split()) > PASSAGE:
                found.append(piece)
                piece = ""
            piece = f"{piece} {sentence}".strip()
        found.append(piece)
    return found


def _retrieved(found: Sequence[str], asked: Sequence[str], many: int) -> Iterator[str]:
    """For each question the passages that BM25 finds, in their order."""
    try:
        import bm25s
    except ImportError:
        text = "BM25 is not installed; `pip install 'adapter-release-gate[patch]'`"
        raise WorkspaceError(text) from None
    index, quiet = bm25s.BM25(), {"show_progress": False}
    every = {"token_pattern": r"(?u)\b\w+\b", **quiet}  # a number of one digit is a word too
    index.index(bm25s.tokenize(list(found), **every), **quiet)
    ids, _ = index.retrieve(
        bm25s.tokenize(list(asked), **every), k=min(many, len(found)), n_threads=1, **quiet
    )
    for row in ids:
        yield "\n\n".join(found[at] for at in sorted(map(int, row)))
