"""Add a bucket over all logical workers, wherever they are hosted.

Chunk k of a bucket is summed by executor k mod M. Executors send it the slices of the workers they host, the
owner adds in the order of virtual ranks, and sends the sum to all. No executor ever holds all workers'
gradients: for G bytes of gradients, one that hosts h of N workers sends h G (1 - 1/M) to owners and G (M - 1)/M
of sums, if M divides N. A partial sum per executor would be less to send, but adds in another association, and
so gives other bits. Where every executor hosts one worker, gloo's own all-reduce is that sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from elastance.elastic import collectives
from elastance.elastic.packing import pieces
from elastance.elastic.reduction import add_in_rank_order, chunk_bounds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch.distributed as dist

    from elastance.elastic.executor import Executor

_SMALL_BYTES = 4 * 1024 * 1024
"""Bytes of one bucket of all workers of an executor up to which it is summed in one round: fewer messages."""


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

    def sum_buckets(self, packed: Sequence[Mapping[int, torch.Tensor]]) -> None:
        """Sum the buckets of a gradient, into the memory of the first hosted worker.

        Args:
            packed: For each bucket the hosted workers' values by virtual rank, on the host, already multiplied by
                1 / N; overwritten, the first rank's with the sums over all logical workers.
        """
        group = self._executor.group
        if group is not None and max(self._executor.placement.hosted) == 1:
            totals = [next(iter(parts.values())) for parts in packed]
            for total in totals:
                sizes = self._sizes(_bounds(total, self._executor.placement.workers))
                self._count(total.element_size(), sizes, sizes[self._executor.index])
            collectives.add_up_all(totals, group)
            return
        for parts in packed:
            self._sum_bucket(parts, group)

    def _sum_bucket(self, parts: Mapping[int, torch.Tensor], group: dist.ProcessGroup | None) -> None:
        total = next(iter(parts.values()))
        bounds = _bounds(total, self._executor.placement.workers)
        if group is None:
            for chunk, piece in enumerate(bounds):
                total[piece] = add_in_rank_order(chunk, {rank: part[piece] for rank, part in parts.items()})
            return
        executors = self._executor.placement.executors
        # A round holds as much again as its chunks have with all workers: one chunk per executor if they are large.
        most = max(self._executor.placement.hosted)  # the same on all executors
        at_once = len(bounds) if total.nbytes * most <= _SMALL_BYTES else executors
        for begin in range(0, len(bounds), at_once):
            chunks = range(begin, min(begin + at_once, len(bounds)))
            self._sum_chunks(chunks, bounds, parts, total, group)

    def _sum_chunks(
        self,
        chunks: range,
        bounds: list[slice],
        parts: Mapping[int, torch.Tensor],
        total: torch.Tensor,
        group: dist.ProcessGroup,
    ) -> None:
        """Sum `chunks` of one bucket and write them into `total`, which may be a part: no later chunk lies there."""
        executors, mine = self._executor.placement.executors, self._executor.index
        owned = [[chunk for chunk in chunks if chunk % executors == owner] for owner in range(executors)]
        sizes = [sum(_length(bounds[chunk]) for chunk in some) for some in owned]
        hosted = self._executor.placement.hosted

        # 1. Slices to their owners: by owner, then by hosted rank, then by chunk.
        outgoing = torch.cat(
            [part[bounds[chunk]] for some in owned for part in parts.values() for chunk in some]
        )
        incoming = total.new_empty(sizes[mine] * sum(hosted))
        sent = [size * len(parts) for size in sizes]
        collectives.exchange(incoming, outgoing, [sizes[mine] * count for count in hosted], sent, group)
        del outgoing

        # 2. Executors host consecutive ranks, so what arrived lies in the order of virtual ranks.
        by_rank = incoming.view(sum(hosted), sizes[mine])
        begin = 0
        sums: list[torch.Tensor] = []
        for chunk in owned[mine]:
            end = begin + _length(bounds[chunk])
            sums.append(add_in_rank_order(chunk, {rank: row[begin:end] for rank, row in enumerate(by_rank)}))
            begin = end

        # 3. Sums to all.
        gathered = total.new_empty(sum(sizes))
        summed = torch.cat(sums * executors) if sums else total.new_empty(0)
        collectives.exchange(gathered, summed, sizes, [sizes[mine]] * executors, group)
        self._count(total.element_size(), sent, sizes[mine])
        places = [bounds[chunk] for some in owned for chunk in some]
        for piece, value in zip(places, pieces(gathered, [_length(piece) for piece in places]), strict=True):
            total[piece] = value

    def _sizes(self, bounds: list[slice]) -> list[int]:
        """Elements that each executor owns."""
        executors = self._executor.placement.executors
        return [sum(map(_length, bounds[owner::executors])) for owner in range(executors)]

    def _count(self, element_bytes: int, sent: list[int], owned: int) -> None:
        mine = self._executor.index
        self.traffic.slices_bytes += element_bytes * (sum(sent) - sent[mine])
        self.traffic.sums_bytes += element_bytes * owned * (len(sent) - 1)


def _bounds(bucket: torch.Tensor, workers: int) -> list[slice]:
    return chunk_bounds(bucket.numel(), bucket.element_size(), workers)


def _length(piece: slice) -> int:
    return piece.stop - piece.start
