"""What was released, by which run, and who overruled it: ``override.json`` in a run folder, and a
folder of records beside the library that is committed with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from harness import files
from harness.content import strict
from harness.errors import RunError
from harness.evidence import documents
from harness.evidence.registration import Registration
from harness.verdict import Name, Reason, Verdict

OVERRIDE = "override.json"
#: how an option that takes a secret is named, and what a secret looks like
NAMED = re.compile(
    r"(?i)token|passw|secret|credential|api-?_?key|authoriz|^-u$|^--(?:proxy-)?user$"
)
HEADER = re.compile(r"(?i)^([\w-]*(?:token|secret|key|auth|cookie)[\w-]*:)\s*\S.*")
SECRETS = re.compile(
    r"\b(?:sk|pk|rk|hf|gh[pousr]|glpat|xox[abprs])[-_][\w-]{16,}|\bAKIA[0-9A-Z]{16}\b"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+|(?<=Bearer )\S{8,}|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END|$)"
)
#: reasons that are no person's to overrule
NOBODYS = frozenset({"registered-after"})


class Override(strict.Model):
    """A person's word against reasons of a run, until the end of a day (``YYYY-MM-DD``), bound to
    the registration and the receipts that it is about."""

    by: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    codes: list[str] = Field(min_length=1)
    until: str = Field(pattern=r"^\d{4}-\d\d-\d\d$")
    day: str
    registration: str
    receipts_digest: str

    @property
    def sentence(self) -> str:
        """What every page and every line about the run says."""
        codes = ", ".join(self.codes)
        return f"OVERRULED by {self.by} until {self.until} ({codes}): {self.reason}"

    def faults(self, plan: Registration, receipts_digest: str) -> Iterator[str]:
        """Why it overrules nothing, or nothing more."""
        bound = (self.registration, self.receipts_digest)
        if bound != (plan.digest, receipts_digest):
            yield f"{OVERRIDE}: is about another run: {self.registration}, {self.receipts_digest}"
        if self.until < datetime.now(UTC).strftime("%Y-%m-%d"):
            yield f"{OVERRIDE}: ended on {self.until}"

    def left(self, verdict: Verdict) -> list[Reason]:
        """The reasons against a release that it leaves; evidence that is not valid is nobody's to
        overrule."""
        return [
            reason
            for reason in verdict.reasons
            if reason.verdict is Name.VOID
            or reason.code in NOBODYS
            or (reason.verdict is not Name.SHIP and reason.code not in self.codes)
        ]


class Record(strict.Model):
    """One time that a command was run to release an adapter: what it was given, and whether it
    ended well (``outcome``: ``shipped``, ``failed``, or ``changed`` where the bytes were others
    when it had ended)."""

    adapter: str
    adapter_digest: str
    base: str
    base_digest: str
    run: str
    registration: str
    receipts_digest: str
    verdict: Name = Field(strict=False)
    command: list[str]
    exit_code: int
    outcome: Literal["shipped", "failed", "changed"]
    began: str
    ended: str
    by: str
    harness: str
    override: Override | None = None


def masked(command: Sequence[str]) -> list[str]:
    """A command as it may be committed: without the secrets on its line."""
    shown, hide = [], False
    for part in command:
        name, is_, _ = part.partition("=")
        named = NAMED.search(name) is not None
        if hide:
            shown.append("***")
        elif named and is_:
            shown.append(f"{name}=***")
        else:
            shown.append(SECRETS.sub("***", HEADER.sub(r"\1 ***", part)))
        hide = named and name.startswith("-") and not is_ and not hide
    return shown


def record(folder: Path, made: Record) -> Path:
    """Write a record, which no other replaces; its file."""
    stamp = re.sub(r"\D", "", made.began)[:14]
    name = re.sub(r"[^\w.-]", "_", made.adapter)
    path, number = folder / f"{name}-{stamp}.json", 1
    files.make_folder(folder, RunError)
    while path.exists():
        number += 1
        path = folder / f"{name}-{stamp}-{number}.json"
    return documents.write(path, made.model_dump(), Record, refuse=RunError)


def released(folder: Path, adapter: str) -> str | None:
    """The digest of what was last shipped by this name; ``None`` where no record says so."""
    shipped = [one for one in records(folder) if (one.adapter, one.outcome) == (adapter, "shipped")]
    return max(shipped, key=lambda one: one.ended).adapter_digest if shipped else None


def records(folder: Path) -> list[Record]:
    """Every record; raises :class:`RunError` for one that cannot be read."""
    return [documents.read(path, Record) for path in sorted(folder.glob("*.json"))]
