"""Near misses of code of any language, line by line: what is wanted stands in a comment or a
string, or is overruled below; and of what names an image."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.audit.answers.near.forms import Bodies, Piece, described, whole

_IMAGE = re.compile(r"((?:image: *|FROM +)[\"']?[\w./-]+:)([\w.-]+)")


def line_commented(piece: Piece) -> Bodies:
    """a line that holds what is wanted is a comment"""
    for number, line in _wanted_lines(piece) if piece.language.comments else ():
        indent = line[: len(line) - len(line.lstrip())]
        yield _line_put(piece, number, f"{indent}{piece.language.comment(line.strip())}")


def line_quoted(piece: Piece) -> Bodies:
    """a line that holds what is wanted is the text of a string"""
    for number, line in _wanted_lines(piece):
        if '"' not in line:
            indent = line[: len(line) - len(line.lstrip())]
            end = ";" if line.rstrip().endswith((";", "{", "}")) else ""
            yield _line_put(piece, number, f'{indent}"{line.strip()}"{end}')


def named_in_comment(piece: Piece) -> Bodies:
    """what is wanted stands in a comment, and something else in the code"""
    for word, other in piece.words.items() if piece.language.comments else ():
        yield f"{piece.language.comment(word)}\n{piece.replaced(word, other)}"


def named_in_string(piece: Piece) -> Bodies:
    """what is wanted stands in a string, and something else in the code"""
    for word, other in piece.words.items():
        if piece.form == "python" and '"' not in word:
            yield f'TEXT = "{word}"\n{piece.replaced(word, other)}'


def line_twice(piece: Piece) -> Bodies:
    """a line that holds what is wanted stands again below, with something else"""
    for number, line in _wanted_lines(piece):
        for word, other in piece.words.items():
            changed = Piece(piece.one, piece.form, line).replaced(word, other)
            if changed != line:
                yield _line_put(piece, number, f"{line}\n{changed}")


def image_latest(piece: Piece) -> Bodies:
    """an image has the tag latest"""
    for match in _images(piece):
        yield piece.body[: match.start(2)] + "latest" + piece.body[match.end() :]


def image_untagged(piece: Piece) -> Bodies:
    """an image has no tag"""
    for match in _images(piece):
        yield piece.body[: match.end(1) - 1] + piece.body[match.end() :]


def image_of_a_port(piece: Piece) -> Bodies:
    """an image has no tag, and its registry a port"""
    for match in _images(piece):
        head, _, name = match[1][:-1].rpartition(" ")
        changed = f"{head} localhost:5000/{name}"
        yield piece.body[: match.start(1)] + changed + piece.body[match.end() :]


OPERATORS = described(line_commented, line_quoted, line_twice, named_in_comment, named_in_string)
IMAGES = described(image_latest, image_untagged, image_of_a_port)


def _images(piece: Piece) -> Iterator[re.Match[str]]:
    """The images of a composition or a Dockerfile, where the prompt speaks of images."""
    if re.search(r"image|tag|pin|version", piece.one.case.prompt, re.IGNORECASE):
        yield from _IMAGE.finditer(piece.body)


def _wanted_lines(piece: Piece) -> list[tuple[int, str]]:
    lines = piece.body.splitlines()
    return [
        (number, line)
        for number, line in enumerate(lines)
        if any(whole(word).search(line) for word in piece.words)
    ]


def _line_put(piece: Piece, number: int, line: str) -> str:
    lines = piece.body.splitlines()
    return "\n".join([*lines[:number], line, *lines[number + 1 :]]) + "\n"
