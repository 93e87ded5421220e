"""Mini-batches of logical workers, loaded in the process that trains, as `DataLoader(num_workers=0)` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import torch

from elastance.elastic.data_check import digest_twice
from elastance.elastic.samples import fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elastance.elastic.data_order import DataOrder
    from elastance.elastic.random_state import RandomState


class Feed(Protocol):
    """Gives each logical worker its mini-batches; always called while that worker has its turn."""

    def begin_epoch(self, rank: int, epoch: int) -> None:
        """Start an epoch of a logical worker."""
        ...

    def resume_epoch(self, rank: int, epoch: int, batch: int, streams: Sequence[RandomState]) -> None:
        """Go on within an epoch, before mini-batch `batch`, with what `streams` returned there."""
        ...

    def load(self, rank: int, batch: int) -> Any:  # noqa: ANN401
        """Return mini-batch `batch` of the epoch."""
        ...

    def streams(self, rank: int) -> list[RandomState]:
        """Where the random numbers of the worker's data workers stand before its next mini-batch."""
        ...

    def close(self) -> None:
        """Stop the processes there may be."""
        ...


class InlineFeed:
    """Loads a mini-batch when it is asked for, with the random numbers of the logical worker itself."""

    def __init__(self, dataset: Any, order: DataOrder, collate: Callable[[list[Any]], Any]) -> None:  # noqa: ANN401
        self._dataset = dataset
        self._order = order
        self._collate = collate
        self._batches: dict[int, list[list[int]]] = {}

    def begin_epoch(self, rank: int, epoch: int) -> None:
        """Start an epoch of a logical worker."""
        draw_base_seed()
        self._batches[rank] = self._order.batches(rank, epoch)

    def resume_epoch(self, rank: int, epoch: int, batch: int, streams: Sequence[RandomState]) -> None:
        """Go on within an epoch."""
        del batch, streams
        self._batches[rank] = self._order.batches(rank, epoch)

    def load(self, rank: int, batch: int) -> Any:  # noqa: ANN401
        """Return mini-batch `batch` of the epoch."""
        return fetch(self._dataset, self._batches[rank][batch], self._collate)

    def digest(self, indices: list[int], device: torch.device) -> str:
        """Sha256 of the samples `indices`, as of `elastance.elastic.data_check`."""
        return digest_twice(self._dataset, indices, device)

    def streams(self, rank: int) -> list[RandomState]:
        """There are no data workers."""
        del rank
        return []

    def close(self) -> None:
        """There are no processes."""


def draw_base_seed() -> int:
    """Draw the number that `DataLoader` draws from PyTorch's generator whenever an epoch begins."""
    return int(torch.empty((), dtype=torch.int64).random_().item())
