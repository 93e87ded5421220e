"""Each part of the mechanism is needed: without it the bits differ from DDP's, at the step where they must."""

from collections.abc import Callable, Sequence

import pytest

from made_up_breaks import BREAKS, train_broken
from made_up_elastic import Job, in_processes

pytestmark = pytest.mark.slow

DdpDigests = Callable[[Job], list[str]]

ONE_BUCKET = Job("image", 4)
TWO_BUCKETS = Job("image", 4, 0.002)
THREE_WORKERS = Job("image", 3)


def first_difference(expected: Sequence[str], got: Sequence[str]) -> int | None:
    assert len(expected) == len(got)
    return next(
        (step for step, pair in enumerate(zip(expected, got, strict=True)) if pair[0] != pair[1]), None
    )


@pytest.mark.parametrize(
    ("broken", "job", "step"),
    [
        ("per-parameter sequential sum", ONE_BUCKET, 0),
        ("accumulation by autograd", ONE_BUCKET, 0),
        ("random numbers not switched", ONE_BUCKET, 0),
        ("BatchNorm buffers shared", ONE_BUCKET, 0),
        ("buckets not rebuilt", ONE_BUCKET, 1),
        ("chunks not rounded", TWO_BUCKETS, 0),
        ("division instead of multiplication", THREE_WORKERS, 0),
        ("two threads instead of one", Job("image", 4, steps=2), 0),
    ],
)
def test_without_this_the_bits_differ_from_this_step_on(
    broken: str, job: Job, step: int, ddp_digests: DdpDigests
):
    [got] = in_processes(1, train_broken, job, broken)
    assert first_difference(ddp_digests(job), got) == step


def test_every_break_is_tried():
    tried = test_without_this_the_bits_differ_from_this_step_on.pytestmark[0].args[1]
    assert [name for name, _, _ in tried] == list(BREAKS)
