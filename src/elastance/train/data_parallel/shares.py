"""How many samples of every global batch each rank takes, and in which parts it computes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from elastance.errors import InputError


class MicroBatch(NamedTuple):
    """What a rank computes at once.

    Attributes:
        samples: How many samples.
        weight: What the gradient of their mean loss is multiplied by, so that DDP's mean over the ranks is the
            gradient of the mean loss of the global batch; 0 for a sample that stands in for none.
    """

    samples: int
    weight: float


@dataclass(frozen=True)
class BatchShares:
    """The shares of all ranks.

    Attributes:
        batch_sizes: Samples of a global batch that each rank takes.
        micro_batch_sizes: Most samples each of them computes at once.

    Raises:
        InputError: There is no rank, or a number is not positive.
    """

    batch_sizes: tuple[int, ...]
    micro_batch_sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.batch_sizes or len(self.batch_sizes) != len(self.micro_batch_sizes):
            raise InputError(
                f"shares {self.batch_sizes} in micro-batches of {self.micro_batch_sizes}: expected one each per rank"
            )
        if min(*self.batch_sizes, *self.micro_batch_sizes) < 1:
            raise InputError(
                f"shares {self.batch_sizes} in micro-batches of {self.micro_batch_sizes}: expected positive numbers"
            )

    @property
    def ranks(self) -> int:
        """How many ranks there are."""
        return len(self.batch_sizes)

    @property
    def global_batch_size(self) -> int:
        """Samples of a step over all ranks."""
        return sum(self.batch_sizes)

    @property
    def steps_are_uneven(self) -> bool:
        """Whether ranks compute their shares in different numbers of micro-batches."""
        return len({len(self.micro_batches(rank, self.batch_sizes)) for rank in range(self.ranks)}) > 1

    def of(self, samples: int) -> tuple[int, ...]:
        """Return each rank's part of the last global batch of an epoch, in proportion, by largest remainders.

        Args:
            samples: Samples in it, at most `global_batch_size`; all shares are whole if it is full.
        """
        whole = self.global_batch_size
        parts = [samples * size // whole for size in self.batch_sizes]
        # Exact integers; of equal remainders the first rank's counts more.
        order = sorted(
            range(self.ranks), key=lambda rank: (-(samples * self.batch_sizes[rank] % whole), rank)
        )
        for rank in order[: samples - sum(parts)]:
            parts[rank] += 1
        return tuple(parts)

    def micro_batches(self, rank: int, parts: tuple[int, ...]) -> tuple[MicroBatch, ...]:
        """Return what a rank computes of a global batch, one after the other.

        Args:
            rank: Which rank.
            parts: Samples of all ranks in this global batch.
        """
        samples, at_once = parts[rank], self.micro_batch_sizes[rank]
        if samples == 0:
            # DDP needs every rank in every step: it computes a sample of somebody else's, which does not count.
            return (MicroBatch(1, 0.0),)
        sizes = [at_once] * (samples // at_once) + [samples % at_once] * (samples % at_once > 0)
        return tuple(MicroBatch(size, size * self.ranks / sum(parts)) for size in sizes)
