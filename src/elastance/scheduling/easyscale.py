"""Elastic scheduling after EasyScale (SC'23), without the defects of its artifact.

Jobs start small and grow by proposals, the best speedup per added GPU first (Algorithm 1, whose printed loop never
leaves an unsatisfiable head: here it is skipped). What the paper leaves open: a proposal must win back the restart
that it costs; a job that cannot start at all takes GPUs from one that holds more than its fair share; a
job that turns out slower after it grew returns to what it had, and stays there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elastance.catalog import Determinism
from elastance.scheduling.plans import Plan

if TYPE_CHECKING:
    from elastance.scheduling.contract import Allocation, ClusterState, JobState
    from elastance.scheduling.plan_book import Proposal
    from elastance.scheduling.plans import Demand


class EasyScaleHomo:
    """Elastic; every job stays on its preferred GPU type (determinism level D1)."""

    mixes_types = False

    def __init__(self) -> None:
        self._before_growth: dict[str, tuple[Plan, float]] = {}  # plan and its measured step, s
        self._settled: set[str] = set()  # grew once, was slower, and grows no more

    def allocate(self, state: ClusterState) -> Allocation:
        """Keep what runs, let waiting jobs start, and give away what is free."""
        round_ = self.round_of(state)
        self._forget({job.name for job in state.jobs})
        self._fall_back(round_)
        for job in round_.starting():
            round_.start(job)
        for job in round_.grow(self._settled):
            if job.plan is not None and job.measured_step_s is not None:
                self._before_growth[job.name] = (job.plan, job.measured_step_s)
        return round_.plans

    def state(self) -> dict[str, Any]:
        """Return what the fallback remembers."""
        return {
            "before_growth": {
                name: [list(plan.gpus), list(plan.workers), plan.step_s, measured_s, plan.determinism]
                for name, (plan, measured_s) in self._before_growth.items()
            },
            "settled": sorted(self._settled),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue exactly where the scheduler that returned `state` stood."""
        self._before_growth = {
            name: (
                Plan(
                    tuple(gpus),
                    tuple(workers),
                    step_s,
                    determinism=Determinism(level[0]) if any(level) else None,
                ),
                measured_s,
            )
            for name, (gpus, workers, step_s, measured_s, *level) in state["before_growth"].items()
        }
        self._settled = set(state["settled"])

    def demand_of(self, job: JobState) -> Demand:
        """Return the demand of a job on the types this scheduler lets it use."""
        return job.allowed if self.mixes_types else job.demand.only(job.preferred)

    def round_of(self, state: ClusterState) -> Round:
        """Begin a decision."""
        return Round(self, state)

    def _forget(self, active: set[str]) -> None:
        self._before_growth = {name: kept for name, kept in self._before_growth.items() if name in active}
        self._settled &= active

    def _fall_back(self, round_: Round) -> None:
        for job in round_.state.jobs:
            if job.name not in self._before_growth or job.restarting or job.measured_step_s is None:
                continue
            plan, measured_s = self._before_growth.pop(job.name)
            if job.measured_step_s > measured_s and round_.replace(job, plan):
                self._settled.add(job.name)


class EasyScaleHeter(EasyScaleHomo):
    """Elastic; jobs that are allowed to run on different GPU types at once (D1+D2)."""

    mixes_types = True


