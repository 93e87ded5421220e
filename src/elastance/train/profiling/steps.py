"""How a training script says what its steps are, and whether it runs under `elastance profile`."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from elastance.train.profiling.plan import PLAN_VARIABLE, Plan, read_model
from elastance.train.profiling.session import ProfilingSession

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Batch = TypeVar("Batch")


@cache
def profiling_session() -> ProfilingSession[Any] | None:
    """Return this process's session; None unless it runs under `elastance profile`.

    Raises:
        InputError: The plan cannot be read.
    """
    path = os.environ.get(PLAN_VARIABLE)
    return ProfilingSession(read_model(Path(path), Plan)) if path else None


class _ProfiledLoader(Generic[Batch]):
    def __init__(self, loader: Iterable[Batch], session: ProfilingSession[Batch]) -> None:
        self._loader, self._session = loader, session

    def __iter__(self) -> Iterator[Batch]:
        return self._session.steps(self._loader)

    def __len__(self) -> int:
        return len(self._loader)  # type: ignore[arg-type]


def profiled_steps(loader: Iterable[Batch]) -> Iterable[Batch]:
    """Make the steps of a training loop known to `elastance profile`; without it, return the loader as it is.

    Usage::

        for batch in profiled_steps(loader):
            train(batch)

    Under `elastance profile` the batches are given again and again until everything is measured; then
    `ProfilingDone` ends the script.

    Args:
        loader: Gives batches, one per training step.

    Raises:
        InputError: The plan of `elastance profile` cannot be read.
    """
    session = profiling_session()
    return loader if session is None else _ProfiledLoader(loader, session)
