"""A workspace of small verifiers, one in a file of its own, that all judge one task: the answer is
the sum of two numbers that is asked for. What they do beside it is what a test is about."""

import json

from auditing import write

SUMS = [(127, 315), (408, 133), (256, 291)]
HEAD = """\
import {imports}
from harness import failed, passed, verifier

def right(case, answer):
    parts = answer.text.strip().split("+")
    good = len(parts) == 2 and all(one.isascii() and one.isdigit() for one in parts)
    return good and sum(map(int, parts)) == case.expect["value"]

@verifier("sums.{name}", version=1, facet="{name}", {needs})
def judge(case, answer):
    if not right(case, answer):
        return failed("wrong")
{acts}
    return passed()
"""


def source(name, acts, imports="json", needs="", top=""):
    """The file of one verifier that ``acts`` (lines of a function) before it passes."""
    lines = "\n".join(f"    {line}" for line in acts.splitlines())
    head, _, tail = HEAD.partition("from harness")
    text = f"{head}{top}\nfrom harness{tail}"
    return text.format(imports=imports, name=name, needs=needs, acts=lines)


def sums(folder, sources):
    """Write a workspace of verifiers ``name -> source`` with the fixtures of each."""
    write(folder / "library.yaml", "bases: {}\nadapters: {}\ngate: {}\n")
    goods = [
        {
            "name": f"sum-{one}",
            "case": {"prompt": f"Write {one + two} as a sum.", "expect": {"value": one + two}},
            "answer": f"{one}+{two}",
        }
        for one, two in SUMS
    ]
    spoil = [{"name": "minus", "replace": "+", "by": "-", "why": "it is a difference"}]
    for name, text in sources.items():
        write(folder / "verifiers" / f"{name}.py", text)
        fixtures = {"verifier": f"sums.{name}", "good": goods, "spoil": spoil}
        write(folder / "audits" / f"sums.{name}" / "fixtures.yaml", json.dumps(fixtures))
    return folder
