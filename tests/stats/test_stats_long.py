"""Long texts gone wrong: loops of any period, numbers that count, tokens that are no language, and
how long what is not watched to its end lasts. Each sign with a sound text of the same length."""

import random

import pytest
from stats_helpers import agree, pair
from statsmodels.duration.survfunc import SurvfuncRight

from harness.stats.intervals import clopper_pearson, items_needed
from harness.stats.subjects.corruption import corruption
from harness.stats.subjects.degeneration import Loop, diversity, loop_onset, loop_period, looped
from harness.stats.subjects.survival import Lasted, survival

NUMBERS = random.Random(9)
WORDS = ["amber", "bridge", "candle", "delta", "ember", "forest", "granite", "harbour", "kettle"]
PROSE = " ".join(NUMBERS.choice(WORDS) for _ in range(200))
LONG = " ".join(NUMBERS.choices(WORDS, k=90)) + " "

REPEATS = {
    "after 200 words": (PROSE + " and so it goes on" * 40, "loop", 18),
    "of 90 words": (PROSE + " " + LONG * 4, "loop", len(LONG)),
    "cut within": (PROSE + " and then we went to the other side;" * 7 + " and then", "loop", 36),
    "without a blank": (PROSE + "哈" * 150, "loop", 1),
    "steps": (PROSE + "".join(f"\nStep {n}: look once more." for n in range(1, 60)), "drift", 24),
    "minutes": (PROSE + "".join(f"\nAt {9 + n // 60}:{n % 60:02} he left." for n in range(99)),
                "drift", 16),
    "ordinals": (PROSE + "".join(f" On the {n}th day he went." for n in range(4, 21)), "drift", 22),
    "a count": ("Sure: " + ", ".join(map(str, range(400))), "drift", 3),
}  # fmt: skip
SOUND = {
    "prose": PROSE,
    "times table": "\n".join(f"{a} x {b} = {a * b}" for a in range(1, 21) for b in range(1, 13)),
    "html": "".join(f"<tr><td>{n}</td><td>{7 * n}</td></tr>\n" for n in range(200)),
    "markdown": "|n|square|\n|---|---|\n" + "".join(f"|{n}|{n * n}|\n" for n in range(200)),
    "csv": "".join(f"{1900 + n},{n * 37 % 101},{n * n % 97}\n" for n in range(200)),
    "code": "".join(f"    total += values[{n}];\n" for n in range(60)),
    "rule": f"{PROSE}\n|{'---|' * 20}",
}
VERSE = (
    PROSE + "\nRow, row, row your boat, gently down the stream;\nLife is but a dream, a dream." * 4
)


@pytest.mark.parametrize("name", REPEATS)
def test_a_text_that_repeats_itself_to_its_end_is_found_with_its_onset(name):
    text, kind, period = REPEATS[name]
    found = looped(text)
    assert found is not None
    assert (found.kind, found.period) == (kind, period)
    assert found.at == pytest.approx(len(PROSE) / len(text), abs=0.05) or name == "a count"
    assert (looped(text, ended=True) is None) == (name == "of 90 words"), "four times only"


@pytest.mark.parametrize("name", SOUND)
def test_tables_code_and_prose_of_that_length_are_sound(name):
    assert looped(SOUND[name]) is None
    assert looped(SOUND[name][:-5]) is None, "cut anywhere"


def test_a_refrain_that_ends_is_none_and_one_that_the_tokens_cut_is():
    assert looped(VERSE, ended=True) is None
    assert looped(VERSE) is not None


def test_the_onset_is_that_of_every_period_tried():
    draw = random.Random(1)

    def tried(tokens, times):
        runs = {}
        for period in range(1, len(tokens)):
            run = period
            while run < len(tokens) and tokens[-run - 1] == tokens[-run - 1 + period]:
                run += 1
            if run >= times * period:
                runs[period] = Loop(len(tokens) - run, period)
        return min(runs.values(), default=None), min(runs, default=None)

    for _ in range(500):
        tokens = draw.choices("ab", k=draw.randint(0, 24))
        assert loop_onset(tokens) == tried(tokens, 3)[0]
        assert loop_period(tokens, longest=200, times=4) == tried(tokens, 4)[1]
    assert diversity("abcd" * 5) < 0.1 < diversity(range(20)) == 1


