"""Which samples of a data set each rank takes, so that in an epoch none is lost and none counts twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elastance.train.data_parallel.shares import BatchShares, MicroBatch


class ShareSampler:
    """Gives one rank its indices of every global batch; for the `batch_sampler` of a PyTorch data loader.

    The order of an epoch is one permutation of the whole data set, the same for all ranks and any shares, drawn from
    seed and epoch. A global batch is the next `global_batch_size` of it, of which the ranks take their shares in
    their order, each in its micro-batches. The last, incomplete global batch of an epoch is shared in proportion; a
    rank that gets nothing of it takes its first sample with weight 0. `ShareLoader` sees to the weights.

    Args:
        shares: The shares of all ranks.
        rank: Which rank this is.
        samples: Size of the data set.
        shuffle: Whether to permute it.
        seed: Of the permutation; the same on all ranks.
        drop_last: Whether an incomplete global batch is left out.

    Raises:
        InputError: There would be no step in an epoch, or no such rank.
    """

    def __init__(
        self,
        shares: BatchShares,
        rank: int,
        samples: int,
        *,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if not 0 <= rank < shares.ranks:
            raise InputError(f"rank {rank} of {shares.ranks}: expected 0 to {shares.ranks - 1}")
        fewest = shares.global_batch_size if drop_last else 1
        if samples < fewest:
            raise InputError(f"a data set of {samples} samples has no step: expected at least {fewest}")
        if seed < 0:
            raise InputError(f"seed {seed} of a sampler: expected a number that is not negative")
        self.shares = shares
        self.rank = rank
        self.samples = samples
        self.epoch = 0
        self._shuffle = shuffle
        self._seed = seed
        self._drop_last = drop_last

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next pass is, from 0; each has an order of its own."""
        if epoch < 0:
            raise InputError(f"epoch {epoch}: expected a number that is not negative")
        self.epoch = epoch

    @property
    def steps_per_epoch(self) -> int:
        """Global batches in an epoch."""
        whole, rest = divmod(self.samples, self.shares.global_batch_size)
        return whole + (rest > 0 and not self._drop_last)

    def step(self, number: int) -> tuple[MicroBatch, ...]:
        """Return what this rank computes in a step of an epoch, the steps counted from 0."""
        return self.shares.micro_batches(self.rank, self._parts(number))

    def is_full(self, number: int) -> bool:
        """Return whether a step of an epoch has a whole global batch."""
        return (number + 1) * self.shares.global_batch_size <= self.samples

    def __len__(self) -> int:
        """Return how many lists of indices there are in an epoch: the micro-batches of this rank."""
        last = self.steps_per_epoch - 1
        return last * len(self.step(0)) + len(self.step(last))

    def __iter__(self) -> Iterator[list[int]]:
        """Give the indices of each micro-batch of an epoch."""
        order = self._order()
        for number in range(self.steps_per_epoch):
            parts = self._parts(number)
            begin = number * self.shares.global_batch_size
            position = begin if parts[self.rank] == 0 else begin + sum(parts[: self.rank])
            for part in self.shares.micro_batches(self.rank, parts):
                yield order[position : position + part.samples]
                position += part.samples

    def _parts(self, number: int) -> tuple[int, ...]:
        size = self.shares.global_batch_size
        return self.shares.of(min(size, self.samples - number * size))

    def _order(self) -> list[int]:
        if not self._shuffle:
            return list(range(self.samples))
        import numpy as np

        order: list[int] = np.random.default_rng((self._seed, self.epoch)).permutation(self.samples).tolist()
        return order
