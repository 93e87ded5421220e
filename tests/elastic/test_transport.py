"""Sums over executors are those of one process; no executor receives all gradients."""

import pytest

from elastance.elastic import Placement
from elastance.elastic.executor import Executor
from elastance.elastic.transport import Transport
from made_up_elastic import in_processes
from made_up_transport import sum_hosted, values_of


@pytest.mark.parametrize("elements", [1, 24, 1001])  # 1001: in rounds
@pytest.mark.parametrize("placement", ["2x2", "3:2+1+1", "2:1+3", "4x1"])
def test_sum_does_not_depend_on_the_placement(placement: str, elements: int):
    one = Transport(Executor(0, Placement((4,))))
    parts = {rank: values_of(rank, elements) for rank in range(4)}
    one.sum_buckets([parts])
    assert one.traffic.total_bytes == 0
    for total, _, _ in in_processes(int(placement[0]), sum_hosted, placement, elements):
        assert total == parts[0].tolist()


@pytest.mark.parametrize("small_bytes", [0, 4096])
def test_bytes_are_those_of_the_slices_and_sums_that_are_sent(small_bytes: int):
    size_bytes = 24 * 4
    answers = in_processes(2, sum_hosted, "2:1+3", 24, small_bytes)
    assert [slices for _, slices, _ in answers] == [1 * size_bytes / 2, 3 * size_bytes / 2]
    assert [sums for _, _, sums in answers] == [size_bytes / 2] * 2


def test_a_ring_sends_each_chunk_but_one_twice():
    for _, slices, sums in in_processes(4, sum_hosted, "4x1", 24):
        assert slices == sums == 24 * 4 * 3 / 4
