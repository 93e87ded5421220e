"""The gradients of hosted logical workers, from a backward pass to the sum over all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch

from elastance.elastic import collectives
from elastance.elastic.packing import shaped_pieces
from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elastance.elastic.buckets import BucketLayout
    from elastance.elastic.executor import Executor
    from elastance.elastic.transport import Transport


class Gradients(Protocol):
    """Collects one gradient per logical worker and puts the mean into the parameters."""

    def lay_out(self, layout: BucketLayout) -> None:
        """Pack by `layout` from now on."""
        ...

    def take(self, rank: int) -> None:
        """Keep what the backward pass of virtual rank `rank` left in the parameters.

        Raises:
            InputError: A parameter has no gradient, or a sparse one.
        """
        ...

    def reduce(self) -> None:
        """Put the mean over all logical workers into the parameters' gradients."""
        ...


class GradientsInDdpOrder:
    """One packed gradient per hosted worker on the host; added as DDP over gloo adds.

    Args:
        named: The parameters that are trained, by name, in the order of registration.
        executor: This process.
        transport: Sums buckets.
    """

    def __init__(
        self, named: Mapping[str, torch.nn.Parameter], executor: Executor, transport: Transport
    ) -> None:
        self._named = named
        self._parameters = list(named.values())
        self._transport = transport
        self._ranks = executor.ranks
        # DDP multiplies with the reciprocal; dividing rounds otherwise where N is no power of two.
        self._scale = 1.0 / executor.placement.workers
        self._layout: BucketLayout | None = None
        self._packed: list[dict[int, torch.Tensor]] = []
        self._views: dict[int, list[torch.Tensor]] = {}

    def lay_out(self, layout: BucketLayout) -> None:
        """Pack by `layout` from now on."""
        if layout == self._layout:
            return
        self._layout = layout
        self._packed = []
        self._views = {rank: list(self._parameters) for rank in self._ranks}
        for bucket in layout.buckets:
            members = [self._parameters[index] for index in bucket]
            elements = sum(member.numel() for member in members)
            packed = {rank: torch.empty(elements, dtype=members[0].dtype) for rank in self._ranks}
            for rank, flat in packed.items():
                for index, view in zip(bucket, shaped_pieces(flat, members), strict=True):
                    self._views[rank][index] = view
            self._packed.append(packed)

    def take(self, rank: int) -> None:
        """Keep what the backward pass of virtual rank `rank` left in the parameters."""
        check_complete(self._named, rank)
        with torch.no_grad():
            for parameter, view in zip(self._parameters, self._views[rank], strict=True):
                gradient = parameter.grad
                assert gradient is not None
                if gradient.device == view.device:
                    torch.mul(gradient, self._scale, out=view)
                else:
                    view.copy_(gradient * self._scale)

    def reduce(self) -> None:
        """Put the mean over all logical workers into the parameters' gradients."""
        assert self._layout is not None
        with torch.no_grad():
            for bucket, packed in zip(self._layout.buckets, self._packed, strict=True):
                members = [self._parameters[index] for index in bucket]
                means = shaped_pieces(self._transport.sum_bucket(packed), members)
                for member, mean in zip(members, means, strict=True):
                    assert member.grad is not None
                    member.grad.copy_(mean)


class GradientsAsTheyCome:
    """One sum per executor, then one all-reduce: the least memory and traffic, in no order that lasts.

    Args:
        named: The parameters that are trained, by name.
        executor: This process.
    """

    def __init__(self, named: Mapping[str, torch.nn.Parameter], executor: Executor) -> None:
        self._named = named
        self._executor = executor
        self._sum: list[torch.Tensor] = []

    def lay_out(self, layout: BucketLayout) -> None:
        """There are no buckets."""

    def take(self, rank: int) -> None:
        """Add what the backward pass left in the parameters."""
        check_complete(self._named, rank)
        gradients = [parameter.grad for parameter in self._named.values() if parameter.grad is not None]
        if not self._sum:
            self._sum = gradients
            return
        for total, gradient in zip(self._sum, gradients, strict=True):
            total += gradient

    def reduce(self) -> None:
        """Put the mean over all logical workers into the parameters' gradients."""
        for parameter, total in zip(self._named.values(), self._sum, strict=True):
            total /= self._executor.placement.workers
            if self._executor.group is not None:
                collectives.add_up(total, self._executor.group)
            parameter.grad = total
        self._sum = []


def check_complete(named: Mapping[str, torch.nn.Parameter], rank: int) -> None:
    """Refuse a backward pass that left out parameters, as DDP does.

    Raises:
        InputError: A parameter has no gradient, or a sparse one.
    """
    missing = [name for name, parameter in named.items() if parameter.grad is None]
    if missing:
        raise InputError(
            f"logical worker {rank}: no gradient for {', '.join(missing[:5])}{' and more' if missing[5:] else ''}; "
            "every mini-batch needs one backward pass through all parameters that require a gradient"
        )
    for name, parameter in named.items():
        if parameter.grad is not None and parameter.grad.layout is not torch.strided:
            raise InputError(
                f"parameter {name} has a sparse gradient: only dense ones can be added in DDP's order"
            )
