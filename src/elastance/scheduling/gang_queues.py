"""What the gang schedulers decide, told of arrivals and ends one by one: an event costs what it changes.

The schedulers of `gang` look at every job that runs or waits, which is short and takes long where thousands wait.
These queues decide the same: GPU types do not compete, and of the jobs on a type that need equally many GPUs only the
first can be next.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from elastance.scheduling.gang import gang_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from elastance.scheduling.contract import JobState
    from elastance.scheduling.plans import Demand, Gpus, Plan

    Entry: TypeAlias = tuple[float, float, int, "Gang"]
    """When a gang has its turn: before all with a larger rank, later submission, or later place."""


class Progress(NamedTuple):
    """What has become of a job by now.

    Attributes:
        remaining_steps: Steps left to train.
        attained_gpu_s: GPU seconds it has held so far.
    """

    remaining_steps: float
    attained_gpu_s: float


class Changes(NamedTuple):
    """What a decision changes.

    Attributes:
        stopped: Jobs that hold nothing any more.
        started: Plans of jobs that begin or go on, first things first.
    """

    stopped: Sequence[str]
    started: Mapping[str, Plan]


class GangQueue(Protocol):
    """A gang scheduler that remembers who runs and who waits."""

    def arrive(self, job: JobState) -> None:
        """Take in a job; in order of submission."""
        ...

    def end(self, name: str) -> None:
        """Forget a running job, which has ended."""
        ...

    def decide(self, now_s: float, progress: Callable[[str], Progress]) -> Changes:
        """Return what the scheduler would change now; `progress` is asked for running jobs only."""
        ...


class Gang(NamedTuple):
    """A job that needs all its GPUs at once.

    Attributes:
        name: Of the job.
        demand: Its logical workers, each of which needs a GPU, and step times.
        gpu_type: Which GPUs.
        submitted_s: When it was submitted, s.
        place: In the order of submission.
    """

    name: str
    demand: Demand
    gpu_type: int
    submitted_s: float
    place: int

    @property
    def size(self) -> int:
        """GPUs it needs."""
        return self.demand.logical_workers

    @property
    def plan(self) -> Plan:
        """What it does with them."""
        return gang_plan(self.demand, self.gpu_type)

    def entry(self, rank: float) -> Entry:
        """Return when it has its turn at a rank."""
        return rank, self.submitted_s, self.place, self


class Waiting:
    """Gangs that wait for GPUs of one type, by how many they need."""

    def __init__(self) -> None:
        self._of_size: dict[int, list[Entry]] = {}

    def __bool__(self) -> bool:
        return bool(self._of_size)

    def add(self, entry: Entry) -> None:
        """Let a gang wait."""
        heappush(self._of_size.setdefault(entry[-1].size, []), entry)

    def first(self, free: int) -> Entry | None:
        """Return the first that fits into so many GPUs."""
        return min((waiting[0] for size, waiting in self._of_size.items() if size <= free), default=None)

    def take(self, entry: Entry) -> None:
        """Remove what `first` returned."""
        size = entry[-1].size
        heappop(self._of_size[size])
        if not self._of_size[size]:
            del self._of_size[size]


class Queue:
    """Who runs, and what is free.

    Args:
        shape: GPUs of each type in the cluster.

    Attributes:
        shape: GPUs of each type in the cluster.
        free: Those that no job holds.
        running: Gangs that run, by the names of their jobs.
    """

    def __init__(self, shape: Gpus) -> None:
        self.shape = shape
        self.free = list(shape)
        self.running: dict[str, Gang] = {}
        self._arrived = 0

    def gang(self, job: JobState) -> Gang:
        """Return the gang of a job that arrives; in order of submission."""
        self._arrived += 1
        return Gang(job.name, job.demand, job.preferred, job.submitted_s, self._arrived)

    def end(self, name: str) -> None:
        """Forget a running job, which has ended."""
        self.stop(self.running[name])

    def start(self, gang: Gang) -> None:
        """Give a gang its GPUs."""
        self.running[gang.name] = gang
        self.free[gang.gpu_type] -= gang.size

    def stop(self, gang: Gang) -> None:
        """Take them back."""
        del self.running[gang.name]
        self.free[gang.gpu_type] += gang.size


def changes_of(stopped: Sequence[str], started: list[Entry]) -> Changes:
    """Return changes, with what starts in order."""
    return Changes(stopped, {gang.name: gang.plan for *_, gang in sorted(started)})
