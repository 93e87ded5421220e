"""Time cluster simulations: the published workload beside the artifact's own loop, and growing numbers of jobs.

Run ``make bench-cluster``; with the published workload ``make bench-cluster ARGS=../shared/data/easyscale``. CPU
seconds of this process, everything but reading files included. The artifact's are those recorded for its loop alone,
perhaps on another machine: compare orders of magnitude. Plans are worked out anew for every simulation, but those of
the replay. An event is a moment at which the scheduler is asked. The large cluster has a fourth type, A40, which is
taken to need 0.8 times the seconds of a V100: a made-up ratio, of no account for the speed of the simulation.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from elastance.runs import Provenance
from elastance.simulate.cluster import simulate_cluster
from elastance.traces import (
    ClusterJob,
    ClusterWorkload,
    StepTimes,
    builtin_step_times,
    read_cluster,
    read_step_times,
)
from elastance.traces.synthesize_cluster import ClusterParameters, draw_cluster_jobs

ARTIFACT_S = {"yarn-cs": 4.77, "easyscale-homo": 5.35, "easyscale-heter": 7.81}
"""CPU seconds of the artifact's loop on the published workload at interval 60 s, as recorded."""

GROWTH = {
    "fifo-backfill": (1_000, 10_000, 100_000),
    "easyscale-heter": (100, 1_000, 10_000),
    "energy-elastic": (100, 1_000, 10_000),
}
"""Jobs, in steps of ten."""

LARGE = "v100=400,p100=200,t4=200,a40=200"
"""A cluster of 1,000 GPUs of four types."""

LARGE_JOBS = 5_000
"""Jobs on it."""

LARGE_GAP_S = 75.0 * 64 / 1_000
"""They load it as the made-up workloads load the published cluster of 64 GPUs, s."""

LARGE_CAP = "150kW"
"""What its GPUs may draw together; up to 244 kW they could."""

A40_SHARE = 0.8
"""Seconds on an A40 over those on a V100: made up."""


def main() -> None:
    """Print both tables."""
    if len(sys.argv) > 1:
        published(Path(sys.argv[1]))
    print(f"{'policy':16s} {'jobs':>8s} {'CPU s':>8s} {'jobs/s':>9s} {'events/s':>9s}  growth")
    for policy, counts in GROWTH.items():
        before_s = None
        for count in counts:
            jobs = draw_cluster_jobs(ClusterParameters(jobs=count), 0)
            took_s, rates = timed(jobs, policy)
            growth = "" if before_s is None else f"x {took_s / before_s:.1f}"
            print(f"{policy:16s} {count:8,d} {took_s:8.2f} {rates}  {growth}", flush=True)
            before_s = took_s
    jobs = draw_cluster_jobs(ClusterParameters(jobs=LARGE_JOBS, mean_gap_s=LARGE_GAP_S), 0)
    print(f"\n{LARGE}")
    for policy, cap in (("easyscale-heter", None), ("energy-elastic", None), ("energy-elastic", LARGE_CAP)):
        took_s, rates = timed(jobs, policy, cluster=LARGE, traces=with_a40(), power_cap=cap)
        print(f"{policy:16s} {LARGE_JOBS:8,d} {took_s:8.2f} {rates}  {cap or ''}", flush=True)


def timed(jobs: tuple[ClusterJob, ...], policy: str, **options: Any) -> tuple[float, str]:  # noqa: ANN401
    """Simulate, and return CPU seconds and rates."""
    workload = ClusterWorkload(Path("synthetic"), "", Provenance.MODEL, jobs)
    began_s = time.process_time()
    history = simulate_cluster(workload, policies=[policy], **options)[policy].histories[0]
    took_s = time.process_time() - began_s
    return took_s, f"{len(jobs) / took_s:9,.0f} {history.decisions / took_s:9,.0f}"


def with_a40() -> StepTimes:
    """Return the built-in step times, and such of an A40."""
    times = builtin_step_times()
    points = {
        application: {size: {**of_gpu, "a40": A40_SHARE * of_gpu["v100"]} for size, of_gpu in of_size.items()}
        for application, of_size in times.points.items()
    }
    return StepTimes(points, times.source)


def published(directory: Path) -> None:
    """Time the published workload; the least of five, in normal mode and replayed."""
    workload = read_cluster(directory / "workload.csv")
    times = read_step_times(directory / "step_times.json")
    print(f"{'published workload':24s} {'CPU s':>8s} {'artifact':>9s} {'ratio':>7s}")
    for compat in (False, True):
        for policy, artifact_s in ARTIFACT_S.items():
            took_s: list[float] = []
            for _ in range(5):
                began_s = time.process_time()
                simulate_cluster(workload, policies=[policy], traces=times, compat=compat)
                took_s.append(time.process_time() - began_s)
            name = f"{policy}{' --compat' if compat else ''}"
            print(f"{name:24s} {min(took_s):8.3f} {artifact_s:9.2f} {artifact_s / min(took_s):6.0f}x")
    print()


if __name__ == "__main__":
    main()
