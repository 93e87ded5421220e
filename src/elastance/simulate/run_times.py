"""How long the default job of each workload takes: the order in which classes of real jobs are matched with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elastance.cost import EtaCost
from elastance.simulate.expectation import default, expectations
from elastance.simulate.inputs import facts_and_job

if TYPE_CHECKING:
    from collections.abc import Iterable

    from elastance.traces import TraceSource


def default_run_times_s(source: TraceSource, gpu: str, workloads: Iterable[str]) -> dict[str, float]:
    """Return the expected time to the target of each workload's default job at the largest power limit, s.

    Raises:
        InputError: The source does not know the GPU type or a workload, or offers no batch size up to the default.
        ConvergenceError: A default job never reaches its target.
    """
    times_s: dict[str, float] = {}
    for workload in workloads:
        facts, job = facts_and_job(source, workload, gpu)
        table = expectations(facts, job, EtaCost(0.0, facts.max_power_w))
        times_s[workload] = default(table, facts, job).time_s
    return times_s
