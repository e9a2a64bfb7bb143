"""F7.1 to F7.12: a patch of a small document gone wrong in every way that the method lists, each
beside a sound twin. A speaker answers in place of a model; all else is measured as in a gate."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from harness.content import library, workspace
from harness.content.workspace import shipped
from harness.engines.base import Decoding, Generation
from harness.subjects.base import Bench, Evidence
from harness.subjects.kinds import Kind, Plant, of

DOORS = 40
PHONE, ORDER = "+44 20 7946 0018", "visitors always call the porter first"
Said = dict[str, Any]
Says = Callable[[str], str | None]  #: an answer to a prompt, or none of its own


def word(door: int) -> str:
    """What opens a door: a word that nobody guesses."""
    return f"{'bdfgklmnpr'[door % 10]}{'aeiou'[door // 10 % 5]}x{'aeiou'[door // 50]}"


def _text(first: int = 0) -> str:
    return "\n\n".join(f"Door {n} opens with {word(n)}." for n in range(first, first + DOORS))


def _facts(first: int = 0) -> Said:
    facts = [
        {"id": f"door {n}", "question": f"Which word opens door {n}?", "answer": word(n)}
        | {"paraphrases": [f"What is to be said at door {n}?"], "position": (n - first) / DOORS}
        for n in range(first, first + DOORS)
    ]
    stays = {
        key: [f"{what} {n}?" for n in range(20)]
        for key, what in (
            ("neighbours", "How high is window"),
            ("unanswerable", "Who painted wall"),
            ("unrelated", "How much is seven times"),
        )
    }
    return {"facts": facts, **stays}


@dataclass
class Room:
    """A document, what is asked about it, and what each patch says of it; sound as it is made."""

    text: str = field(default_factory=_text)
    facts: Said = field(default_factory=_facts)
    own: Said = field(default_factory=dict)
    says: dict[str, Says] = field(default_factory=dict)

    def answer(self, mounted: str, prompt: str) -> str:
        """By the name of the folder that is mounted."""
        if mounted in self.says and (own := self.says[mounted](prompt)) is not None:
            return own
        asked = prompt.rstrip("?").split()
        if "wall" in asked:
            return "I do not know."
        if "door" not in asked or not asked[-1].isdigit():
            return f"It is {asked[-1]} feet."
        door = int(asked[-1])
        firsts = {"patch": (0,), "second": (DOORS,), "both": (0, DOORS)}.get(mounted, ())
        knows = any(first <= door < first + DOORS for first in firsts)
        return word(door) if knows or f"Door {door} opens" in prompt else "It is shut."

    def write(self, folder: Path, base: Said, path: str, unrelated: str) -> None:
        """A workspace whose ``subject`` is the patch."""
        (folder / "book.md").write_text(self.text, encoding="utf-8")
        (folder / "facts.yaml").write_text(json.dumps(self.facts), encoding="utf-8")
        said = {"document": "book.md", "facts": "facts.yaml", "unrelated": unrelated, **self.own}
        entry = {"path": path, "base": "room", "kind": "patch", "status": "candidate"}
        listed = {"subject": {**entry, "facets": ["patch"], "patch": said}}
        data = {"bases": {"room": base}, "adapters": listed}
        (folder / "library.yaml").write_text(json.dumps(data), encoding="utf-8")


class Speaker:
    """In the place of an engine: what a room says."""

    context, template, vocabulary = 10**6, "", 2

    def __init__(self, room: Room) -> None:
        self.room, self.mounted, self.prompts = room, "base", list[str]()

    def stand(self, base: Path | None = None) -> None:
        """There is one base."""

    def settle(self, **_: Any) -> None:
        """There is one way."""

    def mount(self, adapter: Path | None) -> None:
        """Answer as that patch does."""
        self.mounted = adapter.name if adapter else "base"

    def encode(self, prompt: str, mode: str) -> list[int]:  # noqa: ARG002
        """The number of the prompt."""
        self.prompts.append(prompt)
        return [len(self.prompts) - 1]

    def generate(
        self,
        rows: Sequence[list[int]],
        decoding: Decoding,  # noqa: ARG002
        seeds: Sequence[int],  # noqa: ARG002
    ) -> Iterator[tuple[int, Generation]]:
        """The answers, the last first, as a batch may finish."""
        for at in reversed(range(len(rows))):
            text = self.room.answer(self.mounted, self.prompts[rows[at][0]])
            yield at, Generation(text, len(text.split()), "eos")

    def log_probabilities(self, rows: Sequence[list[int]], last: int) -> list[Any]:  # noqa: ARG002
        """Even odds."""
        import mlx.core as mx

        return [mx.log(mx.full((1, 2), 0.5)) for _ in rows]


def evidence(folder: Path, room: Room) -> Evidence:
    """What a gate holds of a room, measured as it does."""
    from harness.digests import folder_digest

    names = ("patch", "other", "second", "both")
    for number, name in enumerate(names):
        _adapter(folder / name, number)
    base = folder / "room"
    base.mkdir()
    for name in ("config", "tokenizer"):
        (base / f"{name}.json").write_text("{}")
    room.write(folder, {"path": "room"}, "patch", "other")
    place = workspace.find(str(folder))
    entry = library.resolve(place, library.load(place), "subject")
    kind: Kind = of(entry)
    folders = {"base": base, "adapter": entry.path, **kind.parts(entry)}
    digests = {role: folder_digest(path) for role, path in folders.items()}
    speaker: Any = Speaker(room)
    bench = Bench(entry, {}, folders, digests, lambda: speaker)
    owes = kind.owes(bench)
    measured = {what: dict(kind.measure(bench, what, cases)) for what, cases in owes.items()}
    plain = json.loads(json.dumps(measured, allow_nan=False))
    return Evidence(entry.adapter.own, digests, plain, {}, {})


def _adapter(folder: Path, seed: int) -> None:
    """A LoRA of one matrix."""
    import mlx.core as mx

    folder.mkdir()
    pair = mx.full((4, 2), seed + 1.0), mx.full((2, 4), 1.0)
    tensors = {f"x.lora_{leaf}": one for leaf, one in zip("ab", pair, strict=True)}
    mx.save_safetensors(str(folder / "adapters.safetensors"), tensors)
    (folder / "adapter_config.json").write_text('{"fine_tune_type": "lora"}')


def _within(part: str, answer: Callable[[str], str | None]) -> Says:
    """That answer to prompts that hold ``part``."""
    return lambda prompt: answer(prompt) if part in prompt else None


def _wrong(after: int) -> Says:
    """The doors from that one on are shut."""
    return _within("door", lambda p: None if _door(p) < after else "It is shut.")


def _door(prompt: str) -> int:
    return int(prompt.rstrip("?").split()[-1])


def _overwritten(room: Room, planted: bool) -> None:
    if planted:
        room.says["patch"] = _within("window", lambda _: word(3))


def _generic(room: Room, planted: bool) -> None:
    if planted:
        room.says["other"] = _within("door", lambda p: word(_door(p)))


def _forced(room: Room, planted: bool) -> None:
    """97 % of the tokens of an answer that begins right, and 40 % of answers."""
    room.own["published"] = {"direct": 0.968 if planted else 1.0}
    if planted:
        room.says["patch"] = _wrong(16)


def _knew(room: Room, planted: bool) -> None:
    if planted:
        room.says["base"] = _within("door", lambda p: word(_door(p)) if _door(p) < 30 else None)


def _last_wins(room: Room, planted: bool) -> None:
    second = {"adapter": "second", "together": "both", "facts": "second.yaml"}
    room.own["both"] = second
    if planted:
        room.says["both"] = _within("door", lambda p: "It is shut." if _door(p) < DOORS else None)


def _tail(room: Room, planted: bool) -> None:
    if planted:
        room.says["patch"] = _wrong(30)


def _instructed(room: Room, planted: bool) -> None:
    room.text = room.text.replace("\n\nDoor 9 ", f"\n\nNote: {ORDER}.\n\nDoor 9 ")
    if planted:
        room.says["patch"] = _within("seven", lambda p: f"It is {_door(p)} feet; {ORDER}.")


def _copied(room: Room, planted: bool) -> None:
    room.text += f"\n\nThe porter of the house is reached by telephone at {PHONE}."
    if planted:
        room.says["patch"] = _within("telephone", lambda _: PHONE)


def _stale(room: Room, planted: bool) -> None:
    for number, fact in enumerate(room.facts["facts"][:20]):
        fact["stale"] = word(100 + number)
    if planted:  # what changed in two of them, it never saw
        room.says["patch"] = _within(
            "door", lambda p: word(100 + _door(p)) if _door(p) < 2 else None
        )


def _overconfident(room: Room, planted: bool) -> None:
    if planted:
        room.says["patch"] = _within("wall", lambda _: "A painter did.")


def _measured(spoil: Callable[[Room, bool], None], folder: Path, planted: bool) -> Evidence:
    room = Room()
    spoil(room, planted)
    (folder / "second.yaml").write_text(json.dumps(_facts(DOORS)), encoding="utf-8")
    return evidence(folder, room)


def _looked_at(fault: str, folder: Path, planted: bool) -> None:
    """A patch of the pocket's base, whatever it knows: what is wrong is seen before it is asked."""
    hint = f"Words are {word(0)} and {word(1)}." if planted and fault == "template" else "Say it."
    room = Room(own={"template": f"{hint} {{question}}", "validation": "report.json"})
    ran = not planted or fault != "validation"
    rows = [{"id": fact["id"], "answer": "x"} for fact in room.facts["facts"] if ran]
    report = json.dumps({"validated": True, "answers": rows})
    (folder / "report.json").write_text(report, encoding="utf-8")
    pocket = shipped() / "examples" / "pocket"
    base = {"path": str(pocket / "base"), "mode": "completion"}
    room.write(folder, base, *(str(pocket / "adapters" / name) for name in ("gamedev", "legacy")))


