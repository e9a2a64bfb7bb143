"""The planted faults of a pool, F4.1 to F4.12, each beside its clean twin: routers of the pocket's
adapters as a preflight looks at them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import files
from harness.content.workspace import shipped
from harness.digests import folder_digest
from harness.subjects.kinds import Plant
from harness.subjects.kinds.pool import rooms
from harness.subjects.kinds.pool.routing import Router
from harness.subjects.kinds.pool.spec import Pool
from harness.subjects.kinds.stream.plants import lines

Said = dict[str, Any]
FACETS, ADAPTERS = {"java": "legacy", "godot": "gamedev"}, "examples/pocket/adapters/"
RULES = {"Java|Jakarta": "legacy", "GDScript": "gamedev"}


def rows(facet: str, dev: str = ".dev") -> list[Said]:
    """The dev prompts of a facet of the pocket, or with an empty word the held-out ones."""
    text = (shipped() / f"suites/pocket/{facet}{dev}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def pool(folder: Path, router: Said, *, gone: str = "", **more: Any) -> Said:
    """A workspace whose ``subject`` is a pool of the pocket's two adapters behind this router; what
    its entry says of it."""
    examples = [
        {"adapter": name, "prompt": row["prompt"]}
        for facet, name in FACETS.items()
        for row in rows(facet)
    ]
    files.make_folder(folder / "router")
    lines(folder / "router" / "examples.jsonl", [*examples, *more.pop("examples", [])])
    at = {name: str(shipped() / ADAPTERS / name) for name in FACETS.values()}
    said: Said = {"adapters": at | ({gone: "adapters/gone"} if gone else {}), **more}
    fitted = {} if "rules" in router else {"examples": "router/examples.jsonl", "reach": 0.2}
    said["router"] = {**fitted, **router}
    entry: Said = {"kind": "pool", "path": "router", "base": "pocket", "status": "candidate"}
    entry |= {"facets": ["pocket-java", "pocket-godot"], "pool": said}
    entry["suites"] = [f"pocket/{facet}" for facet in FACETS]
    base = {"path": str(shipped() / "examples/pocket/base"), "mode": "completion"}
    files.write_json(
        folder / "library.yaml", {"bases": {"pocket": base}, "adapters": {"subject": entry}}
    )
    return said


def state(folder: Path, **more: Any) -> Said:
    """A router of a state file, fitted on the examples; ``more`` stands in it otherwise."""
    said = pool(folder, {"kind": "gmm"})
    fitted = Router(Pool.model_validate(said), {"examples": folder / "router/examples.jsonl"}).state
    arrays = {key: held.tolist() for key, held in fitted.arrays.items()}
    head: Said = {"kind": "gmm", "adapters": fitted.adapters, "near": fitted.near, **arrays}
    files.write_json(folder / "router" / "state.json", head | more)
    return pool(folder, {"kind": "gmm", "state": "router/state.json"})


def served(folder: Path, kind: str, code: str, **more: Any) -> None:
    """A pool whose router is a function of its own."""
    declared: Said = {"rules": RULES} if kind == "regex" else {}
    pool(folder, {"kind": kind, "function": "router:route", **declared}, **more)
    (folder / "router" / "router.py").write_text(code, encoding="utf-8")


def logged(
    folder: Path, router: Said, log: Callable[[Router, list[str]], list[list[str]]], **more: Any
) -> None:
    """A pool with the log of what serves it: who answered each of the held-out prompts."""
    own = Pool.model_validate(pool(folder, router))
    at = {f"member {name}": Path(path) for name, path in own.adapters.items()}
    at |= {"base": shipped() / "examples/pocket/base", "adapter": folder / "router"}
    found, asked = Router(own, at), [(facet, row) for facet in FACETS for row in rows(facet, "")]
    answered = log(found, [row["prompt"] for _, row in asked])
    lines(
        folder / "log.jsonl",
        [
            {"suite": f"pocket/{facet}", "case": row["id"], "adapters": names}
            for (facet, row), names in zip(asked, answered, strict=True)
        ],
    )
    pool(folder, router, log="log.jsonl", **more)


def _drifted(folder: Path, planted: bool) -> None:
    base = shipped() / "examples/pocket/base"
    shutil.copytree(base, folder / "encoder")
    if planted:
        config = folder / "encoder" / "config.json"
        config.write_text(config.read_text(encoding="utf-8") + " ", encoding="utf-8")
    frozen = {"path": "encoder", "digest": folder_digest(base)}
    pool(folder, {"kind": "lorauter", "encoder": frozen}, stable=0.3)


def _by_heart(folder: Path, planted: bool) -> None:
    code = (
        "import json, pathlib, re\n"
        f"SUITES = pathlib.Path({str(shipped() / 'suites/pocket')!r})\n"
        f"NAMES = {FACETS!r}\n"
        "KNOWN = {json.loads(line)['prompt']: name for facet, name in NAMES.items()\n"
        "         for line in (SUITES / f'{facet}.jsonl').read_text().splitlines()}\n"
    )
    read = "KNOWN.get(prompt)" if planted else "'legacy' if 'Java' in prompt else 'gamedev'"
    served(folder, "function", f"{code}def route(prompt):\n    return {read}\n")


def _unsigned(folder: Path, planted: bool) -> None:
    logged(folder, {"kind": "arrow"}, lambda router, prompts: [
        [one.name] for one in router.arrow(prompts, signed=planted)
    ], stable=0.3)  # fmt: skip


def _round_robin(folder: Path, planted: bool) -> None:
    state(folder)
    if planted:
        head = {"kind": "round_robin", "adapters": ["gamedev", "legacy"], "turn": [0]}
        files.write_json(folder / "router" / "state.json", head)


def _round_robin_serves(folder: Path, planted: bool) -> None:
    turns = (
        "import itertools\nturn = itertools.cycle(['gamedev', 'legacy'])\n"
        "def route(prompt):\n    return next(turn)\n"
    )
    rule = "def route(prompt):\n    return 'legacy' if 'Ja' in prompt else 'gamedev'\n"
    served(folder, "gmm", turns if planted else rule)


def _gone(folder: Path, planted: bool) -> None:
    pool(folder, {"kind": "gmm"}, gone="gamedev" if planted else "")


def _picks(folder: Path, planted: bool) -> None:
    """As the factory's own: the default where no folder of that name is there."""
    at = folder / "gone" if planted else shipped() / ADAPTERS
    code = (
        f"import pathlib\nADAPTERS = pathlib.Path({str(at)!r})\n"
        "def route(prompt):\n"
        "    name = 'legacy' if 'Java' in prompt or 'Jakarta' in prompt else 'gamedev'\n"
        "    return name if (ADAPTERS / name).is_dir() else 'gamedev'\n"
    )
    served(folder, "regex", code)


