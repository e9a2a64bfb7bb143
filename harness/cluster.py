"""A Ray cluster whose hosts work for this process. Ray places the workers, begins those that were
lost anew wherever there is room, and asks them again; what they know they are told in every call.

Every host has the workspace at the same path, and the same Python, Ray and harness."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from harness.errors import EngineError, HarnessError, boundary

BEGIN = 600  # seconds in which Ray has to find room for the workers
LOSSES = 3  # times that one worker is begun anew, and that one question is put again
AGAIN = "whatever was answered is kept: run the same command again"


class Worker:
    """What one host does. It is made when it is first asked, so that what keeps it from being made
    is an answer, and a worker that was begun anew makes it again."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make, self._made = make, None

    def ask(self, name: str, *asked: Any) -> Any:
        """What the method ``name`` says; raises :class:`EngineError` that names the host."""
        try:
            with boundary():
                if self._made is None:
                    self._made = self._make()
                return getattr(self._made, name)(*asked)
        except HarnessError as error:
            raise EngineError(f"host {platform.node()}: {error}") from None


def hired(address: str, gpus: float, makes: Sequence[Callable[[], Any]]) -> list[Any]:
    """A :class:`Worker` for each of ``makes``, spread over the hosts; raises :class:`EngineError`
    where Ray is not installed, or no cluster is at ``address``."""
    try:
        import ray
    except ImportError:
        raise EngineError(
            "library.yaml: key 'cluster': found one, and no Ray here; run"
            " `pip install 'adapter-release-gate[ray]'` on every host, or leave the key out"
        ) from None
    if not ray.is_initialized():
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise EngineError(
                f"library.yaml: key 'cluster.address': found {address!r}; expected where a Ray"
                f" cluster runs ({error}); `ray start --head` begins one"
            ) from None
    has, needs = ray.cluster_resources().get("GPU", 0.0), gpus * len(makes)
    if has < needs:  # Ray would wait for them without an end
        raise EngineError(
            f"library.yaml: key 'cluster.gpus': found {has:g} GPUs in the cluster; expected"
            f" {needs:g}, {gpus:g} for each of {len(makes)} replicas"
        )
    worker: Any = ray.remote(Worker)
    lasting = {"max_restarts": LOSSES, "max_task_retries": LOSSES, "scheduling_strategy": "SPREAD"}
    room = {"num_cpus": 0, "num_gpus": gpus}  # the library says how many; none waits for a core
    made = [worker.options(**room, **lasting).remote(make) for make in makes]
    begun = [one.__ray_ready__.remote() for one in made]
    if begun and ray.wait(begun, num_returns=len(begun), timeout=BEGIN)[1]:
        dismiss(made)
        raise EngineError(
            f"the cluster has no room for {len(made)} workers within {BEGIN} s; end what else runs"
            " there, or ask for fewer"
        )
    return made


def each(workers: Sequence[Any], name: str, *asked: Any) -> list[Any]:
    """What every worker says to the same; raises :class:`EngineError`."""
    import ray

    with _sentences():
        found: list[Any] = ray.get([worker.ask.remote(name, *asked) for worker in workers])
    return found


def sent(data: Any) -> Any:
    """``data`` as it is named to many workers, and sent to each host once."""
    import ray

    return ray.put(data)


def spread(workers: Sequence[Any], name: str, many: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
    """What is said to each of ``many``, as it comes, by whichever worker is free; raises
    :class:`EngineError`."""
    from ray.util import ActorPool

    with _sentences():
        yield from ActorPool([*workers]).map_unordered(
            lambda worker, asked: worker.ask.remote(name, *asked), [*many]
        )


def dismiss(workers: Sequence[Any]) -> None:
    """End these workers at once."""
    import ray

    for worker in workers:
        ray.kill(worker)


@contextmanager
def _sentences() -> Iterator[None]:
    """What Ray raises is a sentence, but for faults of the harness."""
    from ray import exceptions

    try:
        yield
    except exceptions.RayTaskError as error:
        if not isinstance(error.cause, HarnessError):
            raise
        raise EngineError(str(error.cause)) from None
    except exceptions.RayError as error:
        said = " ".join(str(error).split())
        raise EngineError(
            f"the cluster lost a worker {LOSSES + 1} times, or cannot begin it: {said:.300};"
            f" {AGAIN}"
        ) from None
