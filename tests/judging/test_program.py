"""The program in an answer: taken in every shape a model gives it, and never made up."""

from textwrap import dedent, indent

import pytest

from harness.judging import markdown as reading
from harness.judging import program as searching
from harness.judging.answer import Answer
from harness.judging.program import LONGEST, TRIES, program

RIGHT = 'def f(text: str) -> int:\n    """The length."""\n    return len(text)\n'
WRONG = 'def f(text: str) -> int:\n    """The length."""\n    return 0\n'
FENCE = "```python\nCODE```\n"
DRAFT = "```python\ndef f(text):\n    return -1\n```\n"
USAGE = "```python\nimport nowhere\nassert f('abc') == 4\n```\n"
PROMPT = 'from math import inf\n\n\ndef f(text: str) -> int:\n    """The length."""\n'

#: a shape, with CODE in the place of the function
SHAPES = {
    "as it is": "CODE",
    "prose before": "Sure, here's the (short) function:\n\nCODE",
    "prose behind": "CODE\nIt doesn't do more; see len().\n",
    "prose around": "from the task, we know:\n\nCODE\n- it's done\n",
    "much prose": "".join(f"{n}. We don't know (yet\n" for n in range(60)) + "\nCODE",
    "fence": FENCE,
    "fence upper case": FENCE.replace("python", "Python 3"),
    "fence in braces": FENCE.replace("python", "{python}"),
    "fence without a tag": "```\nCODE```",
    "fence of four": f"`{FENCE.replace('E```', 'E````')}",
    "fence of another name": FENCE.replace("python", "solution.py"),
    "fence in a fence": f"````markdown\n{FENCE}````\n",
    "fence unclosed": "Here:\n\n```python\nCODE",
    "fence unclosed, prose": "```python\nCODE\nThat's all.\n",
    "fence only closed": "CODE```\nThat's all.\n",
    "fence closed with prose": "```python\nCODE``` That's all.\n",
    "fence of a line": "Sure: ```python\nCODE```\n",
    "end of turn": "```python\nCODE```<|im_end|>\n<|im_start|>user\nThanks",
    "end of turn in the code": "CODE<|endoftext|>import os",
    "end of sequence": "CODE</s>",
    "a turn of its own": "<|im_start|>assistant\nCODE<|im_end|>",
    "usage behind": f"{FENCE}So:\n{USAGE}",
    "usage before": f"{USAGE}{FENCE}",
    "usage below": "CODE\nprint(f(input()))\n",
    "a test behind": f"{FENCE}```python\nfrom it import f\n\ndef test_f():\n    f()\n```\n",
    "a session behind": f"{FENCE}```python\n>>> f('abc')\n3\n```\n",
    "output behind": f"{FENCE}```\n3\n```\n",
    "empty block behind": f"{FENCE}```python\n```\n",
    "a command before": f"```bash\npip install nothing\n```\n{FENCE}",
    "a sketch behind": f"{FENCE}```python\ndef f(text):\n    # your code\n    ...\n```\n",
    "another sketch behind": f"{FENCE}```python\ndef f(x):\n  raise NotImplementedError()\n```\n",
    "the prompt before": f"```python\n{PROMPT}```\n{FENCE}",
    "a version before": f"{DRAFT}Better:\n{FENCE}",
    "a draft in thought": f"<think>\nWell:\n{DRAFT}</think>\n{FENCE}",
    "a thought of prose": "<think>\ndef f(text):\n    return -1\n</think>\nCODE",
    "a thought that the prompt opened": f"Well:\n{DRAFT}</think>\n\n{FENCE}",
    "two thoughts": f"<thinking>{DRAFT}</thinking>\n[THINK]{DRAFT}[/THINK]{FENCE}",
    "a tag above": "python\nCODE",
    "a heading above": "### Answer\nCODE",
    "tags around": "<answer>\nCODE</answer>\n",
    "imports before": f"```python\nfrom os import *\n```\nand\n{FENCE}",
    "a mark of order": f"\ufeff{FENCE}",
    "all indented": "    CODE",
    "in a list": f"1. So:\n\n   {FENCE}\n2. Done.\n",
    "in a list, too little": f"1. So:\n  {FENCE}",
    "in a quote": f"> {FENCE}",
    "in two quotes": f"> > {FENCE}",
    "in a quote without a fence": "> CODE",
    "indented": "So:\n\n    CODE\nDone, I think.\n",
    "a fence indented": f"So:\n\n        {FENCE}",
}


def shaped(shape, code):
    """The code in a shape; what stands before ``CODE`` in its line, or before a fence, is repeated
    on each line."""
    lines = []
    for line in shape.replace("```python\nCODE```", "FENCE").split("\n"):
        before, found, after = line.partition("FENCE" if "FENCE" in line else "CODE")
        if not found:
            lines.append(line)
            continue
        text = f"```python\n{code}```" if found == "FENCE" else code
        mark = before if before.strip(" >") == "" else ""
        lines.append(("" if mark else before) + indent(text, mark, lambda row: True) + after)
    return "\n".join(lines)


def run(found, given="abc"):
    """What the program gives for ``given``; a line behind the function may raise."""
    space = {"__name__": "answer"}
    try:
        exec(compile(found.code, "answer", "exec"), space)
    except Exception as error:
        at = error.__traceback__.tb_next.tb_lineno
        if at <= found.line:
            raise
    return space["f"](given)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("prompt", ["", PROMPT], ids=["alone", "behind the prompt"])
