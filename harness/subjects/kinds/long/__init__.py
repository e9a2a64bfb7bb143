"""A length sweep over a subject of any kind: how long its answers go on without a loop, whether
they end, and whether what is in them is language."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from pydantic import create_model

from harness.content import strict
from harness.content.kinds import sweep
from harness.content.kinds.sweep import SERVE, Asked, Stored, Sweep
from harness.content.library import Entry
from harness.errors import WorkspaceError
from harness.subjects.arms import ADAPTER, BASE
from harness.subjects.base import Arm, Bench, Contrast, Evidence, Fault, Numbers, Owed, Preflight
from harness.subjects.kinds import Kind, Plant
from harness.subjects.kinds.long.judged import by_length, judged
from harness.verdict import Reason, reason

SUFFIX, LONG = "+long", "long"


class Swept(Kind):
    """A kind and the sweep over it. What is owed beside is ``long/ARM/SAMPLER``, each case a prompt
    and a length; the rest is what the kind itself says."""

    inner: ClassVar[Kind]

    def parts(self, entry: Entry) -> dict[str, Path]:
        """Those of the kind, and the file of the prompts or of the stored answers."""
        asked = self._asked(entry)
        named = {"prompts": asked.prompts, "transcripts": asked.transcripts}
        own = {f"{LONG}-{key}": entry.root / at for key, at in named.items() if at is not None}
        return self.inner.parts(entry) | own

    def own(self, entry: Entry) -> dict[str, Any]:
        """What the entry says of its kind and of the sweep."""
        return {
            "own": self.inner.own(entry) or None,
            LONG: self._asked(entry).model_dump(mode="json"),
        }

    def examine(self, bench: Bench, found: Preflight) -> Iterator[Fault]:
        """As the kind does."""
        return self.inner.examine(bench, found)

    def arms(self, owed: Owed) -> list[Arm]:
        """As the kind says."""
        return self.inner.arms(owed)

    def contrasts(self, owed: Owed, asked: Sequence[Arm]) -> list[Contrast]:
        """As the kind says."""
        return self.inner.contrasts(owed, asked)

    def owes(self, bench: Bench) -> dict[str, list[str]]:
        """Beside what the kind owes, every prompt and length by arm and sampler."""
        asked, found = self._asked(bench.entry), self.inner.owes(bench)
        if asked.transcripts is not None:
            return found | _of_stored(asked, bench)
        cases = list(_cases(asked, bench))
        served = {f"{LONG}/{ADAPTER}/{name}": cases for name in asked.grid}
        return found | served | {f"{LONG}/{BASE}/{SERVE}": cases}

    def measure(
        self, bench: Bench, what: str, cases: Sequence[str]
    ) -> Iterator[tuple[str, Numbers]]:
        """The texts themselves, so that whoever has the receipts reads them again."""
        own, _, cell = what.partition("/")
        if own != LONG:
            yield from self.inner.measure(bench, what, cases)
            return
        asked, (arm, _, sampler) = self._asked(bench.entry), cell.partition("/")
        if asked.transcripts is not None:
            rows = sweep.stored(bench.folders[f"{LONG}-transcripts"], asked)
            prompts = _cases(asked, bench)
            for case in cases:
                if (row := rows.get((_who(arm), sampler, case))) is not None:
                    yield case, _numbers_of(row, prompts.get(case))
            return
        yield from self._answers(bench, arm, sampler, cases)

    def reasons(self, evidence: Evidence) -> tuple[Numbers, list[Reason]]:
        """Those of the kind, with the numbers of the sweep as ``long``."""
        own, swept = evidence.own.own, evidence.own.long
        mine, others = _apart(evidence.measured)
        numbers, found = self.inner.reasons(replace(evidence, own=own, measured=others))
        long, said = judged(swept, mine, evidence.alpha)
        long["elite"] = by_length(swept.lengths, evidence.outcomes, evidence.tokens)
        if swept.transcripts is not None:
            text = f"its long answers are stored ones ({swept.transcripts}); who gave them is said"
            said.append(reason("declared", LONG, text))
        return numbers | {LONG: long}, [*found, *said]

    def _asked(self, entry: Entry) -> Sweep:
        asked: Sweep | None = entry.adapter.long
        if asked is None:
            raise LookupError(f"{entry.name} has no length sweep")
        return asked

    def _answers(
        self, bench: Bench, who: str, sampler: str, cases: Sequence[str]
    ) -> Iterator[tuple[str, Numbers]]:
        """What an arm answers, one length after the other."""
        from harness.engines.base import Decoding

        asked, known = self._asked(bench.entry), _cases(self._asked(bench.entry), bench)
        owed = Owed(LONG, "secondary", bench)
        arm = next(one for one in self.inner.arms(owed) if one.id == who)
        engine, drawn = bench.load(), asked.grid[sampler]
        engine.stand(None if arm.weights == bench.digests["base"] else bench.folder(arm.weights))
        engine.mount(bench.folder(arm.mount))
        mode = asked.mode or bench.entry.base.mode or ("chat" if engine.template else "completion")
        by_cap = defaultdict[int, list[Asked]](list)
        for case in cases:
            by_cap[known[case].length].append(known[case])
        for length, rows in by_cap.items():
            ids = [engine.encode(row.prompt, mode) for row in rows]
            engine.settle(tokens=max(map(len, ids)) + length)
            decoding = Decoding(length, (), drawn.temperature, drawn.repetition_penalty)
            seeds = [_seed(asked.seed, sampler, row.id) for row in rows]
            for number, said in engine.generate(ids, decoding, seeds):
                row = rows[number]
                yield row.id, _numbers(said.text, said.tokens, said.finish, row.forced, row.prompt)
        engine.mount(None)


class Long(Swept):
    """The sweep by itself, over an adapter: what the entry point names, and no kind of its own."""

    name, inner = LONG, Kind()

    def parts(self, entry: Entry) -> dict[str, Path]:
        """Raises :class:`WorkspaceError`."""
        raise WorkspaceError(
            f"library.yaml: key 'adapters.{entry.name}.kind': found {LONG!r}, which sweeps a"
            " subject of any kind; leave `kind` as it is without, and keep the key `long`"
        )

    def over(self, inner: Kind, *, stored: bool) -> Kind:
        """A kind with its answers swept, or those that are ``stored``."""
        return swept(inner, stored=stored)

    def plants(self) -> Sequence[Plant]:
        """Every fault of long answers."""
        from harness.subjects.kinds.long.plants import plants

        return plants()


@cache
def swept(inner: Kind, *, stored: bool) -> Kind:
    """The kind of which answers are swept over lengths as well, or those that are ``stored``."""
    fields: dict[str, Any] = {"own": (inner.spec | None if inner.spec else None, None)}
    spec = create_model("Spec", __base__=strict.Model, long=(Sweep, ...), **fields)
    named = {"name": inner.name + SUFFIX, "spec": spec, "mounts": inner.mounts}
    named["measures"] = inner.measures
    still = (*inner.still, LONG) if stored else inner.still
    kind: Kind = type("Swept", (Swept,), {**named, "still": still, "inner": inner})()
    return kind


def _cases(asked: Sweep, bench: Bench) -> dict[str, Asked]:
    """What is asked, by case; nothing where there are no prompts."""
    if asked.prompts is None:
        return {}
    read = sweep.prompts(bench.folders[f"{LONG}-prompts"])
    return {case.id: case for one in read for case in one.cases(asked.lengths)}


def _of_stored(asked: Sweep, bench: Bench) -> dict[str, list[str]]:
    """The cells of which answers are stored, each with every prompt where these are named."""
    found = defaultdict[str, list[str]](list)
    prompts = list(_cases(asked, bench))
    for arm, sampler, case in sweep.stored(bench.folders[f"{LONG}-transcripts"], asked):
        found[f"{LONG}/{arm}/{sampler}"].append(case)
    return {what: prompts or cases for what, cases in found.items()}


def _numbers_of(row: Stored, asked: Asked | None) -> Numbers:
    forced = asked.forced if asked else row.forced
    prompt = asked.prompt if asked else row.prompt
    return _numbers(row.answer, row.tokens or row.pieces, row.finish, forced, prompt)


def _numbers(text: str, tokens: int, finish: str, forced: bool, prompt: str) -> Numbers:
    said = {"text": text, "tokens": tokens, "finish": finish}
    return {**said, "forced": forced, "prompt": prompt}


def _seed(seed: int, sampler: str, case: str) -> int:
    name = json.dumps([seed, LONG, sampler, case])
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])


def _who(arm: str) -> sweep.Who:
    return "base" if arm == BASE else "adapter"


def _apart(
    measured: Mapping[str, Mapping[str, Numbers]],
) -> tuple[dict[str, Mapping[str, Numbers]], dict[str, Mapping[str, Numbers]]]:
    """What the sweep measured, by arm and sampler, and what the kind did."""
    mine, others = dict[str, Mapping[str, Numbers]](), dict[str, Mapping[str, Numbers]]()
    for what, rows in measured.items():
        own, _, cell = what.partition("/")
        (mine if own == LONG else others)[cell if own == LONG else what] = rows
    return mine, others
