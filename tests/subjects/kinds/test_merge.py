"""A merge is computed again from its parents as each tool would, and held to what its entry
says."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT
from tiny_model import make_adapter, make_base

from harness.content import library, workspace
from harness.digests import folder_digest
from harness.errors import WorkspaceError
from harness.subjects import kinds
from harness.subjects.base import Bench, Evidence, Preflight
from harness.subjects.kinds.merge import plants
from harness.subjects.kinds.merge.numbers import measured, pooled
from harness.subjects.kinds.merge.recipe import Factors, merged, mistakes, truncated
from harness.subjects.kinds.merge.spec import Recipe

MERGES = ROOT / "tests" / "data" / "merges"
TASKS = np.array([(0.6, -0.4, 0.1, 0.9), (-0.5, -0.2, 0.8, 0.05), (0.2, 0.7, -0.6, -0.3)])
TASKS = TASKS.astype(np.float32)
QUARTERS = (1.0, 0.5, 0.25)


def entries(method, weights, tasks=TASKS, *, tool="peft", density=1.0):
    """What a merge of single numbers gives."""
    from harness.subjects.kinds.merge.recipe import combined

    recipe = Recipe(tool, method, "delta", tuple(weights), density)
    return combined(recipe, list(tasks), weights, np.random.default_rng(0)).tolist()


@pytest.mark.parametrize(
    ("tool", "weights", "density", "expected"),
    [
        ("peft", (1, 1, 1), 1.0, (0.4, 0.7, 0.45, 0.475)),
        ("mergekit", (1, 1, 1), 1.0, (0.4, 0.7, 0.45, 0.475)),
        ("peft", QUARTERS, 1.0, (0.325, 0.175, 0.25, 0.4625)),
        ("mergekit", QUARTERS, 1.0, (0.52, -1 / 3, 1 / 3, 0.61667)),
        ("peft", QUARTERS, 0.5, (0.6, 0.175, 0.4, 0.9)),
        ("mergekit", QUARTERS, 0.5, (0.6, 0.7, 0.8, 0.9)),
    ],
)
def test_one_name_has_two_signs_and_two_scales(tool, weights, density, expected):
    """The figures of the method's section on merges."""
    found = entries("ties", weights, tool=tool, density=density)
    assert found == pytest.approx(expected, abs=1e-4)


def test_opposite_signs_add_up_to_nothing_unless_they_are_elected():
    pair = np.array([(1, 1, -1), (-1, 1, 1)], np.float32)
    assert entries("linear", (0.5, 0.5), pair) == [0, 1, 0]
    assert entries("ties", (1, 1), pair) == [1, 1, 1]


def test_a_merge_of_factors_is_another_than_that_of_their_products():
    eye = np.eye(2, dtype=np.float32)
    pair = [Factors(eye[:, [n]], eye[[n]]) for n in (0, 1)]
    halves = Recipe("peft", "linear", "delta", (0.5, 0.5))
    whole, factors = merged(halves, pair), merged(replace(halves, on="factors"), pair)
    assert whole.tolist() == [[0.5, 0], [0, 0.5]]
    assert factors == pytest.approx(np.full((2, 2), 0.5))
    found = measured(truncated(factors, 1), pair, replace(halves, on="factors"), ["one", "two"])
    square, along = found["whole"]
    assert (square - 2 * along + found["norm"]) / square == pytest.approx(1.0)


def test_what_dare_leaves_grows_by_the_root_of_what_it_dropped():
    task = np.random.default_rng(1).standard_normal((400, 300)).astype(np.float32)
    one = Factors(task, np.eye(300, dtype=np.float32))
    dropped = merged(Recipe("peft", "dare_linear", "delta", (1.0,), 0.1), [one])
    assert np.linalg.norm(dropped) / np.linalg.norm(task) == pytest.approx(10**0.5, rel=0.02)
    by_norm = merged(Recipe("mergekit", "dare_linear", "delta", (1.0,), 0.1), [one])
    assert np.abs(by_norm).sum() == pytest.approx(np.abs(task).sum(), rel=1e-4)


# The tools' own code.


@pytest.fixture(scope="module")
def told():
    return json.loads((MERGES / "merges.json").read_text())


def parents_of(told):
    return [
        Factors(np.array(one["a"], np.float32), np.array(one["b"], np.float32), one["scale"])
        for one in told["parents"].values()
    ]


def differing(told):
    """How far each merge is from that of the tool itself, as a share of it."""
    of = parents_of(told)
    for said in told["merges"]:
        shape = (tuple(said["weights"]), said["density"], said.get("sign", "total"))
        recipe = Recipe(said["tool"], said["method"], said["on"], *shape, said.get("normalize"))
        theirs = np.array(said["delta"])
        yield float(np.linalg.norm(merged(recipe, of) - theirs) / np.linalg.norm(theirs))


