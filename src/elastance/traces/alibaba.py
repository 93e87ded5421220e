"""Make a group trace of Alibaba's GPU trace of 2020: which of its jobs recur, and which workload they stand for.

The trace says when jobs ran, not what they trained. As the authors of Zeus (NSDI'23) did with it, recurring groups
are clustered by mean run time into as many classes as there are workloads, and the classes are matched with the
workloads in order of run time. The spread of run times within a workload survives as each row's run-time ratio.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from elastance.errors import InputError, MissingExtraError, TraceError
from elastance.traces import kmeans
from elastance.traces.alibaba_tables import JOBS, TAGS, TASKS, PublishedTable, find_tables
from elastance.traces.group_table import GroupTable, WrittenGroups, check_group_path, write_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray
    from polars import DataFrame, LazyFrame


class Dropped(StrEnum):
    """Why a job of the trace is in no group; the first reason that holds counts."""

    UNTAGGED = "no group tag"
    NO_GPU = "planned without a GPU"
    UNFINISHED = "not finished successfully"
    NO_TIMES = "no start or no end time"
    NO_RUN_TIME = "ended no later than it started"
    SINGLE = "alone in its group"


@dataclass(frozen=True)
class RunTimeClass:
    """One class of groups and the workload it stands for.

    Attributes:
        workload: Its name.
        default_run_time_s: What the order of the workloads went by, s.
        centre_s: Geometric mean of the groups' mean run times, s.
        shortest_s, longest_s: Least and largest mean run time of a group of the class, s.
    """

    workload: str
    default_run_time_s: float
    centre_s: float
    shortest_s: float
    longest_s: float


@dataclass(frozen=True)
class AlibabaImport:
    """What was made of the trace, and what was dropped.

    Attributes:
        written: The group file.
        jobs: Rows of the trace's job table.
        dropped: Jobs that are in no group, by reason.
        classes: One per workload, in ascending order of run time.
    """

    written: WrittenGroups
    jobs: int
    dropped: Mapping[Dropped, int]
    classes: tuple[RunTimeClass, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return self.written.to_json() | {
            "jobs": self.jobs,
            "dropped": {reason.name.lower(): count for reason, count in self.dropped.items()},
            "classes": [vars(of_class) for of_class in self.classes],
        }


def import_alibaba(
    directory: Path,
    output: Path,
    default_run_times_s: Mapping[str, float],
    on_progress: Callable[[int, int], None] | None = None,
) -> AlibabaImport:
    """Write a group trace made of the tables in `directory`, and a manifest that says what was dropped.

    Args:
        directory: The user's copy of pai_job_table, pai_task_table and pai_group_tag_table.
        output: Where to; ends in one of `elastance.traces.reading.SUFFIXES`.
        default_run_times_s: Workload to the run time of its default job, s; only their order matters.
        on_progress: Called with (rows written, rows).

    Raises:
        TraceError: A table is missing, truncated or malformed, or has too few recurring groups.
        InputError: The output cannot be written.
        MissingExtraError: polars is not installed.
    """
    if find_spec("polars") is None:
        raise MissingExtraError("importing the Alibaba trace", "parquet")
    check_group_path(output)
    with tempfile.TemporaryDirectory(prefix="elastance-") as scratch:
        tables = find_tables(directory, Path(scratch), JOBS, TASKS, TAGS)
        submissions = _submissions(directory, tables)
    jobs = len(submissions)
    submissions, dropped = _recurring(submissions)
    if not len(submissions):
        reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count)
        raise TraceError(f"no recurring group: of {jobs} jobs, {reasons}", path=directory)
    table, classes = _classified(directory, submissions, default_run_times_s)
    manifest = {
        "synthetic": False,
        "made_by": "elastance data import alibaba-2020",
        "tables": {of.path.name: of.sha256 for of in tables},
        "jobs": jobs,
        "dropped": {reason.name.lower(): count for reason, count in dropped.items()},
        "classes": [vars(of_class) for of_class in classes],
    }
    written = write_groups(output, table, manifest, on_progress)
    return AlibabaImport(written, jobs, dropped, classes)


def _submissions(directory: Path, tables: Sequence[PublishedTable]) -> DataFrame:
    """Return group, start_ms, end_ms and (where there is one) the reason to drop it, of every job."""
    import polars

    try:
        return _query(*(table.scan() for table in tables)).collect(engine="streaming")
    except polars.exceptions.PolarsError as error:
        reason = shorten(str(error).split("\n\n")[0], 200)
        raise TraceError(f"a table is malformed: {reason}", path=directory) from None


def _query(jobs: LazyFrame, tasks: LazyFrame, tags: LazyFrame) -> LazyFrame:
    from polars import col, lit, when

    on_gpus = tasks.filter(col("plan_gpu") > 0).select("job_name", on_gpu=lit(True)).unique()
    # Should a job have two tags, the lesser is taken: whatever the order of the rows, the result is the same.
    tag = tags.drop_nulls().group_by("inst_id", "user").agg(col("group").min())
    joined = jobs.join(tag, on=["inst_id", "user"], how="left").join(on_gpus, on="job_name", how="left")
    start, end = ((col(name) * 1000).round().cast(int, strict=False) for name in ("start_time", "end_time"))
    # The publisher's own analysis, too, takes a time of zero for one that is not known.
    known = (col("start_time") > 0).fill_null(False) & (col("end_time") > 0).fill_null(False)
    reason = (
        when(col("group").is_null()).then(lit(Dropped.UNTAGGED.value))
        .when(col("on_gpu").is_null()).then(lit(Dropped.NO_GPU.value))
        .when((col("status") != "Terminated").fill_null(True)).then(lit(Dropped.UNFINISHED.value))
        .when(~known).then(lit(Dropped.NO_TIMES.value))
        .when(end <= start).then(lit(Dropped.NO_RUN_TIME.value))
    )  # fmt: skip
    return joined.select("group", start_ms=start, end_ms=end, reason=reason)


def _recurring(submissions: DataFrame) -> tuple[DataFrame, dict[Dropped, int]]:
    """Return the rows of recurring groups, sorted by group and start, and how many were dropped for which reason."""
    from polars import col
    from polars import len as count

    counted = dict(submissions.group_by("reason").len().iter_rows())
    usable = submissions.filter(col("reason").is_null()).drop("reason")
    kept = usable.filter(count().over("group") > 1).sort("group", "start_ms", "end_ms")
    dropped = {reason: counted.get(reason.value, 0) for reason in Dropped}
    dropped[Dropped.SINGLE] = len(usable) - len(kept)
    return kept, dropped


def _classified(
    directory: Path, submissions: DataFrame, default_run_times_s: Mapping[str, float]
) -> tuple[GroupTable, tuple[RunTimeClass, ...]]:
    """Cluster the groups by mean run time and match the classes with the workloads, both in ascending order."""
    of_group = submissions.group_by("group", maintain_order=True).len()
    counts = of_group["len"].to_numpy().astype(np.int64)
    start_ms, end_ms = (submissions[name].to_numpy() for name in ("start_ms", "end_ms"))
    firsts = np.cumsum(counts) - counts
    means_s: NDArray[np.float64] = np.add.reduceat(end_ms - start_ms, firsts) / counts / 1000
    workloads = sorted(default_run_times_s, key=lambda name: default_run_times_s[name])
    try:
        clustering = kmeans.cluster(np.log(means_s), len(workloads))
    except InputError:
        raise TraceError(
            f"{len(counts)} recurring group(s) with {len(np.unique(means_s))} distinct mean run time(s), too few "
            f"for {len(workloads)} workloads; name fewer with --workloads",
            path=directory,
        ) from None
    labels: list[int] = clustering.labels.tolist()
    datasets = [workloads[label] for label in labels]
    table = GroupTable(of_group["group"].to_list(), datasets, counts, start_ms, end_ms)
    members = [means_s[clustering.labels == label] for label in range(len(workloads))]
    classes = tuple(
        RunTimeClass(name, default_run_times_s[name], float(np.exp(centre)), float(of.min()), float(of.max()))
        for name, centre, of in zip(workloads, clustering.centres, members, strict=True)
    )
    return table, classes
