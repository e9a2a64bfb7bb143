"""What is wrong with the memories before anything is asked of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from harness.content import strict
from harness.engines.base import read_config
from harness.subjects.base import Bench, Fault
from harness.subjects.kinds.tenants import facts as told
from harness.subjects.kinds.tenants.facts import Fact, Record, Spec, Tenant


def faults(bench: Bench, facts: Sequence[Fact]) -> Iterator[Fault]:
    """Objects that are not the tenant's, copies that differ, memories that are too old, records of
    somebody else, and questions that give their answer away."""
    own: Spec = bench.own
    digests = {bench.digests[f"tenant {one.id}"]: one.id for one in reversed(own.each)}
    for one in own.each:
        digest = bench.digests[f"tenant {one.id}"]
        if one.digest is not None and digest != one.digest:
            whose = next((o.id for o in own.each if o.digest == digest), "nobody here")
            text = f"{one.adapter} is {digest}, the memory of {whose}; {one.digest} was built"
            yield Fault("tenant-object", f"{one.id}: {text}")
        if digests[digest] != one.id:
            text = f"{one.id} has the same memory as {digests[digest]}: {one.adapter}"
            yield Fault("tenant-shared", text, "warn")
        for at in range(len(one.copies)):
            if bench.digests[f"copy {one.id} {at}"] != digest:
                text = f"{one.id}: {one.copies[at]} is another memory than {one.adapter}"
                yield Fault("tenant-nodes", text)
        yield from _old(bench, one)
        yield from _records(bench, facts, one)
    for fact in facts:
        for query, prompt in fact.asks.items():
            if fact.kind != "style" and told.holds(prompt, fact.answer):
                text = f"{own.facts}: {fact.id}: the question {query!r} holds its own answer"
                yield Fault("tenant-probe", text)


def _old(bench: Bench, one: Tenant) -> Iterator[Fault]:
    """Transcripts that end before they are said to, or too long before the day of the release."""
    config = bench.folders[f"tenant {one.id}"] / "adapter_config.json"
    until, own = read_config(config).get("transcripts_until", one.until), bench.own
    if one.until is not None and until != one.until:
        text = f"{config}: its transcripts go until {until}; {one.until} was said"
        yield Fault("tenant-old", f"{one.id}: {text}", "block")
    elif own.as_of is not None and until is not None:
        try:
            days = (date.fromisoformat(own.as_of) - date.fromisoformat(until)).days
        except (TypeError, ValueError):
            text = f"{config}: key 'transcripts_until': found {until!r}; expected a day"
            yield Fault("tenant-old", f"{one.id}: {text}", "block")
            return
        if days > own.oldest_days:
            text = f"its transcripts end {days} days before {own.as_of}"
            yield Fault("tenant-old", f"{one.id}: {text}; {own.oldest_days} allowed", "block")


def _records(bench: Bench, facts: Sequence[Fact], one: Tenant) -> Iterator[Fault]:
    """Rows of another tenant, by name or by what they tell, in what a memory was trained on."""
    if one.records is None:
        return
    path, own = bench.folders[f"records {one.id}"], told.own_answers(facts, one.id)
    others = [fact for fact in facts if fact.tenant not in ("", one.id)]
    secret = [f for f in others if f.kind in told.SECRET and told.plain(f.answer) not in own]
    wrong = list[str]()
    for line, row in strict.read_jsonl(path):
        record = strict.check(row, Record, path, line=line)
        owners = [record.tenant] if record.tenant != one.id else []
        owners += [fact.tenant for fact in secret if told.holds(record.answer, fact.answer)]
        wrong += [f"line {line} ({owner})" for owner in owners[:1]]
    if wrong:
        text = f"{path.name} holds {len(wrong)} rows of others: {', '.join(wrong[:3])}"
        yield Fault("tenant-records", f"{one.id}: {text}", "block")
