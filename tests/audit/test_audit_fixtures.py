"""The answers that an audit judges: those an author writes, and the mutants and variants made of
them."""

import json
import random
import re

import pytest
from auditing import audited, edit, harness, write

from harness import Answer, Case, languages
from harness.audit.answers import mutants, variants
from harness.audit.answers.lexing import meaning, snippet
from harness.audit.certificate import State
from harness.content import fixtures
from harness.content.fixtures import Fixture
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


@pytest.mark.parametrize(
    ("expect", "found"),
    [
        ("2024-03-01", "2024-03-01"),
        ("2024-03-01 10:00:00", "2024-03-01 10:00:00"),
        ("[1, {a: null}]", [1, {"a": None}]),
        ("!!binary aGk=", "f.yaml:1: key 'case.expect.due': found bytes b'hi'"),
        ("!!set {a, b}", "f.yaml:1: key 'case.expect.due': found set"),
        ("{1: one}", "found int 1; expected: Input should be a valid string"),
    ],
)
@pytest.mark.parametrize("form", ["f.yaml", "good/f.md"])
def test_what_is_expected_is_what_json_can_hold_and_a_date_is_its_text(
    tmp_path, form, expect, found
):
    case = f"case: {{prompt: Do it., expect: {{due: {expect}}}}}"
    if form == "f.yaml":
        text = f"{case}\nverifier: a.b\ngood: [{{name: one, answer: x}}]\n"
    else:
        text = f"---\n{case}\n---\nx"
    write(tmp_path / "a.b" / form, text)
    if "found" in found:
        said = found if form == "f.yaml" else found.replace("f.yaml:1", "f.md:2")
        with pytest.raises(WorkspaceError, match=re.escape(said)):
            fixtures.load(tmp_path, "a.b")
    else:
        (one,) = fixtures.load(tmp_path, "a.b")
        assert one.case.expect["due"] == found


def test_an_author_may_make_an_operator_deadly_or_waive_it_with_a_reason(honest):
    path = honest / "audits" / "honest_sentence.it" / "fixtures.yaml"
    edit(
        honest / "verifiers" / "honest.py",
        "text.strip() == wanted",
        "text.split() == wanted.split() or text.count(wanted) > 9",
    )
    before = audited(honest)["honest_sentence.it"]
    assert (before.state, [one.name for one in before.questions]) == (State.PROVISIONAL, ["looped"])
    assert "+The" in before.questions[0].diff
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


def test_the_parts_of_a_composite_criterion_are_counted_each(honest):
    path = honest / "audits" / "honest_sentence.it" / "fixtures.yaml"
    data = json.loads(path.read_text())
    for spoil, part in zip(data["spoil"], ("truth", "brevity"), strict=True):
        spoil["violates"] = part
    path.write_text(json.dumps(data))
    code, text = harness("audit", "--library", honest, "honest_sentence.it")
    assert (code, "; truth: 0 of 30; brevity: 0 of 30" in text) == (0, True)
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
    found = languages.named(language)
    assert (meaning(one, found) == meaning(other, found)) == same


def known(*answers, **expect):
    """Goods of one task, read."""
    case = Case("x", "Do it.", expect)
    rows = [Fixture(str(n), "good", case, answer) for n, answer in enumerate(answers)]
    return mutants.read(rows, completion=False)


def test_variants_of_python_keep_its_meaning_and_rename_only_what_is_local():
    code = (
        'import os\n\nLIMIT = 2.5  # m\n\n\ndef area(w, h):\n    part = w * h  # "m"\n    return'
        " min(part, LIMIT)\n"
    )
    text = f"So:\n\n```python\n{code}```\n"
    [one] = known(text, function="area")
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
        assert meaning(changed, one.code.language) == meaning(code, one.code.language), operator
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


@pytest.mark.parametrize("tag", ["objective-c", 'js title="x.js"', "{.python}", "c++"])
def test_another_fence_holds_the_same_code(tag):
    [one] = known(f"So:\n\n```{tag}\nx = 1;\n```\n")
    made = dict(variants.variants(one, []))
    for operator in ("tilde-fence", "longer-fence"):
        assert Answer(made[operator]).code(languages.named(tag).name) == "x = 1;\n"


@pytest.mark.parametrize(
    ("tag", "line", "renamed"),
    [
        ("js", "const part = w * 2;", True),
        ("js", "const part = w * 2; give({ part });", False),
        ("rust", "let mut part = w * 2;", True),
        ("rust", "let part = w * 2; Area { part }", False),
        ("go", "part := w * 2", True),
        ("go", "part := w * 2; a.part = 2", False),
        ("lua", "local part = max(w, 2)", True),
        ("lua", "local part = 2 give(part(w))", False),
        ("java", "int part = w * 2;", False),
    ],
)
def test_a_local_name_is_changed_only_where_it_is_nothing_else(tag, line, renamed):
    [one] = known(f"```{tag}\nf(w)\n  {line}\n  give(part);\n```\n")
    made = dict(variants.variants(one, []))
    assert ("local-renamed" in made) == renamed
    assert not renamed or made["local-renamed"].count("part_again") == 2


def test_a_comment_is_not_put_where_it_would_be_text():
    [inside, outside] = known("```php\n<?php f();\n```\n", "```php\n<?php f(); ?>\n```\n")
    assert "f();\n// as asked\n" in dict(variants.variants(inside, []))["comment-added"]
    assert "comment-added" not in dict(variants.variants(outside, []))


def test_a_fence_without_a_tag_holds_the_one_language_of_the_others():
    bare, tagged = "```\nx = 1\n```\n", "```rb\nx = 1\n```\n"
    for answers, language, unknown in (
        ([bare, tagged], "ruby", []),
        ([bare], "", [""]),
        ([bare, tagged, "```js\nx = 1\n```\n"], "", []),
        ([bare, "```befunge\nx\n```\n"], "", ["", "befunge"]),
        (["x = 1"], None, []),
    ):
        found = known(*answers)
        assert (found[0].code.language.name if found[0].code else None) == language
        assert mutants.unknown(found) == unknown
