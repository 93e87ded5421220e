"""Jobs of a cluster, read from a cluster trace or from the workload published with EasyScale."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elastance.runs import Provenance
from elastance.traces.checks import YES_OR_NO, require_usable
from elastance.traces.published_workload import is_published_workload, read_published_rows
from elastance.traces.reading import FIRST_ROW, read_table
from elastance.traces.schema import CLUSTER, SYNTHETIC_PREFIX

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class ClusterJob:
    """One job: data-parallel training by a fixed number of logical workers, on however many GPUs it is given.

    Attributes:
        name: Unique in its workload.
        submit_s: When it is submitted, s from the start of the trace.
        application: What it trains; see `elastance.traces.StepTimes`.
        logical_workers: How many; they share the job's GPUs (maxP in EasyScale).
        batch_size: Samples per micro-batch of one logical worker.
        samples: Samples to train on, over all epochs.
        may_mix_types: Whether its logical workers may run on different GPU types at once (D2 in EasyScale).
        preferred_gpu: GPU type it is written for; the only one it may use unless it may mix types.
        min_gpus: GPUs it waits for before it starts, where the scheduler is elastic.
    """

    name: str
    submit_s: float
    application: str
    logical_workers: int
    batch_size: int
    samples: float
    may_mix_types: bool
    preferred_gpu: str
    min_gpus: int = 1

    @property
    def steps(self) -> float:
        """Optimizer steps to train; each takes one micro-batch of every logical worker."""
        return self.samples / (self.batch_size * self.logical_workers)


@dataclass(frozen=True)
class ClusterWorkload:
    """The jobs of one file.

    Attributes:
        path: The file.
        sha256: Digest of its bytes, hexadecimal.
        provenance: ``"model"`` if any job was made up, by its name; else ``"trace"``.
        jobs: In file order, which need not be that of submission.
        irregularities: What is odd about the file and how it was read all the same, or what its import
            assumed; a line each.
        rows: Line of each job in the file; empty where a job may stand on several.
    """

    path: Path
    sha256: str
    provenance: Provenance
    jobs: tuple[ClusterJob, ...]
    irregularities: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        kind = "synthetic jobs" if self.provenance is Provenance.MODEL else "jobs"
        return f"{kind} in {self.path} (sha256 {self.sha256[:12]})"


def read_cluster(path: Path) -> ClusterWorkload:
    """Read jobs of a cluster: a cluster trace (CSV, plain or compressed, or Parquet) or the published workload.

    Raises:
        TraceError: The file cannot be read or makes no sense; the message names row and column.
        UnknownNameError: The published workload's format with an application that is not one of its own.
    """
    if is_published_workload(path):
        published = read_published_rows(path)
        jobs = tuple(
            ClusterJob(
                name=row.name,
                submit_s=row.time_s,
                application=row.application,
                logical_workers=row.max_parallelism,
                batch_size=row.batch_size,
                samples=row.samples,
                may_mix_types=row.may_mix_types,
                preferred_gpu=row.preferred_gpu,
            )
            for row in published.rows
        )
        return ClusterWorkload(path, published.sha256, _provenance(jobs), jobs, published.irregularities)
    table = require_usable(read_table(path, CLUSTER))
    columns = table.columns
    fewest = columns.get("min_gpus", [1] * len(table))
    jobs = tuple(
        ClusterJob(
            name=columns["name"][row],
            submit_s=columns["submit_s"][row],
            application=columns["application"][row],
            logical_workers=columns["logical_workers"][row],
            batch_size=columns["batch_size"][row],
            samples=columns["samples"][row],
            may_mix_types=YES_OR_NO[columns["may_mix_types"][row].lower()],
            preferred_gpu=columns["preferred_gpu"][row].lower(),
            min_gpus=fewest[row],
        )
        for row in range(len(table))
    )
    notes = _notes(path, table.sha256)
    rows = tuple(range(FIRST_ROW, FIRST_ROW + len(table)))
    return ClusterWorkload(path, table.sha256, _provenance(jobs), jobs, notes, rows)


def _notes(path: Path, sha256: str) -> tuple[str, ...]:
    """Return what the manifest beside the file says of how it was made, if it is about these very bytes."""
    try:
        manifest = json.loads(path.with_name(f"{path.name}.manifest.json").read_bytes())
        if manifest["sha256"] != sha256:
            return ()
        return (
            f"made by {manifest['made_by']} of {manifest['source']['file']}",
            *map(str, manifest["notes"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return ()  # made by hand, or not by an import: there is nothing to add


def _provenance(jobs: tuple[ClusterJob, ...]) -> Provenance:
    made_up = any(job.name.startswith(SYNTHETIC_PREFIX) for job in jobs)
    return Provenance.MODEL if made_up else Provenance.TRACE
