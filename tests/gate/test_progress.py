"""Progress says how fast and how good so far, and keeps logs short."""

from harness.doors.console import EVERY, Lines
from harness.gate.progress import Pace


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
        == "100 tok/s, 2.4 judged/s, 0:07 left, elite 20/24 = 83.3% [64.1%, 93.3%]"
    )
    assert "left" not in pace.note(40, 40)


def test_answers_from_the_cache_have_no_tokens_a_second():
    clock = Clock()
    pace = Pace(clock)
    pace.judged("pass")
    clock.now += 1
    assert pace.note(1, 2) == "1.0 judged/s, 0:01 left, elite 1/1"


def test_a_log_has_a_line_for_each_part_and_one_now_and_then():
    clock, written = Clock(), []
    show = Lines(written.append, live=False, clock=clock)
    for done in range(1, 101):
        clock.now += EVERY / 40
        show("humaneval base", done, 100, "note")
    assert written == [
        "humaneval base 41/100  note\n",
        "humaneval base 81/100  note\n",
        "humaneval base 100/100  note\n",
    ]


def test_a_terminal_has_one_line_that_is_wiped_at_the_end():
    written = []
    show = Lines(written.append, live=True)
    show("audit", 1, 2)
    show("audit", 2, 2)
    assert written == ["\r\x1b[Kaudit 1/2", "\r\x1b[Kaudit 2/2\r\x1b[K"]
