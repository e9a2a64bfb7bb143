"""The sandbox of a Docker container: no network, read-only root, no capabilities, limits of the
kernel's own.

The image is made by :func:`build_image` FROM scratch out of this machine's interpreter, or from a
base image the user names; nothing is pulled. The server connects to a UNIX socket that is mounted
into the container and then removed, which needs a daemon on this machine: Docker Desktop's virtual
machine does not pass such sockets."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import socket
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping
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
from harness.sandbox.runtime import Runtime, find_runtime, packages, server_files
from harness.sandbox.task import START_SECONDS, Server

_NAME = "harness-sandbox"  #: of the image; its tag is the digest of what it is made of
_INSIDE, _SOCKET_FOLDER, _PACKAGES = "/harness", "/run/harness", "/packages"
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

    def __init__(self, readable: tuple[str, ...] = ()) -> None:
        self._readable = readable
        self.description = "docker"

    def launch(self, limits: Limits) -> Server:
        """See :class:`harness.sandbox.base.Backend`."""
        client = _client()
        image = _image(client)
        self.description = (
            f"docker {client.version()['Version']}, image {image.short_id}, no network, read-only, "
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
                container = self._run(client, image, folder, limits)
                near = _accept(listener, container)
        finally:
            remove()

        def stop() -> str:
            near.close()
            _remove(container)
            return ""

        server = Server(near, settings("/tmp", limits, packages=_PACKAGES, walls=_WALLS), stop)
        server.handshake()
        if not server.ready["landlock"]:
            self.description += ", degraded: no Landlock, /proc is readable"
        return server

    def _run(self, client: Any, image: Any, folder: Path, limits: Limits) -> Any:
        mounts = {str(folder): {"bind": _SOCKET_FOLDER, "mode": "ro"}}
        mounts |= {path: {"bind": path, "mode": "ro"} for path in self._readable}
        # one task at a time and a spare process; the room above a task's own limit is the server's
        memory = limits.memory + limits.temp_bytes + (128 << 20)
        inodes, uid = 4096, free_uid()
        try:
            return client.containers.run(
                image.id,
                [
                    "-s",
                    "-S",
                    "-B",
                    "-X",
                    "utf8",
                    "-c",
                    boot_code(_INSIDE),
                    f"{_SOCKET_FOLDER}/control",
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


def _client() -> Any:
    try:
        import docker  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise SandboxError("the package docker is not installed (pip install docker)") from None
    try:
        client = docker.from_env(timeout=30)
        client.ping()
    except Exception as error:  # DockerException, requests' and urllib3's own
        raise SandboxError(f"no Docker daemon answers: {str(error)[:200]}") from None
    return client


def _image(client: Any) -> Any:
    try:
        return client.images.get(_tag())
    except Exception:
        raise SandboxError(f"the image {_tag()} of this version is not built") from None


@functools.cache
def _tag() -> str:
    found = hashlib.sha256(repr((find_runtime(), sys.version, packages())).encode())
    for place, file in sorted(server_files().items()):
        found.update(place.encode() + b"\0" + file.read_bytes() + b"\0")
    return f"{_NAME}:{found.hexdigest()[:16]}"


def build_image(base: str | None = None) -> str:
    """Build the sandbox's image and return its tag and id.

    From scratch with this machine's interpreter, or from ``base``, an image this daemon already
    has, with a ``python3`` of 3.11 or newer on its PATH. Raises :class:`SandboxError`."""
    client = _client()
    entry = ["python3"] if base else [str(find_runtime().executable)]
    lines = [f"FROM {base or 'scratch'}", "ADD root.tar /", f"ENTRYPOINT {json.dumps(entry)}"]
    with tempfile.TemporaryFile() as context:
        with tarfile.open(fileobj=context, mode="w") as tar, tempfile.TemporaryFile() as root:
            with tarfile.open(fileobj=root, mode="w", dereference=True) as files:
                _add_files(files, None if base else find_runtime())
            entry_of_root = tarfile.TarInfo("root.tar")
            entry_of_root.size = root.tell()
            root.seek(0)
            tar.addfile(entry_of_root, root)
            _add_text(tar, "Dockerfile", "\n".join(lines) + "\n")
        context.seek(0)
        try:
            image, _ = client.images.build(
                fileobj=context, custom_context=True, tag=_tag(), rm=True, pull=False
            )
        except Exception as error:
            raise SandboxError(
                f"the image does not build FROM {base or 'scratch'}: {error}"
            ) from None
    return f"{_tag()} {image.short_id}"


def _add_files(tar: tarfile.TarFile, runtime: Runtime | None) -> None:
    """What lies inside: the server, and the interpreter under its own paths where the base brings
    none."""
    places: dict[str, Path] = {f"{_INSIDE}/{place}": file for place, file in server_files().items()}
    if runtime is not None:
        places[str(runtime.executable)] = runtime.executable
        places |= {str(path): path for path in runtime.entries}
        places |= _libraries(runtime.library_names)
        places |= {f"{_PACKAGES}/{package.name}": package for package in packages()}
    # the mode of the mount point is what the container's own folder gets
    for folder, mode in (("tmp", 0o1777), (_SOCKET_FOLDER.lstrip("/"), 0o755)):
        member = tarfile.TarInfo(folder)
        member.type, member.mode = tarfile.DIRTYPE, mode
        tar.addfile(member)
    for place, file in places.items():
        tar.add(file, place.lstrip("/"), filter=_plain)


def _libraries(names: Mapping[Path, Path]) -> dict[str, Path]:
    found = {}
    for name, real in names.items():
        found[str(name)] = real
        found[str(name.parent.resolve() / name.name)] = real
    return found


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Readable by all, owned by root. The time stays: compiled modules are bound to it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    member = tarfile.TarInfo(name)
    data = text.encode()
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
