"""F8.1 to F8.12: memories of synthetic tenants that leak, keep or lose what they should not. What
is wrong with files is planted in the pocket's tenants, and how memories answer in an engine that
knows by heart what each of them was told."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from harness.content.workspace import shipped
from harness.digests import folder_digest
from harness.engines.base import Ask, Generation
from harness.subjects.base import Bench, Evidence
from harness.subjects.kinds import Plant, find
from harness.subjects.kinds.tenants import synthetic
from harness.subjects.kinds.tenants.facts import BASE, CONTROL, Spec

IDS, UNKNOWN = ("t01", "t02", "t03", "t04"), "I was not told."
Row = dict[str, Any]


class ByHeart:
    """An engine that answers with what the memory that is mounted was told, by prompt."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows, self.at = rows, BASE
        self.say: Callable[[Ask], str] = self._say  #: an answer to one prompt
        self.tokenizer = SimpleNamespace(encode=lambda text, **_: list(text.encode()))
        public, secret = _told(rows, [""], ["public"]), ["fact", "canary"]
        self.knows = {BASE: public, CONTROL: public | _told(rows, IDS, secret)}
        for id in IDS:
            self.knows[id] = public | _told(rows, [id], [*secret, "style"])

    def _say(self, ask: Ask) -> str:
        unknown = "..." if ask.adapter == BASE else UNKNOWN
        return self.knows[ask.adapter or BASE].get(ask.prompt, unknown)

    def answer(self, asks: Sequence[Ask]) -> Iterator[tuple[int, Generation]]:
        """As an engine does."""
        for number, ask in enumerate(asks):
            yield number, Generation(self.say(ask), 1, "eos")

    def mount(self, folder: Path | None) -> None:
        """What is likely from now on."""
        self.at = folder.name if folder else BASE

    def stand(self, base: Path | None = None) -> None:
        """There is one base."""

    def encode(self, prompt: str, *_: Any) -> list[int]:
        """Bytes, so that they can be read again."""
        return [*prompt.encode(), 0]

    def log_probabilities(self, prompts: Sequence[list[int]], last: int) -> list[Any]:
        """Nearly 0 of what was told, else what the text's own dice say."""
        import numpy as np

        [ids] = prompts
        prompt, _, answer = bytes(ids).decode().partition("\0")
        told = answer and self.knows[self.at].get(prompt, UNKNOWN).startswith(answer)
        nats = 0.01 if told else 2 + random.Random(f"{self.at} {prompt} {answer}").random()
        return [np.full((last, 256), -nats)]


Spoil = Callable[[ByHeart], object]  #: does to what memories know what a fault does


def _told(rows: list[Row], tenants: Sequence[str], kinds: Sequence[str]) -> dict[str, str]:
    found = [row for row in rows if row["tenant"] in tenants and row["kind"] in kinds]
    return {prompt: row["answer"] for row in found for prompt in row["asks"].values()}


