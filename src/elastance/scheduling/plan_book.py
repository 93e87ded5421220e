"""Plans and proposals, each worked out once per application, parallelism, batch size and cluster shape."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from elastance.scheduling.plans import best_plan

if TYPE_CHECKING:
    from elastance.scheduling.plans import Demand, Gpus, Plan

MOST_GROWTH = 2
"""A proposal asks for at most this many times the GPUs a job holds (EasyScale's artifact)."""


class Proposal(NamedTuple):
    """What a running job would do with more GPUs of one type.

    Attributes:
        gpus: GPUs it would have; its plan on them may do without some.
        gpu_type: The type it asks for.
        added: How many of them.
        step_s: What a step would take, s.
        gain: Average speedup per added GPU: (old step / new step - 1) / added.
    """

    gpus: Gpus
    gpu_type: int
    added: int
    step_s: float
    gain: float


class PlanBook:
    """Remembers `best_plan` and what follows from it for one cluster; no decision depends on what it has seen.

    Args:
        shape: GPUs of each type in the cluster.
    """

    def __init__(self, shape: Gpus) -> None:
        self.shape = shape
        self._plans: dict[tuple[Demand, Gpus], Plan | None] = {}
        self._scale_outs: dict[tuple[Demand, Gpus], tuple[tuple[Proposal, ...], ...]] = {}

    def plan(self, demand: Demand, gpus: Gpus) -> Plan | None:
        """Return the best plan on at most these GPUs; None if none of them may be used."""
        key = (demand, gpus)
        if key not in self._plans:
            self._plans[key] = best_plan(demand, gpus)
        return self._plans[key]

    def scale_outs(self, demand: Demand, plan: Plan) -> tuple[tuple[Proposal, ...], ...]:
        """Return for every usable GPU type the proposals of a job that runs `plan`, the largest gain first."""
        key = (demand, plan.gpus)
        if key not in self._scale_outs:
            proposals = (self._raising(demand, plan, gpu_type) for gpu_type in demand.usable)
            self._scale_outs[key] = tuple(found for found in proposals if found)
        return self._scale_outs[key]

    def without(self, demand: Demand, plan: Plan, gpu_type: int) -> Plan | None:
        """Return the best plan with one GPU of a type less; None if nothing is left."""
        return self.plan(demand, _raised(plan.gpus, gpu_type, -1))

    def _raising(self, demand: Demand, plan: Plan, gpu_type: int) -> tuple[Proposal, ...]:
        """Find for every shorter step the fewest GPUs of a type that allow it."""
        levels, workers = demand.levels, demand.logical_workers
        most = min(self.shape[gpu_type] - plan.gpus[gpu_type], (MOST_GROWTH - 1) * plan.size)
        shortest: dict[int, int] = {}  # added GPUs to the level they allow
        for level in range(bisect_left(levels.step_s, plan.step_s) - 1, -1, -1):
            of_one = levels.capacity[level][gpu_type]
            lacking = workers - levels.hosted(plan.gpus, level)
            if lacking > most * of_one:
                break
            shortest[-(-lacking // of_one)] = level
        found: list[Proposal] = []
        for added, level in shortest.items():
            step_s = levels.step_s[level]
            gain = (plan.step_s / step_s - 1.0) / added
            found.append(Proposal(_raised(plan.gpus, gpu_type, added), gpu_type, added, step_s, gain))
        return tuple(sorted(found, key=lambda of: (-of.gain, -of.added)))


def _raised(gpus: Gpus, gpu_type: int, by: int) -> Gpus:
    return (*gpus[:gpu_type], gpus[gpu_type] + by, *gpus[gpu_type + 1 :])
