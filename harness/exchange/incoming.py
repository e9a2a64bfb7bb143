"""Answers that other tools recorded, as rows of a replay.

A row carries the prompt where the file has it as it was sent, and what the exported prompt said of
itself (``registration``, ``suite``, ``arm``) where the tool handed it on as metadata. Scores of
other tools are not taken: the answers are judged here."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from harness import files
from harness.content import strict
from harness.datasets.reading import read_samples
from harness.engines.elsewhere.replay import Row
from harness.errors import WorkspaceError

KNOWN = (
    "expected an inspect log (.eval), samples of lm-eval (samples_*.jsonl), of human-eval or"
    " evalplus (task_id and completion or solution), or the results of promptfoo (.json)"
)
HANDED = ("registration", "suite", "arm", "prompt_digest")  # on, as metadata
FINISH = {"max_tokens": "length", "length": "length", "model_length": "length"}
ATTACHED = "attachment://"
Found = dict[str, Any]
UNREADABLE = (
    *(KeyError, TypeError, IndexError, AttributeError),
    *(OSError, ValueError, RuntimeError, EOFError, struct.error, zlib.error, zipfile.BadZipFile),
)


def read(path: Path, arm: str, suite: str | None = None) -> tuple[list[Row], Counter[str]]:
    """The answers in a file of another tool, as those of ``arm`` to ``suite`` where the file does
    not say; and how many rows are of each other arm, which are left out: a set exported for every
    arm may be answered by one. Raises :class:`WorkspaceError` naming file and field."""
    try:
        found = list(_reader(path)(path))
    except UNREADABLE as error:
        text = f"{type(error).__name__}: {error}"
        raise WorkspaceError(f"{path}: cannot be read ({text:.200}); {KNOWN}") from None
    if not found:
        raise WorkspaceError(f"{path}: holds no answer")
    said: Found = {"arm": arm} | ({"suite": suite} if suite else {})
    taken: Counter[tuple[str, ...]] = Counter()
    others: Counter[str] = Counter(one["arm"] for one in found if one.get("arm", arm) != arm)
    if others.total() == len(found):
        names = ", ".join(sorted(others))
        raise WorkspaceError(
            f"{path}: key 'arm': found {names:.120} in every row; expected {arm!r} in one:"
            " import it with --arm of what answered"
        )
    rows = []
    for number, one in enumerate(found, start=1):
        if one.get("arm", arm) != arm:
            continue
        row = said | {key: value for key, value in one.items() if value is not None}
        key = tuple(str(row.get(name)) for name in ("suite", "arm", "id"))
        row.setdefault("sample", taken[key])
        taken[key] += 1
        rows.append(strict.check(row, Row, path, line=number))
    return rows, others


def write(path: Path, rows: list[Row]) -> Path:
    """Write rows as ``harness gate --replay`` reads them."""
    lines = [json.dumps(row.model_dump(exclude_none=True)) for row in rows]
    return files.replace(path, "".join(f"{line}\n" for line in lines))


def _reader(path: Path) -> Callable[[Path], Iterator[Found]]:
    """Who reads this file, by its ending and what stands in it."""
    if path.suffix == ".eval":
        return _inspect
    if path.suffix == ".json":
        return _promptfoo
    if path.suffix == ".jsonl":
        _, first = next(strict.read_jsonl(path), (0, None))
        if isinstance(first, dict) and "resps" in first:
            return _lm_eval
    if path.suffix in (".jsonl", ".gz"):
        return _samples
    raise WorkspaceError(f"{path}: found {path.suffix!r}; {KNOWN}")


def _samples(path: Path) -> Iterator[Found]:
    for sample in read_samples(path):
        yield {"id": sample.task_id, "answer": sample.text}


def _lm_eval(path: Path) -> Iterator[Found]:
    """Each answer before lm-eval's own filters: they are part of its scorer."""
    for line, row in strict.read_jsonl(path):
        doc = row["doc"] if isinstance(row["doc"], dict) else {}
        id = doc.get("task_id") or doc.get("id") or row["doc_id"]
        sent = [one for one in _texts(row.get("arguments")) if one]
        for answers in row["resps"]:
            for answer in [answers] if isinstance(answers, str) else answers:
                if not isinstance(answer, str):
                    raise WorkspaceError(
                        f"{path}:{line}: key 'resps': found {answer!r:.60}; expected texts: a task"
                        " of log-likelihoods holds no answers"
                    )
                yield {**_handed(doc), "id": str(id), "answer": answer, "prompt": _first(sent)}


