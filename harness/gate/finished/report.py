"""``harness report RUN``: pages and tables of a run beside the page that its end left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import __version__, files
from harness.errors import RunError
from harness.evidence import attestation
from harness.evidence.folder import RunFolder
from harness.gate.finished.recheck import Rechecked, recheck, so_far
from harness.pages import markdown, scorecard, tables
from harness.pages.published import Hidden
from harness.pages.scorecard import Notice

NAMES = {False: "scorecard-rechecked", True: "scorecard-published"}
PUBLISHED = "published: held-out prompts, answers and evidence stand as digests, secrets are masked"


def report(
    run: Path,
    reports: Path,
    out: Path | None = None,
    *,
    published: bool = False,
    form: str = "html",
) -> tuple[Path, Rechecked]:
    """Write a page of what a run's receipts say, by default ``scorecard-rechecked.html`` in it,
    which says whether the documents agree, or that the run has not ended. The page of the run's
    end stays as it is.

    ``published`` makes ``scorecard-published.html``, which shows no held-out text, as Markdown
    (``form`` ``md``) never does. Raises :class:`RunError`."""
    path = out or run / f"{NAMES[published]}.{form}"
    if path.resolve() == (run / attestation.PAGE).resolve():
        raise RunError(f"{path}: the page that the run's statement names; give --out another name")
    found, ended = _again(run)
    if found.card is None or found.decision is None:
        raise RunError(f"{found.differences[0]}; no page is made of that")
    first = f", first: {found.differences[0]}" if found.differences else ""
    text = f"rechecked with harness {__version__}: {found.sentence}{first}"
    if not ended:
        text = found.differences[0]
    if published:
        text = f"{PUBLISHED}; {text}"
    said = Notice("bad" if found.differences else "good", text, ended)
    if form == "md":
        page = markdown.page(found.folder, found.card, found.decision, said)
    else:
        page = scorecard.page(found.folder, found.card, found.decision, reports, said, published)
    return files.replace(path, page), found


def tabled(
    run: Path, form: str, out: Path | None = None, *, published: bool = False
) -> tuple[list[Path], Rechecked]:
    """Write the receipts of a run and all its rates as tables (``csv`` or ``parquet``) into a
    folder, by default its own; ``published`` ones, which say so in their names, hold digests in
    place of held-out texts.

    Raises :class:`RunError`, and :class:`WorkspaceError` where what writes them is missing."""
    found, _ = _again(run)
    if found.card is None:
        raise RunError(f"{found.differences[0]}; no table is made of that")
    rows = found.folder.receipts
    hidden = Hidden(rows) if published else None
    kept = "-published" if published else ""
    frames = {f"receipts{kept}": tables.judged(rows, hidden)}
    frames[f"rates{kept}"] = tables.rates(found.card)
    return tables.export(out or run, form, frames), found


def _again(run: Path) -> tuple[Rechecked, bool]:
    """What a run says once more, and whether it has ended."""
    if run.is_file():
        raise RunError(f"{run}: not a run folder; a page is made of one")
    ended = RunFolder(run).has("verdict.json") or not RunFolder(run).has("receipts.jsonl")
    return (recheck(run) if ended else so_far(run)), ended


def watched(
    folders: list[Path], write: Callable[[], None], pause: Callable[[float], None] = time.sleep
) -> None:
    """Call ``write`` now and whenever a file in ``folders`` was written, until interrupted."""
    before: dict[Path, float] = {}
    for now in _stamps(folders, pause):
        if now != before:
            write()
        before = now


def _stamps(folders: list[Path], pause: Callable[[float], None]) -> Iterator[dict[Path, float]]:
    while True:
        paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        yield {path: path.stat().st_mtime for path in paths}
        pause(0.5)
