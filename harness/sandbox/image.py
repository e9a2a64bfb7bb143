"""Making the image of the docker sandbox: FROM scratch out of this machine's interpreter, from a
base image that the user names, or with programs on a root of Debian's packages. Nothing is pulled.
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from harness.errors import SandboxError
from harness.sandbox import debian
from harness.sandbox.backends.docker import (
    INSIDE,
    PACKAGES,
    PROGRAMS,
    SOCKET_FOLDER,
    brought,
    client,
    tag,
)
from harness.sandbox.runtime import Runtime, find_runtime, packages, server_files


def build_image(base: str | None = None, programs: Sequence[str] = ()) -> str:
    """Build the sandbox's image and return its tag and id.

    From scratch with this machine's interpreter, or from ``base``, an image this daemon already
    has, with a ``python3`` of 3.11 or newer on its PATH. With ``programs`` it is the second image,
    which brings them for a machine that lacks one. Raises :class:`SandboxError`."""
    daemon = client()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "root" if programs else None
        versions = debian.unpack(programs, root) if root else {}
        name = tag(programs=bool(programs))
        with _context(base, root) as context:
            try:
                image, _ = daemon.images.build(
                    fileobj=context, custom_context=True, tag=name, rm=True, pull=False,
                    network_mode="none", labels={PROGRAMS: json.dumps(versions)},
                )  # fmt: skip
            except Exception as error:
                raise SandboxError(
                    f"the image does not build FROM {base or 'scratch'}: {error}"
                ) from None
    brought.cache_clear()
    return f"{name} {image.short_id}"


@contextmanager
def _context(base: str | None, root: Path | None) -> Iterator[IO[bytes]]:
    """What the daemon is sent: a Dockerfile and the archives that it adds."""
    python = ["python3"] if base else [str(find_runtime().executable)]
    lines = [f"FROM {base or 'scratch'}", *(["ADD debian.tar /"] if root else []), "ADD root.tar /"]
    if root:  # this machine's interpreter on the libraries of another: it must start
        lines += [
            'RUN ["/usr/sbin/ldconfig"]',
            f"RUN {json.dumps([*python, '-I', '-S', '-c', ''])}",
        ]
    lines.append(f"ENTRYPOINT {json.dumps(python)}")
    with tempfile.TemporaryFile() as context:
        with tarfile.open(fileobj=context, mode="w") as tar:
            if root:
                with _archive(tar, "debian.tar") as files:
                    files.add(root, "/", filter=_plain)
            with _archive(tar, "root.tar", dereference=True) as files:
                _add_files(files, None if base else find_runtime(), root)
            dockerfile = tarfile.TarInfo("Dockerfile")
            data = "\n".join(lines).encode()
            dockerfile.size = len(data)
            tar.addfile(dockerfile, io.BytesIO(data))
        context.seek(0)
        yield context


@contextmanager
def _archive(tar: tarfile.TarFile, name: str, **settings: Any) -> Iterator[tarfile.TarFile]:
    """An archive inside of an archive."""
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w", **settings) as inner:
            yield inner
        member = tarfile.TarInfo(name)
        member.size = file.tell()
        file.seek(0)
        tar.addfile(member, file)


def _add_files(tar: tarfile.TarFile, runtime: Runtime | None, root: Path | None) -> None:
    """What lies inside: the server, and the interpreter under its own paths where the base brings
    none. Of libraries that ``root`` has too, its own stay: its programs need them as new."""
    places: dict[str, Path] = {f"{INSIDE}/{place}": file for place, file in server_files().items()}
    if runtime is not None:
        places[str(runtime.executable)] = runtime.executable
        places |= {str(path): path for path in runtime.entries}
        libraries = _libraries(runtime.library_names)
        places |= {
            place: file for place, file in libraries.items() if root is None or _new(place, root)
        }
        places |= {f"{PACKAGES}/{package.name}": package for package in packages()}
    # the mode of the mount point is what the container's own folder gets
    for folder, mode in (("tmp", 0o1777), (SOCKET_FOLDER.lstrip("/"), 0o755)):
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


def _new(place: str, root: Path) -> bool:
    """Whether a library is none of the root's, and not below one of its links; the cache of this
    machine's loader is of no use there."""
    top, at = Path(place).parts[1], root / place.lstrip("/")
    return not (root / top).is_symlink() and not at.exists() and not place.endswith("ld.so.cache")


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Readable by all, owned by root. The time stays: compiled modules are bound to it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member
