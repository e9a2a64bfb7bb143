"""Near misses of a value: a number, a word, a date or a citation that is nearly the right one.

Each operator says in its docstring what is wrong with the answers that it makes."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Callable

from harness.audit.answers.near.forms import Bodies, Operator, Piece, Table, described, one_off

_DATE = re.compile(r"(?<!\d)(\d{4})-(\d\d)-(\d\d)(?!\d)")
_TIME = re.compile(r"(?<![\d:])([01]\d|2[0-3]):([0-5]\d)(?![\d:])")
_CITED = re.compile(r"\[(\d{1,3})\]")
_EXPRESSION = re.compile(r"(\(*\d+(?:\)* *[-+*/×] *\(*\d+)+\)*)( *= *[\d.]+)?")
_UNITS = [
    "kg", "g", "mg", "t", "lb", "oz", "km", "m", "cm", "mm", "mi", "ft", "in", "l", "ml", "s", "ms",
    "min", "h", "hours", "minutes", "seconds", "days", "weeks", "°C", "°F", "K", "MB", "GB", "KB",
    "Mbps", "USD", "EUR", "€", "$", "£", "%", "W", "kW", "V", "A", "J", "kJ", "N", "Pa", "bar",
    "dollars", "euros", "cents",
]  # fmt: skip
_UNIT = re.compile(
    rf"(?<=\d)(\s?)({'|'.join(map(re.escape, sorted(_UNITS, key=len)[::-1]))})(?!\w)"
)


def _each(change: Callable[[str], str | None]) -> Operator:
    """Change every number to be spoiled, wherever it stands."""

    def make(piece: Piece) -> Bodies:
        for number in piece.numbers:
            changed = change(number)
            if changed is not None:
                yield piece.replaced(number, changed)

    return make


def _nearby(number: str) -> str:
    value = float(number.replace(",", ""))
    decimals = len(number.partition(".")[2]) + 1
    return f"{value + max(abs(value) * 0.004, 10**-decimals):.{decimals}f}"


def _rounded(number: str) -> str | None:
    digits = number.replace(",", "").lstrip("+-0").replace(".", "")
    value = float(number.replace(",", ""))
    found = f"{float(f'{value:.{max(1, len(digits) - 1)}g}'):g}" if len(digits) > 1 else None
    return found if found and "e" not in found and float(found) != value else None


def _plain(number: str) -> bool:
    return number.isdigit() and not number.startswith("0")


NUMBERS: Table = {
    "sign-flipped": (
        "the number has the other sign",
        _each(lambda n: n[1:] if n[0] in "+-" else f"-{n}" if n.strip("0.") else None),
    ),
    "number-one-off": ("the last digit of the number is one off", _each(one_off)),
    "number-nearby": ("the number is less than one percent off", _each(_nearby)),
    "number-rounded": ("the number is rounded", _each(_rounded)),
    "digit-behind": ("the number goes on behind the right digits", _each(lambda n: f"{n}9")),
    "digit-before": ("the number ends in the right digits",
                     _each(lambda n: f"1{n}" if _plain(n) else None)),
    "decimals-behind": ("decimals follow the right number",
                        _each(lambda n: None if "." in n else f"{n}.7")),
    "decimal-before": ("the right digits are the decimals of another number",
                       _each(lambda n: f"3.{n}" if _plain(n) else None)),
    "decimal-inside": ("a decimal point stands in the number",
                       _each(lambda n: f"{n[:-1]}.{n[-1]}" if _plain(n) and n[1:] else None)),
    "thousands-before": ("the right digits end a number of thousands",
                         _each(lambda n: f"1,{n:0>3}" if _plain(n) and len(n) < 4 else None)),
    "thousands-behind": ("the right digits begin a number of thousands",
                         _each(lambda n: f"{n},000" if _plain(n) and len(n) < 4 else None)),
    "exponent-behind": ("a power of ten follows the number", _each(lambda n: f"{n}e3")),
    "percent-behind": ("the number is a share of a hundred", _each(lambda n: f"{n}%")),
    "digits-joined": ("an underscore stands in the number",
                      _each(lambda n: f"{n[:1]}_{n[1:]}" if _plain(n) and n[1:] else None)),
    "not-a-number": ("NaN stands where the number was", _each(lambda n: "NaN")),
    "infinite": ("Infinity stands where the number was", _each(lambda n: "Infinity")),
}  # fmt: skip


#: those that leave code to be read
CODE = {name: NUMBERS[name] for name in ("sign-flipped", "number-one-off", "digit-behind")}


def unit_swapped(piece: Piece) -> Bodies:
    """the unit is another one"""
    for match in _UNIT.finditer(piece.body):
        other = _UNITS[_UNITS.index(match[2]) + (1 if match[2] != _UNITS[-1] else -1)]
        yield piece.body[: match.start()] + match[1] + other + piece.body[match.end() :]


def unit_dropped(piece: Piece) -> Bodies:
    """the unit is left out"""
    for match in _UNIT.finditer(piece.body):
        yield piece.body[: match.start()] + piece.body[match.end() :]


def expression_padded(piece: Piece) -> Bodies:
    """the calculation has parts more that change nothing"""
    match = _EXPRESSION.fullmatch(piece.body.strip())
    if match:
        number = re.findall(r"\d+", match[1])[-1]
        yield f"{match[1]} + {number} - {number}{match[2] or ''}"


def another_value(piece: Piece) -> Bodies:
    """another value stands wherever the wanted one did"""
    for word, other in piece.words.items():
        yield piece.replaced(word, other)


def word_continued(piece: Piece) -> Bodies:
    """the wanted word goes on"""
    for word in piece.words:
        yield piece.replaced(word, f"{word}s")


def word_preceded(piece: Piece) -> Bodies:
    """the wanted word is the end of a longer one"""
    for word in piece.words:
        yield piece.replaced(word, f"un{word}")


def letter_case(piece: Piece) -> Bodies:
    """upper and lower case are changed"""
    for word in piece.words:
        for changed in (word.lower(), word.upper()):
            if changed != word:
                yield piece.replaced(word, changed)


def letters_swapped(piece: Piece) -> Bodies:
    """two letters of the wanted word are swapped"""
    for word in piece.words:
        at = len(word) // 2
        if len(word) > 3 and word[at - 1].isalpha() and word[at].isalpha():
            yield piece.replaced(word, word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :])


def words_jumbled(piece: Piece) -> Bodies:
    """the words of the wanted phrase stand in another order"""
    for word in piece.words:
        parts = word.split(" ")
        if len(parts) > 1:
            yield piece.replaced(word, " ".join(parts[::-1]))


def accents_dropped(piece: Piece) -> Bodies:
    """accents are left out"""
    for word in piece.words:
        bare = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode()
        if bare and bare != word:
            yield piece.replaced(word, bare)


def mark_replaced(piece: Piece) -> Bodies:
    """a mark in the wanted text is another letter, as a careless pattern would allow"""
    for word in piece.words:
        for mark in ".+*?":
            if mark in word.strip(mark):
                yield piece.replaced(word, word.replace(mark, "x" if mark == "." else ""))


def spaces_inside(piece: Piece) -> Bodies:
    """a blank stands inside of the wanted word"""
    for word in piece.words:
        if len(word) > 3 and " " not in word:
            yield piece.replaced(word, f"{word[:2]} {word[2:]}")


def word_for_letter(piece: Piece) -> Bodies:
    """a word begins with the wanted letter and names none"""
    for word in piece.words:
        if len(word) == 1 and word.isalpha():
            yield piece.replaced(word, f"{word.upper()}ecause it is so")


def _dates(form: Callable[[int, int, int], str | None]) -> Operator:
    def make(piece: Piece) -> Bodies:
        for match in _DATE.finditer(piece.body):
            found = form(*map(int, match.groups()))
            if found is not None:
                yield piece.body.replace(match[0], found)

    return make


def _day(y: int, m: int, d: int) -> datetime.date | None:
    try:
        return datetime.date(y, m, d)
    except ValueError:
        return None


def _week(y: int, m: int, d: int) -> str | None:
    day = _day(y, m, d)
    return (
        f"{day.isocalendar()[0]}-W{day.isocalendar()[1]:02}-{day.isocalendar()[2]}" if day else None
    )


def _next(y: int, m: int, d: int) -> str | None:
    day = _day(y, m, d)
    return str(day + datetime.timedelta(1)) if day and day != datetime.date.max else None


DATES: Table = {
    "date-one-off": ("the date is one day off", _dates(_next)),
    "date-compact": ("the date has no dashes", _dates(lambda y, m, d: f"{y:04}{m:02}{d:02}")),
    "date-of-week": ("the date is a day of a week", _dates(_week)),
    "date-unpadded": ("zeros are left out of the date",
                      _dates(lambda y, m, d: f"{y}-{m}-{d}" if min(m, d) < 10 else None)),
    "date-with-time": ("a time of day follows the date",
                       _dates(lambda y, m, d: f"{y:04}-{m:02}-{d:02}T00:00:00")),
    "date-slashes": ("the date has slashes", _dates(lambda y, m, d: f"{y:04}/{m:02}/{d:02}")),
    "date-turned": ("day and month of the date are swapped",
                    _dates(lambda y, m, d: f"{y:04}-{d:02}-{m:02}" if d != m else None)),
    "date-impossible": ("there is no such day", _dates(lambda y, m, d: f"{y:04}-{m:02}-32")),
}  # fmt: skip


def time_changed(piece: Piece) -> Bodies:
    """the time is a minute off, or lacks its zero, or is in the other half of the day"""
    for match in _TIME.finditer(piece.body):
        hour, minute = int(match[1]), int(match[2])
        texts = (f"{hour:02}:{(minute + 1) % 60:02}", f"{hour}:{minute:02}", f"{match[0]} PM")
        yield from (piece.body.replace(match[0], text) for text in texts if hour < 12)


def citation_out_of_range(piece: Piece) -> Bodies:
    """a citation names a source that is not there"""
    for match in _CITED.finditer(piece.body):
        yield _cited(piece, match, "[99]")


def citation_zero(piece: Piece) -> Bodies:
    """a citation names the source 0"""
    for match in _CITED.finditer(piece.body):
        yield _cited(piece, match, "[0]")


def citation_dropped(piece: Piece) -> Bodies:
    """a citation is left out"""
    for match in _CITED.finditer(piece.body):
        yield _cited(piece, match, "").replace(" .", ".")


def citations_swapped(piece: Piece) -> Bodies:
    """two citations are swapped"""
    found = list(dict.fromkeys(_CITED.findall(piece.body)))
    if len(found) > 1:
        turned = dict(zip(found, [*found[1:], found[0]], strict=True))
        yield _CITED.sub(lambda match: f"[{turned[match[1]]}]", piece.body)


def citations_all_one(piece: Piece) -> Bodies:
    """every citation names the same source"""
    if len(set(_CITED.findall(piece.body))) > 1:
        yield _CITED.sub(f"[{_CITED.findall(piece.body)[0]}]", piece.body)


def claim_added(piece: Piece) -> Bodies:
    """a claim with a citation is added that stands in no source"""
    if _CITED.search(piece.body):
        yield f"{piece.body.rstrip()} It also won a prize in spring [1]."


CITATIONS = described(
    citation_out_of_range, citation_zero, citation_dropped, citations_swapped, citations_all_one,
    claim_added,
)  # fmt: skip
OPERATORS = DATES | described(
    unit_swapped, unit_dropped, expression_padded, another_value, word_continued, word_preceded,
    letter_case, letters_swapped, words_jumbled, accents_dropped, mark_replaced, spaces_inside,
    word_for_letter, time_changed,
)  # fmt: skip


def _cited(piece: Piece, match: re.Match[str], text: str) -> str:
    return piece.body[: match.start()] + text + piece.body[match.end() :]
