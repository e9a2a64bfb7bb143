"""A document turned into an adapter: whether the base answers from it now, without it and in other
words, and whether all else it says stayed as it was.

Every answer is generated freely, never scored under teacher forcing, and its receipt holds the
text, so that whoever has the receipts scores it again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.content.library import Entry
from harness.digests import file_digest
from harness.engines.base import read_config
from harness.errors import WorkspaceError
from harness.subjects.base import Bench, Evidence, Fault, Numbers, Preflight
from harness.subjects.entering.folders import CONFIG
from harness.subjects.kinds import Kind, Plant
from harness.subjects.kinds.patch import asking, reasons
from harness.subjects.kinds.patch.spec import Spec, leaks, read
from harness.subjects.tokens import template
from harness.verdict import Reason


class Patch(Kind):
    """``path`` is the patch. It answers beside base alone, base with the document in its context,
    base with what BM25 finds of it, the patch of another document, one of the document scrambled,
    noise as large as the patch, the patch before, and a second one together with it."""

    name, spec, still = "patch", Spec, (asking.SIZE,)
    measures = ("patch",)

    def parts(self, entry: Entry) -> dict[str, Path]:
        """The document, the facts, and the patches that it is held against."""
        own: Spec = entry.adapter.own
        files = {"document": own.document, "facts": own.facts}
        folders: dict[str, str | None] = {"unrelated": own.unrelated, "scrambled": own.scrambled}
        if own.both is not None:
            files["second facts"] = own.both.facts
            folders |= {"second": own.both.adapter, "both": own.both.together}
        if own.validation is not None:
            files["validation"] = own.validation
        found = {role: entry.root / said for role, said in files.items()}
        for role in ("facts", "second facts"):
            if role in found and found[role].is_file():
                read(found[role])  # one that cannot be asked is refused before anything is loaded
        return found | {role: entry.folder(said) for role, said in folders.items() if said}

    def examine(self, bench: Bench, found: Preflight) -> Iterator[Fault]:
        """Questions that give their answers away, a patch of another document or of any, and a
        validation that validated nothing."""
        own: Spec = bench.own
        asked = f"{own.template}\n{template(bench.entry.base_path) or ''}"
        for text in leaks(read(bench.folders["facts"]), asked):
            yield Fault("facts-leak", f"{bench.entry.root / own.facts}: {text}")
        made = read_config(bench.folders["adapter"] / CONFIG).get("trained_on_document")
        now = file_digest(bench.folders["document"])
        if made not in (None, now):
            text = f"it was made from {made}, and {own.document} is {now}"
            yield Fault("patch-document", text, "block")
        if found.digests["unrelated"] == found.digests["adapter"]:
            text = "the patch of the unrelated document is this patch, byte by byte"
            yield Fault("patch-generic", text, "block")
        if own.validation is not None and (wrong := _placeholder(bench)):
            yield Fault("patch-unvalidated", f"{own.validation}: {wrong}", "block")

    def owes(self, bench: Bench) -> dict[str, list[str]]:
        """Every arm with its questions; what base knew, what moved, the size."""
        return asking.owed(bench.own, bench.folders)

    def measure(
        self, bench: Bench, what: str, cases: Sequence[str]
    ) -> Iterator[tuple[str, Numbers]]:
        """Answers as texts, each beside what would be right."""
        if what == asking.SIZE:
            files = [one for one in bench.folders["adapter"].rglob("*") if one.is_file()]
            for case in cases:
                yield case, {"bytes": sum(one.stat().st_size for one in files)}
        elif cases:
            of = {asking.KNOWN: asking.known, asking.MOVED: asking.how_far}
            yield from of[what](bench, cases) if what in of else asking.answers(bench, what, cases)

    def reasons(self, evidence: Evidence) -> tuple[Numbers, list[Reason]]:
        """What was learnt, what it cost, and what that calls for."""
        return reasons.decide(evidence)

    def plants(self) -> Sequence[Plant]:
        """F7.1 to F7.12."""
        from harness.subjects.kinds.patch.plants import PLANTS

        return PLANTS


def _placeholder(bench: Bench) -> str:
    """Why the report of a generator is none, if it is: one that was never made says that all is
    well and answers nothing."""
    path = bench.folders["validation"]
    facts = {fact.id for fact in read(bench.folders["facts"]).facts}
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        rows = {row["id"] for row in said.get("answers", []) if str(row["answer"]).strip()}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise WorkspaceError(
            f"{path}: found no report ({type(error).__name__}: {error}); expected JSON"
            ' {"answers": [{"id": ..., "answer": ...}]}, or leave `validation` out'
        ) from None
    return f"it has answers to {len(facts & rows)} of {len(facts)} facts" if facts - rows else ""
