"""What can go wrong outside of a verdict, and the boundary to the operating system.

::

    HarnessError                what a command prints in one message, without a traceback
    |-- WorkspaceError          a file a person wrote is missing or wrong: library, suite, fixtures
    |-- VerifierError           a verifier plug-in cannot be loaded
    |-- SandboxError            no sandbox works here, or a sandbox broke
    |-- EngineError             base, adapter, model library, server or cluster cannot be used
    |-- RunError                a run folder is torn, foreign or already in use
    `-- SystemRefused           the operating system refused a file, a folder or a connection

A faulty *subject* or *verifier* is not an error but evidence: it ends in a verdict (NO-SHIP or
VOID). A bad *answer* is not an error either: it is an outcome on a receipt. Anything else that is
raised is a fault of the harness: it keeps its traceback."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class HarnessError(Exception):
    """Base of all errors that are meant for a person; the message says what was found, expected,
    and what to do."""


class WorkspaceError(HarnessError):
    """A hand-written file is missing, unreadable or wrong; the message names file, line, key, found
    and expected."""


class VerifierError(HarnessError):
    """A verifier module cannot be loaded, or breaks the contract; the message names file and
    line."""


class SandboxError(HarnessError):
    """No sandbox works on this machine, or one broke while it ran; untrusted code is then not run
    at all."""


class EngineError(HarnessError):
    """The base, an adapter, the model library, a server or a cluster cannot be used as asked."""


class RunError(HarnessError):
    """A run folder is torn, belongs to other settings, or is in use by another process."""


class SystemRefused(HarnessError):
    """The operating system refused what was asked of it; the message names the path and what to
    do."""


Refuse = Callable[[str], HarnessError]  #: makes the error of a sentence

ROOM = "make room and run the same command again"
PLACE = "name a place that can be written"
REMEDIES = {
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
    errno.EROFS: PLACE,
    errno.EACCES: f"{PLACE}, or change its permissions",
    errno.EPERM: f"{PLACE}, or change its permissions",
    errno.ENOENT: "correct the path, or make its folder first",
    errno.ENOTDIR: "a file stands where the path needs a folder; name another path",
    errno.EEXIST: "a file stands where a folder is needed; name another path",
    errno.EISDIR: "a folder stands where a file is needed; name another path",
    errno.EAGAIN: "too many processes or threads run; end some, or raise the limit (ulimit -u)",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
}


@contextmanager
def boundary(
    refuse: Refuse = SystemRefused,
    path: Path | None = None,
    what: str = "cannot be used",
    remedy: str | None = None,
) -> Iterator[None]:
    """The border to the operating system: what it refuses inside of this block is one sentence.

    ``refuse`` makes the error. ``path`` is named instead of what the system names, which for a full
    disk is nothing; ``remedy`` is said instead of the usual one. Faults of the harness pass."""
    try:
        yield
    except OSError as error:
        named = path or error.filename2 or error.filename or ""
        said = error.strerror or str(error) or type(error).__name__
        usual = REMEDIES.get(error.errno or 0, "") if remedy is None else remedy
        raise refuse(
            f"{f'{named}: ' if named else ''}{what}: {said}{f'; {usual}' if usual else ''}"
        ) from None
    except RuntimeError as error:
        if "start new thread" not in str(error):
            raise
        raise refuse(f"{what}: {error}; {REMEDIES[errno.EAGAIN]}") from None
