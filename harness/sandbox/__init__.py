"""Where untrusted code runs: docker, bubblewrap, landlock or seatbelt behind one small interface.

    with open_sandbox("auto") as sandbox:
        with sandbox.task() as task:
            task.load("def double(x):\n    return 2 * x\n", "double")
            task.call([21])    # 42, or an exception that says how the candidate failed
        # any other program, under the same limits
        sandbox.run(["cc", "-c", "a.c"], {"a.c": source})

A sandbox is never chosen unseen: a self-check tries to escape from it and to go over its limits
first. Where none holds, :class:`harness.errors.SandboxError` says what to install; nothing is ever
run unguarded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.errors import SandboxError

if TYPE_CHECKING:
    from harness.sandbox.base import Backend, Sandbox
    from harness.sandbox.limits import Limits, Result
    from harness.sandbox.task import Task

#: choices of ``--sandbox``, strongest first
NAMES = ("auto", "docker", "bubblewrap", "landlock", "seatbelt")

__all__ = ["NAMES", "Backend", "Limits", "Result", "Sandbox", "Task", "backend", "open_sandbox"]


_LAZY = {
    "Backend": "base",
    "Limits": "limits",
    "Result": "limits",
    "Sandbox": "base",
    "Task": "task",
}


def __getattr__(name: str) -> object:
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(f"harness.sandbox.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def backend(name: str, readable: Sequence[str] = (), *, programs: bool = False) -> Backend:
    """The backend of that name, not started. Raises :class:`SandboxError` for an unknown name."""
    paths = tuple(readable)
    if name == "docker":
        from harness.sandbox.backends.docker import Docker

        return Docker(paths, programs)
    if name == "bubblewrap":
        from harness.sandbox.backends.bubblewrap import Bubblewrap

        return Bubblewrap(paths)
    if name == "landlock":
        from harness.sandbox.backends.landlock import Landlock

        return Landlock(paths)
    if name == "seatbelt":
        from harness.sandbox.backends.seatbelt import Seatbelt

        return Seatbelt(paths)
    raise SandboxError(f"sandbox {name!r}: expected one of {', '.join(NAMES)}")


def brought(name: str | None) -> Mapping[str, str]:
    """The programs that the sandbox ``name`` brings where this machine lacks one, each with what
    identifies it: those of ``harness sandbox build --with``, in docker."""
    if name != "docker":
        return {}
    from harness.sandbox.backends import docker

    return docker.brought()


def open_sandbox(
    name: str = "auto",
    limits: Limits | None = None,
    readable: Sequence[str] = (),
    *,
    programs: bool = False,
) -> Sandbox:
    """A warm sandbox that has just passed its self-check: the named one, or with ``auto`` the
    strongest that passes.

    ``readable`` are paths of the host that programs inside may read besides the interpreter
    (compilers, linters); ``programs`` asks for the one with those of :func:`brought`. Raises
    :class:`SandboxError` with one message: what was tried, why it does not hold, what to
    install."""
    from harness.sandbox.base import Sandbox
    from harness.sandbox.selfcheck import quick_check

    tried = []
    for candidate in NAMES[1:] if name == "auto" else (name,):
        chosen = backend(candidate, readable, programs=programs)
        try:
            sandbox = Sandbox(chosen, limits, programs=programs)
        except SandboxError as error:
            tried.append(f"  {candidate}: {error} - {chosen.needs}")
            continue
        problem = quick_check(sandbox)
        if problem is None:
            if name == "auto":
                others = "".join(f"; not{line[1:]}" for line in tried)
                sandbox.why = f"the strongest that passes its self-check{others}"
            return sandbox
        sandbox.close()
        tried.append(f"  {candidate}: its self-check failed: {problem}")
    what = (
        "no sandbox works on this machine"
        if name == "auto"
        else f"the sandbox {name} does not work on this machine"
    )
    lines = "\n".join(tried)
    raise SandboxError(f"{what}, and answers of a model are never run without one:\n{lines}")
