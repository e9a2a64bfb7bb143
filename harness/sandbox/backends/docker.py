"""The sandbox of a Docker container: no network, read-only root, no capabilities, limits of the
kernel's own.

The image is made by :mod:`harness.sandbox.image`; nothing is pulled. The server connects to a UNIX
socket that is mounted into the container and then removed, which needs a daemon on this machine:
Docker Desktop's virtual machine does not pass such sockets."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

from harness.errors import SandboxError
from harness.sandbox import cores
from harness.sandbox.launch import (
    SERVERS_OWN,
    boot_code,
    child_environment,
    free_uid,
    private_folder,
    settings,
)
from harness.sandbox.limits import Limits
from harness.sandbox.runtime import find_runtime, packages, server_files
from harness.sandbox.task import START_SECONDS, Server

_NAME = "harness-sandbox"  #: of the image; its tag is the digest of what it is made of
INSIDE, SOCKET_FOLDER, PACKAGES = "/harness", "/run/harness", "/packages"
PROGRAMS = "harness.programs"  #: the label that names them, each with what identifies it
#: files of the container for the server to leave out, and the devices that it needs
_WALLS = {
    "hidden": ["proc", "sys", "dev", "tmp"],
    "readable": ["/dev/zero", "/dev/random", "/dev/urandom"],
    "writable": ["/tmp", "/dev/null"],
}


class Docker:
    """A Docker daemon on this machine and the image of ``harness sandbox build``."""

    name = "docker"
    needs = "install Docker, start its daemon and run `harness sandbox build`"

    def __init__(self, readable: tuple[str, ...] = (), programs: bool = False) -> None:
        self._readable, self._programs = readable, programs
        self.description = "docker"

    def launch(self, limits: Limits) -> Server:
        """See :class:`harness.sandbox.base.Backend`."""
        daemon = client()
        image = _image(daemon, programs=self._programs)
        self.description = (
            f"docker {daemon.version()['Version']}, image {image.short_id}"
            f"{' with programs of its own' if self._programs else ''}, no network, read-only, "
            "no capabilities, seccomp"
        )
        # a private folder holds the one that is mounted: other users of this machine cannot reach
        # the socket
        private, remove = private_folder()
        folder = private / "socket"
        folder.mkdir()
        folder.chmod(0o711)
        try:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(folder / "control"))
                (folder / "control").chmod(0o666)
                listener.listen(1)
                container = self._run(daemon, image, folder, limits)
                near = _accept(listener, container)
        finally:
            remove()

        def stop() -> str:
            near.close()
            _remove(container)
            return ""

        server = Server(near, settings("/tmp", limits, packages=PACKAGES, walls=_WALLS), stop)
        server.handshake()
        if not server.ready["landlock"]:
            self.description += ", degraded: no Landlock, /proc is readable"
        return server

    def _run(self, daemon: Any, image: Any, folder: Path, limits: Limits) -> Any:
        mounts = {str(folder): {"bind": SOCKET_FOLDER, "mode": "ro"}}
        mounts |= {path: {"bind": path, "mode": "ro"} for path in self._readable}
        # one task at a time and a spare process; the room above a task's own limit is the server's
        memory = limits.memory + limits.temp_bytes + (128 << 20)
        inodes, uid = 4096, free_uid()
        try:
            return daemon.containers.run(
                image.id,
                [
                    "-s",
                    "-S",
                    "-B",
                    "-X",
                    "utf8",
                    "-c",
                    boot_code(INSIDE),
                    f"{SOCKET_FOLDER}/control",
                ],
                detach=True,
                auto_remove=True,
                network_mode="none",
                ipc_mode="none",
                read_only=True,
                cap_drop=["ALL"],
                security_opt=["no-new-privileges:true"],
                user=f"{uid}:{uid}",
                working_dir="/tmp",
                hostname="sandbox",
                environment=child_environment("/tmp"),
                tmpfs={
                    "/tmp": (
                        f"rw,nosuid,nodev,exec,size={limits.temp_bytes},nr_inodes={inodes},mode=1777"
                    ),
                    # what the kernel keeps for everyone in there: messages, the peaks of cgroups
                    "/dev/mqueue": "ro,size=4k,mode=555",
                    "/sys": "ro,size=4k,mode=555",
                },
                volumes=mounts,
                pids_limit=max(limits.processes, limits.threads) + SERVERS_OWN,
                mem_limit=memory,
                memswap_limit=memory,
                nano_cpus=min(2, cores.available()) * 10**9,
                cpuset_cpus=cores.listed(),
                log_config={"type": "json-file", "config": {"max-size": "1m"}},
                labels={"harness.sandbox": "worker"},
            )
        except Exception as error:  # the SDK and requests raise errors of many families
            raise SandboxError(f"the container does not start: {error}") from None


def _accept(listener: socket.socket, container: Any) -> socket.socket:
    listener.settimeout(0.1)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            return listener.accept()[0]
        except TimeoutError:
            try:
                container.reload()
            except Exception:  # it is gone, and its log with it
                break
    said = ""
    with contextlib.suppress(Exception):
        said = container.logs(tail=5).decode(errors="replace").strip()
    _remove(container)
    raise SandboxError(
        f"the server in the container did not connect to a UNIX socket of this machine: {said}"
    )


def _remove(container: Any) -> None:
    # it may remove itself at the same moment
    with contextlib.suppress(Exception):
        container.remove(force=True)


def client() -> Any:
    """The daemon of this machine. Raises :class:`SandboxError`."""
    try:
        import docker  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise SandboxError("the package docker is not installed (pip install docker)") from None
    try:
        daemon = docker.from_env(timeout=30)
        daemon.ping()
    except Exception as error:  # DockerException, requests' and urllib3's own
        raise SandboxError(f"no Docker daemon answers: {str(error)[:200]}") from None
    return daemon


def _image(daemon: Any, *, programs: bool) -> Any:
    name = tag(programs=programs)
    try:
        return daemon.images.get(name)
    except Exception:
        raise SandboxError(f"the image {name} of this version is not built") from None


@functools.cache
def tag(*, programs: bool) -> str:
    """The name of the image that this machine's interpreter and this version make, without or
    with programs of its own."""
    found = hashlib.sha256(repr((find_runtime(), sys.version, packages())).encode())
    for place, file in sorted(server_files().items()):
        found.update(place.encode() + b"\0" + file.read_bytes() + b"\0")
    return f"{_NAME}:{found.hexdigest()[:16]}{'-programs' if programs else ''}"


@functools.cache
def brought() -> dict[str, str]:
    """The programs that ``harness sandbox build --with`` has put into an image of this machine,
    each with what identifies it; none where there is no such image."""
    try:
        return dict(json.loads(_image(client(), programs=True).labels[PROGRAMS]))
    except (SandboxError, LookupError):
        return {}
