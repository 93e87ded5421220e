"""From names to what a simulation needs; what is wrong with them is said before anything is computed."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from os import PathLike
from typing import TYPE_CHECKING

from elastance.catalog import Workload, find_workload
from elastance.errors import InputError
from elastance.job import Job
from elastance.policies import find_policy
from elastance.traces import find_source, read_drift

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from elastance.traces import DriftTrace, JobFacts, TraceSource


def opened_source(traces: Path | str | TraceSource | None) -> TraceSource:
    """Return the source of facts: the one given, or the one found at a directory or by default."""
    return find_source(traces) if traces is None or isinstance(traces, str | PathLike) else traces


DRIFT_WINDOW = 10
"""Window with which the published policy ran on drifting data (Zeus, NSDI'23, section 6.4)."""


def opened_drift(drift: Path | str | DriftTrace, *, compat: bool) -> DriftTrace:
    """Return the drift trace given, or the one in a file.

    Raises:
        InputError: It cannot be used, or the published simulator is to be replayed, which knows no such traces.
    """
    if compat:
        raise InputError("the published simulator knows no drift traces: give up --compat or --drift")
    return read_drift(drift) if isinstance(drift, str | PathLike) else drift


def slices_and_job(
    source: TraceSource, drift: DriftTrace, job: Job | Workload | str | None, gpu: str
) -> tuple[tuple[JobFacts, ...], Job]:
    """Look up the job on every slice; time and power are the source's.

    Raises:
        ElastanceError: There are no facts about the job on this GPU or slice, or no batch size fits.
    """
    power, provenance = source.power(gpu), source.record(gpu, train=False).provenance
    if job is None:
        first, *others = drift.datasets
        if others:
            raise InputError(f"{drift.path}: which of {', '.join(drift.datasets)}? give --workload")
        job = first
    if isinstance(job, Job):
        return drift.job_facts(power, job, provenance), job
    workload = find_workload(job) if isinstance(job, str) else job
    slices = drift.job_facts(power, Job.of_workload(workload), provenance)
    return slices, _fitted(workload, slices[0], gpu)


def facts_and_job(source: TraceSource, job: Job | Workload | str, gpu: str) -> tuple[JobFacts, Job]:
    """Look up the job; a workload's default batch size becomes the largest on offer up to it.

    Raises:
        ElastanceError: There are no facts about the job on this GPU, or no batch size fits.
    """
    if isinstance(job, Job):
        return source.job_facts(job, gpu), job
    workload = find_workload(job) if isinstance(job, str) else job
    facts = source.job_facts(Job.of_workload(workload), gpu)
    return facts, _fitted(workload, facts, gpu)


def _fitted(workload: Workload, facts: JobFacts, gpu: str) -> Job:
    """The workload's default job, with the largest batch size on offer up to its own."""
    job = Job.of_workload(workload)
    fitting = [size for size in facts.sizes if size <= job.default_batch_size]
    if not fitting:
        raise InputError(
            f"every batch size on offer for {workload.name} on {gpu} is above its default "
            f"{job.default_batch_size}: give --b0, one of {', '.join(map(str, facts.sizes))}"
        )
    return replace(job, default_batch_size=max(fitting))


def checked_policies(names: Sequence[str]) -> list[str]:
    """Return the names of the policies to compare.

    Raises:
        InputError: There are none, or one is named twice.
        UnknownNameError: One is unknown.
    """
    if not names:
        raise InputError("no policy to simulate: name at least one")
    for name in names:
        find_policy(name)
        if names.count(name) > 1:
            raise InputError(f"policy {name} is named twice")
    return list(names)


def checked_seeds(seeds: Sequence[int]) -> list[int]:
    """Return the seeds as plain integers.

    Raises:
        InputError: There are none, or one is negative or no whole number.
    """
    if not seeds:
        raise InputError("no seed to simulate: give at least one")
    for seed in seeds:
        if not isinstance(seed, Integral) or seed < 0:
            raise InputError(f"seed {seed} is not a whole number from 0")
    return [int(seed) for seed in seeds]
