"""The queues of the gang schedulers that preempt: by remaining time and by attained service."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from elastance.scheduling.gang import TIRESIAS_QUEUES_GPU_S
from elastance.scheduling.gang_queues import Changes, Progress, Queue, Waiting, changes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from elastance.scheduling.contract import JobState
    from elastance.scheduling.gang_queues import Entry, Gang
    from elastance.scheduling.plans import Gpus

CROSSING_SLACK_S = 1e-3
"""How long before a job reaches a limit by a rounded sum its service is looked at: far more than rounding errs by."""


class _Ranked(Queue):
    """Lowest rank first; preempts.

    The rank of a job that waits stays. Who runs on a type is worked out anew only after what can change it: a job
    that does not fit arrives, one ends while others wait, or one that runs gets a *higher* rank. If the ranks of
    running jobs fall, all of them run on, because who had no place after some of them has none after more; if a job
    arrives that fits into what is free, it starts, and nothing else changes.
    """

    def __init__(self, shape: Gpus) -> None:
        super().__init__(shape)
        self._waiting = [Waiting() for _ in shape]
        self._on_type: list[dict[str, Gang]] = [{} for _ in shape]
        self._arrivals: list[Entry] = []
        self._disturbed: set[int] = set()

    def arrive(self, job: JobState) -> None:
        """Take in a job; in order of submission."""
        gang = self.gang(job)
        self._arrivals.append(gang.entry(self._rank(gang, Progress(job.remaining_steps, job.attained_gpu_s))))

    def end(self, name: str) -> None:
        """Forget a running job, which has ended."""
        self._disturbed.add(self.running[name].gpu_type)
        super().end(name)

    def decide(self, now_s: float, progress: Callable[[str], Progress]) -> Changes:
        """Change what arrivals, ends and new ranks change."""
        self._rise(now_s, progress)
        stopped: list[str] = []
        started: list[Entry] = []
        for gpu_type in {*self._disturbed, *(entry[-1].gpu_type for entry in self._arrivals)}:
            arrivals = [entry for entry in self._arrivals if entry[-1].gpu_type == gpu_type]
            disturbed = gpu_type in self._disturbed and self._waiting[gpu_type]
            if not disturbed and sum(entry[-1].size for entry in arrivals) <= self.free[gpu_type]:
                for entry in arrivals:
                    self.start(entry[-1])
                started += arrivals
                continue
            for entry in arrivals:
                self._waiting[gpu_type].add(entry)
            self._pack(gpu_type, progress, stopped, started)
        self._arrivals.clear()
        self._disturbed.clear()
        for rank, _, _, gang in started:
            self._started(gang, rank, now_s)
        return changes_of(stopped, started)

    def _pack(
        self, gpu_type: int, progress: Callable[[str], Progress], stopped: list[str], started: list[Entry]
    ) -> None:
        """Work out anew who runs on a type: all gangs in turn, each if it fits beside those before it."""
        waiting, free = self._waiting[gpu_type], self.shape[gpu_type]
        gangs = self._on_type[gpu_type].values()
        running = [gang.entry(self._rank_now(gang, progress)) for gang in gangs]
        running.sort(reverse=True)
        out: list[Entry] = []
        chosen: list[Entry] = []
        first = waiting.first(free)
        while True:
            if first is not None and first[-1].size > free:
                first = waiting.first(free)
            if running and (first is None or running[-1] < first):
                entry = running.pop()
                if entry[-1].size > free:
                    out.append(entry)
                    continue
            elif first is not None:
                entry = first
                waiting.take(entry)
                chosen.append(entry)
                first = waiting.first(free - entry[-1].size)
            else:
                break
            free -= entry[-1].size
        for entry in out:
            self.stop(entry[-1])
            waiting.add(entry)
            stopped.append(entry[-1].name)
        for entry in chosen:
            self.start(entry[-1])
        started += chosen

    def start(self, gang: Gang) -> None:
        """Give a gang its GPUs."""
        super().start(gang)
        self._on_type[gang.gpu_type][gang.name] = gang

    def stop(self, gang: Gang) -> None:
        """Take its GPUs back."""
        super().stop(gang)
        del self._on_type[gang.gpu_type][gang.name]

    def _rank(self, gang: Gang, progress: Progress) -> float:
        raise NotImplementedError

    def _rank_now(self, gang: Gang, progress: Callable[[str], Progress]) -> float:
        """Return the rank of a running job."""
        return self._rank(gang, progress(gang.name))

    def _rise(self, now_s: float, progress: Callable[[str], Progress]) -> None:
        """Disturb the types on which the rank of a running job has risen."""

    def _started(self, gang: Gang, rank: float, now_s: float) -> None:
        """Take notice of a gang that begins to run."""


class ShortestFirst(_Ranked):
    """Shortest remaining time first, known in advance; preempts. While a job runs its rank falls."""

    def _rank(self, gang: Gang, progress: Progress) -> float:
        return progress.remaining_steps * gang.demand.step_s[gang.gpu_type]


class LeastAttained(_Ranked):
    """Least attained service first, in queues; preempts. While a job runs its rank rises at two limits.

    Args:
        shape: GPUs of each type in the cluster.
    """

    def __init__(self, shape: Gpus) -> None:
        super().__init__(shape)
        self._ranks: dict[str, float] = {}  # of running jobs
        self._watched: list[
            tuple[float, int, Gang]
        ] = []  # from when, whose place, who; also who has stopped since
        self._watched_from_s: dict[str, float] = {}

    def _rank(self, gang: Gang, progress: Progress) -> float:
        return float(sum(progress.attained_gpu_s >= limit for limit in TIRESIAS_QUEUES_GPU_S))

    def _rank_now(self, gang: Gang, progress: Callable[[str], Progress]) -> float:
        return self._ranks[gang.name]

    def _rise(self, now_s: float, progress: Callable[[str], Progress]) -> None:
        due: list[Gang] = []
        while self._watched and self._watched[0][0] <= now_s:
            since_s, _, gang = heappop(self._watched)
            if self._watched_from_s.get(gang.name) == since_s:
                due.append(gang)
        for gang in due:
            of = progress(gang.name)
            rank = self._rank(gang, of)
            if rank != self._ranks[gang.name]:
                self._ranks[gang.name] = rank
                self._disturbed.add(gang.gpu_type)
            limits_s = [
                (limit - of.attained_gpu_s) / gang.size
                for limit in TIRESIAS_QUEUES_GPU_S
                if limit > of.attained_gpu_s
            ]
            if limits_s:
                self._watch(gang, now_s + min(limits_s) - CROSSING_SLACK_S)
            else:
                del self._watched_from_s[gang.name]

    def _started(self, gang: Gang, rank: float, now_s: float) -> None:
        self._ranks[gang.name] = rank
        self._watch(gang, now_s)

    def _watch(self, gang: Gang, from_s: float) -> None:
        self._watched_from_s[gang.name] = from_s
        heappush(self._watched, (from_s, gang.place, gang))

    def stop(self, gang: Gang) -> None:
        """Take its GPUs back."""
        super().stop(gang)
        del self._ranks[gang.name]
        self._watched_from_s.pop(gang.name, None)
