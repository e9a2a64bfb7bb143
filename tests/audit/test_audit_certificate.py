"""A certificate holds for exactly the bytes that were audited, for a time, and says what it
lacks."""

import dataclasses
import json
from datetime import date, timedelta

import pytest
from auditing import audited, edit

from harness import Case, Outcome, __version__
from harness.audit import store
from harness.audit.bound.binding import SEEN
from harness.audit.certificate import Certificate, State
from harness.content import fixtures
from harness.content.policy import Policy, Proof
from harness.digests import canonical_digest
from harness.judging.discovery import discover
from harness.judging.workers import Judges


def test_an_audit_is_kept_and_any_byte_changed_makes_it_stale(honest):
    first = audited(honest)["honest_sentence.it"]
    assert first.state is State.VALID
    assert (
        audited(honest)["honest_sentence.it"] == first
    )  # kept: the day and the seconds are the same
    edit(honest / "verifiers" / "honest.py", '"""The sentence is', '"""The  sentence is')
    second = audited(honest)["honest_sentence.it"]
    assert second.binding["source"] != first.binding["source"]
    edit(
        honest / "audits" / "honest_sentence.it" / "fixtures.yaml",
        "it says more",
        "it says too much",
    )
    third = audited(honest)["honest_sentence.it"]
    assert third.binding["fixtures"] != second.binding["fixtures"]
    assert third.binding["source"] == second.binding["source"]


def test_fixtures_are_read_again_when_a_file_of_theirs_is_another(honest, tmp_path, monkeypatch):
    known, here = "honest_sentence.it", honest / "audits" / "honest_sentence.it"
    shared = honest / "audits" / "_shared.yaml"
    shared.write_text("good: []\n")
    edit(here / "fixtures.yaml", '"good": ', '"include": ["../_shared.yaml"], "good": ')
    held, read, looks = audited(honest)[known], fixtures.read, []

    def noted(folder, verifier):
        looks.append(verifier)
        return read(folder, verifier)

    monkeypatch.setattr(fixtures, "read", noted)

    def again() -> int:
        looks.clear()
        assert audited(honest)[known].binding["fixtures"] == held.binding["fixtures"]
        return len(looks)

    assert again() == 0
    [kept] = (tmp_path / "cache" / "certificates").iterdir()
    text = kept.read_text()
    # other bytes, not other answers: the certificate holds, and is looked for by what they say
    for change in (here / "more.yaml", here / "good" / "none.yaml", shared):
        before = change.read_text() if change.exists() else None
        change.parent.mkdir(exist_ok=True)
        change.write_text(f"{before or 'verifier: honest_sentence.it'}\n# a comment\n")
        assert (again() > 0) is (change.parent.name != "good")
        change.unlink() if before is None else change.write_text(before)
        assert again() == 0
    kept.write_text(text.replace('"../_shared.yaml": "sha256:', '"../_shared.yaml": "sha256:0'))
    assert again() > 0  # not what its audit has read


def test_a_verifier_edited_after_its_audit_is_audited_again_and_refused(honest):
    assert audited(honest)["honest_sentence.it"].state is State.VALID
    edit(
        honest / "verifiers" / "honest.py",
        "text.strip() == wanted",
        "text.strip()[:8] == wanted[:8]",
    )
    assert audited(honest)["honest_sentence.it"].state is State.REFUSED


def test_judges_do_not_judge_with_a_verifier_that_changed_after_they_began(honest):
    case = Case("x", "", {"thing": "door", "colour": "red"})
    with Judges(honest / "verifiers", None, workers=1) as judges:
        edit(honest / "verifiers" / "honest.py", "text.strip() == wanted", "True")
        found = judges.judge(["honest_sentence.it"], case, "anything").result()[0]
    assert (found.outcome, found.reason) == (Outcome.UNVERIFIED, "verifier-changed")
    with Judges(honest / "verifiers", None, workers=1) as judges:
        assert (
            judges.judge(["honest_sentence.it"], case, "anything").result()[0].outcome
            is Outcome.PASS
        )


