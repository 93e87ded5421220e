"""Many simulated clusters at once: traces, clusters, policies and caps, in processes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from elastance.runs import Provenance
from elastance.simulate.cluster.caps import over_cap_s
from elastance.simulate.cluster.comparison import CLUSTER_POLICIES, PUBLISHED_CLUSTER, simulate_cluster
from elastance.simulate.cluster.timeline import Timeline
from elastance.simulate.cluster.world import INTERVAL_S
from elastance.simulate.processes import in_processes
from elastance.traces import ClusterWorkload
from elastance.traces.synthesize_cluster import draw_cluster_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elastance.scheduling import PowerCap
    from elastance.simulate.cluster.measures import ClusterMeasures
    from elastance.traces import StepTimes
    from elastance.traces.synthesize_cluster import ClusterParameters


@dataclass(frozen=True)
class ClusterCase:
    """One trace on one cluster, under policies that share an eta knob and a cap.

    Attributes:
        workload: The jobs.
        seed: How they are dealt out, as in `simulate_cluster`.
        cluster: The GPUs.
        policies: Names of the schedulers.
        eta: Eta knob of those that have one; None for their own.
        cap: What the cluster may draw; None without bound.
        interval_s: How often schedulers are asked at least, s.
        compat: Whether the published simulator is replayed.
    """

    workload: ClusterWorkload
    seed: int = 0
    cluster: str = PUBLISHED_CLUSTER
    policies: tuple[str, ...] = CLUSTER_POLICIES
    eta: float | None = None
    cap: PowerCap | None = None
    interval_s: float = INTERVAL_S
    compat: bool = False


class CaseOutcome(NamedTuple):
    """What one policy made of a case.

    Attributes:
        measures: What the run amounts to.
        over_cap_s: For how long the GPUs drew more than the cap, s; None without one.
    """

    measures: ClusterMeasures
    over_cap_s: float | None


def run_cases(
    cases: Sequence[ClusterCase],
    times: StepTimes,
    *,
    jobs: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, CaseOutcome]]:
    """Simulate every case, and return what each policy made of it.

    Args:
        cases: What to simulate.
        times: How long micro-batches take.
        jobs: Worker processes; the result does not depend on it.
        on_progress: Called with how many cases, of how many, are done.

    Raises:
        ElastanceError: Something is wrong with a case; the message says what.
    """
    outcomes: list[dict[str, CaseOutcome]] = [{} for _ in cases]
    for done, (number, outcome) in enumerate(in_processes(partial(_run, times), cases, jobs), start=1):
        outcomes[number] = outcome
        if on_progress is not None:
            on_progress(done, len(cases))
    return outcomes


def _run(times: StepTimes, case: ClusterCase) -> dict[str, CaseOutcome]:
    comparison = simulate_cluster(
        case.workload,
        case.cluster,
        policies=case.policies,
        interval_s=case.interval_s,
        seeds=[case.seed],
        traces=times,
        compat=case.compat,
        power_cap=case.cap,
        eta=case.eta,
    )
    return {
        result.policy: CaseOutcome(
            result.measures[0],
            None if case.cap is None else over_cap_s(Timeline.of(result.histories[0]), case.cap),
        )
        for result in comparison.policies
    }


def drawn_workload(parameters: ClusterParameters, seed: int) -> ClusterWorkload:
    """Return synthetic jobs as a workload of no file; same seed, same jobs.

    Raises:
        InputError: The seed is negative.
    """
    jobs = draw_cluster_jobs(parameters, seed)
    name = f"synthetic-{parameters.arrivals.value}-seed-{seed}"
    digest = hashlib.sha256(repr(jobs).encode()).hexdigest()
    return ClusterWorkload(Path(name), digest, Provenance.MODEL, jobs)
