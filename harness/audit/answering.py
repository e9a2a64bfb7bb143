"""An author's answers to an audit's questions, written into the fixture file that stays otherwise
as it is.

Each question is about an operator: its answers are wrong for this verifier too (*deadly*), or they
say nothing about it (*waived*, with the reason)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from harness import files
from harness.audit.certificate import Certificate
from harness.content.fixtures import MADE
from harness.errors import WorkspaceError

DEADLY, WAIVE = "deadly", "waive:"


def fitting(certificate: Certificate, answers: Mapping[str, str]) -> dict[str, str]:
    """The answers that a certificate asks for: to its questions and survivors, and waived what it
    is refused for and may be."""
    asked = {survivor.operator for survivor in certificate.survivors}
    asked |= {question.name for question in certificate.questions}
    absurd = set(excusable(certificate))
    absurd |= {name.removeprefix("variant:").partition(" of ")[0] for name in certificate.flips}
    return {
        operator: answer
        for operator, answer in answers.items()
        if operator in asked or (operator in absurd and answer != DEADLY)
    }


def excusable(certificate: Certificate) -> list[str]:
    """The absurd answers that a certificate is refused for and an author may waive with a
    reason."""
    from harness.audit.answers.operators import waivable

    names = [name.removeprefix(MADE).partition(" ")[0] for name in certificate.false_passes]
    return [name for name in dict.fromkeys(names) if name in waivable()]


def parse(texts: Iterable[str]) -> dict[str, str]:
    """``OPERATOR=deadly`` and ``OPERATOR=waive: REASON`` by operator; raises
    :class:`WorkspaceError`."""
    found = {}
    for text in texts:
        operator, _, answer = text.partition("=")
        answer = answer.strip()
        if answer != DEADLY and not answer.removeprefix(WAIVE).strip():
            answer = ""
        if answer != DEADLY and not answer.startswith(WAIVE):
            raise WorkspaceError(
                f"--answer {text!r}: expected OPERATOR=deadly, or OPERATOR='waive: REASON'"
            )
        found[operator.strip()] = answer
    return found


def all_written(given: Mapping[str, str], written: Collection[str]) -> None:
    """Raise :class:`WorkspaceError` for answers to what no verifier asks."""
    lost = sorted(set(given) - set(written))
    if lost:
        raise WorkspaceError(
            f"--answer: no verifier asks about {', '.join(lost)}; `harness audit VERIFIER` prints"
            " the questions"
        )


def write(folder: Path, verifier: str, answers: Mapping[str, str]) -> Path:
    """Add ``answers`` to ``deadly`` and ``waive`` of the verifier's fixture file, which is
    returned. Raises :class:`WorkspaceError` when it cannot be edited."""
    path = _file(folder / verifier)
    text = files.read_text(path) if path.exists() else f"verifier: {verifier}\n"
    deadly = [operator for operator, answer in answers.items() if answer == DEADLY]
    waived = {
        operator: answer.removeprefix(WAIVE).strip()
        for operator, answer in answers.items()
        if answer != DEADLY
    }
    changed = text
    if deadly:
        changed = _added(changed, "deadly", deadly)
    if waived:
        changed = _added(changed, "waive", waived)
    before, after = yaml.safe_load(text), yaml.safe_load(changed)
    before["deadly"] = [*(before.get("deadly") or []), *deadly]
    before["waive"] = {**(before.get("waive") or {}), **waived}
    if {
        **after,
        "deadly": sorted(after.get("deadly") or []),
        "waive": after.get("waive") or {},
    } != {**before, "deadly": sorted(before["deadly"])}:
        raise WorkspaceError(
            f"{path}: cannot be edited; write by hand: deadly: {deadly}, waive: {waived}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace(path, changed)
    return path


def _file(folder: Path) -> Path:
    """The file that already answers, else ``fixtures.yaml``, else the first."""
    there = sorted(folder.glob("*.yaml"))
    answering = [path for path in there if "\nwaive:" in files.read_text(path)]
    named = [path for path in there if path.name == "fixtures.yaml"]
    return (*answering, *named, *there, folder / "fixtures.yaml")[0]


def _added(text: str, key: str, items: list[str] | dict[str, str]) -> str:
    """``text`` with more items under a key of its root."""
    root = yaml.compose(text)
    assert isinstance(root, yaml.MappingNode)
    held = {name.value: value for name, value in root.value}
    node = held.get(key)
    if node is None and not root.flow_style:
        return f"{text.rstrip()}\n{_block({key: items})}"
    if node is None:
        last = root.value[-1][1].end_mark.index
        gap = f",\n{' ' * root.value[0][0].start_mark.column}"
        return f"{text[:last]}{gap}{json.dumps(key)}: {_flow(items)}{text[last:]}"
    if isinstance(node, yaml.ScalarNode):  # the key is there and holds nothing
        return f"{text[: node.start_mark.index]} {_flow(items)}{text[node.end_mark.index :]}"
    if node.flow_style:
        end = node.end_mark.index - 1
        gap = ", " if node.value else ""
        return f"{text[:end].rstrip()}{gap}{_flow(items)[1:-1]}{text[end:]}"
    column = node.start_mark.column
    start = node.start_mark.index - column
    lines = _block(items).splitlines(keepends=True)
    return text[:start] + "".join(" " * column + line for line in lines) + text[start:]


def _flow(items: Any) -> str:
    return json.dumps(items, ensure_ascii=False)


def _block(items: Any) -> str:
    return yaml.safe_dump(items, sort_keys=False, allow_unicode=True, width=1000)
