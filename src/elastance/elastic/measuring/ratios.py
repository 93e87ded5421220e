"""Ratios of two trainings measured in turns, with what chance leaves open."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from elastance.elastic.measuring.blocks import Block


class Ratio(NamedTuple):
    """How two trainings compare.

    Attributes:
        mean: Mean over repeats; never clamped.
        median: Median over repeats, which one disturbed repeat does not move.
        half_width: Half width of the mean's 95 % interval (Student's t); infinite for a single repeat.
    """

    mean: float
    median: float
    half_width: float

    def decides(self, limit: float, room: float) -> bool:
        """Whether it can be told on which side of `limit` it is: the interval is on one, or no wider than `room`."""
        return self.half_width <= max(room, abs(self.mean - limit))


def averaged(ratios: Iterable[Ratio]) -> Ratio:
    """Return the average of ratios that were measured independently."""
    each = list(ratios)
    half_width = math.hypot(*(of.half_width for of in each)) / len(each)
    return Ratio(
        statistics.fmean(of.mean for of in each), statistics.fmean(of.median for of in each), half_width
    )


def ratio(blocks: Iterable[Block], of: str, to: str, quantity: Callable[[Block], float]) -> Ratio:
    """Compare the blocks named `of` with those named `to`, repeat by repeat."""
    values: dict[tuple[str, str, int], float] = {
        (block.name, block.model, block.repeat): quantity(block) for block in blocks
    }
    pairs = [
        value / values[to, model, repeat] for (name, model, repeat), value in values.items() if name == of
    ]
    return estimated(pairs)


def estimated(values: Sequence[float]) -> Ratio:
    """Return mean, median and the mean's 95 % interval."""
    count = len(values)
    half_width = math.inf
    if count > 1:
        from scipy.special import stdtrit  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

        half_width = float(stdtrit(count - 1, 0.975)) * statistics.stdev(values) / math.sqrt(count)
    return Ratio(statistics.fmean(values), statistics.median(values), half_width)
