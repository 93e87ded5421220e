"""Tensors one behind the other in one flat tensor."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

_untyped: Any = torch


def overwrite(tensors: Sequence[torch.Tensor], values: Sequence[torch.Tensor]) -> None:
    """Copy `values` into `tensors`."""
    if tensors:
        with torch.no_grad():
            _untyped._foreach_copy_(tensors, values)  # one call for all: they may be many and small


def pieces(flat: torch.Tensor, sizes: Sequence[int]) -> list[torch.Tensor]:
    """Views of consecutive pieces of `flat`, of `sizes` elements."""
    return [flat[end - size : end] for size, end in zip(sizes, accumulate(sizes), strict=True)]


def shaped_pieces(flat: torch.Tensor, members: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Views of `flat` in the shapes of `members`; elements lie as in the member's own memory, as in DDP's buckets."""
    return [
        piece.as_strided(member.shape, member.stride()) if is_dense(member) else piece.view(member.shape)
        for member, piece in zip(members, pieces(flat, [member.numel() for member in members]), strict=True)
    ]


def is_dense(tensor: torch.Tensor) -> bool:
    """Whether the elements fill their memory without gap or overlap, in whatever order of dimensions."""
    expected = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size == 1:
            continue
        if stride != expected:
            return False
        expected *= size
    return True
