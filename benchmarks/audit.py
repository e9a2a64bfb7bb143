"""What an audit costs: probes a second through the whole audit of a small verifier, and the shipped
workspace.

    python benchmarks/audit.py [--repeat 3]
    python benchmarks/audit.py --family gamedev [--together] [--sandbox NAME]

The first figure is for a verifier that compares two strings, so that nearly all of it is the
harness: making the probes, judging them in another process, judging again elsewhere, and writing
the certificate. Seconds are of one core: CPU time of this process and of every judge process, so
that a busy machine does not change them. Of a family each facet is audited by itself as it is
typed, with ``--together`` all in one command, and then looked at again; what runs in a sandbox is
in the time by the wall alone."""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from harness.audit.auditor import certify
from harness.audit.certificate import Certificate, State
from harness.audit.witness import Witness
from harness.audit.workspace import audit_workspace
from harness.content import strict, suite
from harness.judging.discovery import digest, discover

ROOT = Path(__file__).resolve().parent.parent
VERIFIER = """\
from harness import failed, passed, verifier


@verifier("bench.says", version=1, facet="bench")
def says(case, answer):
    return passed() if answer.text.strip() == case.expect["wanted"] else failed("other")
"""


def workspace(folder: Path, tasks: int = 60) -> Path:
    """A workspace with one pure-Python verifier and three known answers for each of ``tasks``."""
    (folder / "verifiers").mkdir(parents=True)
    (folder / "verifiers" / "bench.py").write_text(VERIFIER, encoding="utf-8")
    goods = [
        {
            "name": f"task-{n}",
            "case": {
                "prompt": f"Say that box {n} is red.",
                "expect": {"wanted": f"The box {n} is red."},
            },
            "answer": f"The box {n} is red.",
        }
        for n in range(tasks)
    ]
    spoil = [
        {"name": word, "replace": " is ", "by": f" is {word} ", "why": f"it says {word}"}
        for word in ("not", "very")
    ]
    (folder / "audits" / "bench.says").mkdir(parents=True)
    fixtures = {"verifier": "bench.says", "good": goods, "spoil": spoil}
    (folder / "audits" / "bench.says" / "fixtures.yaml").write_text(
        json.dumps(fixtures), encoding="utf-8"
    )
    return folder


def measured(work: Callable[[], list[Certificate]]) -> tuple[list[Certificate], float, float]:
    """``(certificates, CPU seconds of this process and its children, wall seconds)``."""
    before, began = cpu(), time.perf_counter()
    held = work()
    return held, cpu() - before, time.perf_counter() - began


def cpu() -> float:
    """CPU seconds of this process and of the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def small(folder: Path) -> list[Certificate]:
    """Audit the small workspace without its stored certificate."""
    found = discover(folder / "verifiers").verifiers
    witness = Witness(folder / "verifiers", digest(folder / "verifiers"), None)
    return list(certify(found.values(), folder / "audits", witness, None).values())


def family(name: str, sandbox: str, *, together: bool) -> None:
    """Print what ``harness audit`` of the facets of a family costs, cold and kept."""
    root = ROOT / "suites"
    specs = [strict.load(path, suite.SuiteFile) for path in sorted(root.glob(f"{name}/*/*.yaml"))]
    facets = {spec.facet: [one.verifier for one in spec.criteria] for spec in specs}
    every = [id for ids in facets.values() for id in ids]
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["HARNESS_CACHE"] = scratch
        for title, ids in {name: every}.items() if together else facets.items():
            print(f"{title:<16} cold  {typed(ids, sandbox)}", flush=True)
        print(f"{name:<16} kept  {typed(every, sandbox)}")


def typed(ids: list[str], sandbox: str) -> str:
    """What the command takes for these verifiers."""
    before, began = cpu(), time.perf_counter()
    command = [sys.executable, "-m", "harness", "audit", *ids, "--sandbox", sandbox]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    wall = time.perf_counter() - began
    return f"{cpu() - before:7.2f} s CPU  {wall:7.2f} s  exit code {done.returncode}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", metavar="NAME", help="a folder of suites/, by facet")
    parser.add_argument("--together", action="store_true", help="the family in one command")
    parser.add_argument("--sandbox", default="auto", help="that of --family (default: auto)")
    parser.add_argument(
        "--repeat", type=int, default=3, help="runs of each part; the median counts (default: 3)"
    )
    args = parser.parse_args()
    if args.family:
        family(args.family, args.sandbox, together=args.together)
        return 0
    repeat = args.repeat
    used: dict[str, list[float]] = {}
    walls: dict[str, list[float]] = {}
    probes: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = workspace(Path(scratch) / "small")
        parts: dict[str, Callable[[], list[Certificate]]] = {
            "one verifier": lambda: small(folder),
            "workspace, cold": lambda: audit_workspace(str(ROOT), []).certificates,
            "workspace, kept": lambda: audit_workspace(str(ROOT), []).certificates,
        }
        for number in range(repeat):
            os.environ["HARNESS_CACHE"] = str(Path(scratch) / f"cache-{number}")
            for name, work in parts.items():
                held, seconds, wall = measured(work)
                wrong = [
                    certificate.sentence()
                    for certificate in held
                    if certificate.state is not State.VALID
                ]
                if wrong:
                    sys.exit("\n".join(wrong))
                own = sum(certificate.seconds * certificate.calls for certificate in held)
                used.setdefault(name, []).append(
                    seconds - own if name == "one verifier" else seconds
                )
                walls.setdefault(name, []).append(wall)
                probes[name] = sum(
                    c.calls + 2 * (c.good + c.bad) for c in held
                )  # known answers are judged three times
    for name in parts:
        seconds, wall = statistics.median(used[name]), statistics.median(walls[name])
        rate = (
            ""
            if name.endswith("kept")
            else f"  {probes[name]} probes, {probes[name] / seconds:,.0f} a second of one core"
        )
        print(f"{name:<16} {seconds:6.2f} s CPU  {wall:6.2f} s{rate}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
