"""Hostile completions against every sandbox that works here: false passes and effects outside, by
family.

    python benchmarks/tamper.py [--sandbox NAME ...] [--verbose] [FILE.jsonl ...]

Rows are ``{id, family, task_id, completion, expected}``; ``expected: pass`` marks honest rows. A
row with ``tool`` instead is a program for :meth:`Sandbox.run` that prints ``reached`` when it got
there, with ``crowd`` other sandboxes open beside it. While a hostile row runs, honest ones must
pass in a second sandbox, and one after it in its own. Rows of the family j come in pairs, of which
the first leaves something and the second looks for it: they run in a row in one sandbox, and then
once more each in a new one.

What the rows may try to reach is set up outside first: a listener on TCP, UDP and four UNIX
sockets, a marker file with an attribute, a secret in the environment, a folder that anyone may
write. Free disk and threads are watched. Exit status 1 when anything passed, escaped, or broke an
honest row. ``landlock-bare`` is landlock as it is where the kernel grants no namespaces."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import itertools
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

from harness.datasets.humaneval import judge, judge_answer, problems
from harness.errors import SandboxError
from harness.judging.answer import Answer
from harness.sandbox import NAMES, Sandbox, open_sandbox
from harness.sandbox.backends.landlock import Landlock
from harness.sandbox.runtime import find_runtime

DATA = Path(__file__).parent.parent / "tests" / "data"
PORT = 47811
SOCKET = Path("/var/tmp/tamper_listener.sock")
DATAGRAMS = Path("/var/tmp/tamper_dgram.sock")
MARKER = Path("/var/tmp/tamper_host_marker.txt")
ESCAPE = Path("/var/tmp/tamper_escape")
LOCK = Path(tempfile.gettempdir(), f"tamper-{os.getuid()}.lock")
SHARED_KEY = 0x007A3F91
BARE = "landlock-bare"
MOST_DISK, MOST_THREADS = 1 << 30, 400  #: less free, or more in one process, is an effect outside


@dataclass
class Outside:
    """What a completion could reach if its sandbox leaked, and what has reached it."""

    tokens: list[str] = field(default_factory=list)
    free: int = 0  #: bytes of the disk when the row began, and at the least since then
    least: int = 0
    threads: int = 0  #: the most in one process of a sandbox since then
    #: held for a look, so that what was seen of one row is not put down to the next
    look: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def standing(self) -> Iterator[Outside]:
        """Set it all up, and take it down afterwards; one process of this user at a time."""
        with LOCK.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with self._standing():
                yield self

    @contextlib.contextmanager
    def _standing(self) -> Iterator[None]:
        MARKER.write_text("HOST-MARKER-7f3a91")
        with contextlib.suppress(OSError, AttributeError):  # not every file system has them
            os.setxattr(MARKER, "user.secret", b"s3cret")
        ESCAPE.mkdir(exist_ok=True)
        ESCAPE.chmod(0o1777)
        SOCKET.unlink(missing_ok=True)
        DATAGRAMS.unlink(missing_ok=True)
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
                yield
            finally:
                stop.set()
                thread.join()
                for name, value in kept.items():
                    os.environ.pop(name) if value is None else os.environ.update({name: value})
                SOCKET.unlink(missing_ok=True)
                DATAGRAMS.unlink(missing_ok=True)
                MARKER.unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    ESCAPE.rmdir()

    def _listen(self, sockets: Sequence[socket.socket], stop: threading.Event) -> None:
        selector = selectors.DefaultSelector()
        for sock in sockets:
            selector.register(sock, selectors.EVENT_READ)
        while not stop.is_set():
            with self.look:
                self.least = min(self.least, _free_bytes())
                self.threads = max([self.threads, *_threads()])
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

    def begin(self) -> None:
        """Start to watch the disk and the threads anew."""
        with self.look:
            self.free = self.least = _free_bytes()
            self.threads = 0

    def effects(self) -> list[str]:
        """One line for each thing found outside that no candidate may cause; clears what it can."""
        found = [f"listener got {token!r}" for token in self.tokens]
        self.tokens.clear()
        if self.free - self.least > MOST_DISK:
            found.append(f"{(self.free - self.least) >> 20} MiB of the disk were gone")
        if self.threads > MOST_THREADS:
            found.append(f"a process had {self.threads} threads")
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
        for folder in ("/tmp", "/var/tmp", ".", site.getuserbase()):
            big = Path(folder, "tamper_fill_f20.bin")
            if big.exists():
                found.append(f"file {big} of {big.stat().st_size} bytes")
                big.unlink()
        return found


def _listeners(stack: contextlib.ExitStack) -> list[socket.socket]:
    wanted: list[tuple[int, int, Any]] = [
        (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", PORT)),
        (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", PORT)),
        (socket.AF_UNIX, socket.SOCK_STREAM, str(SOCKET)),
        (socket.AF_UNIX, socket.SOCK_DGRAM, str(DATAGRAMS)),
    ]
    if sys.platform == "linux":
        wanted.append((socket.AF_UNIX, socket.SOCK_STREAM, "\0tamper-listener"))
        wanted.append((socket.AF_UNIX, socket.SOCK_DGRAM, "\0tamper-dgram"))
    sockets = []
    for family, kind, address in wanted:
        sock = stack.enter_context(socket.socket(family, kind))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        if kind == socket.SOCK_STREAM:
            sock.listen()
        sockets.append(sock)
    SOCKET.chmod(0o777)
    DATAGRAMS.chmod(0o777)
    return sockets


def _free_bytes() -> int:
    found = os.statvfs(tempfile.gettempdir())
    return found.f_bfree * found.f_frsize


def _threads() -> list[int]:
    """How many each process has that descends from a fork server."""
    counts = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile
            if b"harness.sandbox.inside.worker" in (process / "cmdline").read_bytes():
                counts.append((process / "task").stat().st_nlink - 2)
    return counts


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
    rows: Sequence[dict[str, Any]],
    sandbox: Sandbox,
    outside: Outside,
    verbose: bool = False,
    neighbour: Sandbox | None = None,
    apart: bool = False,
) -> Tally:
    """Judge all rows in one warm sandbox, with honest ones in ``neighbour`` at the same time, and
    with ``apart`` those of the family j again each in a new one; every fault is a line of the
    tally."""
    tally, began = Tally(), time.monotonic()
    for row in rows:
        _try(row, sandbox, outside, tally, verbose, neighbour)
    for row in (row for row in rows if apart and row["family"].startswith("j-")):
        sandbox.close()
        _try({**row, "id": f"{row['id']} apart"}, sandbox, outside, tally, verbose, None)
    tally.seconds = time.monotonic() - began
    return tally


def _try(
    row: dict[str, Any],
    sandbox: Sandbox,
    outside: Outside,
    tally: Tally,
    verbose: bool,
    neighbour: Sandbox | None,
) -> None:
    start, family, hostile = time.monotonic(), row["family"], row["expected"] != "pass"
    outside.begin()
    with _honest_beside(neighbour if hostile else None, row["id"], tally, family):
        outcome, reason, evidence = _outcome(row, sandbox)
    if verbose:
        print(
            f"{row['id']:10} {outcome:10} {reason:13} {time.monotonic() - start:6.2f} s "
            f" {evidence[:100]!r}"
        )
    tally.total[family] += 1
    if (outcome == "pass") == hostile or outcome == "unverified":
        tally.fault(family, f"{row['id']}: {outcome} {reason} {evidence[:300]}")
    for effect in outside.effects():
        tally.fault(family, f"{row['id']}: outside: {effect}")
    # between the two of a pair nothing may come
    if hostile and not family.startswith("j-") and (said := _honest(sandbox, 0)):
        tally.fault(family, f"{row['id']}: an honest answer fails after it: {said}")


def _outcome(row: dict[str, Any], sandbox: Sandbox) -> tuple[str, str, str]:
    if "tool" not in row:
        judgement = judge_answer(
            row["task_id"], Answer(row["completion"]), sandbox, whole=False
        )  # as a gate does: with what is taken from an answer
        return judgement.outcome, judgement.reason, judgement.evidence
    with contextlib.ExitStack() as stack:
        for _ in range(row.get("crowd", 0)):
            stack.enter_context(open_sandbox(sandbox.name)).run(["true"])
        found = sandbox.run([str(find_runtime().executable), "-S", "-c", row["tool"]])
    said = f"{found.stdout[:200]!r} {found.stderr[-200:]!r}"
    return "pass" if b"reached" in found.stdout else "fail", found.reason, said


def _honest(sandbox: Sandbox, number: int) -> str:
    """What is wrong with an honest answer to one of the first tasks; empty when it passes."""
    problem = list(problems().values())[number % 10]
    judgement = judge(problem.task_id, problem.canonical_solution, sandbox)
    return "" if judgement.outcome == "pass" else f"{judgement.reason} {judgement.evidence[:200]}"


@contextlib.contextmanager
def _honest_beside(
    neighbour: Sandbox | None, row: str, tally: Tally, family: str
) -> Iterator[None]:
    """Honest answers in another worker's sandbox, one after the other as long as the block runs."""
    if neighbour is None:
        yield
        return
    over, said = threading.Event(), []

    def work() -> None:
        for number in itertools.count():
            said.append(_honest(neighbour, number))
            if over.wait(0.01):
                return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    for problem in filter(None, said):
        tally.fault(family, f"{row}: an honest answer beside it fails: {problem}")


