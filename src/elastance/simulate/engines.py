"""Who does the work of a sweep: processes of this machine, or a Ray cluster."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import socket
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from elastance.errors import MissingExtraError, UnknownNameError, WorkerError
from elastance.simulate.processes import check_jobs, in_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_PATIENCE_S = 10.0
"""How long a Ray cluster may take to accept a connection."""

_Part = TypeVar("_Part")
_Answer = TypeVar("_Answer")


class Engine(StrEnum):
    """Who does the work."""

    PROCESSES = "processes"
    """Processes of this machine."""
    RAY = "ray"
    """The Ray cluster that ``RAY_ADDRESS`` names, or one started on this machine; needs the extra ``ray``."""


def find_engine(name: str) -> Engine:
    """Return the engine called `name`, if it can be used here.

    Raises:
        UnknownNameError: No such engine.
        MissingExtraError: It needs an extra that is not installed.
    """
    if name not in set(Engine):
        raise UnknownNameError("engine", name, Engine)
    if name == Engine.RAY and importlib.util.find_spec("ray") is None:
        raise MissingExtraError("the ray engine", "ray")
    return Engine(name)


def distributed(
    engine: Engine, function: Callable[[_Part], _Answer], parts: Sequence[_Part], jobs: int
) -> Iterator[tuple[int, _Answer]]:
    """Yield the number and the answer of each part as they are finished.

    Args:
        engine: Who does the work.
        function: What to do; named at the top of a module.
        parts: What to do it with.
        jobs: How many parts are worked on at once.

    Raises:
        InputError: `jobs` is less than one.
        WorkerError: A worker died, or the Ray cluster cannot be used.
        ElastanceError: What `function` raised.
    """
    if engine is Engine.RAY:
        return _on_ray(function, parts, check_jobs(jobs))
    return in_processes(function, parts, jobs)


def _on_ray(
    function: Callable[[_Part], _Answer], parts: Sequence[_Part], jobs: int
) -> Iterator[tuple[int, _Answer]]:
    if not parts:
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody asked to report to Ray's makers
    ray: Any = importlib.import_module("ray")  # typed as far as Ray is, which is an extra
    logging.getLogger("ray").setLevel(logging.ERROR)
    started = not ray.is_initialized()
    try:
        if started:
            _start(ray, jobs)
        remote = ray.remote(function)
        numbers = iter(range(len(parts)))
        flying = {remote.remote(parts[number]): number for number in islice(numbers, jobs)}
        while flying:
            (ready, *_), _ = ray.wait(list(flying))
            yield flying.pop(ready), ray.get(ready)
            if (number := next(numbers, None)) is not None:
                flying[remote.remote(parts[number])] = number
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except (ray.exceptions.RayError, ConnectionError) as error:
        raise WorkerError(f"Ray: {' '.join(str(error).split())[:300]}") from error
    finally:
        if started:
            ray.shutdown()


def _start(ray: Any, jobs: int) -> None:  # noqa: ANN401
    """Join the cluster that the environment names, or start one of `jobs` CPUs here."""
    quietly = {"log_to_driver": False, "configure_logging": False, "logging_level": logging.ERROR}
    if address := os.environ.get("RAY_ADDRESS"):
        _require_answer(address)
        ray.init(address=address, **quietly)
    else:
        ray.init(address="local", num_cpus=jobs, include_dashboard=False, **quietly)


def _require_answer(address: str) -> None:
    """Ray itself would knock for minutes before it gave up on an address where nobody answers."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit():
        return  # "auto" and the like, which Ray looks up at once
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE_S).close()
    except OSError as error:
        raise WorkerError(
            f"Ray: nobody answers at RAY_ADDRESS={address}: {error.strerror or error}"
        ) from None
