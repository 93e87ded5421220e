"""How DDP packs gradients into buckets: the layout of the first step, and the one it rebuilds after it.

The layout decides which gradients share an all-reduce, and so in which order the workers' values are added:
elements at other places of a bucket start the sum at another rank. DDP begins with one bucket per type of
gradient in the order of registration, and after the first backward pass packs anew in the order in which the
gradients of rank 0 arrived.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch.distributed as dist

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch.utils.hooks import RemovableHandle

_MIB = 1024 * 1024
_DEFAULT_CAP_MB = 25.0


@dataclass(frozen=True)
class BucketLayout:
    """Indices of the parameters in each bucket, in the order in which they lie there."""

    buckets: tuple[tuple[int, ...], ...]

    @classmethod
    def initial(cls, parameters: Sequence[torch.Tensor]) -> BucketLayout:
        """DDP's layout of the first step."""
        return cls._by_size(parameters, [sys.maxsize], range(len(parameters)))

    @classmethod
    def rebuilt(
        cls, parameters: Sequence[torch.Tensor], arrival: Sequence[int], bucket_cap_mb: float | None = None
    ) -> BucketLayout:
        """DDP's layout from the second step on.

        Args:
            parameters: The parameters that are trained, in the order of registration.
            arrival: Their indices in the order in which the gradients of worker 0 were ready at the first step.
            bucket_cap_mb: DDP's argument of that name, MiB; None is its default (25, and 1 for the first bucket).
        """
        cap = int((bucket_cap_mb or _DEFAULT_CAP_MB) * _MIB)
        first = cap if bucket_cap_mb is not None else dist._DEFAULT_FIRST_BUCKET_BYTES  # pyright: ignore
        return cls._by_size([parameters[index] for index in arrival], [first, cap], arrival)

    @classmethod
    def _by_size(
        cls, parameters: Sequence[torch.Tensor], limits: list[int], indices: Sequence[int]
    ) -> BucketLayout:
        # PyTorch's own function: the rule may change between its releases, and then must change here too.
        packed, _ = dist._compute_bucket_assignment_by_size(  # pyright: ignore
            list(parameters), limits, [False] * len(parameters), list(indices)
        )
        return cls(tuple(tuple(bucket) for bucket in packed))


class ArrivalOrder:
    """Records the order in which gradients become ready, while it is open.

    Args:
        parameters: The parameters that are trained, in the order of registration.
    """

    def __init__(self, parameters: Sequence[torch.Tensor]) -> None:
        self.indices: list[int] = []
        self._handles: list[RemovableHandle] = [
            parameter.register_post_accumulate_grad_hook(  # pyright: ignore[reportUnknownMemberType]
                partial(self._ready, index)
            )
            for index, parameter in enumerate(parameters)
        ]

    def close(self) -> None:
        """Record no more."""
        for handle in self._handles:
            handle.remove()

    def _ready(self, index: int, _: torch.Tensor) -> None:
        self.indices.append(index)
