"""The router of a pool as it serves, as it is declared, and as the controls have it: what each
chooses for a list of prompts."""

from __future__ import annotations

import importlib
import importlib.util
import random
import re
import types
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness import files
from harness.content import strict
from harness.errors import WorkspaceError
from harness.subjects.kinds.pool import encoders, mechanisms
from harness.subjects.kinds.pool.mechanisms import Choice, State
from harness.subjects.kinds.pool.spec import FITTED, MEMBER, Pool

if TYPE_CHECKING:
    from harness.subjects.base import Bench
    from harness.subjects.kinds.pool.encoders import Table, Vectors

NOISE, EXAMPLES = 10, 8  # times as many adapters of no use are added, with so many examples each
SHUFFLES = 5  # routers that are fitted on shuffled labels
ADDED = "noise"  # how those adapters are called


class Example(strict.Model):
    """A line of ``examples``: a prompt of an adapter; those of one ``task`` are one component."""

    adapter: str
    prompt: str
    task: str = ""


class Router:
    """What chooses for a pool whose files are in ``folders`` by role."""

    def __init__(self, own: Pool, folders: Mapping[str, Path]) -> None:
        self.own, self.said, self.folders = own, own.router, folders

    def chooses(self, prompts: Sequence[str]) -> list[Choice]:
        """What serves: the function, else the declared mechanism."""
        if self.said.function is None:
            return self.declared(prompts)
        return [self._called(prompt) for prompt in prompts]

    def declared(self, prompts: Sequence[str], without: str = "") -> list[Choice]:
        """What the declared mechanism chooses; of a pool ``without`` one adapter."""
        own, said = self.own, self.said
        if said.kind == "function":
            return [self._called(prompt) for prompt in prompts]
        if said.kind == "arrow":
            return self.arrow(prompts, without)
        if said.kind in FITTED:
            if self.unlike:  # a fault says it
                return [Choice(own.fallback)] * len(prompts)
            state = self.state.without(without) if without else self.state
            return mechanisms.chosen(said, state, self.encoded(prompts), own.fallback)
        rules = [(pattern, name) for pattern, name in own.rules if name != without]
        return [Choice(_first(rules, said.kind, prompt) or own.fallback) for prompt in prompts]

    def without(self, name: str, prompts: Sequence[str], chosen: Sequence[Choice]) -> list[str]:
        """What it chooses of a pool that lacks one adapter; of a function nothing is known but that
        the fallback answers."""
        if self.said.function is None:
            return [one.name for one in self.declared(prompts, name)]
        return [self.own.fallback if one.name == name else one.name for one in chosen]

    def arrow(
        self, prompts: Sequence[str], without: str = "", noise: int = 0, *, signed: bool = False
    ) -> list[Choice]:
        """Arrow by the tokens of each prompt, their shares taken together; with ``noise``
        prototypes that point anywhere."""
        kept = {name: rows for name, rows in self.prototypes.items() if name != without}
        if not kept:
            return [Choice(self.own.fallback)] * len(prompts)
        rng, shape = np.random.default_rng(0), next(iter(kept.values())).shape
        extra = {f"{ADDED} {n}": encoders.unit(rng.normal(size=shape)) for n in range(noise)}
        names, rows = list(kept | extra), list((kept | extra).values())
        tokens, each = self._base.tokens(prompts)
        shares = mechanisms.arrow(rows, tokens, self.said.temperature, signed=signed)
        of = [shares[row].mean(axis=0) for row in each]
        return [Choice(names[int(one.argmax())], float(one.max())) for one in of]

    def shuffled(self, prompts: Sequence[str], chosen: Sequence[Choice]) -> list[list[str]]:
        """By prompt what routers choose that were fitted on shuffled labels; where nothing is
        fitted, the choices themselves, shuffled."""
        rounds = []
        for seed in range(SHUFFLES):
            names = [one.name for one in chosen]
            if self.said.kind in FITTED and self.examples:
                labels = [(one.adapter, one.task) for one in self.examples]
                random.Random(seed).shuffle(labels)
                names = [one.name for one in self._fitted(prompts, self._known, labels)]
            else:
                random.Random(seed).shuffle(names)
            rounds.append(names)
        return [list(row) for row in zip(*rounds, strict=True)]

    def noisy(self, prompts: Sequence[str]) -> list[str | None]:
        """What it chooses among ten times as many adapters of no use: such that are fitted on the
        examples' own words in disorder, or point anywhere; ``None`` where nothing can be added."""
        many = NOISE * len(self.own.adapters)
        if self.said.kind == "arrow":
            return [one.name for one in self.arrow(prompts, noise=many)]
        if self.said.kind not in FITTED or not self.examples:
            return [None] * len(prompts)
        rng, words = random.Random(0), [w for e in self.examples for w in e.prompt.split()]
        texts = [" ".join(rng.choices(words, k=16)) for _ in range(many * EXAMPLES)]
        labels = [(e.adapter, e.task) for e in self.examples]
        labels += [(f"{ADDED} {n % many}", "") for n in range(len(texts))]
        known = np.vstack([self._known, self.encoded(texts)])
        return [one.name for one in self._fitted(prompts, known, labels)]

    def _fitted(
        self, prompts: Sequence[str], known: Vectors, labels: Sequence[tuple[str, str]]
    ) -> list[Choice]:
        state = mechanisms.fitted(self.said.kind, known, labels)
        return mechanisms.chosen(self.said, state, self.encoded(prompts), self.own.fallback)

    def encoded(self, prompts: Sequence[str]) -> Vectors:
        """Prompts as the frozen encoder has them."""
        if "encoder" in self.folders:
            return self._encoder.means(prompts)
        return encoders.hashed(tuple(prompts), self.said.encoder.width)

    @cached_property
    def _encoder(self) -> Table:
        return encoders.table(self.folders["encoder"])

    @cached_property
    def _base(self) -> Table:
        return encoders.table(self.folders["base"])

    @cached_property
    def examples(self) -> list[Example]:
        """The examples that the entry names; raises :class:`WorkspaceError` for a line of none."""
        if (path := self.folders.get("examples")) is None:
            return []
        found = []
        for number, row in strict.read_jsonl(path):
            found.append(one := strict.check(row, Example, path, line=number))
            if one.adapter not in self.own.names:
                known = strict.nearest(one.adapter, self.own.names)
                text = f"key 'adapter': found {one.adapter!r}; expected one of the pool{known}"
                raise WorkspaceError(f"{path}:{number}: {text}")
        if not found:
            raise WorkspaceError(f"{path}: no examples; a router cannot be fitted on none")
        return found

    @cached_property
    def _known(self) -> Vectors:
        return self.encoded([one.prompt for one in self.examples])

    @cached_property
    def state(self) -> State:
        """The fitted state: from its file, else from the examples."""
        if (path := self.folders.get("state")) is not None:
            return mechanisms.read(path, self.said.kind, self.own.names)
        labels = [(one.adapter, one.task) for one in self.examples]
        return mechanisms.fitted(self.said.kind, self._known, labels)

    @property
    def needs(self) -> tuple[str, ...]:
        """The arrays of the declared mechanism."""
        return mechanisms.MECHANISMS[self.said.kind][2]

    @property
    def unlike(self) -> bool:
        """Whether the state is of another mechanism than is declared."""
        lacking = set(self.needs) - self.state.arrays.keys()
        return self.state.kind != self.said.kind or bool(lacking)

    @cached_property
    def prototypes(self) -> dict[str, Vectors]:
        """By adapter ``(matrices, width)``: the first right singular vector of its update of each
        matrix of the first layer that reads what the embeddings give."""
        return {
            name: _directions(self.folders[MEMBER.format(name)], self.folders["base"])
            for name in self.own.adapters
        }

    @cached_property
    def _function(self) -> Callable[[str], Any]:
        assert self.said.function is not None
        module, _, name = self.said.function.partition(":")
        path = self.folders["adapter"] / f"{module}.py"
        try:
            if path.is_file():
                held = types.ModuleType(f"harness_pool_{module}")
                held.__file__ = str(path)
                exec(compile(files.read_text(path), str(path), "exec"), vars(held))
            else:
                held = importlib.import_module(module)
            found: Callable[[str], Any] = getattr(held, name)
        except Exception as error:  # whatever foreign code does
            text = f"router.function: {self.said.function!r} cannot be loaded"
            raise WorkspaceError(f"{text}: {type(error).__name__}: {error}") from None
        return found

    def _called(self, prompt: str) -> Choice:
        try:
            said = self._function(prompt)
        except WorkspaceError:
            raise
        except Exception as error:
            text = f"router.function: {self.said.function!r} raised {type(error).__name__}"
            raise WorkspaceError(f"{text}: {error}; asked was {prompt[:60]!r}") from None
        name, p = said if isinstance(said, tuple) and len(said) == 2 else (said, None)
        if name is not None and name not in self.own.names:
            text = f"router.function: {self.said.function!r} gave {name!r}; expected None or one of"
            raise WorkspaceError(f"{text} {', '.join(self.own.names)}")
        if p is not None and not 0 <= p <= 1:
            text = f"router.function: {self.said.function!r} gave the probability {p!r}; expected"
            raise WorkspaceError(f"{text} a number from 0 to 1")
        return Choice(name or self.own.fallback, p)


