"""Long answers gone wrong in every way that the method lists, each beside a sound twin as long."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from harness.content import library, workspace
from harness.subjects.base import Bench, Evidence
from harness.subjects.kinds import Kind, Plant, of

KIND = "adapter+long"  # an adapter with a sweep
MANY, CAP = 60, 1024  # answers of a subject, as many as show 95 %, and tokens of each
WORDS = ("amber", "bridge", "candle", "delta", "ember", "forest", "granite", "harbour", "kettle")
ROOM = {"path": "room", "base": "room", "status": "candidate", "facets": ["prose"], "suites": ["p"]}
Row = dict[str, Any]
Rows = Callable[[], list[Row]]
Text = Callable[[random.Random], str]


def prose(draw: random.Random, words: int = 200) -> str:
    """Words that nobody repeats in that order."""
    return " ".join(f"{draw.choice(WORDS)} {draw.randint(2, 9999)}" for _ in range(words // 2))


def loop(draw: random.Random) -> str:
    """Two hundred sound words, and then one sentence without end."""
    return prose(draw) + " and so the day goes on and on." * 40


def far(draw: random.Random) -> str:
    """The same ninety words again and again: no window of n-grams sees that."""
    return prose(draw) + f" {prose(draw, 90)}" * 4


def drift(draw: random.Random) -> str:
    """What is periodic but for its numbers, which count."""
    return prose(draw) + "".join(f"\nStep {n}: look at the log again." for n in range(1, 60))


def garbled(draw: random.Random) -> str:
    """Bytes, scripts and words that no language has."""
    return f"{prose(draw)} the \ufffd\ufffd of\ufffd it, 考虑 to 返回, bridgeWas andThen"


def refrain(draw: random.Random) -> str:
    """Verse: a refrain that comes three times, and the end."""
    return prose(draw) + "\nRow, row, row your boat, gently down the stream, a dream." * 3


def rows_alike(draw: random.Random) -> str:
    """A table of one row."""
    return f"| {prose(draw, 4)} | n |\n|---|---|\n" + "| bridge | amber | 7 | seven |\n" * 80


def table(draw: random.Random) -> str:
    """Tables, markup and code as long, which are as regular as they should be."""
    cells = "".join(f"<tr><td>{n}</td><td>{7 * n}</td></tr>\n" for n in range(120))
    sums = "".join(f"| {n} x {draw.randint(2, 9)} | {draw.randint(2, 99)} |\n" for n in range(120))
    code = "".join(f"    total += values[{n}];\n" for n in range(60))
    return draw.choice([cells, sums, code, prose(draw, 600)])


def _stored(text: Text, **more: Any) -> list[Row]:
    """A subject that answers every prompt so."""
    rows = []
    for number in range(MANY):
        answer = text(random.Random(number))
        row = {"id": f"prompt-{number}", "answer": answer, "forced": True, "finish": "length"}
        rows.append(row | {"tokens": CAP} | more)
    return rows


NATURAL = {"forced": False, "finish": "eos", "tokens": 700}
CUT = {"forced": False, "finish": "length"}
WEAK = {"serve": {"repetition_penalty": 1.3}}


def _by_base(more: Row) -> list[Row]:
    """The same sound answers by both arms."""
    rows = _stored(prose, **more)
    return [*rows, *({**row, "arm": "base"} for row in rows)]


def _bare(text: Text) -> list[Row]:
    """Sound answers with the penalty, and ``text`` without."""
    return [*_stored(prose), *_stored(text, sampler="no_penalty")]


def _regular() -> list[Row]:
    """Tables, code and verse."""
    verse = [{**row, "id": f"verse-{row['id']}"} for row in _stored(refrain, **NATURAL)]
    return _stored(table) + verse


SOUND, LOOPS = partial(_stored, prose), "long-loops"
#: number, code, what is planted, the answers with it and without, and what the entry says beside
KNOWN: tuple[tuple[str, str, str, Rows, Rows, Row], ...] = (
    ("F9.1", LOOPS, "loops after 200 good words", partial(_stored, loop), SOUND, {}),
    ("F9.2", LOOPS, "a period of 90 words", partial(_stored, far), SOUND, {}),
    ("F9.3", LOOPS, "counts up for ever", partial(_stored, drift), partial(_stored, table), {}),
    (
        "F9.4", "long-endless", "never ends",
        partial(_stored, prose, **CUT), partial(_stored, prose, **NATURAL), {},
    ),
    (
        "F9.5", "long-penalty", "only a penalty keeps it from looping",
        partial(_bare, loop), partial(_bare, prose), {"samplers": WEAK},
    ),
    ("F9.6", "long-garbled", "garbled tokens", partial(_stored, garbled), SOUND, {}),
    (
        "F9.7", LOOPS, "a table of one row; tables, code and verse are none",
        partial(_stored, rows_alike), _regular, {},
    ),
    (
        "F9.8", "long-cut", "cut as base's are, which is no degeneration",
        partial(_by_base, CUT), partial(_by_base, NATURAL), {},
    ),
    ("F9.9", LOOPS, "loops where every facet passes", partial(_stored, loop), SOUND, {}),
)  # fmt: skip


def plants() -> list[Plant]:
    """Every one of them."""

    def planted(bad: Rows, sound: Rows, said: Row) -> Callable[[Path, bool], Evidence]:
        return lambda folder, plant: evidence(folder, (bad if plant else sound)(), said)

    return [
        Plant(number, code, what, planted(bad, sound, said), kind=KIND)
        for number, code, what, bad, sound, said in KNOWN
    ]


def evidence(folder: Path, rows: list[Row], said: Row) -> Evidence:
    """What a gate holds of stored answers, read and measured as it does; all its suites passed."""
    (folder / "room").mkdir(parents=True)
    for name in ("config", "tokenizer"):
        (folder / "room" / f"{name}.json").write_text("{}")
    (folder / "answers.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    swept = {"transcripts": "answers.jsonl", "lengths": [256, CAP], "promised": CAP, **said}
    listed = {"bases": {"room": {"path": "room"}}, "adapters": {"subject": {**ROOM, "long": swept}}}
    (folder / "library.yaml").write_text(json.dumps(listed))
    place = workspace.find(str(folder))
    entry = library.resolve(place, library.load(place), "subject")
    kind: Kind = of(entry)
    digests = {"base": "sha256:room", "adapter": "sha256:room"}
    bench = Bench(entry, {}, kind.parts(entry), digests, _no_model)
    measured = {
        what: dict(kind.measure(bench, what, cases)) for what, cases in kind.owes(bench).items()
    }
    own = kind.spec.model_validate(kind.own(entry)) if kind.spec else None
    passed = {"prose": {"adapter": {"p": ["pass"]}}}
    tokens = {"prose": {"adapter": {"p": CAP}}}
    return Evidence(own, digests, measured, {}, passed, tokens)


def _no_model() -> Any:
    raise LookupError("stored answers need no model")
