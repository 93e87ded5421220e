"""This process among the executors of a job: what they tell each other beside gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch

from elastance.elastic import collectives
from elastance.elastic.packing import pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch.distributed as dist

    from elastance.elastic.placement import Placement

Value = TypeVar("Value")


@dataclass(frozen=True)
class Executor:
    """One process and the logical workers it hosts.

    Attributes:
        index: Number of this executor.
        placement: Which logical workers every executor hosts.
        group: gloo group of all executors; None where there is one only.
    """

    index: int
    placement: Placement
    group: dist.ProcessGroup | None = None

    @property
    def ranks(self) -> range:
        """Virtual ranks hosted here."""
        return self.placement.ranks(self.index)

    @property
    def is_first(self) -> bool:
        """Whether logical worker 0 is hosted here, and so the state that checkpoints keep."""
        return self.index == 0

    def from_first(self, value: Value) -> Value:
        """Return the first executor's `value` on all."""
        return value if self.group is None else collectives.broadcast_object(value, self.group)

    def from_all(self, value: Value) -> list[Value]:
        """Return every executor's `value` on all, in executor order."""
        return [value] if self.group is None else collectives.gather_objects(value, self.group)

    def any(self, *flags: bool) -> list[bool]:
        """Return for each flag whether it is set on any executor."""
        if self.group is None:
            return list(flags)
        box = torch.tensor(flags, dtype=torch.int32)
        collectives.take_largest(box, self.group)
        return [bool(flag) for flag in box]

    def wait_for_all(self) -> None:
        """Wait until every executor is here: one that leaves early can hang others that wait for its last message."""
        if self.group is not None:
            collectives.wait_for_all(self.group)

    def copy_from_first(self, tensors: Sequence[torch.Tensor]) -> None:
        """Overwrite `tensors` with those of the first executor, bit for bit, in one message."""
        if self.group is None or not tensors:
            return
        with torch.no_grad():
            packed = torch.cat([tensor.detach().reshape(-1).view(torch.uint8).cpu() for tensor in tensors])
            collectives.broadcast(packed, self.group)
            arrived = pieces(packed, [tensor.numel() * tensor.element_size() for tensor in tensors])
            for tensor, piece in zip(tensors, arrived, strict=True):
                # A piece may begin anywhere; its copy is aligned for the type.
                tensor.copy_(piece.clone().view(tensor.dtype).view(tensor.shape))
