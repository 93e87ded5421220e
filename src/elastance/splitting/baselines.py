"""What people do without a solver: even shares, shares by speed, and the published heuristic on sound curves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from elastance.splitting.exact import exact
from elastance.splitting.problem import Goal, Plan, Share, SplitProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.splitting.curves import Gpu


def even(problem: SplitProblem) -> list[Share]:
    """Equal shares at maximum power: what DistributedDataParallel does."""
    return _at_full_power(problem, _even_units(problem))


def even_best_limits(problem: SplitProblem) -> list[Share]:
    """Equal shares, each GPU under the limit that serves the objective best."""
    units = _even_units(problem)
    return _with_best_limits(problem, units)


def time_balanced(problem: SplitProblem) -> list[Share]:
    """Shares that let all GPUs end together at maximum power: the fastest plan there, of several the most frugal."""
    full = {gpu: gpu.at_limits(gpu.power_limits_w[-1:]) for gpu in dict.fromkeys(problem.gpus)}
    held = tuple(full[gpu] for gpu in problem.gpus)
    return list(exact(replace(problem, gpus=held, goal=Goal.TIME, max_slowdown=None)).plan.shares)


def proportional(problem: SplitProblem) -> list[Share]:
    """Shares proportional to the samples per second of the largest measured batch, at maximum power."""
    speeds = np.array([throughput(gpu) for gpu in problem.gpus])
    wanted = problem.units * speeds / speeds.sum()
    units = np.floor(wanted).astype(int)
    # Largest remainders get what is left over; the first of equals.
    for place in np.argsort(units - wanted, kind="stable")[: problem.units - int(units.sum())]:
        units[place] += 1
    return _at_full_power(problem, units.tolist())


def heuristic(problem: SplitProblem) -> list[Share]:
    """The fastest kind of GPU at its lowest limit only, all else exact: the published shortcut on sound curves."""
    strongest = max(dict.fromkeys(problem.gpus), key=throughput)
    slowed = strongest.at_limits(strongest.power_limits_w[:1])
    held = tuple(slowed if gpu is strongest else gpu for gpu in problem.gpus)
    return list(exact(replace(problem, gpus=held, max_slowdown=None)).plan.shares)


def throughput(gpu: Gpu) -> float:
    """Samples per second at maximum power and the largest measured batch size."""
    size = gpu.largest_measured if gpu.micro_batch is None else min(gpu.micro_batch, gpu.largest_measured)
    times, _ = gpu.table(np.array([size]))
    return size / float(times[-1, 0])


def _even_units(problem: SplitProblem) -> list[int]:
    least, left_over = divmod(problem.units, len(problem.gpus))
    return [least + (place < left_over) for place in range(len(problem.gpus))]


def _at_full_power(problem: SplitProblem, units: Sequence[int]) -> list[Share]:
    return [
        Share(of * problem.granularity, gpu.power_limits_w[-1])
        for gpu, of in zip(problem.gpus, units, strict=True)
    ]


def _with_best_limits(problem: SplitProblem, units: Sequence[int]) -> list[Share]:
    """For every time the step could take, the cheapest limits that end by then; the best of these plans."""
    chosen = [
        (gpu, of, problem.tables[gpu][0][:, of], problem.tables[gpu][1][:, of])
        for gpu, of in zip(problem.gpus, units, strict=True)
    ]
    slowest = max(float(times.min()) for _, _, times, _ in chosen)
    deadlines = {float(time) for _, _, times, _ in chosen for time in times if time >= slowest}
    plans: list[Plan] = []
    for deadline in sorted(deadlines):
        shares: list[Share] = []
        for gpu, of, times, energies in chosen:
            above_idle = np.where(times <= deadline, energies - gpu.idle_power_w * times, np.inf)
            shares.append(Share(of * problem.granularity, gpu.power_limits_w[int(above_idle.argmin())]))
        plans.append(problem.evaluate(shares))
    return list(min(plans, key=problem.order).shares)
