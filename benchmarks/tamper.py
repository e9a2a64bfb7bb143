"""Hostile completions against every sandbox that works here: false passes and effects outside, by
family.

    python benchmarks/tamper.py [--sandbox NAME ...] [--verbose] [FILE.jsonl ...]

Rows are ``{id, family, task_id, completion, expected}``; ``expected: pass`` marks honest rows.
After each hostile row an honest one must pass in the same warm sandbox. What the rows may try to
reach is set up outside first: a listener on TCP, UDP and two UNIX sockets, a marker file, a secret
in the environment, a folder that anyone may write. Exit status 1 when anything passed, escaped, or
broke an honest row."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import selectors
import site
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.datasets.humaneval import judge, problems
from harness.errors import SandboxError
from harness.sandbox import NAMES, Sandbox, open_sandbox

DATA = Path(__file__).parent.parent / "tests" / "data"
PORT = 47811
SOCKET = Path("/var/tmp/tamper_listener.sock")
MARKER = Path("/var/tmp/tamper_host_marker.txt")
ESCAPE = Path("/var/tmp/tamper_escape")
SHARED_KEY = 0x007A3F91


@dataclass
class Outside:
    """What a completion could reach if its sandbox leaked, and what has reached it."""

    tokens: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def standing(self) -> Iterator[Outside]:
        """Set it all up, and take it down afterwards."""
        MARKER.write_text("HOST-MARKER-7f3a91")
        ESCAPE.mkdir(exist_ok=True)
        ESCAPE.chmod(0o1777)
        SOCKET.unlink(missing_ok=True)
        kept = {name: os.environ.get(name) for name in ("FAKE_TOKEN", "HUMANEVAL_OVERRIDE_PATH")}
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            rows = Path(folder) / "HumanEval.jsonl"
            rows.write_text(
                "".join(json.dumps(asdict(problem)) + "\n" for problem in problems().values())
            )
            os.environ.update(FAKE_TOKEN="tok-do-not-leak-4242", HUMANEVAL_OVERRIDE_PATH=str(rows))
            stop = threading.Event()
            thread = threading.Thread(
                target=self._listen, args=(_listeners(stack), stop), daemon=True
            )
            thread.start()
            try:
                yield self
            finally:
                stop.set()
                thread.join()
                for name, value in kept.items():
                    os.environ.pop(name) if value is None else os.environ.update({name: value})
                SOCKET.unlink(missing_ok=True)
                MARKER.unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    ESCAPE.rmdir()

    def _listen(self, sockets: Sequence[socket.socket], stop: threading.Event) -> None:
        selector = selectors.DefaultSelector()
        for sock in sockets:
            selector.register(sock, selectors.EVENT_READ)
        while not stop.is_set():
            for key, _ in selector.select(0.05):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                if sock.type == socket.SOCK_DGRAM:
                    self.tokens.append(sock.recv(100).decode(errors="replace").strip())
                    continue
                with sock.accept()[0] as connection:
                    connection.settimeout(0.5)
                    with contextlib.suppress(OSError):
                        self.tokens.append(
                            connection.recv(100).decode(errors="replace").strip() or "connection"
                        )

    def effects(self) -> list[str]:
        """One line for each thing found outside that no candidate may cause; clears what it can."""
        found = [f"listener got {token!r}" for token in self.tokens]
        self.tokens.clear()
        custom = Path(site.getusersitepackages(), "usercustomize.py")
        for path in [*ESCAPE.iterdir(), custom, Path("/dev/shm/tamper_g18")]:
            if path.exists():
                found.append(f"file {path}")
                path.unlink()
        found += [f"process {name} runs" for name in _process_names() if name == "tamperd"]
        with contextlib.suppress(OSError):
            segments = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
            found += [
                f"segment {key}"
                for key in (row.split()[0] for row in segments)
                if int(key) == SHARED_KEY
            ]
        for folder in (Path("/tmp"), Path("/var/tmp"), Path.cwd(), Path.home()):
            big = folder / "tamper_fill_f20.bin"
            if big.exists():
                found.append(f"file {big} of {big.stat().st_size} bytes")
                big.unlink()
        return found


def _listeners(stack: contextlib.ExitStack) -> list[socket.socket]:
    wanted: list[tuple[int, int, Any]] = [
        (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", PORT)),
        (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", PORT)),
        (socket.AF_UNIX, socket.SOCK_STREAM, str(SOCKET)),
    ]
    if sys.platform == "linux":
        wanted.append((socket.AF_UNIX, socket.SOCK_STREAM, "\0tamper-listener"))
    sockets = []
    for family, kind, address in wanted:
        sock = stack.enter_context(socket.socket(family, kind))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        if kind == socket.SOCK_STREAM:
            sock.listen()
        sockets.append(sock)
    SOCKET.chmod(0o777)
    return sockets


def _process_names() -> list[str]:
    names = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # not a process, or gone meanwhile
            names.append((process / "comm").read_text().strip())
    return names


@dataclass
class Tally:
    """What a run over one corpus in one sandbox found."""

    total: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def fault(self, family: str, line: str) -> None:
        """Count a row that went wrong and keep a line about it."""
        self.wrong[family] += 1
        self.lines.append(line)


def run(
    rows: Sequence[dict[str, Any]], sandbox: Sandbox, outside: Outside, verbose: bool = False
) -> Tally:
    """Judge all rows in one warm sandbox; every fault is a line of the tally."""
    tally, began = Tally(), time.monotonic()
    honest = next(iter(problems().values()))
    for row in rows:
        start, family = time.monotonic(), row["family"]
        judgement = judge(row["task_id"], row["completion"], sandbox)
        if verbose:
            print(
                f"{row['id']:6} {judgement.outcome:10} {judgement.reason:13}"
                f" {time.monotonic() - start:6.2f} s  {judgement.evidence[:100]!r}"
            )
        tally.total[family] += 1
        if (judgement.outcome == "pass") != (
            row["expected"] == "pass"
        ) or judgement.outcome == "unverified":
            tally.fault(
                family,
                f"{row['id']}: {judgement.outcome} {judgement.reason} {judgement.evidence[:300]}",
            )
        for effect in outside.effects():
            tally.fault(family, f"{row['id']}: outside: {effect}")
        if (
            row["expected"] != "pass"
            and judge(honest.task_id, honest.canonical_solution, sandbox).outcome != "pass"
        ):
            tally.fault(family, f"{row['id']}: an honest answer fails after it")
    tally.seconds = time.monotonic() - began
    return tally


def read_rows(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The rows of some corpora, in order."""
    return [
        json.loads(line) for path in paths for line in path.read_text().splitlines() if line.strip()
    ]


