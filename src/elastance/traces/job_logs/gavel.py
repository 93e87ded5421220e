"""Gavel's traces (OSDI'20) and the throughputs measured for their job types.

A job type such as ``ResNet-18 (batch size 64)`` is an application of its own here: Gavel measured each by itself, and
in some of them a larger batch takes *less* time, which no line through the sizes could say. Steps of a job on several
GPUs are counted over all of them, so one step is the micro-batch of one GPU.
"""

from __future__ import annotations

import hashlib
import json
import re
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elastance.errors import TraceError
from elastance.files import check_writable, replacing
from elastance.traces.job_logs.records import Dropped, JobLog, JobRecord
from elastance.traces.reading import read_table, read_text
from elastance.traces.schema import CellType, Schema

if TYPE_CHECKING:
    from pathlib import Path

THROUGHPUTS = Schema(
    "Gavel throughput",
    {
        "job_type": CellType.TEXT,
        "gpus": CellType.POSITIVE_INT,
        "gpu_type": CellType.TEXT,
        "steps_per_s": CellType.FINITE_FLOAT,
    },
    key=("job_type", "gpus", "gpu_type"),
)
"""Isolated runs of ``simulation_throughputs.json``; 0 stands for not measured, or out of memory."""

TRACE_COLUMNS = 10
"""Job type, command, directory, steps flag, needs data, total steps, GPUs, priority, SLO, arrival (s)."""

SCATTERED = "_unconsolidated"
"""Ends the GPU type of a row whose GPUs were spread over machines."""


@dataclass(frozen=True)
class GavelStepTimes:
    """A ``step_times.json`` that was written.

    Attributes:
        path: The file.
        manifest: The file beside it that says where it comes from.
        sha256: Digest of the file's bytes, hexadecimal.
        document: What the manifest holds.
    """

    path: Path
    manifest: Path
    sha256: str
    document: dict[str, Any]


def job_batch_size(job_type: str) -> int | None:
    """Return the batch size that a job type names; None for A3C and CycleGAN, which name none."""
    named = re.search(r"\(batch size (\d+)\)$", job_type)
    return int(named[1]) if named and int(named[1]) > 0 else None


def read_gavel(path: Path) -> JobLog:
    """Read a trace of Gavel: tab-separated, no header.

    Raises:
        TraceError: The file is unusable; the message names the row.
    """
    text, sha256 = read_text(path)
    if not text.endswith("\n"):
        raise TraceError("the last line has no line end: the file was probably cut off", path=path)
    dropped: Counter[Dropped] = Counter()
    records: list[JobRecord] = []
    lines = [(row, line) for row, line in enumerate(text.splitlines(), 1) if line.strip()]
    unsized = 0
    for row, line in lines:
        record, reason = _record(path, row, line.split("\t"))
        if reason is not None:
            dropped[reason] += 1
            continue
        records.append(record)
        unsized += job_batch_size(record.application or "") is None
    notes = [f"{unsized} jobs name no batch size; their samples are counted in steps"] if unsized else []
    return JobLog(path, sha256, len(lines), tuple(records), dropped, tuple(notes))


def _record(path: Path, row: int, cells: list[str]) -> tuple[JobRecord, Dropped | None]:
    if len(cells) != TRACE_COLUMNS:
        raise TraceError(
            f"{len(cells)} cells separated by tabs where a trace of Gavel has {TRACE_COLUMNS}",
            path=path,
            row=row,
        )
    job_type = cells[0].strip()
    try:
        steps, gpus, arrival_s = float(cells[5]), int(cells[6]), float(cells[9])
        if not (abs(steps) < float("inf") and abs(arrival_s) < float("inf") and job_type):
            raise ValueError  # noqa: TRY301 (told with the others)
    except ValueError:
        raise TraceError(
            f"total steps {cells[5]!r}, GPUs {cells[6]!r} and arrival {cells[9].strip()!r}: expected numbers",
            path=path,
            row=row,
        ) from None
    size = job_batch_size(job_type) or 1
    record = JobRecord(
        row, f"gavel-{row}", arrival_s, gpus, None, job_type, batch_size=size, samples=steps * size
    )
    if gpus <= 0:
        return record, Dropped.NO_GPU
    if steps <= 0:
        return record, Dropped.NO_RUN_TIME
    return record, Dropped.NEGATIVE_TIME if arrival_s < 0 else None


def import_gavel_throughputs(path: Path, output: Path) -> GavelStepTimes:
    """Write Gavel's throughputs on one GPU as step times, and a manifest that says what they leave out.

    Raises:
        TraceError: The file is unusable; the message names row and column.
        InputError: The output cannot be written.
    """
    check_writable(output)
    table = read_table(path, THROUGHPUTS)
    columns = table.columns
    rates: defaultdict[str, dict[tuple[str, int], float]] = defaultdict(dict)
    rows = zip(columns["job_type"], columns["gpu_type"], columns["gpus"], columns["steps_per_s"], strict=True)
    unmeasured = scattered = 0
    for number, (job_type, gpu, gpus, rate) in enumerate(rows, 2):
        if rate < 0:
            raise TraceError(f"{rate:g} is negative", path=path, row=number, column="steps_per_s")
        if gpu.endswith(SCATTERED):
            scattered += 1
        elif rate == 0:
            unmeasured += 1
        else:
            rates[job_type][gpu.lower(), gpus] = rate
    alone = {
        job_type: {gpu: 1.0 / rate for (gpu, gpus), rate in sorted(of.items()) if gpus == 1}
        for job_type, of in sorted(rates.items())
    }
    points = {
        job_type: {str(job_batch_size(job_type) or 1): times} for job_type, times in alone.items() if times
    }
    if not points:
        raise TraceError("no job type was measured on one GPU", path=path)
    content = (json.dumps(points, indent=1) + "\n").encode()
    sha256 = hashlib.sha256(content).hexdigest()
    document: dict[str, Any] = {
        "synthetic": False,
        "made_by": "elastance data import gavel-throughputs",
        "source": {"file": path.name, "sha256": table.sha256, "origin": ORIGIN, "licence": LICENCE},
        "rows": len(table),
        "left_out": {"unconsolidated": scattered, "not measured": unmeasured},
        "applications": len(points),
        "gpus": sorted({gpu for times in alone.values() for gpu in times}),
        "scaling": _scaling(rates),
        "sha256": sha256,
    }
    beside = output.with_name(f"{output.name}.manifest.json")
    with replacing(output) as temporary:
        temporary.write_bytes(content)
        with replacing(beside) as other:
            other.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", "utf-8")
    return GavelStepTimes(output, beside, sha256, document)


ORIGIN = "stanford-futuredata/gavel, scheduler/simulation_throughputs.json"
LICENCE = "MIT"


def _scaling(rates: dict[str, dict[tuple[str, int], float]]) -> dict[str, dict[str, float]]:
    """Return what several GPUs reach of as many times one: GPU type to number of GPUs to the median over job types.

    A simulation by the times of one GPU takes this for 1: communication costs nothing there.
    """
    shares: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
    for of in rates.values():
        for (gpu, gpus), rate in of.items():
            if gpus > 1 and (gpu, 1) in of:
                shares[gpu, gpus].append(rate / (gpus * of[gpu, 1]))
    table: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for (gpu, gpus), values in sorted(shares.items()):
        table[gpu][str(gpus)] = round(statistics.median(values), 3)
    return dict(table)
