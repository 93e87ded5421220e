"""Mini-batches loaded by shared processes are those of each DDP worker's own data workers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from made_up_elastic import Job, in_processes, train_elastic

DdpDigests = Callable[[Job], list[str]]

JOB = Job("image", 3, steps=9, data_workers=2)


@pytest.mark.parametrize(("executors", "processes"), [(1, 2), (1, 1), (2, 3)])
def test_random_numbers_do_not_depend_on_processes(executors: int, processes: int, ddp_digests: DdpDigests):
    got = in_processes(executors, train_elastic, JOB, data_workers=2, loader_processes=processes)
    assert got == [ddp_digests(JOB)] * executors


def test_the_number_of_data_workers_decides_them(ddp_digests: DdpDigests):
    [got] = in_processes(1, train_elastic, JOB, data_workers=3)
    assert got[:2] == ddp_digests(JOB)[:2]  # the first mini-batch of the first two, in either case
    assert got[2] != ddp_digests(JOB)[2]


def test_what_was_loaded_ahead_is_loaded_again_after_a_restart(tmp_path: Path, ddp_digests: DdpDigests):
    digests: list[str] = []
    for executors, stop_at in [(1, 3), (2, 8), (1, None)]:  # epochs end after 7 steps
        digests += in_processes(
            executors, train_elastic, JOB, data_workers=2, checkpoints=str(tmp_path), stop_at=stop_at
        )[0]
    assert digests == ddp_digests(JOB)