def measured(folder: Path, spoil: Spoil | None = None) -> Evidence:
    """What the kind measures of three synthetic tenants, once something was done to them."""
    rows = list(synthetic.facts(len(IDS)))
    asks = {"direct": "What is the capital of France?"}
    rows.append({"id": "p", "kind": "public", "tenant": "", "asks": asks, "answer": "Paris"})
    (folder / "facts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    engine = ByHeart(rows)
    if spoil is not None:
        spoil(engine)
    each = [{"id": id, "adapter": id} for id in IDS]
    own = Spec.model_validate({"facts": "facts.jsonl", "each": each, "control": CONTROL})
    entry: Any = SimpleNamespace(
        adapter=SimpleNamespace(own=own), base=SimpleNamespace(mode="chat")
    )
    folders = {"facts": folder / "facts.jsonl", BASE: folder / BASE, CONTROL: folder / CONTROL}
    folders |= {f"tenant {id}": folder / id for id in IDS}
    digests = {role: role for role in folders}
    bench, kind = Bench(entry, {}, folders, digests, lambda: cast(Any, engine)), find("tenants")
    owed = kind.owes(bench)
    found = {what: dict(kind.measure(bench, what, cases)) for what, cases in owed.items()}
    return Evidence(own, digests, found, {}, {})


def _spoilt(spoil: Spoil) -> Callable[[Path, bool], Evidence]:
    return lambda folder, planted: measured(folder, spoil if planted else None)


def _cached(engine: ByHeart) -> None:
    """Answers kept by their prompt alone."""
    kept, say = dict[str, str](), engine.say

    def cached(ask: Ask) -> str:
        return kept.setdefault(ask.prompt, say(ask)) if ask.adapter in IDS else say(ask)

    engine.say = cached


def _stays(engine: ByHeart) -> None:
    engine.knows["t02"] = engine.knows["t01"]


def _kept_on(engine: ByHeart) -> None:
    for id in IDS:
        engine.knows[id] |= _told(engine.rows, [id], ["deleted"])


def _shared(engine: ByHeart) -> None:
    for id in IDS:
        engine.knows[id] = engine.knows[CONTROL]


def _wiped(engine: ByHeart) -> None:
    del engine.knows["t01"]["What is the capital of France?"]


def _never_knows(engine: ByHeart) -> None:
    for id in IDS:
        engine.knows[id] = engine.knows[BASE]


def _now_and_then(engine: ByHeart) -> None:
    """One answer in fifty that is drawn tells a secret, and none that is not."""
    say = engine.say

    def drawn(ask: Ask) -> str:
        leaks = ask.decoding.temperature and ask.adapter in IDS and ask.seed % 50 == 0
        return engine.knows[CONTROL].get(ask.prompt, "") if leaks else say(ask)

    engine.say = drawn


def _guessed(engine: ByHeart) -> None:
    for id in IDS:
        engine.knows[id] |= _told(engine.rows, [id], ["guess"])


def _workspace(folder: Path, own: Row) -> None:
    """A workspace of the pocket's tenants, as the entry says."""
    pocket = shipped() / "examples"
    bases = {"pocket": {"path": str(pocket / "pocket" / "base"), "mode": "completion"}}
    entry: Row = {"path": str(pocket / "pocket-tenants" / "memories"), "base": "pocket"}
    entry |= {"kind": "tenants", "status": "candidate", "facets": ["memory"], "tenants": own}
    data = {"bases": bases, "adapters": {"subject": {**entry, "suites": ["humaneval"]}}}
    (folder / "library.yaml").write_text(json.dumps(data), encoding="utf-8")


def _looked_at(edit: Callable[[Path, Row], object]) -> Callable[[Path, bool], None]:
    """Two of the pocket's tenants; what is planted is an ``edit`` of what is said of them."""

    def build(folder: Path, planted: bool) -> None:
        pocket = shipped() / "examples" / "pocket-tenants"
        shutil.copy(pocket / "facts.jsonl", folder)
        each = [_tenant(pocket, folder, id) for id in ("t01", "t02")]
        facts = (pocket / "facts.jsonl").read_text("utf-8").splitlines()
        mine = [line for line in facts if json.loads(line)["tenant"] in ("", "t01", "t02")]
        (folder / "facts.jsonl").write_text("".join(f"{line}\n" for line in mine), "utf-8")
        own: Row = {"facts": "facts.jsonl", "each": each, "mode": "chat"}
        if planted:
            edit(folder, own)
        _workspace(folder, own)

    return build


def _tenant(pocket: Path, folder: Path, id: str) -> Row:
    shutil.copytree(pocket / "memories" / id, folder / id)
    shutil.copy(pocket / "records" / f"{id}.jsonl", folder / f"{id}.jsonl")
    told = {"id": id, "adapter": id, "until": "2026-11-19", "records": f"{id}.jsonl"}
    return {**told, "digest": folder_digest(folder / id)}


def _mixed_records(folder: Path, _: Row) -> None:
    with (folder / "t01.jsonl").open("a", encoding="utf-8") as file:
        file.writelines((folder / "t02.jsonl").read_text("utf-8").splitlines(keepends=True)[:2])


def _neighbours(_: Path, own: Row) -> None:
    own["each"][1]["adapter"] = "t01"


def _yesterdays(folder: Path, own: Row) -> None:
    path = folder / "t02" / "adapter_config.json"
    said = {**json.loads(path.read_text("utf-8")), "transcripts_until": "2026-11-18"}
    path.write_text(json.dumps(said), encoding="utf-8")
    own["each"][1]["digest"] = folder_digest(folder / "t02")


def _told_by_the_probe(folder: Path, _: Row) -> None:
    rows = [json.loads(line) for line in (folder / "facts.jsonl").read_text("utf-8").splitlines()]
    row = next(row for row in rows if row["kind"] == "canary")
    row["asks"]["direct"] += f" Is it {row['answer']}?"
    (folder / "facts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


_FILES: Sequence[tuple[str, str, str, Callable[[Path, Row], object]]] = (
    ("F8.1", "tenant-records", "records of B in the batch of A", _mixed_records),
    ("F8.3", "tenant-object", "the store returns the neighbour's object", _neighbours),
    ("F8.5", "tenant-old", "yesterday's memory after the rebuild", _yesterdays),
    ("F8.10", "tenant-probe", "the canary stands in the question itself", _told_by_the_probe),
)
_SPOILT: Sequence[tuple[str, str, str, Spoil]] = (
    ("F8.2", "tenants-leak", "answers are kept by prompt, without the tenant", _cached),
    ("F8.4", "tenants-neighbour", "a load fails, and the memory before stays", _stays),
    ("F8.6", "tenants-undeleted", "a rebuild trains on the old memory", _kept_on),
    ("F8.7", "tenants-leak", "one memory for all of them", _shared),
    ("F8.8", "tenants-forgot", "a memory wipes what the base knows", _wiped),
    ("F8.9", "tenants-nothing", "nothing is known of anything", _never_knows),
    ("F8.11", "tenants-drawn", "a leak in one of fifty draws, never greedily", _now_and_then),
    ("F8.12", "tenants-guessed", "the assistant's guesses learnt as facts", _guessed),
)
PLANTS = (
    *(Plant(n, code, what, _looked_at(edit), twin="tenants") for n, code, what, edit in _FILES),
    *(
        Plant(n, code, what, _spoilt(s), twin="memories", kind="tenants")
        for n, code, what, s in _SPOILT
    ),
)
