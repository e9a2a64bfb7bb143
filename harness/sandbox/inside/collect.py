"""The tool that runs a command in a sandbox and brings the files that it left.

Run as ``python -c SOURCE MARK MOST WANTED... -- ARGV...``: what the command writes goes where this
process writes, then comes ``MARK`` with lines for how it ended and one for each file, of ``MOST``
bytes in all, in hexadecimal digits. A hostile command could write such lines as well as such files:
all of it is the command's own word."""

# pathlib would be one more module to load
# ruff: noqa: PTH108, PTH110, PTH113, PTH123, PTH207

from __future__ import annotations

import glob
import os
import sys

STDIN = ".stdin"  #: the file that holds the standard input, gone before the command starts


def main() -> None:
    """See the module."""
    mark, most, *rest = sys.argv[1:]
    at = rest.index("--")
    wanted, argv = rest[:at], rest[at + 1 :]
    if os.path.exists(STDIN):
        os.dup2(os.open(STDIN, os.O_RDONLY), 0)
        os.unlink(STDIN)
    if argv[0] != sys.orig_argv[0]:  # where the interpreter is not at home, another is not either
        os.environ.pop("PYTHONHOME", None)
    try:
        process = os.posix_spawnp(argv[0], argv, os.environ)
    except OSError as error:
        report([mark, "start", os.fsencode(f"{argv[0]}: {error.strerror}").hex()])
        return
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    lines, left = [], int(most)
    for name in sorted({name for one in wanted for name in glob.glob(one, recursive=True)}):
        content = read(name, left + 1)
        if content is not None:
            left -= len(content)
            lines.append(f"{os.fsencode(name).hex()} {content.hex()}")
    report([mark, "output" if left < 0 else "exit", str(code), *(lines if left >= 0 else ())])


def read(name: str, most: int) -> bytes | None:
    """The beginning of a file; ``None`` of what is none, or is another user's behind a link."""
    try:
        with open(name, "rb") as file:
            return file.read(most) if os.path.isfile(name) else None
    except OSError:
        return None


def report(lines: list[str]) -> None:
    """Write the lines behind what the command wrote."""
    data = "\n".join(lines).encode("ascii")
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main()
