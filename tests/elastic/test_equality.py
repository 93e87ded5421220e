"""The promise: parameters, buffers and optimizer state are those of unmodified DDP, bit for bit, after every step."""

from collections.abc import Callable

import pytest

from made_up_elastic import Job, in_processes, train_elastic

SEVERAL_BUCKETS_MB = 0.002

DdpDigests = Callable[[Job], list[str]]


@pytest.mark.slow
@pytest.mark.parametrize("cap_mb", [None, SEVERAL_BUCKETS_MB])
@pytest.mark.parametrize("workers", [2, 3, 4])
@pytest.mark.parametrize("recipe", ["image", "transformer", "recommender"])
def test_one_executor_gives_the_bits_of_ddp(
    recipe: str, workers: int, cap_mb: float | None, ddp_digests: DdpDigests
):
    job = Job(recipe, workers, cap_mb)
    expected = ddp_digests(job)
    assert len(expected) >= 50
    assert in_processes(1, train_elastic, job) == [expected]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["image", "recommender"])
def test_eight_logical_workers_give_the_bits_of_eight_processes(recipe: str, ddp_digests: DdpDigests):
    job = Job(recipe, 8, SEVERAL_BUCKETS_MB)
    expected = ddp_digests(job)
    assert len(expected) >= 50
    assert in_processes(1, train_elastic, job) == [expected]


@pytest.mark.slow
@pytest.mark.parametrize("placement", ["2x2", "3:2+1+1", "2:1+3", "4x1"])
@pytest.mark.parametrize("recipe", ["image", "transformer", "recommender"])
def test_every_executor_of_every_placement_has_the_bits_of_ddp(
    recipe: str, placement: str, ddp_digests: DdpDigests
):
    job = Job(recipe, 4, SEVERAL_BUCKETS_MB)
    executors = int(placement[0])
    assert in_processes(executors, train_elastic, job, placement) == [ddp_digests(job)] * executors


@pytest.mark.slow
@pytest.mark.parametrize("executors", [1, 2])
def test_mixed_precision_gives_the_bits_of_ddp(executors: int, ddp_digests: DdpDigests):
    job = Job("mixed", 3, SEVERAL_BUCKETS_MB)
    assert in_processes(executors, train_elastic, job) == [ddp_digests(job)] * executors


def test_a_few_steps_give_the_bits_of_ddp(ddp_digests: DdpDigests):
    job = Job("image", 3, SEVERAL_BUCKETS_MB, steps=4)
    expected = ddp_digests(job)
    assert in_processes(1, train_elastic, job) == [expected]
    assert in_processes(2, train_elastic, job) == [expected] * 2


def test_level_none_trains_but_promises_nothing(ddp_digests: DdpDigests):
    job = Job("image", 3, SEVERAL_BUCKETS_MB, steps=4)
    one, other = in_processes(2, train_elastic, job, level="none")
    assert len(one) == len(ddp_digests(job))
    assert one != ddp_digests(job)
    assert other != ddp_digests(job)
