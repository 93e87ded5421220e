"""The one way from polled power to energy: trapezoids between neighbouring samples.

Logs, the recorder, live views and meters without a counter all integrate here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Number = TypeVar("Number", float, NDArray[np.float64])


def trapezoid_j(seconds: Number, before_w: Number, after_w: Number) -> Number:
    """Return the energy between two neighbouring samples, J; element by element for arrays.

    Args:
        seconds: Time between the samples, s.
        before_w: Power at the earlier one, W.
        after_w: Power at the later one, W.
    """
    return seconds * (before_w + after_w) / 2


class PowerIntegral:
    """Energy of one device as its power samples come in.

    Attributes:
        energy_j: Energy between the first and the last sample, J.
        samples: How many there were.
        max_gap_s: Longest time between two neighbouring samples, s; the error grows with it.
        first_s, last_s: Time of the first and of the last sample on the caller's clock, s; None before the first.
        last_w: Power at the last sample, W; None before the first.
    """

    def __init__(self) -> None:
        self.energy_j = 0.0
        self.samples = 0
        self.max_gap_s = 0.0
        self.first_s: float | None = None
        self.last_s: float | None = None
        self.last_w: float | None = None

    def add(self, time_s: float, power_w: float) -> None:
        """Take in a sample: `power_w` W at `time_s` on a clock that does not run backwards."""
        if self.last_s is None or self.last_w is None:
            self.first_s = time_s
        else:
            gap_s = time_s - self.last_s
            self.energy_j += trapezoid_j(gap_s, self.last_w, power_w)
            self.max_gap_s = max(self.max_gap_s, gap_s)
        self.last_s, self.last_w = time_s, power_w
        self.samples += 1

    @property
    def time_s(self) -> float:
        """Time between the first and the last sample, s."""
        return 0.0 if self.first_s is None or self.last_s is None else self.last_s - self.first_s

    @property
    def mean_power_w(self) -> float | None:
        """Mean power between the first and the last sample, W; None while there is no time between them."""
        return self.energy_j / self.time_s if self.time_s > 0 else None
