"""``harness report RUN``: pages of a run beside the one that its end left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import __version__, files
from harness.errors import RunError
from harness.evidence import attestation
from harness.evidence.folder import RunFolder
from harness.gate.finished.recheck import Rechecked, recheck, so_far
from harness.pages import scorecard
from harness.pages.scorecard import Notice

NAMES = {False: "scorecard-rechecked.html", True: "scorecard-published.html"}
PUBLISHED = "published: held-out prompts, answers and evidence stand as digests, secrets are masked"


def report(
    run: Path, reports: Path, out: Path | None = None, *, published: bool = False
) -> tuple[Path, Rechecked]:
    """Write a page of what a run's receipts say, by default ``scorecard-rechecked.html`` in it,
    which says whether the documents agree, or that the run has not ended. The page of the run's
    end stays as it is.

    ``published`` makes ``scorecard-published.html``, which shows no held-out text. Raises
    :class:`RunError`."""
    if run.is_file():
        raise RunError(f"{run}: not a run folder; a page is made of one")
    path = out or run / NAMES[published]
    if path.resolve() == (run / attestation.PAGE).resolve():
        raise RunError(f"{path}: the page that the run's statement names; give --out another name")
    ended = RunFolder(run).has("verdict.json") or not RunFolder(run).has("receipts.jsonl")
    found = recheck(run) if ended else so_far(run)
    if found.card is None or found.decision is None:
        raise RunError(f"{found.differences[0]}; no page is made of that")
    first = f", first: {found.differences[0]}" if found.differences else ""
    text = f"rechecked with harness {__version__}: {found.sentence}{first}"
    if not ended:
        text = found.differences[0]
    if published:
        text = f"{PUBLISHED}; {text}"
    said = Notice("bad" if found.differences else "good", text, ended)
    page = scorecard.page(found.folder, found.card, found.decision, reports, said, published)
    return files.replace(path, page), found


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
