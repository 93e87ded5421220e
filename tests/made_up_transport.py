"""What the executors of a test of the transport run."""

from unittest import mock

import torch

from elastance.elastic import Placement
from elastance.elastic.collectives import gloo_group
from elastance.elastic.executor import Executor
from elastance.elastic.transport import Transport


def values_of(rank: int, elements: int) -> torch.Tensor:
    return torch.randn(elements, generator=torch.Generator().manual_seed(rank))


def sum_hosted(
    index: int, placement: str, elements: int, small_bytes: int = 4096
) -> tuple[list[float], int, int]:
    """The sum, and the bytes of slices and of sums that were sent; in rounds if the bucket is not small."""
    executor = Executor(index, Placement.parse(placement), gloo_group())
    transport = Transport(executor)
    parts = {rank: values_of(rank, elements) for rank in executor.ranks}
    with mock.patch("elastance.elastic.transport._SMALL_BYTES", small_bytes):
        transport.sum_buckets([parts])
    return parts[executor.ranks.start].tolist(), transport.traffic.slices_bytes, transport.traffic.sums_bytes