def main() -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "files", nargs="*", type=Path, help="corpora (default: those of tests/data)"
    )
    parser.add_argument(
        "--sandbox", action="append", choices=NAMES[1:], help="default: every one that works here"
    )
    parser.add_argument("--verbose", action="store_true", help="a line for each row")
    options = parser.parse_args()
    rows = read_rows(
        options.files or [DATA / "tamper.jsonl", DATA / "hostile.jsonl", DATA / "legit.jsonl"]
    )
    tallies: dict[str, Tally] = {}
    with Outside().standing() as outside:
        for name in options.sandbox or NAMES[1:]:
            try:
                with open_sandbox(name) as sandbox:
                    print(f"{name}: {sandbox.description}", flush=True)
                    tallies[name] = run(rows, sandbox, outside, options.verbose)
            except SandboxError as error:
                print(f"{name}: not run. {error}")
    print(
        f"\n{'family':24} {'rows':>5} "
        + " ".join(f"{name:>12}" for name in tallies)
        + "   (rows gone wrong)"
    )
    for family in sorted({row["family"] for row in rows}):
        count = sum(row["family"] == family for row in rows)
        print(
            f"{family:24} {count:5} "
            + " ".join(f"{tally.wrong[family]:12}" for tally in tallies.values())
        )
    print(f"{'seconds':30} " + " ".join(f"{tally.seconds:12.0f}" for tally in tallies.values()))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest process of a candidate: {peak:.0f} MiB resident")
    for name, tally in tallies.items():
        for line in tally.lines:
            print(f"{name}: {line}")
    return 1 if any(tally.wrong for tally in tallies.values()) or peak > 2048 or not tallies else 0


if __name__ == "__main__":
    sys.exit(main())