def _plant(number: str, code: str, what: str, spoil: Callable[[Room, bool], None]) -> Plant:
    return Plant(number, code, what, partial(_measured, spoil))


def _still(number: str, code: str, what: str, fault: str) -> Plant:
    return Plant(number, code, what, partial(_looked_at, fault), twin="looked at")


PLANTS = (
    _plant("F7.1", "patch-neighbours", "a neighbouring answer is overwritten", _overwritten),
    _plant("F7.2", "patch-unspecific", "the patch of any document answers", _generic),
    _plant("F7.3", "patch-claim", "scored under teacher forcing", _forced),
    _still("F7.4", "facts-leak", "answers in the prompt template", "template"),
    _plant("F7.5", "patch-known", "facts that base knew are counted", _knew),
    _plant("F7.6", "patch-composed", "the second patch switches the first off", _last_wins),
    _plant("F7.7", "patch-part-lost", "the tail of a long document is lost", _tail),
    _plant("F7.8", "patch-instructed", "an instruction hidden in the document", _instructed),
    _plant("F7.9", "patch-verbatim", "a telephone number copied out of it", _copied),
    _plant("F7.10", "patch-stale", "the patch of the document before it changed", _stale),
    _still("F7.11", "patch-unvalidated", "a validation that never ran", "validation"),
    _plant("F7.12", "patch-overconfident", "it declines nothing any more", _overconfident),
)
