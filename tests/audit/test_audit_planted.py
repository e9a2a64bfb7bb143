"""Every planted verifier is refused for what is wrong with it, and its clean twin is certified."""

import sys
import time

import pytest
from auditing import audited, planted_workspace

from harness.audit.certificate import State
from harness.judging import bench
from harness.judging.verifier import Kind

# (planted verifier, what its certificate must name)
PLANTS = [
    ("accept_all", "passes known-bad"),
    ("reject_all", "does not pass known-good"),
    ("coin_flip", "it depends on chance"),
    ("returns_true", "not-a-judgement"),
    ("returns_none", "not-a-judgement"),
    ("returns_nan", "not-a-judgement"),
    ("returns_look_alike", "not-a-judgement"),
    ("raises", "ZeroDivisionError"),
    ("counts_failure_as_pass", "counts a failure of its own as a pass"),
    ("stub", "degenerate:empty"),
    ("violations_only", "degenerate:empty"),
    ("skip_is_pass", "passes known-bad"),
    ("python_not_on_path", "programs on PATH that it does not declare"),
    ("library_missing", "does-not-compile"),
    ("scores_exit_code", "degenerate:exit-at-once"),
    ("scores_a_list", "degenerate:forges-the-result"),
    ("asserts_beside_the_candidate", "degenerate:equal-to-everything"),
    ("strict_on_two", "adds-a-float"),
    ("substring_sorry", "variant:comment-holds-the-forbidden"),
    ("md5_in_a_comment", "variant:comment-names-the-forbidden"),
    ("verdict_by_startswith", "passes known-bad"),
    ("endless_regex", "does not end on"),
    ("keywords", "degenerate:keyword-stuffing"),
    ("nondeterministic", "it depends on chance"),
    ("order_dependent", "what it judged before"),
    ("reads_the_clock", "it depends on the date"),
    ("reads_the_time_zone", "it depends on the time zone"),
    ("reads_the_hash_seed", "it depends on the hash seed"),
    ("changes_its_input", "changed-its-input"),
]


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("PLANT_LAST_DAY", str(time.time() + 100 * 86_400))
        patch.setitem(bench.LIMITS, Kind.PROGRAM, 2.0)  # one of them never ends
        folder = planted_workspace(tmp_path_factory.mktemp("planted"))
        twins = sys.modules["harness_verifiers.planted"].TWIN
        return audited(folder), dict(twins)


@pytest.mark.parametrize(("plant", "named"), PLANTS, ids=[plant for plant, _ in PLANTS])
def test_a_planted_verifier_is_refused_and_its_twin_certified(planted, plant, named):
    held, twins = planted
    found = held[f"{plant}.it"]
    everything = [found.sentence(), *found.false_passes, *found.false_fails, *found.flips]
    assert found.state is State.REFUSED
    assert any(named in text for text in everything), found.sentence()
    twin = held[f"{twins[plant]}.it"]
    assert twin.state is State.VALID, twin.sentence()


def test_every_planted_verifier_is_listed(planted):
    assert {plant for plant, _ in PLANTS} == set(planted[1])
