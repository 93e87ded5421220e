"""Which queue decides as which gang scheduler does, and the queues of those that never preempt."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from elastance.scheduling.gang import Fifo, FifoBackfill, Srtf, Tiresias, YarnCs
from elastance.scheduling.gang_queues import Changes, Queue, Waiting, changes_of
from elastance.scheduling.ranked_queues import LeastAttained, ShortestFirst

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from elastance.scheduling.contract import JobState, Scheduler
    from elastance.scheduling.gang_queues import Entry, Gang, GangQueue, Progress
    from elastance.scheduling.plans import Gpus, Plan


class InOrder(Queue):
    """In order of submission; the first that does not fit holds up all behind it.

    Args:
        shape: GPUs of each type in the cluster.
        at_once: How many jobs may run.
    """

    def __init__(self, shape: Gpus, at_once: float = math.inf) -> None:
        super().__init__(shape)
        self._at_once = at_once
        self._waiting: deque[Gang] = deque()

    def arrive(self, job: JobState) -> None:
        """Put a job at the end."""
        self._waiting.append(self.gang(job))

    def decide(self, now_s: float, progress: Callable[[str], Progress]) -> Changes:
        """Start jobs up to the first that does not fit."""
        started: dict[str, Plan] = {}
        while self._waiting and len(self.running) < self._at_once:
            gang = self._waiting[0]
            if gang.size > self.free[gang.gpu_type]:
                break
            self.start(self._waiting.popleft())
            started[gang.name] = gang.plan
        return Changes((), started)


class Backfilling(Queue):
    """In order of submission; whatever fits beside the running jobs starts."""

    def __init__(self, shape: Gpus) -> None:
        super().__init__(shape)
        self._waiting = [Waiting() for _ in shape]

    def arrive(self, job: JobState) -> None:
        """Put a job at the end."""
        self._waiting[job.preferred].add(self.gang(job).entry(0.0))

    def decide(self, now_s: float, progress: Callable[[str], Progress]) -> Changes:
        """Start whatever fits."""
        started: list[Entry] = []
        for gpu_type, waiting in enumerate(self._waiting):
            while (entry := waiting.first(self.free[gpu_type])) is not None:
                waiting.take(entry)
                self.start(entry[-1])
                started.append(entry)
        return changes_of((), started)


_QUEUES: Mapping[type, Callable[[Gpus], GangQueue]] = {
    YarnCs: lambda shape: InOrder(shape, at_once=1),
    Fifo: InOrder,
    FifoBackfill: Backfilling,
    Srtf: ShortestFirst,
    Tiresias: LeastAttained,
}


def queue_of(scheduler: Scheduler, shape: Gpus) -> GangQueue | None:
    """Return a queue that decides as a gang scheduler does; None if there is none, as for any class made of one."""
    queue = _QUEUES.get(type(scheduler))
    return None if queue is None else queue(shape)
