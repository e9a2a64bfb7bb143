"""What can go wrong outside of a verdict, and nothing else.

::

    HarnessError                what a command prints in one message, without a traceback
    |-- WorkspaceError          a file a person wrote is missing or wrong: library, suite, fixtures
    |-- VerifierError           a verifier plug-in cannot be loaded
    |-- SandboxError            no sandbox works here, or a sandbox broke
    |-- EngineError             the base, an adapter or the model library cannot be used
    `-- RunError                a run folder is torn, foreign or already in use

A faulty *subject* or *verifier* is not an error but evidence: it ends in a verdict (NO-SHIP or
VOID). A bad *answer* is not an error either: it is an outcome on a receipt.
"""

from __future__ import annotations


class HarnessError(Exception):
    """Base of all errors that are meant for a person; the message says what was found, expected,
    and what to do.
    """


class WorkspaceError(HarnessError):
    """A hand-written file is missing, unreadable or wrong; the message names file, line, key, found
    and expected.
    """


class VerifierError(HarnessError):
    """A verifier module cannot be loaded, or breaks the contract; the message names file and
    line.
    """


class SandboxError(HarnessError):
    """No sandbox works on this machine, or one broke while it ran; untrusted code is then not run
    at all.
    """


class EngineError(HarnessError):
    """The base, an adapter or the model library cannot be used as asked."""


class RunError(HarnessError):
    """A run folder is torn, belongs to other settings, or is in use by another process."""
