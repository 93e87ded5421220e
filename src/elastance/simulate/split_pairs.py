"""Every pair of GPU types on every workload of a power trace: what ways of splitting cost against the best one."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from elastance.catalog import WORKLOADS
from elastance.simulate.splits import GpuGroup, compare_splits, split_problem
from elastance.traces import profile_of_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elastance.traces import TraceSource

PAIR_METHODS = ("exact", "zeus2-brute-force", "even", "even-best-limits", "time-balanced", "proportional")
"""The best plan, the published one, and the baselines from weak to strong."""

_LARGEST_BATCH = 16384


class PairRow(NamedTuple):
    """One method on one pair of GPUs and one workload.

    Attributes:
        workload: Name of the workload.
        first, second: The two GPU types.
        global_batch_size: Largest batch sizes of both together, at most 16384.
        method: Who split it.
        first_batch_size: Samples of the first GPU.
        first_limit_w, second_limit_w: Power limits, W.
        time_s: Time of an epoch, s.
        energy_j: Energy of an epoch, J.
        cost_j: Cost of an epoch at eta 0.5, J.
        cost_relative, energy_relative, time_relative: The same, relative to the exact plan.
    """

    workload: str
    first: str
    second: str
    global_batch_size: int
    method: str
    first_batch_size: int
    first_limit_w: int
    second_limit_w: int
    time_s: float
    energy_j: float
    cost_j: float
    cost_relative: float
    energy_relative: float
    time_relative: float


def split_pairs(
    source: TraceSource,
    gpus: Sequence[str] | None = None,
    methods: Sequence[str] = PAIR_METHODS,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[PairRow]:
    """Split one epoch of every workload over every pair of GPU types.

    Args:
        source: Power traces.
        gpus: GPU types to pair; all that the source knows unless given.
        methods: What to compare; `exact` must be the first.
        on_progress: Called with (pairs done, all pairs).

    Returns:
        A row per workload, pair and method.

    Raises:
        InputError: The traces are not usable.
    """
    pairs = [(workload, *pair) for workload in WORKLOADS for pair in combinations(gpus or source.gpus(), 2)]
    rows: list[PairRow] = []
    for done, (workload, first, second) in enumerate(pairs):
        if on_progress is not None:
            on_progress(done, len(pairs))
        caps = [profile_of_trace(source, gpu, workload, 1).cap for gpu in (first, second)]
        batch = min(sum(caps), _LARGEST_BATCH)
        groups = [GpuGroup(profile_of_trace(source, gpu, workload, batch)) for gpu in (first, second)]
        comparison = compare_splits(groups, split_problem(groups, batch), methods)
        best = comparison.chosen.plan
        for result in comparison.results:
            assert result.solution is not None, result.refusal
            plan = result.solution.plan
            shares = plan.shares
            rows.append(
                PairRow(
                    *(workload.name, first, second, batch, result.method.name),
                    *(shares[0].batch_size, shares[0].power_limit_w, shares[1].power_limit_w),
                    *(plan.time_s, plan.energy_j, plan.cost_j),
                    plan.cost_j / best.cost_j,
                    plan.energy_j / best.energy_j,
                    plan.time_s / best.time_s,
                )
            )
    return rows


def geometric_means(rows: Sequence[PairRow], method: str) -> tuple[float, float, float]:
    """Return cost, energy and time of a method relative to the exact plan, as geometric means over all pairs."""
    of = [row for row in rows if row.method == method]
    return (
        _geometric_mean([row.cost_relative for row in of]),
        _geometric_mean([row.energy_relative for row in of]),
        _geometric_mean([row.time_relative for row in of]),
    )


def _geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))