def test_a_stored_certificate_that_was_edited_or_is_old_is_not_used(honest, tmp_path):
    held = audited(honest)["honest_sentence.it"]
    path = next((tmp_path / "cache" / "certificates").iterdir())
    verifier = discover(honest / "verifiers").verifiers["honest_sentence.it"]
    known = {key: held.binding[key] for key in held.binding if key not in SEEN}
    assert store.stored(verifier, known) == held
    for old, new in (
        ('"false_passes": []', '"false_passes": ["x"]'),
        (held.created, "2020-01-01"),
        ('"seal": "', '"seal": "0'),
    ):
        text = path.read_text()
        edit(path, old, new)
        assert store.stored(verifier, known) is None
        path.write_text(text)
    late = dataclasses.replace(held, created=(date.today() - timedelta(days=181)).isoformat())
    assert (late.state, late.earned, late.digest) == (State.EXPIRED, State.VALID, held.digest)
    store.store(late)
    assert store.stored(verifier, known) is None
    with pytest.raises(ValueError, match="its digest is"):
        Certificate.from_json(held.to_json() | {"bad": 10_000})
    assert Certificate.from_json(json.loads(json.dumps(held.to_json()))) == held


def test_a_certificate_made_by_hand_is_not_used_and_said_to_be_one(honest, tmp_path):
    held = audited(honest)["honest_sentence.it"]
    path = next((tmp_path / "cache" / "certificates").iterdir())
    kept = json.loads(path.read_text())
    verifier = discover(honest / "verifiers").verifiers["honest_sentence.it"]
    known = {key: value for key, value in held.binding.items() if key not in SEEN}
    assert store.stored(verifier, known) == held
    for seal in (canonical_digest(kept["certificate"]), "0" * 64, ""):
        path.write_text(json.dumps(kept | {"seal": seal}))
        assert store.stored(verifier, known) is None
        said = store.changed(verifier, known)
        assert said.endswith("has a seal that no audit on this machine made")
    assert (tmp_path / "cache" / "seal.key").stat().st_mode & 0o077 == 0


def test_a_certificate_of_another_version_says_so(honest):
    held = audited(honest)["honest_sentence.it"]
    verifier = discover(honest / "verifiers").verifiers["honest_sentence.it"]
    later = held.binding | {"harness": "9.9.9 sha256:other"}
    assert store.stored(verifier, later) is None
    said = f"harness changed since the one of {held.created} by harness {__version__}"
    assert store.changed(verifier, later).endswith(said)
    other = dataclasses.replace(verifier, id="honest_sentence.at")
    assert store.changed(other, later) == "no certificate for its present bytes"


FLIPS = "that no verdict flips when a good is written another way"
WORTH = ": a kind of fault counts 1 with one task, 1.3 with two, 1.9 with 30"


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"effective_bad": 28}, f"1 more effective bad proves <= 10% false passes{WORTH}"),
        ({"effective_bad": 17}, f"12 more effective bads prove <= 10% false passes{WORTH}"),
        ({"proof": Proof(0.05)}, f"30 more effective bads prove <= 5% false passes{WORTH}"),
        ({"tasks": 28}, "1 more task with bads proves <= 10% of tasks passed falsely"),
        ({"effective_good": 28}, "1 more effective good proves <= 10% false fails"),
        ({"variants": 58}, f"1 more variant of goods proves {FLIPS}"),
        ({"kind": "llm"}, "1 more bad proves <= 1% false passes of a language model"),
    ],
)
def test_too_few_fixtures_are_provisional_and_say_what_to_write(change, missing):
    enough = {"good": 29, "bad": 298, "tasks": 29, "variants": 59, "kind": "program"}
    enough |= {"effective_good": 29, "effective_bad": 29}
    base = Certificate(
        "a.b", 1, degenerate=9, false_passes=[], false_fails=[], binding={}, **enough
    )
    assert base.state is State.VALID
    short = dataclasses.replace(base, **change)
    assert (short.state, short.missing) == (State.PROVISIONAL, [missing])
    assert dataclasses.replace(short, false_fails=["x"]).state is State.REFUSED


def test_the_strict_profile_asks_for_twice_the_proof():
    assert Policy().proof == Proof(0.10, 0.5, 0.8)
    assert Policy.model_validate({"profile": "strict"}).proof == Proof(0.05, 0.5, 0.8)
