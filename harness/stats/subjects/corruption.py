"""Tokens that are no language: what a broken tokenizer, a bad quantisation or too hot a sampler
leaves in a text."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import NamedTuple

FEW = 2  # of them a sound text may hold: one that speaks of U+FFFD, a name that is glued
EVERYWHERE = (
    "LATIN",
    "MODIFIER",
    "",
)  # scripts that any text may hold: names, phonetics, no letter
SHARE = 0.01  # of the words of a text, above which it is garbled
GLUED = 30  # letters, above which a word is several
_WORD = re.compile(r"[^\W\d_]+")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+", re.DOTALL)
#: bytes that no text was made of, tokens of bytes, and UTF-8 that was read as Latin-1
_BROKEN = re.compile(
    r"\ufffd|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ue000-\uf8ff]|<0x[0-9A-Fa-f]{2}>"
    r"|[ÃÂ][\u0080-\u00bf]|â€."
)
_HUMPS = re.compile(r"(?<=[a-z])(?=[A-Z])")
#: what stands in no name that is written so
_BETWEEN = frozenset(["the", "and", "was", "were", "that", "they", "which", "have", "been", "you"])
_QUOTES = frozenset("\"'`*_()[]{}<>«»“”‘’„「」『』（）《》:：/")
_EAST = (
    "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "BOPOMOFO", "HANGUL", "IDEOGRAPHIC",
    "FULLWIDTH",
)  # fmt: skip


class Corruption(NamedTuple):
    """What a text of so many ``words`` holds of ``broken`` characters, ``stray`` words of another
    script, and words ``glued`` together, each of these once."""

    words: int
    broken: int
    stray: int
    glued: int

    @property
    def garbled(self) -> bool:
        """Whether that is more than a sound text may hold."""
        many = self.broken + self.stray + self.glued
        return self.broken > FEW or (many > FEW and many > SHARE * self.words)


def corruption(text: str, prompt: str = "", *, cut: bool = False) -> Corruption:
    """Count the corrupted tokens of an answer to ``prompt``; a character that the end of the
    tokens ``cut`` is none.

    A word of another script is stray where the prompt has none of it and nothing quotes it, Latin
    words and single Greek letters aside; one of two scripts always is. Code holds no glued
    words."""
    text = unicodedata.normalize("NFKC", text.rstrip("\ufffd") if cut else text)
    words = list(_WORD.finditer(text))
    scripts = Counter(_script(char) for word in words for char in word.group())
    main = scripts.most_common(1)[0][0] if scripts else ""
    known = {main, *EVERYWHERE} | {_script(char) for char in prompt if char.isalpha()}
    stray = sum(
        _stray(found.group(), known, _quoted(text, found.start(), found.end())) for found in words
    )
    prose = set(_WORD.findall(_CODE.sub(" ", text)))
    glued = sum(_glued(word) for word in prose)
    return Corruption(len(words), len(_BROKEN.findall(text)), stray, glued)


def _glued(word: str) -> bool:
    """Whether a word is several: longer than any, or with one in it that no name has."""
    parts = _HUMPS.split(word)
    between = len(parts) > 1 and not _BETWEEN.isdisjoint(part.lower() for part in parts)
    return between or (len(word) > GLUED and word[1:].islower())


def _stray(word: str, known: set[str], quoted: bool) -> bool:
    found = {_script(char) for char in word}
    other = found - known
    if not other or (other == {"GREEK"} and sum(_script(char) == "GREEK" for char in word) < 3):
        return False
    return len(found) > 1 or not quoted


def _quoted(text: str, start: int, end: int) -> bool:
    """Whether a mark of quotation stands beside a word, or around the words that it is among."""
    before, after = text[max(0, start - 3) : start].rstrip(), text[end : end + 3].lstrip()
    return not _QUOTES.isdisjoint((before[-1:], after[:1]))


@lru_cache(maxsize=8192)
def _script(char: str) -> str:
    """The script of a letter: the first word of its name, one for all of East Asia."""
    name = unicodedata.name(char, "").partition(" ")[0]
    return "EAST" if name in _EAST else name if char.isalpha() else ""
