"""The plans for which nothing is both faster and more frugal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from elastance.splitting.enumeration import front_of_splits
from elastance.splitting.exact import exact
from elastance.splitting.problem import Goal, Plan, SplitProblem

if TYPE_CHECKING:
    from collections.abc import Callable

_DEADLINES = 24
"""How many points of the front are computed where there are too many plans to look at each."""


@dataclass(frozen=True)
class ParetoFront:
    """Plans of which none beats another in both time and energy.

    Attributes:
        plans: The fastest first.
        complete: Whether these are all; otherwise each is on the front, with more between them.
    """

    plans: tuple[Plan, ...]
    complete: bool


def pareto_front(problem: SplitProblem, on_progress: Callable[[int, int], None] | None = None) -> ParetoFront:
    """Return the front of time and energy.

    For one or two GPUs it is complete. For more it consists of the fastest plan, the one with the least energy, and
    those with the least energy under deadlines in between, geometrically spaced.

    Args:
        problem: The task; its eta and goal do not matter.
        on_progress: Called with (solved, to solve).

    Raises:
        InfeasibleError: The batch does not fit.
    """
    if len(problem.gpus) <= 2:
        return ParetoFront(_undominated(front_of_splits(problem)), True)
    fastest = exact(replace(problem, goal=Goal.TIME)).plan
    frugal = exact(replace(problem, goal=Goal.ENERGY)).plan
    plans = [fastest, frugal]
    slowdowns = np.geomspace(1.0, max(1.0, frugal.time_s / fastest.time_s), _DEADLINES)[1:-1].tolist()
    for done, slowdown in enumerate(slowdowns):
        if on_progress is not None:
            on_progress(done, len(slowdowns))
        plans.append(exact(replace(problem, goal=Goal.ENERGY, max_slowdown=slowdown)).plan)
    return ParetoFront(_undominated(plans), False)


def _undominated(plans: list[Plan]) -> tuple[Plan, ...]:
    """Return the plans that use less energy than every faster one."""
    kept: list[Plan] = []
    for plan in sorted(plans, key=lambda plan: (plan.time_s, plan.energy_j)):
        if not kept or plan.energy_j < kept[-1].energy_j:
            kept.append(plan)
    return tuple(kept)
