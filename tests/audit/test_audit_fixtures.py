"""The answers that an audit judges: those an author writes, and the mutants and variants made of
them.
"""

import json
import random

import pytest
from auditing import audited, edit, harness, write

from harness import Case
from harness.audit.answers import mutants, variants
from harness.audit.answers.lexing import meaning, snippet
from harness.audit.certificate import State
from harness.content import fixtures
from harness.errors import WorkspaceError


def test_fixtures_may_be_markdown_and_mistakes_name_file_and_key(tmp_path):
    folder = tmp_path / "a.b"
    write(folder / "f.yaml", "verifier: a.b\ncase: {prompt: Do it.}\n")
    write(folder / "good" / "done.md", "It is done.\n")
    write(
        folder / "bad" / "not-done.md",
        "---\nwhy: it is not\ncase: {prompt: Do that., expect: {n: 1}}\n---\nIt is not.\n",
    )
    found = {f.name: f for f in fixtures.load(tmp_path, "a.b")}
    assert (found["done"].good, found["done"].case.prompt, found["done"].answer) == (
        True,
        "Do it.",
        "It is done.\n",
    )
    assert (found["not-done"].good, found["not-done"].why, found["not-done"].case.expect) == (
        False,
        "it is not",
        {"n": 1},
    )
    for name, text, named in (
        ("bad/x.md", "It is not.", "say why this answer is bad"),
        ("bad/x.md", "---\nwhy: no end", "no second '---' line"),
        ("bad/x.md", "---\nwhy: the same\n---\nIt is done.\n", "labelled the other way"),
        ("x.yaml", "verifier: a.c\n", "as the folder says"),
        (
            "x.yaml",
            "verifier: a.b\ngood: [{name: done, answer: x, case: {prompt: p}}]\n",
            "given twice",
        ),
        (
            "x.yaml",
            "verifier: a.b\nspoil: [{name: s, replace: q, by: r, why: w}]\n",
            "makes no fixture",
        ),
    ):
        write(folder / name, text)
        with pytest.raises(WorkspaceError, match=named):
            fixtures.load(tmp_path, "a.b")
        (folder / name).unlink()


def test_an_author_may_make_an_operator_deadly_or_waive_it_with_a_reason(honest):
    path = honest / "audits" / "honest_sentence.it" / "fixtures.yaml"
    edit(
        honest / "verifiers" / "honest.py",
        "text.strip() == wanted",
        "text.split() == wanted.split() or text.count(wanted) > 9",
    )
    before = audited(honest)["honest_sentence.it"]
    assert (before.state, {one.operator for one in before.survivors}) == (State.VALID, {"looped"})
    assert "+The" in before.survivors[0].diff
    data = json.loads(path.read_text())
    path.write_text(json.dumps(data | {"deadly": ["looped"]}))
    assert "degenerate:looped of" in " ".join(audited(honest)["honest_sentence.it"].false_passes)
    path.write_text(
        json.dumps(data | {"waive": {"looped": "repeating itself is another criterion's"}})
    )
    found = audited(honest)["honest_sentence.it"]
    assert found.state is State.VALID
    assert found.mutants["waived"] > 0
    path.write_text(json.dumps(data | {"deadly": ["loped"]}))
    with pytest.raises(WorkspaceError, match="did you mean 'looped'"):
        audited(honest)


def test_the_parts_of_a_composite_criterion_have_a_bound_each(honest):
    path = honest / "audits" / "honest_sentence.it" / "fixtures.yaml"
    data = json.loads(path.read_text())
    for spoil, part in zip(data["spoil"], ("truth", "brevity"), strict=True):
        spoil["violates"] = part
    path.write_text(json.dumps(data))
    code, text = harness("audit", "--library", honest, "honest_sentence.it")
    assert (code, "; truth: 0 of 30, at most 9.5%; brevity: 0 of 30, at most 9.5%" in text) == (
        0,
        True,
    )
    edit(
        honest / "verifiers" / "honest.py",
        "text.strip() == wanted",
        'text.strip().replace("very blue ", "") == wanted',
    )
    assert audited(honest)["honest_sentence.it"].parts == {"truth": [0, 30], "brevity": [30, 30]}


@pytest.mark.parametrize(
    ("language", "one", "other", "same"),
    [
        ("python", "x = 1\n", "x  =  1  # one\n\n", True),
        ("python", "x = 1\n", "x = 2\n", False),
        ("python", "if x:\n    y()\nz()\n", "if x:\n    y()\n    z()\n", False),
        ("gdscript", "var x = 1 # a\n", "var x = 1\n", True),
        ("gdscript", "if x:\n\ty()\nz()\n", "if x:\n\ty()\n\tz()\n", False),
        ("glsl", "a = b; // c\n", "/* d */ a=b;\n", True),
        ("glsl", "a = b;\n", "a = -b;\n", False),
        ("java", 's = "a//b";\n', 's = "a";\n', False),
        ("", "a # b\n", "a\n", False),
    ],
)
def test_code_means_the_same_when_only_layout_and_comments_differ(language, one, other, same):
    assert (meaning(one, language) == meaning(other, language)) == same


def test_variants_of_python_keep_its_meaning_and_rename_only_what_is_local():
    code = (
        'import os\n\nLIMIT = 2.5  # m\n\n\ndef area(w, h):\n    part = w * h  # "m"\n    return'
        " min(part, LIMIT)\n"
    )
    text = f"So:\n\n```python\n{code}```\n"
    one = mutants.good(
        "area", Case("x", "Write `area`.", {"function": "area"}), text, (), completion=False
    )
    made = dict(variants.variants(one, ["md5", "sorry"]))
    assert {
        "tilde-fence",
        "crlf",
        "comment-names-the-forbidden",
        "comments-removed",
        "local-renamed",
    } <= set(made)
    for operator, variant in made.items():
        found = snippet(variant.replace("\r\n", "\n")).code
        changed = found.replace("part_again", "part").replace("2.50", "2.5")
        assert meaning(changed, "python") == meaning(code, "python"), operator
    assert "part_again = w * h" in made["local-renamed"]
    assert "LIMIT_again" not in made["local-renamed"]
    operators = [operator for operator, _ in mutants.mutate(one, random.Random(0))]
    assert {
        "code-emptied",
        "code-commented",
        "arithmetic-flipped",
        "wanted-renamed",
        "homoglyph",
        "wrong-tag",
    } <= set(operators)
