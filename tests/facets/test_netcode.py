"""The facet netcode: hidden scenarios on Python answers, cheats with their honest twins."""

from __future__ import annotations

import pytest
from conftest import ROOT

from harness import Answer, Case, Judgement
from harness.errors import SandboxError
from harness.judging.discovery import discover
from harness.sandbox import open_sandbox

VERIFIERS = discover(ROOT / "verifiers").verifiers
EXPECT = {
    "defines": ["Meter(limit=8)", "Meter.add(n)", "Meter.total", "newer(a, b)"],
    "scenarios": [
        {
            "name": "adds up to the limit",
            "steps": [
                "m = Meter(limit=4)",
                {"do": "m.add(3)", "is": 3},
                {"do": "m.add(3)", "is": 4},
                {"do": "m.total", "between": [4, 4]},
                {"do": "m.add(-1)", "raises": "ValueError"},
                "sent = [1, 2]",
                {"do": "Meter().add(sum(sent))", "one_of": [3]},
            ],
        },
        {
            "name": "wraps",
            "steps": [
                {
                    "do": "newer(a, b)",
                    "for": {
                        "a": {"from": 0, "to": 255, "step": 5},
                        "b": {"from": 0, "to": 255, "step": 63.75},
                    },
                    "want": "0 < (a - b) % 256 < 128",
                },
                {"do": "Meter() == Meter()", "is": False},
            ],
        },
    ],
}
GOOD = """class Meter:
    def __init__(self, limit=8):
        self.limit = limit
        self.total = 0

    def add(self, n):
        if n < 0:
            raise ValueError(n)
        self.total = min(self.limit, self.total + n)
        return self.total


def newer(a, b):
    return 0 < (a - b) % 256 < 128
"""


@pytest.fixture(scope="module")
def sandbox():
    try:
        opened = open_sandbox("auto")
    except SandboxError as error:
        pytest.skip(str(error).splitlines()[0])
    with opened:
        yield opened


def judge(sandbox, criterion: str, text: str, expect=EXPECT) -> Judgement:
    verifier = VERIFIERS[f"netcode.{criterion}"]
    case = Case("one", "a meter", expect)
    return verifier.judge(case, Answer(text), *([sandbox] if verifier.sandbox else []))


def fenced(code: str, tag: str = "python") -> str:
    return f"Here:\n\n```{tag}\n{code}```\n"


