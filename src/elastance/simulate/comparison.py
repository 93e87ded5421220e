"""Compare policies on one recurring job, over seeds: the main entry point of the simulator."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from elastance.cost import EtaCost, check_beta
from elastance.errors import InputError
from elastance.policies import Problem
from elastance.simulate.histories import History, Progress, Task, measure_history, simulate_histories
from elastance.simulate.inputs import (
    DRIFT_WINDOW,
    checked_policies,
    checked_seeds,
    facts_and_job,
    opened_drift,
    opened_source,
    slices_and_job,
)
from elastance.simulate.measures import Measures, Spread
from elastance.simulate.recurring import check_recurrences

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from elastance.catalog import Workload
    from elastance.job import Job
    from elastance.traces import DriftTrace, JobFacts, SourceRecord, TraceSource

COMPARED_BY_DEFAULT = ("zeus", "default", "grid", "oracle")
"""Policies that are compared unless others are named."""


@dataclass(frozen=True)
class PolicyResult:
    """One policy over all seeds.

    Attributes:
        policy: Its name.
        histories: One per seed.
        measures: What each history amounts to.
    """

    policy: str
    histories: tuple[History, ...]
    measures: tuple[Measures, ...]

    def spread(self, quantity: str) -> Spread:
        """Return mean and confidence interval over seeds of a numeric field of `Measures`."""
        return Spread.of([getattr(measures, quantity) for measures in self.measures])

    @property
    def final(self) -> tuple[int, int] | None:
        """Final (batch size, power limit in W) of the most seeds; None without runs."""
        counts = self._final_counts.most_common(1)
        return counts[0][0] if counts else None

    @property
    def final_share(self) -> float | None:
        """Share of the seeds that ended with `final`."""
        final = self.final
        return None if final is None else self._final_counts[final] / len(self.measures)

    @property
    def break_even_share(self) -> float:
        """Share of the seeds in which exploration paid back."""
        return sum(of.break_even_recurrence is not None for of in self.measures) / len(self.measures)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes of the histories, each once, with how many seeds they concern."""
        counts = Counter(note for history in self.histories for note in history.notes)
        return tuple(f"{note} ({count} of {len(self.histories)} seeds)" for note, count in counts.items())

    @cached_property
    def _final_counts(self) -> Counter[tuple[int, int]]:
        return Counter(measures.final for measures in self.measures if measures.final is not None)

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain values, as the command prints it."""

        def over_seeds(quantity: str) -> dict[str, float | None]:
            return self.spread(quantity)._asdict()

        return {
            "policy": self.policy,
            "seeds": [history.seed for history in self.histories],
            "total_energy_j": over_seeds("energy_j"),
            "total_time_s": over_seeds("time_s"),
            "total_cost_j": over_seeds("cost_j"),
            "regret_oracle_jobs": over_seeds("regret_oracle_jobs"),
            "final": None
            if self.final is None
            else {
                "batch_size": self.final[0],
                "power_limit_w": self.final[1],
                "share_of_seeds": self.final_share,
            },
            "final_cost_gap": over_seeds("gap"),
            "energy_saving": over_seeds("energy_saving"),
            "time_saving": over_seeds("time_saving"),
            "total_energy_saving": over_seeds("total_energy_saving"),
            "break_even_recurrence": over_seeds("break_even_recurrence")
            | {"share_of_seeds": self.break_even_share},
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Comparison:
    """Several policies on one recurring job.

    Attributes:
        task: What was simulated.
        gpu: Name of the GPU type.
        source: Where the facts came from; with drift, those on time and power.
        policies: One result per policy, in the order they were named.
        drift: Where the training paths came from, if the data set drifts.
        warm_start_from: Name of the GPU type the job recurred on before, where it did.
    """

    task: Task
    gpu: str
    source: SourceRecord
    policies: tuple[PolicyResult, ...]
    drift: DriftTrace | None = None
    warm_start_from: str | None = None

    def __getitem__(self, policy: str) -> PolicyResult:
        for result in self.policies:
            if result.policy == policy:
                return result
        raise KeyError(policy)

    def histories(self) -> list[dict[str, Any]]:
        """Return every history as plain values, as ``--history`` writes them."""
        return [
            {"policy": history.policy, "seed": history.seed, "history": history.rows()}
            for result in self.policies
            for history in result.histories
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as plain values, as ``--json`` prints it."""
        problem, job = self.task.problem, self.task.problem.job
        return {
            "source": self.source.to_json(),
            "job": {
                "dataset": job.dataset,
                "network": job.network,
                "optimizer": job.optimizer,
                "target_metric": job.target_metric,
                "max_epochs": job.max_epochs,
                "default_batch_size": job.default_batch_size,
                "batch_sizes": list(problem.batch_sizes),
            },
            "gpu": self.gpu,
            "warm_start_from": self.warm_start_from,
            "eta_knob": problem.cost.eta,
            "beta_knob": "inf" if math.isinf(problem.beta) else problem.beta,
            "window_size": problem.window_size,
            "compat": self.task.published,
            "recurrences": self.task.recurrences,
            "drift": None if self.drift is None else self.drift.to_json(),
            "policies": [result.to_json() for result in self.policies],
        }


