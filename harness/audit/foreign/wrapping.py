"""``--wrap``: a scorer that others wrote becomes a verifier and is audited as it is.

The certificate is bound to the bytes of the file that defines it, and to what was said about it on
the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.audit.answers.degenerates import STAND_IN
from harness.audit.foreign import lm_eval
from harness.audit.foreign.adapters import ADAPTERS, Adapted, chosen
from harness.audit.foreign.arguments import DoesNotFit
from harness.audit.foreign.results import read
from harness.audit.foreign.target import find, identifier
from harness.audit.witness import Asked, Witness
from harness.content.case import Case
from harness.content.fixtures import Fixture
from harness.digests import file_digest
from harness.errors import VerifierError
from harness.judging.answer import Answer
from harness.judging.verifier import Judgement, Verifier, unverified, verifier

MISCALLED = ("TypeError", "AttributeError", "IndexError", "KeyError")  # of another signature


@dataclass(frozen=True)
class Wrap:
    """What is wrapped and what its author says of it; the fields are the options of the command."""

    name: str
    adapter: str | None = None
    arguments: dict[str, str] = field(default_factory=dict)
    threshold: float | None = None
    key: str | None = None
    kind: str | None = None
    packages: tuple[str, ...] = ()
    executables: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id of the verifier, which its folder of fixtures is called."""
        return f"wrapped.{identifier(self.name)}"


class Foreign:
    """A scorer called as a verifier; it may read what lies in its ``folders``."""

    def __init__(self, adapted: Adapted, wrap: Wrap, folders: tuple[Path, ...]) -> None:
        self.folders = folders
        self._ask, self._lists = adapted.ask, adapted.lists
        self._key = wrap.key or adapted.key
        self._threshold = adapted.threshold if wrap.threshold is None else wrap.threshold

    def __call__(self, case: Case, answer: Answer) -> Judgement:
        """What the scorer says of one answer."""
        try:
            said = self._ask(case, answer.text)
        except DoesNotFit as error:
            return unverified("does-not-fit", str(error))
        return read(said, self._threshold, self._key, lists=self._lists)


def wrapped(wrap: Wrap, folder: str) -> Verifier:
    """The verifier of a scorer that is importable from ``folder``. Raises
    :class:`VerifierError`."""
    adapted, file, packages = _adapted(wrap, folder)
    foreign = Foreign(adapted, wrap, (Path(folder), file.parent))
    foreign.__doc__ = "The scorer accepts the answer."
    said = asdict(wrap) | {"source": {file.name: file_digest(file)}}
    return verifier(
        wrap.id,
        version=1,
        facet="wrapped",
        packages=[*dict.fromkeys((*wrap.packages, *packages))],
        executables=wrap.executables,
        kind=wrap.kind,
        settings=said,
    )(foreign)


def _adapted(wrap: Wrap, folder: str) -> tuple[Adapted, Path, list[str]]:
    place, _, name = wrap.name.partition(":")
    if wrap.adapter == "lm-eval" or place.endswith((".yaml", ".yml")):
        path = Path(folder, place)
        try:
            return lm_eval.task(path, name), path, ["lm_eval"]
        except (ImportError, OSError, ValueError, KeyError) as error:
            text = f"{type(error).__name__}: {error}"
            raise VerifierError(f"--wrap {wrap.name!r}: no task of lm-eval: {text}") from None
    target = find(wrap.name, folder)
    adapter = ADAPTERS[wrap.adapter or chosen(target.function)]
    try:
        adapted = adapter(target.function, wrap.arguments)
    except DoesNotFit as error:
        raise VerifierError(f"--wrap {wrap.name!r}: {error}") from None
    return adapted, target.file, [target.distribution] if target.distribution else []


def must_fit(wrap: Wrap, fixtures: Sequence[Fixture], witness: Witness) -> None:
    """Ask the scorer about the known goods first. Raises :class:`VerifierError` when it cannot be
    called, or what it returns is no verdict: that is no finding about the scorer."""
    goods = [(one.case, one.answer) for one in fixtures if one.good]
    asks = goods or [(STAND_IN, STAND_IN.expect["gold"])]
    told = witness.tell([Asked(wrap.id, case, Answer(text)) for case, text in asks])
    said = [one.judgement for one in told]
    for one in said:
        if one.reason in ("does-not-fit", "not-a-verdict"):
            raise VerifierError(f"--wrap {wrap.name!r}: {one.evidence}")
    raised = [one.evidence for one in said if one.reason == "raised"]
    if len(raised) == len(said) and (goods or raised[0].startswith(MISCALLED)):
        known = "every known good" if goods else "a plain answer"
        raise VerifierError(
            f"--wrap {wrap.name!r}: it raises on {known}: {raised[0]}\nIs it called as it is meant"
            f" to be? Try --as {'|'.join([*ADAPTERS, 'lm-eval'])}, or --argument NAME=SOURCE"
        )


@contextmanager
def folder_of(wrap: Wrap) -> Iterator[Path]:
    """A folder of verifiers that holds nothing but the scorer, for the judge processes to load.
    Raises :class:`VerifierError` for one that cannot be found or called."""
    wrapped(wrap, str(Path.cwd()))
    with TemporaryDirectory(prefix="harness-wrap-") as scratch:
        said = json.dumps(asdict(wrap))
        source = (
            "import json\n\nfrom harness.audit.foreign.wrapping import Wrap, wrapped\n\n"
            f"said = json.loads({said!r})\nforeign = wrapped(Wrap(**said), {str(Path.cwd())!r})\n"
        )
        (Path(scratch) / "wrapped.py").write_text(source, encoding="utf-8")
        yield Path(scratch)
