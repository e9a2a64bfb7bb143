"""Patch notes in plain English: the facts of the prompt and no others, in one plain sentence."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

from harness import Answer, Case, Judgement, failed, passed, verifier

from ._words import words

MAX_CHARS = 2_000
WORD = re.compile(r"[^\W_]+(?:[.'’-][^\W_]+)*")
END = re.compile(r"[.!?…]+(?=[\"')\]”’]*(?:\s|$))")
FIXED = words(
    "fixed repaired resolved corrected solved patched cured mended removed eliminated squashed"
    " addressed"
)
FIXES = FIXED | words(
    "fixes fix fixing repairs repair repairing resolves resolve resolving corrects correct"
    " correcting solves",
    "solve solving patches cures mends removes removing eliminates eliminating squashes addresses"
    " addressing",
)
FINITE = FIXED | words(
    "fixes repairs resolves corrects solves patches cures mends removes eliminates squashes"
    " addresses"
)
ONLY_FORWARD = words("so and meaning means thus therefore hence thereby")
FORWARD = ONLY_FORWARD | words(
    "now letting lets ensuring ensures making makes that result"
)  # fix, then effect
BACKWARD = words("because since as thanks now after with in")  # effect, then fix
OPENING = words("because since as thanks after")
# Words that may stand around the facts: they join them and add nothing to them
FILLER = words(
    "a an the this that these it its in of for to by with on at from into and so as now which where"
    " thus",
    "therefore hence meaning means mean thereby thanks because since after also again finally here"
    " today",
    "available out live version update patch release build game players player you your we our us"
    " has have had is",
    "are was were been be get gets got brings bring includes contains contain comes ships ship"
    " delivers result",
    "results resulting consequently all every everyone just makes make making sure lets let letting"
    " ensures",
    "ensure ensuring can new latest note bug issue",
)
NEGATIVE = words(
    "not no never none nor neither without cannot can't don't doesn't didn't isn't aren't wasn't"
    " won't hardly",
    "barely fails failed fail unfixed unless except instead but although though however may might"
    " could should",
    "would perhaps maybe possibly hopefully supposedly allegedly almost partly partially tries"
    " attempts will if",
    "until before",
)
NUMBERS = words(
    "zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " twenty thirty",
    "forty fifty hundred thousand million dozen half double twice percent second third",
)
LABELS = words(
    "patch update version release build game today in with the for our this as from since after now"
)
PASSIVE = re.compile(
    r"(?:(?:is|was|gets|got) |(?:has|had) (?:now |finally |also )?been )(?:now |finally |also"
    r" )?(\w+)"
)
CLICHES = (
    "game-chang", "game chang", "exciting", "excited", "thrilled", "next level", "seamless",
    "immersive", "ultimate",
    "unleash", "revolution", "amazing", "awesome", "epic", "journey", "elevate", "dive in",
    "stay tuned", "adventurer",
    "smoother than ever", "better than ever", "like never before", "cutting-edge", "breathtaking",
    "incredible",
    "delighted", "proud to", "happy to announce", "pleased to", "buckle up", "say goodbye",
    "hassle",
)  # fmt: skip
REFUSALS = re.compile(
    r"\b(sorry|apologi[sz]e|unable|as an ai|language model|i|i['’](m|ll|ve)|me|my)\b", re.IGNORECASE
)


@verifier("patchnotes.facts", version=2, facet="pocket-patchnotes", packages=["markdown-it-py"])
def facts(case: Case, answer: Answer) -> Judgement:
    """Every fact of the prompt stands in the note, related as in the prompt, and no other fact
    does."""
    text = _plain(answer)
    if isinstance(text, Judgement):
        return text
    if len(_sentences(text)) != case.expect["sentences"]:
        return failed(
            "sentences", f"{len(_sentences(text))} sentences, expected {case.expect['sentences']}"
        )
    spans = []
    for position, fact in enumerate(case.expect["facts"]):
        found = list(_pattern(fact, exact=position < 2).finditer(text))
        if len(found) != 1:
            return failed(
                "repeated-fact" if found else "missing-fact",
                f"{len(found)} times {fact!r}, expected once",
            )
        spans.append(found[0].span())
    if any(a[0] < b[1] and b[0] < a[1] for i, a in enumerate(spans) for b in spans[:i]):
        return failed("missing-fact", "two facts share words")
    for check in (_extras, _version_fault, _fix_fault, _link_fault):
        for problem in check(text, spans):
            return problem
    return passed(f"{len(spans)} facts in {case.expect['sentences']} sentence")


@verifier(
    "patchnotes.plain",
    version=1,
    facet="pocket-patchnotes",
    packages=["textstat", "pyphen", "markdown-it-py"],
)
def plain(case: Case, answer: Answer) -> Judgement:
    """The note is plain: the sentences asked for, short, readable, no markup, no marketing, no
    refusal."""
    text = _plain(answer)
    if isinstance(text, Judgement):
        return text
    for problem in (*_form(text), *_tone(text)):
        return problem
    count, words = len(_sentences(text)), text.split()
    if count != case.expect["sentences"]:
        return failed("sentences", f"{count} sentences, expected {case.expect['sentences']}")
    if not 6 <= len(words) <= case.expect["max_words"]:
        return failed("length", f"{len(words)} words, expected 6 to {case.expect['max_words']}")
    grade = _grade(text, count)
    if not -3 <= grade <= 12:
        return failed("reading-grade", f"Flesch-Kincaid grade {grade:.1f}, expected at most 12")
    return passed(f"{len(words)} words, Flesch-Kincaid grade {grade:.1f}")


def _plain(answer: Answer) -> str | Judgement:
    """The answer as one line of text; fails on markup and on characters a reader cannot see."""
    if len(answer.text) > MAX_CHARS:
        return failed("too-long", f"{len(answer.text)} characters, at most {MAX_CHARS} are read")
    text = answer.text.strip("\r\n").rstrip()
    hidden = [
        c
        for c in text
        if c not in "\n\r\t" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn")
    ]
    if hidden:
        return failed("invisible-character", f"U+{ord(hidden[0]):04X}")
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").parse(text)
    if [token.type for token in tokens] != ["paragraph_open", "inline", "paragraph_close"]:
        return failed(
            "not-a-paragraph",
            f"{len([t for t in tokens if t.nesting >= 0])} blocks, expected one paragraph",
        )
    marks = {child.type for child in tokens[1].children or []} - {"text", "softbreak"}
    if marks:
        return failed("markup", ", ".join(sorted(marks)))
    return " ".join(text.split())


def _grade(text: str, sentences: int) -> float:
    """The Flesch-Kincaid grade (Kincaid et al. 1975) of textstat's words.

    The sentences are ours, because textstat ends one inside of a version number. Syllables are
    counted by hyphenation: textstat's way of counting them differs between its releases."""
    from pyphen import Pyphen
    from textstat import textstat

    hyphenation = Pyphen(lang="en_US")
    found = textstat.remove_punctuation(text).lower().split()
    syllables = sum(len(hyphenation.positions(word)) + 1 for word in found)
    return float(round(0.39 * len(found) / sentences + 11.8 * syllables / len(found) - 15.59, 1))


