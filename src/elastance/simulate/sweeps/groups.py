"""Sweep groups of overlapping submissions: every group trace, GPU type, knob and policy, over seeds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elastance.errors import ElastanceError, InputError, TraceError
from elastance.policies import check_window_size
from elastance.simulate.comparison import COMPARED_BY_DEFAULT
from elastance.simulate.group_comparison import group_tasks, workload_of
from elastance.simulate.group_runs import GroupRun, Totals, run_group
from elastance.simulate.inputs import opened_source
from elastance.simulate.sweeps.cells import FACTS_COLUMNS, Axes, Cell, Part, Row, once
from elastance.simulate.sweeps.summary import TOTAL
from elastance.traces import read_groups

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from elastance.simulate.histories import Task
    from elastance.traces import GroupTrace, TraceSource

COLUMNS: dict[str, type] = {
    "groups": str,
    "gpu": str,
    "eta_knob": float,
    "beta_knob": float,
    "policy": str,
    "seed": int,
    "workload": str,
    "group_count": int,
    "submissions": int,
    "overlapping": int,
    "runs": int,
    "given_up": int,
    "total_energy_j": float,
    "total_time_s": float,
    "total_cost_j": float,
    "default_energy_j": float,
    "default_time_s": float,
    "default_cost_j": float,
    "oracle_cost_j": float,
    "notes": str,
    "groups_provenance": str,
    "groups_sha256": str,
    "error": str,
    **FACTS_COLUMNS,
}
"""Columns of the table: a row per cell, seed and workload of the groups, and one for all of them: ``total``."""

_EMPTY_FIELDS = list(COLUMNS).index("groups_provenance") - list(COLUMNS).index("workload") - 1
"""Fields between the workload and where the groups came from."""


@dataclass(frozen=True)
class GroupSweep:
    """Groups to sweep; made by `group_sweep`.

    Attributes:
        source: Where facts come from.
        traces: File name to the groups in it.
        axes: What else varies.
        window_size: How many of the last runs of a batch size count; 0 = all.
        published: Whether to replay the published simulator.
    """

    source: TraceSource
    traces: Mapping[str, GroupTrace]
    axes: Axes
    window_size: int = 0
    published: bool = False

    @property
    def columns(self) -> dict[str, type]:
        """`COLUMNS`."""
        return COLUMNS

    def plan(self) -> dict[str, Any]:
        """Return everything that decides the result, as plain values."""
        return {
            "kind": "groups",
            "groups": {
                name: {"provenance": trace.provenance.value, "sha256": trace.sha256}
                for name, trace in self.traces.items()
            },
            "window_size": self.window_size,
            "compat": self.published,
            **self.axes.plan(self.source),
            "columns": list(COLUMNS),
        }

    def parts(self) -> list[Part]:
        """Return the work, a seed of a cell at a time: one takes as long as many of a single job.

        Raises:
            TraceError: A file cannot be used.
        """
        return [
            GroupPart(cell, (seed,), self.traces[cell.subject], tasks)
            for cell, tasks in self._settings()
            for seed in self.axes.seeds
        ]

    def _settings(self) -> Iterator[tuple[Cell, dict[str, Task] | str]]:
        known: dict[tuple[str, str, float, float], dict[str, Task] | str] = {}
        for cell in self.axes.cells(self.traces):
            setting = cell[:4]
            if setting not in known:
                known[setting] = self._tasks_or_reason(cell)
            yield cell, known[setting]

    def _tasks_or_reason(self, cell: Cell) -> dict[str, Task] | str:
        """Look up the jobs; what there are no facts about is told in its rows."""
        try:
            return group_tasks(
                self.traces[cell.subject],
                self.source,
                cell.gpu,
                eta=cell.eta,
                beta=cell.beta,
                window_size=self.window_size,
                compat=self.published,
            )
        except TraceError:
            raise
        except InputError as error:
            return str(error)


@dataclass(frozen=True)
class GroupPart:
    """Some repetitions of the groups of one trace under one policy.

    Attributes:
        cell: The setting.
        seeds: The repetitions.
        trace: The groups.
        tasks: Dataset to the job that stands for its groups, or why there are no facts about one of them.
    """

    cell: Cell
    seeds: tuple[int, ...]
    trace: GroupTrace
    tasks: dict[str, Task] | str

    def run(self) -> list[Row]:
        """Simulate every repetition."""
        return [row for seed in self.seeds for row in self._repetition(seed)]

    def _repetition(self, seed: int) -> list[Row]:
        if isinstance(self.tasks, str):
            return [self._failed(seed, self.tasks)]
        try:
            ours, default, oracle = (
                [run_group(self.tasks[of.dataset], of, policy, seed) for of in self.trace.groups]
                for policy in (self.cell.policy, "default", "oracle")
            )
        except ElastanceError as error:
            return [self._failed(seed, str(error))]
        datasets: tuple[str | None, ...] = (*self.tasks, None)
        return [self._row(seed, dataset, ours, default, oracle) for dataset in datasets]

    def _row(
        self,
        seed: int,
        dataset: str | None,
        ours: list[GroupRun],
        default: list[GroupRun],
        oracle: list[GroupRun],
    ) -> Row:
        """Sum up the groups of `dataset`, or all of them."""
        chosen, at_default, at_oracle = (
            [run for run in runs if dataset in (None, run.dataset)] for runs in (ours, default, oracle)
        )
        totals, by_default, by_oracle = (
            Totals.of([run.totals for run in runs]) for runs in (chosen, at_default, at_oracle)
        )
        notes = Counter(note for run in chosen for note in run.notes)
        return (
            seed,
            TOTAL if dataset is None else workload_of(dataset),
            *totals,
            by_default.energy_j,
            by_default.time_s,
            by_default.cost_j,
            by_oracle.cost_j,
            "; ".join(f"{note} ({count} of {len(chosen)} groups)" for note, count in notes.items()) or None,
            self.trace.provenance.value,
            self.trace.sha256,
            None,
        )

    def _failed(self, seed: int, reason: str) -> Row:
        source = (self.trace.provenance.value, self.trace.sha256)
        return (seed, TOTAL, *(None,) * _EMPTY_FIELDS, *source, reason)


def group_sweep(
    groups: Sequence[Path | str],
    gpus: Sequence[str] | None = None,
    *,
    policies: Sequence[str] = COMPARED_BY_DEFAULT,
    etas: Sequence[float] = (0.5,),
    betas: Sequence[float] = (2.0,),
    seeds: Sequence[int] = range(10),
    window_size: int = 0,
    traces: Path | str | TraceSource | None = None,
    compat: bool = False,
) -> GroupSweep:
    """Describe a sweep of groups of overlapping submissions, for `run_sweep`; every combination is simulated.

    Args:
        groups: Group traces; their file names, which the table shows, must differ.
        gpus: GPU types; all there are facts about by default.
        policies: Names as in `elastance.policies.find_policy`.
        etas: Preferences between energy (1) and time (0).
        betas: Early-stopping factors, > 1.
        seeds: Repetitions, as in `elastance.simulate.simulate_groups`; 0 has the published seeds.
        window_size: How many of the last runs of a batch size count; 0 = all.
        traces: Directory of trace files, or a source; by default the first that `find_source` finds.
        compat: Replay the published simulator, defects included.

    Raises:
        InputError: An axis is empty, or a value is out of range, unknown, or named twice.
        TraceError: A group trace cannot be used.
    """
    paths = [Path(path) for path in groups]
    once("file of groups", [path.name for path in paths])
    source = opened_source(traces)
    axes = Axes.checked(source, gpus, etas, betas, policies, seeds)
    found = {path.name: read_groups(path) for path in paths}
    return GroupSweep(source, found, axes, check_window_size(window_size), compat)
