"""Keep a cluster under a power cap: limit its jobs, and where that does not do, shrink or pause them.

What counts is what the GPUs draw in a moment in which all that are held train at their power limits: more than any
average over a step. GPUs of jobs that restart are counted as if they trained already, so that nothing has to be
decided when they begin.
"""

from __future__ import annotations

import heapq
import math
from operator import le, mul, sub
from typing import TYPE_CHECKING, NamedTuple, Protocol

from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from elastance.scheduling.contract import ClusterState, JobState
    from elastance.scheduling.limits import LimitedPlan
    from elastance.scheduling.plan_book import PlanBook
    from elastance.scheduling.plans import Demand, Plan
    from elastance.scheduling.power import ClusterPower
    from elastance.scheduling.power_cap import PowerCap


class Chosen(NamedTuple):
    """One of the ways to limit a plan.

    Attributes:
        ways: All of them, from the fastest to the one that draws least.
        number: Which one.
    """

    ways: tuple[LimitedPlan, ...]
    number: int

    @property
    def plan(self) -> Plan:
        """The plan with its limits."""
        return self.ways[self.number].plan

    @property
    def excess_w(self) -> float:
        """What it draws at most beyond the idle power of its GPUs, W."""
        return self.ways[self.number].most_excess_w

    @property
    def least_w(self) -> float:
        """The same under the tightest limits."""
        return self.ways[-1].most_excess_w


class Limiter(Protocol):
    """Chooses the power limits of a plan."""

    def limited(self, job: JobState, plan: Plan, state: ClusterState) -> Chosen:
        """Return the ways to limit it, and the preferred one."""
        ...


def within_cap(limiter: Limiter, chosen: dict[str, Chosen], state: ClusterState) -> dict[str, Chosen]:
    """Return plans that keep the cap: those chosen, under tighter limits if that does, else fewer or smaller ones."""
    assert state.cap is not None
    budget_w = state.cap.at(state.time_s) - state.power.idle_power_w(state.shape)
    if math.fsum(of.least_w for of in chosen.values()) > budget_w:
        chosen = _admitted(limiter, chosen, state, budget_w)
    return _tightened(chosen, budget_w)


def _tightened(chosen: dict[str, Chosen], budget_w: float) -> dict[str, Chosen]:
    """Tighten limits where it slows least per watt saved, until the budget is kept."""
    chosen = dict(chosen)
    order = list(chosen)
    heap = [(_price(chosen[name]), number) for number, name in enumerate(order)]
    heapq.heapify(heap)
    total_w = math.fsum(of.excess_w for of in chosen.values())
    while total_w > budget_w:
        price, number = heapq.heappop(heap)
        if math.isinf(price):
            return chosen  # all are at their tightest, which keeps the budget; only rounding says otherwise
        tighter = chosen[order[number]]
        tighter = chosen[order[number]] = Chosen(tighter.ways, tighter.number + 1)
        heapq.heappush(heap, (_price(tighter), number))
        total_w -= tighter.ways[tighter.number - 1].most_excess_w - tighter.excess_w
        if total_w <= budget_w:
            total_w = math.fsum(
                of.excess_w for of in chosen.values()
            )  # without the rounding of the differences
    return chosen


def _price(of: Chosen) -> float:
    if of.number + 1 == len(of.ways):
        return math.inf
    now, then = of.ways[of.number], of.ways[of.number + 1]
    return (then.plan.step_s / now.plan.step_s - 1.0) / (now.most_excess_w - then.most_excess_w)


def _admitted(
    limiter: Limiter, chosen: dict[str, Chosen], state: ClusterState, budget_w: float
) -> dict[str, Chosen]:
    """Undo what grew, then admit jobs while the tightest limits keep the budget: running ones first, then by work."""
    left_w, free = budget_w, list(state.shape)
    admitted: dict[str, Chosen] = {}
    for job in sorted(state.jobs, key=lambda job: (job.plan is None, _remaining_s(job))):
        if job.plan is None and job.name not in chosen:
            continue
        plan = chosen[job.name].ways[0].plan if job.plan is None else job.plan
        found = _largest(limiter, job, plan, state, left_w)
        # What a running job gives back may be promised to one that starts: that one waits until it is.
        if found is not None and all(map(le, found.plan.gpus, free)):
            admitted[job.name] = found
            left_w -= found.least_w
            free = list(map(sub, free, found.plan.gpus))
    if not admitted:
        for job in state.jobs:
            plan = frugal_plan(job.allowed, job.min_gpus, state.book, state.power)
            found = None if plan is None else limiter.limited(job, plan, state)
            if found is not None and found.least_w <= budget_w:
                return {job.name: found}
    return admitted


