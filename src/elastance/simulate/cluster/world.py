"""A cluster in virtual time, event by event: jobs arrive, are given plans, restart, train and end.

The scheduler is asked when a job arrives or ends, and otherwise at whole multiples of an interval. Starting a job,
and every change of its plan, takes it `rescale_s` during which it holds its GPUs and trains nothing.

Our own gang schedulers are not asked but followed: their queues are told what happens and say what changes, so that
an event does not cost a look at every job.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from elastance.errors import ElastanceError, PolicyError
from elastance.scheduling import ClusterState, JobState, PlanBook, Progress, foreseen_step_s, queue_of
from elastance.simulate.cluster.history import Activity, ClusterHistory, JobOutcome, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elastance.scheduling import Demand, GangQueue, Plan, PowerCap, Scheduler
    from elastance.scheduling.power import ClusterPower
    from elastance.simulate.cluster.tasks import ClusterShape, ClusterTask

RESCALE_S = 20.0
"""What starting a job, or changing its plan, costs it: the artifact's estimate, s."""

INTERVAL_S = 60.0
"""How often the scheduler is asked at least: the published interval, s."""


@dataclass
class _Run:
    """A job that has been submitted."""

    number: int
    task: ClusterTask
    remaining_steps: float
    plan: Plan | None = None
    demand: Demand | None = None  # what its first plan bound it to
    since_s: float = 0.0  # when it got the plan
    ready_s: float = 0.0  # when it began, or begins, to train under it
    step_s: float = math.inf  # what its steps take in truth
    start_s: float = math.nan
    restarts: int = 0
    attained_gpu_s: float = 0.0
    place: int = 0  # among all starts
    seen_waiting: JobState | None = None  # what the scheduler sees of it, as long as it waits

    @property
    def end_s(self) -> float:
        """When it ends, if nothing changes."""
        return math.inf if self.plan is None else self.ready_s + self.remaining_steps * self.step_s

    def progress(self, now_s: float) -> Progress:
        """Return what has become of it by now."""
        if self.plan is None:
            return Progress(self.remaining_steps, self.attained_gpu_s)
        trained = max(0.0, now_s - self.ready_s) / self.step_s
        held_s = (now_s - self.since_s) * self.plan.size
        return Progress(self.remaining_steps - trained, self.attained_gpu_s + held_s)


