"""The sandbox of macOS: Seatbelt through ``sandbox-exec``, around the fork server and all it
starts.

Seatbelt has no process or mount namespace and no memory limit. The profile denies the network, new
programs, reading outside of the interpreter and writing outside of one private folder; a process
limit of one keeps a candidate from forking; the server watches footprint and folder. Written from
Apple's manual pages and public reports of others."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from harness.errors import SandboxError
from harness.sandbox.backends.landlock import link_library
from harness.sandbox.launch import boot_code, child_environment, private_folder, settings, start
from harness.sandbox.limits import Limits
from harness.sandbox.runtime import Runtime, find_runtime, packages, server_files
from harness.sandbox.task import Server

_PROGRAM = "/usr/bin/sandbox-exec"
_HEAD = """(version 1)
(deny default)
(allow process-fork)
(allow process-info* (target same-sandbox))
(allow signal (target same-sandbox))
(allow sysctl-read)
(allow file-read-metadata)
(allow file-read* (literal "/") (literal "/dev/null") (literal "/dev/zero") (literal "/dev/random")
  (literal "/dev/urandom") (subpath "/usr/lib") (subpath "/System/Library")
  (subpath "/System/Volumes/Preboot/Cryptexes") (subpath "/private/var/db/dyld"))
(allow file-write-data (literal "/dev/null"))
"""


class Seatbelt:
    """macOS 12 or newer; needs nothing to be installed."""

    name = "seatbelt"
    needs = "macOS 12 or newer with /usr/bin/sandbox-exec"

    def __init__(self, readable: tuple[str, ...] = ()) -> None:
        self._readable = readable
        self.description = "seatbelt (sandbox-exec), no network, no new programs for candidates"

    def launch(self, limits: Limits) -> Server:
        """See :class:`harness.sandbox.base.Backend`."""
        if sys.platform != "darwin":
            raise SandboxError("Seatbelt is a part of macOS")
        if os.getuid() == 0:
            raise SandboxError(
                "root is not bound by process limits: run the harness as an ordinary user"
            )
        if not os.access(_PROGRAM, os.X_OK):
            raise SandboxError(f"{_PROGRAM} is missing")
        runtime = find_runtime()
        folder, remove = private_folder()
        temp = folder / "tmp"
        temp.mkdir(mode=0o700)
        try:
            home = link_library(runtime, folder)
        except BaseException:
            remove()
            raise
        profile = folder / "profile.sb"
        profile.write_text(self._profile(runtime, home, temp))
        python = [
            str(runtime.executable),
            "-s",
            "-S",
            "-B",
            "-X",
            "utf8",
            "-c",
            boot_code(str(home / "server")),
        ]
        environment = {**child_environment(str(temp)), "PYTHONHOME": str(home)}
        return start(
            [_PROGRAM, "-f", str(profile), *python],
            environment,
            settings(
                str(temp),
                limits,
                police=True,
                others=1000,
                python_home=str(home),
                packages=str(home / "packages"),
            ),
            remove,
        )

    def _profile(self, runtime: Runtime, home: Path, temp: Path) -> str:
        framework = (
            runtime.prefix
        )  # of a framework build: its dynamic library lies beside the executable
        literals = [runtime.executable, framework / "Python", *server_files().values()]
        trees = [
            home,
            *packages(),
            *runtime.entries,
            *framework.glob("lib/libpython*.dylib"),
            *framework.glob("Resources"),
        ]
        lines = [f"(allow file-read* (literal {_quote(path)}))" for path in literals]
        lines += [
            f"(allow file-read* (subpath {_quote(path)}))"
            for path in [*trees, *map(Path, self._readable)]
        ]
        lines += [f"(allow file-read* file-write* (subpath {_quote(temp)}))"]
        # the server itself is started by this rule; of tools, only those the caller named
        lines += [f"(allow process-exec (literal {_quote(runtime.executable)}))"]
        lines += [f"(allow process-exec (subpath {_quote(Path(path))}))" for path in self._readable]
        return _HEAD + "\n".join(lines) + "\n"


def _quote(path: Path) -> str:
    text = str(path.resolve()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
