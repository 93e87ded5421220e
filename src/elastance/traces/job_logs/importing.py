"""Make a cluster trace of a public job log, and say what was assumed and what was left out."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from elastance.errors import InputError, TraceError, UnknownNameError
from elastance.files import check_writable, replacing
from elastance.traces.cluster import ClusterJob
from elastance.traces.job_logs.applications import (
    CLASSES,
    SIA_CLASSES,
    class_of,
    may_mix,
    middle_batch_size,
)
from elastance.traces.job_logs.gpu_mix import GpuMix
from elastance.traces.job_logs.known import find_log
from elastance.traces.job_logs.selection import Selection, select
from elastance.traces.schema import CLUSTER
from elastance.traces.text_files import CSV_SUFFIXES, open_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from elastance.traces.job_logs.known import KnownLog
    from elastance.traces.job_logs.records import Dropped, JobRecord
    from elastance.traces.job_logs.selection import Selected
    from elastance.traces.step_times import StepTimes


@dataclass(frozen=True)
class ApplicationShare:
    """What a cluster trace holds of one application.

    Attributes:
        application: Its name.
        jobs: How many.
        gpu_hours: GPU time of them, each alone on its preferred type.
        may_mix_types: Whether they may mix GPU types.
    """

    application: str
    jobs: int
    gpu_hours: float
    may_mix_types: bool


@dataclass(frozen=True)
class ClusterImport:
    """What was made of a job log.

    Attributes:
        path: The cluster trace.
        manifest: The file beside it that says where it comes from.
        sha256: Digest of the trace's bytes, hexadecimal.
        rows: Rows of the log.
        dropped: Rows that are no job of the trace, by reason.
        jobs: What was written, in order of submission.
        shares: By application, the most GPU hours first.
        notes: What was assumed, or read differently from how it stands there; a line each.
        document: What the manifest holds.
    """

    path: Path
    manifest: Path
    sha256: str
    rows: int
    dropped: Mapping[Dropped, int]
    jobs: tuple[ClusterJob, ...]
    shares: tuple[ApplicationShare, ...]
    notes: tuple[str, ...]
    document: Mapping[str, Any]

    @property
    def span_s(self) -> float:
        """Time from the first submission to the last, s."""
        return self.jobs[-1].submit_s - self.jobs[0].submit_s

    @property
    def gpu_hours(self) -> float:
        """GPU time of all jobs, each alone on its preferred type."""
        return sum(of.gpu_hours for of in self.shares)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, without the jobs."""
        return {"path": str(self.path), "manifest": str(self.manifest), **self.document}


@dataclass(frozen=True)
class _JobMaker:
    """Turns records of one log into jobs."""

    log: KnownLog
    times: StepTimes
    gpu_hours: Mapping[str, float]

    def make(self, record: JobRecord, workers: int, gpu: str, draw: float) -> tuple[ClusterJob, float]:
        """Return the job and its GPU time, s; `draw`, in [0, 1), chooses among equal stand-ins.

        Raises:
            UnknownNameError: The log's application has no stand-in, or that no step times on `gpu`.
        """
        application, gpu_s = self._application(record, draw), self._gpu_s(record)
        size = record.batch_size or middle_batch_size(application)
        preferred = record.gpu if record.gpu in self._gpus else gpu
        step_s = self.times.step_s(application, size, preferred)
        samples = record.samples or gpu_s / step_s * size
        job = ClusterJob(
            name=record.name,
            submit_s=record.submit_s,
            application=application,
            logical_workers=workers,
            batch_size=size,
            samples=samples,
            may_mix_types=may_mix(application),
            preferred_gpu=preferred,
        )
        return job, samples / size * step_s

    def _application(self, record: JobRecord, draw: float) -> str:
        if record.application is None:
            among = class_of(self._gpu_s(record)).applications
            return among[int(draw * len(among))]
        if self.log.stand_ins is None:
            return record.application
        if record.application not in self.log.stand_ins:
            raise UnknownNameError(f"application of {self.log.name}", record.application, self.log.stand_ins)
        return self.log.stand_ins[record.application]

    def _gpu_s(self, record: JobRecord) -> float:
        if record.run_s is not None:
            return record.run_s * record.gpus
        known = SIA_CLASSES.get(record.application or "")
        return 0.0 if known is None else self.gpu_hours[known] * 3600.0

    @cached_property
    def _gpus(self) -> frozenset[str]:
        return frozenset(gpu for of in self.times.points.values() for size in of.values() for gpu in size)


