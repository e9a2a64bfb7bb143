"""A verifier that finds its words in a comment is refused in every language, and its twin that
reads no comments is certified; in a language that is not known nobody can tell."""

import json
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from auditing import audited, write
from pygments import lexers, util

from harness import Answer, Case, Outcome, languages
from harness.audit.answers.probes import probes
from harness.audit.certificate import State
from harness.content.fixtures import Fixture, Known
from harness.judging.discovery import discover

PLANTED = Path(__file__).parent.parent / "data" / "commented.py"
#: operator -> the marks without which it makes nothing
COMMENTED = {"code-commented": "line", "code-block-commented": "block"}
OTHERWISE = {"elm", "fsharp", "markdown", "reasonml"}  # pygments sees more than comment in theirs


def answers(tag, code, many):
    """Goods of a language with two bads each, right but for a name or a number."""
    good, bad = [], []
    for number in range(11, 11 + many):
        name = "make_" + "".join("abcdefghij"[int(digit)] for digit in str(number))
        case = {"prompt": f"Write {name}.", "expect": {"language": tag, "name": name, "n": number}}
        for label, right, n in (("good", name, number), ("name", "bake", number), ("n", name, 7)):
            answer = f"So:\n\n```{tag}\n{code.format(name=right, n=n)}```\n"
            row = {"name": f"{label}-{name}", "case": case, "answer": answer}
            (good if label == "good" else bad).append(
                row | ({} if label == "good" else {"why": label})
            )
    return {"good": good, "bad": bad}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("languages")
    (folder / "verifiers").mkdir()
    shutil.copy(PLANTED, folder / "verifiers")
    found = discover(folder / "verifiers").verifiers
    goods = sys.modules["harness_verifiers.commented"].GOODS
    for id, one in found.items():
        tag = one.settings["language"]
        rows = {"verifier": id, **answers(tag, goods[tag], 30 if id.endswith("reads") else 3)}
        if tag == "cobol":
            rows["waive"] = {"garbage-before": "the first six columns of a line are a comment"}
        write(folder / "audits" / id / "fixtures.yaml", json.dumps(rows))
    return folder, goods


@pytest.fixture(scope="module")
def certified(workspace, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        return audited(workspace[0])


def lexed():
    """Every language in which something can be a comment and that pygments knows."""
    for one in languages.every():
        with suppress(util.ClassNotFound):
            lexers.get_lexer_by_name(one.name)
            if one.comments and one.name not in OTHERWISE:
                yield one


def marked(one):
    """The operators that comment out code of this language."""
    return {operator for operator, marks in COMMENTED.items() if getattr(one, marks)}


def test_every_language_of_the_table_has_its_code_commented_out(workspace):
    found = discover(workspace[0] / "verifiers").verifiers
    tried = list(lexed())
    assert len(tried) > 140
    for one in tried:
        rows = answers(one.name, "{name} = {n}\n", 3)["good"]
        known = Known(
            [Fixture(r["name"], "good", Case("", **r["case"]), r["answer"]) for r in rows]
        )
        made = [p for p in probes(found["sql.holds"], known) if p.operator in COMMENTED]
        for judge, fooled in (("sql.holds", marked(one)), ("sql.reads", set())):
            told = [(p.operator, found[judge].judge(p.case, Answer(p.answer))) for p in made]
            passed = {operator for operator, said in told if said.outcome is Outcome.PASS}
            assert passed == fooled, (one.name, judge)


def facet(tag):
    return languages.named(tag).name.replace("-", "_") or "untagged"


def test_words_in_a_comment_are_refused_in_every_language(certified, workspace):
    for tag in workspace[1].keys() - {"text", "befunge", ""}:
        one, found = languages.named(tag), certified[f"{facet(tag)}.holds"]
        assert found.state is State.REFUSED, found.sentence()
        passed = {name.removeprefix("degenerate:").split(" of ")[0] for name in found.false_passes}
        assert passed == marked(one) | {"names-what-is-wanted", "keywords-in-a-fence"}, tag
        twin = certified[f"{facet(tag)}.reads"]
        assert twin.state is State.VALID, twin.sentence()


def test_goods_in_a_language_that_is_not_known_are_provisional(certified):
    for tag, named in (("befunge", "tagged 'befunge'"), ("", "without a tag")):
        found = certified[f"{facet(tag)}.reads"]
        assert (found.state, found.unknown, len(found.missing)) == (State.PROVISIONAL, [tag], 1)
        assert named in found.missing[0]
        assert "no code could be commented out" in found.missing[0]
    assert certified["text.reads"].state is State.VALID, "a text has no comments to try"
