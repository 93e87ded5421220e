"""Decisions about unlike GPUs that share one batch: how many samples each takes, and under which power limit."""

from elastance.splitting.balance import fastest_units
from elastance.splitting.curves import Gpu
from elastance.splitting.exact import exact
from elastance.splitting.pareto import ParetoFront, pareto_front
from elastance.splitting.problem import Goal, GpuLoad, Plan, Share, SplitProblem
from elastance.splitting.published import PUBLISHED_BATCH_SIZE
from elastance.splitting.registry import (
    DEFAULT_METHOD,
    MethodInfo,
    MethodKind,
    fastest_plan,
    find_method,
    registered_methods,
    solve,
)
from elastance.splitting.solution import Published, Solution

__all__ = [
    "DEFAULT_METHOD",
    "PUBLISHED_BATCH_SIZE",
    "Goal",
    "Gpu",
    "GpuLoad",
    "MethodInfo",
    "MethodKind",
    "ParetoFront",
    "Plan",
    "Published",
    "Share",
    "Solution",
    "SplitProblem",
    "exact",
    "fastest_plan",
    "fastest_units",
    "find_method",
    "pareto_front",
    "registered_methods",
    "solve",
]
