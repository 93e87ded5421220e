"""Elastic scheduling that counts joules: the least eta-cost per job, under a power cap of the cluster if it has one.

Beyond its idle power a GPU takes the same energy for a micro-batch however many others work with it. So how many GPUs
a job has is a matter of time only, while their types and power limits decide about energy. Jobs start in the order of
the work they have left, each on the GPUs with the least eta-cost, in which the time others would wait for them is
counted; from then on they grow as under EasyScale. Every plan then gets power limits.

Eta-cost (Zeus, NSDI'23, Eq. 2) is ``eta * energy + (1 - eta) * power * time``, with the job's power without limits.
Determinism (D2) is priced by the step times of the jobs that may mix types, which include it; no other job mixes.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from elastance.errors import InputError
from elastance.scheduling.capping import Chosen, within_cap
from elastance.scheduling.easyscale import EasyScaleHeter, Round
from elastance.scheduling.limits import LimitBook

if TYPE_CHECKING:
    from elastance.scheduling.contract import Allocation, ClusterState, JobState
    from elastance.scheduling.plan_book import Proposal
    from elastance.scheduling.plans import Plan

DEFAULT_ETA = 0.6
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

    def allocate(self, state: ClusterState) -> Allocation:
        """Start, grow, limit; then keep the cap."""
        if self._limits is None or self._limits.power != state.power:
            self._limits = LimitBook(state.power)
        wanted = super().allocate(
            replace(state, jobs=tuple(_without_limits(job, state) for job in state.jobs))
        )
        jobs = [job for job in state.jobs if job.name in wanted]
        chosen = {job.name: self.limited(job, wanted[job.name], state) for job in jobs}
        if state.cap is not None:
            chosen = within_cap(self, chosen, state)
        return {name: of.plan for name, of in chosen.items()}

    def round_of(self, state: ClusterState) -> Round:
        """Begin a decision."""
        return _EtaRound(self, state)

    def limited(self, job: JobState, plan: Plan, state: ClusterState) -> Chosen:
        """Return the power limits of the least eta-cost for a plan without any."""
        assert self._limits is not None
        ways = self._limits.limited(job.allowed, plan)
        time_w = (1.0 - self.eta) * ways[0].most_excess_w
        costs = [self.eta * way.energy_j + time_w * way.plan.step_s for way in ways]
        return Chosen(ways, costs.index(min(costs)))


class _EtaRound(Round):
    """One decision in the making, by eta-cost."""

    def __init__(self, scheduler: EnergyElastic, state: ClusterState) -> None:
        super().__init__(scheduler, state)
        self._eta = scheduler.eta
        self._competing = [0.0] * len(
            state.shape
        )  # jobs for each type; one that may use several counts in parts
        for job in state.jobs:
            self._compete(job, +1)

    def starting(self) -> list[JobState]:
        """Return the jobs that wait, the one with the least work left first."""
        return sorted(super().starting(), key=self._work_s)

    def start(self, job: JobState) -> None:
        """Put a waiting job on the free GPUs of the least eta-cost; if there are none, it waits."""
        self._compete(job, -1)
        best: tuple[float, Plan] | None = None
        for kept in product((0, 1), repeat=len(self._free)):
            gpus = tuple(free * keep for free, keep in zip(self._free, kept, strict=True))
            if sum(gpus) < job.min_gpus:
                continue
            plan = self.state.book.plan(self._demands[job.name], gpus)
            if plan is not None:
                cost = self._cost_j(job, plan)
                if best is None or cost < best[0]:
                    best = cost, plan
        if best is not None:
            self.plans[job.name] = best[1]
            self._changed.add(job.name)
            self._take(best[1], +1)

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

    def _cost_j(self, job: JobState, plan: Plan) -> float:
        """Return the eta-cost of running a job to its end, and of those that it keeps from the GPUs meanwhile."""
        power, demand = self.state.power, self._demands[job.name]
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
    return job.demand.logical_workers * state.power.busy_w[job.preferred]


def _without_limits(job: JobState, state: ClusterState) -> JobState:
    """Return the job as it would be without power limits, so that its growth does not look at them."""
    if job.plan is None or not job.plan.limits_w:
        return job
    plan = state.book.plan(job.allowed, job.plan.gpus)
    assert plan is not None
    assert job.measured_step_s is not None
    return job._replace(plan=plan, measured_step_s=job.measured_step_s * plan.step_s / job.plan.step_s)
