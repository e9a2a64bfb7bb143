"""Answers in Markdown: which code is taken, and by which rule."""

import pytest

from harness.judging.answer import Answer

FIRST, SECOND = "```python\na = 1\n```\n", "```py\n@cache\ndef f():\n    pass\n```\n"


@pytest.mark.parametrize(
    ("text", "code", "rule"),
    [
        (f"One:\n{FIRST}Two:\n{SECOND}", "@cache\ndef f():\n    pass\n", "last python block"),
        (f"{FIRST}```python\nb = ", "a = 1\n", "last python block"),
        (f"{FIRST}```\nuntagged\n```", "a = 1\n", "last python block"),
        ("```\na = 1\n```\n```java\nint a;\n```", "a = 1\n", "last untagged block"),
        ("~~~~PYTHON title\na = '''\n~~~\n'''\n~~~~", "a = '''\n~~~\n'''\n", "last python block"),
        ("1. So:\n\n   ```python\n   a = 1\n   ```\n", "a = 1\n", "last python block"),
        ("> ```python\n> a = 1\n> ```\n", "a = 1\n", "last python block"),
        ("```python\r\na = 1\r\n```\r\n", "a = 1\n", "last python block"),
        ("```python\n```", "", "last python block"),
        (f"{FIRST}<think>\n{SECOND}</think>\n", "a = 1\n", "last python block"),
        (f"Well.\n{SECOND}</think>\n{FIRST}", "a = 1\n", "last python block"),
    ],
)
def test_the_last_complete_block_of_the_language_is_taken_whole(text, code, rule):
    answer = Answer(text)
    assert answer.rule == "", "nobody asked for code yet"
    found = answer.extract("python")
    assert (found.code, found.rule, answer.rule) == (code, rule, rule)
    assert Answer(text).code("python") == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a = 1",
        "```java\nint a;\n```",
        f"<think>\n{FIRST}</think>\nNo.",
        f"<think>\n{FIRST}",
        "```python\na = 1\n",
        "````python\na = 1\n```",
        "```python\na = 1\n    ```",
        "> ```python\n> a = 1\n\nafter the quote",
        "    ```python\n    a = 1\n    ```\n",
    ],
)
def test_no_complete_block_of_the_language_is_no_code(text):
    answer = Answer(text)
    assert answer.extract("python") is None
    assert answer.rule == "no python block to take"


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x1d", "\x85", "\u2028", "\u2029"])
def test_only_line_ends_end_a_line(separator):
    """Python's ``splitlines`` knows seven more characters; CommonMark does not, and they may stand
    in a string."""
    block = f"```python\na = '{separator}'\n```\n"
    assert Answer(f"x{separator}y\n{block}").code("python") == f"a = '{separator}'\n"
    assert Answer(f"x{separator}y\n{block[:-4]}").code("python") is None
    assert Answer(f"```python\na = 1{separator}```{separator}").code("python") is None
