"""The public job logs that come as CSV with a header: what their columns are called and mean."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from elastance.errors import TraceError
from elastance.traces.job_logs.records import Dropped, JobLog, JobRecord
from elastance.traces.reading import FIRST_ROW, Table, read_table
from elastance.traces.schema import CellType, Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

PHILLY = Schema(
    "Philly job",
    {"timestamp": CellType.TEXT, "duration": CellType.FINITE_FLOAT, "num_gpus": CellType.FINITE_FLOAT},
    key=(),
)
"""Microsoft's log as flattened by Pollux and Sia; timestamp is local time, duration s."""

HELIOS = Schema(
    "Helios job",
    {
        "job_id": CellType.TEXT,
        "gpu_num": CellType.FINITE_FLOAT,
        "submit_time": CellType.TEXT,
        "duration": CellType.FINITE_FLOAT,
    },
    key=("job_id",),
)
"""SenseTime's ``cluster_log.csv``; submit_time is local time, duration s without the queue."""

TIRESIAS = Schema(
    "Tiresias job",
    {
        "job_id": CellType.TEXT,
        "num_gpu": CellType.FINITE_FLOAT,
        "submit_time": CellType.FINITE_FLOAT,
        "model_name": CellType.TEXT,
        "duration": CellType.FINITE_FLOAT,
    },
    key=("job_id",),
)
"""The job lists of the simulator of Tiresias (NSDI'19); times in s."""

OPENB = Schema(
    "openb pod",
    {
        "name": CellType.TEXT,
        "num_gpu": CellType.FINITE_FLOAT,
        "gpu_milli": CellType.FINITE_FLOAT,
        "creation_time": CellType.FINITE_FLOAT,
        "deletion_time": CellType.FINITE_FLOAT,
        "scheduled_time": CellType.FINITE_FLOAT_OR_EMPTY,
    },
    key=("name",),
    optional={"gpu_spec": CellType.ANY_TEXT, "qos": CellType.ANY_TEXT},
)
"""Pods of Alibaba's gpu-v2023; gpu_milli are thousandths of each GPU, times in s."""

SIA = Schema(
    "Sia workload",
    {
        "name": CellType.TEXT,
        "time": CellType.FINITE_FLOAT,
        "application": CellType.TEXT,
        "num_replicas": CellType.POSITIVE_INT,
        "batch_size": CellType.POSITIVE_INT,
    },
    key=("name",),
)
"""The workloads of Pollux (OSDI'21) and Sia (SOSP'23); time in s, batch_size over all replicas."""


def read_philly(path: Path) -> JobLog:
    """Read Microsoft's Philly log; its jobs have no name, so they are called by their row.

    Raises:
        TraceError: The file is unusable; the message names row and column.
    """
    table = read_table(path, PHILLY)
    columns = table.columns
    submit_s = _seconds(table, "timestamp")
    names = [f"philly-{row}" for row in range(FIRST_ROW, FIRST_ROW + len(table))]
    return _log(table, names, submit_s, columns["num_gpus"], columns["duration"])


def read_helios(path: Path) -> JobLog:
    """Read one of the four cluster logs of Helios.

    Raises:
        TraceError: The file is unusable; the message names row and column.
    """
    table = read_table(path, HELIOS)
    columns = table.columns
    names = [f"helios-{job}" for job in columns["job_id"]]
    submit_s = _seconds(table, "submit_time")
    return _log(table, names, submit_s, columns["gpu_num"], columns["duration"])


def read_tiresias(path: Path) -> JobLog:
    """Read a job list of the Tiresias simulator.

    Raises:
        TraceError: The file is unusable; the message names row and column.
    """
    table = read_table(path, TIRESIAS)
    columns = table.columns
    names = [f"tiresias-{job}" for job in columns["job_id"]]
    return _log(
        table,
        names,
        columns["submit_time"],
        columns["num_gpu"],
        columns["duration"],
        application=columns["model_name"],
    )


