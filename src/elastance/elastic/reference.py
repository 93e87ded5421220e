"""The same script under unmodified DDP: one process per logical worker, PyTorch's own wrapper, sampler and loader.

`elastance certify` compares with it. The script goes on calling the model it has made; its forward pass leads
through `DistributedDataParallel`, and gradients are added by it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    import torch

    from elastance.elastic.buckets import BucketLayout
    from elastance.elastic.data_order import DataOrder
    from elastance.elastic.logical_worker import LogicalWorker
    from elastance.elastic.random_state import RandomState


class ThroughDdp:
    """While a mini-batch is computed, calls of the model are those of `DistributedDataParallel(model)`.

    Other calls, as of an evaluation on one process only, are the model's own.

    Args:
        model: The model.
        bucket_cap_mb: As in `DistributedDataParallel`, MiB.
    """

    def __init__(self, model: torch.nn.Module, bucket_cap_mb: float | None) -> None:
        untyped: Any = DistributedDataParallel
        self._parallel: Any = untyped(model, bucket_cap_mb=bucket_cap_mb)
        self._own_forward: Any = model.forward
        self._leads = False
        model.forward = self._forward

    @contextmanager
    def step(self) -> Generator[None]:
        """Around the turn of one global step."""
        yield

    @contextmanager
    def turn(self, worker: LogicalWorker) -> Generator[None]:
        """Around the mini-batches of this process in one global step."""
        del worker
        self._leads = True
        try:
            yield
        finally:
            self._leads = False

    def mini_batch(self, *, last: bool) -> None:
        """Gradients are added with the `last` mini-batch of a step: what `DistributedDataParallel.no_sync` does."""
        self._parallel.require_backward_grad_sync = last

    def _forward(self, *inputs: Any, **named: Any) -> Any:  # noqa: ANN401
        if not self._leads:
            return self._own_forward(*inputs, **named)
        self._leads = False  # DDP calls the model in turn
        try:
            return self._parallel(*inputs, **named)
        finally:
            self._leads = True


class GradientsByDdp:
    """DDP adds them during the backward pass.

    Args:
        parameters: Those that are trained.
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        self._parameters = list(parameters)

    def clear(self) -> None:
        """What `zero_grad` does in a DDP script."""
        for parameter in self._parameters:
            parameter.grad = None

    def lay_out(self, layout: BucketLayout) -> None:
        """DDP packs as it likes."""

    def take(self, rank: int) -> None:
        """They are the mean already."""

    def reduce(self) -> None:
        """They are the mean already."""


class StockFeed:
    """`DataLoader` with `DistributedSampler`, as in a DDP script."""

    def __init__(
        self,
        dataset: Any,  # noqa: ANN401
        order: DataOrder,
        rank: int,
        collate: Callable[[list[Any]], Any],
        data_workers: int,
    ) -> None:
        self._sampler: DistributedSampler[Any] = DistributedSampler(
            dataset,
            order.workers,
            rank,
            shuffle=order.shuffle,
            seed=order.seed,
            drop_last=order.sampler_drop_last,
        )
        self._loader: DataLoader[Any] = DataLoader(
            dataset,
            order.batch_size,
            sampler=self._sampler,
            num_workers=data_workers,
            collate_fn=collate,
            drop_last=order.drop_last,
        )
        self._batches: Iterator[Any] = iter(())

    def begin_epoch(self, rank: int, epoch: int) -> None:
        """Start an epoch."""
        del rank
        self._sampler.set_epoch(epoch)
        self._batches = iter(self._loader)

    def resume_epoch(self, rank: int, epoch: int, batch: int, streams: Sequence[RandomState]) -> None:
        """DDP keeps no checkpoints."""
        raise NotImplementedError

    def load(self, rank: int, batch: int) -> Any:  # noqa: ANN401
        """Return the next mini-batch."""
        del rank, batch
        return next(self._batches)

    def streams(self, rank: int) -> list[RandomState]:
        """DDP keeps no checkpoints."""
        del rank
        return []

    def close(self) -> None:
        """The loader's processes end with its iterator."""
        self._batches = iter(())
