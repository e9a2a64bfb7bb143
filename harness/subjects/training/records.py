"""Training data as people have it: JSON lines, JSON arrays and Parquet, packed or not; records of
mlx-lm, ShareGPT, Alpaca, preferences and tool calls."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import WorkspaceError

#: endings that are read, and those of what lies beside data; all else is said not to be read
READ = (".jsonl", ".json", ".parquet")
BESIDE = ("", ".md", ".py", ".ipynb", ".sh", ".yaml", ".yml", ".toml", ".cfg", ".log", ".lock")
_SPLITS = {"train": "train", "valid": "valid", "val": "valid", "dev": "valid", "eval": "valid",
           "test": "test"}  # fmt: skip
_SAID_BY = {"human": "user", "gpt": "assistant", "chatgpt": "assistant", "model": "assistant",
            "observation": "tool", "function": "tool", "function_call": "assistant",
            "developer": "system"}  # fmt: skip
_PAIRS = (("prompt", "completion"), ("question", "answer"), ("query", "response"),
          ("prompt", "response"), ("instruction", "response"))  # fmt: skip


def files(path: Path) -> tuple[list[Path], list[Path]]:
    """The files of ``path`` that are read, and data that is not.

    Raises :class:`WorkspaceError` when there is nothing to read."""
    below = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    shown = [
        p for p in below if not any(part.startswith(".") for part in p.relative_to(path).parts)
    ]
    data = [p for p in shown if _ending(p) in READ]
    unread = [p for p in shown if _ending(p) not in READ and p.suffix not in BESIDE]
    if not data:
        also = f"; found {unread[0].name}, which is not read" if unread else ""
        raise WorkspaceError(
            f"{path}: no training data; expected {', '.join(READ)} (also .gz), or a folder of"
            f" them{also}"
        )
    return data, unread


def split(file: Path) -> str:
    """``train``, ``valid`` or ``test``, by the beginning of a file's name or of its folder's."""
    for name in (file.name, file.parent.name):
        for start, found in _SPLITS.items():
            if name.casefold().startswith(start):
                return found
    return "train"


def rows(file: Path) -> Iterator[tuple[str, bytes | Mapping[str, Any]]]:
    """``(place, row)`` of one file: a line of JSON as bytes, or a parsed row.

    Raises :class:`WorkspaceError` for a file that cannot be opened as what it says it is."""
    try:
        if _ending(file) == ".parquet":
            yield from _parquet(file)
            return
        raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        array = _array(raw) if _ending(file) == ".json" else None
    except (OSError, EOFError, ValueError, RecursionError) as error:
        raise WorkspaceError(f"{file}: cannot be read as {_ending(file)}: {error}") from None
    if array is not None:
        for number, row in enumerate(array, start=1):
            yield f"{file.name}#{number}", row
        return
    for number, line in enumerate(raw.splitlines(keepends=True), start=1):
        if line.strip():
            yield f"{file.name}:{number}", line


def _array(raw: bytes) -> list[Any] | None:
    """The rows of a JSON document: a list, or the only list of objects in an object; ``None`` for
    JSON lines."""
    try:
        found = json.loads(raw)
    except ValueError:
        if raw.lstrip()[:1] == b"[":
            raise
        return None
    if isinstance(found, dict):
        lists = [v for v in found.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
        if not lists and raw.count(b"\n") <= 1:
            return None  # one line of JSON lines
        found = lists[0] if len(lists) == 1 else []
    return found if isinstance(found, list) else []


def _parquet(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    import pandas as pd

    try:
        table = pd.read_parquet(file)
    except ImportError:
        raise WorkspaceError(
            f"{file}: Parquet needs pyarrow: pip install pyarrow, or write the rows as JSON lines"
        ) from None
    for number, row in enumerate(table.to_dict("records"), start=1):
        there = {key: value for key, value in _plain(row).items() if value is not None}
        yield f"{file.name}#{number}", there


def _plain(value: Any) -> Any:
    """Arrays of a table as lists, and what is not there as ``None``."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float) and value != value:  # what a table has where a row lacks a column
        return None
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _ending(file: Path) -> str:
    return Path(file.stem).suffix if file.suffix == ".gz" else file.suffix


def strings(value: Any) -> Iterator[str]:
    """Every text of a record, whatever its form; JSON in a text is looked into."""
    if isinstance(value, str):
        yield value
        if value.lstrip()[:1] in ("{", "["):
            try:
                yield from strings(json.loads(value))
            except (ValueError, RecursionError):
                return
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from strings(inner)


def parts(row: Mapping[str, Any]) -> tuple[str, str]:
    """``(prompt, answer)`` of a record; raises ``ValueError`` that says what was expected."""
    chosen = row.get("chosen")
    if chosen is not None:
        if isinstance(chosen, list):
            return _chat([*_turns(row.get("prompt") or []), *_turns(chosen)])
        return _text(row, "prompt") if "prompt" in row else "", _text(row, "chosen")
    for key in ("messages", "conversations", "conversation"):
        if key in row:
            return _chat(_turns(row[key]))
    if "instruction" in row and "output" in row:  # Alpaca
        given = row.get("input")
        asked = _text(row, "instruction")
        return (f"{asked}\n{given}" if isinstance(given, str) and given else asked), _text(
            row, "output"
        )
    for first, second in _PAIRS:
        if first in row and second in row:
            if isinstance(row[first], list) or isinstance(row[second], list):
                return _chat([*_turns(row[first]), *_turns(row[second], "assistant")])
            return _text(row, first), _text(row, second)
    if "text" in row:
        return "", _text(row, "text")
    raise ValueError(
        f"found keys {', '.join(sorted(map(str, row)))}; expected messages, prompt and completion,"
        " text, conversations (ShareGPT), instruction and output (Alpaca), or chosen"
    )


def _turns(given: Any, role: str = "user") -> list[tuple[str, str]]:
    """``(role, text)`` of each message; of ShareGPT's too."""
    if isinstance(given, str):
        return [(role, given)]
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        raise ValueError("the messages are not a list of objects")
    found = []
    for one in given:
        said = str(one.get("role", one.get("from")))
        found.append((_SAID_BY.get(said, said), _said(one)))
    return found


def _said(message: Mapping[str, Any]) -> str:
    """The text of a message: its content, the texts of its parts, and the calls that it makes."""
    content = message.get("content", message.get("value"))
    if isinstance(content, list):
        content = "\n".join(part.get("text") or "" for part in content if isinstance(part, Mapping))
    calls = message.get("tool_calls") or message.get("function_call")
    if calls:
        content = "\n".join(filter(None, [content, json.dumps(calls, ensure_ascii=False)]))
    if not isinstance(content, str) or not content.strip():
        raise ValueError(f"a message holds {content!r:.40}; expected a text that is not blank")
    return content


def _chat(turns: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """The last answer, and all before it; tools answer calls, and may call again."""
    roles = [role for role, _ in turns]
    legal = {
        "user": ("", "assistant"),
        "assistant": ("user", "tool"),
        "tool": ("assistant", "tool"),
    }
    before = ""
    for number, role in enumerate(roles):
        if role == "system" and number == 0:
            continue
        if before not in legal.get(role, ()):
            raise ValueError(
                f"roles are {roles}; expected user and assistant in turns, assistant last"
            )
        before = role
    if before != "assistant":
        raise ValueError(f"roles are {roles}; expected user and assistant in turns, assistant last")
    return "\n".join(text for _, text in turns[:-1]), turns[-1][1]


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"key {key!r}: found {value!r:.40}; expected a text that is not blank")
    return value