def _remaining_s(job: JobState) -> float:
    demand = job.allowed
    return job.remaining_steps * demand.logical_workers * demand.step_s[demand.usable[0]]


def _largest(
    limiter: Limiter, job: JobState, plan: Plan, state: ClusterState, budget_w: float
) -> Chosen | None:
    """Take GPUs from a plan, one by one where that lengthens a step least, until it keeps the budget."""
    demand = job.demand_of(plan)
    bare = state.book.plan(demand, plan.gpus)
    of_one_w = state.power.of(demand).least_excess_w
    while bare is not None:
        if math.fsum(map(mul, bare.gpus, of_one_w)) <= budget_w:
            return limiter.limited(job, bare, state)
        smaller = [state.book.without(demand, bare, of) for of, count in enumerate(bare.gpus) if count]
        possible = [of for of in smaller if of is not None and of.size >= job.min_gpus]
        bare = min(possible, key=lambda of: of.step_s, default=None)
    return None


def frugal_plan(demand: Demand, min_gpus: int, book: PlanBook, power: ClusterPower) -> Plan | None:
    """Return the plan on the GPUs a job waits for that draw least, the whole cluster being free."""
    lowest_w = power.of(demand).least_excess_w
    gpus, wanted = [0] * len(book.shape), min_gpus
    for of in sorted(demand.usable, key=lambda of: lowest_w[of]):
        gpus[of] = min(wanted, book.shape[of])
        wanted -= gpus[of]
    return None if wanted else book.plan(demand, tuple(gpus))


def _needed_w(demand: Demand, min_gpus: int, book: PlanBook, power: ClusterPower) -> float:
    """Return what a job draws beyond idling on its frugal plan, W; infinite without one."""
    plan = frugal_plan(demand, min_gpus, book, power)
    if plan is None:
        return math.inf
    return math.fsum(map(mul, plan.gpus, power.of(demand).least_excess_w))


def could_run(demand: Demand, min_gpus: int, state: ClusterState) -> bool:
    """Whether a job that never asks for more than a demand allows could run in the end, alone and under the cap."""
    needed_w = _needed_w(demand, min_gpus, state.book, state.power)
    if state.cap is None:
        return needed_w < math.inf
    return needed_w <= state.cap.power_w[-1] - state.power.idle_power_w(state.shape)


def require_cap(
    cap: PowerCap, jobs: Iterable[tuple[str, Demand, int]], book: PlanBook, power: ClusterPower
) -> None:
    """Refuse a cap under which the cluster could not even wait, or some job would never run.

    Args:
        cap: The cap.
        jobs: Name, allowed demand and fewest GPUs of every job.
        book: Plans on the cluster.
        power: What its GPUs draw.

    Raises:
        InputError: The cap is, at some time, below the idle power of the cluster, or in the end too low for a job.
    """
    idle_w = power.idle_power_w(book.shape)
    for time_s, power_w in zip(cap.time_s, cap.power_w, strict=True):
        if power_w < idle_w:
            raise InputError(
                f"power cap of {power_w:g} W from {time_s:g} s on is below the {idle_w:g} W "
                "that the GPUs of the cluster draw while they wait"
            )
    for name, demand, min_gpus in jobs:
        needed_w = idle_w + _needed_w(demand, min_gpus, book, power)
        if cap.power_w[-1] < needed_w < math.inf:
            raise InputError(
                f"power cap of {cap.power_w[-1]:g} W: job {name} could never run, "
                f"which takes {needed_w:g} W under the tightest limits"
            )
