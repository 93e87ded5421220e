"""Sweep one recurring job after another: every workload, GPU type, knob and policy, over seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elastance.catalog import WORKLOADS, find_workload
from elastance.cost import EtaCost
from elastance.errors import ElastanceError, InputError, TraceError
from elastance.policies import Problem, check_window_size
from elastance.simulate.comparison import COMPARED_BY_DEFAULT
from elastance.simulate.histories import Task, measure_seeds
from elastance.simulate.inputs import facts_and_job, opened_source
from elastance.simulate.recurring import check_recurrences
from elastance.simulate.sweeps.cells import FACTS_COLUMNS, Axes, Cell, Part, Row, once

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from elastance.job import Job
    from elastance.simulate.measures import Measures
    from elastance.traces import JobFacts, TraceSource

SEEDS_PER_PART = 250
"""A part is large enough to be worth handing out, and small enough that a kill costs little."""

COLUMNS: dict[str, type] = {
    "workload": str,
    "gpu": str,
    "eta_knob": float,
    "beta_knob": float,
    "policy": str,
    "seed": int,
    "recurrences": int,
    "runs": int,
    "total_energy_j": float,
    "total_time_s": float,
    "total_cost_j": float,
    "default_energy_j": float,
    "default_time_s": float,
    "default_cost_j": float,
    "oracle_cost_j": float,
    "regret_oracle_jobs": float,
    "final_batch_size": int,
    "final_power_limit_w": int,
    "final_cost_gap": float,
    "energy_saving": float,
    "time_saving": float,
    "total_energy_saving": float,
    "break_even_recurrence": int,
    "notes": str,
    "error": str,
    **FACTS_COLUMNS,
}
"""Columns of the table, a row per cell and seed."""

_EMPTY_FIELDS = list(COLUMNS).index("error") - list(COLUMNS).index("recurrences") - 1
"""Fields between the number of recurrences and the error."""


@dataclass(frozen=True)
class RecurringSweep:
    """Recurring jobs to sweep; made by `recurring_sweep`.

    Attributes:
        source: Where facts come from.
        workloads: Names of the workloads.
        axes: What else varies.
        recurrences: How often each job recurs; None = twice its batch sizes times power limits.
        window_size: How many of the last runs of a batch size count; 0 = all.
        published: Whether to replay the published simulator.
    """

    source: TraceSource
    workloads: tuple[str, ...]
    axes: Axes
    recurrences: int | None = None
    window_size: int = 0
    published: bool = False

    @property
    def columns(self) -> dict[str, type]:
        """`COLUMNS`."""
        return COLUMNS

    def plan(self) -> dict[str, Any]:
        """Return everything that decides the result, as plain values."""
        return {
            "kind": "recurring",
            "workloads": list(self.workloads),
            "recurrences": self.recurrences,
            "window_size": self.window_size,
            "compat": self.published,
            **self.axes.plan(self.source),
            "columns": list(COLUMNS),
        }

    def parts(self) -> list[Part]:
        """Return the work, a few seeds of a cell at a time.

        Raises:
            TraceError: A file cannot be used.
        """
        return list(self._parts())

    def _parts(self) -> Iterator[Part]:
        facts: dict[tuple[str, str], tuple[JobFacts, Job] | str] = {}
        seeds = self.axes.seeds
        for cell in self.axes.cells(self.workloads):
            key = cell.subject, cell.gpu
            if key not in facts:
                facts[key] = _facts_or_reason(self.source, *key)
            task = self._task(cell, facts[key])
            for start in range(0, len(seeds), SEEDS_PER_PART):
                yield RecurringPart(cell, seeds[start : start + SEEDS_PER_PART], task)

    def _task(self, cell: Cell, found: tuple[JobFacts, Job] | str) -> Task | str:
        if isinstance(found, str):
            return found
        facts, job = found
        cost = EtaCost(cell.eta, facts.max_power_w)
        problem = Problem(job, facts.power_limits_w, cost, cell.beta, self.window_size)
        recurrences = facts.default_recurrences if self.recurrences is None else self.recurrences
        return Task(facts, problem, recurrences, self.published)


@dataclass(frozen=True)
class RecurringPart:
    """Some seeds of a recurring job under one policy.

    Attributes:
        cell: The setting.
        seeds: The seeds.
        task: The job, or why there are no facts about it.
    """

    cell: Cell
    seeds: tuple[int, ...]
    task: Task | str

    def run(self) -> list[Row]:
        """Simulate every seed."""
        task = self.task
        if isinstance(task, str):
            return [_failed(seed, None, task) for seed in self.seeds]
        try:
            return _rows(task, self.cell.policy, self.seeds)
        except ElastanceError:
            # One seed's failure is no other's: tell them apart.
            return [row for seed in self.seeds for row in self._alone(task, seed)]

    def _alone(self, task: Task, seed: int) -> list[Row]:
        try:
            return _rows(task, self.cell.policy, (seed,))
        except ElastanceError as error:
            return [_failed(seed, task.recurrences, str(error))]


def recurring_sweep(
    workloads: Sequence[str] | None = None,
    gpus: Sequence[str] | None = None,
    *,
    policies: Sequence[str] = COMPARED_BY_DEFAULT,
    etas: Sequence[float] = (0.5,),
    betas: Sequence[float] = (2.0,),
    seeds: Sequence[int] = range(10),
    recurrences: int | None = None,
    window_size: int = 0,
    traces: Path | str | TraceSource | None = None,
    compat: bool = False,
) -> RecurringSweep:
    """Describe a sweep of recurring jobs, for `run_sweep`; every combination is simulated.

    Args:
        workloads: Names of workloads; all by default.
        gpus: GPU types; all there are facts about by default.
        policies: Names as in `elastance.policies.find_policy`.
        etas: Preferences between energy (1) and time (0).
        betas: Early-stopping factors, > 1.
        seeds: One history per cell and seed.
        recurrences: How often each job recurs; twice the number of its batch sizes times power limits by default.
        window_size: How many of the last runs of a batch size count; 0 = all.
        traces: Directory of trace files, or a source; by default the first that `find_source` finds.
        compat: Replay the published simulator, defects included.

    Raises:
        InputError: An axis is empty, or a value is out of range, unknown, or named twice.
    """
    names = (
        [of.name for of in WORKLOADS] if workloads is None else [find_workload(of).name for of in workloads]
    )
    if recurrences is not None:
        recurrences = check_recurrences(recurrences)
    source = opened_source(traces)
    axes = Axes.checked(source, gpus, etas, betas, policies, seeds)
    return RecurringSweep(
        source, tuple(once("workload", names)), axes, recurrences, check_window_size(window_size), compat
    )


def _facts_or_reason(source: TraceSource, workload: str, gpu: str) -> tuple[JobFacts, Job] | str:
    """Look up the job; what there are no facts about is told in its rows, but a broken file is the user's to mend."""
    try:
        return facts_and_job(source, workload, gpu)
    except TraceError:
        raise
    except InputError as error:
        return str(error)


def _rows(task: Task, policy: str, seeds: Sequence[int]) -> list[Row]:
    measured = measure_seeds(task, policy, seeds)
    return [_row(task, seed, measures) for seed, measures in zip(seeds, measured, strict=True)]


def _row(task: Task, seed: int, of: Measures) -> Row:
    count, default, oracle = task.recurrences, task.default, task.oracle
    return (
        seed,
        count,
        of.runs,
        of.energy_j,
        of.time_s,
        of.cost_j,
        default.energy_j * count,
        default.time_s * count,
        default.cost_j * count,
        oracle.cost_j * count,
        of.regret_oracle_jobs,
        *(of.final or (None, None)),
        of.gap,
        of.energy_saving,
        of.time_saving,
        of.total_energy_saving,
        of.break_even_recurrence,
        "; ".join(of.notes) or None,
        None,
    )


def _failed(seed: int, recurrences: int | None, reason: str) -> Row:
    return (seed, recurrences, *(None,) * _EMPTY_FIELDS, reason)