def _thin(folder: Path, planted: bool) -> None:
    state(folder, **({"counts": [6, 1]} if planted else {}))


def _per_token(folder: Path, planted: bool) -> None:
    state(folder, per="token" if planted else "request")


def _mixed(folder: Path, planted: bool) -> None:
    def log(router: Router, prompts: list[str]) -> list[list[str]]:
        chosen = [one.name for one in router.chooses(prompts)]
        return [[name, "legacy", name] if planted else [name] for name in chosen]

    logged(folder, {"kind": "regex", "rules": RULES}, log)


def _leak(folder: Path, planted: bool) -> None:
    held = [{"adapter": "legacy", "prompt": row["prompt"]} for row in rows("java", "")[:5]]
    pool(folder, {"kind": "gmm"}, examples=held if planted else [])


KNOWN: tuple[tuple[str, str, str, Any, str], ...] = (
    ("F4.1", "pool-collapsed", "everything goes to one adapter", rooms.collapsed, ""),
    ("F4.2", "pool-dead", "the best adapter of a facet gets nothing", rooms.dead, ""),
    ("F4.3", "pool-worse", "95 % routed right, no better than one adapter", rooms.no_gain, ""),
    ("F4.4", "pool-encoder", "the bytes of the encoder are others", _drifted, ""),
    ("F4.5", "pool-label", "the router reads the evaluation's own files", _by_heart, ""),
    ("F4.6", "pool-shuffled", "prototypes in another order than names", rooms.shuffled, ""),
    ("F4.7", "pool-other", "Arrow without the absolute value", _unsigned, ""),
    ("F4.8", "pool-state", "declared gmm, the state is round robin", _round_robin, "state"),
    ("F4.8", "pool-other", "declared gmm, what serves is round robin", _round_robin_serves, ""),
    ("F4.9", "pool-missing", "the folder of an adapter is not there", _gone, "pool"),
    ("F4.9", "pool-other", "the factory's _pick falls back without a word", _picks, ""),
    ("F4.10", "pool-thin", "a component fitted on one example", _thin, "state"),
    ("F4.11", "pool-per-token", "its state decides for each token", _per_token, "state"),
    ("F4.11", "pool-mixed", "several adapters answered one request", _mixed, ""),
    ("F4.12", "pool-leak", "held-out prompts among the examples", _leak, "pool"),
)
PLANTS = tuple(Plant(n, code, what, build, twin=twin) for n, code, what, build, twin in KNOWN)
