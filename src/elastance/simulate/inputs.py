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
from elastance.traces import find_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from elastance.traces import JobFacts, TraceSource


def opened_source(traces: Path | str | TraceSource | None) -> TraceSource:
    """Return the source of facts: the one given, or the one found at a directory or by default."""
    return find_source(traces) if traces is None or isinstance(traces, str | PathLike) else traces


def facts_and_job(source: TraceSource, job: Job | Workload | str, gpu: str) -> tuple[JobFacts, Job]:
    """Look up the job; a workload's default batch size becomes the largest on offer up to it.

    Raises:
        ElastanceError: There are no facts about the job on this GPU, or no batch size fits.
    """
    if isinstance(job, Job):
        return source.job_facts(job, gpu), job
    workload = find_workload(job) if isinstance(job, str) else job
    job = Job.of_workload(workload)
    facts = source.job_facts(job, gpu)
    fitting = [size for size in facts.sizes if size <= job.default_batch_size]
    if not fitting:
        raise InputError(
            f"every batch size on offer for {workload.name} on {gpu} is above its default "
            f"{job.default_batch_size}: give --b0, one of {', '.join(map(str, facts.sizes))}"
        )
    return facts, replace(job, default_batch_size=max(fitting))


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
