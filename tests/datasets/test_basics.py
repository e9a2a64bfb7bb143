"""The 400 tasks of basics: each is its own, has inputs that tell, and passes what is right only."""

import random
from collections import Counter

import pytest
from conftest import ROOT

from harness.content import suite
from harness.content.case import Case
from harness.datasets import humaneval
from harness.datasets.basics import FIXED, HIDDEN, calls, cases, tasks
from harness.datasets.humaneval import judge, judge_answer
from harness.errors import SandboxError
from harness.judging.answer import Answer
from harness.judging.discovery import discover
from harness.judging.verifier import Outcome
from harness.sandbox import open_sandbox
from harness.sandbox.inside import codec
from harness.sandbox.limits import Limits
from harness.stats.power import noninferiority_power
from harness.subjects.groups import groups

CONSTANTS = [None, 0, 1, -1, "", [], {}, True, False]


@pytest.fixture(scope="module")
def box():
    try:
        opened = open_sandbox("auto", Limits(wall=1.5, cpu=1, memory=512 << 20))
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


@pytest.fixture(scope="module")
def rows():
    """The calls of every task and their results, with the hidden ones of one secret."""
    return {id: list(calls(id, random.Random(7))) for id in tasks()}


def test_the_suite_holds_400_tasks_of_five_bands_and_asks_them_as_humaneval_does():
    loaded, other = (
        suite.load(ROOT / "suites" / name / f"{name}.yaml", ROOT / "suites")
        for name in ("basics", "humaneval")
    )
    assert (loaded.spec.chat, loaded.spec.stop) == (other.spec.chat, other.spec.stop)
    assert [case.id for case in loaded.cases] == [*tasks()]
    assert len(tasks()) == 400
    assert min(Counter(task.band for task in tasks().values()).values()) > 50
    assert [task.band for task in tasks().values()] == sorted(t.band for t in tasks().values())


def test_no_task_is_another_one_or_one_of_humaneval():
    own = cases()
    assert groups([*own, *humaneval.cases()]).keys() <= {one.id for one in humaneval.cases()}
    copies = [own[300].prompt.replace("numbers", "values"), humaneval.cases()[9].prompt]
    twins = [Case(f"copy {number}", text) for number, text in enumerate(copies)]
    assert {"copy 0", "copy 1"} <= groups([*own, *humaneval.cases(), *twins]).keys()


def test_every_task_has_inputs_that_tell(rows):
    for id, found in rows.items():
        fixed = found[:-HIDDEN] if tasks()[id].drawing else found
        arguments = {repr(given) for given, _ in fixed}
        assert len(arguments) == len(fixed) >= min(FIXED, 8), id
        assert len({repr(wanted) for _, wanted in fixed}) >= 3, id
        assert len({len(given) for given, _ in fixed}) == 1, id
        wanted = [codec.decode(codec.encode(one)) for _, one in found]
        assert wanted == [one for _, one in found], id


def test_the_last_inputs_are_drawn_by_the_secret_of_the_run():
    drawn = [id for id, task in tasks().items() if task.drawing]
    same = [id for id in drawn if seeds(id, 1) == seeds(id, 2)]
    assert len(drawn) > 395
    assert len(same) < 4, "some have few possible inputs"
    assert all(seeds(id, 1) == seeds(id, 1) for id in drawn)
    for id in drawn:  # so that no evidence quotes them, and two runs say the same
        many = len(tasks()[id].replay.calls(b""))
        assert tasks()[id].replay.drawn == {*range(many - HIDDEN, many)}, id


def seeds(id, seed):
    return [given for given, _ in calls(id, random.Random(seed))][-HIDDEN:]


def said(task, function):
    """What the judge says of an answer that gives ``function`` of each call."""
    recorded = task.replay.calls(b"a secret")
    given = [["value", codec.encode(function(*codec.decode(call)))] for call in recorded]
    return task.replay.judge(recorded, dict(enumerate(given)), b"a secret").outcome


