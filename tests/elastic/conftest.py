"""What plain DDP and elastic runs give, computed once per session; jobs of the grid share their processes."""

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

from elastance.elastic import Placement
from made_up_elastic import Job, in_processes
from made_up_grid import jobs_of, train_all_elastic, train_all_with_ddp


@pytest.fixture(scope="session")
def ddp_digests() -> Callable[[Job], list[str]]:
    """Digests of unmodified DDP, after every step, by job."""
    known: dict[Job, list[str]] = {}

    def look_up(job: Job) -> list[str]:
        if job not in known:
            jobs = jobs_of(job.workers) if job in jobs_of(job.workers) else [job]
            first, *_ = in_processes(job.workers, train_all_with_ddp, jobs)
            known.update(zip(jobs, first, strict=True))
        return known[job]

    return look_up


@pytest.fixture(scope="session")
def elastic_digests() -> Callable[[Job, str], list[list[str]]]:
    """Digests of every executor, after every step, by job of the grid and placement."""
    known: dict[tuple[Job, str], list[list[str]]] = {}

    def look_up(job: Job, placement: str) -> list[list[str]]:
        if (job, placement) not in known:
            jobs = jobs_of(job.workers)
            executors = in_processes(Placement.parse(placement).executors, train_all_elastic, jobs, placement)
            for one, digests in zip(jobs, zip(*executors, strict=True), strict=True):
                known[one, placement] = list(digests)
        return known[job, placement]

    return look_up
