"""Tensors that travel from the first executor to the others while something else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from elastance.elastic import collectives
from elastance.elastic.packing import overwrite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.elastic.executor import Executor

_ALIGNMENT_BYTES = 16
"""Enough for an element of every type to begin there."""


class FromFirst:
    """Overwrites tensors with those of the first executor, bit for bit, in one message.

    Args:
        executor: This process.
        tensors: The same on all executors, but for their values.
    """

    def __init__(self, executor: Executor, tensors: Sequence[torch.Tensor]) -> None:
        self._executor = executor
        self._tensors = tensors
        self._work: collectives.Work | None = None
        begins = [0]
        for tensor in tensors:
            begins.append(begins[-1] + -(-tensor.nbytes // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES)
        self._packed = torch.zeros(begins[-1], dtype=torch.uint8)
        self._places = [
            self._packed[begin : begin + tensor.nbytes].view(tensor.dtype).view(tensor.shape)
            for begin, tensor in zip(begins, tensors, strict=False)
        ]

    def begin(self, values: Sequence[torch.Tensor]) -> None:
        """Send `values`, where this is the first executor, or begin to receive."""
        if self._executor.group is None or not self._tensors:
            return
        if self._executor.is_first:
            overwrite(self._places, values)
        self._work = collectives.begin_broadcast(self._packed, self._executor.group)

    def end(self) -> None:
        """Wait for what was begun; then the tensors are the first executor's values."""
        if self._work is None:
            return
        self._work.wait()
        self._work = None
        if not self._executor.is_first:
            overwrite(self._tensors, self._places)