def simulate_recurring(
    job: Job | Workload | str | None = None,
    gpu: str = "v100",
    *,
    policies: Sequence[str] = COMPARED_BY_DEFAULT,
    eta: float = 0.5,
    beta: float = 2.0,
    recurrences: int | None = None,
    seeds: Sequence[int] = (1,),
    window_size: int | None = None,
    traces: Path | str | TraceSource | None = None,
    drift: Path | str | DriftTrace | None = None,
    compat: bool = False,
    warm_start_from: str | None = None,
    jobs: int = 1,
    on_progress: Progress | None = None,
) -> Comparison:
    """Simulate a recurring job under several policies and compare them.

    Args:
        job: A job; or a workload or its name, for its default job with the largest batch size on offer up to the
            workload's own. By default librispeech; with drift, the one data set that drifts.
        gpu: Name of the GPU type.
        policies: Names as in `elastance.policies.find_policy`.
        eta: Preference between energy (1) and time (0).
        beta: Early-stopping factor, > 1; infinity = never stop.
        recurrences: How often the job recurs; twice the number of batch sizes times power limits by default, with
            drift once per slice.
        seeds: One history per policy and seed.
        window_size: How many of the last runs of a batch size count; 0 = all, the default; 10 with drift.
        traces: Directory of trace files, or a source; by default the first that `find_source` finds.
        drift: Training paths on each slice of a drifting data set (see `elastance.traces.read_drift`), in place of
            those of `traces`; recurrence i runs on slice i, and the last one repeats.
        compat: Replay the published simulator, defects included, float for float.
        warm_start_from: Name of a GPU type where the job has recurred before, as often as published; policies that
            can begin with what they learned there (`elastance.policies.Transferable`). Those runs do not count.
        jobs: Worker processes; the result does not depend on it. With more than one, a script needs the usual
            ``if __name__ == "__main__":``.
        on_progress: Called as histories are finished.

    Raises:
        ElastanceError: Something is wrong with the input, the facts or a policy; the message says what.
    """
    EtaCost(eta, 1.0)  # complain about a knob before reading files
    check_beta(beta)
    if warm_start_from is not None and (compat or drift is not None):
        raise InputError("a warm start goes neither with --compat nor with --drift: leave one of them out")
    source = opened_source(traces)
    described = job or "librispeech"
    if drift is None:
        facts, job = facts_and_job(source, described, gpu)
        slices: tuple[JobFacts, ...] = ()
        window_size, usual = window_size or 0, facts.default_recurrences
    else:
        drift = opened_drift(drift, compat=compat)
        slices, job = slices_and_job(source, drift, job, gpu)
        facts = slices[0]
        window_size, usual = DRIFT_WINDOW if window_size is None else window_size, len(slices)
    problem = Problem(job, facts.power_limits_w, EtaCost(eta, facts.max_power_w), beta, window_size)
    count = check_recurrences(usual if recurrences is None else recurrences)
    earlier = None if warm_start_from is None else _elsewhere(source, described, warm_start_from, problem)
    task = Task(facts, problem, count, compat, slices, earlier)
    names, seeds = checked_policies(policies), checked_seeds(seeds)
    histories = simulate_histories(
        task, [(name, seed) for name in names for seed in seeds], jobs, on_progress
    )
    results = tuple(_measured(task, name, histories[name]) for name in names)
    record = source.record(gpu, train=drift is None)
    return Comparison(task, gpu.lower(), record, results, drift, warm_start_from and warm_start_from.lower())


def _elsewhere(source: TraceSource, job: Job | Workload | str, gpu: str, problem: Problem) -> Task:
    """Return the same task on another GPU, where the job recurs as often as published."""
    facts, described = facts_and_job(source, job, gpu)
    cost = EtaCost(problem.cost.eta, facts.max_power_w)
    there = replace(problem, job=described, power_limits_w=facts.power_limits_w, cost=cost)
    return Task(facts, there, facts.default_recurrences)


def _measured(task: Task, policy: str, histories: list[History]) -> PolicyResult:
    measures = tuple(measure_history(task, history) for history in histories)
    return PolicyResult(policy, tuple(histories), measures)
