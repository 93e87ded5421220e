"""Groups of submissions as columns, and how they are written: in the published schema, with a manifest beside."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from elastance.errors import InputError, MissingExtraError
from elastance.files import check_writable, replacing
from elastance.traces.reading import SUFFIXES
from elastance.traces.schema import GROUP
from elastance.traces.text_files import open_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

ROWS_AT_A_TIME = 20_000
"""Rows turned into text at a time, so that memory does not grow with the file."""


@dataclass(frozen=True)
class WorkloadShare:
    """What a group table holds of one workload.

    Attributes:
        dataset: The workload's dataset.
        groups: Number of groups.
        rows: Number of submissions.
        overlapping: Submissions that start while another of their group is running.
        mean_runtime_s: Mean run time of a submission, s.
    """

    dataset: str
    groups: int
    rows: int
    overlapping: int
    mean_runtime_s: float

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "workload": self.dataset,
            "groups": self.groups,
            "rows": self.rows,
            "overlapping_rows": self.overlapping,
            "mean_runtime_s": self.mean_runtime_s,
        }


@dataclass(frozen=True)
class GroupTable:
    """Groups of submissions; rows lie group after group, those of a group in order of their start.

    Times are whole milliseconds, so that sums are exact and what is written is what was computed.

    Attributes:
        names: Name of each group.
        datasets: The workload each group is a job of, one per group.
        counts: Submissions of each group, at least 1; shape (groups,).
        start_ms, end_ms: When each submission started and ended, from an arbitrary origin, ms; shape (rows,).
    """

    names: Sequence[str]
    datasets: Sequence[str]
    counts: NDArray[np.int64]
    start_ms: NDArray[np.int64]
    end_ms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start_ms)

    @cached_property
    def group_of_row(self) -> NDArray[np.int64]:
        """Position of each row's group in `names`; shape (rows,)."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def runtime_ms(self) -> NDArray[np.int64]:
        """Run time of each submission, ms; shape (rows,)."""
        return self.end_ms - self.start_ms

    @property
    def runtime_ratio(self) -> NDArray[np.float64]:
        """Run time over the mean run time of all rows of the same dataset, as published; shape (rows,)."""
        means_ms = {share.dataset: 1000 * share.mean_runtime_s for share in self.shares}
        of_group = np.array([means_ms[dataset] for dataset in self.datasets])
        return self.runtime_ms / of_group[self.group_of_row]

    @property
    def overlapping(self) -> NDArray[np.bool_]:
        """Whether each submission starts while another of its group is running; shape (rows,)."""
        return find_overlapping(self.group_of_row, self.start_ms, self.end_ms)

    @cached_property
    def shares(self) -> tuple[WorkloadShare, ...]:
        """What the table holds of each workload, in order of first appearance."""
        known = list(dict.fromkeys(self.datasets))
        position = {dataset: index for index, dataset in enumerate(known)}
        of_group = np.array([position[dataset] for dataset in self.datasets])
        of_row = of_group[self.group_of_row]
        groups = np.bincount(of_group)
        rows = np.bincount(of_row)
        overlapping = np.bincount(of_row[self.overlapping], minlength=len(known))
        means_s = np.bincount(of_row, weights=self.runtime_ms) / rows / 1000
        columns = (groups.tolist(), rows.tolist(), overlapping.tolist(), means_s.tolist())
        return tuple(WorkloadShare(*row) for row in zip(known, *columns, strict=True))

    def batches(self) -> Iterator[list[tuple[str, float, float, str, float]]]:
        """Yield the rows of the published schema, some thousands at a time."""
        ratios = self.runtime_ratio
        for first in range(0, len(self), ROWS_AT_A_TIME):
            some = slice(first, first + ROWS_AT_A_TIME)
            groups: list[int] = self.group_of_row[some].tolist()
            columns = (
                [self.names[group] for group in groups],
                (self.start_ms[some] / 1000).tolist(),
                (self.end_ms[some] / 1000).tolist(),
                [self.datasets[group] for group in groups],
                ratios[some].tolist(),
            )
            yield list(zip(*columns, strict=True))


