"""One table of languages: what fences are called, held against pygments, and what comments are."""

import tomllib
from collections import Counter
from pathlib import Path

import pytest
from pygments import lexers, token, util

from harness import Answer, languages

#: aliases of a lexer that name a language of their own, or more than one
APART = {"bazel", "starlark", "sage", "asm", "s", "v"}
#: languages in whose comments pygments sees more than comment
OTHERWISE = {"elm", "fsharp", "markdown", "reasonml"}
CODE = 'left = make("a", 1)\nif left > 2 then show(left) end\n\nright = left - 1\n'


def lexed():
    """Every language that pygments knows, with its lexer."""
    for one in languages.every():
        try:
            yield one, lexers.get_lexer_by_name(one.name, stripnl=False, startinline=True)
        except util.ClassNotFound:
            continue


def test_a_name_stands_once():
    table = tomllib.loads(Path(languages.__file__).with_suffix(".toml").read_text("utf-8"))
    rows = " ".join(row for family in table["family"] for row in family["languages"]).split(" ")
    assert [name for name, n in Counter(rows).items() if n > 1] == []


def test_the_names_are_those_of_pygments():
    found = [(one, lexer) for one, lexer in lexed() if one.name not in APART]
    assert len(found) > 150
    for one, lexer in found:
        names = {alias.lower() for alias in lexer.aliases if alias.isascii()} - APART
        assert {languages.named(name) for name in names} == {one}


def test_an_alias_or_ending_stands_with_no_language_of_another_lexer():
    known = {one.name for one, _ in lexed()}
    owners = {}
    for _, aliases, files, _ in lexers.get_all_lexers():
        for name in (*aliases, *(file[2:] for file in files if file.startswith("*."))):
            owners.setdefault(name.lower(), set()).update(map(str.lower, aliases))
    found = {name: languages.named(name).name for name in owners.keys() - APART}
    held = {name: one for name, one in found.items() if one in known and one != name}
    assert len(held) > 200
    assert {name: one for name, one in held.items() if one not in owners[name]} == {}


def test_what_is_commented_out_is_comment_for_pygments():
    for one, lexer in lexed():
        code = CODE + "".join(f"{pair}\n" for pair in one.block)
        for text in one.in_lines(code) + one.in_blocks(code):
            left = [
                value
                for kind, value in lexer.get_tokens(text)
                if value.strip() and kind not in token.Comment
            ]
            assert one.name in OTHERWISE or not left, (one.name, text)
            assert "left = make" in text


def test_what_is_no_comment_is_seen():
    lexer = lexers.get_lexer_by_name("php", startinline=True)
    wrong = languages.Language("php", line=("--",)).in_lines(CODE)[0]
    assert any(v.strip() and kind not in token.Comment for kind, v in lexer.get_tokens(wrong))


@pytest.mark.parametrize(
    ("code", "commented"),
    [
        ("<?php\necho 1; ?>\n<b>x</b>", "<?php\n/*\n\necho 1; \n<b>x</b>\n*/\n"),
        ("echo 1; /* one */", "/*\necho 1; / * one * /\n*/\n"),
    ],
)
def test_php_is_commented_out_inside_of_its_tags_and_no_mark_ends_the_comment(code, commented):
    assert languages.named("php").in_blocks(code) == [commented]


TAGS = {
    "javascript": "js JS mjs cjs node nodejs javascript {.js} {.javascript js:app.js js{1,3}",
    "typescript": "ts TypeScript mts ts:src/app.ts",
    "bash": "sh bash shell zsh Shell",
    "csharp": "c# C# cs csharp",
    "cpp": "c++ C++ cpp cc hpp",
    "yaml": "yml yaml YAML",
    "rust": "rs rust rust,ignore",
    "docker": "docker dockerfile Dockerfile",
    "python": "py py3 python3 python PY {.python} {python} python:main.py python= language-python",
    "gdscript": "gd godot gdscript",
    "go": "golang go",
    "kotlin": "kt kts kotlin",
    "ruby": "rb ruby",
    "hcl": "tf terraform hcl",
    "powershell": "ps1 pwsh powershell",
    "vbnet": "vb vb.net VB vbnet",
    "objective-c++": "objective-c++ objc++",
    "r": "R r",
}
WITH_WORDS = {
    "javascript": ['js title="x"', "JavaScript (ES6)", '{.js title="x"}', "{#first .js}"],
    "python": ["python main.py", "{.python .numberLines}", "{python echo=False}", "py  "],
}


def tagged(tag):
    return f"So:\n\n```{tag}\ncode\n```\n"


@pytest.mark.parametrize("language", TAGS)
def test_a_fence_is_taken_under_every_name_of_its_language_and_under_no_other(language):
    for tag in [*TAGS[language].split(" "), *WITH_WORDS.get(language, [])]:
        for name in (language, *TAGS[language].split(" ")[:2]):
            assert Answer(tagged(tag)).code(name) == "code\n", (tag, name)
        for other in {*TAGS, "java", "jsx", "tsx", "c", "python2", "vba"} - {language}:
            assert Answer(tagged(tag)).code(other) is None, (tag, other)


@pytest.mark.parametrize("tag", ["h", "m", "befunge", 'title="x"', "{=html}", "js-diff", ":::js"])
def test_a_tag_that_names_no_language_is_taken_for_none(tag):
    assert not languages.named(tag).known
    for language in (*TAGS, "html", "c", "matlab"):
        assert Answer(tagged(tag)).code(language) is None
