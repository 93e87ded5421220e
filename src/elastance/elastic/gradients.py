"""The gradients of hosted logical workers, from a backward pass to the sum over all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch

from elastance.elastic import collectives
from elastance.elastic.buckets import BucketLayout
from elastance.elastic.packing import overwrite, shaped_pieces
from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch.distributed as dist

    from elastance.elastic.executor import Executor
    from elastance.elastic.host_copies import HostCopies
    from elastance.elastic.transport import Transport


class Gradients(Protocol):
    """Collects one gradient per logical worker and puts the mean into the parameters."""

    def lay_out(self, layout: BucketLayout) -> None:
        """Pack by `layout` from now on."""
        ...

    def clear(self) -> None:
        """Make the parameters ready for the backward passes of the next hosted worker."""
        ...

    def take(self, rank: int) -> None:
        """Keep what the backward passes of virtual rank `rank` left in the parameters.

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
        copies: Brings gradients to the host.
    """

    def __init__(
        self,
        named: Mapping[str, torch.nn.Parameter],
        executor: Executor,
        transport: Transport,
        copies: HostCopies,
    ) -> None:
        self._named = named
        self._parameters = list(named.values())
        self._transport = transport
        self._copies = copies
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
        self._packed = []  # the old ones go before the new ones are made
        self._views = {rank: list(self._parameters) for rank in self._ranks}
        for bucket in layout.buckets:
            members = [self._parameters[index] for index in bucket]
            elements = sum(member.numel() for member in members)
            packed = {rank: self._copies.empty(elements, members[0].dtype) for rank in self._ranks}
            for rank, flat in packed.items():
                for index, view in zip(bucket, shaped_pieces(flat, members), strict=True):
                    self._views[rank][index] = view
            self._packed.append(packed)

    def clear(self) -> None:
        """Drop the gradients that were taken."""
        for parameter in self._parameters:
            parameter.grad = None

    def take(self, rank: int) -> None:
        """Keep what the backward passes of virtual rank `rank` left in the parameters."""
        self._copies.copy(gradients_of(self._named, rank), self._scale, self._views[rank])

    def reduce(self) -> None:
        """Put the mean over all logical workers into the parameters' gradients."""
        assert self._layout is not None
        self._copies.wait()
        self._transport.sum_buckets(self._packed)  # into the first hosted worker's
        overwrite(gradients_of(self._named, self._ranks[-1]), self._views[self._ranks.start])


class GradientsAsTheyCome:
    """One sum per executor, made by autograd, then one all-reduce: the least memory, in no order that lasts.

    Args:
        named: The parameters that are trained, by name.
        executor: This process.
    """

    def __init__(self, named: Mapping[str, torch.nn.Parameter], executor: Executor) -> None:
        self._named = named
        self._executor = executor
        self._taken = 0

    def lay_out(self, layout: BucketLayout) -> None:
        """There are no buckets."""

    def clear(self) -> None:
        """Begin a sum with the first hosted worker; autograd adds the others to it."""
        if not self._taken:
            for parameter in self._named.values():
                parameter.grad = None

    def take(self, rank: int) -> None:
        """The gradients are part of the sum already."""
        gradients_of(self._named, rank)
        self._taken += 1

    def reduce(self) -> None:
        """Put the mean over all logical workers into the parameters' gradients."""
        totals = gradients_of(self._named, self._executor.ranks.start)
        for total in totals:
            total /= self._executor.placement.workers
        if self._executor.group is not None:
            for bucket in BucketLayout.rebuilt(totals, range(len(totals))).buckets:
                self._add_up([totals[index] for index in bucket], self._executor.group)
        self._taken = 0

    def _add_up(self, totals: Sequence[torch.Tensor], group: dist.ProcessGroup) -> None:
        flat = totals[0].new_empty(sum(total.numel() for total in totals))  # a message each would take longer
        places = shaped_pieces(flat, totals)
        overwrite(places, totals)
        collectives.add_up_all([flat], group)
        overwrite(totals, places)


def gradients_of(named: Mapping[str, torch.nn.Parameter], rank: int) -> list[torch.Tensor]:
    """Return all gradients, of virtual rank `rank`; refuse a backward pass that left out parameters, as DDP does.

    Raises:
        InputError: A parameter has no gradient, or a sparse one.
    """
    gradients = [parameter.grad for parameter in named.values()]
    found = [gradient for gradient in gradients if gradient is not None]
    if len(found) < len(gradients):
        missing = [name for name, gradient in zip(named, gradients, strict=True) if gradient is None]
        raise InputError(
            f"logical worker {rank}: no gradient for {', '.join(missing[:5])}{' and more' if missing[5:] else ''}; "
            "every mini-batch needs one backward pass through all parameters that require a gradient"
        )
    for name, gradient in zip(named, found, strict=True):
        if gradient.layout is not torch.strided:
            raise InputError(
                f"parameter {name} has a sparse gradient: only dense ones can be added in DDP's order"
            )
    return found
