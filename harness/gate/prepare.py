"""Everything up to the registration: what was asked for, who judges, what answers, what is decided
beforehand.

Everything a user can get wrong is found here, before the run folder exists. A faulty subject or
verifier is evidence: nothing is judged, and the verdict is VOID with the reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.audit.auditor import certify
from harness.audit.bound import binding
from harness.audit.certificate import Certificate, redacted
from harness.audit.workspace import resolve_sandbox
from harness.content import library, suite, workspace
from harness.content.fixtures import Fixture
from harness.content.library import Entry, Library
from harness.content.strict import nearest
from harness.content.suite import Suite
from harness.content.workspace import Workspace
from harness.deciding import judge
from harness.digests import read_by_loaders, stamps
from harness.engines.base import Answering, WhiteBox
from harness.engines.kept import Cache, Kept
from harness.errors import VerifierError, WorkspaceError
from harness.evidence import registration as registrations
from harness.evidence import releases, secret
from harness.evidence.folder import RunFolder
from harness.evidence.ledger import Ledger, Look
from harness.evidence.registration import Registration
from harness.gate import planning, sentinels
from harness.gate.engines import Load, bench, declared, load_engine, proven, tokenizer
from harness.gate.progress import Estimate, Progress, silent
from harness.judging import discovery
from harness.judging.pool import Pool
from harness.judging.verifier import Verifier
from harness.judging.workers import Judges
from harness.subjects import adapter, identity, kinds, prompts, tokens
from harness.subjects.base import Bench, Fault, Preflight
from harness.subjects.entering import entry as subject
from harness.verdict import Reason


@dataclass(frozen=True)
class Options:
    """What a user asks for; every door fills this in. An adapter outside of the library owes the
    ``suite`` ids, else the suites that the ``paths`` of the command line hold."""

    adapter: str
    base: str | None = None
    library: str | None = None
    sandbox: str = "auto"
    run_dir: str | None = None
    limit: int | None = None
    train_data: str | None = None
    suite: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    replay: str | None = None


@dataclass(frozen=True)
class Wanted:
    """What was asked for, found: the adapter with its base, and the suites that it owes."""

    options: Options
    workspace: Workspace
    library: Library
    entry: Entry
    suites: dict[str, Suite]

    @property
    def registration_path(self) -> Path:
        """Where ``harness gate --register`` writes."""
        return self.workspace.runs.parent / "registrations" / f"{self.entry.name}.json"


@dataclass(frozen=True)
class Prepared:
    """A gate that can be run: who judges and answers, and everything that decides but the answers.

    ``invalid`` are the reasons why nothing may be judged; ``known`` the sentinels by verifier;
    ``verifiers`` who judges, and ``stamps`` those of files, of the base and that a certificate is
    bound to, that may not be written while the gate runs; ``look`` is what the ledger is told,
    ``None`` where nothing held out is seen; ``estimate`` is of what is left to do."""

    wanted: Wanted
    judges: Judges
    engine: Answering
    kept: Kept
    sandbox_description: str
    certificates: dict[str, Certificate]
    preflight: Preflight
    known: dict[str, list[Fixture]]
    ledger: Ledger
    look: Look | None
    registration: Registration
    registered: Registration | None
    invalid: list[Reason]
    verifiers: dict[str, Verifier]
    stamps: dict[str, str]
    bench: Bench
    estimate: Estimate = field(default_factory=Estimate)

    @property
    def settings(self) -> dict[str, Any]:
        """What makes two runs the same run; a resumed run must have all of it equal."""
        from harness import __version__

        entry, found, policy = self.wanted.entry, self.preflight, self.wanted.library.gate
        return {
            "adapter": {
                "name": entry.name,
                "digest": found.adapter_digest,
                "status": entry.adapter.status,
            },
            "base": {"name": entry.base_name, "digest": found.base_digest},
            "suites": {id: each.digest for id, each in self.wanted.suites.items()},
            "certificates": {id: held.digest for id, held in sorted(self.certificates.items())},
            "training": {key: found.training.get(key) for key in ("rules_digest", "data_digest")},
            "policy": policy.model_dump(),
            "registration": self.registration.digest,
            "engine": self.engine.identity,
            "decoding": planning.decoded(policy),
            "sandbox": self.judges.sandbox,
            "sandbox_description": self.sandbox_description,
            "limit": self.wanted.options.limit,
            "secret": secret.commitment(self.judges.secret),
            "harness": __version__,
        }


def look_up(options: Options) -> Wanted:
    """Find the adapter and its suites; raises :class:`WorkspaceError` for what is not there."""
    place = workspace.find(options.library)
    found = library.load(place)
    root = place.folder("suites")
    named = options.suite or (
        suite.held(options.paths, root) if options.adapter not in found.adapters else ()
    )
    cache = workspace.cache_folder()
    entry = subject.entered(place, found, options.adapter, options.base, named, cache)
    suites = [suite.load(file, root) for file in suite.owed(entry.adapter.suites, root)]
    library.check_policy(place, found, suites)
    for each in suites:
        planning.keep_apart(each)
    entry = replace(entry, answers=Path(options.replay) if options.replay else None)
    return Wanted(options, place, found, entry, {each.id: each for each in suites})


def as_asked(wanted: Wanted, engine: Answering) -> Wanted:
    """The suites of mode ``auto`` in the form in which this base is asked: what the library says of
    it, else in chat where it has a chat template."""
    said = wanted.entry.base.mode
    template = getattr(engine, "template", None)
    if template is None:
        template = tokens.template(wanted.entry.base_path)
    chats = said == "chat" or (said is None and bool(template))
    suites = {id: replace(each, chats=chats) for id, each in wanted.suites.items()}
    return replace(wanted, suites=suites)


def preflight(wanted: Wanted, engine: Answering, *, verify: bool = False) -> Preflight:
    """Identity, tensors and effect of the adapter, then its training; ``verify`` reads every byte
    of the base again. Raises :class:`HarnessError`."""
    from harness.subjects.training.examine import examine

    suites, policy, options = list(wanted.suites.values()), wanted.library.gate, wanted.options
    probe = list[list[int]]()
    if isinstance(engine, WhiteBox):
        probe, tokens = prompts.encoded(suites, engine)
        engine.mount(None)  # what another gate of this process left is no longer there
        engine.settle(policy.numerics, tokens)
    memory = None if verify else workspace.cache_folder()
    found = adapter.preflight(wanted.entry, engine, probe, policy.min_effect, memory)
    if isinstance(engine, WhiteBox):
        found.add(prompts.faults(suites, engine))
        found.prompts = prompts.rendered(suites, engine)
    if (held := tokenizer(engine, wanted.entry.base_path)) is not None:
        found.control_tokens = prompts.control_tokens(suites, held)
    data = Path(options.train_data) if options.train_data else None
    trained = examine(wanted.entry, suites, engine, policy, data)
    found.add(trained.faults)
    flagged = {each.id: sorted(trained.flagged(each.id)) for each in suites}
    found.left_out = {id: cases for id, cases in flagged.items() if cases}
    found.training = trained.to_json()
    on = bench(wanted.entry, wanted.suites, engine, found)
    found.add(kinds.of(wanted.entry).examine(on, found))
    if isinstance(engine, WhiteBox):
        engine.stand()
    return found


@contextmanager
def prepare(
    wanted: Wanted, progress: Progress = silent, load: Load = load_engine
) -> Iterator[Prepared]:
    """Judges, audits, engine, preflight and registration of one gate, for as long as it runs.

    ``load`` gives the engine on a base. Raises :class:`HarnessError` for a user's mistake."""
    place, policy, run_dir = wanted.workspace, wanted.library.gate, wanted.options.run_dir
    verifiers = place.folder("verifiers")
    needed = _needed(wanted.suites.values(), verifiers)
    sandbox, description = resolve_sandbox(list(needed.values()), wanted.options.sandbox)
    audits = place.folder("audits")
    with ExitStack() as stack:
        own = secret.of_run(Path(run_dir) if run_dir else None)
        only = discovery.files(verifiers, needed.values())
        judges = stack.enter_context(Judges(verifiers, sandbox, secret=own, only=only))
        hidden = library.certification(place, wanted.library)
        certificates = certify(
            needed.values(), hidden or audits, judges, sandbox, progress, policy.proof
        )
        if (far := wanted.library.cluster) and far.judges:
            bound = {id: held.binding for id, held in certificates.items()}
            unlike = partial(binding.unlike, judges.folder.resolve(), bound, sandbox)
            judges = stack.enter_context(Pool(judges, far, unlike))
        if hidden is not None:
            certificates = {id: redacted(held) for id, held in certificates.items()}
        copy = Path(stack.enter_context(TemporaryDirectory(prefix="harness-")))
        wanted = replace(wanted, entry=identity.taken(wanted.entry, copy))
        held = kinds.in_place(wanted.entry)
        began = stamps([*held, *(path for folder in held for path in read_by_loaders(folder))])
        engine = load(wanted.entry)
        wanted = as_asked(wanted, engine)
        found = preflight(wanted, engine)
        before = RunFolder(Path(run_dir)) if run_dir else None
        resumed = before.settings.engine if before and before.has("settings.json") else {}
        found.add(proven(engine, wanted.suites.values(), policy, resumed))
        found.add(_unlike_released(wanted.entry, place, found))
        found.add(identity.moved(began))
        for folder in held:  # who writes a note into it now has changed nothing that was read
            began.pop(str(folder), None)
        for id, verifier in needed.items():
            began |= stamps(binding.sources(verifier, certificates[id].binding))
        known = sentinels.draw(needed, audits, policy.sentinels, found.adapter_digest)
        ledger = Ledger(place.looks)
        path = wanted.registration_path
        registered = registrations.read(path) if path.exists() else None
        on = bench(wanted.entry, wanted.suites, engine, found)
        plan = planning.register(on, policy, found, certificates, known)
        begun = before.registration if before and before.has("registration.json") else None
        limit, answers = wanted.options.limit, str(engine.identity.get("answers", ""))
        registration, suites = planning.looked(
            plan, wanted.suites, ledger, registered, begun, answers
        )
        registration = declared(engine, registration, registered, suites, limit)
        cache = Cache(workspace.cache_folder())
        stack.callback(cache.close)
        kept = Kept(engine, cache)
        kept.stand(found.base_digest, resumed.get("batch"))
        yield Prepared(
            wanted=replace(wanted, suites=suites),
            judges=judges,
            engine=engine,
            kept=kept,
            sandbox_description=description,
            certificates=certificates,
            preflight=found,
            known=known,
            ledger=ledger,
            look=planning.look(registration, suites, limit, answers),
            registration=registration,
            registered=registered,
            bench=on,
            invalid=judge.validity(registration, found, certificates, registered),
            verifiers=needed,
            stamps=began,
        )


def _unlike_released(entry: Entry, place: Workspace, found: Preflight) -> Iterator[Fault]:
    """Whether the folder of the last release still holds what the record of its release names."""
    last = entry.previous
    digest = releases.released(place.releases, last.name) if last else None
    if last and digest not in (None, found.previous_digest):
        text = f"{last.path}: its bytes are {found.previous_digest}; {digest} was released"
        yield Fault("previous-unfit", text)


def _needed(suites: Iterable[Suite], folder: Path) -> dict[str, Verifier]:
    """The verifiers that the suites name; an unknown one is an error of the suite that names it."""
    found = discovery.discover(folder)
    needed: dict[str, Verifier] = {}
    for each in suites:
        for criterion in each.spec.criteria:
            name = criterion.verifier
            if name not in found.verifiers:
                if found.broken:
                    raise VerifierError("\n".join(found.broken))
                hint = nearest(name, list(found.verifiers))
                where = f"{each.path}: criterion {criterion.id!r}"
                raise WorkspaceError(f"{where}: no verifier {name!r}{hint}")
            needed[name] = found.verifiers[name]
    return needed
