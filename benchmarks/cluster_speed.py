"""Time cluster simulations: the published workload beside the artifact's own loop, and growing numbers of jobs.

Run ``make bench-cluster``; with the published workload ``make bench-cluster ARGS=../shared/data/easyscale``. CPU
seconds of this process, everything but reading files included. The artifact's are those recorded for its loop alone,
perhaps on another machine: compare orders of magnitude. Plans are worked out anew for every simulation, but those of
the replay.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from elastance.runs import Provenance
from elastance.simulate.cluster import simulate_cluster
from elastance.traces import ClusterWorkload, read_cluster, read_step_times
from elastance.traces.synthesize_cluster import ClusterParameters, draw_cluster_jobs

ARTIFACT_S = {"yarn-cs": 4.77, "easyscale-homo": 5.35, "easyscale-heter": 7.81}
"""CPU seconds of the artifact's loop on the published workload at interval 60 s, as recorded."""

GROWTH = {"fifo-backfill": (1_000, 10_000, 100_000), "easyscale-heter": (100, 1_000, 10_000)}
"""Jobs, in steps of ten."""


def main() -> None:
    """Print both tables."""
    if len(sys.argv) > 1:
        published(Path(sys.argv[1]))
    print(f"{'policy':16s} {'jobs':>8s} {'CPU s':>8s} {'jobs/s':>9s} {'decisions/s':>12s}  growth")
    for policy, counts in GROWTH.items():
        before_s = None
        for count in counts:
            jobs = draw_cluster_jobs(ClusterParameters(jobs=count), 0)
            workload = ClusterWorkload(Path("synthetic"), "", Provenance.MODEL, jobs)
            began_s = time.process_time()
            history = simulate_cluster(workload, policies=[policy])[policy].histories[0]
            took_s = time.process_time() - began_s
            growth = "" if before_s is None else f"x {took_s / before_s:.1f}"
            rates = f"{count / took_s:9,.0f} {history.decisions / took_s:12,.0f}"
            print(f"{policy:16s} {count:8,d} {took_s:8.2f} {rates}  {growth}")
            before_s = took_s


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