def _texts(arguments: Any) -> Iterator[str]:
    """The prompt of each request: lists in earlier versions, ``gen_args_0: {arg_0: ...}`` now."""
    for one in arguments.values() if isinstance(arguments, dict) else arguments or []:
        first = one.get("arg_0") if isinstance(one, dict) else one[0] if one else None
        if isinstance(first, str):
            yield first


def _inspect(path: Path) -> Iterator[Found]:
    with zipfile.ZipFile(path) as log:
        names = [name for name in log.namelist() if name.startswith("samples/")]
        for name in sorted(names):
            try:
                data = log.read(name)
            except (NotImplementedError, RuntimeError) as error:
                raise WorkspaceError(
                    f"{path}: {name}: {error}; write it again with `inspect log convert --to json`"
                    " or an inspect that compresses by deflate"
                ) from None
            where = f"{path}: {name}"
            yield _of_inspect(files.parse(files.decode(data, name), where), where)


def _of_inspect(sample: Found, where: str) -> Found:
    output, held = sample["output"], sample.get("attachments") or {}
    if sample.get("error") or not output.get("choices"):
        said = (sample.get("error") or {}).get("message", "no choice")
        raise WorkspaceError(f"{where}: key 'error': found {said!r:.120}; expected an answer")
    sent = sample.get("input")
    if isinstance(sent, list):
        turns = [one["content"] for one in sent if one.get("role") == "user"]
        sent = turns[-1] if turns and isinstance(turns[-1], str) else None
    cut = sample.get("limit") is not None or output["choices"][0].get("stop_reason") in FINISH
    return {
        **_handed(sample.get("metadata") or {}),
        "id": str(sample["id"]),
        "sample": sample.get("epoch", 1) - 1,
        "answer": _attached(output.get("completion") or "", held),
        "finish": "length" if cut else "eos",
        "tokens": (output.get("usage") or {}).get("output_tokens"),
        "prompt": _attached(sent, held),
    }


def _attached(text: Any, held: Found) -> Any:
    """A long text, which a log holds beside its place."""
    if isinstance(text, str) and text.startswith(ATTACHED):
        return held[text.removeprefix(ATTACHED)]
    return text


def _promptfoo(path: Path) -> Iterator[Found]:
    data = files.read_json(path)["results"]
    for row in data["results"] if isinstance(data, dict) else data:
        said = {**(row["testCase"].get("metadata") or {}), **(row.get("vars") or {})}
        id = said.get("id") or row["testCase"].get("description") or row.get("testIdx")
        response = row.get("response") or {}
        answer = response.get("output")
        if not isinstance(answer, str):
            raise WorkspaceError(
                f"{path}: test {id}: key 'response.output': found {answer!r:.60}; expected a text:"
                f" {row.get('error') or 'no answer'!r:.120}"
            )
        prompt = row["prompt"].get("raw")
        yield {
            **_handed(said),
            "id": str(id),
            "answer": answer,
            "finish": FINISH.get(response.get("finishReason", ""), "eos"),
            "prompt": _turn(prompt),
        }


def _turn(prompt: Any) -> str | None:
    """The user's words of a prompt, which may be the JSON of a chat."""
    if isinstance(prompt, str) and prompt.lstrip().startswith("["):
        try:
            turns = [one["content"] for one in json.loads(prompt) if one["role"] == "user"]
        except (ValueError, TypeError, KeyError):
            return prompt
        return turns[-1] if turns else None
    return prompt if isinstance(prompt, str) else None


def _handed(data: Found) -> Found:
    return {key: data[key] for key in HANDED if isinstance(data.get(key), str)}


def _first(values: list[Any]) -> Any:
    return values[0] if values else None
