"""Schedulers that give a job all its GPUs at once or none: one logical worker on each, all of the preferred type."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from elastance.scheduling.contract import ClusterState, JobState, Stateless
from elastance.scheduling.plans import best_plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from elastance.scheduling.contract import Allocation
    from elastance.scheduling.plans import Demand, Gpus, Plan

TIRESIAS_QUEUES_GPU_S = (3600.0, 36000.0)
"""Attained service at which a job falls into the next queue: an hour and ten hours of one GPU."""


@cache
def gang_plan(demand: Demand, preferred: int) -> Plan:
    """Return the plan of one logical worker per GPU of the preferred type."""
    workers = demand.logical_workers
    gpus: Gpus = tuple(workers if of == preferred else 0 for of in range(len(demand.step_s)))
    plan = best_plan(demand.only(preferred), gpus)
    assert plan is not None
    return plan


class _Gang(Stateless):
    asked_at_intervals = False  # as long as no job arrives or ends, nothing that counts changes


class YarnCs(_Gang):
    """One job at a time has the whole cluster, in order of submission: the published baseline as it was run."""

    def allocate(self, state: ClusterState) -> Allocation:
        """Run the first job."""
        return _packed(state, state.jobs[:1])


class Fifo(_Gang):
    """In order of submission; the first job that does not fit holds up all behind it."""

    def allocate(self, state: ClusterState) -> Allocation:
        """Run jobs up to the first that does not fit."""
        return _packed(state, state.jobs, until_full=True)


class FifoBackfill(_Gang):
    """In order of submission; whatever fits beside the running jobs starts."""

    def allocate(self, state: ClusterState) -> Allocation:
        """Run all running jobs, then whatever fits."""
        running = [job for job in state.jobs if job.plan is not None]
        return _packed(state, [*running, *(job for job in state.jobs if job.plan is None)])


class Srtf(_Gang):
    """Shortest remaining time first, known in advance; preempts."""

    def allocate(self, state: ClusterState) -> Allocation:
        """Run what ends first, if it fits."""
        return _packed(state, sorted(state.jobs, key=_remaining_s))


class Tiresias(_Gang):
    """Least attained service first, in queues, without knowing how long jobs are (NSDI'19, discretised 2D-LAS)."""

    asked_at_intervals = True  # jobs fall into other queues while they run

    def allocate(self, state: ClusterState) -> Allocation:
        """Run the jobs of the first queue that fit, then of the next."""
        return _packed(state, sorted(state.jobs, key=_queue))


def _packed(state: ClusterState, jobs: Iterable[JobState], *, until_full: bool = False) -> dict[str, Plan]:
    """Give jobs their gangs one after another as long as there are GPUs."""
    free = list(state.shape)
    chosen: dict[str, Plan] = {}
    for job in jobs:
        if job.demand.logical_workers <= free[job.preferred]:
            free[job.preferred] -= job.demand.logical_workers
            chosen[job.name] = job.plan or gang_plan(job.demand, job.preferred)
        elif until_full:
            break
    return chosen


def _remaining_s(job: JobState) -> tuple[float, float]:
    return job.remaining_steps * job.demand.step_s[job.preferred], job.submitted_s


def _queue(job: JobState) -> tuple[int, float]:
    return sum(job.attained_gpu_s >= limit for limit in TIRESIAS_QUEUES_GPU_S), job.submitted_s