def find_overlapping(
    group: NDArray[np.int64],
    start: NDArray[np.int64] | NDArray[np.float64],
    end: NDArray[np.int64] | NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Tell of each row whether it starts while an earlier one of its group is running.

    Args:
        group: Number of each row's group; rows lie group after group, those of a group in order of their start.
        start: When each began.
        end: When each ended. All three and the answer are of shape (rows,).
    """
    rows = len(group)
    by_end = np.argsort(end, kind="stable")
    rank = np.empty(rows, dtype=np.int64)
    rank[by_end] = np.arange(rows)
    # Ranks shifted by group: their running maximum starts anew with every group.
    latest = np.maximum.accumulate(group * rows + rank)
    latest_end = end[by_end[latest[:-1] % rows]]
    found = np.zeros(rows, dtype=np.bool_)
    found[1:] = (group[1:] == group[:-1]) & (latest_end > start[1:])
    return found


@dataclass(frozen=True)
class WrittenGroups:
    """A group file that was written.

    Attributes:
        path: The file.
        manifest: What lies beside it and says where it comes from.
        sha256: Digest of the file's bytes, hexadecimal.
        table: Its content.
    """

    path: Path
    manifest: Path
    sha256: str
    table: GroupTable

    def to_json(self) -> dict[str, Any]:
        """Return plain values, without the rows."""
        return {
            "path": str(self.path),
            "manifest": str(self.manifest),
            "sha256": self.sha256,
            "groups": len(self.table.names),
            "rows": len(self.table),
            "workloads": [share.to_json() for share in self.table.shares],
        }


def check_group_path(path: Path) -> Path:
    """Return `path` if a group file could be written there.

    Raises:
        InputError: Its name has an unknown ending, or it cannot be written to.
        MissingExtraError: It is to be Parquet, and polars is not installed.
    """
    if not path.name.endswith(SUFFIXES):
        raise InputError(f"{path}: the name must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    if path.suffix == ".parquet" and find_spec("polars") is None:
        raise MissingExtraError(f"{path}: writing Parquet", "parquet")
    return check_writable(path)


def write_groups(
    path: Path,
    table: GroupTable,
    manifest: dict[str, Any],
    on_progress: Callable[[int, int], None] | None = None,
) -> WrittenGroups:
    """Write `table` in the published schema, compressed as the ending of `path` says, and its manifest.

    The manifest is called as the file with ``.manifest.json`` added. Same table, same bytes.

    Args:
        path: Where to; ends in one of `elastance.traces.reading.SUFFIXES`.
        table: The groups.
        manifest: Where they come from; rows, groups and the file's SHA-256 are added.
        on_progress: Called with (rows written, rows).

    Raises:
        InputError: `path` cannot be written to, or has an unknown ending.
    """
    check_group_path(path)
    beside = path.with_name(f"{path.name}.manifest.json")
    # The manifest takes its place before the file: the file never lies there without it.
    with replacing(path) as temporary:
        if path.suffix == ".parquet":
            _write_parquet(temporary, table)
        else:
            _write_csv(temporary, table, on_progress)
        with temporary.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        document = manifest | {"groups": len(table.names), "rows": len(table), "sha256": sha256}
        with replacing(beside) as other:
            other.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", "utf-8")
    return WrittenGroups(path, beside, sha256, table)


def _write_csv(path: Path, table: GroupTable, on_progress: Callable[[int, int], None] | None) -> None:
    with open_text(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(GROUP.columns)
        done = 0
        for rows in table.batches():
            writer.writerows(rows)
            done += len(rows)
            if on_progress is not None:
                on_progress(done, len(table))


def _write_parquet(path: Path, table: GroupTable) -> None:
    import polars

    group = polars.Series(table.group_of_row)
    columns = (
        polars.Series(table.names)[group],
        table.start_ms / 1000,
        table.end_ms / 1000,
        polars.Series(table.datasets)[group],
        table.runtime_ratio,
    )
    polars.DataFrame(dict(zip(GROUP.columns, columns, strict=True))).write_parquet(path)
