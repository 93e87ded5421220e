"""Add a bucket over all logical workers, wherever they are hosted.

Chunk k of a bucket is summed by executor k mod M. Executors send it the slices of the workers they host, the
owner adds in the order of virtual ranks, and sends the sum to all. No executor ever holds all workers'
gradients: for G bytes of gradients, one that hosts h of N workers sends h G (1 - 1/M) to owners and G (M - 1)/M
of sums, if M divides N. A partial sum per executor would be less to send, but adds in another association, and
so gives other bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from elastance.elastic import collectives
from elastance.elastic.packing import pieces
from elastance.elastic.reduction import add_in_rank_order, chunk_bounds

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch.distributed as dist

    from elastance.elastic.executor import Executor


@dataclass
class Traffic:
    """Payload that this executor sent to others for gradients.

    Attributes:
        slices_bytes: Slices of hosted workers, to their owners.
        sums_bytes: Sums of owned chunks, to all.
    """

    slices_bytes: int = 0
    sums_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        """Both together."""
        return self.slices_bytes + self.sums_bytes


class Transport:
    """Sums buckets over all executors, in the order of virtual ranks.

    Attributes:
        traffic: What was sent since the beginning.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self.traffic = Traffic()

    def sum_bucket(self, parts: Mapping[int, torch.Tensor]) -> torch.Tensor:
        """Sum one bucket.

        Args:
            parts: The hosted workers' values by virtual rank, on the host, already multiplied by 1 / N;
                overwritten.

        Returns:
            The sum over all logical workers; it may lie in the memory of a part.
        """
        some = next(iter(parts.values()))
        bounds = chunk_bounds(some.numel(), some.element_size(), self._executor.placement.workers)
        if self._executor.group is None:
            total = parts[0]
            for chunk, piece in enumerate(bounds):
                total[piece] = add_in_rank_order(chunk, {rank: part[piece] for rank, part in parts.items()})
            return total
        return self._sum_over_executors(parts, bounds, some, self._executor.group)

    def _sum_over_executors(
        self,
        parts: Mapping[int, torch.Tensor],
        bounds: list[slice],
        some: torch.Tensor,
        group: dist.ProcessGroup,
    ) -> torch.Tensor:
        executors, mine = self._executor.placement.executors, self._executor.index
        owned = [bounds[owner::executors] for owner in range(executors)]
        sizes = [sum(map(_length, chunks)) for chunks in owned]
        hosted = self._executor.placement.hosted

        # 1. Slices to their owners: by owner, then by hosted rank, then by chunk.
        outgoing = torch.cat([part[piece] for chunks in owned for part in parts.values() for piece in chunks])
        incoming = some.new_empty(sizes[mine] * sum(hosted))
        sent = [size * len(parts) for size in sizes]
        collectives.exchange(incoming, outgoing, [sizes[mine] * count for count in hosted], sent, group)

        # 2. Executors host consecutive ranks, so what arrived lies in the order of virtual ranks.
        by_rank = incoming.view(sum(hosted), sizes[mine])
        begin = 0
        sums: list[torch.Tensor] = []
        for chunk, piece in zip(range(mine, len(bounds), executors), owned[mine], strict=True):
            end = begin + _length(piece)
            sums.append(add_in_rank_order(chunk, {rank: row[begin:end] for rank, row in enumerate(by_rank)}))
            begin = end

        # 3. Sums to all.
        gathered = some.new_empty(sum(sizes))
        collectives.exchange(gathered, torch.cat(sums * executors), sizes, [sizes[mine]] * executors, group)
        self._count(some.element_size(), sent, sizes[mine])
        total = torch.empty_like(some)
        places = [piece for chunks in owned for piece in chunks]
        for piece, value in zip(places, pieces(gathered, [_length(piece) for piece in places]), strict=True):
            total[piece] = value
        return total

    def _count(self, element_bytes: int, sent: list[int], owned: int) -> None:
        mine = self._executor.index
        self.traffic.slices_bytes += element_bytes * (sum(sent) - sent[mine])
        self.traffic.sums_bytes += element_bytes * owned * (len(sent) - 1)


def _length(piece: slice) -> int:
    return piece.stop - piece.start
