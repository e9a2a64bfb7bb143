"""The sandbox of bubblewrap: every namespace of its own, an empty root, no network."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

from harness.errors import SandboxError
from harness.sandbox.inside import seccomp
from harness.sandbox.launch import boot_code, child_environment, free_uid, settings, start
from harness.sandbox.limits import Limits
from harness.sandbox.runtime import EXCLUDED, Runtime, find_runtime, packages, server_files
from harness.sandbox.task import Server

INSIDE = "/harness"  #: where the server's own files are mounted
PACKAGES = "/packages"


class Bubblewrap:
    """Linux, with the ``bwrap`` program. Needs no root where unprivileged user namespaces are
    allowed."""

    name = "bubblewrap"
    needs = (
        "install bubblewrap (apt-get install bubblewrap); where AppArmor or a sysctl refuses user"
        " namespaces, allow bwrap there"
    )

    def __init__(self, readable: tuple[str, ...] = ()) -> None:
        self._readable = readable
        self.description = "bubblewrap"

    def launch(self, limits: Limits) -> Server:
        """See :class:`harness.sandbox.base.Backend`."""
        program = shutil.which("bwrap")
        if program is None:
            raise SandboxError("the program bwrap is not on PATH")
        if not seccomp.supported():
            raise SandboxError(f"no system call table for {os.uname().machine}")
        self.description = f"{_version(program)}, all namespaces, no network, seccomp"
        command = self._command(program, find_runtime(), limits)
        return start(command, {}, settings("/tmp", limits, uid=free_uid(), packages=PACKAGES))

    def _command(self, program: str, runtime: Runtime, limits: Limits) -> list[str]:
        can = _options(program)
        command = [
            program,
            "--unshare-pid",
            "--unshare-net",
            "--unshare-ipc",
            "--unshare-uts",
            "--unshare-cgroup-try",
        ]
        if os.getuid() == 0:
            # mounts are made by root, then the server gives its own privileges up
            command += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        else:
            command += [
                "--unshare-user",
                *(["--disable-userns"] if "--disable-userns" in can else []),
            ]
        command += [
            "--die-with-parent",
            "--as-pid-1",
            "--new-session",
            "--hostname",
            "sandbox",
            "--clearenv",
        ]
        for name, value in child_environment("/tmp").items():
            command += ["--setenv", name, value]
        command += _read_only(runtime, self._readable)
        command += ["--perms", "0755", "--dir", "/dev"]
        for device in ("null", "zero", "random", "urandom"):
            command += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
        size = ["--size", str(limits.temp_bytes)] if "--size" in can else []
        command += [
            "--perms",
            "0777",
            *size,
            "--tmpfs",
            "/tmp",
            "--remount-ro",
            "/",
            "--chdir",
            "/tmp",
        ]
        return [
            *command,
            str(runtime.executable),
            "-s",
            "-S",
            "-B",
            "-X",
            "utf8",
            "-c",
            boot_code(INSIDE),
        ]


@functools.cache
def _read_only(runtime: Runtime, others: tuple[str, ...]) -> tuple[str, ...]:
    """The options that mount them; found once, as each tool has a sandbox of its own."""
    mounts: dict[Path, Path] = {
        runtime.executable: runtime.executable,
        runtime.stdlib: runtime.stdlib,
    }
    for name, real in (runtime.library_names | {Path(one): Path(one) for one in others}).items():
        # /lib may itself be a link: mount where the name really lies
        mounts[name.parent.resolve() / name.name] = real
    command = []
    # a private home on the way to the interpreter is made anew, open to the user inside
    for folder in sorted(
        {folder for place in mounts for folder in place.parents if folder != Path("/")}
    ):
        command += ["--perms", "0755", "--dir", str(folder)]
    for target, source in mounts.items():
        command += ["--ro-bind", str(source), str(target)]
    for part in sorted(EXCLUDED):
        if (runtime.stdlib / part).is_dir():
            command += [
                "--tmpfs",
                str(runtime.stdlib / part),
                "--remount-ro",
                str(runtime.stdlib / part),
            ]
    for link in (Path("/lib"), Path("/lib64"), Path("/bin")):
        if link.is_symlink():
            command += ["--symlink", str(link.readlink()), str(link)]
    command += ["--perms", "0755", "--dir", PACKAGES]
    for package in packages():
        command += ["--ro-bind", str(package), f"{PACKAGES}/{package.name}"]
    for inside, file in server_files().items():
        command += ["--ro-bind", str(file), f"{INSIDE}/{inside}"]
    return tuple(command)


@functools.cache
def _options(program: str) -> frozenset[str]:
    text = subprocess.run([program, "--help"], capture_output=True, text=True, check=False).stdout
    return frozenset(word for word in text.split() if word.startswith("--"))


@functools.cache
def _version(program: str) -> str:
    return subprocess.run(
        [program, "--version"], capture_output=True, text=True, check=False
    ).stdout.strip()
