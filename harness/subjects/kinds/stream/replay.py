"""Whether nothing was replayed: the log of the batches, and what the pool keeps between stages.

What a log names by a digest or an id it cannot hide behind another label: a record that was seen in
an earlier stage is a replay, whatever domain it is said to be of. A paraphrase is not found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import files
from harness.content import strict
from harness.digests import text_digest
from harness.errors import WorkspaceError
from harness.subjects.base import Numbers

SHOWN, RUN = 5, 8  # findings that are named; words in a row that are no coincidence
FEW = 2  # examples of a component: fewer, and its mean is one of them
TEXTS = (".json", ".jsonl", ".txt", ".md", ".yaml", ".yml", ".csv", ".tsv", ".log", "")
_WORD = re.compile(r"\w+")


class Batch(strict.Model):
    """One line of the log: its ``stage`` (from 1), its ``step`` (from 0), and its ``records``: each
    an id or a digest, or the text itself; ``domains`` says of each where it comes from."""

    stage: int
    step: int
    records: list[str | int]
    domains: list[str] = []
    loss: float | None = None


def log(path: Path, order: Sequence[str], data: Mapping[str, Path]) -> Numbers:
    """What the log shows: batches and records of each stage, steps that it lacks, records of
    another domain or of an earlier stage. ``data`` are the texts of the domains, where they are
    known. Raises :class:`WorkspaceError` for a line that is none of a log."""
    first: dict[str, int] = {}
    owner = dict(_owners(order, data))
    foreign: list[str] = []
    steps: dict[int, list[int]] = {stage: [] for stage in range(1, len(order) + 1)}
    records = 0
    for number, row in strict.read_jsonl(path):
        batch = strict.check(row, Batch, path, line=number)
        if batch.stage not in steps:
            text = f"found stage {batch.stage}; the stream has {len(order)}"
            raise WorkspaceError(f"{path}:{number}: key 'stage': {text}")
        steps[batch.stage].append(batch.step)
        domain, records = order[batch.stage - 1], records + len(batch.records)
        told = batch.domains or [domain] * len(batch.records)
        if len(told) != len(batch.records):
            text = f"found {len(told)}; expected one for each of {len(batch.records)} records"
            raise WorkspaceError(f"{path}:{number}: key 'domains': {text}")
        for record, stated in zip(batch.records, told, strict=True):
            keys = _names(str(record))
            seen = min((first[key] for key in keys if key in first), default=batch.stage)
            of = next((owner[key] for key in keys if key in owner), stated)
            source = order[seen - 1] if seen < batch.stage else of if of != domain else stated
            if source != domain:
                foreign.append(f"stage {batch.stage}, step {batch.step}: a record of {source}")
            for key in keys:
                first.setdefault(key, batch.stage)
    return {
        "records": records,
        "batches": {str(stage): len(found) for stage, found in steps.items()},
        "lacking": {str(stage): _lacking(found) for stage, found in steps.items()},
        "replayed": len(foreign),
        "shown": list(dict.fromkeys(foreign))[:SHOWN],
    }


def _names(record: str) -> list[str]:
    """What a record is known by: as it stands, and as its words, however they are set."""
    words = _WORD.findall(record.lower())
    return [record] if len(words) < 3 else [record, text_digest(" ".join(words))]


def _owners(order: Sequence[str], data: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    """The domain of each record that the data files hold; what two domains hold is nobody's."""
    found: dict[str, set[str]] = {}
    for domain in order:
        for text in texts(data[domain]) if domain in data else ():
            for key in (*_names(text), *_digests(text)):
                found.setdefault(key, set()).add(domain)
    yield from ((key, min(of)) for key, of in found.items() if len(of) == 1)


def _digests(text: str) -> list[str]:
    """The forms in which a log may name a text: its SHA-256 in hex, whole or cut to 16."""
    digest = text_digest(text).removeprefix("sha256:")
    return [digest, digest[:16]]


def _lacking(steps: Sequence[int]) -> int:
    """How many steps between the first and the last are not there, or stand twice."""
    whole = set(range(max(steps, default=-1) + 1))
    return len(whole - set(steps)) + len(steps) - len(set(steps))


