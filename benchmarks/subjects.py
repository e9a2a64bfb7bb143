"""What the kinds of subject cost: the memory that a fused checkpoint is read in, how fast a pool is
routed and decided on, the questions of a recall matrix.

    python benchmarks/subjects.py [--shards 4,16] [--side 4096]
    python benchmarks/subjects.py --pool 16,8
    python benchmarks/subjects.py --tenants 50 [--asked 2000]

Each row is a process of its own, whose peak is what the system says of it. Shards are sparse files
of one matrix in bfloat16 with what stands beside it, so that nothing of their size is written."""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

RANK, MATRICES = 8, 4  # of the adapter; matrices in a shard


def checkpoint(folder: Path, shards: int, side: int) -> int:
    """Write a sparse checkpoint; its bytes."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    size, total = 2 * side * side, 0
    for shard in range(shards):
        names = [f"layers.{shard}.{n}.weight" for n in range(MATRICES)]
        rows = {
            name: {
                "dtype": "BF16",
                "shape": [side, side],
                "data_offsets": [n * size, (n + 1) * size],
            }
            for n, name in enumerate(names)
        }
        head = json.dumps(rows).encode()
        path = folder / f"model-{shard:05d}.safetensors"
        with path.open("wb") as file:
            file.write(struct.pack("<Q", len(head)) + head)
            file.truncate(8 + len(head) + MATRICES * size)
        total += path.stat().st_size
    return total


def adapter(folder: Path, shards: int, side: int) -> None:
    import mlx.core as mx

    folder.mkdir()
    said = {"fine_tune_type": "lora", "lora_parameters": {"rank": RANK, "scale": 1.0}}
    (folder / "adapter_config.json").write_text(json.dumps(said))
    a, b = mx.ones((side, RANK)), mx.ones((RANK, side))
    names = [f"layers.{shard}.{n}" for shard in range(shards) for n in range(MATRICES)]
    tensors = {f"{name}.lora_{leaf}": each for name in names for leaf, each in (("a", a), ("b", b))}
    mx.save_safetensors(str(folder / "adapters.safetensors"), tensors)


def read(folder: Path) -> None:
    """In a process of its own: every matrix, and the peak."""
    from harness.subjects.kinds.fused.checkpoint import Checkpoint
    from harness.subjects.kinds.fused.kept import Update, kept

    began = time.monotonic()
    base, fused, update = (
        Checkpoint(folder / "base"),
        Checkpoint(folder / "fused"),
        Update(folder / "soul"),
    )
    for module in update.modules():
        kept(base, fused, update, module)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak_mib": round(peak), "seconds": round(time.monotonic() - began, 1)}))


def measured(shards: int, side: int) -> dict[str, float]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        total = sum(checkpoint(folder / part, shards, side) for part in ("base", "fused"))
        adapter(folder / "soul", shards, side)
        command = [sys.executable, __file__, "--read", name]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {"shards": shards, "gb": round(total / 1e9, 2), **json.loads(said)}


def pool(adapters: int, suites: int, each: int = 100) -> str:
    """A made-up pool: routed decisions a second, encoder and router together and the router alone,
    and the time from the receipts of all answers to U and every number of it."""
    from harness.subjects.base import Evidence
    from harness.subjects.kinds import find
    from harness.subjects.kinds.pool import mechanisms
    from harness.subjects.kinds.pool.routing import Router
    from harness.subjects.kinds.pool.spec import Pool

    names = [f"adapter {n}" for n in range(adapters)]
    asked = {f"suite {s}": [f"Request {n} of topic{s}: write it." for n in range(each)]
             for s in range(suites)}  # fmt: skip
    with TemporaryDirectory() as folder:
        path = Path(folder) / "examples.jsonl"
        rows = [{"adapter": name, "prompt": f"Request {n} of topic{at}, please."}
                for at, name in enumerate(names) for n in range(20)]  # fmt: skip
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        said = {"kind": "gmm", "examples": "examples.jsonl", "reach": 0.5}
        own = Pool.model_validate({"adapters": dict.fromkeys(names, "x"), "router": said})
        router = Router(own, {"examples": path})
        prompts = [prompt for each_of in asked.values() for prompt in each_of]
        router.chooses(prompts[:1])  # which fits it
        began = time.monotonic()
        chosen = router.chooses(prompts)
        whole, known = time.monotonic() - began, router.encoded(prompts)
        began = time.monotonic()
        mechanisms.chosen(own.router, router.state, known, own.fallback)
        alone = time.monotonic() - began
    outcomes, route = {}, {}
    for s, suite in enumerate(asked):
        cases = [str(n) for n in range(each)]
        of = {name: ["pass" if at == s or n % 5 == 0 else "fail" for n in range(each)]
              for at, name in enumerate(names)}  # fmt: skip
        to = [one.name for one in chosen[s * each : (s + 1) * each]]
        arms = {f"member {name}": of[name] for name in names} | {"base": ["fail"] * each}
        arms["adapter"] = [of[name][n] if name in of else "fail" for n, name in enumerate(to)]
        outcomes[suite] = {
            arm: {c: [o] for c, o in zip(cases, got, strict=True)} for arm, got in arms.items()
        }
        for case, name in zip(cases, to, strict=True):
            beside = {"again": name, "plain": name, "put": [name], "shuffled": [name] * 5}
            more = {"noise": None, "without": dict.fromkeys(names, name), "logged": None}
            row = {"adapter": name, "p": 0.9, "ood": False, **beside, **more}
            route[f"{suite} {case}"] = row
    began = time.monotonic()
    find("pool").reasons(Evidence(own, {}, {"route": route}, {}, outcomes))
    decided = time.monotonic() - began
    rate, lookup = len(prompts) / whole, len(prompts) / alone
    return (
        f"{adapters} adapters x {suites} suites x {each} prompts: {rate:.0f} decisions a second,"
        f" {lookup:.0f} of the router alone; U and every number of it in {decided:.2f} s"
    )


def recall(tenants: int, asked: int) -> dict[str, float]:
    """Questions of the recall matrix of so many tenants a second, mixed in batches, of ``asked`` as
    they follow each other: the pocket's base, and memories that are noise."""
    from itertools import islice
    from types import SimpleNamespace
    from typing import Any

    import mlx.core as mx

    from harness.engines.mlx import MlxEngine
    from harness.subjects.base import Bench
    from harness.subjects.kinds.tenants import asking, facts, synthetic

    pocket = Path(__file__).resolve().parent.parent / "examples"
    told = [facts.Fact.model_validate(row) for row in synthetic.facts(tenants)]
    engine = MlxEngine(pocket / "pocket" / "base")
    with TemporaryDirectory() as name:
        memory, folders = pocket / "pocket-tenants" / "shared", {"base": pocket / "pocket" / "base"}
        ids = [f"t{n + 1:02d}" for n in range(tenants)]
        for id in ids:
            folder = Path(name) / id
            shutil.copytree(memory, folder)
            tensors: Any = mx.load(str(memory / "adapters.safetensors"))
            noise = {key: mx.random.normal(value.shape) * 0.01 for key, value in tensors.items()}
            mx.save_safetensors(str(folder / "adapters.safetensors"), noise)
            folders[f"tenant {id}"] = folder
        each = [{"id": id, "adapter": id} for id in ids]
        own = facts.Spec.model_validate({"facts": "-", "each": each, "mode": "chat"})
        entry: Any = SimpleNamespace(adapter=SimpleNamespace(own=own))
        bench = Bench(entry, {}, folders, dict.fromkeys(folders, ""), lambda: engine)
        cases = list(asking.prompts(bench, told))
        began = time.monotonic()
        some = cases[len(cases) // 2 :]
        done = sum(1 for _ in islice(asking.recalled(bench, told, some), asked))
        rate = done / (time.monotonic() - began)
    return {"tenants": tenants, "questions": len(cases), "rate": rate, "left": len(cases) / rate}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", default="4,16")
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--read", type=Path)
    parser.add_argument("--pool", help="adapters and suites, as 16,8")
    parser.add_argument("--tenants", type=int)
    parser.add_argument("--asked", type=int, default=2000)
    chosen = parser.parse_args()
    if chosen.pool:
        print(pool(*map(int, chosen.pool.split(","))))
        return
    if chosen.tenants:
        told = "{tenants} tenants, {questions} questions, {rate:.1f} a second: {left:.0f} s in all"
        print(told.format(**recall(chosen.tenants, chosen.asked)))
        return
    if chosen.read:
        read(chosen.read)
        return
    for shards in map(int, chosen.shards.split(",")):
        print(
            "shards {shards}, {gb} GB read: peak {peak_mib} MiB, {seconds} s".format(
                **measured(shards, chosen.side)
            )
        )


if __name__ == "__main__":
    main()
