"""Executors on unlike processors, emulated by the best instructions that a process may use."""

import platform
from dataclasses import replace
from typing import Any

import pytest

from elastance.elastic import Level
from elastance.elastic.numerics import environment
from made_up_elastic import Job, in_processes, train_elastic
from made_up_grid import jobs_of, train_all_elastic, train_all_with_ddp

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="emulates types of x86"),
]

JOBS = jobs_of(4)
TYPES = ["cpu", "cpu-avx2", "cpu-sse"]

Digests = dict[Job, list[list[str]]]


def by_job(executors: list[Any]) -> Digests:
    return {job: list(digests) for job, digests in zip(JOBS, zip(*executors, strict=True), strict=True)}


@pytest.fixture(scope="module")
def ddp_at_d2() -> Digests:
    """DDP with the settings of D2, on processors of one type."""
    pinned = [environment(Level.D2)] * 4
    return by_job(in_processes(4, train_all_with_ddp, JOBS, pinned=True, environments=pinned)[:1])


@pytest.fixture(scope="module")
def mixed_at_d2() -> Digests:
    """One job on three executors, each of another type."""
    types = [environment(Level.D2, name) for name in TYPES]
    return by_job(in_processes(3, train_all_elastic, JOBS, "3:2+1+1", level="D2", environments=types))


@pytest.fixture(scope="module")
def other_type_at_d1() -> Digests:
    """The first epoch only."""
    short = [replace(job, steps=1) for job in JOBS]
    return by_job(in_processes(1, train_all_elastic, short, environments=[environment(Level.D1, "cpu-sse")]))


@pytest.mark.parametrize("job", JOBS, ids=str)
def test_at_d2_a_job_on_unlike_processors_has_the_bits_of_ddp(
    job: Job, ddp_at_d2: Digests, mixed_at_d2: Digests
):
    [expected] = ddp_at_d2[job]
    assert len(expected) >= 50
    assert mixed_at_d2[job] == [expected] * 3


@pytest.mark.parametrize("job", JOBS, ids=str)
def test_at_d1_the_type_of_processor_decides_bits(job: Job, ddp_digests: Any, other_type_at_d1: Digests):
    [got] = other_type_at_d1[job]
    assert got[0] != ddp_digests(job)[0]  # from the first step on


def test_at_d1_executors_of_unlike_types_are_refused():
    types = [environment(Level.D1, name) for name in ("cpu", "cpu-sse")]
    with pytest.raises(RuntimeError, match=r"executor . does not run the same job .*: vector instructions"):
        in_processes(2, train_elastic, JOBS[0], environments=types)
