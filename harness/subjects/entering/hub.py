"""A model or an adapter on the Hub, by a revision that cannot move."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from pathlib import Path

from harness.digests import READ
from harness.errors import EngineError, WorkspaceError

_ID = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def is_id(text: str) -> bool:
    """Whether ``text`` reads as ``ORG/NAME`` or ``ORG/NAME@REVISION`` and is no path here."""
    path = Path(text).expanduser()
    return bool(_ID.fullmatch(text)) and not path.exists() and not path.is_symlink()


def fetched(text: str) -> Path:
    """The folder of ``ORG/NAME@COMMIT`` in the Hub's own cache, downloaded where it is not there;
    only what a loader reads.

    Raises :class:`WorkspaceError` for a revision that may move, with the commit that it is at now,
    and :class:`EngineError` when it is neither in the cache nor to be had."""
    import huggingface_hub as hub

    found = _ID.fullmatch(text)
    assert found is not None
    repo, revision = found["repo"], found["revision"]
    if revision is None or not _COMMIT.fullmatch(revision):
        raise WorkspaceError(_unpinned(text, repo, revision))
    patterns = [pattern for pattern in READ if pattern not in ("*.py", "adapters.npz")]
    load = partial(hub.snapshot_download, repo, revision=revision, allow_patterns=patterns)
    with suppress(Exception):  # not in the cache, or not all of it
        kept = Path(load(local_files_only=True))
        if any(kept.glob("*.safetensors")):
            return kept
    try:
        return Path(load())
    except Exception as error:  # the network in all its ways
        raise EngineError(
            f"{text}: not in the cache of the Hub, and cannot be had from it ({_brief(error)});"
            " download it where there is a network (hf download), or give a folder"
        ) from None


def _unpinned(text: str, repo: str, revision: str | None) -> str:
    """Why a revision is refused, with the commit that it names today where the Hub can be asked."""
    import huggingface_hub as hub

    why = f"{text}: a run is of one commit, and {revision or 'no revision'} may move"
    try:
        commit = hub.HfApi().repo_info(repo, revision=revision).sha
    except Exception as error:
        return f"{why}; give {repo}@ and the 40 digits of a commit ({_brief(error)})"
    return f"{why}; it is at {repo}@{commit} now"


def _brief(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:160]}" if text else type(error).__name__
