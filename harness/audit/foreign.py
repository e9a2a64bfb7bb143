"""Foreign verifiers: any callable ``(answer) -> bool | list of violations``, audited as it is.

``True`` and the empty list are a pass, ``False`` and a list with something in it a failure, and
anything else is ``unverified``. The certificate is bound to the bytes of the module that defines
the callable.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.content.case import Case
from harness.digests import file_digest
from harness.errors import VerifierError
from harness.judging.answer import Answer
from harness.judging.verifier import Judgement, Verifier, failed, passed, unverified, verifier


def wrap(name: str, folder: str) -> Verifier:
    """The verifier ``wrapped.FUNCTION`` of ``MODULE:FUNCTION``, importable from ``folder``. Raises
    :class:`VerifierError`.
    """
    module, _, attribute = name.partition(":")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found = importlib.import_module(module)
        function = getattr(found, attribute)
        digest = file_digest(Path(str(found.__file__)))
    except (ImportError, AttributeError, OSError, ValueError) as error:
        raise VerifierError(
            f"--wrap {name!r}: expected MODULE:FUNCTION, importable from {folder}: {error}"
        ) from None

    @verifier(
        f"wrapped.{attribute}",
        version=1,
        facet="wrapped",
        settings={"callable": name, "source": digest},
    )
    def foreign(_case: Case, answer: Answer) -> Judgement:
        said = function(answer.text)
        if said is True or (isinstance(said, list) and not said):
            return passed()
        if said is False or isinstance(said, list):
            return failed("violations" if said else "refused", f"{said!r:.500}" if said else "")
        return unverified(
            "not-a-verdict",
            f"returned {type(said).__name__}, expected a bool or a list of violations",
        )

    foreign.function.__doc__ = function.__doc__
    return foreign


@contextmanager
def folder_of(name: str) -> Iterator[Path]:
    """A folder of verifiers that holds nothing but the wrapped callable, for the judge processes to
    load.
    """
    with TemporaryDirectory(prefix="harness-wrap-") as scratch:
        source = (
            f"from harness.audit.foreign import wrap\n\nforeign = wrap({name!r},"
            f" {str(Path.cwd())!r})\n"
        )
        (Path(scratch) / "wrapped.py").write_text(source, encoding="utf-8")
        yield Path(scratch)
