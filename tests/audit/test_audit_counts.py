"""What fixtures are worth: copies count once, and faults of one kind little more than one."""

from __future__ import annotations

import json

import pytest
from auditing import audited, write

from harness.audit.answers import alike
from harness.content.case import Case
from harness.stats.clusters import effective_size

LAMP = Case("lamp", "Say that the lamp is red.", {"thing": "lamp"})
VERIFIER = '''
"""Says whether the lamp is red."""
import re
from harness import failed, passed, verifier

def judge(case, answer):
    text = "".join((answer.code("python") or answer.text).split()).lower()
    right = r"(thelamp\\d?isred\\.)|def\\w+\\(\\w\\):return\\w"
    return passed() if re.fullmatch(right, text) else failed("no")

for name in {names}:
    globals()[name] = verifier(f"{{name}}.it", version=1, facet=name)(judge)
'''
#: what makes the n-th copy of a good and of a bad
COPIES = {
    "equal": lambda n: ("The lamp is red.", "The lamp is blue."),
    "layout": lambda n: (f"The lamp{' ' * n} is red.", f"The lamp is{' ' * n} blue."),
    "letters": lambda n: (
        "".join(c.upper() if n >> i & 1 else c for i, c in enumerate("The lamp is red.")),
        "".join(c.upper() if n >> i & 1 else c for i, c in enumerate("The lamp is blue.")),
    ),
    "digit": lambda n: (f"The lamp {n % 10} is red.", f"The lamp {n} is blue."),
    "renamed": lambda n: (
        f"```python\ndef f{n}({chr(97 + n % 26)}): return {chr(97 + n % 26)}\n```",
        f"The lamp {n} is blue.",
    ),
}


def copies(name):
    """29 copies of one good and 59 of one bad, of cases that differ in layout."""
    found = {"verifier": f"{name}.it", "good": [], "bad": []}
    for n in range(59):
        prompt = f"Say  that{' ' * n} the lamp is red."
        good, bad = ({"case": {"prompt": prompt}, "answer": one} for one in COPIES[name](n))
        if n < 29:
            found["good"].append({"name": f"good {n}", **good})
        found["bad"].append({"name": f"bad {n}", "why": f"wrong: {n}", **bad})
    return found


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copies")
    write(folder / "verifiers/lamp.py", VERIFIER.format(names=list(COPIES)))
    for name in COPIES:
        write(folder / "audits" / f"{name}.it" / "f.yaml", json.dumps(copies(name)))
    return audited(folder)


@pytest.mark.parametrize("name", COPIES)
def test_copies_of_one_good_and_of_one_bad_count_as_one_each(held, name):
    found = held[f"{name}.it"]
    assert (found.good, found.bad, found.tasks) == (29, 59, 1), found.sentence()
    assert (found.effective_good, found.effective_known) == (1, 1)
    assert found.effective_bad == 1, "what is made of one good is of one task"
    assert "59 bad worth 1," in found.sentence()


def known(kind, answer, case=LAMP):
    return alike.Known(case, answer, kind)


def tasks(many):
    return [Case("", f"Name thing {chr(97 + n)}.", {"n": n}) for n in range(many)]


def test_a_spoil_of_thirty_goods_is_worth_two_and_thirty_kinds_thirty():
    spoilt = [known("no colon", f"{case.prompt} x", case) for case in tasks(30)]
    assert alike.bads(spoilt, 0.5) == (1, 1)
    assert alike.bads(spoilt, 0.0) == (30, 1)
    assert alike.bads(spoilt, 1.0) == (1, 1)
    varied = [known(f"fault {case.prompt}", "no", case) for case in tasks(26)]
    assert alike.bads(varied, 0.5) == (26, 26)
    again = [known("another reason", "NO", one.case) for one in varied]
    assert alike.bads([*varied, *again], 0.5) == (26, 26)
    of_one_task = [known(f"fault {chr(97 + n)}", chr(97 + n)) for n in range(26)]
    assert alike.bads(of_one_task, 0.5) == (1, 26)


def test_right_answers_to_other_tasks_count_and_other_answers_to_one_task_little():
    adds = [
        known("", f"```python\ndef plus(x):\n    return x + {n}\n```", case)
        for n, case in enumerate(tasks(30))
    ]
    assert alike.goods(adds, 0.5, completion=False) == 30
    ways = [known("", f"red {chr(97 + n)}") for n in range(26)]
    assert alike.goods(ways, 0.5, completion=False) == 1


def test_the_design_effect_of_kish():
    assert effective_size([30], 0.5) == pytest.approx(30 / 15.5)
    assert effective_size([1, 2, 3], 0.5) == pytest.approx(1 + 2 / 1.5 + 3 / 2)
    assert effective_size([], 0.5) == 0
    with pytest.raises(ValueError, match="correlation"):
        effective_size([1], 1.5)
