"""The time of switching alone: what is done between mini-batches, with no mini-batches in between."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import torch

from elastance.elastic.executor import Executor
from elastance.elastic.logical_worker import Contexts, LogicalWorker
from elastance.elastic.measuring.models import workload
from elastance.elastic.placement import Placement
from elastance.elastic.random_state import RandomState

if TYPE_CHECKING:
    from elastance.elastic.measuring.task import Model, Size

_STEPS = 200


def bare_switch_s(model: Model, size: Size, device: str = "cpu", workers: int = 8) -> float:
    """Return the seconds that switching takes per mini-batch; the median over steps.

    Noise of what is trained does not hide it here. Caches stay warmer than between real mini-batches, so it is
    rather too short.

    Args:
        model: Whose buffers are switched.
        size: Of the model.
        device: Where it is.
        workers: Logical workers of the one executor.
    """
    where = torch.device(device)
    buffers = list(workload(model, size).model().to(where).buffers())
    contexts = Contexts(Executor(0, Placement((workers,))), buffers, where)
    hosted = [LogicalWorker(rank, RandomState.capture(where)) for rank in range(workers)]
    times_s: list[float] = []
    for _ in range(_STEPS):
        begun_s = time.perf_counter()
        with contexts.step():
            for worker in hosted:
                with contexts.turn(worker):
                    pass
        times_s.append(time.perf_counter() - begun_s)
    return statistics.median(times_s) / workers