def _sentences(text: str) -> list[str]:
    return [part for part in END.split(text) if WORD.search(part)]


def _pattern(fact: str, exact: bool) -> re.Pattern[str]:
    """``fact`` as whole words; a name and a number stand exactly so, other words may begin a
    sentence."""
    body = r"\s+".join(re.escape(word) for word in fact.split())
    if re.fullmatch(r"[\d.]+", fact):
        return re.compile(rf"(?<![\w.,-])v?{body}(?![\w%])(?![.,-]\d)", re.ASCII | re.IGNORECASE)
    return re.compile(rf"(?<![\w-]){body}(?![\w-])", re.NOFLAG if exact else re.IGNORECASE)


def _gap(text: str, left: tuple[int, int], right: tuple[int, int]) -> list[str]:
    """The words between two facts, in lower case."""
    return [word.lower() for word in WORD.findall(text[left[1] : right[0]])]


def _extras(text: str, spans: list[tuple[int, int]]) -> Iterator[Judgement]:
    """Anything around the facts that is not a joining word."""
    rest = text
    for start, end in sorted(spans, reverse=True):
        rest = f"{rest[:start]}\0{rest[end:]}"
    if any(unicodedata.numeric(c, None) is not None for c in rest):
        return (yield failed("other-number", rest.replace("\0", "…")))
    for match in WORD.finditer(rest):
        word = match[0].lower().replace("’", "'").removesuffix("'s")
        if word in NEGATIVE or word.endswith("n't"):
            yield failed("negated", f"{match[0]!r} in {text!r}")
        if word in NUMBERS:
            yield failed("other-number", f"{match[0]!r} in {text!r}")
        if word not in FILLER | FIXES | FORWARD | BACKWARD and word != "s":
            yield failed("extra-content", f"{match[0]!r} is not from the prompt")
        if match[0][0].isupper() and match.start() > 0 and word not in LABELS:
            yield failed("extra-name", f"{match[0]!r} is not from the prompt")


