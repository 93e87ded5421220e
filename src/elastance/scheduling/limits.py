"""Power limits for a plan: every step time they allow, each with the limits that take the least energy."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from elastance.scheduling.plans import Demand, Plan
    from elastance.scheduling.power import ClusterPower


class LimitedPlan(NamedTuple):
    """A plan with power limits.

    Attributes:
        plan: The plan.
        energy_j: What a step takes beyond the idle power of the GPUs, J.
        most_excess_w: What its GPUs draw beyond their idle power when all of them train, W.
    """

    plan: Plan
    energy_j: float
    most_excess_w: float


class LimitBook:
    """Remembers the power limits of plans, for one kind of cluster; no decision depends on what it has seen.

    Args:
        power: What GPUs draw and how limits slow them down.
    """

    def __init__(self, power: ClusterPower) -> None:
        self.power = power
        self._limited: dict[tuple[Demand, Plan], tuple[LimitedPlan, ...]] = {}

    def limited(self, demand: Demand, plan: Plan) -> tuple[LimitedPlan, ...]:
        """Return the ways to limit a plan, from the fastest to the one that draws least.

        In each, every GPU type has the limit that takes the least energy among those that do not lengthen the step:
        a GPU that would wait for the slowest may as well be slower.
        """
        key = (demand, plan)
        if key not in self._limited:
            self._limited[key] = tuple(self._ways(demand, plan))
        return self._limited[key]

    def _ways(self, demand: Demand, plan: Plan) -> list[LimitedPlan]:
        held = [of for of, count in enumerate(plan.gpus) if count]
        power = self.power.of(demand)
        finished_s = {
            of: {
                limit_w: plan.workers_per_gpu[of] * (demand.step_s[of] * slowdown)
                for limit_w, slowdown in power.slowdown[of].items()
            }
            for of in held
        }
        slowest_s = max(max(times.values()) for times in finished_s.values())
        steps_s = sorted({time_s for times in finished_s.values() for time_s in times.values()})
        ways: list[LimitedPlan] = []
        for step_s in steps_s:
            if plan.step_s <= step_s <= slowest_s:
                way = self._within(demand, plan, finished_s, step_s)
                if not ways or way.most_excess_w < ways[-1].most_excess_w:
                    ways.append(way)
        # The limits of least energy need not be the tightest that there are, which a cap may ask for.
        tightest = self._under(demand, plan, finished_s, dict(enumerate(power.tightest_w)))
        return [*ways, tightest] if tightest.most_excess_w < ways[-1].most_excess_w else ways

    def _within(
        self, demand: Demand, plan: Plan, finished_s: dict[int, dict[float, float]], step_s: float
    ) -> LimitedPlan:
        chosen_w: dict[int, float] = {}
        for of, times_s in finished_s.items():
            costs_j = {
                limit_w: self._energy_j(demand, plan, of, limit_w)
                for limit_w, time_s in times_s.items()
                if time_s <= step_s
            }
            chosen_w[of] = min(costs_j, key=lambda limit_w: (costs_j[limit_w], limit_w))
        return self._under(demand, plan, finished_s, chosen_w)

    def _under(
        self,
        demand: Demand,
        plan: Plan,
        finished_s: dict[int, dict[float, float]],
        chosen_w: dict[int, float],
    ) -> LimitedPlan:
        power = self.power.of(demand)
        limits_w = tuple(
            chosen_w[of] if of in finished_s else limit_w for of, limit_w in enumerate(power.unlimited_w)
        )
        found_s = max(times_s[limits_w[of]] for of, times_s in finished_s.items())
        energy_j = sum(self._energy_j(demand, plan, of, limits_w[of]) for of in finished_s)
        limited = replace(plan, limits_w=limits_w, step_s=found_s)
        return LimitedPlan(limited, energy_j, power.most_excess_w(limited))

    def _energy_j(self, demand: Demand, plan: Plan, of: int, limit_w: float) -> float:
        power = self.power.of(demand)
        step_s = demand.step_s[of] * power.slowdown[of][limit_w]
        return plan.workers[of] * step_s * (power.drawn_w[of][limit_w] - power.idle_w[of])


def foreseen_step_s(demand: Demand, plan: Plan, power: ClusterPower) -> float:
    """Return what a step takes with the logical workers of a plan spread evenly over the GPUs of each type, s."""
    of_job = power.of(demand)
    times_s = of_job.micro_batch_s(demand.step_s, of_job.limits_w(plan))
    finished_s = [
        fullest * time_s for fullest, time_s in zip(plan.workers_per_gpu, times_s, strict=True) if fullest
    ]
    return max(finished_s, default=math.inf)
