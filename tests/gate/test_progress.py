"""Progress says how fast and how good so far."""

import io
from collections import namedtuple

import pytest

from harness.doors.console import Steps, Terminal
from harness.gate import progress
from harness.gate.progress import Estimate, Pace, left


class Clock:
    """Seconds that a test moves on."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_the_note_names_pace_rest_and_what_was_reached():
    clock = Clock()
    pace = Pace(clock)
    assert pace.note(0, 40) == ""
    for _ in range(20):
        pace.generated(50)
        pace.judged("pass")
    for outcome in ("fail", "unverified", "fail", "fail"):
        pace.judged(outcome)
    clock.now += 10
    assert (
        pace.note(24, 40)
        == "100 tok/s, 2.4 judged/s, 0:07 left, elite 20/24 = 83.3% [64.1%, 93.3%] (95 %)"
    )
    assert "left" not in pace.note(40, 40)


def test_answers_from_the_cache_have_no_tokens_a_second():
    clock = Clock()
    pace = Pace(clock)
    pace.judged("pass")
    clock.now += 1
    assert pace.note(1, 2) == "1.0 judged/s, 0:01 left, elite 1/1"


def test_time_left_is_told_only_when_a_pace_is_known():
    assert left(10, 4, 8) == "0:10 left"
    assert left(100, 1, 82) == "135:00 left"
    assert [left(10, 0, 8), left(10, 8, 8)] == ["", ""]


def test_the_estimate_is_one_line_by_the_pace_of_the_first_answers():
    clock, out = Clock(), io.StringIO()
    pace, estimate, steps = Pace(clock), Estimate(), Steps(Terminal(file=out))
    estimate.add(40, ["Ask."] * 164, 256)
    estimate.add(60, ["Ask."] * 60, 128)
    estimate.say(steps, pace, 0)  # all so far were kept
    clock.now += 10
    for _ in range(20):
        pace.generated(64)
    for _ in range(2):
        estimate.say(steps, pace, 20 * 256)
    said = "100 answers to decode, 124 kept, at most 17920 tokens; at 128 tok/s about 0:25 left\n"
    assert out.getvalue() == said


PLENTY = 10**12


@pytest.mark.parametrize(
    ("disk", "memory", "warned"),
    [(PLENTY, PLENTY, []), (10**5, PLENTY, ["the disk may "]), (PLENTY, 10**6, ["the memory ma"])],
)
def test_what_a_gate_takes_is_held_against_the_free(tmp_path, monkeypatch, disk, memory, warned):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(progress.shutil, "disk_usage", lambda _: usage(disk))
    estimate = Estimate()
    assert not list(estimate.room([tmp_path], None))  # nothing is left to do
    estimate.add(40, ["Ask."] * 164, 256)
    head, *more = estimate.room([tmp_path], (4 * 10**6, 3 * 10**9, memory))
    assert [one.split("warning: ")[1][:13] for one in more] == warned
    assert "memory: 4.0 MB of weights, 3.0 GB of rows, " in head
    # 164 receipts and a page of them, and 40 answers that are kept
    assert estimate.disk == 1.5 * 164 * (4 + 1000 + 4 * 256) + 40 * (1000 + 4 * 256)
    assert "at most 0.6 MB of disk, " in head
    estimate.answers = 0  # all are kept, and no row is decoded
    assert not [one for one in estimate.room([tmp_path], (1, 2, 1)) if "memory" in one]