def edited(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return fenced(GOOD.replace(old, new))


HONEST = {
    "plain": fenced(GOOD),
    "untagged": fenced(GOOD, ""),
    "in two blocks": fenced(GOOD[: GOOD.index("def newer")])
    + fenced(GOOD[GOOD.index("def new") :]),
    "with an example behind it": fenced(GOOD) + fenced("m = Meter()\nprint(m.add(2))\n"),
    "slots and a property": fenced(
        GOOD.replace("self.total", "self._n").replace(
            "    def add",
            "    @property\n    def total(self):\n        return self._n\n\n    def add",
        )
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_a_right_answer_is_elite_in_every_style(sandbox, name):
    for criterion in ("shape", "behaves", "stays"):
        assert judge(sandbox, criterion, HONEST[name]).outcome == "pass", criterion


SHAPE = {
    "a parameter with another name": edited("add(self, n)", "add(self, count, n=1)"),
    "no default": edited("limit=8", "limit"),
    "a parameter more": edited("add(self, n)", "add(self, n, when)"),
    "a stub": edited("    return 0 < (a - b) % 256 < 128\n", "    ...\n"),
    "an attribute that is never set": fenced(GOOD.replace("total", "sum_")),
    "another language": fenced(GOOD, "javascript"),
    "an open fence": fenced(GOOD)[:-4],
    "two answers": fenced(GOOD) * 2,
    "prose": "A meter adds up to its limit.",
}


@pytest.mark.parametrize("name", SHAPE)
def test_what_is_not_declared_as_asked_has_not_the_shape(sandbox, name):
    assert judge(sandbox, "shape", SHAPE[name]).outcome == "fail"


def test_the_evidence_says_why_nothing_defines_a_name(sandbox):
    said = {
        "a block is never closed": SHAPE["an open fence"],
        "SyntaxError": fenced(GOOD.replace("def add", "def: add")),
        "": fenced("x = 1\n"),
    }
    for why, text in said.items():
        evidence = judge(sandbox, "shape", text).evidence
        assert evidence.startswith(f"nothing defines Meter{': ' if why else ''}{why}"), evidence
        assert why or evidence == "nothing defines Meter"


BEHAVES = {
    "a wrong number": edited("min(self.limit, self.total + n)", "self.total + n"),
    "no error": edited("raise ValueError(n)", "return 0"),
    "no wrap": edited("0 < (a - b) % 256 < 128", "a > b"),
    "prints what is expected": edited("        return self.total\n", "        print(self.total)\n"),
    "ends early": edited("        return self.total\n", "        raise SystemExit(0)\n"),
    "never ends": edited("        return self.total\n", "        while True: pass\n"),
    "equals everything": fenced(
        GOOD.replace("return self.total", "return Any()").replace(
            "class Meter",
            "class Any(int):\n    def __eq__(self, other): return True\n\n\nclass Meter",
        )
    ),
    "an equal that its own class decides": edited(
        "    def add", "    def __eq__(self, other):\n        return False\n\n    def add"
    ).replace("return 0 < (a - b) % 256 < 128", "return Meter()"),
    "knows a test when it sees one": fenced(
        GOOD + "import sys\nMeter.add = lambda self, n: sys._getframe(1).f_locals.get('is', 3)\n"
    ),
    "puts itself in place of the driver": fenced(
        GOOD + "import builtins\nbuiltins.eval = builtins.exec = lambda *a, **k: True\n"
        "Meter.add = lambda self, n: True\n"
    ),
}


@pytest.mark.parametrize("name", BEHAVES)
def test_no_wrong_behaviour_and_no_cheat_behaves(sandbox, name):
    found = judge(sandbox, "behaves", BEHAVES[name])
    assert found.outcome == "fail" or found.reason == "starved"  # by what else runs here


STAYS = {
    "state of the class": GOOD.replace(
        "        self.total = 0\n",
        "        Meter.seen.append(1)\n        self.total = len(Meter.seen) > 4\n",
    ).replace("class Meter:\n", "class Meter:\n    seen = []\n\n"),
    "the clock": "import time\n" + GOOD.replace("self.total = 0", "self.total = 0 * time.time()"),
    "chance": "from random import random as r\n" + GOOD.replace("= limit", "= limit + 0 * r()"),
    "a salted hash": GOOD.replace("self.total = 0", "self.total = 0 * hash('x')"),
}


@pytest.mark.parametrize("name", STAYS)
def test_what_does_not_stay_the_same_behaves_and_does_not_stay(sandbox, name):
    assert judge(sandbox, "behaves", fenced(STAYS[name])).outcome == "pass"
    assert judge(sandbox, "stays", fenced(STAYS[name])).outcome == "fail"


def test_what_is_handed_in_stays_unless_the_task_allows_it(sandbox):
    steps = ["given = [2, 1]", {"do": "order(given)", "is": [1, 2]}]
    expect = {"defines": ["order(items)"], "scenarios": [{"steps": steps}]}
    in_place = fenced("def order(items):\n    items.sort()\n    return list(items)\n")
    assert judge(sandbox, "stays", in_place, expect).outcome == "fail"
    assert judge(sandbox, "stays", in_place, {**expect, "allows": ["mutation"]}).outcome == "pass"
    copied = in_place.replace("items.sort()", "items = sorted(items)")
    assert judge(sandbox, "stays", copied, expect).outcome == "pass"


@pytest.mark.parametrize(
    "step", [{"do": "newer(1,", "is": 1}, {"do": "1", "within": 1}, "only = 'lines'"]
)
def test_an_expect_that_shows_nothing_is_unverified(sandbox, step):
    expect = {**EXPECT, "scenarios": [{"steps": [step]}]}
    assert judge(sandbox, "behaves", HONEST["plain"], expect).outcome == "unverified"