class Round:
    """One decision in the making: who holds what, and what is free."""

    def __init__(self, scheduler: EasyScaleHomo, state: ClusterState) -> None:
        self.state = state
        self.plans: dict[str, Plan] = {job.name: job.plan for job in state.jobs if job.plan is not None}
        self._demands = {job.name: scheduler.demand_of(job) for job in state.jobs}
        self._free = list(state.shape)
        self._changed: set[str] = set()  # these pay for a restart anyway
        for plan in self.plans.values():
            self._take(plan, +1)

    def starting(self) -> list[JobState]:
        """Return the jobs that wait, in the order in which they may start."""
        return [job for job in self.state.jobs if job.plan is None]

    def start(self, job: JobState) -> None:
        """Put a waiting job on the fewest GPUs it runs on; where there are none, ask others to give some back."""
        plan = self._smallest(job)
        while plan is None and self._reclaim(job):
            plan = self._smallest(job)
        if plan is not None:
            self.plans[job.name] = plan
            self._changed.add(job.name)
            self._take(plan, +1)

    def replace(self, job: JobState, plan: Plan) -> bool:
        """Give a job another plan if there are the GPUs for it, and say whether there are."""
        self._take(self.plans[job.name], -1)
        fits = all(wanted <= free for wanted, free in zip(plan.gpus, self._free, strict=True))
        if fits:
            self.plans[job.name] = plan
            self._changed.add(job.name)
        self._take(self.plans[job.name], +1)
        return fits

    def grow(self, settled: set[str]) -> list[JobState]:
        """Accept proposals until none is left, of a job that was running already at most one; return whose."""
        accepted: list[JobState] = []
        growing = [
            job
            for job in self.state.jobs
            if job.name in self.plans
            and job.name not in settled
            and not job.restarting
            and (job.plan is None or job.name not in self._changed)
        ]
        while True:
            proposals = [(best, job) for job in growing for best in self._proposals(job)]
            proposals.sort(key=lambda pair: (-self.rank(*pair), -pair[0].added))
            won: set[str] = set()
            for proposal, job in proposals:
                if job.name not in won and proposal.added <= self._free[proposal.gpu_type]:
                    plan = self.state.book.plan(self._demands[job.name], proposal.gpus)
                    assert plan is not None
                    self._take(self.plans[job.name], -1)
                    self._take(plan, +1)
                    self.plans[job.name] = plan
                    accepted.append(job)
                    won.add(job.name)
            growing = [job for job in growing if job.name in won and job.plan is None]
            if not growing:
                return accepted

    def rank(self, proposal: Proposal, job: JobState) -> float:
        """Return how urgent a proposal is."""
        return proposal.gain

    def _proposals(self, job: JobState) -> list[Proposal]:
        """Return the best proposal that fits for each GPU type."""
        plan = self.plans[job.name]
        best: list[Proposal] = []
        for of_type in self.state.book.scale_outs(self._demands[job.name], plan):
            for proposal in of_type:
                if proposal.added <= self._free[proposal.gpu_type] and self._pays(job, plan, proposal):
                    best.append(proposal)
                    break
        return best

    def _pays(self, job: JobState, plan: Plan, proposal: Proposal) -> bool:
        """Whether the steps left are shortened by more than the restart takes; a job that starts pays it anyway."""
        return (
            job.plan is None or job.remaining_steps * (plan.step_s - proposal.step_s) > self.state.rescale_s
        )

    def _smallest(self, job: JobState) -> Plan | None:
        """Return the plan on the fewest GPUs the job waits for, the fastest that are free; None if they are not."""
        demand = self._demands[job.name]
        wanted, chosen = job.min_gpus, [0] * len(self._free)
        for gpu_type in demand.usable:
            chosen[gpu_type] = min(wanted, self._free[gpu_type])
            wanted -= chosen[gpu_type]
        return None if wanted else self.state.book.plan(demand, tuple(chosen))

    def _reclaim(self, job: JobState) -> bool:
        """Take a GPU that `job` may use from the one that loses least, and say whether there is one.

        Only jobs give that hold more than an even share of the cluster's GPUs: a share of the types in question would
        be fairer, and costs so many restarts that the mean completion time gets worse.
        """
        usable = self._demands[job.name].usable
        share = sum(self.state.shape) / len(self.state.jobs)
        least: tuple[float, str, Plan] | None = None
        for donor in self.state.jobs:
            plan = self.plans.get(donor.name)
            if plan is None or donor.restarting or plan.size <= share:
                continue
            for gpu_type in usable:
                smaller = self._shrunk(donor, plan, gpu_type)
                if smaller is not None and (least is None or smaller.step_s / plan.step_s < least[0]):
                    least = (smaller.step_s / plan.step_s, donor.name, smaller)
        if least is None:
            return False
        _, name, smaller = least
        self._take(self.plans[name], -1)
        self._take(smaller, +1)
        self.plans[name] = smaller
        self._changed.add(name)
        return True

    def _shrunk(self, donor: JobState, plan: Plan, gpu_type: int) -> Plan | None:
        if not plan.gpus[gpu_type]:
            return None
        smaller = self.state.book.without(self._demands[donor.name], plan, gpu_type)
        return smaller if smaller is not None and smaller.size >= donor.min_gpus else None

    def _take(self, plan: Plan, sign: int) -> None:
        for gpu_type, count in enumerate(plan.gpus):
            self._free[gpu_type] -= sign * count
