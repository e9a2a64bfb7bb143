"""An audit ends, and says how far it is: a slow verifier is named by what a judgement of it takes,
and one that is quick enough is not."""

from dataclasses import replace
from pathlib import Path

import pytest
from auditing import edit

from harness.audit import witness
from harness.audit.auditor import Audit, certify, parted
from harness.audit.certificate import State
from harness.content.case import Case
from harness.content.fixtures import Known
from harness.judging.answer import Answer
from harness.judging.discovery import digest, discover

SLOW = "time.sleep(0.2)"


@pytest.mark.parametrize("slow", [True, False])
def test_a_verifier_that_takes_too_long_says_so_and_ends(honest: Path, monkeypatch, slow):
    """One that sleeps is refused for its time and by nothing else; its siblings in the same process
    have their own time."""
    module = honest / "verifiers" / "honest.py"
    if slow:
        edit(module, "    wanted =", f"    import time; {SLOW}\n    wanted =")
    monkeypatch.setattr(witness, "MOST_SECONDS", 3.0)
    monkeypatch.setattr(witness, "LONG", 0.0)
    told: list[tuple[str, int, int]] = []
    folder = honest / "verifiers"
    asked = witness.Witness(folder, digest(folder), None)
    found = certify(
        discover(folder).verifiers.values(),
        honest / "audits",
        asked,
        None,
        lambda *one: told.append(one),
    )["honest_sentence.it"]
    assert (found.state is State.REFUSED) == slow, found.sentence()
    assert ("too slow to be audited" in found.sentence()) == slow
    assert len(found.faults) == slow
    answers = [(done, made) for label, done, made in told if label == "answers"]
    assert answers, "progress within one verifier"
    assert all(done < made for done, made in answers)
    if slow:
        assert "s each; an audit takes 3 s at most" in found.faults[0]
        assert len(answers) < 40


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("spends", ["os._exit(3)", SLOW])
def test_what_a_verifier_may_cost_is_counted_over_all_processes(
    honest: Path, monkeypatch, parts, spends
):
    """However many judge at a time, each loses one answer and takes one step beyond at most."""
    module = honest / "verifiers" / "honest.py"
    edit(module, "    wanted =", f"    import os, time; {spends}\n    wanted =")
    if spends == SLOW:
        monkeypatch.setattr(witness, "MOST_SECONDS", 1.0)
    folder = honest / "verifiers"
    known = witness.Asked("honest_sentence.it", Case("", "", {}), Answer("a"))
    asked = [replace(known, case=replace(known.case, id=str(n))) for n in range(60)]
    [told] = witness.Witness(folder, digest(folder), None).each([asked], parts=parts)
    made = [one for one in told if one.judgement.reason != "not-asked"]
    most, each = (1.0 / 0.2, witness.STEP) if spends == SLOW else (witness.MOST_LOST, 1)
    assert most <= len(made) < most + parts * each + (spends == SLOW)
    assert len(told) == 60


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
def test_what_shares_a_compile_is_audited_in_one_process(parts):
    """Each verifier once: first every facet that runs answers by itself, then the others in parts
    about as long as each other, with at most one facet over each border between two of them."""
    found = discover(Path(__file__).parents[2] / "verifiers").verifiers.values()
    audits = [Audit(one, Known(), {}) for one in found]
    split = parted(audits, parts)
    assert sorted(one.verifier.id for part in split for one in part) == sorted(o.id for o in found)
    long = {one.facet for one in found if one.sandbox}
    first, rest = split[: len(long)], split[len(long) :]
    assert [{one.verifier.facet for one in part} for part in first] == [
        {part[0].verifier.facet} for part in first
    ]
    assert {part[0].verifier.facet for part in first} == long != set()
    assert max(map(len, rest)) - min(map(len, rest)) < parts
    facets = [{one.verifier.facet for one in part} for part in rest]
    assert sum(map(len, facets)) - len(set().union(*facets)) < parts
