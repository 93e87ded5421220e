"""What must hold between the rows of a trace, beyond the type of each cell."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

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
    yield from _errors(table)
    match table.schema.kind:
        case "train":
            yield from _unclear_directions(table)
            yield from _few_repeats(table)
        case "drift":
            yield from _unclear_directions(table)
        case "power":
            yield from _power_above_limit(table)
            yield from _limits_differ(table)
        case _:
            pass


def require_usable(table: Table) -> Table:
    """Return `table` if it has no error.

    Raises:
        TraceError: The first error found.
    """
    for issue in _errors(table):
        raise TraceError(issue.message, path=table.path, row=issue.row, column=issue.column)
    return table


def _errors(table: Table) -> Iterator[Issue]:
    yield from _duplicate_keys(table)
    if table.schema.kind in {"train", "drift"}:
        yield from _target_epochs_fall(table)
        if table.schema.kind == "drift":
            yield from _slices_differ(table)
    elif table.schema.kind == "group":
        yield from _group_order(table)
    elif table.schema.kind == "cluster":
        yield from _cluster_rows(table)


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


LATEST_S = 1e10
"""A job that is submitted later than this many seconds into its trace, three centuries, has a slip in its time."""

YES_OR_NO = {"yes": True, "no": False, "true": True, "false": False, "1": True, "0": False}
"""What a cell that asks a question may hold, in any case."""


def _cluster_rows(table: Table) -> Iterator[Issue]:
    columns = table.columns
    for index, submit_s in enumerate(columns["submit_s"]):
        if submit_s < 0:
            message = f"{submit_s:g} is negative; times count from the start of the trace"
            yield Issue(Severity.ERROR, message, index + FIRST_ROW, "submit_s")
        elif submit_s > LATEST_S:
            message = f"{submit_s:g} is later than {LATEST_S:g} s; times count from the start of the trace"
            yield Issue(Severity.ERROR, message, index + FIRST_ROW, "submit_s")
    for index, answer in enumerate(columns["may_mix_types"]):
        if answer.lower() not in YES_OR_NO:
            yield Issue(Severity.ERROR, f"{answer!r}, expected yes or no", index + FIRST_ROW, "may_mix_types")
    for index, fewest in enumerate(columns.get("min_gpus", ())):
        if fewest > columns["logical_workers"][index]:
            workers = columns["logical_workers"][index]
            message = f"{fewest} is more than the job's {workers} logical workers can use"
            yield Issue(Severity.ERROR, message, index + FIRST_ROW, "min_gpus")


_WorkloadKey = tuple[str, str, str]


@dataclass(frozen=True)
class _Inversions:
    """Neighbouring thresholds of one run, in ascending order, whose epochs are in the opposite or the same order.

    Attributes:
        falls: Rows of the higher threshold where it was met *earlier* than the lower one.
        rises: Rows of the lower threshold where it was met earlier than the higher one.
    """

    falls: list[int]
    rises: list[int]


def _inversions(table: Table) -> dict[_WorkloadKey, _Inversions]:
    """Compare every pair of neighbouring thresholds within each run, by workload."""
    columns = table.columns
    keys = zip(*(columns[name] for name in table.schema.key[:-1]), strict=True)
    numbers: dict[tuple[Any, ...], int] = {}
    runs = np.array([numbers.setdefault(key, len(numbers)) for key in keys])
    workloads: list[_WorkloadKey] = [(key[0], key[1], key[2]) for key in numbers]
    epochs = np.array(columns["target_epoch"], dtype=float)
    epochs[np.isnan(epochs)] = np.inf
    order = np.lexsort((columns["target_metric"], runs))
    lower, higher = order[:-1], order[1:]
    same_run = runs[lower] == runs[higher]
    found = {workload: _Inversions([], []) for workload in workloads}
    for row in higher[same_run & (epochs[higher] < epochs[lower])].tolist():
        found[workloads[runs[row]]].falls.append(row + FIRST_ROW)
    for row in lower[same_run & (epochs[higher] > epochs[lower])].tolist():
        found[workloads[runs[row]]].rises.append(row + FIRST_ROW)
    return found


def _target_epochs_fall(table: Table) -> Iterator[Issue]:
    """In a run a harder threshold is never met earlier, and nothing is met after the first miss."""
    known = {(of.dataset, of.network, of.optimizer): of.higher_is_better for of in WORKLOADS}
    for workload, found in _inversions(table).items():
        # Of an unknown metric the direction is detected: that in which fewer pairs are out of order.
        higher_is_better = known.get(workload, len(found.falls) <= len(found.rises))
        for row in found.falls if higher_is_better else found.rises:
            yield Issue(
                Severity.ERROR, "met at an earlier epoch than an easier target metric", row, "target_epoch"
            )


def _slices_differ(table: Table) -> Iterator[Issue]:
    """Slices of a job count from 1 without gaps, and offer the same batch sizes."""
    columns = table.columns
    sizes: defaultdict[tuple[str, ...], defaultdict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    first_row: dict[tuple[tuple[str, ...], int], int] = {}
    jobs = zip(columns["dataset"], columns["network"], columns["optimizer"], strict=True)
    rows = zip(jobs, columns["slice"], columns["batch_size"], strict=True)
    for row, (job, number, size) in enumerate(rows, start=FIRST_ROW):
        sizes[job][number].add(size)
        first_row.setdefault((job, number), row)
    for job, by_slice in sizes.items():
        named = "/".join(job)
        of_job = set[int]().union(*by_slice.values())
        for expected, number in enumerate(sorted(by_slice), start=1):
            row = first_row[job, number]
            if number != expected:
                message = f"{named}: slice {expected} is missing; slices count from 1 without gaps"
                yield Issue(Severity.ERROR, message, row, "slice")
                break
            if lacking := sorted(of_job - by_slice[number]):
                which = ", ".join(map(str, lacking))
                message = f"{named}: slice {number} lacks batch size {which}, which others have"
                yield Issue(Severity.ERROR, message, row, "batch_size")


def _unclear_directions(table: Table) -> Iterator[Issue]:
    known = {(of.dataset, of.network, of.optimizer) for of in WORKLOADS}
    for workload, found in _inversions(table).items():
        if workload not in known and not found.falls and not found.rises:
            yield Issue(
                Severity.WARNING, f"{'/'.join(workload)}: cannot tell whether a higher metric is better"
            )


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
