"""The world of EasyScale's artifact, interval by interval, for replaying its results.

Jobs advance by an interval at what they held, then the scheduler is asked. A job's own end is exact, but its GPUs
come free at the end of the interval. A job's first start takes 20 s; changing its GPUs afterwards costs nothing
(quirk Q5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from elastance.errors import PolicyError
from elastance.scheduling import Holding, PublishedJob
from elastance.simulate.cluster.history import Activity, ClusterHistory, JobOutcome, Phase
from elastance.simulate.cluster.world import RESCALE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elastance.scheduling import PublishedScheduler
    from elastance.scheduling.power import ClusterPower
    from elastance.simulate.cluster.tasks import ClusterShape, ClusterTask

MOST_INTERVALS = 1_000_000
"""A replay of more is taken for one that would never end."""


@dataclass
class _Run:
    number: int
    task: ClusterTask
    seen: PublishedJob
    trained: float = 0.0  # samples
    delay_s: float = RESCALE_S  # left of its first start
    held: Holding | None = None
    start_s: float = 0.0
    restarts: int = 0
    end_s: float | None = None

    @property
    def samples(self) -> float:
        return self.task.steps * self.task.total_batch


class PublishedClusterWorld:
    """Runs the jobs of a workload, in the order of its file, under one of the artifact's schedulers.

    Args:
        tasks: The jobs.
        cluster: The GPUs.
        scheduler: Decides.
        power: What the GPUs draw.
        interval_s: Time between decisions, s.
    """

    def __init__(
        self,
        tasks: Sequence[ClusterTask],
        cluster: ClusterShape,
        scheduler: PublishedScheduler,
        power: ClusterPower,
        *,
        interval_s: float,
    ) -> None:
        self._cluster = cluster
        self._scheduler = scheduler
        self._power = power
        self._interval_s = interval_s
        self._phases: list[Phase] = []
        self._runs = [
            _Run(number, task, PublishedJob(task.name, task.demand, task.preferred, task.may_mix_types))
            for number, task in enumerate(tasks)
        ]

    def run(self, on_progress: Callable[[int], None] | None = None) -> ClusterHistory:
        """Simulate until every job has ended.

        Raises:
            PolicyError: Some job never ends.
        """
        now_s, intervals = 0.0, 0
        left = list(self._runs)
        while left:
            for run in left:
                if run.held is not None:
                    self._advance(run, now_s)
            now_s += self._interval_s
            intervals += 1
            left = [run for run in left if run.end_s is None]
            if intervals > MOST_INTERVALS:
                raise PolicyError(f"{len(left)} jobs have not ended after {intervals - 1:,} intervals")
            self._decide([run for run in left if run.task.submit_s <= now_s], now_s)
            if on_progress is not None:
                on_progress(len(self._runs) - len(left))
        return ClusterHistory(
            self._cluster.types,
            self._cluster.counts,
            self._power,
            tuple(map(_outcome, self._runs)),
            tuple(self._phases),
            now_s,
            intervals,
        )

    def _decide(self, active: Sequence[_Run], now_s: float) -> None:
        holdings = self._scheduler.allocate([run.seen for run in active])
        for run in active:
            held = holdings.get(run.task.name)
            if run.held is None and held is not None:
                run.start_s = now_s
            elif run.held is not None and (held is None or held.gpus != run.held.gpus):
                run.restarts += 1
            run.held = held

    def _advance(self, run: _Run, now_s: float) -> None:
        """Train for an interval with what the job holds, or up to its end."""
        assert run.held is not None
        end_s = now_s + self._interval_s
        delay_s = min(run.delay_s, self._interval_s)
        run.delay_s -= delay_s
        training_s = self._interval_s - delay_s
        speed = run.task.total_batch / run.held.plan.step_s
        needed_s = (run.samples - run.trained) / speed
        samples = speed * training_s
        if needed_s <= training_s:
            run.end_s = now_s + delay_s + needed_s
            training_s, samples = needed_s, run.samples - run.trained
        run.trained += samples
        self._write(run, Activity.RESTARTING, now_s, now_s + delay_s)
        self._write(run, Activity.TRAINING, now_s + delay_s, run.end_s or end_s, samples)
        self._write(run, Activity.HELD, run.end_s or end_s, end_s)

    def _write(
        self, run: _Run, activity: Activity, start_s: float, end_s: float, samples: float = 0.0
    ) -> None:
        if end_s <= start_s:
            return
        assert run.held is not None
        gpus, plan = run.held
        useful, power_w = (0,) * len(gpus), self._power.idle_power_w(gpus)
        if activity is Activity.TRAINING:
            useful = plan.gpus
            places = sum(count * of for count, of in zip(plan.gpus, plan.threads, strict=True))
            share = run.task.demand.logical_workers / places
            workers = [count * of * share for count, of in zip(plan.gpus, plan.threads, strict=True)]
            demand = run.task.demand
            power_w = self._power.of(demand).training_power_w(gpus, workers, demand.step_s, plan.step_s)
        steps = samples / run.task.total_batch
        self._phases.append(Phase(run.number, start_s, end_s, activity, gpus, useful, power_w, steps))


def _outcome(run: _Run) -> JobOutcome:
    assert run.end_s is not None
    task = run.task
    alone_s = task.alone_s(RESCALE_S)
    return JobOutcome(
        task.name, task.submit_s, run.start_s, run.end_s, run.restarts, alone_s, task.demand.determinism
    )
