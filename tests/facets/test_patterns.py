"""The facet game-patterns: hidden scenarios on C++ answers, cheats with their honest twins; Python
answers go the way of netcode."""

from __future__ import annotations

import shutil

import pytest
from conftest import ROOT

from harness import Answer, Case, Judgement
from harness.judging.discovery import discover

pytestmark = pytest.mark.skipif(not shutil.which("g++"), reason="g++ is not installed")

VERIFIERS = discover(ROOT / "verifiers").verifiers
EXPECT = {
    "defines": ["Purse(int)", "int Purse::add(int)", "int Purse::total() const"],
    "scenarios": [
        {
            "steps": [
                "Purse p(4)",
                "int one = 1, other = 1",
                {"do": "&one == &other", "is": False},
                {"do": "p.add(3)", "is": 3},
                {"do": "p.add(3)", "is": 4},
                {"do": "p.add(-1)", "raises": "std::invalid_argument"},
                {"do": "p.total() == 4", "is": True},
                {
                    "do": "Purse(100).add(n)",
                    "for": {"n": {"from": 0, "to": 200, "step": 50}},
                    "want": "min(n, 100)",
                },
            ]
        }
    ],
}
HEADER = """#pragma once
class Purse {
public:
    explicit Purse(int limit);
    int add(int n);
    int total() const;

private:
    int limit_;
    int total_ = 0;
};
"""
SOURCE = """#include "purse.h"
#include <algorithm>
#include <stdexcept>

Purse::Purse(int limit) : limit_(limit) {}

int Purse::add(int n) {
    if (n < 0) throw std::invalid_argument("n");
    total_ = std::min(limit_, total_ + n);
    return total_;
}

int Purse::total() const { return total_; }
"""


def fenced(*codes: str, tag: str = "cpp") -> str:
    return "\n".join(f"```{tag}\n{code}```\n" for code in codes)


def edited(old: str, new: str) -> str:
    assert SOURCE.count(old) == 1
    return fenced(HEADER, SOURCE.replace(old, new))


def judge(sandbox, criterion: str, text: str, expect=EXPECT) -> Judgement:
    return VERIFIERS[f"patterns.{criterion}"].judge(Case("one", "a", expect), Answer(text), sandbox)


def test_a_header_and_a_source_are_one_right_answer(compiling):
    for criterion in ("compiles", "behaves", "clean"):
        found = judge(compiling, criterion, fenced(HEADER, SOURCE))
        assert found.outcome == "pass", (criterion, found)


WRONG = {
    "compiles": {
        "a result of another type": fenced(
            HEADER.replace("int add", "long add"),
            SOURCE.replace("int Purse::add", "long Purse::add"),
        ),
        "another language": fenced(HEADER, SOURCE, tag="rust"),
    },
    "behaves": {
        "prints what is expected and ends": edited(
            "    return total_;\n}\n\nint", '    __builtin_puts("3"); __builtin_exit(0);\n}\n\nint'
        ),
        "equals everything": fenced(
            "struct Any { operator int() const { return 0; } };\n"
            "template <class T> bool operator==(const Any&, T) { return true; }\n"
            "struct Purse { Purse(int) {} Any add(int) { return {}; }"
            " Any total() const { return {}; } };\n"
        ),
    },
    "clean": {
        "memory that is never freed": edited(
            ": limit_(limit) {}", ": limit_(limit) { new int[9]; }"
        ),
        "an overflow": edited(
            "    total_ = std::min",
            "    int most = 2147483647;\n    most += n;\n    total_ = std::min",
        ),
    },
}


@pytest.mark.parametrize(("criterion", "name"), [(c, n) for c in WRONG for n in WRONG[c]])
def test_what_is_wrong_is_refused_by_its_criterion(compiling, criterion, name):
    assert judge(compiling, criterion, WRONG[criterion][name]).outcome == "fail"


def test_python_answers_are_judged_by_the_same_criteria(compiling):
    steps = ["t = Toggle()", "t.press()", {"do": "t.on", "is": True}]
    expect = {
        "language": "python",
        "defines": ["Toggle()", "Toggle.press()"],
        "scenarios": [{"steps": steps}],
    }
    good = "class Toggle:\n    on = False\n    def press(self):\n        self.on = not self.on\n"
    for criterion in ("compiles", "behaves", "clean"):
        assert judge(compiling, criterion, fenced(good, tag="python"), expect).outcome == "pass"
    shared = good.replace("self.on = not self.on", "Toggle.on = not Toggle.on")
    assert judge(compiling, "behaves", fenced(shared, tag="python"), expect).outcome == "pass"
    assert judge(compiling, "clean", fenced(shared, tag="python"), expect).outcome == "fail"
    assert judge(compiling, "compiles", fenced(good, tag="cpp"), expect).outcome == "fail"
