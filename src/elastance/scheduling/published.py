"""The schedulers of EasyScale's artifact with their defects, for replaying it.

Kept on purpose: the baseline runs one job at a time (quirk Q1); a job keeps GPUs that its new plan leaves idle (Q3);
nothing is ever taken from a running job; jobs are looked at in the order of the file (Q8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from elastance.scheduling.published_plans import (
    MOST_WASTE,
    PublishedPlan,
    heterogeneous_plans,
    homogeneous_plans,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.scheduling.plans import Demand, Gpus


class PublishedJob(NamedTuple):
    """A job as the artifact's schedulers see it.

    Attributes:
        name: Unique.
        demand: Logical workers and step times on every GPU type.
        preferred: The GPU type it is written for.
        may_mix_types: Whether it may run on several types at once.
    """

    name: str
    demand: Demand
    preferred: int
    may_mix_types: bool


class Holding(NamedTuple):
    """What a job holds.

    Attributes:
        gpus: GPUs of each type, used or not.
        plan: What it does with them.
    """

    gpus: Gpus
    plan: PublishedPlan


class PublishedScheduler(Protocol):
    """Decides at the end of every interval."""

    def allocate(self, jobs: Sequence[PublishedJob]) -> dict[str, Holding]:
        """Return what each of the jobs that have not ended holds from now on; in the order of the file."""
        ...

    def state(self) -> dict[str, Any]:
        """Return all that later decisions depend on, as JSON values."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Continue exactly where the scheduler that returned `state` stood."""
        ...


class PublishedYarnCs:
    """The first job of the file that has not ended has its gang; all others wait.

    Args:
        shape: GPUs of each type in the cluster.
    """

    def __init__(self, shape: Gpus) -> None:
        self._shape = shape

    def allocate(self, jobs: Sequence[PublishedJob]) -> dict[str, Holding]:
        """Run one job."""
        if not jobs:
            return {}
        job = jobs[0]
        plan = homogeneous_plans(job.demand, job.preferred, self._shape)[0]
        return {job.name: Holding(plan.gpus, plan)}

    def state(self) -> dict[str, Any]:
        """Return nothing: it has none."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Do nothing."""


class _Bid(NamedTuple):
    gain: float
    gpu_type: int
    added: int
    plan: PublishedPlan
    job: PublishedJob


class PublishedEasyScale:
    """Elastic jobs that only ever grow.

    Args:
        shape: GPUs of each type in the cluster.
        mixes_types: Whether jobs that may run on several GPU types do.
    """

    def __init__(self, shape: Gpus, *, mixes_types: bool) -> None:
        self._shape = shape
        self._mixes_types = mixes_types
        self._held: dict[str, Holding] = {}
        self._bid_of: dict[str, tuple[Holding, tuple[_Bid, ...]]] = {}  # remembered, no state

    def allocate(self, jobs: Sequence[PublishedJob]) -> dict[str, Holding]:
        """Start new jobs on the least they can run on, then accept one proposal per running job, best first."""
        names = {job.name for job in jobs}
        self._held = {name: holding for name, holding in self._held.items() if name in names}
        self._bid_of = {name: of for name, of in self._bid_of.items() if name in names}
        running = [job for job in jobs if job.name in self._held]
        free = [
            count - sum(holding.gpus[of] for holding in self._held.values())
            for of, count in enumerate(self._shape)
        ]
        for job in jobs:
            if job.name not in self._held:
                self._start(job, free)
        bids = [bid for job in running for bid in self._bids(job)]
        bids.sort(key=lambda bid: -bid.gain)
        won: set[str] = set()
        for bid in bids:
            if bid.job.name not in won and bid.added <= free[bid.gpu_type]:
                won.add(bid.job.name)
                free[bid.gpu_type] -= bid.added
                gpus = list(self._held[bid.job.name].gpus)
                gpus[bid.gpu_type] += bid.added
                self._held[bid.job.name] = Holding(tuple(gpus), bid.plan)
        return dict(self._held)

    def state(self) -> dict[str, Any]:
        """Return what each job holds."""
        return {name: [list(held.gpus), list(held.plan)] for name, held in self._held.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue exactly where the scheduler that returned `state` stood."""
        self._held = {
            name: Holding(tuple(gpus), PublishedPlan(tuple(used), tuple(threads), waste, speedup, step_s))
            for name, (gpus, (used, threads, waste, speedup, step_s)) in state.items()
        }

    def _plans(self, job: PublishedJob) -> tuple[PublishedPlan, ...]:
        if self._mixes_types and job.may_mix_types:
            return heterogeneous_plans(job.demand, self._shape)
        return homogeneous_plans(job.demand, job.preferred, self._shape)

    def _start(self, job: PublishedJob, free: list[int]) -> None:
        for plan in reversed(self._plans(job)):
            if all(wanted <= there for wanted, there in zip(plan.gpus, free, strict=True)):
                self._held[job.name] = Holding(plan.gpus, plan)
                for of, count in enumerate(plan.gpus):
                    free[of] -= count
                return

    def _bids(self, job: PublishedJob) -> tuple[_Bid, ...]:
        """Return the bid with the largest gain for each GPU type; whether its GPUs are free is asked later."""
        held = self._held[job.name]
        if job.name not in self._bid_of or self._bid_of[job.name][0] is not held:
            self._bid_of[job.name] = held, self._best_bids(job, held)
        return self._bid_of[job.name][1]

    def _best_bids(self, job: PublishedJob, held: Holding) -> tuple[_Bid, ...]:
        size = sum(held.gpus)
        best: dict[int, _Bid] = {}
        for plan in self._plans(job):
            if plan.speedup < held.plan.speedup:
                break  # and so are all that follow
            raised = [of for of, count in enumerate(plan.gpus) if count > held.gpus[of]]
            if len(raised) != 1 or plan.waste > MOST_WASTE:
                continue
            gpu_type = raised[0]
            added = plan.gpus[gpu_type] - held.gpus[gpu_type]
            gain = (plan.speedup / held.plan.speedup - 1) / added + 1
            if size + added <= 2 * size and (gpu_type not in best or gain > best[gpu_type].gain):
                best[gpu_type] = _Bid(gain, gpu_type, added, plan, job)
        return tuple(best[of] for of in sorted(best))
