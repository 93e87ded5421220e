"""What plain DDP gives, computed once per job and session."""

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

from made_up_elastic import Job, in_processes, train_with_ddp


@pytest.fixture(scope="session")
def ddp_digests() -> Callable[[Job], list[str]]:
    """Digests of unmodified DDP, after every step, by job."""
    known: dict[Job, list[str]] = {}

    def look_up(job: Job) -> list[str]:
        if job not in known:
            known[job] = in_processes(job.workers, train_with_ddp, job)[0]
        return known[job]

    return look_up
