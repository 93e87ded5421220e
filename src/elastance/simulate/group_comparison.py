"""Compare policies on groups of recurring, overlapping jobs: the cluster's worth of the recurring-job simulator."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from elastance.catalog import WORKLOADS
from elastance.cost import EtaCost, check_beta
from elastance.policies import Problem
from elastance.simulate.comparison import COMPARED_BY_DEFAULT
from elastance.simulate.group_runs import GroupRun, Totals, run_group
from elastance.simulate.histories import Progress, Task
from elastance.simulate.inputs import checked_policies, checked_seeds, facts_and_job, opened_source
from elastance.simulate.measures import Spread
from elastance.simulate.processes import PARTS_PER_PROCESS, check_jobs, in_processes
from elastance.traces import read_groups

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from elastance.traces import Group, GroupTrace, SourceRecord, TraceSource

_Cell = tuple[str, int, int]
"""Policy, seed, and number of the group."""


@dataclass(frozen=True)
class GroupPolicyResult:
    """One policy on all groups, over all seeds.

    Attributes:
        policy: Its name.
        seeds: Repetitions.
        runs: For each seed one entry per group, in the order of the trace.
    """

    policy: str
    seeds: tuple[int, ...]
    runs: tuple[tuple[GroupRun, ...], ...]

    def totals(self, dataset: str | None = None) -> list[Totals]:
        """Return what all groups of `dataset`, or all groups there are, took; one entry per seed."""
        return [
            Totals.of([run.totals for run in of_seed if dataset in (None, run.dataset)])
            for of_seed in self.runs
        ]

    def spread(self, quantity: str, dataset: str | None = None) -> Spread:
        """Return mean and confidence interval over seeds of a field of `Totals`."""
        return Spread.of([getattr(totals, quantity) for totals in self.totals(dataset)])

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes of the groups, each once, with how many groups they concern in all repetitions."""
        counts = Counter(note for of_seed in self.runs for run in of_seed for note in run.notes)
        return tuple(
            f"{note} ({count} of {sum(map(len, self.runs))} groups)" for note, count in counts.items()
        )


