"""The exact optimum for any number of unlike GPUs, with a proof: branch and bound over the time of the step.

The time of a step is that of its slowest GPU, so it is one of finitely many. For a range of them,
`elastance.splitting.deadline` bounds all plans from below: GPUs may take as long as the latest allows while the step
is priced at the earliest. A range whose bound reaches the best plan known is closed; any other is halved, the least
bound first. A range of one time is solved exactly, so the search ends with the optimum, and with the least bound of
what was closed as its certificate.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from elastance.splitting.balance import fastest_units
from elastance.splitting.deadline import bound_within, kinds_of
from elastance.splitting.enumeration import TIE, enumerate_splits
from elastance.splitting.problem import Goal, Plan, Share, SplitProblem
from elastance.splitting.solution import Solution

if TYPE_CHECKING:
    from numpy.typing import NDArray

Progress: TypeAlias = Callable[[float, float], None]
"""Called with the least bound that is open and the cost of the best plan known."""


_STRETCHES = (1.0, 1.02, 1.05, 1.1, 1.2, 1.35, 1.6, 2.0)
"""Deadlines at which the fastest split is tried with lower limits, to start with a good plan."""


def exact(problem: SplitProblem, on_progress: Progress | None = None) -> Solution:
    """Return the best plan there is for `problem`.

    Of equally good plans the faster one is preferred (for the goal TIME the one with less energy); for more than two
    GPUs only among the plans the search comes across. The same problem gives the same plan. Among identical GPUs the
    first has the largest share.

    Args:
        problem: The task.
        on_progress: Told how the search goes.

    Raises:
        InfeasibleError: The batch does not fit.
    """
    if len(problem.gpus) <= 2:
        return enumerate_splits(problem)
    return search(problem, on_progress)


def search(problem: SplitProblem, on_progress: Progress | None = None) -> Solution:
    """Return the best plan by branch and bound, for any number of GPUs; see `exact`."""
    return _Search(problem, on_progress).run()


class _Search:
    """The state of one search."""

    def __init__(self, problem: SplitProblem, on_progress: Progress | None) -> None:
        self.problem = problem
        self.on_progress = on_progress
        # With time as the goal only plans of the least time count, and among them energy decides.
        self.kinds = kinds_of(problem, 1.0 if problem.goal is Goal.TIME else problem.weight)
        self.solved = 0
        self.plans: list[Plan] = []
        quickest = {gpu: tables[0].min(axis=0) for gpu, tables in problem.tables.items()}
        first_s, units = fastest_units([quickest[gpu] for gpu in problem.gpus], problem.units)
        alone = self._alone()
        self.fastest_s = min([first_s + problem.sync_s, *(plan.time_s for plan in alone)])
        slowdown = 1.0 if problem.goal is Goal.TIME else problem.max_slowdown or math.inf
        self.latest_s = self.fastest_s * slowdown * (1.0 + TIE)
        times = np.unique(np.concatenate([kind.times_s[np.isfinite(kind.times_s)] for kind in self.kinds]))
        self.times_s = times[(times >= first_s) & (times + problem.sync_s <= self.latest_s)]
        for plan in alone:
            self._meet(plan)
        for stretch in _STRETCHES:
            if len(self.times_s):
                self._meet(self._plan(np.array(units), min(first_s * stretch, float(self.times_s[-1]))))

    def run(self) -> Solution:
        """Search until no range of times can hold a better plan."""
        closed = math.inf
        order = count()
        open_ranges = [(-math.inf, next(order), 0, len(self.times_s) - 1)] if len(self.times_s) else []
        while open_ranges:
            bound, _, first, last = heapq.heappop(open_ranges)
            if bound >= self._enough():
                closed = min(closed, bound)
                break
            if self.on_progress is not None:
                self.on_progress(bound, self._least())
            bound = max(bound, self._solve(first, last))
            if first == last or bound >= self._enough():
                closed = min(closed, bound)
                continue
            middle = (first + last) // 2
            later = bound + self._least_rate() * float(self.times_s[middle + 1] - self.times_s[first])
            heapq.heappush(open_ranges, (bound, next(order), first, middle))
            heapq.heappush(open_ranges, (later, next(order), middle + 1, last))
        best = self.plans[0]
        # For the goal TIME the bound is on energy; that no plan is faster is known from the start.
        proven = best.cost_j if self.problem.goal is Goal.TIME else min(closed, best.cost_j)
        return Solution(
            best, True, proven, self.plans[1] if len(self.plans) > 1 else None, searched=self.solved
        )

    def _solve(self, first: int, last: int) -> float:
        """Bound the plans whose time is in a range, and meet the plan the bound was read from."""
        self.solved += 1
        priced_s = float(self.times_s[first]) + self.problem.sync_s
        latest_s = float(self.times_s[last])
        thorough = first == last or self.solved == 1
        bound = bound_within(
            self.kinds, self.problem.units, priced_s, latest_s, self._least(), thorough=thorough
        )
        if bound.units is not None:
            units = np.empty(len(self.problem.gpus), dtype=np.int64)
            units[[place for kind in self.kinds for place in kind.places]] = bound.units
            self._meet(self._plan(units, latest_s))
        return bound.value

    def _plan(self, units: NDArray[np.int64], latest_s: float) -> Plan:
        """Choose the limits for given units: the cheapest that end in time, then again within the time that takes."""
        shares = [Share(0, 0)] * len(self.problem.gpus)
        for kind in self.kinds:
            # Identical GPUs can change places.
            given = sorted((int(units[place]) for place in kind.places), reverse=True)
            for place, of_gpu in zip(kind.places, given, strict=True):
                if of_gpu:
                    fits = kind.times_s[:, of_gpu - 1] <= latest_s
                    limit = int(np.where(fits, kind.above_idle[:, of_gpu - 1], np.inf).argmin())
                    shares[place] = Share(of_gpu * self.problem.granularity, kind.gpu.power_limits_w[limit])
        return self.problem.evaluate(shares)

    def _alone(self) -> list[Plan]:
        """Return the plans that use one GPU only: they need no synchronisation."""
        plans: list[Plan] = []
        for kind in self.kinds:
            for row, limit in enumerate(kind.gpu.power_limits_w):
                if np.isfinite(kind.times_s[row, -1]):
                    shares = [Share(0, 0)] * len(self.problem.gpus)
                    shares[kind.places[0]] = Share(self.problem.global_batch_size, limit)
                    plans.append(self.problem.evaluate(shares))
        return plans

    def _meet(self, plan: Plan) -> None:
        """Keep the two best plans seen."""
        if plan.time_s <= self.latest_s and plan.shares not in [known.shares for known in self.plans]:
            self.plans = sorted([*self.plans, plan], key=self.problem.order)[:2]

    def _least(self) -> float:
        """Return what the best plan known costs, in the units of the search."""
        if not self.plans:
            return math.inf
        return self.plans[0].energy_j if self.problem.goal is Goal.TIME else self.plans[0].cost_j

    def _enough(self) -> float:
        """Return the bound from which on a range is of no interest."""
        least = self._least()
        return least - TIE * abs(least)

    def _least_rate(self) -> float:
        """Return what a second costs at least, J/s."""
        return sum(len(kind.places) * min(kind.used_rate, kind.released_rate) for kind in self.kinds)