def texts(path: Path) -> list[str]:
    """The texts of a data file: each line's strings of JSONL, else the lines."""
    lines = files.read_text(path).splitlines()
    if path.suffix != ".jsonl":
        return [line for line in lines if line.strip()]
    rows = [value for _, value in strict.read_jsonl(path)]
    return ["\n".join(_strings(row)) for row in rows]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


def pool(folder: Path, data: Mapping[str, Path]) -> Numbers:
    """What the folder keeps between stages: runs of words in it that a training text has, prose
    where no training text is known, and components of a router that were fitted on too few
    examples.

    No text of it is repeated here, only the file and the number of words."""
    trained = {run for path in data.values() for text in texts(path) for run in _runs(text)}
    kept, few, looked = [], [], 0
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        looked += 1
        name = path.relative_to(folder).as_posix()
        said = list(_said(path))
        for text in [" ".join(said)] if trained else said:
            found = [run for run in _runs(text) if not trained or run in trained]
            if found:
                kept.append(f"{name}: {len(found) + RUN - 1} words in a row")
                break
        few += [f"{name}: component {number}" for number in _on_few(path)]
    return {"files": looked, "texts": kept[:SHOWN], "few": few[:SHOWN]}


def _runs(text: str) -> list[str]:
    words = [word for word in _WORD.findall(text.lower()) if not _number(word)]
    return [" ".join(words[at : at + RUN]) for at in range(len(words) - RUN + 1)]


def _number(word: str) -> bool:
    return word.isdigit() or (len(word) > 6 and all(c in "0123456789abcdef" for c in word))


def _said(path: Path) -> Iterator[str]:
    """The texts in a file: strings of JSON, lines of text, what tensors have as metadata."""
    if path.suffix == ".safetensors" and (head := _head(path)):
        yield from _strings(head.get("__metadata__", {}))
        return
    data = path.read_bytes()
    if path.suffix in TEXTS:
        text = data.decode("utf-8", "replace")
        try:
            yield from _strings(json.loads(text))
        except ValueError:
            yield text
    else:  # of any other form: what can be read of it
        runs = re.findall(rb"[\x20-\x7e]{40,}", data)
        yield from (run.decode("ascii") for run in runs)


def _head(path: Path) -> dict[str, Any]:
    try:
        return files.read_tensor_head(path)
    except WorkspaceError:  # which is looked at as any other file is
        return {}


def _on_few(path: Path) -> list[int]:
    """The components of a mixture that were fitted on fewer than :data:`FEW` examples: by their
    count, or because they have no spread of their own."""
    import numpy as np

    if path.suffix == ".npz":
        with np.load(path) as held:  # which loads no pickle
            arrays = {key: held[key] for key in held if _mixture([key])}
    elif path.suffix == ".safetensors":
        from safetensors.numpy import load_file

        arrays = load_file(path) if _mixture(_head(path)) else {}
    elif path.suffix == ".json":
        found = files.parse(path.read_text("utf-8", "replace"), str(path))
        listed = found.items() if isinstance(found, dict) else ()
        arrays = {k: np.asarray(v) for k, v in listed if _mixture([k]) and isinstance(v, list)}
    else:
        return []
    named = {key.strip("_").lower().rpartition(".")[2]: value for key, value in arrays.items()}
    few: set[int] = set()
    for key in ("counts", "count", "n", "n_samples"):
        few |= {n for n, many in enumerate(np.ravel(named.get(key, []))) if many < FEW}
    for key in ("covariances", "variances", "covariance", "variance", "var"):
        for n, spread in enumerate(named.get(key, [])):
            own = np.diag(spread) if np.ndim(spread) == 2 else np.atleast_1d(spread)
            if np.ptp(own) <= 1e-12 + 1e-6 * abs(float(own.max())) and own.size > 1:
                few.add(n)
    return sorted(few)


def _mixture(names: Any) -> bool:
    words = ("count", "cov", "var", "n_samples")
    return any(any(word in str(name).lower() for word in words) for name in names)