GARBLED = {
    "bytes": f"{PROSE} the ��� of it �",
    "byte tokens": f"{PROSE} it<0xE2><0x80><0x99>s",
    "latin-1": f"{PROSE} donâ€™t, itâ€™s, weâ€™ll",
    "another script": f"{PROSE} we 考虑 it and 返回 the rest, мы think",
    "half a word": f"{PROSE} the funсtion, the vаlue, the wоrd",
    "glued": f"{PROSE} bridgeWas andThen harbourThat theEmber thefunctionreturnsthevalueofthething",
}
CLEAN = {
    "quoted": f'{PROSE} The word "商店" (shop), and 出汁 (broth), and *мир*.',
    "mathematics": f"{PROSE} where α and β are small, Δt is 3 μs and R is 5 kΩ",
    "chemistry": f"{PROSE} C₃H₈ + 5 O₂ → 3 CO₂ + 4 H₂O, so ½ mol, x² + yⁿ in ℝ",
    "japanese": "これはテストです。APIの使い方を説明します。Tシャツを買う。" * 9,
    "russian": "Это проверка API на Python. " * 20,
    "names": f"{PROSE} JavaScript and TypeScript on GitHub, useEffect and setState",
    "code": f"```\nletTheValue(); andTheRest(); thatWasAll(); whichYouHave();\n```\n{PROSE}",
    "one of them": f"{PROSE} U+FFFD is �.",
}


@pytest.mark.parametrize("name", GARBLED)
def test_a_garbled_text_is_seen(name):
    assert corruption(GARBLED[name]).garbled


@pytest.mark.parametrize("name", CLEAN)
def test_another_language_is_not_garbled(name):
    assert not corruption(CLEAN[name]).garbled


def test_a_prompt_may_ask_for_another_script_and_the_cap_may_cut_a_character():
    text = f"{PROSE} 考虑 and 返回 and 价值"
    assert corruption(text).garbled
    assert not corruption(text, "Teach me 中文").garbled
    assert corruption(f"{PROSE}���", cut=True).broken == 0


def test_survival_is_the_exact_rate_where_all_were_watched_and_never_certain():
    watched = [Lasted(100, True)] * 3 + [Lasted(1000, False)] * 57
    found = survival(watched, 1000)
    agree([found.low, found.high], pair(clopper_pearson(57, 60, 0.9)), 1e-9)
    assert (found.rate, found.failed, found.reached) == (pytest.approx(0.95), 3, 57)
    assert survival([Lasted(9, False)] * 40, 9).low == pytest.approx(0.05 ** (1 / 40))
    assert survival([Lasted(9, False)] * items_needed(0.05), 9).low > 0.95
    nobody = survival([Lasted(9, False)] * 40, 10)
    assert (bool(nobody.rate), nobody.low, nobody.high) == (False, 0, 1)


def test_survival_with_censoring_is_kaplan_and_meiers():
    draw = random.Random(4)
    ends = [(draw.randint(1, 900), draw.randint(1, 900)) for _ in range(80)]
    watched = [Lasted(min(loop, cap), loop <= cap) for loop, cap in ends]
    oracle = SurvfuncRight([one.time for one in watched], [int(one.failed) for one in watched])
    for at in (50, 200, 500):
        expected = [s for s, t in zip(oracle.surv_prob, oracle.surv_times, strict=True) if t < at]
        found = survival(watched, at)
        assert found.rate == pytest.approx(expected[-1])
        assert found.low < found.rate < found.high


def test_the_bounds_hold_as_often_as_they_say():
    draw = random.Random(7)
    held = 0
    for _ in range(300):
        pairs = [(draw.expovariate(1 / 2000), draw.uniform(50, 2000)) for _ in range(40)]
        watched = [Lasted(min(pair), pair[0] <= pair[1]) for pair in pairs]
        held += survival(watched, 400).low <= 2.718281828 ** (-400 / 2000)
    assert held >= 0.93 * 300
