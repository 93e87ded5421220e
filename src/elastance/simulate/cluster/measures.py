"""What one run of a cluster workload amounts to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from elastance.simulate.cluster.history import Activity
from elastance.simulate.cluster.timeline import Timeline
from elastance.simulate.measures import Spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.simulate.cluster.history import ClusterHistory

HOUR_S = 3600.0


@dataclass(frozen=True)
class ClusterMeasures:
    """One run, measured. Times in s, energies in J, powers in W.

    Attributes:
        jct_s: Job completion times, from submission to end: mean, median and 99th percentile.
        makespan_s: From the start of the trace to the end of the last job.
        queue_s: Mean time from submission to the first GPU.
        utilization: Share of the cluster's GPU time, up to the makespan, in which a logical worker trained.
        mean_allocated_gpus: GPUs held on average, up to the makespan.
        allocated_gpu_hours: GPU time that jobs held.
        useful_gpu_hours: Of it, the part in which at least one logical worker trained on the GPU.
        restart_gpu_hours: Of it, the part that starting and restarting took.
        restarts: Changes of jobs' GPUs after their first start.
        energy_j: Energy of all GPUs of the cluster up to the makespan, those that wait included.
        idle_energy_j: Of it, what GPUs drew on which nothing trained.
        energy_per_job_j: Energy over number of jobs.
        fairness: Job completion time over the time the job would take alone: median and 95th percentile.
        peak_power_w: Largest power of all GPUs together.
    """

    jct_s: dict[str, float]
    makespan_s: float
    queue_s: float
    utilization: float
    mean_allocated_gpus: float
    allocated_gpu_hours: float
    useful_gpu_hours: float
    restart_gpu_hours: float
    restarts: int
    energy_j: float
    idle_energy_j: float
    energy_per_job_j: float
    fairness: dict[str, float]
    peak_power_w: float

    @classmethod
    def of(cls, history: ClusterHistory) -> ClusterMeasures:
        """Measure a run."""
        timeline = Timeline.of(history)
        jct_s = np.array([job.jct_s for job in history.jobs])
        makespan_s = max(job.end_s for job in history.jobs)
        slowdown = np.array([job.jct_s / job.alone_s for job in history.jobs])
        # In a replay GPUs are held a little beyond the makespan; energy counts up to it.
        length_s = np.clip(makespan_s - timeline.time_s[:-1], 0.0, timeline.length_s)
        allocated_gpu_s = float(timeline.length_s @ timeline.allocated.sum(axis=1))
        useful_gpu_s = float(timeline.length_s @ timeline.useful.sum(axis=1))
        restart_gpu_s = math.fsum(
            (phase.end_s - phase.start_s) * sum(phase.gpus)
            for phase in history.phases
            if phase.activity is Activity.RESTARTING
        )
        energy_j = float(length_s @ timeline.power_w)
        return cls(
            jct_s={
                "mean": float(jct_s.mean()),
                "p50": float(np.percentile(jct_s, 50)),
                "p99": float(np.percentile(jct_s, 99)),
            },
            makespan_s=makespan_s,
            queue_s=math.fsum(job.start_s - job.submit_s for job in history.jobs) / len(history.jobs),
            utilization=useful_gpu_s / (sum(history.shape) * makespan_s),
            mean_allocated_gpus=float(length_s @ timeline.allocated.sum(axis=1)) / makespan_s,
            allocated_gpu_hours=allocated_gpu_s / HOUR_S,
            useful_gpu_hours=useful_gpu_s / HOUR_S,
            restart_gpu_hours=restart_gpu_s / HOUR_S,
            restarts=sum(job.restarts for job in history.jobs),
            energy_j=energy_j,
            idle_energy_j=float(length_s @ timeline.idle_w),
            energy_per_job_j=energy_j / len(history.jobs),
            fairness={"p50": float(np.percentile(slowdown, 50)), "p95": float(np.percentile(slowdown, 95))},
            peak_power_w=float(timeline.power_w.max()),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return dict(vars(self))


def spread_json(measures: Sequence[ClusterMeasures]) -> dict[str, Any]:
    """Return every quantity over seeds as ``{mean, ci95}``."""
    documents = [of.to_json() for of in measures]
    return {name: _spread([document[name] for document in documents]) for name in documents[0]}


def _spread(values: Sequence[Any]) -> dict[str, Any]:
    if isinstance(values[0], dict):
        statistics: list[dict[str, float]] = list(values)
        return {name: _spread([of_seed[name] for of_seed in statistics]) for name in statistics[0]}
    return dict(Spread.of(values)._asdict())
