"""What power limits do to one job on one GPU type, as it was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class LimitResponse:
    """Draw and slowdown of a job on a GPU of one type.

    Attributes:
        limits_w: Power limits, W, descending; the first stands for no limit.
        drawn_w: What the GPU draws under each while it trains, W.
        slowdown: How many times as long as without a limit the work takes under each; never falls.
    """

    limits_w: tuple[float, ...]
    drawn_w: tuple[float, ...]
    slowdown: tuple[float, ...]

    @classmethod
    def of_recorded(cls, recorded: Mapping[float, tuple[float, float]]) -> LimitResponse:
        """Make one of time, s, and draw, W, by power limit, W; a lower limit that looks faster is taken for noise."""
        limits_w = tuple(sorted(recorded, reverse=True))
        first_s = recorded[limits_w[0]][0]
        return cls(
            limits_w,
            tuple(recorded[limit_w][1] for limit_w in limits_w),
            tuple(accumulate((recorded[limit_w][0] / first_s for limit_w in limits_w), max, initial=1.0))[1:],
        )