def _version_fault(text: str, spans: list[tuple[int, int]]) -> Iterator[Judgement]:
    game, version = spans[0], spans[1]
    between = _gap(text, game, version) if game < version else _gap(text, version, game)
    allowed = words("version update patch release build s of for the game in to gets v")
    apart = version < game and not between  # "5.0, Winter Harbor" belongs to what stands before it
    if apart or set(between) - allowed or len(between) > 4:
        yield failed(
            "version-elsewhere", f"{' '.join(between)!r} stands between the game and its version"
        )


def _fix_fault(text: str, spans: list[tuple[int, int]]) -> Iterator[Judgement]:
    """The bug is what is fixed: ``fixes the bug``, ``a fix for the bug`` or ``the bug is
    fixed``."""
    bug = spans[2]
    before = [word.lower() for word in WORD.findall(text[: bug[0]])]
    after = " ".join(word.lower() for word in WORD.findall(text[bug[1] :]))
    named = [word.lower() for word in WORD.findall(text) if word.lower() in FIXES]
    while before and before[-1] in ("now", "finally", "also", "for", "to"):
        before.pop()
    active = bool(before) and before[-1] in FIXES
    passive = PASSIVE.match(after)
    if len(named) != 1 or not (active or (passive and passive[1] in FIXED)):
        yield failed("not-fixed", f"the note does not say that {text[slice(*bug)]!r} is fixed")


def _link_fault(text: str, spans: list[tuple[int, int]]) -> Iterator[Judgement]:
    """The effect is said as an effect of the fix, not as its cause or beside it."""
    bug, effect = spans[2], spans[3]
    between = set(_gap(text, bug, effect) if bug < effect else _gap(text, effect, bug))
    if bug < effect:
        opening = WORD.match(text)
        linked = bool(between & FORWARD) or ";" in text[bug[1] : effect[0]]
        linked |= (
            opening is not None
            and opening[0].lower() in OPENING
            and "," in text[bug[1] : effect[0]]
        )
        linked &= not between & {"because", "since", "after"}
    else:
        now_that = text[: effect[1]].endswith("now") and "that" in between
        linked = (now_that or bool(between & BACKWARD)) and not between & ONLY_FORWARD
    if not linked:
        yield failed(
            "effect-not-linked",
            f"nothing joins {text[slice(*effect)]!r} to the fix of {text[slice(*bug)]!r}",
        )


def _form(text: str) -> Iterator[Judgement]:
    if not text.endswith(".") or text.endswith(".."):
        yield failed("no-full-stop", text[-20:])
    if not text[0].isupper():
        yield failed("no-capital", text[:20])
    strange = re.search(r"[^A-Za-z0-9 .,;:'’\"“”()–—-]", text)
    if strange:
        yield failed("strange-character", f"{strange[0]!r} (U+{ord(strange[0]):04X})")
    if re.match(r"[\w ]{1,40}:", text):
        yield failed("label", text.partition(":")[0])
    shouted = re.search(r"\b[A-Z]{3,}\b", text)
    if shouted:
        yield failed("shouting", shouted[0])
    words = [word.lower() for word in WORD.findall(text)]
    triples = list(zip(words, words[1:], words[2:], strict=False))
    if len(triples) != len(set(triples)) or any(a == b for a, b in pairwise(words)):
        yield failed("repetition", "the same words come twice")


def _tone(text: str) -> Iterator[Judgement]:
    low = text.lower()
    for cliche in CLICHES:
        if cliche in low:
            yield failed("marketing", cliche)
    refusal = REFUSALS.search(text)
    if refusal:
        yield failed("first-person", refusal[0])
    if not (FINITE | words("includes brings contains delivers gets")) & {
        word.lower() for word in WORD.findall(text)
    }:
        yield failed("no-verb", "no finite verb of fixing")
