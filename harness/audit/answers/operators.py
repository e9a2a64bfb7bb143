"""Every operator by name: what its answers have wrong with them, the family that is asked about at
once, and what an author has said of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from harness.audit.answers import degenerates, mutants, variants
from harness.audit.answers.near import hostile, misses
from harness.content.fixtures import Known

MUTANTS = {
    "code-emptied": "the code is gone",
    "code-commented": "the code is commented out",
    "code-block-commented": "the code is commented out",
    "cut": "the end is missing",
    "cut-in-fence": "it ends in the middle of the code",
    "line-removed": "a line or a sentence is left out",
    "lines-swapped": "two lines or sentences are swapped",
    "shuffled": "lines or sentences stand in another order",
    "looped": "the last sentence is said fifty times",
    "doubled": "everything is said twice",
    "wrong-tag": "the fence names another language",
    "comparison-flipped": "a comparison is turned",
    "arithmetic-flipped": "plus stands for minus, or times for divided by",
    "logic-flipped": "and stands for or, or a not is lost",
    "truth-flipped": "true stands for false",
    "off-by-one": "a number of the code is one off",
    "return-removed": "a value is not returned",
    "wanted-renamed": "a wanted word has another last letter",
    "wanted-swapped": "two wanted words are swapped",
    "homoglyph": "a wanted word has letters that only look like its own",
    "zero-width": "a letter that cannot be seen stands in a wanted word",
    "right-to-left": "a wanted word is written backwards",
    "full-width-digits": "digits are those of another script",
    "contradicted": "it is taken back at the end",
    "buried": "it stands in the middle of empty talk",
    "other-task": "it answers another task",
}


@dataclass(frozen=True)
class Family:
    """Operators that are asked about at once. ``whole`` says only where none of their answers
    fails: what such a verifier sees of one of them, it sees of the others."""

    says: str
    operators: frozenset[str]
    whole: bool = False


def _family(says: str, operators: str, *more: Iterable[str], whole: bool = False) -> Family:
    return Family(says, frozenset(operators.split()).union(*more), whole)


FAMILIES = {
    "around": _family(
        "more or less stands around the answer",
        "text-before text-behind line-removed lines-swapped shuffled looped doubled buried"
        " claim-added",
    ),
    "stance": _family(
        "it is denied, taken back or given beside another answer",
        "contradicted denied another-before another-behind candidates-listed",
    ),
    "look-alike": _family(
        "letters or digits only look like the right ones",
        "homoglyph zero-width right-to-left full-width-digits digits-joined",
    ),
    "behaviour": _family(
        "the code does something else when it is run",
        "comparison-flipped arithmetic-flipped logic-flipped truth-flipped off-by-one"
        " return-removed argument-changed example-only replaced-below deleted-below hostile-code",
        misses.RESULTS,
        whole=True,
    ),
    "number": _family("a number is another one", "", misses.NUMBERS, whole=True),
    "word": _family(
        "a wanted word is another one",
        "wanted-renamed wanted-swapped another-value word-continued word-preceded letter-case"
        " letters-swapped words-jumbled spaces-inside",
        whole=True,
    ),
    "list": _family(
        "the list is another one",
        "element-dropped element-doubled element-added element-replaced order-reversed",
        whole=True,
    ),
    "data": _family(
        "the data are others",
        "key-dropped key-added key-in-capitals values-swapped level-added everything-emptied",
        misses.LEAVES,
        whole=True,
    ),
}


@cache
def names() -> frozenset[str]:
    """Everything that a fixture file may name as deadly or waive."""
    return frozenset({*described(), *FAMILIES, *variants.OPERATORS, *waivable()})


@cache
def waivable() -> frozenset[str]:
    """Absurd answers that are right for some criterion, so that an author may waive them."""
    return frozenset({*degenerates.WAIVABLE, *hostile.BODIES, *hostile.ENDLESS})


@cache
def described() -> dict[str, str]:
    """What the answers of each operator have wrong with them."""
    return {**MUTANTS, **misses.described()}


def family(operator: str) -> str:
    """The family of an operator; empty when it is asked about by itself."""
    return next((name for name, one in FAMILIES.items() if operator in one.operators), "")


def deadly(known: Known, operator: str) -> bool:
    """Whether an operator's answers must not pass: by construction, or because the author says
    so."""
    kin = family(operator) in known.deadly and operator not in known.waive
    return operator in mutants.DEADLY or operator in known.deadly or kin


def waived(known: Known, operator: str) -> bool:
    """Whether the author says that an operator says nothing about the verifier."""
    return operator in known.waive or (
        family(operator) in known.waive and operator not in known.deadly
    )
