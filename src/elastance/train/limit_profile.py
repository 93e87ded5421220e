"""What was measured under each power limit, and which limits are tried."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

from elastance.errors import InputError

_ROUNDING_W = 1e-6


class LimitWindow(NamedTuple):
    """One measured window of steps under one power limit.

    Attributes:
        power_limit_w: Limit of each GPU, W.
        energy_j: Energy of the window, all GPUs of all ranks together, J.
        time_s: Duration of the window, the longest of all ranks, s.
    """

    power_limit_w: float
    energy_j: float
    time_s: float


@dataclass(frozen=True)
class LimitProfile:
    """Windows of equally many steps, one per power limit.

    Attributes:
        windows: The windows, from the highest limit to the lowest.
        max_power_w: Largest limit of all GPUs of all ranks together, W.
        steps: Steps in each window.

    Raises:
        InputError: No window, limits that do not fall, or a number that is not positive.
    """

    windows: tuple[LimitWindow, ...]
    max_power_w: float
    steps: int

    def __post_init__(self) -> None:
        if not self.windows:
            raise InputError("a power-limit profile needs at least one window")
        numbers = [number for window in self.windows for number in window]
        if not all(0.0 < number < math.inf for number in (*numbers, self.max_power_w, self.steps)):
            raise InputError(
                f"power-limit profile {self.windows}, {self.max_power_w} W in all, {self.steps} steps: expected"
                " positive numbers only"
            )
        limits_w = [window.power_limit_w for window in self.windows]
        if any(low >= high for high, low in itertools.pairwise(limits_w)):
            raise InputError(f"limits {limits_w} W of a power-limit profile: expected them from high to low")

    def at(self, power_limit_w: float) -> LimitWindow:
        """Return the window under a limit (W): measured, or on the straight line between its neighbours.

        Outside the measured limits the nearest is returned.
        """
        above = self.windows[0]
        for window in self.windows:
            if window.power_limit_w <= power_limit_w:
                if window is above or above.power_limit_w <= power_limit_w:
                    return window
                share = (power_limit_w - window.power_limit_w) / (above.power_limit_w - window.power_limit_w)
                return LimitWindow(
                    power_limit_w,
                    window.energy_j + share * (above.energy_j - window.energy_j),
                    window.time_s + share * (above.time_s - window.time_s),
                )
            above = window
        return above


def limit_grid(min_w: float, max_w: float, step_w: float = 25.0) -> tuple[float, ...]:
    """Return the limits to try: down from the maximum in equal steps, never below the minimum, which is the last.

    Args:
        min_w: Lowest limit a GPU accepts, W.
        max_w: Highest, W.
        step_w: Distance of two limits, W; the last may be shorter.

    Raises:
        InputError: The range is empty or the step not positive.
    """
    if not 0.0 < min_w <= max_w < math.inf:
        raise InputError(f"power limits from {min_w:g} to {max_w:g} W: expected a range above 0")
    if not 0.0 < step_w < math.inf:
        raise InputError(f"power-limit step {step_w:g} W: expected a positive number")
    count = math.floor((max_w - min_w) / step_w + _ROUNDING_W)
    grid = [max(min_w, max_w - step_w * index) for index in range(count + 1)]
    if grid[-1] - min_w > _ROUNDING_W:
        grid.append(min_w)
    return tuple(grid)


def whole_limits(min_w: float, max_w: float, step_w: float = 25.0) -> tuple[int, ...]:
    """Return the limits of `limit_grid` in whole watts, from high to low, none outside of the range.

    Args:
        min_w: Lowest limit a GPU accepts, W.
        max_w: Highest, W.
        step_w: Distance of two limits, W.

    Raises:
        InputError: The range is empty or the step not positive.
    """
    grid = (int(limit_w) for limit_w in limit_grid(min_w, max_w, step_w))
    return tuple(dict.fromkeys(limit_w if limit_w >= min_w else limit_w + 1 for limit_w in grid))
