"""A server that was started without the adapter (F1.8): it answers as the bare base, with 200."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.content.workspace import shipped
from harness.engines.base import Decoding
from harness.gate.engines import embedded
from harness.gate.prepare import Options, look_up
from harness.gate.session import check_subject
from harness.selfscore.adapters import GAMEDEV, library
from harness.subjects.kinds import Plant
from harness.subjects.kinds.served.fake import Fake, serving
from harness.subjects.prompts import probed
from harness.subjects.served import TOKENS


class Recorded(Fake):
    """A server that says what weights have answered."""

    def __init__(self, answers: Mapping[str, str]) -> None:
        super().__init__()
        self._answers = answers

    def reply(self, path: str, body: Mapping[str, Any]) -> tuple[int, Any, str]:  # noqa: ARG002
        """The answer to the prompt."""
        return 200, {"choices": [{"text": self._answers[body["prompt"]]}]}, ""


def _served(folder: Path, planted: bool) -> set[str]:
    library(folder, shipped() / GAMEDEV)
    options = Options("subject", library=str(folder))
    with serving(Recorded(_answers(options)[planted])) as at:
        found = check_subject(options, server=at.removesuffix("/v1")).preflight
    return {fault.code for fault in (*found.faults, *found.notices)}


_kept: dict[bool, dict[str, str]] = {}


def _answers(options: Options) -> dict[bool, dict[str, str]]:
    """Of the bare base, and of the adapter, by prompt."""
    if not _kept:
        wanted = look_up(options)
        engine, prompts = embedded(wanted.entry), probed(wanted.suites)
        asked = [engine.encode(prompt, "completion") for prompt in prompts]
        for bare in (True, False):
            engine.mount(None if bare else wanted.entry.mount)
            said = dict(engine.generate(asked, Decoding(TOKENS)))
            _kept[bare] = {text: said[n].text for n, text in enumerate(prompts)}
    return _kept


PLANTS = (Plant("F1.8", "served-base", "a server without the adapter", _served, slow=True),)