@dataclass(frozen=True)
class GroupComparison:
    """Several policies on the groups of one trace.

    Attributes:
        trace: The groups.
        tasks: Dataset to the job that stands for its groups.
        gpu: Name of the GPU type.
        source: Where the facts came from.
        policies: One result per policy, in the order they were named.
    """

    trace: GroupTrace
    tasks: Mapping[str, Task]
    gpu: str
    source: SourceRecord
    policies: tuple[GroupPolicyResult, ...]

    def __getitem__(self, policy: str) -> GroupPolicyResult:
        for result in self.policies:
            if result.policy == policy:
                return result
        raise KeyError(policy)

    @property
    def datasets(self) -> tuple[str, ...]:
        """Datasets of the groups, in the order of the catalog."""
        return tuple(self.tasks)

    @property
    def grid(self) -> GroupPolicyResult | None:
        """The Grid Search that was compared: the first of its variants that was named."""
        return next((result for result in self.policies if result.policy.startswith("grid")), None)

    @cached_property
    def default(self) -> GroupPolicyResult:
        """The user's own batch size at the largest power limit, at its expectation."""
        seeds = self.policies[0].seeds
        once = tuple(run_group(self.tasks[of.dataset], of, "default", seeds[0]) for of in self.trace.groups)
        return GroupPolicyResult("default", seeds, (once,) * len(seeds))

    def relative(
        self,
        result: GroupPolicyResult,
        baseline: GroupPolicyResult,
        quantity: str,
        dataset: str | None = None,
    ) -> Spread:
        """Return a sum (`energy_j`, `time_s` or `cost_j`) as a share of the baseline's, over seeds."""
        pairs = zip(result.totals(dataset), baseline.totals(dataset), strict=True)
        return Spread.of([getattr(ours, quantity) / getattr(theirs, quantity) for ours, theirs in pairs])

    def cumulative(self, result: GroupPolicyResult, quantity: str, dataset: str) -> NDArray[Any]:
        """Return a sum over the submissions so far as a share of the default's, mean over seeds.

        Entry i is that of the i + 1 submissions of `dataset` that end first in the trace; a submission counts with
        all its tries.
        """
        ends = [
            submission.end_s
            for group in self.trace.groups
            if group.dataset == dataset
            for submission in group.submissions
        ]
        order = np.argsort(np.array(ends), kind="stable")
        default = np.cumsum(self._per_submission(self.default.runs[0], quantity, dataset)[order])
        curves = [
            np.cumsum(self._per_submission(of_seed, quantity, dataset)[order]) / default
            for of_seed in result.runs
        ]
        return np.mean(curves, axis=0)

    @staticmethod
    def _per_submission(runs: tuple[GroupRun, ...], quantity: str, dataset: str) -> NDArray[Any]:
        """Return the sum over the tries of every submission, in the order of the trace."""
        return np.concatenate(
            [
                np.bincount(run.runs["submission"], run.runs[quantity], run.totals.submissions)
                for run in runs
                if run.dataset == dataset
            ]
        )

    def history(self) -> dict[str, list[list[int | float | bool]]]:
        """Return every run of the first policy under the first seed by group, as ``--history`` writes it."""
        return {run.group: run.rows() for run in self.policies[0].runs[0]}

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as plain values, as ``--json`` prints it."""
        problem = next(iter(self.tasks.values())).problem
        return {
            "source": self.source.to_json(),
            "groups": {
                "path": str(self.trace.path),
                "sha256": self.trace.sha256,
                "provenance": self.trace.provenance.value,
                "groups": len(self.trace.groups),
                "submissions": self.trace.submissions,
                "overlapping": self.default.totals()[0].overlapping,
            },
            "gpu": self.gpu,
            "eta_knob": problem.cost.eta,
            "beta_knob": "inf" if math.isinf(problem.beta) else problem.beta,
            "window_size": problem.window_size,
            "compat": next(iter(self.tasks.values())).published,
            "baseline": "default: the user's own batch size at the largest power limit, at its expectation",
            "grid": None if self.grid is None else self.grid.policy,
            "policies": [self._policy_json(result) for result in self.policies],
        }

    def _policy_json(self, result: GroupPolicyResult) -> dict[str, Any]:
        return {
            "policy": result.policy,
            "seeds": list(result.seeds),
            "workloads": [
                {"workload": workload_of(dataset), "dataset": dataset, **self._sums_json(result, dataset)}
                for dataset in self.datasets
            ],
            "total": self._sums_json(result, None),
            "notes": list(result.notes),
        }

    def _sums_json(self, result: GroupPolicyResult, dataset: str | None) -> dict[str, Any]:
        first = result.totals(dataset)[0]
        sums: dict[str, Any] = {
            "groups": first.groups,
            "submissions": first.submissions,
            "overlapping": first.overlapping,
        }
        for quantity in ("runs", "given_up", "energy_j", "time_s", "cost_j"):
            sums[quantity] = result.spread(quantity, dataset)._asdict()
        for name, baseline in (("default", self.default), ("grid", self.grid)):
            for quantity in ("energy", "time", "cost"):
                unit = "s" if quantity == "time" else "j"
                sums[f"{quantity}_vs_{name}"] = (
                    None
                    if baseline is None
                    else self.relative(result, baseline, f"{quantity}_{unit}", dataset)._asdict()
                )
        return sums


def workload_of(dataset: str) -> str:
    """Return the name of the workload that stands for groups of `dataset`."""
    return next(of.name for of in WORKLOADS if of.dataset == dataset)


def simulate_groups(
    groups: GroupTrace | Path | str,
    gpu: str = "v100",
    *,
    policies: Sequence[str] = COMPARED_BY_DEFAULT,
    eta: float = 0.5,
    beta: float = 2.0,
    window_size: int = 0,
    seeds: Sequence[int] = (0,),
    traces: Path | str | TraceSource | None = None,
    compat: bool = False,
    jobs: int = 1,
    on_progress: Progress | None = None,
) -> GroupComparison:
    """Simulate groups of recurring, overlapping jobs under several policies and compare them.

    Args:
        groups: A group trace or its file.
        gpu: Name of the GPU type every job runs on.
        policies: Names as in `elastance.policies.find_policy`.
        eta: Preference between energy (1) and time (0).
        beta: Early-stopping factor, > 1; infinity = never stop.
        window_size: How many of the last runs of a batch size count; 0 = all.
        seeds: Repetitions; in each every group has a random stream of its own. 0 has the published seeds.
        traces: Directory of trace files, or a source; by default the first that `find_source` finds.
        compat: Replay the published simulator, defects included, float for float.
        jobs: Worker processes; the result does not depend on it. With more than one, a script needs the usual
            ``if __name__ == "__main__":``.
        on_progress: Called with how many submissions, of how many, have been simulated.

    Raises:
        ElastanceError: Something is wrong with the input, the facts or a policy; the message says what.
    """
    EtaCost(eta, 1.0)  # complain about a knob before reading files
    check_beta(beta)
    check_jobs(jobs)
    names, seeds = checked_policies(policies), checked_seeds(seeds)
    trace = read_groups(Path(groups)) if isinstance(groups, str | PathLike) else groups
    source = opened_source(traces)
    tasks = group_tasks(trace, source, gpu, eta=eta, beta=beta, window_size=window_size, compat=compat)
    cells = [(name, seed, number) for name in names for seed in seeds for number in range(len(trace.groups))]
    done = _simulated(trace.groups, tasks, cells, jobs, on_progress)
    results = tuple(
        GroupPolicyResult(
            name,
            tuple(seeds),
            tuple(tuple(done[name, seed, number] for number in range(len(trace.groups))) for seed in seeds),
        )
        for name in names
    )
    return GroupComparison(trace, tasks, gpu.lower(), source.record(gpu), results)


def group_tasks(
    trace: GroupTrace,
    source: TraceSource,
    gpu: str,
    *,
    eta: float,
    beta: float,
    window_size: int = 0,
    compat: bool = False,
) -> dict[str, Task]:
    """Return the job that stands for the groups of each dataset, in the order of the catalog.

    Raises:
        ElastanceError: There are no facts about one of them on this GPU, or a value is out of range.
    """
    tasks: dict[str, Task] = {}
    present = {group.dataset for group in trace.groups}
    for workload in WORKLOADS:
        if workload.dataset in present:
            facts, job = facts_and_job(source, workload, gpu)
            problem = Problem(job, facts.power_limits_w, EtaCost(eta, facts.max_power_w), beta, window_size)
            tasks[workload.dataset] = Task(facts, problem, 0, compat)
    return tasks


def _simulated(
    groups: Sequence[Group],
    tasks: Mapping[str, Task],
    cells: Sequence[_Cell],
    jobs: int,
    on_progress: Progress | None,
) -> dict[_Cell, GroupRun]:
    """Simulate every cell, in parts of about as many submissions each."""
    total = sum(len(groups[number].submissions) for _, _, number in cells)
    share = total / (jobs * PARTS_PER_PROCESS)
    shares: list[list[_Cell]] = [[]]
    size = 0
    for cell in cells:
        if size >= share:
            shares.append([])
            size = 0
        shares[-1].append(cell)
        size += len(groups[cell[2]].submissions)
    parts = [
        [(tasks[groups[number].dataset], groups[number], policy, seed) for policy, seed, number in of_share]
        for of_share in shares
    ]
    done: dict[_Cell, GroupRun] = {}
    simulated = 0
    for number, runs in in_processes(_simulate_part, parts, jobs):
        done.update(zip(shares[number], runs, strict=True))
        simulated += sum(run.totals.submissions for run in runs)
        if on_progress is not None:
            on_progress(simulated, total)
    return done


def _simulate_part(part: list[tuple[Task, Group, str, int]]) -> list[GroupRun]:
    return [run_group(*cell) for cell in part]
