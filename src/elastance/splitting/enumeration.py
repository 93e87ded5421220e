"""The exact answer for one GPU or two: every split under every pair of limits, vectorised over the splits."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from elastance.splitting.problem import Goal, Plan, Share, SplitProblem
from elastance.splitting.solution import Solution

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from elastance.splitting.curves import Floats

TIE = 1e-12
"""Plans whose objectives differ by less than this share of them count as equally good."""


class _Priced(NamedTuple):
    """All splits under one pair of limits: what is minimised, and what decides between equals."""

    primary: Floats
    secondary: Floats
    time_s: Floats
    energy_j: Floats


def enumerate_splits(problem: SplitProblem) -> Solution:
    """Return the best of all plans for one or two GPUs, with the second best as its runner-up.

    Of equally good plans the faster one is taken (for the goal TIME the one with less energy), then the one with
    lower limits, then the one with the smaller share for the first GPU.
    """
    if len(problem.gpus) == 1:
        return _alone(problem)
    pairs = list(product(*(range(len(gpu.power_limits_w)) for gpu in problem.gpus)))
    slowest = np.inf
    if problem.max_slowdown is not None:
        slowest = problem.max_slowdown * min(float(_priced(problem, pair).time_s.min()) for pair in pairs)
    minima = np.array([float(_priced(problem, pair, slowest).primary.min()) for pair in pairs])
    best = float(minima.min())
    chosen, at = _first_of_equals(problem, pairs, minima, best, slowest)
    # The second best is the best of another pair of limits, or the next of the same.
    same = _priced(problem, pairs[chosen], slowest).primary
    same[at] = np.inf
    minima[chosen] = same.min()
    second = int(minima.argmin())
    runner_up = None
    if np.isfinite(minima[second]):
        values = same if second == chosen else _priced(problem, pairs[second], slowest).primary
        runner_up = _plan(problem, pairs[second], int(values.argmin()))
    plan = _plan(problem, pairs[chosen], at)
    return Solution(plan, True, plan.cost_j, runner_up, runner_up is not None)


def front_of_splits(problem: SplitProblem) -> list[Plan]:
    """Return all plans for one or two GPUs than which no other is as fast and more frugal, the fastest first."""
    if len(problem.gpus) == 1:
        limits = problem.gpus[0].power_limits_w
        return [problem.evaluate([Share(problem.global_batch_size, limit)]) for limit in limits]
    pairs = list(product(*(range(len(gpu.power_limits_w)) for gpu in problem.gpus)))
    parts: list[tuple[Floats, Floats, NDArray[np.intp]]] = []
    for number, pair in enumerate(pairs):
        priced = _priced(problem, pair)
        kept = _front(priced.time_s, priced.energy_j)
        parts.append((priced.time_s[kept], priced.energy_j[kept], number * (problem.units + 1) + kept))
    time_s = np.concatenate([part[0] for part in parts])
    energy_j = np.concatenate([part[1] for part in parts])
    where = np.concatenate([part[2] for part in parts])
    places: list[int] = where[_front(time_s, energy_j)].tolist()
    return [
        _plan(problem, pairs[place // (problem.units + 1)], place % (problem.units + 1)) for place in places
    ]


def _front(time_s: Floats, energy_j: Floats) -> NDArray[np.intp]:
    """Return the places of what uses less energy than everything as fast, the fastest first."""
    order = np.lexsort((energy_j, time_s))
    least = np.minimum.accumulate(energy_j[order])
    better = np.concatenate(([np.inf], least[:-1]))
    return order[(energy_j[order] < better) & np.isfinite(time_s[order])]


def _priced(problem: SplitProblem, pair: tuple[int, ...], slowest: float = np.inf) -> _Priced:
    """Price the splits that give 0, 1, … all units to the first GPU; infinite where they are not allowed."""
    first, second = problem.gpus
    (times, energies), (other_times, other_energies) = problem.tables[first], problem.tables[second]
    t1, t2 = times[pair[0]], other_times[pair[1]][::-1]
    time_s = np.maximum(t1, t2)
    time_s[1:-1] += problem.sync_s
    with np.errstate(invalid="ignore"):  # what does not fit takes infinitely long and is left out below
        energy_j = energies[pair[0]] + other_energies[pair[1]][::-1]
        energy_j += first.idle_power_w * (time_s - t1) + second.idle_power_w * (time_s - t2)
        price = np.full(len(time_s), float(problem.max_power_w))
        for end, released in ((0, first), (-1, second)):
            if not problem.keep_idle:
                energy_j[end] -= released.idle_power_w * time_s[end]
            if not problem.prices_released:
                price[end] -= released.max_power_w
        cost = problem.weight * energy_j + (1.0 - problem.weight) * price * time_s
    allowed = time_s <= min(slowest * (1.0 + TIE), np.finfo(np.float64).max)
    # A released GPU has no limit: its lowest one stands for all.
    allowed[0] &= pair[0] == 0
    allowed[-1] &= pair[1] == 0
    time_s[~allowed] = energy_j[~allowed] = cost[~allowed] = np.inf
    by_goal = {
        Goal.COST: (cost, time_s),
        Goal.TIME: (time_s, energy_j),
        Goal.ENERGY: (energy_j, time_s),
    }
    return _Priced(*by_goal[problem.goal], time_s, energy_j)


def _first_of_equals(
    problem: SplitProblem, pairs: list[tuple[int, ...]], minima: Floats, best: float, slowest: float
) -> tuple[int, int]:
    """Return which pair of limits and which split has the least secondary objective among the best."""
    most = best * (1.0 + TIE)
    found: tuple[float, int, int] | None = None
    for number in np.flatnonzero(minima <= most).tolist():
        primary, secondary, *_ = _priced(problem, pairs[number], slowest)
        equal = np.flatnonzero(primary <= most)
        at = int(equal[secondary[equal].argmin()])
        if found is None or secondary[at] < found[0]:
            found = float(secondary[at]), number, at
    assert found is not None
    return found[1:]


def _plan(problem: SplitProblem, pair: tuple[int, ...], units: int) -> Plan:
    first, second = problem.gpus
    size = units * problem.granularity
    return problem.evaluate(
        [
            Share(size, first.power_limits_w[pair[0]]),
            Share(problem.global_batch_size - size, second.power_limits_w[pair[1]]),
        ]
    )


def _alone(problem: SplitProblem) -> Solution:
    gpu = problem.gpus[0]
    plans = [problem.evaluate([Share(problem.global_batch_size, limit)]) for limit in gpu.power_limits_w]
    fastest = min(plan.time_s for plan in plans)
    if problem.max_slowdown is not None:
        plans = [plan for plan in plans if plan.time_s <= problem.max_slowdown * fastest * (1.0 + TIE)]
    plans.sort(key=problem.order)
    return Solution(plans[0], True, plans[0].cost_j, plans[1] if len(plans) > 1 else None, len(plans) > 1)
