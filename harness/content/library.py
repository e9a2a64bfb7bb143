"""``library.yaml``: the bases, the adapters with their status, and the policy of the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from harness.content import kinds, releases, strict, suite
from harness.content.kinds.sweep import Sweep
from harness.content.policy import Policy
from harness.content.served import Cluster, Served
from harness.content.suite import Suite
from harness.content.workspace import Workspace
from harness.errors import WorkspaceError

Dtype = Literal["auto", "as-stored"]
Status = Literal["queued", "training", "candidate", "shipped", "superseded", "fixture"]
#: what no gate scores, since it is not to be released; a fixture is scored and never ships
HELD_BACK: tuple[Status, ...] = ("queued", "training", "superseded")


class Base(strict.Model):
    """A model folder as mlx-lm loads it; ``digest`` (sha256:...) pins its bytes. CPUs compute in
    float32, or, with ``dtype: as-stored``, in the type that the folder has. Suites of mode ``auto``
    ask it in ``mode``: where nothing is said, in chat if it has a chat template."""

    path: str
    digest: str | None = Field(default=None, pattern=r"^sha256:[0-9a-f]{64}$")
    dtype: Dtype = "auto"
    mode: suite.Mode | None = None


class Claim(strict.Model):
    """A number somebody published about an adapter, to be held against receipts.

    ``megabytes`` (10^6 bytes of the adapter's folder) needs no ``suite``; the other metrics are
    fractions."""

    text: str
    suite: str | None = None
    metric: Literal["elite_rate", "gain", "pass@1", "megabytes"]
    value: float
    tolerance: float = Field(ge=0)

    @model_validator(mode="after")
    def _names_its_suite(self) -> Claim:
        if (self.suite is None) != (self.metric == "megabytes"):
            raise ValueError(
                f"metric {self.metric!r}: a claim names the suite it is about, but for megabytes"
            )
        return self


class Training(strict.Model):
    """What is known of a training, each optional: data, log and config by path, the environment,
    and a promise.

    ``completions_only`` says that prompts were masked; ``exempt`` names content rules that do not
    hold for this corpus, ``verifiers`` those that were reward or filter of the training."""

    data: str | None = None
    log: str | None = None
    config: str | None = None
    env: dict[str, str | int | float] = {}
    completions_only: bool | None = None
    exempt: list[str] = []
    verifiers: list[str] = []


class Adapter(strict.Model):
    """A LoRA folder, the base it runs on, and the suites it owes before it ships; ``digest`` pins
    its bytes. One of another ``kind`` says more by the key of that name. Releases of one adapter
    share a ``lineage`` (by default its name); ``release`` says which of them it is, and
    ``previous`` which it is held against (by default the last one shipped before it). The facets
    and suites of those that it ``includes`` are its own too. ``engine`` is the server that answers
    for it, else the harness does. ``long`` sweeps its answers over lengths."""

    path: str
    base: str
    status: Status
    kind: str = kinds.ADAPTER
    facets: list[str] = []
    suites: list[str] = []
    includes: list[str] = []
    claims: list[Claim] = []
    trained_on_base: str | None = Field(default=None, pattern=r"^sha256:[0-9a-f]{64}$")
    digest: str | None = Field(default=None, pattern=r"^sha256:[0-9a-f]{64}$")
    train: Training | None = None
    lineage: str | None = Field(default=None, min_length=1)
    release: str | None = Field(default=None, min_length=1)
    engine: Served | None = None
    previous: str | None = Field(default=None, min_length=1)
    long: Sweep | None = None

    @field_validator("includes", mode="before")
    @classmethod
    def _several(cls, said: Any) -> Any:
        return [said] if isinstance(said, str) else said

    @model_validator(mode="after")
    def _owes(self) -> Adapter:
        for key in ("facets", "suites") if self.kind == kinds.ADAPTER else ("facets",):
            if not self.includes and not getattr(self, key):
                raise ValueError(f"at least one of `{key}`, or `includes` of an adapter with some")
        return kinds.checked(self, Adapter)

    @property
    def own(self) -> Any:
        """What its kind asks for beside, by the kind's own model; ``None`` of an adapter."""
        return getattr(self, self.kind, None)


class Draft(strict.Model):
    """The file of somebody who writes verifiers first, and may name no base and no adapter yet.

    ``certification`` is the folder of the fixtures that a gate demands, which the authors of the
    verifiers do not see; those of ``audits/`` then only develop. A ``cluster`` answers and judges
    for every adapter."""

    bases: dict[str, Base] = {}
    adapters: dict[str, Adapter] = {}
    certification: str | None = None
    gate: Policy = Policy()
    cluster: Cluster | None = None


class Library(Draft):
    """The whole file."""

    bases: dict[str, Base] = Field(min_length=1)
    adapters: dict[str, Adapter] = Field(min_length=1)


@dataclass(frozen=True)
class Entry:
    """One adapter with its paths resolved. ``path`` is what is judged and released; ``held``, in a
    gate, the copy of it that is read; ``converted``, where an engine cannot mount that, is the same
    in another form; ``answers`` is the file of its recorded answers, where it is not asked.
    ``previous`` is the last release of its lineage on this base, if any; ``cluster`` answers where
    it is named, else this machine; ``listed`` are the entries of its library by name."""

    name: str
    adapter: Adapter
    path: Path
    base_name: str
    base: Base
    base_path: Path
    root: Path
    converted: Path | None = None
    held: Path | None = None
    previous: Entry | None = None
    answers: Path | None = None
    cluster: Cluster | None = None
    listed: Mapping[str, Adapter] = field(default_factory=dict)

    def folder(self, said: str) -> Path:
        """The folder of another entry of its library, or the one of that name below its root."""
        return self.root / (self.listed[said].path if said in self.listed else said)

    @property
    def read(self) -> Path:
        """The folder whose bytes are digested and looked at."""
        return self.held or self.path

    @property
    def lineage(self) -> str:
        """What its releases have in common."""
        return self.adapter.lineage or self.name

    @property
    def mount(self) -> Path:
        """The folder that an engine mounts."""
        return self.converted or self.read


def load(workspace: Workspace) -> Library:
    """Read and check ``library.yaml``, names included; raises :class:`WorkspaceError`."""
    library, lines = kinds.read(workspace.library, Library, Adapter)
    unknown = [
        (name, "base", one.base, f"the name of a base{strict.nearest(one.base, [*library.bases])}")
        for name, one in library.adapters.items()
        if one.base not in library.bases
    ]
    for name, key, said, expected in (*unknown, *releases.faults(library.adapters)):
        at = ("adapters", name)
        where = f"{workspace.library}:{lines.get((*at, key), lines.get(at, 0))}"
        text = f"key 'adapters.{name}.{key}': found {said!r}; expected {expected}"
        raise WorkspaceError(f"{where}: {text}")
    return library.model_copy(update={"adapters": releases.included(library.adapters)})


def check_policy(workspace: Workspace, library: Library, owed: Sequence[Suite]) -> None:
    """Whether ``gate.margins`` and ``gate.slices`` name suites, ``gate.shown_only`` guards and
    ``gate.secondary`` facets that are ``owed``, or that another adapter of the library owes, and
    ``gate.slices`` tags of what is owed; raises :class:`WorkspaceError`."""
    own = {each.id: each.spec for each in owed}
    policy = library.gate
    if (
        {*policy.margins, *policy.slices, *policy.secondary, *policy.shown_only}
        - own.keys()
        - {spec.facet for spec in own.values()}
    ):
        root = workspace.folder("suites")
        named = [name for adapter in library.adapters.values() for name in adapter.suites]
        for path in suite.owed(named, root):
            own.setdefault(suite.suite_id(path, root), strict.load(path, suite.SuiteFile))
    guards = [id for id, spec in own.items() if spec.role == "guard"]
    facets = [spec.facet for spec in own.values() if spec.role == "facet"]
    margins = [(key, name) for key in ("margins", "slices") for name in getattr(policy, key)]
    wrong = [(key, name, name, [*own]) for key, name in margins if name not in own]
    lists = {"secondary": (policy.secondary, facets), "shown_only": (policy.shown_only, guards)}
    for key, (said, names) in lists.items():
        places = enumerate(said)
        wrong += [(key, str(place), name, names) for place, name in places if name not in names]
    for key, at, name, names in wrong:
        lines = strict.read_yaml(workspace.library)[1]  # by a merge key it has none of its own
        line = lines.get(("gate", key, at), lines.get(("gate",), 0))
        what = {"secondary": "facet", "shown_only": "guard"}.get(key, "suite")
        raise WorkspaceError(
            f"{workspace.library}:{line}: key 'gate.{key}': found {name!r}; expected a {what} that"
            f" an adapter owes{strict.nearest(name, names)}"
        )
    for each in owed:
        tags = {tag for case in each.cases for tag in case.tags}
        for tag in policy.slices.get(each.id, {}).keys() - tags:
            lines = strict.read_yaml(workspace.library)[1]
            line = lines.get(("gate", "slices", each.id, tag), lines.get(("gate",), 0))
            raise WorkspaceError(
                f"{workspace.library}:{line}: key 'gate.slices.{each.id}': found {tag!r}; expected"
                f" a tag of its prompts{strict.nearest(tag, sorted(tags))}"
            )


def draft(workspace: Workspace) -> Draft:
    """What ``library.yaml`` says so far, which may be nothing; raises :class:`WorkspaceError`."""
    return kinds.read(workspace.library, Draft, Adapter, {})[0]


def certification(workspace: Workspace, library: Draft) -> Path | None:
    """The folder of hidden fixtures, where the library names one; raises :class:`WorkspaceError`
    when it is not there."""
    if library.certification is None:
        return None
    folder = workspace.root / library.certification
    if not folder.is_dir():
        raise WorkspaceError(
            f"{workspace.library}: key 'certification': no such folder: {folder}; the gate demands"
            " the fixtures in it, and those of audits/ only develop"
        )
    return folder


def resolve(workspace: Workspace, library: Library, adapter: str, base: str | None = None) -> Entry:
    """Look up an adapter and its last release, and check that its base is there.

    ``base`` overrides the library's: a name or a folder. Raises :class:`WorkspaceError`."""
    made = _entry(workspace, library, adapter, base)
    listed = base in (None, made.adapter.base)
    last = releases.previous(library.adapters, adapter) if listed else None
    return made if last is None else replace(made, previous=_entry(workspace, library, last))


def _entry(workspace: Workspace, library: Library, adapter: str, base: str | None = None) -> Entry:
    if adapter not in library.adapters:
        raise WorkspaceError(
            f"{workspace.library}: no adapter"
            f" {adapter!r}{strict.nearest(adapter, list(library.adapters))}"
        )
    found = library.adapters[adapter]
    base_name = base or found.base
    if base_name in library.bases:
        entry = library.bases[base_name]
    elif base is not None and Path(base).is_dir():
        entry = Base(path=str(Path(base).resolve()))
    else:
        raise WorkspaceError(
            f"--base {base_name}: neither a folder nor a base of {workspace.library}"
            f"{strict.nearest(base_name, list(library.bases))}"
        )
    path, base_path = workspace.root / found.path, workspace.root / entry.path
    _demand(
        base_path, ("config.json", "tokenizer.json"), f"{workspace.library}: bases.{base_name}.path"
    )
    read = (adapter, found, path, base_name, entry, base_path, workspace.root)
    return Entry(*read, cluster=library.cluster, listed=library.adapters)


def _demand(folder: Path, files: tuple[str, ...], where: str) -> None:
    if not folder.is_dir():
        raise WorkspaceError(f"{where}: no such folder: {folder}")
    if missing := [name for name in files if not (folder / name).is_file()]:
        raise WorkspaceError(f"{where}: {folder} lacks {', '.join(missing)}")
