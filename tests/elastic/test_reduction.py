"""The order of gloo's all-reduce, against gloo itself: ranks in threads of this process."""

import threading
from datetime import timedelta
from itertools import pairwise

import pytest
import torch
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st

from elastance.elastic.reduction import add_in_rank_order, chunk_bounds, order_of_sum

SEGMENT = 1024 * 1024 // 4
"""Elements of the longest float32 segment."""


def all_reduce(parts: list[torch.Tensor]) -> torch.Tensor:
    store, results = dist.HashStore(), [part.clone() for part in parts]

    def take_part(rank: int) -> None:
        group = dist.ProcessGroupGloo(store, rank, len(parts), timedelta(seconds=60))
        group.allreduce([results[rank]]).wait()

    threads = [threading.Thread(target=take_part, args=(rank,)) for rank in range(len(parts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results[0]


def emulate(parts: list[torch.Tensor]) -> torch.Tensor:
    total = torch.empty_like(parts[0])
    for chunk, piece in enumerate(chunk_bounds(total.numel(), total.element_size(), len(parts))):
        total[piece] = add_in_rank_order(
            chunk, {rank: part[piece].clone() for rank, part in enumerate(parts)}
        )
    return total


def random_parts(elements: int, workers: int, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    made = torch.Generator().manual_seed(elements)
    return [torch.randn(elements, generator=made).to(dtype) for _ in range(workers)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("workers", [2, 3, 4, 8])
def test_sum_is_that_of_gloo(workers: int, dtype: torch.dtype):
    for elements in (1, 3, 7, 100, 1001, 20_000):
        parts = random_parts(elements, workers, dtype)
        assert torch.equal(emulate(parts), all_reduce(parts)), elements


@pytest.mark.slow
@pytest.mark.parametrize("workers", [3, 4])
def test_sum_of_large_buckets_is_that_of_gloo(workers: int):
    """Above 1 MiB per segment there are more segments, and the short rule for chunks no longer holds."""
    for elements in (2 * workers * SEGMENT, 2 * workers * SEGMENT + 1, 5 * workers * SEGMENT + 12_345):
        parts = random_parts(elements, workers)
        assert torch.equal(emulate(parts), all_reduce(parts)), elements


@given(st.integers(1, 10_000), st.integers(1, 16))
def test_small_buckets_follow_the_short_rule(elements: int, workers: int):
    chunk = -(-elements // workers)
    chunk += chunk % 2
    assert chunk_bounds(elements, 4, workers)[0] == slice(0, min(chunk, elements))


@given(st.integers(1, 40_000_000), st.sampled_from([2, 4, 8]), st.integers(1, 16))
def test_chunks_cover_the_bucket_once(elements: int, element_bytes: int, workers: int):
    bounds = chunk_bounds(elements, element_bytes, workers)
    assert len(bounds) == workers
    assert bounds[0].start == 0
    assert bounds[-1].stop == elements
    assert all(one.stop == next_one.start for one, next_one in pairwise(bounds))


def test_order_starts_below_the_chunk_and_ends_with_it():
    assert order_of_sum(0, 4) == [3, 2, 1, 0]
    assert order_of_sum(2, 4) == [1, 0, 3, 2]
    assert order_of_sum(0, 1) == [0]
