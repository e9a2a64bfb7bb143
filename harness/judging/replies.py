"""What a judge's reply says, read by one rule.

A reply may reason first: in a field of its own, which is not read, before a closing ``</think>``,
or in prose. Its last words must be one JSON object, bare or in a fence, with exactly a ``verdict``
of ``pass`` or ``fail`` and a ``reason``. Anything behind it, a key given twice, or an object before
it and behind the reasoning that gives another verdict: unverified."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.judging.verifier import Judgement, failed, passed, unverified

#: what servers ask for where they can hold a model to a schema; the reason comes first, so that
#: the verdict follows from it
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "reason": {"type": "string"},
        "verdict": {"type": "string", "enum": ["pass", "fail"]},
    },
    "required": ["reason", "verdict"],
    "additionalProperties": False,
}
THOUGHT = re.compile(r"</think(?:ing)?>|\[/THINK\]")
THINKING = re.compile(r"<think(?:ing)?>|\[THINK\]")
LONGEST = 1 << 16  # characters of a reply


@dataclass(frozen=True)
class Reply:
    """One chat completion: its text, why it ended, the model that is said to have written it and
    the server's fingerprint, if it gives one."""

    text: str
    finish: str | None
    model: str | None
    fingerprint: str | None

    @classmethod
    def of(cls, data: Any) -> Reply:
        """The reply in what a server sent; raises ``ValueError`` when there is none."""
        try:
            choice = data["choices"][0]
            text = choice["message"]["content"]
            found = cls(
                text or "",
                choice.get("finish_reason"),
                data.get("model"),
                data.get("system_fingerprint"),
            )
        except (KeyError, IndexError, TypeError, AttributeError):
            raise ValueError(f"the server sent {json.dumps(data)[:300]}") from None
        values = (found.text, found.finish, found.model, found.fingerprint)
        if not all(isinstance(value, str | None) for value in values):
            raise ValueError(f"the server sent {json.dumps(data)[:300]}")
        return found


def verdict(reply: Reply, model: str) -> Judgement:
    """The judgement in a reply of ``model``; ``unverified`` says what kept it from being one."""
    if reply.model not in (None, model):
        text = f"{reply.model!r} answered, expected {model!r}; name the exact model to pin"
        return unverified("other-model", text)
    if reply.finish not in (None, "stop"):
        text = f"the reply ended with {reply.finish!r}; raise max_tokens where that is 'length'"
        return unverified("cut-off", text)
    if len(reply.text) > LONGEST:
        return unverified("unparsable", f"a reply of {len(reply.text)} characters")
    return _read(reply.text)


def _read(text: str) -> Judgement:
    spoken = _behind_the_reasoning(text)
    if spoken is None:
        return unverified("cut-off", f"the reasoning does not end: {text[-200:]!r}")
    found = list(_objects(spoken))
    if not found:
        return unverified("unparsable", f"no JSON object in {spoken[-300:]!r}")
    last, end = found[-1]
    behind = spoken[end:].strip().removeprefix("```").strip()
    if behind:
        return unverified("unparsable", f"something stands behind the verdict: {behind[:300]!r}")
    if set(last) != {"reason", "verdict"} or type(last["reason"]) is not str:
        return unverified("unparsable", f"not a verdict and a reason: {json.dumps(last)[:300]}")
    said = last["verdict"]
    if said not in ("pass", "fail"):
        return unverified("unparsable", f"verdict {said!r}: expected 'pass' or 'fail'")
    if any(one["verdict"] != said for one, _ in found if "verdict" in one):
        return unverified("undecided", f"two verdicts in one reply: {spoken[-300:]!r}")
    return passed(last["reason"]) if said == "pass" else failed("judge", last["reason"])


def _behind_the_reasoning(text: str) -> str | None:
    """What follows the reasoning, ``None`` where that does not end. A text that is JSON as a whole
    holds none, whatever its strings quote."""
    if text.lstrip().startswith("{"):
        return text
    ended = [one.end() for one in THOUGHT.finditer(text)]
    if not ended and THINKING.match(text.lstrip()):
        return None
    return text[ended[-1] :] if ended else text


def _objects(text: str) -> Iterator[tuple[dict[str, Any], int]]:
    """The outermost JSON objects in a text, each with the place behind it; none behind one that is
    too deep to read."""
    decoder = json.JSONDecoder(object_pairs_hook=_once)
    at = text.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(text, at)
            yield found, end
        except ValueError:
            end = at + 1
        except RecursionError:
            return
        at = text.find("{", end)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found
