"""A draft of the facts of a document, for a person to complete: sentences with something left out.
No model writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import WorkspaceError
from harness.subjects.kinds.patch.asking import document
from harness.subjects.kinds.patch.spec import TODO, words

GAP, FEWEST = "____", 4  # words of a sentence that tells something
HEAD = """\
# A draft of what is asked about {name}, made of its sentences: nobody asked these questions yet.
# A person completes it. A gate refuses the file as long as it holds one {todo}.
#
# question: write the cloze as somebody asks it. answer: as short as it can be; other right ones
#   under `aliases`. paraphrases: the same asked in other words, as many as you can think of.
# reverse, two_hop: optional, {{question: ..., answer: ...}}. stale: what the answer was before the
#   document changed. neighbours, unrelated: what base answers and shall go on to answer so.
# unanswerable: what sounds like the document, and is not in it.
"""
_PLAIN = re.compile(r"^(\s*([#|>`<]|[-=*]{3,}|\d+\.\s*$)|\s*$)")  # a heading, a table, a fence
_NUMBER = re.compile(r"\d[\d.,:/-]*\d|\d")
_LONG = re.compile(r"[\w'-]{4,}")
_NAME = re.compile(r"(?<=\s)[A-Z][\w'-]*(?:\s+[A-Z][\w'-]*)*")


def draft(path: Path, most: int) -> str:
    """The file; raises :class:`WorkspaceError` for a document that tells nothing."""
    import yaml

    found = list(_facts(document(path)))
    if not found:
        text = (
            f"of at least {FEWEST} words with a number, a name or a noun; write the facts by hand"
        )
        raise WorkspaceError(f"{path}: found no sentence {text}")
    step = max(1.0, len(found) / most)
    chosen = [found[int(at * step)] for at in range(min(most, len(found)))]
    facts = [{"id": f"{path.stem}-{number:02d}", **fact} for number, fact in enumerate(chosen, 1)]
    left = {key: [f"{TODO}: 20 or more"] for key in ("neighbours", "unanswerable", "unrelated")}
    said = yaml.safe_dump({"facts": facts, **left}, sort_keys=False, allow_unicode=True, width=100)
    return HEAD.format(name=path.name, todo=TODO) + said


def _facts(text: str) -> Iterator[dict[str, Any]]:
    """Every sentence of which something can be left out that stands in it once."""
    for start, sentence in _sentences(text):
        answer = _told(sentence)
        if answer is not None and len(sentence.split()) >= FEWEST:
            cloze = sentence.replace(answer, GAP)
            yield {
                "question": f"{TODO}: {cloze}",
                "answer": answer,
                "paraphrases": [f"{TODO}: the same in other words"],
                "position": round(start / len(text), 3),
            }


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """Each with where it begins, headings, tables and code left out."""
    lines, fenced = list[str](), False
    for line in text.splitlines(keepends=True):
        fence = line.lstrip().startswith("```")
        out = fenced or fence or _PLAIN.match(line)
        fenced ^= fence
        lines.append("\n" * len(line) if out else line)  # as long, and the end of a paragraph
    for seen in re.finditer(r"\S[\s\S]*?(?:[.!?](?=\s)|(?=\n\s*\n)|\Z)", "".join(lines)):
        yield seen.start(), " ".join(seen.group().split())


def _told(sentence: str) -> str | None:
    """What a sentence tells: its last number, else its last name, else its last long word."""
    body = sentence.rstrip(".!?")
    for pattern in (_NUMBER, _NAME, _LONG):
        found = pattern.findall(body)
        once = [one for one in found if words(sentence).count(words(one)[-1]) == 1]
        if once:
            return str(once[-1])
    return None
