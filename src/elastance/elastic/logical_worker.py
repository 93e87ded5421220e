"""What a DDP worker owns implicitly, kept for each logical worker and switched in and out."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from elastance.elastic.from_first import FromFirst
from elastance.elastic.numpy_state import quicken
from elastance.elastic.packing import overwrite
from elastance.elastic.random_state import RandomState

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from contextlib import AbstractContextManager

    import torch

    from elastance.elastic.executor import Executor


WITHOUT_SWITCHING = "ELASTANCE_WITHOUT_SWITCHING"
"""Environment variable; see `switching_is_off`."""


@dataclass
class LogicalWorker:
    """One DDP rank of the job, whichever executor hosts it.

    Attributes:
        rank: Virtual rank.
        random: Where its generators stand while it is not running.
    """

    rank: int
    random: RandomState


class Switching(Protocol):
    """What happens around global steps and around the mini-batches of hosted logical workers."""

    def step(self) -> AbstractContextManager[None]:
        """Around the turns of one global step."""
        ...

    def turn(self, worker: LogicalWorker) -> AbstractContextManager[None]:
        """Around the mini-batches of one logical worker in one global step."""
        ...

    def mini_batch(self, *, last: bool) -> None:
        """Before each mini-batch of a turn; the `last` one's backward pass completes the gradients."""
        ...


class Contexts:
    """Switches between the hosted logical workers.

    DDP broadcasts the buffers of rank 0 before each forward pass. So each worker starts from worker 0's, and
    what the others make of them is dropped; sharing them one after the other would change running statistics.

    Args:
        executor: This process.
        buffers: The model's buffers.
        device: Where the model is.
    """

    def __init__(self, executor: Executor, buffers: Sequence[torch.Tensor], device: torch.device) -> None:
        self._executor = executor
        self._buffers = buffers
        self._device = device
        self._start = _copies(buffers)
        self._of_worker_0 = _copies(buffers)
        self._kept = self._start
        self._spread = FromFirst(executor, buffers)
        quicken()

    @contextmanager
    def step(self) -> Generator[None]:
        """Around the turns of one global step and the sum of their gradients.

        Afterwards the buffers are worker 0's on every executor; they travel while gradients do.

        The process has its own random numbers back afterwards.
        """
        outside = RandomState.capture(self._device)
        overwrite(self._start, self._buffers)
        self._kept = self._start
        try:
            yield
        finally:
            outside.restore(self._device)
            overwrite(self._buffers, self._kept)
        self._spread.end()

    @contextmanager
    def turn(self, worker: LogicalWorker) -> Generator[None]:
        """Around the mini-batches of one logical worker in one global step."""
        worker.random.restore(self._device)
        overwrite(self._buffers, self._start)
        yield
        worker.random = RandomState.capture(self._device)
        if worker.rank == 0:
            overwrite(self._of_worker_0, self._buffers)
            self._kept = self._of_worker_0
        if worker.rank == self._executor.ranks[-1]:
            self._spread.begin(self._kept)

    def mini_batch(self, *, last: bool) -> None:
        """Nothing is done between the mini-batches of one turn."""


class SharedContext:
    """No switching: workers use the process's random numbers and buffers one after the other."""

    @contextmanager
    def step(self) -> Generator[None]:
        """Around the turns of one global step."""
        yield

    @contextmanager
    def turn(self, worker: LogicalWorker) -> Generator[None]:
        """Around the mini-batches of one logical worker in one global step."""
        del worker
        yield

    def mini_batch(self, *, last: bool) -> None:
        """Nothing is done before a mini-batch."""


def switching_is_off() -> bool:
    """Whether contexts are left where they are, to measure what switching costs; the bits are not DDP's then.

    Asked for by ``ELASTANCE_WITHOUT_SWITCHING=1``; all else stays as the level has it.
    """
    return os.environ.get(WITHOUT_SWITCHING, "") not in ("", "0")


def _copies(tensors: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    return [tensor.detach().clone() for tensor in tensors]
