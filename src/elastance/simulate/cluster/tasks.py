"""Jobs of a workload on a given cluster: what a world needs to know of each, and whether it can run there at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from elastance.catalog import Determinism
from elastance.errors import InputError
from elastance.scheduling import gang_plan
from elastance.simulate.cluster.facts import facts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np

    from elastance.scheduling import Demand, Plan
    from elastance.traces import ApplicationProfile, ClusterJob, StepTimes

LARGEST_CLUSTER = 1_000_000
"""More GPUs of a type are taken for a slip of the keyboard."""


@dataclass(frozen=True)
class ClusterShape:
    """The GPUs of a cluster.

    Attributes:
        types: Names of the GPU types.
        counts: GPUs of each.
    """

    types: tuple[str, ...]
    counts: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> ClusterShape:
        """Read for example ``v100=32,p100=16,t4=16``.

        Raises:
            InputError: It is not of that form, names a type twice, or has no GPU.
        """
        counts: dict[str, int] = {}
        for part in text.split(","):
            name, _, count = (piece.strip().lower() for piece in part.partition("="))
            if not name or not count.isdecimal() or int(count) > LARGEST_CLUSTER:
                raise InputError(f"cluster {text!r}: expected types and counts such as v100=32,p100=16,t4=16")
            if name in counts:
                raise InputError(f"cluster {text!r}: {name} is named twice")
            counts[name] = int(count)
        if not any(counts.values()):
            raise InputError(f"cluster {text!r}: there is no GPU in it")
        return cls(tuple(counts), tuple(counts.values()))

    @property
    def size(self) -> int:
        """GPUs of all types."""
        return sum(self.counts)

    def __str__(self) -> str:
        return ", ".join(
            f"{count} {name.upper()}" for name, count in zip(self.types, self.counts, strict=True)
        )


@dataclass(frozen=True)
class ClusterTask:
    """A job as a world runs it.

    Attributes:
        name: Unique.
        submit_s: When it is submitted, s.
        demand: Logical workers and step times on the cluster's GPU types.
        preferred: Number of its preferred type.
        may_mix_types: Whether it may run on several types at once.
        min_gpus: GPUs it waits for before it starts.
        steps: Steps to train.
        total_batch: Samples per step.
        at_d1, at_d2: The demand under either level of determinism; None where `demand` is all that is known.
    """

    name: str
    submit_s: float
    demand: Demand
    preferred: int
    may_mix_types: bool
    min_gpus: int
    steps: float
    total_batch: int
    at_d1: Demand | None = None
    at_d2: Demand | None = None

    @property
    def allowed(self) -> Demand:
        """The demand on the types it may use: on several at D2 if it may mix them, else on the preferred one."""
        return (self.at_d2 or self.demand) if self.may_mix_types else self.demand.only(self.preferred)

    def demand_of(self, plan: Plan) -> Demand | None:
        """Return the demand that a first plan binds the job to; None if it may not have such a plan."""
        if plan.determinism is Determinism.D1:
            held = [of for of, count in enumerate(plan.gpus) if count]
            if self.at_d1 is None or len(held) != 1:
                return None
            return self.at_d1.only(held[0]) if self.may_mix_types or held[0] == self.preferred else None
        demand = self.demand if plan.determinism is None else self.at_d2
        return demand if demand is None or self.may_mix_types else demand.only(self.preferred)

    def alone_s(self, rescale_s: float) -> float:
        """Return how long it takes alone, with a GPU of its preferred type per logical worker, s."""
        return rescale_s + self.steps * gang_plan(self.demand, self.preferred).step_s


def make_tasks(
    jobs: Iterable[ClusterJob],
    cluster: ClusterShape,
    times: StepTimes,
    profiles: Sequence[ApplicationProfile] = (),
) -> tuple[ClusterTask, ...]:
    """Look up the step times of every job, and what was recorded of its draw and of power limits.

    Args:
        jobs: The jobs.
        cluster: The GPUs.
        times: Step times of what no profile is of.
        profiles: What was recorded; a script runs as it is, so its times are taken to be those under D1.

    Raises:
        InputError: A job prefers a GPU type that the cluster has not got, or needs more GPUs than there are, or its
            batch size is beyond its profile.
        UnknownNameError: There are no step times of a job's application, or on a GPU type of the cluster.
    """
    tasks: list[ClusterTask] = []
    facts = facts_of(times, profiles)
    demands: dict[Demand, Demand] = {}  # equal jobs share one, and with it what is worked out once
    for job in jobs:
        if job.preferred_gpu not in cluster.types:
            raise InputError(
                f"job {job.name} is written for {job.preferred_gpu}, of which the cluster has none: {cluster}"
            )
        preferred = cluster.types.index(job.preferred_gpu)
        largest = cluster.size if job.may_mix_types else cluster.counts[preferred]
        if job.min_gpus > largest:
            raise InputError(
                f"job {job.name} is larger than the cluster: it needs {job.min_gpus} GPUs, "
                f"and there are {largest} that it may use"
            )
        demand, at_d1, at_d2 = (of and demands.setdefault(of, of) for of in facts.demands(job, cluster.types))
        assert demand is not None
        tasks.append(
            ClusterTask(
                name=job.name,
                submit_s=job.submit_s,
                demand=demand,
                preferred=preferred,
                may_mix_types=job.may_mix_types,
                min_gpus=job.min_gpus,
                steps=job.steps,
                total_batch=job.batch_size * job.logical_workers,
                at_d1=at_d1,
                at_d2=at_d2,
            )
        )
    return tuple(tasks)


def require_gangs(tasks: Iterable[ClusterTask], cluster: ClusterShape, policy: str) -> None:
    """Refuse jobs that a gang scheduler could never start.

    Raises:
        InputError: A job has more logical workers than the cluster GPUs of its preferred type.
    """
    for task in tasks:
        there = cluster.counts[task.preferred]
        if task.demand.logical_workers > there:
            raise InputError(
                f"job {task.name} is larger than the cluster under {policy}: it needs "
                f"{task.demand.logical_workers} {cluster.types[task.preferred]} at once, and there are {there}"
            )


def dealt_anew(tasks: Sequence[ClusterTask], rng: np.random.Generator) -> tuple[ClusterTask, ...]:
    """Return the same jobs, each submitted at the time of another; the places in the workload go with the times."""
    order: list[int] = rng.permutation(len(tasks)).tolist()
    return tuple(replace(tasks[old], submit_s=task.submit_s) for old, task in zip(order, tasks, strict=True))
