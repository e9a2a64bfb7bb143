"""Hidden steps on a C++ answer: what comes back are values, and no cheat makes one up."""

from __future__ import annotations

import importlib
import shutil
import sys

import pytest
from conftest import ROOT

from harness.judging.discovery import discover

pytestmark = pytest.mark.skipif(not shutil.which("g++"), reason="g++ is not installed")

POOL = """
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>
struct Point { int x; bool operator==(const Point&) const { return true; } };
class Pool {
    std::vector<int> free_;
  public:
    explicit Pool(int n) { for (int i = 0; i < n; ++i) free_.push_back(i); }
    int take() {
        if (free_.empty()) throw std::out_of_range("empty");
        int last = free_.back(); free_.pop_back(); return last;
    }
    void give(int one) { free_.push_back(one); }
    const std::vector<int>& all() const { return free_; }
    std::map<std::string, size_t> info() const { return {{"free", free_.size()}}; }
};
int twice(int value) { return value + value; }
int main() { std::cout << "a demo that is not run\\n"; }
"""


@pytest.fixture(scope="module")
def hidden():
    discover(ROOT / "verifiers")
    yield importlib.import_module("harness_verifiers._hidden")
    for name in [one for one in sys.modules if one.startswith("harness_verifiers")]:
        del sys.modules[name]


def lines(hidden, *codes):
    return [hidden.Line(code.strip("!"), hidden.RUN if code[0] == "!" else hidden.VALUE)
            for code in codes]  # fmt: skip


def test_values_come_back_as_plain_data_and_each_fault_by_its_name(hidden, compiling):
    rows = hidden.Line("twice(n)", hidden.VALUE, ("n",), ((1,), (-3,)))
    asked = [
        [*lines(hidden, "!Pool p(2)", "p.take()", "p.info()", "!p.give(7)", "p.all()"), rows],
        lines(hidden, "!Pool p(0)", "p.take()"),
        lines(hidden, "twice(2) == 4", "Point{1} == Point{2}", "Point{5}.x"),
        lines(hidden, "!Pool p(1)", "!auto q = p.all().data()", "!p.give(1)", "*q", "1"),
        lines(hidden, "twice(2000000000)"),
        lines(hidden, "1", "!std::exit(0)"),
    ]
    ran = hidden.cpp(POOL, asked, compiling)
    values, raised, compared, *ended = ran.replies
    assert [one[1] for one in values] == [None, 1, {"free": 1}, None, [0, 7], [2, -6]]
    assert raised[1][:2] == ["raise", ["std::out_of_range", "std::logic_error", "std::exception"]]
    # both sides of what the answer cannot decide; a class of its own decides by its operator
    assert compared == [["compare", [4, 4], ["=="]], ["value", True], ["value", 5]]
    assert [one[-1] for one in ended] == [
        ["lost", "sanitizer"],
        ["lost", "sanitizer"],
        ["lost", "early-exit"],
    ]
    assert "heap-use-after-free" in ran.report
    assert hidden.cpp(POOL, asked, compiling) is ran  # by content, whatever criterion asks


CHEATS = """
#include <cstdio>
#include <cstdlib>
#include <unistd.h>
struct Any { template <class T> bool operator==(T) const { return true; } };
int prints(int) { puts("4"); return write(3, "[0,0,\\"value\\",4]\\n", 16) & 1; }
int leaves(int) { std::exit(0); }
int endless(int) { for (volatile int i = 0;; i = 1) {} }
Any equals(int) { return {}; }
int honest(int value) { return 2 * value; }
"""


def test_a_cheat_brings_no_value(hidden, compiling):
    """Each is asked for the 4 that the honest one gives."""
    names = ("prints", "leaves", "endless", "honest")
    asked = [lines(hidden, f"{name}(2)") for name in names]
    asked.append(lines(hidden, "equals(2) == 4", "honest(3) == 6"))
    ran = hidden.cpp(CHEATS, asked, compiling, seconds=1)
    printed, left, endless, honest, equal = ran.replies
    assert honest == [["value", 4]]
    assert printed != honest
    assert (left, endless) == ([["lost", "early-exit"]], [["lost", "timeout"]])
    assert equal[0][:2] == ["raise", ["not plain data"]]
    assert equal[1] == ["compare", [6, 6], ["=="]]
    replaced = CHEATS + '#undef main\nint main() { puts("4"); }'
    assert hidden.cpp(replaced, asked, compiling).reason == "does-not-compile"


def test_a_compiler_says_what_is_wrong_and_where(hidden, compiling):
    wrong = hidden.cpp("int f() { return missing; }", [lines(hidden, "f()")], compiling)
    assert (wrong.reason, wrong.evidence[:12]) == ("does-not-compile", "answer.cpp:1")
    assert "unused" in hidden.compiled("int f(int unused) { return 1; }", compiling)[0]
    assert hidden.compiled("int f() { return 1; }", compiling) == []
