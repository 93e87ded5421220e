"""What must hold between the rows of a trace, beyond the type of each cell."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from elastance.catalog import WORKLOADS
from elastance.errors import TraceError
from elastance.traces.reading import FIRST_ROW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elastance.traces.reading import Table


class Severity(StrEnum):
    """How much an issue matters."""

    ERROR = "error"
    """The file cannot be used."""
    WARNING = "warning"
    """Usable, but the user should know."""


@dataclass(frozen=True)
class Issue:
    """Something about a trace file, with its place.

    Attributes:
        severity: Error or warning.
        message: What was found.
        row: Line in the file (the header is line 1), where one line is to blame.
        column: Column name, where one column is to blame.
    """

    severity: Severity
    message: str
    row: int | None = None
    column: str | None = None


def find_issues(table: Table) -> Iterator[Issue]:
    """Yield every error, then every warning about `table`."""
    yield from _duplicate_keys(table)
    match table.schema.kind:
        case "train":
            yield from _target_epochs_fall(table)
            yield from _few_repeats(table)
        case "power":
            yield from _power_above_limit(table)
            yield from _limits_differ(table)
        case _:
            yield from _group_order(table)


def require_usable(table: Table) -> Table:
    """Return `table` if it has no error.

    Raises:
        TraceError: The first error found.
    """
    for issue in find_issues(table):
        if issue.severity is Severity.ERROR:
            raise TraceError(issue.message, path=table.path, row=issue.row, column=issue.column)
        break  # errors come first
    return table


def _duplicate_keys(table: Table) -> Iterator[Issue]:
    if not table.schema.key:
        return
    keys = list(zip(*(table.columns[name] for name in table.schema.key), strict=True))
    if len(set(keys)) == len(keys):
        return
    first: dict[tuple[object, ...], int] = {}
    for index, key in enumerate(keys):
        if key in first:
            named = ", ".join(f"{name} {value}" for name, value in zip(table.schema.key, key, strict=True))
            yield Issue(Severity.ERROR, f"same as row {first[key]}: {named}", index + FIRST_ROW)
        else:
            first[key] = index + FIRST_ROW


def _target_epochs_fall(table: Table) -> Iterator[Issue]:
    """In a run a harder threshold is never met earlier, and nothing is met after the first miss."""
    columns = table.columns
    runs: defaultdict[tuple[str, str, str], defaultdict[tuple[int, int], list[tuple[float, float, int]]]]
    runs = defaultdict(lambda: defaultdict(list))
    workloads = zip(columns["dataset"], columns["network"], columns["optimizer"], strict=True)
    repeats = zip(columns["batch_size"], columns["run"], strict=True)
    never = float("inf")
    paths = (
        (metric, never if epoch is None else epoch, row)
        for row, (metric, epoch) in enumerate(
            zip(columns["target_metric"], columns["target_epoch"], strict=True), start=FIRST_ROW
        )
    )
    for workload, repeat, point in zip(workloads, repeats, paths, strict=True):
        runs[workload][repeat].append(point)
    for workload, by_repeat in runs.items():
        for run in by_repeat.values():
            run.sort()
        falls = [_falls(run) for run in by_repeat.values()]
        rises = [_falls(run[::-1]) for run in by_repeat.values()]
        known = next((w for w in WORKLOADS if (w.dataset, w.network, w.optimizer) == workload), None)
        if known is not None:
            bad = falls if known.higher_is_better else rises
        elif any(falls) and any(rises):
            bad = falls if sum(map(len, falls)) <= sum(map(len, rises)) else rises
        else:
            bad = []
            if not any(falls) and not any(rises):
                yield Issue(
                    Severity.WARNING, f"{'/'.join(workload)}: cannot tell whether a higher metric is better"
                )
        for row in (row for rows in bad for row in rows):
            yield Issue(
                Severity.ERROR, "met at an earlier epoch than an easier target metric", row, "target_epoch"
            )


def _falls(run: list[tuple[float, float, int]]) -> list[int]:
    """Rows of `run` (metric, epoch, row; in order) whose epoch is below the one before."""
    return [row for (_, before, _), (_, epoch, row) in pairwise(run) if epoch < before]


def _few_repeats(table: Table) -> Iterator[Issue]:
    columns = table.columns
    repeats: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
    names = ("dataset", "network", "optimizer", "batch_size")
    for *key, run in zip(*(columns[name] for name in names), columns["run"], strict=True):
        repeats[tuple(key)].add(run)
    for key, runs in repeats.items():
        if len(runs) == 1:
            yield Issue(
                Severity.WARNING, f"{'/'.join(map(str, key))}: only one repeat, no spread to learn from"
            )


def _power_above_limit(table: Table) -> Iterator[Issue]:
    for row, (limit, power) in enumerate(
        zip(table.columns["power_limit"], table.columns["average_power"], strict=True), start=FIRST_ROW
    ):
        if power > limit:
            yield Issue(
                Severity.WARNING, f"{power:.1f} W is above the limit of {limit} W", row, "average_power"
            )


def _limits_differ(table: Table) -> Iterator[Issue]:
    columns = table.columns
    limits: defaultdict[tuple[str, ...], defaultdict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    jobs = zip(columns["dataset"], columns["network"], columns["optimizer"], strict=True)
    for job, size, limit in zip(jobs, columns["batch_size"], columns["power_limit"], strict=True):
        limits[job][size].add(limit)
    everywhere = set(columns["power_limit"])
    for job, by_size in limits.items():
        of_job = set[int]().union(*by_size.values())
        if of_job != everywhere:
            yield Issue(
                Severity.WARNING, f"{'/'.join(job)}: only {len(of_job)} of {len(everywhere)} power limits"
            )
        for size, some in by_size.items():
            if some != of_job:
                yield Issue(
                    Severity.WARNING,
                    f"{'/'.join(job)}: batch size {size} has only power limits {', '.join(map(str, sorted(some)))}",
                )


def _group_order(table: Table) -> Iterator[Issue]:
    columns = table.columns
    last: dict[str, tuple[float, str]] = {}
    known = {workload.dataset for workload in WORKLOADS}
    rows = zip(columns["group"], columns["start_time"], columns["end_time"], columns["dataset"], strict=True)
    for row, (group, start, end, dataset) in enumerate(rows, start=FIRST_ROW):
        if end < start:
            yield Issue(
                Severity.ERROR, f"group {group} ends at {end} before it starts at {start}", row, "end_time"
            )
        if dataset not in known:
            yield Issue(
                Severity.ERROR,
                f"unknown dataset {dataset!r}: known: {', '.join(sorted(known))}",
                row,
                "dataset",
            )
        before, same = last.get(group, (start, dataset))
        if start < before:
            yield Issue(
                Severity.ERROR,
                f"group {group} is not sorted: starts at {start} after {before}",
                row,
                "start_time",
            )
        if dataset != same:
            yield Issue(Severity.ERROR, f"group {group} mixes {same} and {dataset}", row, "dataset")
        last[group] = (start, same)