def read_openb(path: Path) -> JobLog:
    """Read Alibaba's pods: a share of a GPU counts as a whole one; they run from being scheduled to their deletion.

    Raises:
        TraceError: The file is unusable; the message names row and column.
    """
    table = read_table(path, OPENB)
    columns = table.columns
    run_s = [
        None if start is None else end - start
        for start, end in zip(columns["scheduled_time"], columns["deletion_time"], strict=True)
    ]
    requests = zip(columns["num_gpu"], columns["gpu_milli"], strict=True)
    shares = sum(count > 0 and 0 < milli < 1000 for count, milli in requests)
    notes = [f"{shares:,} pods that asked for a share of a GPU were given a whole one"] if shares else []
    services = sum(quality == "LS" for quality in columns.get("qos", ()))
    if services:
        notes.append(
            f"{services:,} pods are latency-sensitive (qos LS), so probably no training; they are in"
        )
    specs = [_first_type(spec) for spec in columns.get("gpu_spec", [""] * len(table))]
    return _log(
        table, columns["name"], columns["creation_time"], columns["num_gpu"], run_s, gpu=specs, notes=notes
    )


def read_sia(path: Path) -> JobLog:
    """Read a workload of Pollux or Sia, which says what a job trains, but not for how long.

    Raises:
        TraceError: The file is unusable; the message names row and column.
    """
    table = read_table(path, SIA)
    columns = table.columns
    replicas: list[int] = columns["num_replicas"]
    sizes = [max(1, round(size / count)) for size, count in zip(columns["batch_size"], replicas, strict=True)]
    return _log(
        table,
        columns["name"],
        columns["time"],
        replicas,
        None,
        application=columns["application"],
        batch_size=sizes,
    )


def _log(
    table: Table,
    names: Sequence[str],
    submit_s: Sequence[float],
    gpus: Sequence[float],
    run_s: Sequence[float | None] | None,
    *,
    application: Iterable[str] | None = None,
    batch_size: Iterable[int] | None = None,
    gpu: Iterable[str | None] | None = None,
    notes: Iterable[str] = (),
) -> JobLog:
    """Make records of columns, leaving out what is no usable job."""
    _require_unique(table, names)
    nothing: list[Any] = [None] * len(table)
    rows = range(FIRST_ROW, FIRST_ROW + len(table))
    dropped: Counter[Dropped] = Counter()
    records: list[JobRecord] = []
    for row, name, at_s, count, time_s, what, size, kind in zip(
        rows,
        names,
        submit_s,
        gpus,
        nothing if run_s is None else run_s,
        application or nothing,
        batch_size or nothing,
        gpu or nothing,
        strict=True,
    ):
        if count <= 0:
            dropped[Dropped.NO_GPU] += 1
        elif run_s is not None and time_s is None:
            dropped[Dropped.NEVER_RAN] += 1
        elif run_s is not None and time_s <= 0.0:
            dropped[Dropped.NO_RUN_TIME] += 1
        elif at_s < 0.0:
            dropped[Dropped.NEGATIVE_TIME] += 1
        else:
            records.append(JobRecord(row, name, at_s, math.ceil(count), time_s, what, size, None, kind))
    return JobLog(table.path, table.sha256, len(table), tuple(records), dropped, tuple(notes))


def _require_unique(table: Table, names: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for row, name in enumerate(names, FIRST_ROW):
        if first.setdefault(name, row) != row:
            column = table.schema.key[0]
            message = f"{table.columns[column][row - FIRST_ROW]!r} stands in row {first[name]} too"
            raise TraceError(message, path=table.path, row=row, column=column)


def _seconds(table: Table, column: str) -> list[float]:
    """Read a column of local times as seconds from an arbitrary origin."""
    origin = datetime(2000, 1, 1)
    seconds: list[float] = []
    for row, text in enumerate(table.columns[column], FIRST_ROW):
        try:
            seconds.append((datetime.fromisoformat(text).replace(tzinfo=None) - origin).total_seconds())
        except ValueError:
            raise TraceError(
                f"{text!r}, expected a time such as 2017-10-09 07:01:55",
                path=table.path,
                row=row,
                column=column,
            ) from None
    return seconds


def _first_type(spec: str) -> str | None:
    """Return the GPU type of ``V100M16|V100M32``: the first that is named, without the size of its memory."""
    first = spec.split("|")[0].strip().lower()
    return {"v100m16": "v100", "v100m32": "v100"}.get(first, first) or None