def test_merges_come_out_as_the_tools_own_code_makes_them(told):
    """tests/data/merges/make.py wrote down what PEFT and mergekit gave."""
    found = list(differing(told))
    assert len(found) > 30
    assert max(found) < 1e-5


def test_what_was_dropped_by_chance_is_found_in_either_tool_and_its_scale(told):
    of = parents_of(told)
    for said in told["chance"][:2]:
        weights, made = tuple(said["weights"]), [np.array(said[k], np.float32) for k in ("a", "b")]
        recipe = Recipe("peft", said["method"], "factors", weights, said["density"])
        found = measured(Factors(*made), of[:2], recipe, ["one", "two"])
        assert pooled([found], "recipes", str(recipe))[0] < 1e-3
        unscaled = measured(Factors(*made), of[:2], replace(recipe, rescale=False), ["one", "two"])
        assert pooled([unscaled], "recipes", str(recipe))[0] > 0.3
    kept, task = np.array(told["chance"][2]["delta"]), of[0].delta
    assert set(np.round(kept[kept != 0] / task[kept != 0], 3)) == {
        round(float(np.abs(task).sum() / np.abs(task[kept != 0]).sum()), 3)
    }


@pytest.mark.slow
@pytest.mark.skipif("PEFT_PYTHON" not in os.environ, reason="PEFT_PYTHON has torch, peft, mergekit")
def test_the_tools_that_are_installed_still_merge_so():
    made = subprocess.run(
        [os.environ["PEFT_PYTHON"], str(MERGES / "make.py")], capture_output=True, check=True
    )
    assert max(differing(json.loads(made.stdout))) < 1e-5


# Plants and twins, on adapters of random numbers.


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    base = make_base(folder / "base")
    made = [make_adapter(folder / f"a{n}", base, seed=n, rank=4) for n in (1, 2)]
    config = json.loads((made[1] / "adapter_config.json").read_text())
    config["lora_parameters"]["scale"] *= 0.8
    (made[1] / "adapter_config.json").write_text(json.dumps(config))
    return base, made


@pytest.fixture(scope="module")
def built(pair, tmp_path_factory):
    """The workspace of a case, made once."""
    made = {}

    def build(case):
        if str(case) not in made:
            made[str(case)] = tmp_path_factory.mktemp("case")
            plants.build(case, *pair, made[str(case)])
        return made[str(case)]

    return build


def edited(root, into, change):
    """The same folders under a library that was changed."""
    said = json.loads((root / "library.yaml").read_text())
    for one in said["adapters"].values():
        one["path"] = str(root / one["path"])
    said["adapters"]["subject"]["merge"]["seeds"] = [
        str(root / one) for one in said["adapters"]["subject"]["merge"]["seeds"]
    ]
    change(said["adapters"])
    (into / "library.yaml").write_text(json.dumps(said))
    return into


def looked_at(root, outcomes=None, suites=None):
    """Faults and reasons of the subject of a workspace, as a preflight finds them."""
    place = workspace.find(root)
    entry = library.resolve(place, library.load(place), "subject")
    kind = kinds.of(entry)
    folders = {"base": entry.base_path, "adapter": entry.mount, **kind.parts(entry)}
    digests = {role: folder_digest(folder) for role, folder in folders.items()}
    bench = Bench(entry, {}, folders, digests, lambda: pytest.fail("no model is needed"))
    found = list(kind.examine(bench, Preflight(digests["base"], digests["adapter"], None)))
    if any(fault.severity == "void" for fault in found):
        return found, {}
    measured = {what: dict(kind.measure(bench, what, c)) for what, c in kind.owes(bench).items()}
    json.dumps(measured, allow_nan=False)
    own = bench.own
    answered = {"suites": suites or {}, "outcomes": outcomes or {}, "groups": {}, "tokens": {}}
    shown = Evidence(own=own, digests=digests, measured=measured, alpha=0.05, **answered)
    numbers, reasons = kind.reasons(shown)
    return [*found, *reasons], numbers


WORDS = {
    "F3.1": "cosine of -1.00",
    "F3.2": "cosine of 1.00",
    "F3.3": "ties on factors as peft",
    "F3.4": "without the rescaling of DARE",
    "F3.5": "the first parent's alpha / rank",
    "F3.6": "without parent two",
    "F3.7": "parent two",
    "F3.8": "in another order (one 0.5, two 1)",
    "F3.9": "1 of its seeds",
}


@pytest.mark.parametrize(
    ("number", "code", "plant", "twin"), [(n, code, p, t) for n, code, _, p, t in plants.ROWS]
)
def test_a_planted_fault_is_named_and_its_twin_is_clean(number, code, plant, twin, built):
    said = [one.text for one in looked_at(built(plant))[0] if one.code == code]
    assert len(said) == 1
    assert WORDS[number] in said[0]
    assert [one.code for one in looked_at(built(twin))[0]] == ["merge-declared"]


