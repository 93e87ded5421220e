"""The promise: parameters, buffers and optimizer state are those of unmodified DDP, bit for bit, after every step."""

from collections.abc import Callable

import pytest

from elastance.elastic import Placement
from made_up_elastic import Job, in_processes, train_elastic
from made_up_grid import MODELS, ONE_BUCKET, PLACEMENTS, SEVERAL_BUCKETS

DdpDigests = Callable[[Job], list[str]]
ElasticDigests = Callable[[Job, str], list[list[str]]]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", MODELS)
@pytest.mark.parametrize("cap_mb", [ONE_BUCKET, SEVERAL_BUCKETS], ids=["one bucket", "several buckets"])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_every_executor_of_every_placement_has_the_bits_of_ddp(
    placement: str,
    cap_mb: float | None,
    recipe: str,
    ddp_digests: DdpDigests,
    elastic_digests: ElasticDigests,
):
    hosted = Placement.parse(placement)
    job = Job(recipe, hosted.workers, cap_mb)
    expected = ddp_digests(job)
    assert len(expected) >= 50
    assert elastic_digests(job, placement) == [expected] * hosted.executors


@pytest.mark.slow
@pytest.mark.parametrize("executors", [1, 2])
def test_mixed_precision_gives_the_bits_of_ddp(executors: int, ddp_digests: DdpDigests):
    job = Job("mixed", 3, SEVERAL_BUCKETS)
    assert in_processes(executors, train_elastic, job) == [ddp_digests(job)] * executors


@pytest.mark.parametrize("placement", ["1x3", "2:2+1", "3x1"])
def test_accumulated_gradients_are_those_of_no_sync(placement: str, ddp_digests: DdpDigests):
    job = Job("image", 3, SEVERAL_BUCKETS, steps=8, accumulate=2)  # 7 mini-batches: the 4th step has one
    executors = Placement.parse(placement).executors
    assert in_processes(executors, train_elastic, job, placement) == [ddp_digests(job)] * executors


def test_a_few_steps_give_the_bits_of_ddp(ddp_digests: DdpDigests):
    job = Job("image", 3, SEVERAL_BUCKETS, steps=4)
    expected = ddp_digests(job)
    assert in_processes(1, train_elastic, job) == [expected]
    assert in_processes(2, train_elastic, job) == [expected] * 2


def test_level_none_trains_but_promises_nothing(ddp_digests: DdpDigests):
    job = Job("image", 3, SEVERAL_BUCKETS, steps=4)
    one, other = in_processes(2, train_elastic, job, level="none")
    assert len(one) == len(ddp_digests(job))
    assert one != ddp_digests(job)
    assert other != ddp_digests(job)
