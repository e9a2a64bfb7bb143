"""What a sandbox runs to build a C++ answer with its hidden steps and to start it: one command, so
that one sandbox serves both. It runs in there, on the standard library alone, and knows of no
expected value.

    python build.py SCENARIOS SECONDS COMPILER FLAGS...

reads ``all.cpp`` and removes it, takes the word that marks results from its standard input, and
leaves ``built.txt`` (what the compiler said), ``channel`` (what came of each step), ``said.txt``
(what the answer wrote to standard error) and ``how.json``."""

from __future__ import annotations

import json
import math
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

MEMORY = 2 << 30  #: bytes of address space of the compiler
PATIENCE = 50.0  #: seconds by the wall for all scenarios: a machine may be busy


def build(command: list[str]) -> bool:
    """Whether the compiler, whose address space is bounded here, took the program."""
    place = Path("all.cpp")
    with place.open("rb") as source, Path("built.txt").open("wb") as said:
        place.unlink()
        done = subprocess.run(
            [*command, "-x", "c++", "-", "-o", "answer"],
            stdin=source, stdout=said, stderr=said, check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
        )  # fmt: skip
    return done.returncode == 0


def limit(cpu: tuple[int, int]) -> None:
    """Bound the processor time, and take off the limit that a judge sets on its own data: what the
    address sanitizer reserves is over it."""
    resource.setrlimit(resource.RLIMIT_CPU, cpu)
    most = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def run(word: str, scenarios: int, seconds: float) -> list[int]:
    """How each scenario ended, within so many seconds of processor time: the code of its process,
    negative for a signal, 1000 where it waited for too long."""
    os.dup2(os.open("channel", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), 3)
    cpu = (math.ceil(seconds), math.ceil(seconds) + 1)
    end, codes = time.monotonic() + PATIENCE, []
    with Path("said.txt").open("wb") as said:
        for number in range(scenarios):
            try:
                done = subprocess.run(
                    ["./answer", str(number)], input=word.encode() + b"\n",
                    stdout=subprocess.DEVNULL, stderr=said, pass_fds=[3], env={},
                    timeout=max(end - time.monotonic(), 0.05), check=False,
                    preexec_fn=lambda: limit(cpu),
                )  # fmt: skip
                codes.append(done.returncode)
            except subprocess.TimeoutExpired:
                codes.append(1000)
    return codes


def main() -> None:
    """See the module."""
    scenarios, seconds, *command = sys.argv[1:]
    word = sys.stdin.readline().strip()
    built = build(command)
    ended = run(word, int(scenarios), float(seconds)) if built else []
    Path("how.json").write_text(json.dumps({"built": built, "ended": ended}))


if __name__ == "__main__":
    main()