def read_rows(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The rows of some corpora, in order."""
    return [
        json.loads(line) for path in paths for line in path.read_text().splitlines() if line.strip()
    ]


def _opened(name: str) -> Sandbox:
    return Sandbox(Landlock(namespaces=False)) if name == BARE else open_sandbox(name)


def main() -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "files", nargs="*", type=Path, help="corpora (default: those of tests/data)"
    )
    parser.add_argument(
        "--sandbox",
        action="append",
        choices=[*NAMES[1:], BARE],
        help="default: every one that works here",
    )
    parser.add_argument("--verbose", action="store_true", help="a line for each row")
    options = parser.parse_args()
    rows = read_rows(
        options.files
        or [DATA / f"{name}.jsonl" for name in ("tamper", "hostile", "walls", "legit")]
    )
    tallies: dict[str, Tally] = {}
    with Outside().standing() as outside:
        for name in options.sandbox or NAMES[1:]:
            try:
                with _opened(name) as sandbox, _opened(name) as neighbour:
                    print(f"{name}: {sandbox.description}", flush=True)
                    tallies[name] = run(rows, sandbox, outside, options.verbose, neighbour, True)
            except SandboxError as error:
                print(f"{name}: not run. {error}")
    print(
        f"\n{'family':24} {'rows':>5} "
        + " ".join(f"{name:>13}" for name in tallies)
        + "   (rows gone wrong)"
    )
    for family in sorted({row["family"] for row in rows}):
        count = sum(row["family"] == family for row in rows)
        print(
            f"{family:24} {count:5} "
            + " ".join(f"{tally.wrong[family]:13}" for tally in tallies.values())
        )
    print(f"{'seconds':30} " + " ".join(f"{tally.seconds:13.0f}" for tally in tallies.values()))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest process of a candidate: {peak:.0f} MiB resident")
    for name, tally in tallies.items():
        for line in tally.lines:
            print(f"{name}: {line}")
    return 1 if any(tally.wrong for tally in tallies.values()) or peak > 2048 or not tallies else 0


if __name__ == "__main__":
    sys.exit(main())
