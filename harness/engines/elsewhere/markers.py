"""Whether a server still answers with what it answered with: markers, prompts of which the answers
of base and adapter are known since before the run.

A server that ignores the adapter, or loses it, answers every request with status 200. Texts are
compared, and log-probabilities where the server offers them; what the server itself varies by was
measured first, each arm against itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.digests import canonical_digest
from harness.engines.base import Ask, Decoding

TOKENS = 24  # of the answer to a marker
FLOOR = 0.01  # nats per token that two readings of the same model may differ by
NOISE = 3.0  # times what was seen before the run
MOST = 8  # markers that are asked again and again
MOVED = 0.25  # share of the markers that may be answered otherwise by chance
AHEAD = 8  # tokens that show whether white space at the start of an answer is kept

#: where no suite has dev prompts: what any model goes on from
FIXED = (
    "def fibonacci(n):\n    ",
    "class Stack:\n    def __init__(self):\n        ",
    "import os\n\ndef list_files(path):\n",
    "The quick brown fox",
    "Once upon a time there was",
    "1. Preheat the oven to",
    "SELECT name, count(*)\nFROM ",
    "<html>\n<head>\n",
)


@dataclass(frozen=True)
class Reading:
    """One answer to a marker; ``odds`` are the log-probabilities of its tokens, empty where the
    server offers none."""

    text: str
    odds: tuple[float, ...] = ()


Read = Callable[[Sequence[Ask]], list[Reading]]


class Markers:
    """The markers of a run; ``faults`` is what their first readings show, as ``(code, sentence)``,
    empty where base and adapter can be told apart."""

    def __init__(self, read: Read, asks: Sequence[Ask]) -> None:
        greedy = [replace(ask, decoding=Decoding(TOKENS), mount=None) for ask in asks]
        self._asks = {False: greedy, True: [replace(one, mount=Path("adapter")) for one in greedy]}
        first = {mounted: read(asks) for mounted, asks in self._asks.items()}
        again = {mounted: read(asks) for mounted, asks in self._asks.items()}
        self._first = first
        every = range(len(greedy))
        steady = [
            n for n in every if all(first[arm][n].text == again[arm][n].text for arm in first)
        ]
        noise = [_apart(first[arm][n], again[arm][n]) for arm in first for n in steady]
        self._by = max(FLOOR, NOISE * max(noise, default=0.0))
        told = [n for n in steady if _apart(first[False][n], first[True][n]) > self._by]
        self._telling = told[:: -(-len(told) // MOST) or 1]  # of every suite
        #: of each marker, short; empty for one that is not answered twice alike
        self.digests = [
            canonical_digest([first[arm][n].text for arm in first])[-12:] if n in steady else ""
            for n in every
        ]
        self.faults = list(self._of(len(greedy), steady, read))

    def _of(self, many: int, steady: list[int], read: Read) -> Iterator[tuple[str, str]]:
        if not steady:
            text = f"the server answers none of {many} markers twice alike, greedily"
            yield "served-unsteady", f"{text}: nothing can be shown of what answers"
        elif not self._telling:
            text = f"the server answers all {len(steady)} markers alike for base and adapter"
            yield "served-base", f"{text}: its users do not get the adapter"
        if self._strips(read):
            text = "the server strips white space from the start of completions"
            yield "served-stripped", f"{text}, which code begins with"

    def identity(self, before: object) -> list[str]:
        """The digests by which a server is known: those of ``before``, where a run that goes on had
        some and they are answered as they were, as far as that is to be expected."""
        known = before if isinstance(before, list) and len(before) == len(self.digests) else []
        pairs = [pair for pair in zip(self.digests, known, strict=False) if all(pair)]
        moved = sum(now != then for now, then in pairs)
        return known if pairs and moved <= MOVED * len(pairs) else self.digests

    def asks(self, mounted: bool) -> list[Ask]:
        """What is asked of the adapter (or, not ``mounted``, of base) again and again."""
        return [self._asks[mounted][n] for n in self._telling]

    def drift(self, mounted: bool, now: Sequence[Reading]) -> str:
        """How what answered these differs from what it was; empty where it does not. One answer
        that is the other's is enough: it was steady, and the two are apart."""
        told, arm = self._telling, "adapter" if mounted else "base"
        pairs = list(zip(told, now, strict=True))
        moved = [(n, one) for n, one in pairs if _apart(self._first[mounted][n], one) > self._by]
        other = [n for n, one in moved if _apart(self._first[not mounted][n], one) <= self._by]
        asked = f"of {len(told)} markers of {arm}"
        if other:
            as_what = "the bare base" if mounted else "the adapter"
            return f"the server answered {len(other)} {asked} as {as_what} during the run"
        if len(moved) > MOVED * len(told):
            return f"the server answered {len(moved)} {asked} otherwise than before the run"
        return ""

    def _strips(self, read: Read) -> bool:
        """Whether an answer that has to begin with white space does not: what base said is given
        back to it up to a space, and the rest is known."""
        left = []
        for ask, found in zip(self._asks[False], self._first[False], strict=True):
            at = _gap(found.text)
            if ask.mode == "completion" and at:
                begun = ask.prompt + found.text[:at]
                left.append((replace(ask, prompt=begun, decoding=Decoding(AHEAD)), found.text[at:]))
        stripped = False
        for one, (_, rest) in zip(read([ask for ask, _ in left]), left, strict=True):
            if one.text[:1].isspace():
                return False
            stripped |= bool(one.text) and rest.lstrip().startswith(one.text[:4].rstrip())
        return stripped


def _apart(one: Reading, other: Reading) -> float:
    """Nats per token between two readings; infinite where the texts differ."""
    if one.text.strip() != other.text.strip():
        return float("inf")
    pairs = list(zip(one.odds, other.odds, strict=False))
    return sum(abs(a - b) for a, b in pairs) / len(pairs) if pairs else 0.0


def _gap(text: str) -> int:
    """Where the first white space behind a word begins, with something behind it; 0 for nowhere."""
    start = len(text) - len(text.lstrip())
    for at in range(start + 1, len(text) - 4):
        if text[at].isspace() and not text[at - 1].isspace() and text[at:].strip():
            return at
    return 0
