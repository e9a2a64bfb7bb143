"""C++ of Unreal as a plain C++ parser can read it: the macros of the header tool are taken out and
kept as facts, at the places where they stood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ._words import words

REFLECTED = words(
    "UCLASS USTRUCT UENUM UINTERFACE UPROPERTY UFUNCTION UDELEGATE UPARAM UMETA GENERATED_BODY"
    " GENERATED_UCLASS_BODY GENERATED_USTRUCT_BODY GENERATED_UINTERFACE_BODY"
    " GENERATED_IINTERFACE_BODY"
)
_ALWAYS = words("PURE_VIRTUAL UE_DEPRECATED UE_DEPRECATED_FORGAME")
_BARE = words("FORCEINLINE FORCENOINLINE FORCEINLINE_DEBUGGABLE RESTRICT UE_API")
_TYPES = words("class struct enum namespace union")
#: specifiers that the verifiers ask for; the header tool reads them in any case
_SPELLED = {
    one.lower(): one
    for one in words(
        "Replicated ReplicatedUsing Server Client NetMulticast Reliable Unreliable WithValidation"
        " BlueprintReadOnly BlueprintReadWrite BlueprintCallable BlueprintPure BlueprintType"
        " BlueprintAssignable BlueprintNativeEvent BlueprintImplementableEvent EditAnywhere"
        " VisibleAnywhere AllowPrivateAccess"
    )
}


class Token(NamedTuple):
    """A word or a mark: its text and where it stands, in bytes."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Macro:
    """A macro of Unreal: its name, its arguments, where it stood and what stands behind it."""

    name: str
    arguments: tuple[str, ...]
    start: int
    target: int

    @property
    def specifiers(self) -> dict[str, str]:
        """Its specifiers, those of ``meta`` among them, each with its value."""
        found: dict[str, str] = {}
        for one in self.arguments:
            key, _, value = (part.strip() for part in one.partition("="))
            if key.lower() == "meta":
                found.update(Macro("", split(value[1:-1]), 0, 0).specifiers)
            elif key:
                found[_SPELLED.get(key.lower(), key)] = value.strip('"')
        return found


def split(text: str) -> tuple[str, ...]:
    """The parts of a list at the commas that stand in no bracket and no text."""
    parts, depth, quoted = [""], 0, False
    for at, one in enumerate(text):
        quoted ^= one == '"' and text[at - 1 : at] != "\\"
        depth += 0 if quoted else (one in "([{<") - (one in ")]}>")
        if one == "," and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += one
    return tuple(part.strip() for part in parts if part.strip())


def tokens(code: bytes) -> Iterator[Token]:
    """Words and marks; a text is one token, comments and lines of the preprocessor are none."""
    at, fresh = 0, True
    while at < len(code):
        one, two = code[at : at + 1], code[at : at + 2]
        end = at + 1
        if two == b"//" or (one == b"#" and fresh):
            end = _line_end(code, at)
        elif two == b"/*":
            end = (code.find(b"*/", at + 2) + 2) if b"*/" in code[at + 2 :] else len(code)
        elif code[at : at + 3] == b'R"(':
            end = (code.find(b')"', at) + 2) if b')"' in code[at:] else len(code)
            yield Token('""', at, end)
        elif one in (b'"', b"'"):
            while end < len(code) and code[end : end + 1] not in (one, b"\n"):
                end += 2 if code[end : end + 1] == b"\\" else 1
            end += 1
            yield Token('""', at, end)
        elif one.isalnum() or one == b"_":
            while code[end : end + 1].isalnum() or code[end : end + 1] in (b"_", b"'", b"."):
                if code[end : end + 1] in (b"'", b".") and not one.isdigit():
                    break
                end += 1
            yield Token(code[at:end].decode(), at, end)
        elif not one.isspace():
            yield Token(one.decode("latin-1"), at, end)
        fresh = b"\n" in code[at:end] or (fresh and one.isspace())
        at = end


def _line_end(code: bytes, at: int) -> int:
    while True:
        at = code.find(b"\n", at)
        if at < 0:
            return len(code)
        if code[at - 1 : at] != b"\\":
            return at
        at += 1


def masked(code: bytes) -> tuple[bytes, list[Macro]]:
    """The code with Unreal's macros as blanks, and the macros; offsets stay what they were."""
    all_, out, macros = list(tokens(code)), bytearray(code), list[Macro]()
    scopes, since, at, begins = ["type"], list[str](), 0, True
    while at < len(all_):
        one = all_[at]
        last = _closing(all_, at + 1)
        if _is_macro(one.text, begins and scopes[-1] == "type", last is not None):
            end = all_[last if last is not None else at].end
            inner = code[all_[at + 1].end : end - 1].decode() if last is not None else ""
            after = last + 1 if last is not None else at + 1
            target = all_[after].start if after < len(all_) else len(code)
            macros.append(Macro(one.text, split(inner), one.start, target))
            for byte in range(one.start, end):
                out[byte] = 10 if out[byte] == 10 else 32
            at = after
            continue
        if one.text == "{":
            scopes.append("type" if _TYPES & {*since} and "(" not in since else "code")
        elif one.text == "}" and len(scopes) > 1:
            scopes.pop()
        begins = one.text in (";", "{", "}") or (one.text == ":" and since[-1:] != [":"])
        since = [] if one.text in ";{}" else [*since, one.text]
        at += 1
    return bytes(out), macros


def _is_macro(name: str, begins: bool, called: bool) -> bool:
    if (name.endswith("_API") and name.isupper()) or name in _BARE:
        return True
    if not called:
        return False
    loud = name.isupper() and len(name) > 3
    return name in REFLECTED | _ALWAYS or (begins and (loud or name.startswith("DECLARE_")))


def _closing(all_: list[Token], at: int) -> int | None:
    """The mark that closes the bracket at ``at``, if one opens there."""
    if at >= len(all_) or all_[at].text != "(":
        return None
    depth = 0
    for place in range(at, len(all_)):
        depth += (all_[place].text == "(") - (all_[place].text == ")")
        if depth == 0:
            return place
    return None
