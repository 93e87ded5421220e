"""Which samples a logical worker sees, in which order: those of DDP's `DistributedSampler`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch.utils.data import BatchSampler, DistributedSampler

if TYPE_CHECKING:
    from torch.utils.data import Dataset


@dataclass(frozen=True)
class DataOrder:
    """The batches of every epoch and logical worker; a function of these numbers only, not of who asks.

    Attributes:
        samples: Length of the data set.
        workers: Logical workers, N.
        batch_size: Samples per logical worker and mini-batch.
        seed: Seed of the permutation; epoch e permutes with seed + e.
        shuffle: Whether to permute.
        drop_last: Leave out a worker's last batch if it is short, as `DataLoader(drop_last=...)`.
        sampler_drop_last: Make the workers' shares equal by leaving samples out instead of repeating some, as
            `DistributedSampler(drop_last=...)`.
        accumulate: Mini-batches of a logical worker per global step; the last step of an epoch has what is left.
    """

    samples: int
    workers: int
    batch_size: int
    seed: int = 0
    shuffle: bool = True
    drop_last: bool = False
    sampler_drop_last: bool = False
    accumulate: int = 1

    def batches(self, rank: int, epoch: int) -> list[list[int]]:
        """Indices of each mini-batch of virtual rank `rank` in `epoch`."""
        sampler = self._sampler(rank)
        sampler.set_epoch(epoch)
        return list(BatchSampler(sampler, self.batch_size, self.drop_last))

    @property
    def batches_per_epoch(self) -> int:
        """Mini-batches of each logical worker in an epoch."""
        share = len(self._sampler(0))
        return share // self.batch_size if self.drop_last else -(-share // self.batch_size)

    @property
    def steps_per_epoch(self) -> int:
        """Global steps of an epoch."""
        return -(-self.batches_per_epoch // self.accumulate)

    def batches_of_step(self, step: int) -> range:
        """Numbers of the mini-batches within the epoch that belong to global step `step` of the epoch."""
        begin = step * self.accumulate
        return range(begin, min(begin + self.accumulate, self.batches_per_epoch))

    def _sampler(self, rank: int) -> DistributedSampler[Any]:
        return DistributedSampler(
            _length_only(self.samples),
            self.workers,
            rank,
            shuffle=self.shuffle,
            seed=self.seed,
            drop_last=self.sampler_drop_last,
        )


def _length_only(samples: int) -> Dataset[int]:
    # All that a sampler wants of a data set is its length.
    return range(samples)  # pyright: ignore[reportReturnType]