class ClusterWorld:
    """Runs the jobs of a workload under one scheduler; `run` may be called once.

    Args:
        tasks: The jobs.
        cluster: The GPUs.
        scheduler: Decides.
        power: What the GPUs draw.
        interval_s: How often the scheduler is asked at least, s.
        rescale_s: What a start or a change of plan costs, s.
        slowdown: How many times as long as foreseen the steps of a job take under a plan, by its name; 1 by default.
        book: Plans on this cluster that may have been worked out before.
        cap: What the cluster may draw; told to the scheduler, which is asked whenever it changes.
    """

    def __init__(
        self,
        tasks: Sequence[ClusterTask],
        cluster: ClusterShape,
        scheduler: Scheduler,
        power: ClusterPower,
        *,
        interval_s: float = INTERVAL_S,
        rescale_s: float = RESCALE_S,
        slowdown: Callable[[str, Plan], float] | None = None,
        book: PlanBook | None = None,
        cap: PowerCap | None = None,
    ) -> None:
        self._tasks = tasks
        self._cluster = cluster
        self._scheduler = scheduler
        self._power = power
        self._interval_s = interval_s
        self._rescale_s = rescale_s
        self._slowdown = slowdown
        self._cap = cap
        self._book = PlanBook(cluster.counts) if book is None else book
        self._asked_at_intervals = bool(getattr(scheduler, "asked_at_intervals", True))
        self._active: dict[str, _Run] = {}
        self._running: dict[str, _Run] = {}
        self._ends: list[
            tuple[float, int, str]
        ] = []  # when, which job; also ends that a later plan has moved
        self._starts = 0
        self._queue = queue_of(scheduler, cluster.counts)
        self._phases: list[Phase] = []
        self._outcomes: dict[int, JobOutcome] = {}
        self._decisions = 0

    def run(self, on_progress: Callable[[int], None] | None = None) -> ClusterHistory:
        """Simulate until every job has ended.

        Args:
            on_progress: Called with how many jobs have ended so far.

        Raises:
            PolicyError: The scheduler raised, gave away what is not there, or leaves jobs waiting for ever.
        """
        arrivals = sorted(range(len(self._tasks)), key=lambda number: (self._tasks[number].submit_s, number))
        arrivals.reverse()
        now_s = 0.0
        while arrivals or self._active:
            next_s = self._tasks[arrivals[-1]].submit_s if arrivals else math.inf
            ends_s = self._next_end_s()
            if self._active:
                cap_s = math.inf if self._cap is None else self._cap.next_change_s(now_s)
                if not math.isfinite(min(next_s, ends_s, cap_s)):
                    raise PolicyError(
                        f"the scheduler leaves {len(self._active)} jobs waiting for ever, "
                        f"the first is {next(iter(self._active))}"
                    )
                next_s = min(next_s, ends_s, cap_s)
                if self._asked_at_intervals:
                    next_s = min(next_s, (now_s // self._interval_s + 1.0) * self._interval_s)
            now_s = max(now_s, next_s)
            while arrivals and self._tasks[arrivals[-1]].submit_s <= now_s:
                number = arrivals.pop()
                task = self._tasks[number]
                run = self._active[task.name] = _Run(number, task, task.steps)
                if self._queue is not None:
                    self._queue.arrive(self._seen(run, now_s))
            self._end_jobs(now_s)
            if self._active:
                self._decide(now_s)
            if on_progress is not None:
                on_progress(len(self._outcomes))
        jobs = tuple(self._outcomes[number] for number in range(len(self._tasks)))
        return ClusterHistory(
            self._cluster.types,
            self._cluster.counts,
            self._power,
            jobs,
            tuple(self._phases),
            max((job.end_s for job in jobs), default=0.0),
            self._decisions,
        )

    def _end_jobs(self, now_s: float) -> None:
        while (end_s := self._next_end_s()) <= now_s:
            run = self._running[heappop(self._ends)[-1]]
            self._close_phases(run, end_s)
            task = run.task
            self._outcomes[run.number] = JobOutcome(
                *(task.name, task.submit_s, run.start_s, end_s, run.restarts, task.alone_s(self._rescale_s)),
                run.demand and run.demand.determinism,
            )
            del self._active[task.name], self._running[task.name]
            if self._queue is not None:
                self._queue.end(task.name)

    def _next_end_s(self) -> float:
        """Return when the next job ends, if nothing changes."""
        while self._ends:
            end_s, _, name = self._ends[0]
            run = self._running.get(name)
            if run is not None and run.end_s == end_s:
                return end_s
            heappop(self._ends)
        return math.inf

    def _decide(self, now_s: float) -> None:
        self._decisions += 1
        if self._queue is not None:
            self._follow(self._queue, now_s)
            return
        jobs = tuple(run.seen_waiting or self._seen(run, now_s) for run in self._active.values())
        allocation = self._allocated(
            ClusterState(now_s, jobs, self._book, self._rescale_s, self._power, self._cap)
        )
        for run in [run for name, run in self._running.items() if name not in allocation]:
            self._change(run, None, now_s)
        for name, plan in allocation.items():
            run = self._active[name]
            if plan is run.plan or plan == run.plan:
                continue
            if run.plan is not None and (plan.gpus, plan.workers) == (run.plan.gpus, run.plan.workers):
                self._limit(run, plan, now_s)
            else:
                self._change(run, plan, now_s)

    def _follow(self, queue: GangQueue, now_s: float) -> None:
        """Do what a queue changes."""
        changes = queue.decide(now_s, lambda name: self._running[name].progress(now_s))
        for run in sorted((self._running[name] for name in changes.stopped), key=lambda run: run.place):
            self._change(run, None, now_s)
        for name, plan in changes.started.items():
            run = self._active[name]
            _check_plan(run, plan, self._power)
            self._change(run, plan, now_s)

    def _seen(self, run: _Run, now_s: float) -> JobState:
        task, plan = run.task, run.plan
        progress = run.progress(now_s)
        seen = JobState(
            task.name,
            task.submit_s,
            task.demand,
            task.preferred,
            task.may_mix_types,
            task.min_gpus,
            *progress,
            plan,
            plan is not None and now_s < run.ready_s,
            None if plan is None else run.step_s,
            task.at_d1,
            task.at_d2,
            run.demand,
        )
        if plan is None:
            run.seen_waiting = seen
        return seen

    def _limit(self, run: _Run, plan: Plan, now_s: float) -> None:
        """Change power limits only: the job goes on as it is."""
        self._close_phases(run, now_s)
        run.since_s, run.ready_s = now_s, max(now_s, run.ready_s)
        run.plan, run.step_s = plan, self._true_step_s(run, plan)
        heappush(self._ends, (run.end_s, run.number, run.task.name))

    def _true_step_s(self, run: _Run, plan: Plan) -> float:
        return plan.step_s * (1.0 if self._slowdown is None else self._slowdown(run.task.name, plan))

    def _change(self, run: _Run, plan: Plan | None, now_s: float) -> None:
        if run.plan is not None:
            self._close_phases(run, now_s)
        if plan is not None:
            if math.isnan(run.start_s):
                run.start_s, run.demand = now_s, run.task.demand_of(plan)
            else:
                run.restarts += 1
            run.since_s, run.ready_s = now_s, now_s + self._rescale_s
            run.step_s = self._true_step_s(run, plan)
            run.seen_waiting = None
            if run.plan is None:
                self._starts += 1
                run.place = self._starts
                self._running[run.task.name] = run
            run.plan = plan
            heappush(self._ends, (run.end_s, run.number, run.task.name))
        else:
            del self._running[run.task.name]
            run.plan = None

    def _close_phases(self, run: _Run, now_s: float) -> None:
        """Write down what the job did under its plan up to now."""
        plan = run.plan
        assert plan is not None
        nothing = (0,) * len(plan.gpus)
        ready_s = min(run.ready_s, now_s)
        if ready_s > run.since_s:
            idle_w = self._power.idle_power_w(plan.gpus)
            self._phases.append(
                Phase(run.number, run.since_s, ready_s, Activity.RESTARTING, plan.gpus, nothing, idle_w, 0.0)
            )
        if now_s > ready_s:
            # A job that ends has trained all its steps, whatever the rounding of its time says.
            trained = run.remaining_steps if now_s == run.end_s else (now_s - ready_s) / run.step_s
            assert run.demand is not None
            power_w = self._power.of(run.demand).training_power_w(
                plan.gpus, plan.workers, run.demand.step_s, run.step_s, plan.limits_w
            )
            self._phases.append(
                Phase(run.number, ready_s, now_s, Activity.TRAINING, plan.gpus, plan.gpus, power_w, trained)
            )
            run.remaining_steps -= trained
        run.attained_gpu_s += (now_s - run.since_s) * plan.size

    def _allocated(self, state: ClusterState) -> dict[str, Plan]:
        """Ask the scheduler, and refuse an allocation that no cluster could carry out.

        Raises:
            PolicyError: It raised, names a job that is not there, gives away more GPUs than there are, or has a plan
                that is none.
        """
        try:
            allocation = dict(self._scheduler.allocate(state))
            self._check(allocation)
        except ElastanceError:
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise PolicyError(f"scheduler {type(self._scheduler).__name__}: {reason}") from error
        return allocation

    def _check(self, allocation: dict[str, Plan]) -> None:
        taken = [0] * len(self._cluster.counts)
        for name, plan in allocation.items():
            if name not in self._active:
                raise PolicyError(f"the scheduler gave GPUs to {name}, which is not a job that could run now")
            run = self._active[name]
            if plan is not run.plan:
                _check_plan(run, plan, self._power)
            taken = [held + count for held, count in zip(taken, plan.gpus, strict=True)]
        if any(held > there for held, there in zip(taken, self._cluster.counts, strict=True)):
            raise PolicyError(f"the scheduler gave away {taken} GPUs of {list(self._cluster.counts)}")


def _check_plan(run: _Run, plan: Plan, power: ClusterPower) -> None:
    """Refuse a plan at another level of determinism than before, or one that cannot be carried out.

    Raises:
        PolicyError: It is such a plan.
    """
    if run.demand is not None and run.demand.determinism is not plan.determinism:
        raise PolicyError(
            f"the scheduler's plan for {run.task.name} is at {plan.determinism}, it began at {run.demand.determinism}"
        )
    demand = run.task.demand_of(plan) if run.demand is None else run.demand
    if demand is None or not _is_plan_of(demand, plan, power):
        workers = run.task.demand.logical_workers
        raise PolicyError(
            f"the scheduler's plan for {run.task.name} does not place its {workers} logical workers "
            "on GPUs it may use"
        )


def _is_plan_of(demand: Demand, plan: Plan, power: ClusterPower) -> bool:
    """Whether a plan places all logical workers on GPUs the job may use, and says truly how long its steps take."""
    usable = demand.usable
    return (
        sum(plan.workers) == demand.logical_workers
        and all(
            (gpus == workers == 0) or (of in usable and gpus > 0 and workers > 0)
            for of, (gpus, workers) in enumerate(zip(plan.gpus, plan.workers, strict=True))
        )
        and plan.step_s == foreseen_step_s(demand, plan, power)
    )