def of(bench: Bench) -> Router:
    """The router of a bench, made once for the same bytes."""
    digests = tuple(sorted(bench.digests.items()))
    return _made(bench.own.model_dump_json(), tuple(bench.folders.items()), digests)


@lru_cache(maxsize=2)
def _made(
    own: str, folders: tuple[tuple[str, Path], ...], _: tuple[tuple[str, str], ...]
) -> Router:
    return Router(Pool.model_validate_json(own), dict(folders))


def _first(rules: Sequence[tuple[str, str]], kind: str, prompt: str) -> str | None:
    """The adapter of the first rule that fits; a tag stands at either end of a prompt."""
    for pattern, name in rules:
        tag = re.escape(pattern)
        whole = rf"(?i)^\W*{tag}\W|\W{tag}\W*$" if kind == "tag" else pattern
        if re.search(whole, prompt):
            return name
    return None


def _directions(folder: Path, base: Path) -> Vectors:
    from scipy.sparse.linalg import svds

    from harness.subjects.kinds.fused.checkpoint import Checkpoint
    from harness.subjects.kinds.fused.kept import Update

    update, held = Update(folder), Checkpoint(base)
    width, found = int(held.config.get("hidden_size", 0)), []
    first = re.match(r".*?\.\d+\.", [*update.modules(), ""][0])
    for module in update.modules():
        if first and module.startswith(first.group()):
            change = np.array(update.of(module, held.weight(module)))
            if change.shape[-1] == width:
                found.append(svds(change, k=1, v0=np.ones(min(change.shape)))[2][0])
    if not found:
        text = f"changes no matrix of the first layer that reads {width} numbers: Arrow has no"
        raise WorkspaceError(f"{folder}: {text} direction of it")
    return np.array(found)