def import_jobs(
    name: str,
    path: Path,
    output: Path,
    times: StepTimes,
    *,
    selection: Selection | None = None,
    preferred: str = "v100",
    gpu_hours: Mapping[str, float] | None = None,
    seed: int = 0,
) -> ClusterImport:
    """Write a cluster trace made of a public job log, and a manifest that says what was assumed and left out.

    Args:
        name: Which log: one of `elastance.traces.job_logs.LOGS`.
        path: The user's copy of it.
        output: Where to; ends in one of `elastance.traces.text_files.CSV_SUFFIXES`.
        times: Step times; they turn the time a job took into the samples that take it as long.
        selection: Which jobs; by default all.
        preferred: GPU type the jobs are written for, or several with weights: ``v100=3,t4=1``.
        gpu_hours: Class of GPU time to the GPU hours of a job whose run time the log does not say.
        seed: Of what is drawn: stand-ins within a class, preferred types, a random sample.

    Raises:
        TraceError: The log cannot be used, or no job is left; the message names row and column.
        InputError: An option makes no sense, or the output cannot be written.
    """
    known = find_log(name)
    if not output.name.endswith(CSV_SUFFIXES):
        raise InputError(
            f"{output}: the name must end in {', '.join(CSV_SUFFIXES[:-1])} or {CSV_SUFFIXES[-1]}"
        )
    check_writable(output)
    if seed < 0:
        raise InputError(f"seed {seed} is negative; seeds are whole numbers from 0")
    mix = GpuMix.parse(preferred)
    which = Selection() if selection is None else selection
    sampling, drawing = np.random.default_rng(seed).spawn(2)
    log = known.read(path)
    selected = select(log.records, which, sampling)
    dropped = Counter(log.dropped) + Counter(selected.dropped)
    if not selected.records:
        named = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items())
        raise TraceError(f"no job is left: of {log.rows:,} rows, {named}", path=path)
    hours = {of.name: of.typical_h for of in CLASSES} | dict(gpu_hours or {})
    jobs, gpu_s = _made(path, _JobMaker(known, times, hours), selected, mix, drawing)
    notes = (*log.notes, *_assumed(known, selected, mix, hours))
    shares = _shares(jobs, gpu_s)
    document: dict[str, Any] = {
        "synthetic": False,
        "made_by": f"elastance data import {name}",
        "source": {"file": path.name, "sha256": log.sha256, "origin": known.origin, "licence": known.licence},
        "step_times": times.source.to_json(),
        "selection": {key: value if value != float("inf") else None for key, value in asdict(which).items()},
        "preferred": str(mix),
        "seed": seed,
        "rows": log.rows,
        "jobs": len(jobs),
        "dropped": {reason.name.lower(): count for reason, count in dropped.items()},
        "capped": selected.capped,
        "span_s": jobs[-1].submit_s - jobs[0].submit_s,
        "gpu_hours": sum(gpu_s) / 3600.0,
        "largest": max(job.logical_workers for job in jobs),
        "applications": [vars(of) for of in shares],
        "notes": list(notes),
    }
    manifest, sha256 = _write(output, jobs, document)
    return ClusterImport(output, manifest, sha256, log.rows, dropped, jobs, shares, notes, document)


def _made(
    path: Path, maker: _JobMaker, selected: Selected, mix: GpuMix, rng: np.random.Generator
) -> tuple[tuple[ClusterJob, ...], list[float]]:
    draws: list[list[float]] = rng.random((len(selected.records), 2)).tolist()
    jobs: list[ClusterJob] = []
    gpu_s: list[float] = []
    for record, workers, draw in zip(selected.records, selected.workers, draws, strict=True):
        try:
            job, takes_s = maker.make(record, workers, mix.pick(draw[1]), draw[0])
        except InputError as error:
            hint = (
                "; --traces names a folder with theirs, which `elastance data import gavel-throughputs` makes"
            )
            raise TraceError(
                f"{error}{hint if maker.log.name == 'gavel' else ''}", path=path, row=record.row
            ) from None
        jobs.append(job)
        gpu_s.append(takes_s)
    return tuple(jobs), gpu_s


def _assumed(known: KnownLog, selected: Selected, mix: GpuMix, hours: Mapping[str, float]) -> list[str]:
    lines = list(known.assumed)
    if any(record.run_s is None and record.samples is None for record in selected.records):
        lines.append("GPU hours: " + ", ".join(f"{name} {value:g}" for name, value in hours.items()))
    lines.append(f"GPU type that jobs are written for: {mix}, as --preferred says")
    if selected.capped:
        lines.append(
            f"{selected.capped:,} jobs on more GPUs than --max-workers do the same work on that many"
        )
    return lines


def _shares(jobs: tuple[ClusterJob, ...], gpu_s: list[float]) -> tuple[ApplicationShare, ...]:
    counts = Counter(job.application for job in jobs)
    totals_s = dict.fromkeys(counts, 0.0)
    for job, takes_s in zip(jobs, gpu_s, strict=True):
        totals_s[job.application] += takes_s
    return tuple(
        ApplicationShare(name, counts[name], totals_s[name] / 3600.0, may_mix(name))
        for name in sorted(totals_s, key=lambda name: -totals_s[name])
    )


def _write(path: Path, jobs: tuple[ClusterJob, ...], document: dict[str, Any]) -> tuple[Path, str]:
    """Write jobs and manifest; the manifest takes its place first, so the file never lies there without it."""
    beside = path.with_name(f"{path.name}.manifest.json")
    with replacing(path) as temporary:
        with open_text(temporary) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(CLUSTER.columns)
            for job in jobs:
                cells = vars(job) | {"may_mix_types": "yes" if job.may_mix_types else "no"}
                writer.writerow([cells[column] for column in CLUSTER.columns])
        with temporary.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        document["sha256"] = sha256
        with replacing(beside) as other:
            other.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", "utf-8")
    return beside, sha256
