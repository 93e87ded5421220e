"""Time and energy of one GPU as a function of its share of a batch: between the measured points, never beyond them.

Through the points of each power limit goes a piecewise linear curve, made non-decreasing in the batch size (running
maximum). Below the smallest measured size the GPU is bound by overhead and takes as long as at that size. What is
above the largest size runs as micro-batches whose gradients are accumulated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Floats = NDArray[np.float64]
"""An array of floats."""


@dataclass(frozen=True, eq=False)
class Gpu:
    """One GPU to split a batch over; the same object stands for as many identical GPUs as it is listed.

    Attributes:
        name: What results call it.
        power_limits_w: Limits it was measured at, ascending, W; its MaxPower is the last one.
        batch_sizes: Per limit, the measured sizes, ascending, samples.
        times_s: Per limit, the measured times at those sizes, s.
        energies_j: Per limit, the measured energies, J.
        max_power_w: Its largest power limit, W.
        largest_measured: Largest batch size that was measured under every limit, samples.
        idle_power_w: What it draws while it waits for the others, W.
        micro_batch: Most samples it computes at once; None for any number, beyond the measured ones too.
    """

    name: str
    power_limits_w: tuple[int, ...]
    batch_sizes: tuple[Floats, ...]
    times_s: tuple[Floats, ...]
    energies_j: tuple[Floats, ...]
    max_power_w: int
    largest_measured: int
    idle_power_w: float = 0.0
    micro_batch: int | None = None

    @classmethod
    def of_points(
        cls,
        name: str,
        points: Iterable[tuple[int, int, float, float]],
        *,
        idle_power_w: float = 0.0,
        memory_cap: int | None = None,
        extrapolate: bool = False,
    ) -> Gpu:
        """Build the curves from points (batch size, power limit in W, time in s, energy in J), in any order.

        Args:
            name: What results call it.
            points: At least one.
            idle_power_w: What it draws while it waits, W.
            memory_cap: Most samples it holds at once; None if all that is known is that it held the measured sizes.
            extrapolate: Go on beyond the measured sizes along the last piece, where memory allows, not in
                micro-batches.

        Raises:
            InputError: There are no points, or a number is out of range.
        """
        by_limit: dict[int, list[tuple[int, float, float]]] = {}
        for size, limit, time_s, energy_j in points:
            by_limit.setdefault(limit, []).append((size, time_s, energy_j))
        if not by_limit:
            raise InputError(f"{name}: no measured point")
        if not idle_power_w >= 0.0:
            raise InputError(f"{name}: idle power {idle_power_w:g} W is negative; 0 or more is expected")
        if memory_cap is not None and memory_cap < 1:
            raise InputError(f"{name}: memory cap {memory_cap} holds no sample; 1 or more is expected")
        limits = sorted(by_limit)
        columns = [np.array(sorted(by_limit[limit]), dtype=np.float64).T for limit in limits]
        largest = int(min(column[0, -1] for column in columns))
        return cls(
            name,
            tuple(limits),
            tuple(column[0] for column in columns),
            tuple(column[1] for column in columns),
            tuple(column[2] for column in columns),
            limits[-1],
            largest,
            idle_power_w,
            memory_cap if extrapolate else min(memory_cap or largest, largest),
        )

    def at_limits(self, limits: Sequence[int]) -> Gpu:
        """Return the same GPU held to some of its power limits (W); MaxPower stays what it is."""
        kept = [index for index, limit in enumerate(self.power_limits_w) if limit in limits]
        return replace(
            self,
            power_limits_w=tuple(self.power_limits_w[index] for index in kept),
            batch_sizes=tuple(self.batch_sizes[index] for index in kept),
            times_s=tuple(self.times_s[index] for index in kept),
            energies_j=tuple(self.energies_j[index] for index in kept),
        )

    def table(self, shares: NDArray[np.int64], *, micro_batches: bool = True) -> tuple[Floats, Floats]:
        """Return time (s) and energy (J) under each limit for each share (samples), shape (limits, shares).

        A share of 0 takes nothing. Shares that would need micro-batches take infinitely long without them.
        """
        return (
            self._curves(self.times_s, shares, micro_batches),
            self._curves(self.energies_j, shares, micro_batches),
        )

    def parts(self, share: int) -> int:
        """Return in how many micro-batches a share is computed."""
        return int(share > 0) if self.micro_batch is None else -(-share // self.micro_batch)

    def extrapolated(self, share: int) -> bool:
        """Whether a share has a part larger than any that was measured."""
        return min(share, self.micro_batch or share) > self.largest_measured

    def _curves(self, measured: tuple[Floats, ...], shares: NDArray[np.int64], micro_batches: bool) -> Floats:
        rising = [np.maximum.accumulate(values) for values in measured]
        return np.array(
            [self._curve(x, y, shares, micro_batches) for x, y in zip(self.batch_sizes, rising, strict=True)]
        )

    def _curve(self, x: Floats, y: Floats, shares: NDArray[np.int64], micro_batches: bool) -> Floats:
        whole = self.micro_batch
        if whole is None:
            return np.where(shares > 0, _extended(x, y, shares), 0.0)
        full, rest = np.divmod(shares, whole)
        at_whole = float(_extended(x, y, np.array([whole]))[0])
        values = full * at_whole + np.where(rest > 0, _extended(x, y, rest), 0.0)
        return values if micro_batches else np.where(shares <= whole, values, np.inf)


def _extended(x: Floats, y: Floats, at: NDArray[np.int64]) -> Floats:
    """Interpolate; constant below the first point, along the last piece (or through the origin) above the last."""
    inside = np.interp(at, x, y)
    slope = (y[-1] - y[-2]) / (x[-1] - x[-2]) if len(x) > 1 else y[-1] / x[-1]
    return np.where(at > x[-1], y[-1] + slope * (at - x[-1]), inside)