def test_an_answer_is_taken_in_every_shape_and_stays_what_it_is(name, prompt):
    for code, given in ((RIGHT, 3), (WRONG, 0)):
        found = program(shaped(SHAPES[name], code), "f", prompt)
        assert found is not None
        assert run(found) == given, found


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("    return len(text)\n", "raw"),
        ("    return len(text)\n\n\nnotes = '''\n```python\nf(1)\n```\n'''\n", "raw"),
        ("from __future__ import annotations\n" + RIGHT, "raw"),
        ("    return len(text)\n```\n\nIt's short.\n", "longest run of lines that defines f"),
        ("    return len(text)\n\n\ndef other(x):\n    for", "longest run of lines that defines f"),
        ("```python\n    return len(text)\n```\nSo:\n" + USAGE, "body of f"),
        ("```python\nreturn len(text)\n```", "body of f"),
        ("n = len(text)\n    return n", "body of f"),
        (" n = len(text)\n return n\n", "body of f"),
        ("\tif text:\n\t  return len(text)\n\treturn 0\n", "body of f"),
        (f"```python\n{PROMPT}```\nIts body:\n```\n    return len(text)\n```\n", "body of f"),
        (f"So:\n{DRAFT}\n```python\n{RIGHT}```", "last block that defines f"),
    ],
)
def test_a_body_continues_the_prompt_and_the_rule_is_named(text, rule):
    answer = Answer(text)
    found = answer.extract("python", defines="f", after=PROMPT)
    assert (found.rule, answer.rule) == (rule, rule)
    assert run(found) == 3


def test_what_a_block_needs_comes_with_it_and_nothing_else():
    helper, use = "def size(x):\n    return len(x)\n", "def f(text):\n    return size(text)\n"
    blocks = ["size = 7\n", helper, "print(f('x'))\nspare = 1\n", use]
    for order in (blocks, [*blocks[3:], *blocks[:3][::-1]]):
        text = "\n".join(f"```python\n{block}```" for block in order)
        found = program(text, "f")
        assert run(found) == 3
        assert "spare" not in found.code
        assert "7" not in found.code or order is not blocks, "the helper nearest to it"


NONE = {
    "nothing": "",
    "prose": "I cannot help with that.\n",
    "a draft and no answer": f"<think>\n{DRAFT}</think>\nI do not know.\n",
    "a draft that has no end": f"<think>\n{DRAFT}",
    "a draft that the prompt opened": f"{DRAFT}</think>\n",
    "a method": f"So:\n\nclass Solution:\n{indent(RIGHT, '    ')}\nIt's a class.\n",
    "a method in a fence": f"```python\nclass Solution:\n{indent(RIGHT, '    ')}```\n",
    "an inner function": f"```python\ndef outer():\n{indent(RIGHT, '    ')}```\n",
    "a string": f"```python\ncode = '''\n{RIGHT}'''\n```\n",
    "a comment": indent(RIGHT, "# "),
    "another name": FENCE.replace("CODE", RIGHT.replace("def f", "def g")),
    "half of a line": "```python\ndef f(text",
    "a NUL": "def f(text):\0\n    return 3\n",
    "half a character": "def f(text):\n    return '\ud800'\n",
}


@pytest.mark.parametrize("name", NONE)
def test_what_defines_no_such_function_is_no_program(name):
    answer = Answer(NONE[name])
    assert answer.code("python", defines="f") is None
    assert answer.rule == "nothing defines f"
    assert Answer(FENCE.replace("CODE", RIGHT)).code("python", defines="f") == RIGHT


def test_a_sketch_is_taken_where_there_is_nothing_else():
    found = program("```python\ndef f(text):\n    pass\n```\n", "f")
    assert run(found) is None


HOSTILE = {
    "functions": "def f(text): return 1\nno no\n" * 1000,
    "blocks": "```\ndef f(text): return 1\nno no\n```\n" * 700,
    "bodies": "```\nreturn 1 1\n```\n" * 1000,
    "imports": "from x\n" * 4000 + RIGHT,
    "brackets": "def f(text): return " + "(" * 20_000,
    "signs": "def f(text): return " + "-" * 20_000 + "1",
    "branches": "if 1: pass\n" + "elif 1: pass\n" * 2000,
    "quotes": ">" * 25_000,
    "thoughts": "<think>\n" * 3000,
    "a long text": "- x y\n" * 20_000,
    "a million": "- x\n" * 250_000,
    "a million of fences": "```python\n" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_takes_long(name, monkeypatch):
    compiled, parsed = [], []

    def counted(text, *rest, **more):
        compiled.append(len(text))
        return compile(text, *rest, **more)

    monkeypatch.setattr(searching, "compile", counted, raising=False)
    markdown = reading._commonmark()
    monkeypatch.setattr(
        reading,
        "_commonmark",
        lambda: type(
            "Counted",
            (),
            {"parse": lambda _, text: parsed.append(len(text)) or markdown.parse(text)},
        )(),
    )
    program(HOSTILE[name], "f", PROMPT)
    assert len(compiled) <= 3 * TRIES
    assert max([*compiled, *parsed], default=0) <= 2 * LONGEST
    assert sum(compiled) <= TRIES * LONGEST
    Answer(HOSTILE[name]).code("python")
    assert max(parsed) <= reading.LONGEST + 1


def test_a_long_thought_hides_no_answer():
    text = "<think>\n" + "hm\n" * LONGEST + "</think>\n" + FENCE.replace("CODE", RIGHT)
    assert run(program(text, "f")) == 3
    assert dedent(program(text, "f").code) == RIGHT
