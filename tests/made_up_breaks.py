"""Ways to break elastic training, each of which must change the bits; applied in the processes that train."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

import torch

from elastance.elastic.buckets import BucketLayout
from elastance.elastic.gradients import GradientsAsTheyCome
from made_up_elastic import Job, train_elastic


def train_broken(rank: int, job: Job, how: str) -> list[str]:
    with BREAKS[how]():
        return train_elastic(rank, job)


def sum_from_rank_0(chunk: int, parts: dict[int, torch.Tensor]) -> torch.Tensor:
    del chunk
    return sum((parts[rank] for rank in range(1, len(parts))), parts[0].clone())


def accumulate(named: Any, executor: Any, *_: Any) -> GradientsAsTheyCome:
    return GradientsAsTheyCome(named, executor)


def divide(gradient: torch.Tensor, scale: float, out: torch.Tensor) -> torch.Tensor:
    return torch.div(gradient, round(1 / scale), out=out)


def keep_first_layout(parameters: Any, arrival: Any, cap_mb: Any) -> BucketLayout:
    del arrival, cap_mb
    return BucketLayout.initial(parameters)


def chunks_without_rounding(elements: int, element_bytes: int, workers: int) -> list[slice]:
    del element_bytes
    chunk = -(-elements // workers)
    return [slice(min(k * chunk, elements), min((k + 1) * chunk, elements)) for k in range(workers)]


def two_threads() -> AbstractContextManager[Any]:
    # The recipe sets one thread when it starts.
    torch.set_num_threads(2)
    return mock.patch("torch.set_num_threads")


def _patch(target: str, *new: Any) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: mock.patch(f"elastance.elastic.{target}", *new)


BREAKS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "per-parameter sequential sum": _patch("transport.add_in_rank_order", sum_from_rank_0),
    "accumulation by autograd": _patch("preparation.GradientsInDdpOrder", accumulate),
    "random numbers not switched": _patch("random_state.RandomState.restore"),
    "BatchNorm buffers shared": _patch("logical_worker.overwrite"),
    "buckets not rebuilt": _patch("buckets.BucketLayout.rebuilt", keep_first_layout),
    "chunks not rounded": _patch("transport.chunk_bounds", chunks_without_rounding),
    "division instead of multiplication": lambda: mock.patch("torch.mul", divide),
    "two threads instead of one": two_threads,
}