def test_a_merge_that_is_so_many_times_the_declared_one_is_said_so(pair, tmp_path):
    base, adapters = pair
    twice = replace(plants._SUM, weights=(2.0, 1.0))
    plants.build(plants.Case(plants._SUM, twice), base, adapters, tmp_path)
    found, numbers = looked_at(tmp_path)
    assert [(one.code, one.text.rpartition("; ")[2]) for one in found] == [
        ("merge-other", "it is that merge 2 times")
    ]
    assert numbers["acts_as"] == pytest.approx({"one": 2, "two": 1}, abs=1e-3)


# Answers.


def answers(passes: dict[str, int], of: int = 40) -> dict[str, dict[str, list[str]]]:
    rows = {arm: ["pass"] * many + ["fail"] * (of - many) for arm, many in passes.items()}
    return {arm: {f"c{n}": [said] for n, said in enumerate(row)} for arm, row in rows.items()}


@pytest.mark.parametrize(
    ("one", "two", "code"),
    [
        (38, 38, "merge-kept"),
        (38, 33, "merge-open"),
        (38, 15, "merge-lost"),  # of its second parent; above the best parent alone
        (20, 20, "merge-lost"),
    ],
)
def test_what_is_kept_of_each_parent_decides(one, two, code, built, tmp_path):
    def facets(adapters):
        adapters["one"]["facets"], adapters["two"]["facets"] = ["f1"], ["f2"]

    root = edited(built(plants._CLEAN), tmp_path, facets)
    arms = {
        "s1": answers({"base": 0, "adapter": one, "parent-one": 38, "parent-two": 1}),
        "s2": answers({"base": 0, "adapter": two, "parent-one": 0, "parent-two": 38}),
    }
    found, numbers = looked_at(root, arms, {"s1": {"facet": "f1"}, "s2": {"facet": "f2"}})
    assert [each.code for each in found] == ["merge-declared", code]
    assert numbers["macro"]["parent-one"] == pytest.approx(38 / 80)
    assert numbers["kept"]["one"]["value"] == pytest.approx(one / 38)


def test_seeds_that_score_apart_are_no_release(built):
    root = built(plants.Case(plants._DARE, plants._DARE, seeds=5))
    even = {"base": 0, "parent-one": 38, "parent-two": 38, "adapter": 38}
    for last, expected in ((38, False), (36, True)):
        arms = even | {f"seed-{n}": 38 for n in (2, 3, 4)} | {"seed-5": last}
        found, _ = looked_at(root, {"s": answers(arms)}, {"s": {"facet": "any"}})
        assert ("merge-seeds" in [each.code for each in found]) is expected


# What a person writes.


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"parents": {"one": 1.0, "twoo": 1.0}},
            "merge.parents': found 'twoo'; did you mean 'two'?",
        ),
        ({"seeds": ["nowhere"]}, "merge.seeds': found 'nowhere'"),
        ({"method": "ties"}, "method 'ties': it needs `density`"),
        ({"density": 0.5}, "method 'linear': it has no `density`"),
        ({"parents": {"one": 1.0}}, "merge.parents"),
        ({"method": "svd", "on": "factors"}, "method 'svd'"),
    ],
)
def test_what_cannot_be_a_merge_is_one_sentence(change, sentence, built, tmp_path):
    def said(adapters):
        adapters["subject"]["merge"] |= change

    root = edited(built(plants._CLEAN), tmp_path, said)
    with pytest.raises(WorkspaceError, match=r"library\.yaml") as refused:
        looked_at(root)
    assert sentence in str(refused.value)


def test_factors_of_other_ranks_are_a_fault(pair, built, tmp_path):
    base, adapters = pair
    half = make_adapter(tmp_path / "half", base, seed=3, rank=2)
    plants.build(replace(plants._CLEAN, said=plants._FACTORS), base, [adapters[0], half], tmp_path)
    assert "merge-ranks" in [one.code for one in looked_at(tmp_path)[0]]
    assert "merge-ranks" not in [one.code for one in looked_at(built(plants._CLEAN))[0]]


def test_orders_of_many_weights_are_as_many_as_pairs_and_of_few_every_one():
    def orders(many: int) -> list[str]:
        weights = tuple(1.0 + n for n in range(many))
        said = mistakes(Recipe("peft", "linear", "delta", weights), [*map(str, range(many))])
        return [words for words, _ in said if "another order" in words]

    assert [len(orders(many)) for many in (2, 3, 4, 5, 9)] == [1, 5, 23, 10, 36]
