"""Add gradients in exactly the order of stock DDP over gloo.

gloo's ring all-reduce cuts a bucket into one chunk per rank. Chunk k travels down the ring: the sum starts with
the values of rank k - 1, then adds those of k - 2, k - 3, ... cyclically, and ends with those of rank k.
Floating-point addition is not associative, so where a chunk begins decides bits.

Found by comparison with PyTorch 2.13 and gloo's source: a chunk is a number of segments, at least two per rank,
no segment longer than 1 MiB. For buckets up to 2 N MiB that is ``roundup(ceil(n / N), 2)`` elements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

_LONGEST_SEGMENT_BYTES = 1024 * 1024
_LEAST_SEGMENTS_PER_RANK = 2


def chunk_bounds(elements: int, element_bytes: int, workers: int) -> list[slice]:
    """Where the chunk of each rank lies in a bucket; chunks at its end may be empty.

    Args:
        elements: Elements of the bucket.
        element_bytes: Size of an element, bytes.
        workers: Ranks, N.
    """
    longest = -(-elements * element_bytes // _LONGEST_SEGMENT_BYTES)
    segments = _round_up(max(longest, workers * _LEAST_SEGMENTS_PER_RANK), workers)
    segment = -(-elements // segments)
    chunk = segments // workers * segment
    return [slice(min(rank * chunk, elements), min((rank + 1) * chunk, elements)) for rank in range(workers)]


def order_of_sum(chunk: int, workers: int) -> list[int]:
    """Virtual ranks in the order in which their values enter the sum of `chunk`."""
    return [(chunk - 1 - hop) % workers for hop in range(workers)]


def add_in_rank_order(chunk: int, parts: Mapping[int, torch.Tensor]) -> torch.Tensor:
    """Sum one chunk over all workers.

    Args:
        chunk: Number of the chunk.
        parts: The chunk's values by virtual rank, already multiplied by 1 / N. The one that comes first in the
            order is overwritten with the sum.

    Returns:
        The sum, in the memory of that first part.
    """
    first, *others = order_of_sum(chunk, len(parts))
    total = parts[first]
    for rank in others:
        total += parts[rank]
    return total


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
