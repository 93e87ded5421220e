"""Elastic scheduling that counts joules: the least eta-cost per job, under a power cap of the cluster if it has one.

Beyond its idle power a GPU takes the same energy for a micro-batch however many others work with it. So how many GPUs
a job has is a matter of time only, while their types and power limits decide about energy. Jobs start in the order of
the work they have left, each on the GPUs with the least eta-cost, in which the time others would wait for them is
counted; from then on they grow as under EasyScale. Every plan then gets power limits.

Eta-cost (Zeus, NSDI'23, Eq. 2) is ``eta * energy + (1 - eta) * power * time``. At a start, power is what the job
draws with a GPU per logical worker. For limits it is the geometric mean of what the job draws without any, which
alone would slow all jobs alike, and of what jobs draw on average, which alone would value a second of every job
alike, as the mean completion time does. A second costs the more, the more jobs wait for the GPUs that are held.

A job that may mix types starts either at D2, on any of them, or at D1, on one that it never leaves: whichever has the
lower eta-cost, on what is free and on an even share of the cluster, which it may grow to. D1 is its level to the end.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations
from operator import mul
from typing import TYPE_CHECKING

from elastance.errors import InputError
from elastance.scheduling.capping import Chosen, could_run, within_cap
from elastance.scheduling.easyscale import EasyScaleHeter, Round
from elastance.scheduling.limits import LimitBook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.scheduling.contract import Allocation, ClusterState, JobState
    from elastance.scheduling.plan_book import Proposal
    from elastance.scheduling.plans import Demand, Plan

DELAY_SHARE = 0.5
"""Share of a delay that those feel who wait for GPUs, as not all of them will get the very ones that are held up."""

DEFAULT_ETA = 0.64
"""Between energy (1) and time (0): chosen on made-up workloads of other seeds than docs/cluster.md reports on."""


class EnergyElastic(EasyScaleHeter):
    """Elastic; GPUs and power limits of the least eta-cost, shortest jobs first; keeps a power cap.

    Args:
        eta: 1 minimises energy, 0 time, between them both.

    Raises:
        InputError: `eta` is not in [0, 1].
    """

    keeps_power_cap = True

    def __init__(self, eta: float = DEFAULT_ETA) -> None:
        super().__init__()
        if not 0.0 <= eta <= 1.0:
            raise InputError(f"eta knob {eta:g} is not between 0 (time only) and 1 (energy only)")
        self.eta = eta
        self._limits: LimitBook | None = None  # remembered, no state
        # Of one call: what running jobs draw on average; what a second costs those that wait, per GPU of each type.
        self._typical_w = 0.0
        self._delayed_w: list[float] = []

    def allocate(self, state: ClusterState) -> Allocation:
        """Start, grow, limit; then keep the cap."""
        if self._limits is None or self._limits.power != state.power:
            self._limits = LimitBook(state.power)
        wanted = super().allocate(
            replace(state, jobs=tuple(_without_limits(job, state) for job in state.jobs))
        )
        jobs = [job for job in state.jobs if job.name in wanted]
        self._typical_w = _mean_excess_w(jobs, wanted, state)
        waiting = _waiting([job for job in state.jobs if job.name not in wanted], state)
        self._delayed_w = [DELAY_SHARE * self._typical_w * of for of in waiting]
        chosen = {job.name: self.limited(job, wanted[job.name], state) for job in jobs}
        if state.cap is not None:
            chosen = within_cap(self, chosen, state)
        return {name: of.plan for name, of in chosen.items()}

    def round_of(self, state: ClusterState) -> Round:
        """Begin a decision."""
        return _EtaRound(self, state)

    def limited(self, job: JobState, plan: Plan, state: ClusterState) -> Chosen:
        """Return the power limits of the least eta-cost for a plan without any, counting whom it delays."""
        assert self._limits is not None
        ways = self._limits.limited(job.demand_of(plan), plan)
        own_w = math.sqrt(ways[0].most_excess_w * self._typical_w)
        time_w = (1.0 - self.eta) * (own_w + sum(map(mul, plan.gpus, self._delayed_w)))
        costs = [self.eta * way.energy_j + time_w * way.plan.step_s for way in ways]
        return Chosen(ways, costs.index(min(costs)))


class _EtaRound(Round):
    """One decision in the making, by eta-cost."""

    def __init__(self, scheduler: EnergyElastic, state: ClusterState) -> None:
        super().__init__(scheduler, state)
        self._eta = scheduler.eta
        # Jobs for each type; one that may use several counts in parts.
        self._competing = [0.0] * len(state.shape)
        for job in state.jobs:
            self._compete(job, +1)

    def starting(self) -> list[JobState]:
        """Return the jobs that wait, the one with the least work left first."""
        return sorted(super().starting(), key=self._work_s)

    def start(self, job: JobState) -> None:
        """Put a waiting job on the free GPUs of the least eta-cost; if there are none, it waits."""
        self._compete(job, -1)
        demand = self._demands[job.name]
        best = self._cheapest(job, demand, self._free)
        if job.pinned is None and job.at_d1 is not None:
            best = self._cheaper_at_d1(job, best)
        if best is not None:
            plan = best[1]
            self.plans[job.name] = plan
            self._demands[job.name] = job.demand_of(plan)
            self._changed.add(job.name)
            self._take(plan, +1)

    def _cheaper_at_d1(self, job: JobState, best: tuple[float, Plan] | None) -> tuple[float, Plan] | None:
        """Return the best plan at D1 if it costs less now and on an even share of the cluster; else `best`, at D2."""
        if best is None:
            return None
        share = [
            max(free, int(there / max(1.0, competing)))
            for free, there, competing in zip(self._free, self.state.shape, self._competing, strict=True)
        ]
        at_d2 = self._cheapest(job, job.allowed, share)
        assert at_d2 is not None
        for of in job.allowed.usable:
            at_d1 = job.at_d1_on(of)
            now, later = self._cheapest(job, at_d1, self._free), self._cheapest(job, at_d1, share)
            if now is None or later is None or now[0] >= best[0] or later[0] > at_d2[0]:
                continue
            if could_run(at_d1, job.min_gpus, self.state):
                best = now
        return best

    def _cheapest(self, job: JobState, demand: Demand, gpus: Sequence[int]) -> tuple[float, Plan] | None:
        """Return the plan of the least eta-cost on some types of the given GPUs, after its cost; None without any."""
        best: tuple[float, Plan] | None = None
        there = [of for of in sorted(demand.usable) if gpus[of]]
        for count in range(1, len(there) + 1):
            for kept in combinations(there, count):
                if sum(gpus[of] for of in kept) < job.min_gpus:
                    continue
                # More GPUs of a type than logical workers are of no use.
                some = [0] * len(gpus)
                for of in kept:
                    some[of] = min(gpus[of], demand.logical_workers)
                plan = self.state.book.plan(demand, tuple(some))
                assert plan is not None
                cost = self._cost_j(job, demand, plan)
                if best is None or cost < best[0]:
                    best = cost, plan
        return best

    def rank(self, proposal: Proposal, job: JobState) -> float:
        """Prefer, of equal gains, the job with less work left."""
        return proposal.gain / math.sqrt(self._work_s(job))

    def _compete(self, job: JobState, sign: int) -> None:
        usable = self._demands[job.name].usable
        for of in usable:
            self._competing[of] += sign / len(usable)

    def _work_s(self, job: JobState) -> float:
        demand = self._demands[job.name]
        return job.remaining_steps * demand.logical_workers * demand.step_s[demand.usable[0]]

    def _cost_j(self, job: JobState, demand: Demand, plan: Plan) -> float:
        """Return the eta-cost of running a job to its end, and of those that it keeps from the GPUs meanwhile."""
        power = self.state.power.of(demand)
        time_s = self.state.rescale_s + job.remaining_steps * plan.step_s
        energy_j = job.remaining_steps * math.fsum(
            workers * demand.step_s[of] * (power.busy_w[of] - power.idle_w[of])
            for of, workers in enumerate(plan.workers)
            if workers
        )
        delayed = math.fsum(
            count * competing / there
            for count, competing, there in zip(plan.gpus, self._competing, self.state.shape, strict=True)
            if count
        )
        time_w = (1.0 - self._eta) * _power_w(job, self.state)
        return self._eta * energy_j + time_w * time_s * (1.0 + delayed)


def _power_w(job: JobState, state: ClusterState) -> float:
    """Return the power of a job without limits: of a GPU of its preferred type per logical worker, W."""
    return job.demand.logical_workers * state.power.of(job.demand).busy_w[job.preferred]


def _mean_excess_w(jobs: Sequence[JobState], plans: Allocation, state: ClusterState) -> float:
    """Return what jobs draw on average beyond the idle power of their GPUs, all training without limits, W."""
    power = state.power
    drawn_w = [power.of(job.demand_of(plans[job.name])).most_excess_w(plans[job.name]) for job in jobs]
    return math.fsum(drawn_w) / len(drawn_w) if drawn_w else 0.0


def _waiting(jobs: Sequence[JobState], state: ClusterState) -> list[float]:
    """Return how many jobs wait per GPU of each type; one that may use several types counts in parts."""
    waiting = [0.0] * len(state.shape)
    for job in jobs:
        usable = job.allowed.usable
        for of in usable:
            waiting[of] += 1.0 / len(usable)
    return [count / there if there else 0.0 for count, there in zip(waiting, state.shape, strict=True)]


def _without_limits(job: JobState, state: ClusterState) -> JobState:
    """Return the job as it would be without power limits, so that its growth does not look at them."""
    if job.plan is None or not job.plan.limits_w:
        return job
    plan = state.book.plan(job.allowed, job.plan.gpus)
    assert plan is not None
    assert job.measured_step_s is not None
    return job._replace(plan=plan, measured_step_s=job.measured_step_s * plan.step_s / job.plan.step_s)
