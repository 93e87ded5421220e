"""A rank's share of the job: its part of every batch, and gradients that are weighted by it."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from elastance.errors import InputError
from elastance.train.data_parallel.account import AccountKeeper
from elastance.train.data_parallel.loader import ShareLoader
from elastance.train.data_parallel.sampler import ShareSampler
from elastance.train.data_parallel.step_clock import CudaMarks, HostMarks, StepClock
from elastance.train.data_parallel.weighting import GradientWeights

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from elastance.train.data_parallel.shares import BatchShares


class Share:
    """What one rank takes of every step; made by `join`.

    Args:
        shares: The shares of all ranks.
        rank: Which rank this is.
        device: Its `torch.device`.
        accounts: Where to write how far it is; None for nowhere.

    Attributes:
        shares: The shares of all ranks.
        rank: Which rank this is; the first is 0.
        device: Its `torch.device`, for the samples of a batch: ``inputs.to(share.device)``.
    """

    def __init__(self, shares: BatchShares, rank: int, device: Any, accounts: Path | None = None) -> None:  # noqa: ANN401
        self.shares = shares
        self.rank = rank
        self.device = device
        self._clock = StepClock(CudaMarks() if device.type == "cuda" else HostMarks())
        self._keeper = AccountKeeper(rank, self._clock, accounts)
        self._model: Any = None
        self._weights: GradientWeights | None = None

    @property
    def ranks(self) -> int:
        """How many ranks there are."""
        return self.shares.ranks

    @property
    def batch_size(self) -> int:
        """Samples of a full step that this rank takes."""
        return self.shares.batch_sizes[self.rank]

    @property
    def global_batch_size(self) -> int:
        """Samples of a full step over all ranks."""
        return self.shares.global_batch_size

    def data_parallel(self, model: Any, **options: Any) -> Any:  # noqa: ANN401
        """Return the model for training with all ranks, its gradients weighted by each rank's share.

        Losses must be means over the samples of a (micro-)batch, as PyTorch's are unless told otherwise.

        Args:
            model: A `torch.nn.Module`, which is moved to `device`, or a `DistributedDataParallel` made already.
            options: For `DistributedDataParallel`.

        Returns:
            A `DistributedDataParallel`; the model itself if there is one rank only and no process group.

        Raises:
            InputError: Another model is weighted already, or one with SyncBatchNorm would wait for ever.
        """
        import torch
        from torch.nn.parallel import DistributedDataParallel

        if self._weights is not None:
            raise InputError(
                "a share weights the gradients of one model: put several into one torch.nn.Module"
            )
        if self.shares.steps_are_uneven and any(
            isinstance(part, torch.nn.SyncBatchNorm) for part in model.modules()
        ):
            raise InputError(
                "the model has SyncBatchNorm, which needs all ranks in every forward pass, but the ranks compute"
                f" different numbers of micro-batches (shares {self.shares.batch_sizes}): split with"
                " --no-micro-batches, or use BatchNorm"
            )
        wrapped: Any = model
        if not isinstance(model, DistributedDataParallel):
            wrapped = model.to(self.device)
            if torch.distributed.is_initialized():
                wrapped = DistributedDataParallel(wrapped, **options)
        self._weights = GradientWeights(wrapped)
        self._model = wrapped
        return wrapped

    def loader(
        self,
        dataset: Any,  # noqa: ANN401
        *,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
        **options: Any,  # noqa: ANN401
    ) -> ShareLoader[Any]:
        """Return a loader of this rank's share of every global batch.

        Args:
            dataset: A map-style data set: it has a length and items.
            shuffle: Whether every epoch has an order of its own.
            seed: Of those orders; the same on all ranks.
            drop_last: Whether the last, incomplete global batch of an epoch is left out; else it is shared in
                proportion and counts as the smaller batch it is.
            options: For `torch.utils.data.DataLoader`: `num_workers`, `pin_memory`, `collate_fn`, ...

        Raises:
            InputError: The data set is empty, or a stream.
        """
        from torch.utils.data import DataLoader, IterableDataset

        kind = type(dataset).__name__
        if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
            raise InputError(
                f"a {kind} cannot be shared: expected a data set with a length and numbered items"
            )
        sampler = ShareSampler(
            self.shares, self.rank, len(dataset), shuffle=shuffle, seed=seed, drop_last=drop_last
        )
        loader = DataLoader(dataset, batch_sampler=sampler, **options)
        return ShareLoader(loader, sampler, self, self._keeper, self._clock)

    def check_model(self) -> None:
        """Refuse to train a model whose gradients are not weighted.

        Raises:
            InputError: `data_parallel` was not called.
        """
        if self._weights is None:
            raise InputError(
                "the gradients are not weighted by the share: model = share.data_parallel(model) comes before the"
                " first step"
            )

    def check_gradients(self) -> None:
        """Refuse a micro-batch whose gradients were computed when its weight no longer held, or not at all.

        Raises:
            InputError: There was no gradient since its weight was set.
        """
        if self._weights is not None and not self._weights.saw_gradients:
            raise InputError(
                "no gradient was computed within a micro-batch: backward() belongs into the loop over the step,"
                " `for inputs, targets in step: ...`, as each micro-batch has a weight of its own"
            )

    @contextmanager
    def weighing(self, weight: float, on_last: Callable[[], None] | None) -> Generator[None]:
        """Weigh the gradients that are computed while the block runs."""
        assert self._weights is not None
        with self._weights.weighing(weight, on_last):
            yield

    def without_exchange(self) -> AbstractContextManager[None]:
        """Keep gradients on this rank while the block runs."""
        no_sync = getattr(self._model, "no_sync", None)
        return nullcontext() if no_sync is None else no_sync()
