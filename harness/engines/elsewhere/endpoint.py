"""A running server as the engine: anything that speaks OpenAI's chat and completions.

What it serves is declared, and shown by markers: before the run, and among the answers of every
block up to the last. A block that they do not vouch for is nobody's answer. Stop strings are
not sent, as servers match them in ways of their own: texts are cut here. Where the server gives the
tokens, the text is made of them, as servers eat white space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from harness.content.served import Fields, Served
from harness.engines.base import Ask, Generation, cut
from harness.engines.elsewhere.markers import Markers, Reading
from harness.engines.prompting import messages
from harness.errors import EngineError
from harness.network import Client, Unreachable

BLOCK = 32  # answers that the same markers vouch for
MOST = 16 << 20  # bytes of one reply
PATHS = {"chat": "/chat/completions", "completion": "/completions"}
#: how servers are asked for log-probabilities, the first that they have
ODDS: tuple[dict[str, Any], ...] = ({"logprobs": True}, {"logprobs": 1}, {})
Told = tuple[Generation, Reading]


class Endpoint:
    """The server that an adapter of the library names; ``base`` is the folder whose tokenizer the
    server has.

    ``drift`` are sentences about what it became during the run, after which it is not asked."""

    def __init__(self, served: Served, base: Path) -> None:
        self._at, self._base = served, base
        self._client = Client(
            served.endpoint, served.key_variable, served.timeout, served.parallel, MOST
        )
        self._odds: dict[str, dict[str, Any]] = {}
        self.markers: Markers | None = None  #: once the server has begun
        self.drift: list[str] = []
        asked = served.model_dump(include={"endpoint", "base", "adapter"})
        self.identity: dict[str, Any] = {"engine": "endpoint", "declared": True, **asked}

    @property
    def declared(self) -> str:
        """Who is said to have answered."""
        return f"answers came from the server at {self._at.endpoint}"

    def begin(self, asks: Sequence[Ask], before: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Read the markers; ``(code, sentence)`` for what they show against the server."""
        self.markers = Markers(self.readings, asks)
        self.identity["markers"] = self.markers.identity(before.get("markers"))
        return self.markers.faults

    def reads(self, ask: Ask) -> Any:
        """The prompt as it is sent."""
        return [ask.mode, ask.system, ask.prompt]

    def answer(self, asks: Sequence[Ask]) -> Iterator[tuple[int, Generation]]:
        """Answers block by block, each once the markers have vouched for it; none from where they
        no longer do."""
        for mounted, run in groupby(enumerate(asks), lambda one: one[1].mount is not None):
            numbered = list(run)
            for at in range(0, len(numbered), BLOCK):
                if self.drift:
                    return
                block = numbered[at : at + BLOCK]
                told = self._vouched([ask for _, ask in block], mounted)
                for (number, ask), found in zip(block, told, strict=False):
                    yield number, cut(found, ask.decoding.stop)

    def _vouched(self, asks: list[Ask], mounted: bool) -> list[Generation]:
        """The answers, asked with the markers among them; none where those speak against it."""
        shown = self.markers.asks(mounted) if self.markers else []
        places = [(at / len(asks), 0, at) for at in range(len(asks))]
        places += [((at + 0.5) / len(shown), 1, at) for at in range(len(shown))]
        order = sorted(places)
        told = self._ask([(asks, shown)[which][at] for _, which, at in order])
        found = {(which, at): one for (_, which, at), one in zip(order, told, strict=True)}
        if self.markers is not None:
            now = [found[1, at][1] for at in range(len(shown))]
            if said := self.markers.drift(mounted, now):
                self.drift.append(said)
                return []
        return [found[0, at][0] for at in range(len(asks))]

    def readings(self, asks: Sequence[Ask]) -> list[Reading]:
        """What the server answers to markers."""
        return [reading for _, reading in self._ask(asks)]

    def _ask(self, asks: Sequence[Ask]) -> list[Told]:
        """All at once, as many together as the library says; raises :class:`EngineError`."""
        try:
            for ask in asks:  # the first of each mode shows what the server offers
                if ask.mode not in self._odds:
                    self._odds[ask.mode] = self._offered(ask)
            with ThreadPoolExecutor(self._at.parallel) as threads:
                return list(threads.map(self._one, asks))
        except Unreachable as error:
            raise EngineError(
                f"{self._at.endpoint}: {error}; whatever was answered is kept: run the same command"
                " again once the server answers"
            ) from None

    def _offered(self, ask: Ask) -> dict[str, Any]:
        """The form in which the server takes the wish for log-probabilities, and grants it."""
        for form in ODDS[:-1]:
            status, data = self._client.call("POST", PATHS[ask.mode], self._body(ask) | form)
            if status < 300 and _choice(data).get("logprobs"):
                return form
        return ODDS[-1]

    def _body(self, ask: Ask, fields: Fields | None = None) -> dict[str, Any]:
        """What is sent but for log-probabilities; every number that decides is said. What is to
        answer is said by ``fields``, else by those of base or adapter."""
        decoding = ask.decoding
        body: dict[str, Any] = {"max_tokens": decoding.max_tokens, "stream": False, "top_p": 1.0}
        body["temperature"] = decoding.temperature
        if decoding.temperature:
            body["seed"] = ask.seed % 2**31
        if decoding.repetition_penalty is not None:
            body["repetition_penalty"] = decoding.repetition_penalty
        if ask.mode == "chat":
            body["messages"] = messages(ask.prompt, ask.system)
        else:
            body["prompt"] = ask.prompt
        own = self._at.base if ask.mount is None else self._at.adapter
        return body | (own if fields is None else fields)

    def _one(self, ask: Ask) -> Told:
        body = self._body(ask) | self._odds[ask.mode]
        return self._read(ask, self._client.demanded(PATHS[ask.mode], body))

    def _read(self, ask: Ask, data: Any) -> Told:
        try:
            return self._told(ask, data)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise EngineError(
                f"{self._at.endpoint}: found {data!r:.300}; expected a completion ({error})"
            ) from None

    def _told(self, ask: Ask, data: Any) -> Told:
        """What a reply says; one of another form fails at what it does not have."""
        choice = _choice(data)
        said = choice.get("message") if ask.mode == "chat" else choice
        text = "" if said is None else said.get("content" if ask.mode == "chat" else "text") or ""
        if not isinstance(text, str):
            raise EngineError(f"{self._at.endpoint}: found {choice!r:.200}; expected a text")
        rows = choice.get("logprobs") or {}
        exact = self._exact(rows, choice.get("finish_reason") == "stop")
        if exact.strip() == text.strip():
            text = exact
        finish = "length" if choice.get("finish_reason") == "length" else "eos"
        used = (data.get("usage") or {}).get("completion_tokens")
        found = Generation(text, used if isinstance(used, int) else 0, finish)
        return found, Reading(text, _odds(rows))

    def _exact(self, rows: dict[str, Any], ended: bool) -> str:
        """The text of the tokens that came with their log-probabilities, empty where none did."""
        content = rows.get("content")
        if not isinstance(content, list):
            return "".join(map(str, rows.get("tokens") or []))
        if content and all(isinstance(one.get("bytes"), list) for one in content):
            return bytes(b for one in content for b in one["bytes"]).decode(errors="replace")
        if content and all(isinstance(one.get("id"), int) for one in content):
            ids = [one["id"] for one in content]
            return str(self._tokenizer.decode(ids[:-1] if ended else ids, False))
        return "".join(str(one.get("token", "")) for one in content)

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(self._base / "tokenizer.json"))


def _choice(data: Any) -> dict[str, Any]:
    """The first choice of a reply; raises :class:`EngineError` for what is none."""
    try:
        found = data["choices"][0]
    except (KeyError, IndexError, TypeError):
        found = None
    if not isinstance(found, dict):
        raise EngineError(f"the server sent {data!r:.300}; expected a completion")
    return found


def _odds(rows: dict[str, Any]) -> tuple[float, ...]:
    content = rows.get("content")
    found = (
        [one.get("logprob") for one in content]
        if isinstance(content, list)
        else rows.get("token_logprobs") or []
    )
    return tuple(float(one) for one in found if isinstance(one, int | float))