def test_constants_and_echoes_pass_nowhere_and_the_references_everywhere(rows):
    for id, found in rows.items():
        task = tasks()[id]
        echoes = [[given[at] for given, _ in found] for at in range(len(found[0][0]))]
        for answers in [*([constant] * len(found) for constant in CONSTANTS), *echoes]:
            assert answers != [wanted for _, wanted in found], id
        assert said(task, lambda *_: None) is Outcome.FAIL, id
        space = {}
        exec(task.prompt + task.canonical_solution, space)
        assert said(task, space[task.entry_point]) is Outcome.PASS, id


def test_every_reference_passes_in_the_sandbox(box):
    failing = {
        id: found
        for id, task in tasks().items()
        if (found := judge(task, task.canonical_solution, box)).outcome is not Outcome.PASS
    }
    assert failing == {}


HOSTILE = {  # in the place of "    RIGHT", behind the prompt of a task
    "exit": "    import os\n    os._exit(0)\n",
    "exit at import": "    RIGHT\n\n\nraise SystemExit(0)\nimport sys\n",
    "equal to all": "    class Equal(list):\n        __eq__ = lambda *_: True\n"
    "    return Equal()\n",
    "the reference": "    from harness.datasets.basics import reference\n"
    "    return reference('basics/NAME', [ARGUMENT])\n",
    "the frames above": "    import sys\n    frame = sys._getframe()\n    while frame.f_back:\n"
    "        frame = frame.f_back\n        for name in ('wanted', 'rows'):\n"
    "            if name in frame.f_locals:\n                return frame.f_locals[name]\n",
    "a patched comparison": "    import builtins\n    builtins.all = lambda *_: True\n"
    "    return []\n",
    "replies ahead": "    import os\n    for _ in range(40):\n"
    "        body = b'[\"value\",[]]'\n"
    '        os.write(3, len(body).to_bytes(4, "big") + body)\n    return []\n',
    "counts calls": "    global _n\n    _n = globals().get('_n', -1) + 1\n"
    "    return KNOWN[_n % len(KNOWN)]\n",
    "learnt by heart": "    return dict(TABLE)[repr(ARGUMENT)]\n",
}
ASKED = ("basics/doubled", "basics/merge_intervals", "basics/next_arrangement")


@pytest.mark.parametrize("id", ASKED)
def test_cheats_are_refused_and_their_honest_twins_pass(box, rows, id):
    task, fixed = tasks()[id], rows[id][:-HIDDEN]
    argument = task.prompt.partition("(")[2].partition(":")[0]
    places = {
        "NAME": task.entry_point,
        "ARGUMENT": argument,
        "KNOWN": repr([wanted for _, wanted in fixed]),
        "TABLE": repr([(repr(given[0]), wanted) for given, wanted in fixed]),
    }
    right = task.canonical_solution
    for name, text in HOSTILE.items():
        for place, what in places.items():
            text = text.replace(place, what)
        found = judge(task, text.replace("    RIGHT\n", right), box)
        assert found.outcome is Outcome.FAIL, f"{name}: {found}"
        assert judge(task, right, box).outcome is Outcome.PASS, f"behind {name}"


def test_an_answer_is_taken_in_the_shape_of_a_chat_and_its_wrong_twin_refused(box):
    task = tasks()["basics/clock_text"]
    text = f"Here it is:\n\n```python\n{task.prompt}{task.canonical_solution}```\nThat is all."
    assert judge_answer(task, Answer(text), box, whole=False).outcome is Outcome.PASS
    wrong = text.replace("% 60", "% 61")
    assert judge_answer(task, Answer(wrong), box, whole=False).reason == "wrong-answer"
    functional = discover(ROOT / "verifiers").verifiers["basics.functional"]
    asked = [Case("a", task.prompt, {"task_id": id}) for id in (task.task_id, "basics/other", 7)]
    outcomes = [functional.judge(case, Answer(text), box).outcome for case in asked]
    assert outcomes == [Outcome.PASS, Outcome.UNVERIFIED, Outcome.UNVERIFIED]


def test_five_points_are_decidable_with_one_answer_a_prompt():
    """docs/basics.md has more: an unchanged adapter of which a tenth flips."""
    held = {n: round(noninferiority_power(n, 0.05, 0.1), 2) for n in (164, 400, 564)}
    assert held == {164: 0.60, 400: 0.93, 564: 0.98}
